/* inquiry -- a command asks the server that the settings name how it does. */
#ifndef RL_CLI_INQUIRY_H
#define RL_CLI_INQUIRY_H

#include <cjson/cJSON.h>

#include "cli/command.h"

enum { RL_INQUIRY_MOST = 1024 * 1024 /* bytes of an account */ };

/* The account of the server on the settings' host and port (cli/account.h), for cJSON_Delete. NULL
 * when there is none to be had: stderr was told why, in the name of the command. `text`, which may be NULL, gets
 * it as it came. */
cJSON *rl_inquire(const rl_command *command, rl_buf *text);

/* The same without a word when there is none. */
cJSON *rl_inquire_quietly(const rl_command *command);

double rl_inquiry_number(const cJSON *in, const char *name);
/* "" when there is none. */
const char *rl_inquiry_text(const cJSON *in, const char *name);

#endif
