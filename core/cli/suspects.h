/* suspects -- the routes that ran when a server process crashed or hung, and those of
 * them that have done so too often: three times within ten minutes. */
#ifndef RL_CLI_SUSPECTS_H
#define RL_CLI_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bulletin.h"
#include "base/log.h"

enum { RL_SUSPECTS_MOST = 64, RL_SUSPECTS_TO_BAN = 3, RL_SUSPECTS_AGE_S = 600 };

/* All zero at first. The oldest is forgotten for a newer one. */
typedef struct rl_suspects {
    struct {
        uint64_t at_ms;
        char route[RL_BULLETIN_NAME];
    } list[RL_SUSPECTS_MOST];
    size_t count;
} rl_suspects;

/* Returns how often that was it of late, this time included. */
unsigned rl_suspects_note(rl_suspects *suspects, const char *route, uint64_t now_ms);
/* Write an error to the log with what is pinned up in `row`: the route, and which request. */
void rl_suspects_tell(const rl_bulletin_row *row, rl_log *log, const char *message);
/* Write those that must not run on a new process's bulletin. */
void rl_suspects_ban(const rl_suspects *suspects, rl_bulletin *bulletin, uint64_t now_ms);

#endif
