#include "base/board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

enum { TEXT_MOST = 1000 };

static void see(void *owner, const char *text) {
    strcat(owner, text);
    strcat(owner, " ");
}

static void assert_says(rl_board *board, const char *all) {
    char seen[256] = "";
    rl_board_look(board, see, seen);
    assert_string_equal(seen, all);
}

static void keeps_one_text_for_each_key(void **state) {
    (void)state;
    rl_board *board;
    assert_int_equal(rl_board_new(TEXT_MOST, &board), RL_OK);
    assert_says(board, "");
    assert_int_equal(rl_board_put(board, "a", "1"), RL_OK);
    assert_int_equal(rl_board_put(board, "b", "2"), RL_OK);
    assert_int_equal(rl_board_put(board, "a", "3"), RL_OK);
    assert_says(board, "3 2 ");
    assert_int_equal(rl_board_put(board, "a", NULL), RL_OK);
    assert_int_equal(rl_board_put(board, "never", NULL), RL_OK);
    assert_says(board, "2 ");
    rl_board_free(board);
}

static void has_bounds(void **state) {
    (void)state;
    rl_board *board;
    assert_int_equal(rl_board_new(TEXT_MOST, &board), RL_OK);
    static char text[TEXT_MOST + 2];
    memset(text, 'x', TEXT_MOST + 1);
    assert_int_equal(rl_board_put(board, "long", text), RL_EFULL);
    text[TEXT_MOST] = '\0';
    char key[16];
    for (int i = 0; i < RL_BOARD_MOST; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(rl_board_put(board, key, text), RL_OK);
    }
    assert_int_equal(rl_board_put(board, "one more", "x"), RL_EFULL);
    assert_int_equal(rl_board_put(board, "7", "x"), RL_OK);
    assert_int_equal(rl_board_put(board, "8", NULL), RL_OK);
    assert_int_equal(rl_board_put(board, "one more", "x"), RL_OK);
    rl_board_free(board);
}

static void none_is_allowed(void **state) {
    (void)state;
    assert_int_equal(rl_board_put(NULL, "a", "1"), RL_OK);
    assert_says(NULL, "");
    rl_board_free(NULL);
}

static void put_some(void) {
    rl_board *board;
    if (rl_board_new(TEXT_MOST, &board) != RL_OK)
        return;
    rl_err first = rl_board_put(board, "a", "1");
    if (first == RL_OK && rl_board_put(board, "a", "2") != RL_OK)
        assert_says(board, "1 ");
    rl_board_free(board);
}

static void survives_every_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(put_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_one_text_for_each_key),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(none_is_allowed),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
