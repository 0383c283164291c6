/* edition -- what one generation of an app is made from: the text of its files, and
 * its settings, read once for all workers. Never changed, but that it may become outdated;
 * freed with its last reference. */
#ifndef RL_CLI_EDITION_H
#define RL_CLI_EDITION_H

#include <stdatomic.h>

#include "cli/command.h"
#include "vm/sources.h"

typedef struct rl_edition {
    _Atomic unsigned references;
    uint64_t number; /* of the generation, from 1 */
    const rl_settings *settings;
    rl_settings *own_settings; /* those, unless they are the command's */
    rl_sources *sources;
    _Atomic bool is_outdated; /* nobody waits for it any more: what loads it is to fail soon */
} rl_edition;

/* Reads the app's files, and its settings again but for the first. RL_EINVAL when something is wrong
 * with the settings, RL_EFULL or RL_EIO with the files: `why` then says what, for people. One
 * reference is the caller's. */
RL_MUST_USE rl_err rl_edition_read(const rl_command *command, uint64_t number, rl_buf *why, rl_edition **out);
rl_edition *rl_edition_share(rl_edition *edition);
/* Gives one reference back. NULL is allowed. */
void rl_edition_drop(rl_edition *edition);

#endif
