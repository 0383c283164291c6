#include "cli/setting.h"

#include <ctype.h>
#include <stdio.h>

#define K UINT64_C(1024)
#define M (1024 * K)
#define G (1024 * M)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define FIELD(name) offsetof(rl_settings, name)
#define TEXT(name, fallback, help) {#name, RL_SETTING_TEXT, FIELD(name), fallback, 0, 0, help, false}
#define LIST(name, help, is_secret) {#name, RL_SETTING_LIST, FIELD(name), "", 0, 0, help, is_secret}
#define NUMBER(name, fallback, least, most, help)                                                            \
    {#name, RL_SETTING_INTEGER, FIELD(name), fallback, least, most, help, false}
#define SIZE(name, fallback, least, most, help)                                                              \
    {#name, RL_SETTING_SIZE, FIELD(name), fallback, least, most, help, false}
#define TIME(name, fallback, least, most, help)                                                              \
    {#name, RL_SETTING_DURATION, FIELD(name##_ms), fallback, least, most, help, false}

const rl_setting rl_setting_table[] = {
    TEXT(host, "127.0.0.1", "address to listen on"),
    LIST(trusted_proxies, "addresses and networks whose forwarding headers count", false),
    LIST(allowed_hosts, "names `rille dev` is asked by, beside localhost", false),
    {"expose", RL_SETTING_BOOL, FIELD(expose), "false", 0, 0, "`rille dev` for other machines, by any name", false},
    TEXT(admin, "", "HOST:PORT of the dashboard in production"),
    {"admin_token", RL_SETTING_TEXT, FIELD(admin_token), "", 0, 0, "what must be known there", true},
    NUMBER(port, "8080", 0, 65535, "port to listen on; 0 takes a free one"),
    NUMBER(workers, "0", 0, 1024, "threads that serve; 0 is one a core"),
    {"env", RL_SETTING_WORD, FIELD(env), "development", 0, 0, "which config/ENV.lua holds", false},
    TEXT(user, "", "who the server process becomes; started by root"),
    {"supervise", RL_SETTING_BOOL, FIELD(supervise), "true", 0, 0, "replace the process when it fails", false},
    {"access_log", RL_SETTING_BOOL, FIELD(access_log), "true", 0, 0, "a line a request", false},
    {"timeline", RL_SETTING_BOOL, FIELD(timeline), "false", 0, 0, "keep what requests do, as in development", false},
    {"log_level", RL_SETTING_LEVEL, FIELD(log_level), "info", 0, 0, "the least level that is logged", false},

    SIZE(max_request_line, "8K", 256, M, "longest request line"),
    SIZE(max_headers, "32K", K, 4 * M, "all header fields of a request"),
    NUMBER(max_header_count, "100", 8, 10000, "how many header fields"),
    SIZE(max_body, "8M", 0, 1024 * G, "longest request body"),
    SIZE(max_body_memory, "1M", 0, G, "a longer body is spooled to a file"),
    SIZE(body_memory, "256M", M, 1024 * G, "all bodies in memory, of the process"),
    SIZE(body_spool, "4G", 0, 1024 * G, "all spooled bodies of the process; 0 is no bound"),
    SIZE(max_json, "1M", 0, G, "longest JSON text that is decoded"),

    TIME(header_timeout, "10s", 1, DAY, "for a request's head to arrive"),
    TIME(body_timeout, "30s", 1, DAY, "for a body that makes no progress"),
    SIZE(body_min_rate, "256", 0, G, "slowest body, bytes a second"),
    TIME(write_timeout, "30s", 1, DAY, "for an answer that makes no progress"),
    TIME(keepalive_timeout, "75s", 1, DAY, "for the next request of a connection"),
    TIME(request_timeout, "60s", 1, DAY, "for a handler to answer"),
    TIME(stop_delay, "0s", 0, HOUR, "accept that long after readiness went false"),
    TIME(drain_timeout, "30s", 0, DAY, "for requests and background tasks to end at a stop"),
    TIME(load_timeout, "30s", 1, DAY, "for an app to load, and to be reloaded"),
    TIME(hang_timeout, "30s", 0, DAY, "then a process with a stuck worker is replaced; 0: never"),
    TIME(half_close_grace, "1s", 0, HOUR, "for answers to a client that closed its side"),

    NUMBER(max_connections, "100000", 1, 10000000, "of the process; its descriptors may allow fewer"),
    NUMBER(max_requests, "10000", 1, 10000000, "in flight in a worker; beyond it 503"),
    NUMBER(pipeline, "64", 1, 1024, "live requests of one connection"),
    SIZE(vm_memory, "1G", 16 * M, 64 * G, "Lua memory of a worker"),

    {"database_url", RL_SETTING_TEXT, FIELD(database_url), "", 0, 0, "also DATABASE_URL", true},
    NUMBER(db_exclusive, "8", 1, 10000, "connections of the process that are lent"),
    NUMBER(db_shared, "0", 0, 64, "pipelined ones of a worker; 0 is 2 if alone, else 1"),
    NUMBER(db_depth, "32", 1, 1024, "statements at once on a pipelined one"),
    NUMBER(db_min_idle, "2", 0, 10000, "lent ones kept open when nobody asks"),
    TIME(db_connect_timeout, "5s", 1, HOUR, "to connect to the database"),
    TIME(db_acquire_timeout, "3s", 1, HOUR, "to wait for a free connection"),
    NUMBER(db_max_waiters, "1024", 1, 10000000, "requests that wait for one"),
    TIME(db_query_timeout, "30s", 1, DAY, "for a statement to answer"),
    TIME(db_cancel_grace, "2s", 1, HOUR, "for a cancelled statement to end"),
    TIME(db_idle_timeout, "10m", 1, DAY, "an idle connection is closed after it"),
    TIME(db_max_lifetime, "30m", SECOND, 30 * DAY, "any connection is replaced after it"),
    TIME(db_leak_after, "60s", 0, DAY, "a loan longer than it is logged; 0: none"),
    NUMBER(db_statements, "256", 0, 100000, "prepared statements of a connection"),
    SIZE(db_max_result, "64M", 64 * K, 64 * G, "one statement's answer; larger ones by db:each"),
    LIST(db_replicas, "URLs of servers that follow it, for reads", true),
    TIME(db_max_lag, "5s", 100, DAY, "a replica further behind is not read"),
    TEXT(db_migrations, "migrations", "folder of those it must have had"),
    {"db_prepared", RL_SETTING_BOOL, FIELD(db_prepared), "true", 0, 0, "false: for PgBouncer in transaction mode",
     false},
};
const size_t rl_setting_count = sizeof rl_setting_table / sizeof *rl_setting_table;

/* ---- names ---------------------------------------------------------------- */

static char folded(char ch) {
    return ch == '-' ? '_' : rl_ascii_lower(ch);
}

const rl_setting *rl_setting_find(rl_slice name) {
    for (const rl_setting *at = rl_setting_table; at < rl_setting_table + rl_setting_count; at++) {
        size_t i = 0;
        while (i < name.len && at->name[i] != '\0' && folded(name.ptr[i]) == at->name[i])
            i++;
        if (i == name.len && at->name[i] == '\0')
            return at;
    }
    return NULL;
}

const rl_setting *rl_setting_nearest(rl_slice name) {
    size_t least = rl_slip_limit(name);
    const rl_setting *nearest = NULL;
    for (const rl_setting *at = rl_setting_table; least > 0 && at < rl_setting_table + rl_setting_count; at++) {
        size_t far = rl_slip_distance(name, at->name);
        if (far < least) {
            least = far;
            nearest = at;
        }
    }
    return nearest;
}

void rl_setting_variable(const rl_setting *setting, char out[RL_SETTING_NAME_MOST + 8]) {
    memcpy(out, "RILLE_", 6);
    size_t i = 0;
    for (; setting->name[i] != '\0'; i++)
        out[6 + i] = (char)toupper((unsigned char)setting->name[i]);
    out[6 + i] = '\0';
}

void rl_setting_flag(const rl_setting *setting, char out[RL_SETTING_NAME_MOST + 8]) {
    memcpy(out, "--", 2);
    size_t i = 0;
    for (; setting->name[i] != '\0'; i++)
        out[2 + i] = setting->name[i] == '_' ? '-' : setting->name[i];
    out[2 + i] = '\0';
}

/* ---- values --------------------------------------------------------------- */

/* The digits at *text, which moves past them; false when there are none or
 * they count too far. */
static bool take_digits(const char **text, uint64_t *out) {
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    if (at == *text)
        return false;
    *text = at;
    *out = value;
    return true;
}

static bool parse_size(const char *text, uint64_t *bytes) {
    static const char units[] = "KMGT";
    if (!take_digits(&text, bytes))
        return false;
    const char *unit = *text == '\0' ? NULL : strchr(units, toupper((unsigned char)*text));
    if (unit == NULL)
        return *text == '\0';
    return text[1] == '\0' && !__builtin_mul_overflow(*bytes, K << 10 * (unit - units), bytes);
}

static const struct {
    const char *name;
    uint64_t ms;
} time_units[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}};
enum { TIME_UNITS = sizeof time_units / sizeof *time_units };

/* 0 when there is no such unit. */
static uint64_t unit_ms(const char *name) {
    for (size_t i = 0; i < TIME_UNITS; i++)
        if (strcmp(name, time_units[i].name) == 0)
            return time_units[i].ms;
    return *name == '\0' ? SECOND : 0;
}

static bool parse_duration(const char *text, uint64_t *ms) {
    uint64_t whole, part = 0, scale = 1;
    if (!take_digits(&text, &whole))
        return false;
    if (*text == '.') {
        if (text[1] < '0' || text[1] > '9')
            return false;
        for (text++; *text >= '0' && *text <= '9'; text++) {
            if (scale == 1000000) /* finer than a millisecond of a quarter of an hour */
                continue;
            part = part * 10 + (uint64_t)(*text - '0');
            scale *= 10;
        }
    }
    uint64_t unit = unit_ms(text);
    return unit > 0 && !__builtin_mul_overflow(whole, unit, ms) &&
           !__builtin_add_overflow(*ms, part * unit / scale, ms);
}

static bool parse_integer(const char *text, uint64_t *number) {
    return take_digits(&text, number) && *text == '\0';
}

static bool parse_bool(const char *text, bool *out) {
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (rl_slice_ieq(rl_slice_str(text), rl_slice_str(words[i]))) {
            *out = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool is_word(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return *text != '\0' && text[strspn(text, letters)] == '\0';
}

static rl_err parse_number(const rl_setting *setting, const char *text, void *field) {
    uint64_t number;
    bool is_number = setting->type == RL_SETTING_SIZE       ? parse_size(text, &number)
                     : setting->type == RL_SETTING_DURATION ? parse_duration(text, &number)
                                                            : parse_integer(text, &number);
    if (!is_number || number < setting->least || number > setting->most)
        return RL_EINVAL;
    if (setting->type == RL_SETTING_SIZE)
        *(size_t *)field = (size_t)number;
    else
        *(uint64_t *)field = number;
    return RL_OK;
}

rl_err rl_setting_parse(const rl_setting *setting, const char *text, rl_settings *into) {
    void *field = (char *)into + setting->offset;
    switch (setting->type) {
    case RL_SETTING_WORD:
        if (!is_word(text))
            return RL_EINVAL;
        /* fall through */
    case RL_SETTING_LIST:
    case RL_SETTING_TEXT: *(const char **)field = text; return RL_OK;
    case RL_SETTING_LEVEL: return rl_log_level_parse(rl_slice_str(text), field);
    case RL_SETTING_BOOL: return parse_bool(text, field) ? RL_OK : RL_EINVAL;
    default: return parse_number(setting, text, field);
    }
}

/* ---- words about values ---------------------------------------------------- */

static void name_size(uint64_t bytes, char out[32]) {
    static const char units[] = "KMGT";
    unsigned power = 0;
    while (power < 4 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        power++;
    }
    snprintf(out, 32, "%llu%.1s", (unsigned long long)bytes, power == 0 ? "" : units + power - 1);
}

static void name_duration(uint64_t ms, char out[32]) {
    size_t i = 0;
    while (ms % time_units[i].ms != 0)
        i++;
    snprintf(out, 32, "%llu%s", (unsigned long long)(ms / time_units[i].ms), time_units[i].name);
}

rl_err rl_setting_expect(const rl_setting *setting, rl_buf *out) {
    char least[32], most[32];
    switch (setting->type) {
    case RL_SETTING_TEXT: return rl_buf_appendf(out, "a text");
    case RL_SETTING_LIST: return rl_buf_appendf(out, "a list, as a text with spaces between");
    case RL_SETTING_WORD: return rl_buf_appendf(out, "a word of letters, digits, - and _");
    case RL_SETTING_LEVEL: return rl_buf_appendf(out, "debug, info, warn or error");
    case RL_SETTING_BOOL: return rl_buf_appendf(out, "true or false");
    case RL_SETTING_INTEGER:
        return rl_buf_appendf(out, "a whole number from %llu to %llu", (unsigned long long)setting->least,
                              (unsigned long long)setting->most);
    case RL_SETTING_SIZE:
        name_size(setting->least, least);
        name_size(setting->most, most);
        return rl_buf_appendf(out, "a size from %s to %s, such as 65536, \"64K\" or \"8M\"", least, most);
    case RL_SETTING_DURATION:
        name_duration(setting->least, least);
        name_duration(setting->most, most);
        return rl_buf_appendf(out, "a duration from %s to %s, such as 1.5 (seconds), \"250ms\" or \"5m\"",
                              setting->least == 0 ? "0s" : least, most);
    }
    return RL_OK;
}

static const char *placeholder(const rl_setting *setting) {
    switch (setting->type) {
    case RL_SETTING_SIZE: return "SIZE";
    case RL_SETTING_DURATION: return "TIME";
    case RL_SETTING_INTEGER: return "N";
    case RL_SETTING_LEVEL: return "LEVEL";
    case RL_SETTING_BOOL: return "";
    default: return "TEXT";
    }
}

rl_err rl_setting_help(rl_buf *out) {
    for (const rl_setting *at = rl_setting_table; at < rl_setting_table + rl_setting_count; at++) {
        char name[RL_SETTING_NAME_MOST + 8], usage[RL_SETTING_NAME_MOST + 24];
        rl_setting_flag(at, name);
        snprintf(usage, sizeof usage, "%s %s", name, placeholder(at));
        rl_err err = rl_buf_appendf(out, "  %-28s %s%s%s%s\n", usage, at->help,
                                    at->fallback[0] == '\0' ? "" : " (", at->fallback,
                                    at->fallback[0] == '\0' ? "" : ")");
        if (err != RL_OK)
            return err;
    }
    return RL_OK;
}
