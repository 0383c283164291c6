/* log -- lines that leave the process without making their writer wait.
 *
 *   any thread --format--> [ filling half ] <--swap--> [ half being written ] --> fd
 *                            full: drop, count            one thread of its own
 *
 * A slow or stalled reader of the log costs lines, never requests: what does
 * not fit in the bounded buffer is dropped, and the next line written says how
 * many were. Texts come from strangers, so control bytes, direction overrides
 * and invalid UTF-8 are escaped in both formats: nobody can forge a line.
 * Except open and close, every call may come from any thread, and a NULL log
 * is allowed and writes nothing. */
#ifndef RL_BASE_LOG_H
#define RL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_log rl_log;

typedef enum rl_log_level { RL_LOG_DEBUG, RL_LOG_INFO, RL_LOG_WARN, RL_LOG_ERROR } rl_log_level;

typedef enum rl_log_format {
    RL_LOG_READABLE, /* for a person: aligned, in colours on a terminal */
    RL_LOG_JSON      /* for a machine: one object a line, the fields beside time, level and msg */
} rl_log_format;

enum { RL_LOG_LINE_MOST = 16384 /* bytes; a longer line is cut, and stays well-formed */ };

typedef enum rl_log_type { RL_LOG_STR, RL_LOG_TEXT, RL_LOG_INT, RL_LOG_MS, RL_LOG_BOOL } rl_log_type;

/* A fact beside the message. Borrowed: it need live only for the call. */
typedef struct rl_log_field {
    rl_slice key;
    rl_log_type type;
    union {
        rl_slice str;
        int64_t integer;
        double ms;
        bool boolean;
    } as;
} rl_log_field;

static inline rl_log_field rl_log_str(const char *key, rl_slice str) {
    return (rl_log_field){rl_slice_str(key), RL_LOG_STR, {.str = str}};
}

/* Text of several lines, a traceback say: in the readable format it stands
 * below its line, each of its own lines behind a bar. */
static inline rl_log_field rl_log_text(const char *key, rl_slice text) {
    return (rl_log_field){rl_slice_str(key), RL_LOG_TEXT, {.str = text}};
}

static inline rl_log_field rl_log_int(const char *key, int64_t integer) {
    return (rl_log_field){rl_slice_str(key), RL_LOG_INT, {.integer = integer}};
}

/* Milliseconds, written with three digits behind the point. */
static inline rl_log_field rl_log_ms(const char *key, double ms) {
    return (rl_log_field){rl_slice_str(key), RL_LOG_MS, {.ms = ms}};
}

static inline rl_log_field rl_log_bool(const char *key, bool boolean) {
    return (rl_log_field){rl_slice_str(key), RL_LOG_BOOL, {.boolean = boolean}};
}

/* Starts the writing thread. `fd` stays the caller's and must outlive the log.
 * RL_ENOMEM without memory, RL_EIO when no thread could be had. */
RL_MUST_USE rl_err rl_log_open(int fd, rl_log_format format, rl_log_level least, rl_log **out);
/* Writes what is queued and frees the log; waits for a stalled reader for one
 * second at most, then gives those lines up. No other thread may use the log. */
void rl_log_close(rl_log *log);

/* Keep the last lines from now on, for rl_log_copy_tail. RL_ENOMEM: none are. */
RL_MUST_USE rl_err rl_log_keep_tail(rl_log *log);
/* Those lines, as JSON whatever the format, the oldest first; whole ones, RL_TAIL_MOST bytes at most. Returns how many
 * bytes these are. */
size_t rl_log_copy_tail(rl_log *log, char *out);

/* Whether lines of `level` are written: ask before gathering costly fields. */
bool rl_log_wants(const rl_log *log, rl_log_level level);
/* One line. `fields` may be NULL when `count` is 0. */
void rl_log_write(rl_log *log, rl_log_level level, const char *msg, const rl_log_field *fields,
                  size_t count);
/* A line of a message alone, formatted as printf does. */
void rl_log_printf(rl_log *log, rl_log_level level, const char *fmt, ...) RL_PRINTF(3, 4);
/* The bytes of such a line, for who must not wait for the log's thread, because the process ends; how many. */
size_t rl_log_line(const rl_log *log, rl_log_level level, const char *msg, char out[RL_LOG_LINE_MOST]);
/* How many lines were dropped since the log was opened. */
uint64_t rl_log_dropped(rl_log *log);

/* "debug", "info", "warn" or "error". */
const char *rl_log_level_name(rl_log_level level);
/* RL_EINVAL for any other word. */
RL_MUST_USE rl_err rl_log_level_parse(rl_slice word, rl_log_level *out);

#endif
