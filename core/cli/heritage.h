/* heritage -- what a supervisor leaves to the binary that takes its place, in one
 * variable of the environment.
 *
 *     RILLE_HERITAGE="port=8080 admin=6 control=5 process=4711 link=7 restarts=0 sockets=3,4"
 */
#ifndef RL_CLI_HERITAGE_H
#define RL_CLI_HERITAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RL_HERITAGE_SOCKETS = 256 };

typedef struct rl_heritage {
    int fds[RL_HERITAGE_SOCKETS];
    size_t count;
    uint16_t port;
    int admin;   /* the admin listener's socket; -1 without */
    int control; /* -1 without */
    pid_t pid;   /* that serves on them */
    int link;    /* to it */
    unsigned restarts;
} rl_heritage;

/* Leave it to the program that exec starts next. False when it cannot be said. */
bool rl_heritage_leave(const rl_heritage *heritage);
/* Take it out of the environment; false when nobody left any. */
bool rl_heritage_take(rl_heritage *out);

#endif
