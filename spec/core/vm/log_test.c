#include "base/log.h"

#include <unistd.h>

#include "vm/rig.h"

/* What the log holds after `code` ran. */
static void logged(const char *code, char *out, size_t cap) {
    char name[] = "/tmp/rille-log-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    rig *r = rig_opened();
    r->vm->log = log;
    assert_result(run(r, code), "");
    rig_free(r);
    rl_log_close(log);
    ssize_t len = pread(fd, out, cap - 1, 0);
    assert_true(len >= 0);
    out[len] = '\0';
    close(fd);
}

static void fields_keep_their_types(void **state) {
    (void)state;
    char line[4096];
    logged(
        "core.log('warn', 'a message', 'text', 'a\"b', 'number', 5, 'part', 1.5, 'flag', true, 'none', nil)",
        line, sizeof line);
    const char *parts[] = {"\"a message\"", "\"text\":\"a\\\"b\"", "\"number\":5", "\"flag\":true"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(line, parts[i]) == NULL)
            fail_msg("no %s in %s", parts[i], line);
    assert_null(strstr(line, "none"));
}

static void numbers_that_are_no_integers_are_written_too(void **state) {
    (void)state;
    char line[4096];
    logged("core.log('info', 'm', 'nan', 0/0, 'huge', 1e300, 'minus', -2^63, 'inf', math.huge)", line,
           sizeof line);
    assert_non_null(strstr(line, "\"nan\""));
    assert_non_null(strstr(line, "\"inf\""));
}

static void what_is_below_the_level_is_not_written(void **state) {
    (void)state;
    char line[4096];
    logged("core.log('debug', 'quiet')", line, sizeof line);
    assert_string_equal(line, "");
}

static void misuse_raises_and_a_vm_without_a_log_is_silent(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_failed(run(r, "core.log('loud', 'x')"), "a log level is");
    assert_failed(run(r, "core.log('info')"), "bad argument");
    assert_failed(run(r, "core.log('info', 'x', 'key', {})"), "expected");
    assert_result(run(r, "core.log('info', 'x')"), "");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_keep_their_types),
        cmocka_unit_test(numbers_that_are_no_integers_are_written_too),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(misuse_raises_and_a_vm_without_a_log_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
