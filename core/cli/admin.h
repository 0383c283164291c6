/* admin -- the address at which whoever runs the server looks at it: `admin = "127.0.0.1:9090"`. */
#ifndef RL_CLI_ADMIN_H
#define RL_CLI_ADMIN_H

#include <stdbool.h>

#include "cli/settings.h"

/* Bind its socket; *fd is -1 where the settings have none. False when it cannot be, which was told. */
bool rl_admin_bind(const rl_settings *settings, int *fd);

#endif
