/* record -- one line of the log, from its facts to its bytes.
 *
 *   {"time":"2026-01-02T03:04:05.678Z","level":"info","msg":"request","status":200,"ms":0.412}
 *   03:04:05.678 info  request                  status=200 ms=0.412
 *
 * Nothing here knows of files, threads or clocks; log.c does. */
#ifndef RL_BASE_RECORD_H
#define RL_BASE_RECORD_H

#include "base/log.h"

typedef struct rl_record {
    rl_log_format format;
    bool coloured;        /* readable format only */
    int32_t utc_offset_s; /* of the readable clock; JSON is always in UTC */
    int64_t unix_ms;      /* 1970 or later */
    rl_log_level level;
    const char *msg;
    const rl_log_field *fields;
    size_t count;
} rl_record;

/* Writes the line with its newline at `out`, RL_LOG_LINE_MOST bytes at most,
 * and returns its length. What does not fit is left out and the line says so. */
size_t rl_record_write(const rl_record *record, char out[RL_LOG_LINE_MOST]);

#endif
