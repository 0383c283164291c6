#include "base/tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char out[RL_TAIL_MOST + 1];

static const char *text_of(const rl_tail *tail) {
    out[rl_tail_copy(tail, out)] = '\0';
    return out;
}

static void has_what_was_added(void **state) {
    (void)state;
    rl_tail *tail = calloc(1, sizeof *tail);
    assert_string_equal(text_of(tail), "");
    rl_tail_add(tail, "one\n", 4);
    rl_tail_add(tail, "two\n", 4);
    assert_string_equal(text_of(tail), "one\ntwo\n");
    free(tail);
}

/* Lines of every length up to 200, so that the ring ends at each place of one. */
static void has_whole_lines_alone_once_it_is_full(void **state) {
    (void)state;
    rl_tail *tail = calloc(1, sizeof *tail);
    char line[256];
    for (int i = 0; i < 5000; i++) {
        int len = snprintf(line, sizeof line, "%d:%0*d\n", i, 1 + i % 200, 0);
        rl_tail_add(tail, line, (size_t)len);
        const char *text = text_of(tail);
        size_t text_len = strlen(text);
        assert_true(text_len <= RL_TAIL_MOST && strcmp(text + text_len - (size_t)len, line) == 0);
        int first = atoi(text), width = (int)(strcspn(text, "\n") - strcspn(text, ":")) - 1;
        assert_int_equal(width, 1 + first % 200);
    }
    assert_true(strlen(text_of(tail)) > RL_TAIL_MOST - 256);
    free(tail);
}

static void is_empty_behind_what_is_longer_than_it(void **state) {
    (void)state;
    rl_tail *tail = calloc(1, sizeof *tail);
    char *line = malloc(2 * RL_TAIL_MOST);
    memset(line, 'x', 2 * RL_TAIL_MOST);
    line[2 * RL_TAIL_MOST - 1] = '\n';
    rl_tail_add(tail, line, 2 * RL_TAIL_MOST);
    assert_string_equal(text_of(tail), "");
    rl_tail_add(tail, "one\n", 4);
    assert_string_equal(text_of(tail), "one\n");
    free(line);
    free(tail);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_was_added),
        cmocka_unit_test(has_whole_lines_alone_once_it_is_full),
        cmocka_unit_test(is_empty_behind_what_is_longer_than_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
