/* flag -- an argument of the command line that sets something.
 *
 *     --port 80   --port=80   --access-log   --no-access-log */
#ifndef RL_CLI_FLAG_H
#define RL_CLI_FLAG_H

#include "cli/setting.h"

/* All of it is borrowed from the arguments. */
typedef struct rl_flag {
    rl_slice name;             /* without the dashes in front */
    const rl_setting *setting; /* NULL: there is none of that name */
    const char *value;         /* NULL when it is missing */
    size_t len;                /* arguments it takes, 1 or 2 */
} rl_flag;

/* Reads the flag that args[0] is, which begins with "--"; `count` > 0. */
rl_flag rl_flag_read(const char *const *args, size_t count);

#endif
