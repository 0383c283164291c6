#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/record.h"
#include "base/mem.h"
#include "base/tail.h"

enum {
    HALF_CAP = 512 * 1024, /* two of them: 1 MB holds some 5,000 access lines */
    LINGER_MS = 5,         /* the writer gathers lines: a busy server must not wake it for each */
    CLOSE_MS = 1000,       /* a stalled reader holds up the end of the process that long at most */
    STALL_MS = 100,        /* a wait for the reader looks that often whether it still matters */
    PRINTF_MOST = 4096
};

typedef struct half {
    char *bytes;
    size_t len, lines;
} half;

struct rl_log {
    int fd;
    rl_log_format format;
    rl_log_level least;
    bool coloured;
    int32_t utc_offset_s;
    pthread_t writer;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t to_writer, to_closer;
    half filling, draining; /* the writer reads `draining` without the lock: only it swaps them */
    uint64_t dropped, unreported;
    bool urgent, closing, finished;
    rl_tail *tail; /* NULL: none is kept */
    atomic_bool abandoned; /* close gave up waiting: the writer frees the log */
    char bytes[2][HALF_CAP];
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

const char *rl_log_level_name(rl_log_level level) {
    return level_names[level];
}

rl_err rl_log_level_parse(rl_slice word, rl_log_level *out) {
    for (int level = RL_LOG_DEBUG; level <= RL_LOG_ERROR; level++) {
        if (rl_slice_eq(word, rl_slice_str(level_names[level]))) {
            *out = (rl_log_level)level;
            return RL_OK;
        }
    }
    return RL_EINVAL;
}

static struct timespec monotonic_in(long delay_ms) {
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_nsec += delay_ms % 1000 * 1000000;
    when.tv_sec += delay_ms / 1000 + when.tv_nsec / 1000000000;
    when.tv_nsec %= 1000000000;
    return when;
}

/* ---- the writing thread --------------------------------------------------- */

static bool write_all(rl_log *log, const char *bytes, size_t len) {
    while (len > 0) {
        if (atomic_load(&log->abandoned))
            return false;
        ssize_t wrote = write(log->fd, bytes, len);
        if (wrote >= 0) {
            bytes += wrote;
            len -= (size_t)wrote;
        } else if (errno == EAGAIN) {
            struct pollfd reader = {.fd = log->fd, .events = POLLOUT};
            poll(&reader, 1, STALL_MS);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static int64_t unix_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static size_t write_line(const rl_log *log, rl_log_format format, rl_log_level level, const char *msg,
                         const rl_log_field *fields, size_t count, char out[RL_LOG_LINE_MOST]) {
    rl_record record = {
        .format = format,
        .coloured = log->coloured,
        .utc_offset_s = log->utc_offset_s,
        .unix_ms = unix_now_ms(),
        .level = level,
        .msg = msg,
        .fields = fields,
        .count = count,
    };
    return rl_record_write(&record, out);
}

static bool report_dropped(rl_log *log, uint64_t count) {
    char msg[48], line[RL_LOG_LINE_MOST];
    snprintf(msg, sizeof msg, "dropped %llu line%s", (unsigned long long)count, count == 1 ? "" : "s");
    return write_all(log, line, write_line(log, log->format, RL_LOG_WARN, msg, NULL, 0, line));
}

/* With the lock held, also at its return. Waits for lines, then a little for
 * more of them; false when there will be none. */
static bool wait_for_lines(rl_log *log) {
    while (log->filling.len == 0 && !log->closing)
        pthread_cond_wait(&log->to_writer, &log->lock);
    struct timespec until = monotonic_in(LINGER_MS);
    while (!log->urgent && !log->closing)
        if (pthread_cond_timedwait(&log->to_writer, &log->lock, &until) == ETIMEDOUT)
            break;
    return log->filling.len > 0;
}

/* With the lock held, which it leaves while it writes. */
static void drain(rl_log *log) {
    half full = log->filling;
    log->filling = (half){.bytes = log->draining.bytes};
    log->draining = full;
    log->urgent = false;
    uint64_t unreported = log->unreported;
    log->unreported = 0;
    pthread_mutex_unlock(&log->lock);
    bool wrote = write_all(log, full.bytes, full.len);
    bool reported = unreported == 0 || (wrote && report_dropped(log, unreported));
    pthread_mutex_lock(&log->lock);
    if (!wrote)
        log->dropped += full.lines;
    /* A descriptor that refuses (a full disk) may recover: the count goes out
     * with the next lines then. */
    if (!wrote || !reported)
        log->unreported += unreported + (wrote ? 0 : full.lines);
}

static void destroy(rl_log *log) {
    pthread_cond_destroy(&log->to_writer);
    pthread_cond_destroy(&log->to_closer);
    pthread_mutex_destroy(&log->lock);
    rl_mem_free(log->tail);
    rl_mem_free(log);
}

static void *run_writer(void *arg) {
    rl_log *log = arg;
    pthread_mutex_lock(&log->lock);
    while (wait_for_lines(log))
        drain(log);
    log->finished = true;
    bool abandoned = atomic_load(&log->abandoned);
    pthread_cond_signal(&log->to_closer);
    pthread_mutex_unlock(&log->lock);
    if (abandoned)
        destroy(log);
    return NULL;
}

/* ---- the callers' side ---------------------------------------------------- */

static int32_t local_utc_offset_s(void) {
    time_t now = time(NULL);
    struct tm local;
    return localtime_r(&now, &local) == NULL ? 0 : (int32_t)local.tm_gmtoff;
}

static int start_writer(rl_log *log) {
    /* Signals are for the thread that serves; the writer inherits none. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&log->writer, NULL, run_writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

rl_err rl_log_open(int fd, rl_log_format format, rl_log_level least, rl_log **out) {
    rl_log *log = rl_mem_alloc(sizeof *log);
    if (log == NULL)
        return RL_ENOMEM;
    /* Without the bytes: the kernel hands their pages out as they are used. */
    memset(log, 0, offsetof(rl_log, bytes));
    log->fd = fd;
    log->format = format;
    log->least = least;
    log->coloured = format == RL_LOG_READABLE && isatty(fd);
    log->utc_offset_s = local_utc_offset_s();
    log->filling.bytes = log->bytes[0];
    log->draining.bytes = log->bytes[1];
    atomic_init(&log->abandoned, false);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->to_writer, &monotonic);
    pthread_cond_init(&log->to_closer, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_writer(log) != 0) {
        destroy(log);
        return RL_EIO;
    }
    *out = log;
    return RL_OK;
}

void rl_log_close(rl_log *log) {
    if (log == NULL)
        return;
    struct timespec until = monotonic_in(CLOSE_MS);
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    pthread_cond_signal(&log->to_writer);
    while (!log->finished)
        if (pthread_cond_timedwait(&log->to_closer, &log->lock, &until) == ETIMEDOUT)
            break;
    bool finished = log->finished;
    pthread_t writer = log->writer;
    atomic_store(&log->abandoned, !finished);
    pthread_mutex_unlock(&log->lock);
    if (!finished) {
        pthread_detach(writer);
        return;
    }
    pthread_join(writer, NULL);
    destroy(log);
}

bool rl_log_wants(const rl_log *log, rl_log_level level) {
    return log != NULL && level >= log->least;
}

/* With the lock held: whether the writer should be woken for what was added. */
static bool queue_line(rl_log *log, rl_log_level level, const char *line, size_t len) {
    half *to = &log->filling;
    if (HALF_CAP - to->len < len) {
        log->dropped++;
        log->unreported++;
        return false;
    }
    bool was_empty = to->len == 0;
    bool was_urgent = log->urgent;
    memcpy(to->bytes + to->len, line, len);
    to->len += len;
    to->lines++;
    /* Half a half is left for the lines that come before the writer is there. */
    log->urgent |= level >= RL_LOG_WARN || to->len > HALF_CAP / 2;
    return was_empty || (log->urgent && !was_urgent);
}

void rl_log_write(rl_log *log, rl_log_level level, const char *msg, const rl_log_field *fields,
                  size_t count) {
    if (!rl_log_wants(log, level))
        return;
    char line[RL_LOG_LINE_MOST];
    size_t len = write_line(log, log->format, level, msg, fields, count, line);
    pthread_mutex_lock(&log->lock);
    bool wake = queue_line(log, level, line, len);
    bool has_tail = log->tail != NULL;
    pthread_mutex_unlock(&log->lock);
    if (wake)
        pthread_cond_signal(&log->to_writer);
    if (!has_tail)
        return;
    len = write_line(log, RL_LOG_JSON, level, msg, fields, count, line);
    pthread_mutex_lock(&log->lock);
    rl_tail_add(log->tail, line, len);
    pthread_mutex_unlock(&log->lock);
}

size_t rl_log_line(const rl_log *log, rl_log_level level, const char *msg, char out[RL_LOG_LINE_MOST]) {
    return write_line(log, log->format, level, msg, NULL, 0, out);
}

void rl_log_printf(rl_log *log, rl_log_level level, const char *fmt, ...) {
    if (!rl_log_wants(log, level))
        return;
    char msg[PRINTF_MOST];
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    rl_log_write(log, level, msg, NULL, 0);
}

rl_err rl_log_keep_tail(rl_log *log) {
    rl_tail *tail = rl_mem_zalloc(1, sizeof *tail);
    if (tail == NULL)
        return RL_ENOMEM;
    pthread_mutex_lock(&log->lock);
    log->tail = tail;
    pthread_mutex_unlock(&log->lock);
    return RL_OK;
}

size_t rl_log_copy_tail(rl_log *log, char *out) {
    if (log == NULL)
        return 0;
    pthread_mutex_lock(&log->lock);
    size_t len = log->tail == NULL ? 0 : rl_tail_copy(log->tail, out);
    pthread_mutex_unlock(&log->lock);
    return len;
}

uint64_t rl_log_dropped(rl_log *log) {
    if (log == NULL)
        return 0;
    pthread_mutex_lock(&log->lock);
    uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}
