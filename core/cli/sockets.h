/* sockets -- what a server listens on: handed over by the service manager, or bound to the settings' address. */
#ifndef RL_CLI_SOCKETS_H
#define RL_CLI_SOCKETS_H

#include "cli/settings.h"

/* A socket for each of `count` workers, their port, and in `*control` where `rille status` asks, which stays as it was
 * when that is nowhere. False when there is nothing to listen on; what is wrong goes to standard error. */
bool rl_sockets_open(const rl_settings *settings, int *fds, size_t count, uint16_t *port, int *control);

#endif
