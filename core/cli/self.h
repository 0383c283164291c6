/* self -- where our own binary is. */
#ifndef RL_CLI_SELF_H
#define RL_CLI_SELF_H

#include <stdbool.h>
#include <stddef.h>

/* The path that we were started from; when its file was replaced meanwhile, that of the new one. False: errno says. */
bool rl_self_path(char *out, size_t cap);

#endif
