/* process -- one server process: its workers, and the order in which they start and stop.
 *
 *    supervisor --'r' reload, 's' stop, the end: stop, 'h' another process runs, too, 'a' none does any more,
 *                 'u' an upgrade has failed, so go on--> process
 *    supervisor <--'R' it serves, 'H' a worker hangs, 'F' the app could not begin-- process
 *
 * It binds nothing: sockets come from whoever starts it, and outlive it there. */
#ifndef RL_CLI_PROCESS_H
#define RL_CLI_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bulletin.h"
#include "cli/command.h"

enum { RL_SAY_RELOAD = 'r', RL_SAY_STOP = 's', RL_SAY_SHARE = 'h', RL_SAY_ALONE = 'a', RL_SAY_NOT_UPGRADED = 'u',
       RL_SAY_SERVES = 'R', RL_SAY_HANGS = 'H', RL_SAY_FAILS = 'F' };

typedef struct rl_inheritance {
    const int *fds; /* bound sockets, one a worker; the process's own from here on */
    size_t count;
    uint16_t port;
    int admin;             /* a bound socket, the process's own; -1 without */
    int control;           /* where `rille status` asks, borrowed; -1 without */
    int link;              /* to the supervisor, borrowed; -1 without one */
    rl_bulletin *bulletin; /* borrowed; NULL without a supervisor */
    bool is_first;         /* it tells people where it listens */
    unsigned restarts;     /* unplanned, of processes before it */
} rl_inheritance;

/* Serve until a signal or the supervisor says stop. Returns the exit status. */
int rl_process_run(const rl_command *command, const rl_inheritance *from);

#endif
