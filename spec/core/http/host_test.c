#include "http/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/byte.h"

static void accepts_names_addresses_and_ports(void **state) {
    static const char *const hosts[] = {
        "x",         "example.com",  "a_b-c.~d", "x:",    "x:0",         "x:65535",     "x:00080",
        "127.0.0.1", "127.0.0.1:80", "[::]",     "[::1]", "[1:2::3]:80", "[::1.2.3.4]", "%41b!$&'()*+;=",
    };
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (!rl_host_is_valid(rl_slice_str(hosts[i])))
            fail_msg("refused %s", hosts[i]);
}

static void refuses_anything_else(void **state) {
    static const char *const hosts[] = {
        "",
        ":80",
        ":",
        "a b",
        "a,b",
        "u@a",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "%4",
        "%zz",
        "a%4:80",
        "a%zz:80",
        "a:80:1",
        "a:x",
        "a:-1",
        "a:+1",
        "a: 80",
        "a:65536",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]80",
        "[]",
        "[1]",
        "[:]x",
        "[x::]",
        "[::1%25a]",
        "a\x80",
        "a\x7f",
        "\"a\"",
        "a]",
        "a[",
        "[1:2:3:4:5:6:7:8:9:a]",
        "a:99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (rl_host_is_valid(rl_slice_str(hosts[i])))
            fail_msg("accepted %s", hosts[i]);
}

static void never_reads_past_the_end(void **state) {
    (void)state;
    assert_false(rl_host_is_valid(rl_slice_of("a%41", 3)));
    assert_true(rl_host_is_valid(rl_slice_of("ab:80x", 5)));
    assert_false(rl_host_is_valid(rl_slice_of("[::1]", 4)));
}

static void knows_the_names_of_this_machine(void **state) {
    static const char *const local[] = {"localhost", "LocalHost:8080", "shop.localhost", "127.0.0.1:1", "[::1]", "[::1]:80"};
    static const char *const others[] = {"", "x", "localhost.evil.test", "notlocalhost", ".localhost", "127.0.0.1.evil.test",
                                         "127.0.0.2", "[::2]", "192.168.1.7:8080", "[::1"};
    (void)state;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!rl_host_is_local(rl_slice_str(local[i])))
            fail_msg("not local: %s", local[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (rl_host_is_local(rl_slice_str(others[i])))
            fail_msg("local: %s", others[i]);
}

static void finds_a_name_in_a_list(void **state) {
    static const char list[] = "shop.test, 192.168.1.7,[fe80::1] b";
    static const char *const in[] = {"shop.test", "SHOP.test:8080", "192.168.1.7:1", "[fe80::1]:80", "b"};
    static const char *const out[] = {"", "shop", "test", "a.shop.test", "192.168.1.70", "x"};
    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!rl_host_is_listed(rl_slice_str(in[i]), list))
            fail_msg("not listed: %s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (rl_host_is_listed(rl_slice_str(out[i]), list))
            fail_msg("listed: %s", out[i]);
    assert_false(rl_host_is_listed(RL_LIT("x"), ""));
    assert_false(rl_host_is_listed(RL_LIT(""), " , "));
}

/* A host is judged as a host only: not once more as what any field's value has to be. */
static void accepts_nothing_that_is_no_value(void **state) {
    static const char *const hosts[] = {"a", "a.b:80", "a%41%5f", "[::1]:80"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        for (size_t at = 0; at < strlen(hosts[i]); at++)
            for (int byte = 0; byte < 256; byte++) {
                char text[16];
                rl_slice host = rl_slice_of(text, strlen(hosts[i]));
                memcpy(text, hosts[i], host.len);
                text[at] = (char)byte;
                assert_true(!rl_host_is_valid(host) || rl_byte_is_value(host));
            }
}

/* What it remembers changes no answer: each of these behind each other one. */
static void judges_the_next_one_as_the_first(void **state) {
    char long_one[RL_HOST_SEEN_MOST + 2];
    memset(long_one, 'a', sizeof long_one);
    const rl_slice hosts[] = {
        RL_LIT(""), RL_LIT("a"), RL_LIT("b"), RL_LIT("a:80"), RL_LIT("a:x"), RL_LIT("ab"), RL_LIT("[::1]"), RL_LIT("[::1"),
        rl_slice_of(long_one, RL_HOST_SEEN_MOST), rl_slice_of(long_one, RL_HOST_SEEN_MOST + 1),
        rl_slice_of(long_one, RL_HOST_SEEN_MOST + 2),
    };
    enum { COUNT = sizeof hosts / sizeof *hosts };
    (void)state;
    for (size_t i = 0; i < COUNT * COUNT; i++) {
        rl_slice first = hosts[i / COUNT], second = hosts[i % COUNT];
        rl_host_seen seen = {0};
        assert_int_equal(rl_host_is_valid_again(first, &seen), rl_host_is_valid(first));
        assert_int_equal(rl_host_is_valid_again(second, &seen), rl_host_is_valid(second));
        assert_int_equal(rl_host_is_valid_again(first, &seen), rl_host_is_valid(first));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_names_addresses_and_ports),
        cmocka_unit_test(refuses_anything_else),
        cmocka_unit_test(never_reads_past_the_end),
        cmocka_unit_test(knows_the_names_of_this_machine),
        cmocka_unit_test(finds_a_name_in_a_list),
        cmocka_unit_test(accepts_nothing_that_is_no_value),
        cmocka_unit_test(judges_the_next_one_as_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
