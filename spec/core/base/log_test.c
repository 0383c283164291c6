#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tail.h"
#include "mem.h"

/* A file in memory, where a log never stalls. */
static int open_memory(void) {
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* All that was written to it, NUL-terminated; the caller frees. Closes it. */
static char *take_text(int fd) {
    off_t len = lseek(fd, 0, SEEK_END);
    assert_true(len >= 0);
    char *text = malloc((size_t)len + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)len, 0), len);
    text[len] = '\0';
    close(fd);
    return text;
}

/* Not by strstr: the address sanitizer's one measures the whole rest of the text at every call. */
static size_t count_of(const char *text, const char *word) {
    size_t count = 0, len = strlen(word);
    for (const char *at = text; *at != '\0'; at++)
        count += *at == *word && strncmp(at, word, len) == 0;
    return count;
}

static void closing_writes_what_is_queued_in_order(void **state) {
    (void)state;
    int fd = open_memory();
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    for (int i = 0; i < 1000; i++) {
        rl_log_field field = rl_log_int("n", i);
        rl_log_write(log, RL_LOG_INFO, "line", &field, 1);
    }
    rl_log_close(log);
    char *text = take_text(fd), want[32];
    const char *at = text;
    for (int i = 0; i < 1000; i++) {
        snprintf(want, sizeof want, "\"n\":%d}\n", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    assert_int_equal(count_of(text, "\n"), 1000);
    free(text);
}

static void lines_below_the_least_level_are_not_written(void **state) {
    (void)state;
    int fd = open_memory();
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_READABLE, RL_LOG_WARN, &log), RL_OK);
    assert_false(rl_log_wants(log, RL_LOG_INFO));
    assert_true(rl_log_wants(log, RL_LOG_WARN));
    rl_log_printf(log, RL_LOG_INFO, "quiet %d", 1);
    rl_log_write(log, RL_LOG_DEBUG, "quiet", NULL, 0);
    rl_log_printf(log, RL_LOG_ERROR, "loud %d", 2);
    rl_log_close(log);
    char *text = take_text(fd);
    assert_null(strstr(text, "quiet"));
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "error loud 2\n"));
    free(text);
}

static void no_log_at_all_is_allowed(void **state) {
    (void)state;
    assert_false(rl_log_wants(NULL, RL_LOG_ERROR));
    rl_log_write(NULL, RL_LOG_ERROR, "nobody hears", NULL, 0);
    rl_log_printf(NULL, RL_LOG_ERROR, "nobody %s", "hears");
    assert_int_equal(rl_log_dropped(NULL), 0);
    rl_log_close(NULL);
}

enum { WRITERS = 4, LINES_EACH = 5000 };

static void *write_many(void *arg) {
    for (int i = 0; i < LINES_EACH; i++)
        rl_log_printf(arg, i % 100 == 0 ? RL_LOG_WARN : RL_LOG_INFO, "line %d", i);
    return NULL;
}

/* Every line arrives whole, or is counted as dropped. */
static void many_threads_write_without_mixing_lines(void **state) {
    (void)state;
    int fd = open_memory();
    rl_log *log;
    pthread_t writers[WRITERS];
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_many, log), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    uint64_t dropped = rl_log_dropped(log);
    rl_log_close(log);
    char *text = take_text(fd);
    assert_int_equal(count_of(text, "\"msg\":\"line ") + dropped, WRITERS * LINES_EACH);
    assert_int_equal(count_of(text, "{\"time\":\"20"), count_of(text, "\"}\n"));
    free(text);
}

static void make_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* Reads until the log is closed by another thread and the pipe with it. */
typedef struct reader {
    int fd;
    char *text;
    size_t len;
} reader;

static void *read_all(void *arg) {
    reader *r = arg;
    size_t cap = 4 << 20;
    r->text = malloc(cap);
    for (ssize_t got; (got = read(r->fd, r->text + r->len, cap - 1 - r->len)) > 0;)
        r->len += (size_t)got;
    r->text[r->len] = '\0';
    return NULL;
}

