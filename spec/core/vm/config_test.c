#include "vm/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"

/* What a reading gave: "key:type:text:line >key:..."; a > a level, # for an item. */
typedef struct seen {
    char text[1024];
    rl_err answer;
} seen;

static rl_err note(void *owner, const rl_config_pair *pair) {
    seen *s = owner;
    size_t len = strlen(s->text);
    bool is_item = pair->key.ptr == NULL;
    snprintf(s->text + len, sizeof s->text - len, "%s%.*s%.*s:%c:%.*s:%u", len == 0 ? "" : " ",
             (int)pair->depth, ">>>>", is_item ? 1 : (int)pair->key.len, is_item ? "#" : pair->key.ptr,
             "snbt"[pair->type], (int)pair->text.len, pair->text.ptr, pair->line);
    return s->answer;
}

static char path[] = "/tmp/rille-config-XXXXXX";

static void write_file(const char *lua, size_t len) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(lua, 1, len, file), len);
    fclose(file);
}

static rl_err read_lua(const char *lua, seen *s, char message[512]) {
    static const char *const environment[] = {"COLOURS=no", "COLOUR=blue", NULL};
    write_file(lua, strlen(lua));
    s->text[0] = '\0';
    message[0] = '\0';
    return rl_config_read(path, environment, note, s, message, 512);
}

