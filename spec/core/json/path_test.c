#include "json/path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void joins_keys_and_indexes(void **state) {
    (void)state;
    char text[64];
    rl_json_path path;
    rl_json_path_init(&path, text, sizeof text);
    assert_string_equal(text, "");
    rl_json_path_key(&path, RL_LIT("items"));
    rl_json_path_index(&path, 3);
    rl_json_path_key(&path, RL_LIT("price"));
    rl_json_path_key(&path, RL_LIT("a b"));
    rl_json_path_key(&path, RL_LIT("x\x1B[0m\n"));
    assert_string_equal(text, "items[3].price[\"a b\"][\"x?[0m?\"]");
}

static void cuts_between_characters(void **state) {
    (void)state;
    char text[10];
    rl_json_path path;
    rl_json_path_init(&path, text, sizeof text);
    rl_json_path_key(&path, RL_LIT("12345\xC3\xA9 and more"));
    rl_json_path_init(&path, text, sizeof text);
    rl_json_path_key(&path, RL_LIT("12345\xC3\xA9more"));
    assert_string_equal(text, "12345...");
    rl_json_path_index(&path, 1);
    assert_string_equal(text, "12345...");
}

static void fills_its_room_exactly(void **state) {
    (void)state;
    char text[6];
    rl_json_path path;
    rl_json_path_init(&path, text, sizeof text);
    rl_json_path_key(&path, RL_LIT("abcde"));
    assert_string_equal(text, "abcde");
    rl_json_path_index(&path, 0);
    assert_string_equal(text, "ab...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_keys_and_indexes),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(fills_its_room_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
