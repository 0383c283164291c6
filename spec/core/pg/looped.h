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
    bool is_out = turn_out(loop);
    return stop_server(state) == 0 && is_out ? 0 : -1;
}

/* False also when the server could not be asked. */
static inline bool server_runs(const char *pattern, bool any) {
    char sql[256], count[16];
    snprintf(sql, sizeof sql,
             "select count(*) from pg_stat_activity where state = 'active' and query like '%s' and pid <> "
             "pg_backend_pid()",
             pattern);
    return cluster_run(&server, sql, count, sizeof count) == 0 && (strcmp(count, "0") != 0) == any;
}

/* Whether the server runs no statement like the pattern now. */
static inline bool is_gone_from_server(void *arg) {
    return server_runs(arg, false);
}

static inline bool is_on_server(void *arg) {
    return server_runs(arg, true);
}

static inline void turn_until_server(bool (*happened)(void *arg), const char *pattern) {
    turn_looking_until(loop, happened, (void *)(uintptr_t)pattern);
}

#endif
