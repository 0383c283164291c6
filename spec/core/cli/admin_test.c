#include "cli/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

static bool binds(const char *address, int *fd) {
    return rl_admin_bind(&(rl_settings){.admin = address}, fd);
}

static void an_address_is_bound(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:0", "localhost:0", "[127.0.0.1]:0"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        int fd = -1;
        if (!binds(addresses[i], &fd) || fd < 0)
            fail_msg("not bound: %s", addresses[i]);
        close(fd);
    }
}

static void without_one_nothing_is(void **state) {
    (void)state;
    int fd = 0;
    assert_true(binds("", &fd));
    assert_int_equal(fd, -1);
}

static void what_is_no_address_is_told(void **state) {
    (void)state;
    static const char *const addresses[] = {"9090", ":9090", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:1x",
                                            "127.0.0.1:65536", "127.0.0.1:-1", "::1:9090", "http://127.0.0.1:9090"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        int fd;
        if (binds(addresses[i], &fd))
            fail_msg("bound: %s", addresses[i]);
        assert_int_equal(fd, -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_bound),
        cmocka_unit_test(without_one_nothing_is),
        cmocka_unit_test(what_is_no_address_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
