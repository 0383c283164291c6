#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

static void assert_holds(const rl_buf *buf, const char *text) {
    assert_int_equal(rl_buf_len(buf), strlen(text));
    assert_true(rl_slice_eq(rl_buf_live(buf), rl_slice_str(text)));
}

static void takes_no_memory_before_the_first_append(void **state) {
    (void)state;
    size_t before = mem_live();
    rl_buf buf;
    rl_buf_init(&buf, 100);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("")), RL_OK);
    assert_int_equal(mem_live(), before);
    assert_int_equal(rl_buf_len(&buf), 0);
    assert_null(rl_buf_live(&buf).ptr);
    rl_buf_clear(&buf);
}

static void reserving_nothing_gives_a_place(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 100);
    char *room = NULL;
    assert_int_equal(rl_buf_reserve(&buf, 0, &room), RL_OK);
    assert_non_null(room);
    rl_buf_clear(&buf);
}

static void appends_bytes_and_texts(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 1000);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("one")), RL_OK);
    assert_int_equal(rl_buf_append_byte(&buf, ' '), RL_OK);
    assert_int_equal(rl_buf_appendf(&buf, "%s %d", "two", 3), RL_OK);
    assert_holds(&buf, "one two 3");
    rl_buf_clear(&buf);
    assert_int_equal(buf.ceiling, 1000);
}

static void fills_up_to_its_ceiling_and_not_past_it(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rl_buf_append_byte(&buf, (char)('a' + i % 26)), RL_OK);
    assert_int_equal(rl_buf_append_byte(&buf, '!'), RL_EFULL);
    assert_int_equal(rl_buf_len(&buf), 1000);
    assert_true(buf.cap <= 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rl_buf_live(&buf).ptr[i], 'a' + i % 26);
    rl_buf_clear(&buf);
}

static void refuses_as_it_was(void **state) {
    (void)state;
    rl_buf buf;
    char *room = NULL;
    rl_buf_init(&buf, 10);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("12345")), RL_OK);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("678901")), RL_EFULL);
    assert_int_equal(rl_buf_appendf(&buf, "%d", 678901), RL_EFULL);
    assert_int_equal(rl_buf_reserve(&buf, SIZE_MAX, &room), RL_EFULL);
    assert_null(room);
    assert_holds(&buf, "12345");
    assert_int_equal(rl_buf_append(&buf, RL_LIT("67890")), RL_OK);
    assert_holds(&buf, "1234567890");
    rl_buf_clear(&buf);
}

static void a_formatted_text_needs_room_for_its_nul(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 10);
    assert_int_equal(rl_buf_appendf(&buf, "%d", 1234567890), RL_EFULL);
    assert_int_equal(rl_buf_appendf(&buf, "%d", 123456789), RL_OK);
    assert_holds(&buf, "123456789");
    rl_buf_clear(&buf);
}

static void consumed_bytes_make_room_again(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 300);
    for (int round = 0; round < 1000; round++) {
        assert_int_equal(rl_buf_appendf(&buf, "%0100d", round), RL_OK);
        if (round > 0)
            rl_buf_consume(&buf, 100);
    }
    assert_int_equal(rl_buf_len(&buf), 100);
    assert_memory_equal(rl_buf_live(&buf).ptr + 97, "999", 3);
    rl_buf_consume(&buf, 100);
    assert_int_equal(rl_buf_len(&buf), 0);
    rl_buf_clear(&buf);
}

static void the_ceiling_counts_live_bytes_only(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 10);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("1234567890")), RL_OK);
    rl_buf_consume(&buf, 3); /* less than half: sliding would not pay, yet there must be room */
    assert_int_equal(rl_buf_append(&buf, RL_LIT("abc")), RL_OK);
    assert_holds(&buf, "4567890abc");
    rl_buf_clear(&buf);
}

static void commits_what_was_written_into_the_room(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 4096);
    char *room;
    assert_int_equal(rl_buf_append(&buf, RL_LIT("head ")), RL_OK);
    assert_int_equal(rl_buf_reserve(&buf, 1000, &room), RL_OK);
    memset(room, 'x', 1000); /* all of it may be written to */
    memcpy(room, "tail", 4);
    rl_buf_commit(&buf, 4);
    assert_holds(&buf, "head tail");
    rl_buf_clear(&buf);
}

static void truncates_and_resets(void **state) {
    (void)state;
    rl_buf buf;
    rl_buf_init(&buf, 100);
    assert_int_equal(rl_buf_append(&buf, RL_LIT("0123456789")), RL_OK);
    rl_buf_consume(&buf, 2);
    rl_buf_truncate(&buf, 3);
    assert_holds(&buf, "234");
    size_t live = mem_live();
    rl_buf_reset(&buf);
    assert_int_equal(rl_buf_len(&buf), 0);
    assert_int_equal(mem_live(), live);
    rl_buf_clear(&buf);
}

static void append_under_refusal(void) {
    rl_buf buf;
    rl_buf_init(&buf, 100000);
    char block[3000];
    memset(block, 'z', sizeof block);
    size_t held = 0;
    for (int i = 0; i < 10; i++) {
        rl_err err = rl_buf_append(&buf, rl_slice_of(block, sizeof block));
        assert_true(err == RL_OK || err == RL_ENOMEM);
        held += err == RL_OK ? sizeof block : 0;
        assert_int_equal(rl_buf_len(&buf), held);
    }
    rl_buf_clear(&buf);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(append_under_refusal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_memory_before_the_first_append),
        cmocka_unit_test(reserving_nothing_gives_a_place),
        cmocka_unit_test(appends_bytes_and_texts),
        cmocka_unit_test(fills_up_to_its_ceiling_and_not_past_it),
        cmocka_unit_test(refuses_as_it_was),
        cmocka_unit_test(a_formatted_text_needs_room_for_its_nul),
        cmocka_unit_test(consumed_bytes_make_room_again),
        cmocka_unit_test(the_ceiling_counts_live_bytes_only),
        cmocka_unit_test(commits_what_was_written_into_the_room),
        cmocka_unit_test(truncates_and_resets),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
