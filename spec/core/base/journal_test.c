#include "base/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

static rl_journal *new_journal(void) {
    rl_journal *journal;
    assert_int_equal(rl_journal_new(&journal), RL_OK);
    return journal;
}

static rl_entry *begin(rl_journal *journal, const char *id, uint64_t start_ns) {
    rl_entry_head head = {.start_ns = start_ns, .method = "GET", .path = "/"};
    rl_journal_fit(head.id, sizeof head.id, rl_slice_str(id));
    return rl_journal_begin(journal, &head);
}

static uint32_t open_event(rl_entry *entry, uint32_t parent, const char *what, const char *text, uint64_t now_ns) {
    return rl_entry_open(entry, parent, what, RL_LIT("app.lua:1"), rl_slice_str(text), now_ns);
}

static const rl_entry_copy *copy_of(rl_journal *journal, const char *id) {
    static rl_entry_copy copy;
    return rl_journal_copy_entry(journal, rl_slice_str(id), &copy) ? &copy : NULL;
}

static void assert_text(const rl_entry_copy *copy, uint32_t at, uint32_t len, const char *text) {
    assert_true(rl_slice_eq(rl_slice_of(copy->text + at, len), rl_slice_str(text)));
}

static void keeps_a_tree_of_events(void **state) {
    (void)state;
    rl_journal *journal = new_journal();
    rl_entry *entry = begin(journal, "a", 100);
    assert_int_equal(open_event(entry, 0, "task", "", 110), 1);
    assert_int_equal(open_event(entry, 1, "sql", "select 1", 120), 2);
    rl_entry_tell(entry, 2, &(rl_entry_answer){.rows = 3, .sent_ns = 125, .sqlstate = "23505"});
    rl_entry_close(entry, 2, 150);
    assert_int_equal(rl_entry_parent(entry, 2), 1);
    const rl_entry_copy *copy = copy_of(journal, "a");
    assert_int_equal(copy->head.end_ns, 0);
    assert_int_equal(copy->head.event_count, 2);
    assert_int_equal(copy->events[0].end_ns, 0);
    const rl_event *sql = &copy->events[1];
    assert_string_equal(sql->what, "sql");
    assert_int_equal(sql->parent, 1);
    assert_int_equal(sql->end_ns, 150);
    assert_int_equal(sql->rows, 3);
    assert_string_equal(sql->sqlstate, "23505");
    assert_text(copy, sql->text, sql->text_len, "select 1");
    assert_text(copy, sql->at, sql->at_len, "app.lua:1");
    assert_false(sql->is_cut);
    assert_int_equal(copy->head.sql_count, 1);
    assert_int_equal(copy->head.sql_ns, 30);
    rl_entry_set_id(entry, RL_LIT("b"));
    rl_entry_end(entry, 200, 200);
    assert_null(copy_of(journal, "a"));
    copy = copy_of(journal, "b");
    assert_int_equal(copy->head.status, 200);
    assert_int_equal(copy->head.end_ns, 200);
    assert_int_equal(copy->events[0].end_ns, 200); /* with its request */
    assert_int_equal(copy->events[1].end_ns, 150);
    rl_journal_free(journal);
}

static void nothing_is_kept_where_there_is_no_entry(void **state) {
    (void)state;
    assert_int_equal(open_event(NULL, 0, "sql", "select 1", 1), 0);
    rl_entry_close(NULL, 0, 1);
    rl_entry_tell(NULL, 0, NULL);
    rl_entry_set_route(NULL, "/");
    rl_entry_set_id(NULL, RL_LIT("a"));
    rl_entry_end(NULL, 200, 1);
    rl_journal_free(NULL);
}

static void has_bounds(void **state) {
    (void)state;
    rl_journal *journal = new_journal();
    rl_entry *entry = begin(journal, "a", 0);
    char text[RL_JOURNAL_TEXT_OF_ONE + 2];
    for (int i = 0; i < RL_JOURNAL_EVENTS; i++) {
        memset(text, 'a' + i % 20, sizeof text);
        snprintf(text + 8, sizeof text - 8, "%d", i);
        text[strlen(text)] = 'x';
        text[sizeof text - 1] = '\0';
        assert_int_equal(open_event(entry, 0, "a longer word", text, 1), i + 1);
    }
    assert_int_equal(open_event(entry, 0, "one too many", "", 1), 0);
    rl_entry_close(entry, 0, 2);
    const rl_entry_copy *copy = copy_of(journal, "a");
    assert_int_equal(copy->head.dropped, 1);
    assert_int_equal(copy->events[0].text_len, RL_JOURNAL_TEXT_OF_ONE);
    assert_true(copy->events[0].is_cut);
    assert_int_equal(copy->events[RL_JOURNAL_EVENTS - 1].text_len, 0); /* all that it may hold is full */
    assert_string_equal(copy->events[0].what, "a longer wo");
    for (int i = 1; i < RL_JOURNAL_LIVE; i++)
        assert_non_null(begin(journal, "b", 0));
    assert_null(begin(journal, "c", 0));
    rl_entry_end(entry, 200, 5);
    assert_non_null(begin(journal, "c", 0));
    rl_journal_free(journal);
}

