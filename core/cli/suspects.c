#include "cli/suspects.h"

#include <stdio.h>

#include "http/request_id.h"

static unsigned count_of(const rl_suspects *suspects, const char *route, uint64_t now_ms) {
    unsigned count = 0;
    for (size_t i = 0; i < suspects->count; i++)
        count += strcmp(suspects->list[i].route, route) == 0 &&
                 now_ms - suspects->list[i].at_ms < (uint64_t)RL_SUSPECTS_AGE_S * 1000;
    return count;
}

unsigned rl_suspects_note(rl_suspects *suspects, const char *route, uint64_t now_ms) {
    if (suspects->count == RL_SUSPECTS_MOST) {
        memmove(suspects->list, suspects->list + 1, (RL_SUSPECTS_MOST - 1) * sizeof *suspects->list);
        suspects->count--;
    }
    suspects->list[suspects->count].at_ms = now_ms;
    snprintf(suspects->list[suspects->count++].route, RL_BULLETIN_NAME, "%s", route);
    return count_of(suspects, route, now_ms);
}

void rl_suspects_tell(const rl_bulletin_row *row, rl_log *log, const char *message) {
    char id[RL_REQUEST_ID_MOST];
    const rl_log_field fields[] = {rl_log_str("route", rl_slice_str(row->name)),
                                   rl_log_str("request_id", rl_request_id_pinned(row, id))};
    rl_log_write(log, RL_LOG_ERROR, message, fields, fields[1].as.str.len == 0 ? 1 : 2);
}

void rl_suspects_ban(const rl_suspects *suspects, rl_bulletin *bulletin, uint64_t now_ms) {
    for (size_t i = 0; i < suspects->count && bulletin->banned_count < RL_BULLETIN_BANNED; i++) {
        const char *route = suspects->list[i].route;
        if (count_of(suspects, route, now_ms) >= RL_SUSPECTS_TO_BAN && !rl_bulletin_bans(bulletin, route))
            memcpy(bulletin->banned[bulletin->banned_count++], route, RL_BULLETIN_NAME);
    }
}
