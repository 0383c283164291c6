/* looped -- the cluster of pg/cluster.h and a loop, for all tests of a program:
 *
 *     cmocka_run_group_tests(tests, start_looped, stop_looped) */
#ifndef RL_SPEC_PG_LOOPED_H
#define RL_SPEC_PG_LOOPED_H

#include "loop/loop.h"
#include "pg/cluster.h"
#include "pg/turn.h" /* has parameters of the name of what follows: it comes first */

static rl_loop *loop;

static inline int start_looped(void **state) {
    return start_server(state) == 0 && rl_loop_new(&loop) == RL_OK ? 0 : -1;
}

static inline int stop_looped(void **state) {
    rl_loop_free(loop);
    return stop_server(state);
}

#endif
