#include "http/request_id.h"

#include "http/wire.h"

static void request_ids_differ(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    char one[RL_REQUEST_ID_LEN], other[RL_REQUEST_ID_LEN];
    assert_int_equal(rl_request_id(w->seen[0].request, one).len, sizeof one);
    assert_ptr_equal(rl_request_id(w->seen[1].request, other).ptr, other);
    assert_memory_not_equal(one, other, sizeof one);
    for (size_t i = 0; i < sizeof one; i++)
        assert_true(strchr("0123456789abcdef", one[i]) != NULL);
    wire_free(w);
}

static void an_id_that_was_given_is_told_unless_it_could_do_harm(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    rl_request *request = w->seen[0].request;
    char own[RL_REQUEST_ID_LEN];
    const char *longest = "0123456789.abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const rl_slice harmful[] = {RL_LIT(""), RL_LIT("a b"), RL_LIT("a\nb"), RL_LIT("a\"b"), RL_LIT("a\0b"), RL_LIT("\xe4"),
                                RL_LIT("0123456789.abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ-")};
    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
        assert_false(rl_request_give_id(request, harmful[i]));
    assert_ptr_equal(rl_request_id(request, own).ptr, own);
    assert_int_equal(strlen(longest), RL_REQUEST_ID_MOST);
    assert_true(rl_request_give_id(request, rl_slice_str(longest)));
    assert_true(rl_slice_eq(rl_request_id(request, own), rl_slice_str(longest)));
    assert_true(rl_request_fail(request, 400, "bad", "no"));
    release(w, 0);
    turn(w);
    assert_non_null(strstr(w->out, longest));
    feed(w, GET("/b"));
    assert_ptr_equal(rl_request_id(w->seen[1].request, own).ptr, own);
    wire_free(w);
}

/* What is pinned up tells the same id, also to who has nothing but the row. */
static void a_row_that_is_pinned_up_has_the_requests_id(void **state) {
    (void)state;
    rl_bulletin_row row = {0};
    char own[RL_REQUEST_ID_LEN], pinned[RL_REQUEST_ID_MOST];
    assert_int_equal(rl_request_id_pinned(&row, pinned).len, 0);
    wire *w = wire_opened();
    feed(w, GET("/a"));
    rl_request *request = w->seen[0].request;
    rl_request_pin(request, "/a", &row);
    assert_string_equal(row.name, "/a");
    assert_true(rl_slice_eq(rl_request_id_pinned(&row, pinned), rl_request_id(request, own)));
    assert_true(rl_request_give_id(request, RL_LIT("edge-7")));
    rl_request_pin(request, "/a", &row);
    assert_true(rl_slice_eq(rl_request_id_pinned(&row, pinned), RL_LIT("edge-7")));
    row.given_len = 255; /* as who died while it was written might leave it */
    assert_true(rl_request_id_pinned(&row, pinned).len <= sizeof pinned);
    rl_request_pin(NULL, NULL, &row);
    assert_int_equal(rl_request_id_pinned(&row, pinned).len, 0);
    wire_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_ids_differ),
        cmocka_unit_test(an_id_that_was_given_is_told_unless_it_could_do_harm),
        cmocka_unit_test(a_row_that_is_pinned_up_has_the_requests_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
