/* upgrade -- the supervisor becomes another binary, and stays the same process. */
#ifndef RL_CLI_UPGRADE_H
#define RL_CLI_UPGRADE_H

#include "cli/command.h"
#include "cli/heritage.h"

/* Run the file that this program was started from, as it is now, with the same arguments, in our
 * place. It must belong to root or to us, and nobody else may write to it; and as a trial it must
 * be able to check the app. Returns only when it could not be: `why` says why. */
void rl_upgrade(const rl_command *command, const rl_heritage *heritage, char *why, size_t why_cap);

#endif
