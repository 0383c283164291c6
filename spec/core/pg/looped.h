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

/* What a test that failed has left on the loop would keep it from ending. */
static inline int stop_looped(void **state) {
    enum { MOST_TURNS = 1000 };
    int turns = 0;
    while (turns < MOST_TURNS && rl_loop_turn(loop, false))
        turns++;
    if (turns < MOST_TURNS)
        rl_loop_free(loop);
    else
        fprintf(stderr, "something opened on the loop was not closed\n");
    return stop_server(state) == 0 && turns < MOST_TURNS ? 0 : -1;
}

/* Whether the server runs no statement like the pattern now. */
static inline bool is_gone_from_server(void *arg) {
    char sql[256], count[16];
    snprintf(sql, sizeof sql,
             "select count(*) from pg_stat_activity where state = 'active' and query like '%s' and pid <> "
             "pg_backend_pid()",
             (const char *)arg);
    assert_int_equal(cluster_run(&server, sql, count, sizeof count), 0);
    return strcmp(count, "0") == 0;
}

static inline bool is_on_server(void *arg) {
    return !is_gone_from_server(arg);
}

static inline void turn_until_server(bool (*happened)(void *arg), const char *pattern) {
    turn_looking_until(loop, happened, (void *)(uintptr_t)pattern);
}

#endif