static void a_stalled_reader_costs_lines_that_are_counted(void **state) {
    (void)state;
    enum { LINES = 40000 };
    int ends[2];
    rl_log *log;
    make_pipe(ends);
    assert_int_equal(rl_log_open(ends[1], RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    for (int i = 0; i < LINES; i++)
        rl_log_printf(log, RL_LOG_INFO, "line %d", i);
    uint64_t dropped = rl_log_dropped(log);
    assert_true(dropped > 0);
    reader r = {.fd = ends[0]};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
    rl_log_close(log);
    close(ends[1]);
    pthread_join(thread, NULL);
    assert_int_equal(count_of(r.text, "\"msg\":\"line "), LINES - dropped);
    uint64_t reported = 0;
    for (const char *at = r.text; (at = strstr(at, "\"msg\":\"dropped ")) != NULL; at++)
        reported += strtoull(at + 15, NULL, 10);
    assert_int_equal(reported, dropped);
    free(r.text);
    close(ends[0]);
}

static void closing_gives_up_on_a_reader_that_never_reads(void **state) {
    (void)state;
    int ends[2];
    rl_log *log;
    size_t before = mem_live();
    make_pipe(ends);
    assert_int_equal(rl_log_open(ends[1], RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    for (int i = 0; i < 2000; i++)
        rl_log_printf(log, RL_LOG_INFO, "line %d", i);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    rl_log_close(log);
    clock_gettime(CLOCK_MONOTONIC, &to);
    long took_ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    assert_in_range(took_ms, 900, 60000); /* a second, or what the machine makes of it; not for ever */
    /* The thread that is left frees the log once its write has come back. */
    close(ends[0]);
    mem_await(before);
    close(ends[1]);
}

static void a_broken_descriptor_is_survived_and_counted(void **state) {
    (void)state;
    int ends[2];
    rl_log *log;
    make_pipe(ends);
    close(ends[0]);
    assert_int_equal(rl_log_open(ends[1], RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    for (int i = 0; i < 10; i++)
        rl_log_printf(log, RL_LOG_ERROR, "line %d", i);
    while (rl_log_dropped(log) < 10)
        sched_yield();
    rl_log_close(log);
    close(ends[1]);
}

static void levels_have_names_both_ways(void **state) {
    (void)state;
    for (int level = RL_LOG_DEBUG; level <= RL_LOG_ERROR; level++) {
        rl_log_level back = RL_LOG_DEBUG;
        const char *name = rl_log_level_name((rl_log_level)level);
        assert_int_equal(rl_log_level_parse(rl_slice_str(name), &back), RL_OK);
        assert_int_equal(back, level);
    }
    rl_log_level untouched = RL_LOG_WARN;
    assert_int_equal(rl_log_level_parse(RL_LIT("Info"), &untouched), RL_EINVAL);
    assert_int_equal(untouched, RL_LOG_WARN);
}

static void open_under_refusal(void) {
    int fd = open_memory();
    rl_log *log = NULL;
    rl_err err = rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log);
    assert_true(err == RL_OK || (err == RL_ENOMEM && log == NULL));
    rl_log_printf(log, RL_LOG_INFO, "hello");
    rl_log_close(log);
    close(fd);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(open_under_refusal);
}

static void keeps_its_last_lines_as_json(void **state) {
    (void)state;
    static char tail[RL_TAIL_MOST + 1];
    int fd = open_memory();
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_READABLE, RL_LOG_INFO, &log), RL_OK);
    rl_log_write(log, RL_LOG_INFO, "before", NULL, 0);
    assert_int_equal(rl_log_copy_tail(log, tail), 0);
    assert_int_equal(rl_log_keep_tail(log), RL_OK);
    rl_log_field field = rl_log_str("who", RL_LIT("a\nb"));
    rl_log_write(log, RL_LOG_WARN, "one", &field, 1);
    rl_log_write(log, RL_LOG_DEBUG, "too little", NULL, 0);
    rl_log_write(log, RL_LOG_INFO, "two", NULL, 0);
    tail[rl_log_copy_tail(log, tail)] = '\0';
    assert_non_null(strstr(tail, "\"level\":\"warn\",\"msg\":\"one\",\"who\":\"a\\nb\"}\n{"));
    assert_int_equal(count_of(tail, "\n"), 2);
    assert_non_null(strstr(tail, "\"msg\":\"two\"}\n"));
    rl_log_close(log);
    char *text = take_text(fd);
    assert_int_equal(count_of(text, "{"), 0); /* who reads the log gets what was asked for */
    free(text);
    assert_int_equal(rl_log_copy_tail(NULL, tail), 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_writes_what_is_queued_in_order),
        cmocka_unit_test(lines_below_the_least_level_are_not_written),
        cmocka_unit_test(no_log_at_all_is_allowed),
        cmocka_unit_test(many_threads_write_without_mixing_lines),
        cmocka_unit_test(a_stalled_reader_costs_lines_that_are_counted),
        cmocka_unit_test(closing_gives_up_on_a_reader_that_never_reads),
        cmocka_unit_test(a_broken_descriptor_is_survived_and_counted),
        cmocka_unit_test(levels_have_names_both_ways),
        cmocka_unit_test(keeps_its_last_lines_as_json),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
