#include "cli/heritage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

static bool survives_exec(int fd) {
    return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void test_what_is_left_is_what_is_taken_once(void **state) {
    (void)state;
    rl_heritage left = {.count = 2, .port = 8080, .admin = -1, .control = -1, .pid = 4711, .restarts = 3}, taken;
    for (size_t i = 0; i < 2; i++)
        left.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    left.link = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(rl_heritage_leave(&left));
    assert_true(survives_exec(left.fds[0]) && survives_exec(left.fds[1]) && survives_exec(left.link));
    assert_true(rl_heritage_take(&taken));
    assert_false(survives_exec(left.fds[0]) || survives_exec(left.fds[1]) || survives_exec(left.link));
    assert_int_equal(taken.count, 2);
    assert_memory_equal(taken.fds, left.fds, 2 * sizeof(int));
    assert_int_equal(taken.port, 8080);
    assert_int_equal(taken.admin, -1);
    assert_int_equal(taken.control, -1);
    assert_int_equal(taken.pid, 4711);
    assert_int_equal(taken.link, left.link);
    assert_int_equal(taken.restarts, 3);
    assert_false(rl_heritage_take(&taken));
    for (size_t i = 0; i < 2; i++)
        close(left.fds[i]);
    close(left.link);
}

static void test_what_is_no_heritage_is_not_taken(void **state) {
    (void)state;
    static const char *const texts[] = {"", "port=1", "port=1 admin=-1 control=-1 process=2 link=0 restarts=0 sockets=",
                                        "port=1 admin=-1 control=-1 process=2 link=0 restarts=0 sockets=0,",
                                        "port=1 admin=-1 control=-1 process=2 link=0 restarts=0 sockets=0,x",
                                        "port=1 admin=-1 control=-1 process=2 link=9999 restarts=0 sockets=0",
                                        "port=1 admin=-1 control=-1 process=2 link=0 restarts=0 sockets=99999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rl_heritage taken;
        setenv("RILLE_HERITAGE", texts[i], 1);
        assert_false(rl_heritage_take(&taken));
        assert_null(getenv("RILLE_HERITAGE"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left_is_what_is_taken_once),
        cmocka_unit_test(test_what_is_no_heritage_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