static void the_same_text_is_kept_once(void **state) {
    (void)state;
    rl_journal *journal = new_journal();
    rl_entry *entry = begin(journal, "a", 0);
    for (int i = 0; i < 100; i++)
        open_event(entry, 0, "sql", i % 2 == 0 ? "select 1" : "select 2", 1);
    const rl_entry_copy *copy = copy_of(journal, "a");
    assert_int_equal(copy->events[98].text, copy->events[0].text);
    assert_int_equal(copy->events[99].text, copy->events[1].text);
    assert_int_equal(copy->events[99].at, copy->events[0].at);
    assert_text(copy, copy->events[99].text, copy->events[99].text_len, "select 2");
    rl_journal_free(journal);
}

static void cuts_between_two_characters(void **state) {
    (void)state;
    char out[6];
    rl_journal_fit(out, sizeof out, RL_LIT("aäöü"));
    assert_string_equal(out, "aäö");
    rl_journal_fit(out, sizeof out, RL_LIT("aböüx"));
    assert_string_equal(out, "abö");
    rl_journal_fit(out, sizeof out, RL_LIT("\x80\x80\x80\x80\x80\x80\x80"));
    assert_string_equal(out, "");
    rl_journal_fit(out, sizeof out, RL_LIT(""));
    assert_string_equal(out, "");
}

static void the_last_ones_stay_and_are_shown_newest_first(void **state) {
    (void)state;
    rl_journal *journal = new_journal();
    char id[16];
    for (int i = 1; i <= RL_JOURNAL_ENDED + 5; i++) {
        snprintf(id, sizeof id, "%d", i);
        rl_entry_end(begin(journal, id, 0), 200, 1);
    }
    assert_non_null(begin(journal, "live", 0));
    assert_int_equal(rl_journal_count(journal), RL_JOURNAL_ENDED + 1);
    rl_entry_head heads[RL_JOURNAL_ENDED + 1];
    assert_int_equal(rl_journal_copy_heads(journal, heads, 3), 3);
    assert_string_equal(heads[0].id, "live");
    assert_string_equal(heads[1].id, "205");
    assert_string_equal(heads[2].id, "204");
    assert_int_equal(rl_journal_copy_heads(journal, heads, RL_JOURNAL_ENDED + 1), RL_JOURNAL_ENDED + 1);
    assert_string_equal(heads[RL_JOURNAL_ENDED].id, "6");
    assert_null(copy_of(journal, "5"));
    rl_journal_free(journal);
}

static void counts_by_route(void **state) {
    (void)state;
    rl_journal *journal = new_journal();
    static rl_route_times times[RL_JOURNAL_ROUTES];
    char route[32];
    for (int i = 0; i < RL_JOURNAL_ROUTES + 3; i++) {
        rl_entry *entry = begin(journal, "a", 1000);
        snprintf(route, sizeof route, "/%d", i);
        rl_entry_set_route(entry, route);
        rl_entry_end(entry, i == 1 ? 500 : 200, 1000 + 1000000);
    }
    for (int i = 0; i < 2; i++) {
        rl_entry *entry = begin(journal, "a", 0);
        rl_entry_set_route(entry, "/0");
        rl_entry_end(entry, 404, 3000000);
    }
    assert_int_equal(rl_journal_copy_routes(journal, times), RL_JOURNAL_ROUTES);
    assert_string_equal(times[0].route, "/0");
    assert_int_equal(times[0].count, 3);
    assert_int_equal(times[0].errors, 0);
    assert_int_equal(times[0].sum_ns, 7000000);
    assert_int_equal(times[0].max_ns, 3000000);
    assert_in_range(times[0].p50_ns, 2800000, 3000000);
    assert_int_equal(times[1].errors, 1);
    rl_journal_free(journal);
}

static void write_and_read(void) {
    rl_journal *journal;
    if (rl_journal_new(&journal) != RL_OK)
        return;
    rl_entry *entry = begin(journal, "a", 0);
    rl_entry_set_route(entry, "/");
    for (int i = 0; i < 20; i++)
        rl_entry_close(entry, open_event(entry, 0, "sql", i % 2 == 0 ? "select 1" : "select 2", 1), 2);
    rl_entry_end(entry, 200, 3);
    static rl_entry_copy copy;
    assert_true(rl_journal_copy_entry(journal, RL_LIT("a"), &copy) == (entry != NULL));
    rl_journal_free(journal);
}

static void survives_the_end_of_memory(void **state) {
    (void)state;
    each_allocation_fails(write_and_read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_tree_of_events),
        cmocka_unit_test(nothing_is_kept_where_there_is_no_entry),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(the_same_text_is_kept_once),
        cmocka_unit_test(cuts_between_two_characters),
        cmocka_unit_test(the_last_ones_stay_and_are_shown_newest_first),
        cmocka_unit_test(counts_by_route),
        cmocka_unit_test(survives_the_end_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
