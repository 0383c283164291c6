#include "cli/settings.h"

#include <string.h>

enum {
    LEAST_TOKEN = 16, /* bytes: guessing is hopeless, also where nobody counts the guesses */
    SPARE_DESCRIPTORS = 128, /* listeners, logs, spooled bodies, source files */
    PER_WORKER = 8,          /* its loop, its inbox, its listener */
    PROBES = 2               /* connections that ask a server how it is, where there are replicas */
};

/* The primary and its replicas, perhaps more than there are. */
static uint64_t count_servers(const char *replicas) {
    uint64_t count = 1 + (*replicas != '\0');
    for (; *replicas != '\0'; replicas++)
        count += *replicas == ' ';
    return count;
}

void rl_settings_fit(rl_settings *s, const rl_settings_from *from) {
    if (s->workers == 0)
        s->workers = from->cores > 0 ? from->cores : 1;
    if (s->db_shared == 0)
        s->db_shared = s->workers == 1 ? 2 : 1;
    s->max_connections_asked = s->max_connections;
    if (from->descriptor_limit == 0)
        return;
    uint64_t probes = *s->db_replicas == '\0' ? 0 : PROBES;
    uint64_t connections =
        (s->db_exclusive + s->db_shared * s->workers + probes) * count_servers(s->db_replicas);
    uint64_t reserve = SPARE_DESCRIPTORS + connections * 2 + s->workers * PER_WORKER;
    uint64_t most = from->descriptor_limit > 2 * reserve ? from->descriptor_limit - reserve
                                                         : from->descriptor_limit / 2;
    if (s->max_connections > most)
        s->max_connections = most;
}

rl_err rl_settings_agree(const rl_settings *s, rl_buf *complaints) {
    if (s->admin[0] == '\0' || strlen(s->admin_token) >= LEAST_TOKEN)
        return RL_OK;
    rl_err err = rl_buf_appendf(complaints, "admin is set, so admin_token has to be: at least %d bytes that nobody guesses, "
                                "such as `openssl rand -hex 32` prints\n", LEAST_TOKEN);
    return err == RL_OK ? RL_EINVAL : err;
}
