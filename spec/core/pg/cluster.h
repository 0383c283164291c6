/* cluster -- a real PostgreSQL for a test program, and a plain connection to it.
 *
 *     cmocka_run_group_tests(tests, start_server, stop_server)
 *
 * gives all tests of the program the cluster `server`. */
#ifndef RL_SPEC_PG_CLUSTER_H
#define RL_SPEC_PG_CLUSTER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLUSTER_SCRIPT "spec/core/pg/cluster.sh"

typedef struct cluster {
    char dir[128], url[256];
    PGconn *admin; /* for what the tested code must not do itself */
} cluster;

/* Run a command of the script that makes a cluster, and connect to that. */
static inline int cluster_make(cluster *self, const char *command) {
    FILE *script = popen(command, "r");
    if (script == NULL)
        return -1;
    char *line = fgets(self->dir, sizeof self->dir, script);
    if (pclose(script) != 0 || line == NULL)
        return -1;
    self->dir[strcspn(self->dir, "\n")] = '\0';
    snprintf(self->url, sizeof self->url, "host=%s user=rille dbname=postgres", self->dir);
    self->admin = PQconnectdb(self->url);
    return PQstatus(self->admin) == CONNECTION_OK ? 0 : -1;
}

static inline int cluster_start(cluster *self) {
    return cluster_make(self, CLUSTER_SCRIPT " start");
}

/* One that follows `primary`, and is open for reads. */
static inline int cluster_follow(cluster *self, const cluster *primary) {
    char command[256];
    snprintf(command, sizeof command, CLUSTER_SCRIPT " replica %s", primary->dir);
    return cluster_make(self, command);
}

/* "kill", as a crash does, or "begin": it serves again then. */
static inline int cluster_do(cluster *self, const char *what) {
    char command[256];
    snprintf(command, sizeof command, CLUSTER_SCRIPT " %s %s", what, self->dir);
    if (system(command) != 0)
        return -1;
    if (strcmp(what, "begin") == 0)
        PQreset(self->admin);
    return 0;
}

/* It listens on 127.0.0.1 too then, with TLS, at the port that is returned; 0 when it does not. The ports that are
 * tried are below those that the kernel gives to connections: it would give away one that was free a moment ago. */
static inline uint16_t cluster_begin_tls(cluster *self) {
    enum { TRIES = 10, FIRST_PORT = 20000, PORTS = 12000, STRIDE = 1201 };
    for (int i = 0; i < TRIES; i++) {
        int port = FIRST_PORT + (getpid() + i * STRIDE) % PORTS;
        char command[256];
        snprintf(command, sizeof command, CLUSTER_SCRIPT " tls %s %d", self->dir, port);
        if (system(command) != 0)
            continue;
        PQreset(self->admin);
        return (uint16_t)port;
    }
    return 0;
}

static inline void cluster_stop(cluster *self) {
    PQfinish(self->admin);
    char command[256];
    snprintf(command, sizeof command, CLUSTER_SCRIPT " stop %s", self->dir);
    if (system(command) != 0)
        fprintf(stderr, "cluster.sh could not stop %s\n", self->dir);
}

static cluster server; /* while the group's tests run */

static inline int start_server(void **state) {
    (void)state;
    return cluster_start(&server);
}

static inline int stop_server(void **state) {
    (void)state;
    cluster_stop(&server);
    return 0;
}

/* `how` is "fast" or "immediate". Returns when the server serves again. */
static inline int cluster_restart(cluster *self, const char *how) {
    char command[256];
    snprintf(command, sizeof command, CLUSTER_SCRIPT " restart %s %s", self->dir, how);
    if (system(command) != 0)
        return -1;
    PQreset(self->admin);
    return PQstatus(self->admin) == CONNECTION_OK ? 0 : -1;
}

/* Run SQL as the administrator; the first cell of the answer goes to `out`. */
static inline int cluster_run(cluster *self, const char *sql, char *out, size_t cap) {
    PGresult *result = PQexec(self->admin, sql);
    int status =
        PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : -1;
    if (status != 0)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(self->admin));
    if (out != NULL)
        snprintf(out, cap, "%s",
                 PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return status;
}

/* Wait until some session is in pg_sleep, so that a cancel finds it there: the
 * server may begin long after it was sent a statement, and ignores cancels until
 * then. Bounded; -1 when none came. */
static inline int cluster_await_sleep(cluster *self) {
    const char *sql = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    char count[16] = "0";
    for (time_t until = time(NULL) + 60; strcmp(count, "0") == 0 && time(NULL) < until;)
        if (cluster_run(self, sql, count, sizeof count) != 0)
            return -1;
    return strcmp(count, "0") == 0 ? -1 : 0;
}

#endif
