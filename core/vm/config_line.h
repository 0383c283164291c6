/* config_line -- on which line of a configuration a name seems to be set.
 *
 *     return {            -- braces around it: 0
 *       port = 80,        -- 1
 *       wechat = {
 *         port = 443,     -- 2: found only from `wechat` on
 *       },
 *     }
 *
 * A guess, since a Lua table does not know its lines: the first `name =` or
 * `["name"] =` outside of comments and strings with the fewest braces around it.
 * It serves messages only. */
#ifndef RL_VM_CONFIG_LINE_H
#define RL_VM_CONFIG_LINE_H

#include <stdbool.h>

#include "base/slice.h"

typedef struct rl_config_line {
    unsigned line;   /* 0: none was found */
    size_t at;       /* the name's first byte */
    unsigned braces; /* open ones around it */
} rl_config_line;

/* `parent` is where the table that holds `name` seems to be set, or NULL for
 * the outermost one. A name that is not found in its parent is where that is. */
rl_config_line rl_config_line_find(rl_slice text, const rl_config_line *parent, rl_slice name);

#endif
