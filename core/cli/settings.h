/* settings -- every number and name an operator may choose, in one table.
 *
 *   defaults  <  config/ENV.lua  <  environment  <  flags
 *                max_body = "8M"    RILLE_MAX_BODY  --max-body
 *
 * A setting has one name everywhere; later layers win. The table in settings.c
 * holds each one's type, default, bounds and help line, and everything else
 * (parsing, --help, `rille check`) is driven by it. Durations are numbers of
 * seconds or "250ms" "5s" "5m" "2h"; sizes are numbers of bytes or "8K" "64M" "1G".
 * Settings are read once and never change: a worker may read them without a lock.
 *
 * What else the file holds may be settings of the app's own. Only the app knows
 * them, so they are kept as they are (rl_settings_rest) and handed to Lua;
 * lua/rille/config.lua refuses what the app did not declare. */
#ifndef RL_CLI_SETTINGS_H
#define RL_CLI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "vm/config.h"

/* Where a value came from. */
typedef enum rl_layer { RL_LAYER_DEFAULT, RL_LAYER_FILE, RL_LAYER_ENVIRONMENT, RL_LAYER_FLAG } rl_layer;

typedef struct rl_settings {
    /* The process. Texts are never NULL; an unset one is "". */
    const char *host;
    const char *trusted_proxies; /* "10.0.0.0/8, 127.0.0.1"; "": none */
    const char *allowed_hosts;   /* "shop.test, 192.168.1.7"; "": none */
    bool expose;
    const char *admin;       /* "127.0.0.1:9090"; "": nowhere */
    const char *admin_token;
    uint64_t port;
    uint64_t workers; /* never 0 here: 0 was replaced by the number of cores */
    const char *env;
    const char *user; /* who the server process is; "": who started it */
    bool supervise;
    bool access_log;
    bool timeline; /* keep a journal of requests, as development always does */
    rl_log_level log_level;

    /* What one request may be. Sizes in bytes. */
    size_t max_request_line;
    size_t max_headers;
    uint64_t max_header_count;
    size_t max_body;
    size_t max_body_memory; /* a body beyond it is spooled to a file */
    size_t body_memory;     /* all bodies of the process together */
    size_t body_spool;      /* all spooled bodies of the process together */
    size_t max_json;

    /* How long things may take. */
    uint64_t header_timeout_ms;
    uint64_t body_timeout_ms; /* without progress */
    size_t body_min_rate;     /* bytes a second */
    uint64_t write_timeout_ms; /* without progress */
    uint64_t keepalive_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t stop_delay_ms;
    uint64_t drain_timeout_ms;
    uint64_t load_timeout_ms;
    uint64_t hang_timeout_ms; /* 0: never */
    uint64_t half_close_grace_ms;

    /* How many at once. */
    uint64_t max_connections;       /* of the process, below the descriptor limit */
    uint64_t max_connections_asked; /* before that limit was applied */
    uint64_t max_requests;          /* of one worker */
    uint64_t pipeline;              /* live requests of one connection */
    size_t vm_memory;               /* of one VM */

    /* The database. */
    const char *database_url;
    const char *db_migrations;
    uint64_t db_exclusive; /* of the process */
    uint64_t db_shared;    /* of a worker; never 0 here */
    uint64_t db_depth;
    uint64_t db_min_idle;
    uint64_t db_connect_timeout_ms;
    uint64_t db_acquire_timeout_ms;
    uint64_t db_max_waiters;
    uint64_t db_query_timeout_ms;
    uint64_t db_cancel_grace_ms;
    uint64_t db_idle_timeout_ms;
    uint64_t db_max_lifetime_ms;
    uint64_t db_leak_after_ms; /* 0: never */
    uint64_t db_statements; /* prepared ones kept on a connection */
    uint64_t db_max_result; /* bytes of one statement's answer */
    const char *db_replicas; /* URLs; "": none */
    uint64_t db_max_lag_ms;
    bool db_prepared;       /* false: a pooler lends a session for one transaction */
} rl_settings;

/* What the layers above the defaults are read from. */
typedef struct rl_settings_from {
    const char *app_dir;            /* holds config/ENV.lua, if there is one; NULL: no file is read */
    const char *const *environment; /* "NAME=value"s up to a NULL, as `environ`; NULL: none */
    const char *const *flags;       /* "--max-body=8M", or "--max-body" and "8M", or "--no-access-log" */
    size_t flag_count;
    uint64_t cores;            /* what `workers = 0` means */
    uint64_t descriptor_limit; /* bounds max_connections; 0: no bound */
    bool goes_on; /* past wrong values: the layer below holds, and rl_settings_problems tells of them */
} rl_settings_from;

/* Reads and checks all layers. RL_EINVAL for wrong input: then `complaints`
 * holds one line for each mistake, naming the setting, its source, its value
 * and what was expected; a secret's value is never repeated. RL_ENOMEM without
 * memory. RL_OK may leave warnings in `complaints`: unknown RILLE_ names in the
 * environment are no more than that. What `from` points to need live only for
 * the call. */
RL_MUST_USE rl_err rl_settings_load(const rl_settings_from *from, rl_buf *complaints, rl_settings **out);
/* For that: numbers that depend on the machine. */
void rl_settings_fit(rl_settings *settings, const rl_settings_from *from);
/* For that: what is wrong with two of them together, a line each. */
RL_MUST_USE rl_err rl_settings_agree(const rl_settings *settings, rl_buf *complaints);
/* NULL is allowed. */
void rl_settings_free(rl_settings *settings);

/* How many of `args` (`count` > 0) belong to the setting's flag that args[0]
 * is: 2 when its value follows, 1 when not, also for an unknown "--flag", which
 * rl_settings_load will complain of. 0 when args[0] is no flag at all. */
size_t rl_settings_flag_len(const char *const *args, size_t count);

/* Any other env is run as production is. */
bool rl_settings_is_development(const rl_settings *settings);

/* The layer that set `name`, and the place there: "config/production.lua:3",
 * "RILLE_MAX_BODY", "--max-body" ("" for a default). RL_ENOTFOUND when there is
 * no such setting. */
RL_MUST_USE rl_err rl_settings_origin(const rl_settings *settings, const char *name, rl_layer *layer,
                                      const char **place);

/* One setting as `rille check` prints it. */
typedef struct rl_settings_row {
    const char *name;
    const char *shown; /* its value as it was written; a secret's is masked */
    const char *place; /* "default", "config/production.lua:3", "RILLE_MAX_BODY", "--max-body" */
} rl_settings_row;
/* The setting of row `index` of the table (setting.h). */
rl_settings_row rl_settings_read_row(const rl_settings *settings, size_t index);

/* The values of the file that are no settings of Rille's, in the file's order;
 * NULL when there are none. */
const rl_config_pair *rl_settings_rest(const rl_settings *settings, size_t *count);
/* The path of config/ENV.lua, whether it exists or not; "" without an app. */
const char *rl_settings_file(const rl_settings *settings);
/* What is wrong, and what may be, a line each; "" when nothing is. */
const char *rl_settings_problems(const rl_settings *settings);
const char *rl_settings_warnings(const rl_settings *settings);

#endif
