#include <fcntl.h>
#include <unistd.h>

#include "http/wire.h"

/* What the log holds after `text` was fed and every request was answered. */
static void logged(const char *text, char *out, size_t cap) {
    char name[] = "/tmp/rille-access-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    wire *w = wire_new();
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &w->log), RL_OK);
    rl_log *log = w->log;
    assert_true(wire_open(w));
    feed(w, text);
    for (size_t i = 0; i < w->count; i++)
        if (!w->seen[i].is_released)
            answer(w, i, "12345");
    turn(w);
    wire_free(w);
    rl_log_close(log);
    ssize_t len = pread(fd, out, cap - 1, 0);
    assert_true(len >= 0);
    out[len] = '\0';
    close(fd);
}

static void assert_logged(const char *line, const char *part) {
    if (strstr(line, part) == NULL)
        fail_msg("no %s in %s", part, line);
}

static void a_request_leaves_one_line_that_says_it_all(void **state) {
    (void)state;
    char line[4096];
    logged("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nUser-Agent: test \"quoted\"\r\n\r\n", line, sizeof line);
    assert_logged(line, "\"method\":\"GET\"");
    assert_logged(line, "\"path\":\"/a/b?c=d\"");
    assert_logged(line, "\"status\":200");
    assert_logged(line, "\"bytes\":5");
    assert_logged(line, "\"address\":\"192.0.2.1\"");
    assert_logged(line, "\"agent\":\"test \\\"quoted\\\"\"");
    assert_logged(line, "\"request_id\":\"");
    assert_true(strchr(line, '\n') == line + strlen(line) - 1);
}

static void a_body_still_coming_does_not_blur_the_line(void **state) {
    (void)state;
    char line[4096];
    logged("POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab", line, sizeof line);
    assert_logged(line, "\"path\":\"/late\"");
}

static void a_refused_head_leaves_a_line_too(void **state) {
    (void)state;
    char line[4096];
    logged("GET /\x01 HTTP/1.1\r\n\r\n", line, sizeof line);
    assert_logged(line, "\"status\":400");
    assert_logged(line, "\"path\":\"-\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_leaves_one_line_that_says_it_all),
        cmocka_unit_test(a_body_still_coming_does_not_blur_the_line),
        cmocka_unit_test(a_refused_head_leaves_a_line_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
