/* activation -- listening sockets that the service manager has opened, and hands over: systemd's socket activation
 * (sd_listen_fds(3)), where connections wait for a server that has not begun yet.
 *
 *     LISTEN_PID=4711 LISTEN_FDS=2 LISTEN_FDNAMES=http:other      descriptors 3 and 4
 */
#ifndef RL_CLI_ACTIVATION_H
#define RL_CLI_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Take them out of the environment: one for each of `count` workers, who share them when they are fewer. Where
 * some are called "http" only those are taken. `*port` is the first one's. RL_ENOTFOUND when none are handed to this
 * process; RL_EINVAL for one that is no listening TCP socket, or more than there are workers: `message` says it. */
RL_MUST_USE rl_err rl_activation_take(int *fds, size_t count, uint16_t *port, char *message, size_t message_cap);

#endif