static void hands_on_pairs_in_alphabetical_order(void **state) {
    (void)state;
    static const struct {
        const char *lua, *pairs;
    } cases[] = {
        {"return {}", ""},
        {"return { b = 'text', a = 1,\n c = true }", "a:n:1:1 b:s:text:1 c:b:true:2"},
        {"return { n = 0.25, big = 2^40, neg = -3 }", "big:n:1099511627776:1 n:n:0.25:1 neg:n:-3:1"},
        {"local t = {}\n-- x = 1\nt.x = 'y'\nreturn t", "x:s:y:3"},
        {"return { ['k'] = 8 * 1024, z = os.getenv 'COLOUR', n = os.getenv 'COL' }", "k:n:8192:1 z:s:blue:1"},
        {"return { x = ('a'):rep(3), y = math.max(1, 2), z = table.concat({1, 2}) }",
         "x:s:aaa:1 y:n:2:1 z:s:12:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen s = {.answer = RL_OK};
        char message[512];
        rl_err err = read_lua(cases[i].lua, &s, message);
        assert_string_equal(message, "");
        assert_int_equal(err, RL_OK);
        assert_string_equal(s.text, cases[i].pairs);
    }
}

static void hands_on_tables_before_what_they_hold(void **state) {
    (void)state;
    static const struct {
        const char *lua, *pairs;
    } cases[] = {
        {"return { wechat = {\n secret = 's',\n appid = 'x' }, a = 1 }",
         "a:n:1:3 wechat:t::1 >appid:s:x:3 >secret:s:s:2"},
        {"return { l = { 'b', 'a', 3 },\n e = {} }", "e:t::2 l:t::1 >#:s:b:1 >#:s:a:1 >#:n:3:1"},
        {"return { l = {\n { a = 1 },\n { a = 2 } } }", "l:t::1 >#:t::1 >>a:n:1:2 >#:t::1 >>a:n:2:2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen s = {.answer = RL_OK};
        char message[512];
        rl_err err = read_lua(cases[i].lua, &s, message);
        assert_string_equal(message, "");
        assert_int_equal(err, RL_OK);
        assert_string_equal(s.text, cases[i].pairs);
    }
}

static rl_err keep_number(void *owner, const rl_config_pair *pair) {
    *(double *)owner = pair->number;
    return RL_OK;
}

static void a_number_keeps_every_bit(void **state) {
    (void)state;
    double number = 0;
    write_file("return { n = 0.1 + 0.2 }", 24);
    assert_int_equal(rl_config_read(path, NULL, keep_number, &number, NULL, 0), RL_OK);
    assert_true(number == 0.1 + 0.2);
}

static void wrong_files_are_named_with_their_line(void **state) {
    (void)state;
    static const struct {
        const char *lua, *message; /* behind the path */
    } cases[] = {
        {"return {\n x = \n}", ":3: unexpected symbol near '}'"},
        {"local x\nreturn x.y", ":2: attempt to index local 'x' (a nil value)"},
        {"local port = 1", ": expected `return { name = value, ... }`, got nil"},
        {"\nport = 1\nreturn {}", ":2: assigning the global 'port': a setting belongs into the table that is returned, "
                                  "and all else is written `local port`"},
        {"return {\n t = pairs }", ":2: 't' is a function: expected a string, a number, a boolean or a table"},
        {"return {\n t = { l = {\n 1, pairs } } }",
         ":2: 'l' holds a function: expected a string, a number, a boolean or a table"},
        {"return {\n t = { 1, a = 2 } }",
         ":2: expected name = value or a list without gaps, found a key that is a number"},
        {"return {\n t = { 1, nil, 3 } }",
         ":2: expected name = value or a list without gaps, found a key that is a number"},
        {"local t = {}\nt.t = t\nreturn t", ":1: tables are nested more than 16 deep: does one hold itself?"},
        {"return { 'a' }", ": expected name = value, found a key that is a number"},
        {"while true do end", ":1: runs too long: is this an endless loop?"},
        {"local t = {}\nwhile true do t = { t, ('x'):rep(1000) .. #t } end",
         ": needs more than 10 MB of memory"},
        {"return { x = ('x'):rep(2^26) }", ": needs more than 10 MB of memory"},
        {"error {}", ": raised something that is no text"},
        {"io.open('x')", ":1: attempt to index global 'io' (a nil value)"},
        {"os.execute('x')", ":1: attempt to call field 'execute' (a nil value)"},
        {"require 'ffi'", ":1: attempt to call global 'require' (a nil value)"},
        {"load 'x'", ":1: attempt to call global 'load' (a nil value)"},
        {"pcall(error)", ":1: attempt to call global 'pcall' (a nil value)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen s = {.answer = RL_OK};
        char message[512], want[512];
        assert_int_equal(read_lua(cases[i].lua, &s, message), RL_EINVAL);
        snprintf(want, sizeof want, "%s%s", path, cases[i].message);
        assert_string_equal(message, want);
    }
}

static void bytecode_is_refused(void **state) {
    (void)state;
    seen s = {.answer = RL_OK};
    char message[512];
    write_file("\033LJ\2", 4);
    assert_int_equal(rl_config_read(path, NULL, note, &s, message, sizeof message), RL_EINVAL);
    assert_non_null(strstr(message, "attempt to load"));
}

static void a_failure_of_the_receiver_is_handed_on(void **state) {
    (void)state;
    seen s = {.answer = RL_EFULL};
    char message[512];
    assert_int_equal(read_lua("return { a = 1, b = 2 }", &s, message), RL_EFULL);
    assert_string_equal(s.text, "a:n:1:1");
}

static void missing_unreadable_and_huge_files_differ(void **state) {
    (void)state;
    static char huge[1100000];
    seen s = {.answer = RL_OK};
    char message[64] = "";
    assert_int_equal(rl_config_read("/tmp/rille/none.lua", NULL, note, &s, message, sizeof message),
                     RL_ENOTFOUND);
    assert_int_equal(rl_config_read("/tmp", NULL, note, &s, message, sizeof message), RL_EIO);
    assert_string_equal(message, "/tmp: Is a directory");
    memset(huge, ' ', sizeof huge);
    write_file(huge, sizeof huge);
    assert_int_equal(rl_config_read(path, NULL, note, &s, message, sizeof message), RL_EINVAL);
    assert_non_null(strstr(message, "is larger than 1 MB"));
    assert_int_equal(rl_config_read(path, NULL, note, &s, NULL, 0), RL_EINVAL);
}

static void read_under_refusal(void) {
    seen s = {.answer = RL_OK};
    rl_err err = rl_config_read(path, NULL, note, &s, NULL, 0);
    assert_true(err == RL_OK || err == RL_ENOMEM);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    write_file("return { a = { 1 } }", 20);
    each_allocation_fails(read_under_refusal);
}

int main(void) {
    close(mkstemp(path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_on_pairs_in_alphabetical_order),
        cmocka_unit_test(hands_on_tables_before_what_they_hold),
        cmocka_unit_test(a_number_keeps_every_bit),
        cmocka_unit_test(wrong_files_are_named_with_their_line),
        cmocka_unit_test(bytecode_is_refused),
        cmocka_unit_test(a_failure_of_the_receiver_is_handed_on),
        cmocka_unit_test(missing_unreadable_and_huge_files_differ),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
