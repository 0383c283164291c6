#include "http/request.h"

#include "http/lines.h"
#include "http/wire.h"

#define EXPECTING(len) \
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " #len "\r\nExpect: 100-continue\r\n\r\n"

/* ---- framing ----------------------------------------------------------------- */

typedef struct answered {
    const char *request;
    int status;
    const char *body;
    const char *has, *lacks; /* in what the client got */
    const char *ends;        /* the last bytes of it */
} answered;

static void check_answer(const answered *one, bool in_pieces) {
    wire *w = wire_opened();
    feed(w, one->request);
    assert_int_equal(w->count, 1);
    rl_answer how = {.status = one->status, .type = RL_LIT("text/plain")};
    if (!in_pieces) {
        how.body = rl_slice_str(one->body);
        answer_with(w, 0, how);
    } else {
        rl_request *request = w->seen[0].request;
        assert_true(rl_request_begin(request, &how));
        assert_true(rl_request_write(request, rl_slice_str(one->body)));
        assert_true(rl_request_write(request, (rl_slice){NULL, 0}));
        rl_request_end(request);
        release(w, 0);
    }
    turn(w);
    if (!has(w, one->has) || has(w, one->lacks) ||
        strcmp(w->out + w->out_len - strlen(one->ends), one->ends) != 0)
        fail_msg("%s %d %s: %s", one->request, one->status, in_pieces ? "in pieces" : "whole", w->out);
    wire_free(w);
}

static void a_whole_answer_has_the_framing_of_its_status_and_method(void **state) {
    (void)state;
    const char *head = "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n";
    const answered cases[] = {
        {GET("/a"), 200, "hello", "Content-Length: 5\r\n", "chunked", "\r\n\r\nhello"},
        {GET("/a"), 200, "", "Content-Length: 0\r\n", "chunked", "\r\n\r\n"},
        {GET("/a"), 204, "hello", "204 No Content", "Content-Length", "\r\n\r\n"},
        {GET("/a"), 304, "hello", "304 Not Modified", "Content-Length", "\r\n\r\n"},
        {GET("/a"), 205, "hello", "Content-Length: 0\r\n", "hello", "\r\n\r\n"},
        {head, 200, "hello", "Content-Length: 5\r\n", "hello", "\r\n\r\n"},
        {head, 404, "hello", "Content-Length: 5\r\n", "hello", "\r\n\r\n"},
        {head, 204, "", "204 No Content", "Content-Length", "\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_answer(&cases[i], false);
}

static void an_answer_in_pieces_has_the_framing_of_its_status_and_version(void **state) {
    (void)state;
    const char *head = "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n",
               *old = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const answered cases[] = {
        {GET("/a"), 200, "hello", "Transfer-Encoding: chunked\r\n", "Content-Length",
         "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
        {GET("/a"), 200, "", "Transfer-Encoding: chunked\r\n", "Content-Length", "\r\n\r\n0\r\n\r\n"},
        {GET("/a"), 204, "hello", "204 No Content", "chunked", "\r\n\r\n"},
        {GET("/a"), 304, "hello", "304 Not Modified", "chunked", "\r\n\r\n"},
        {GET("/a"), 205, "hello", "Content-Length: 0\r\n", "chunked", "\r\n\r\n"},
        {head, 200, "hello", "Transfer-Encoding: chunked\r\n", "hello", "\r\n\r\n"},
        {old, 200, "hello", "Connection: close\r\n", "chunked", "\r\n\r\nhello"},
        {old, 204, "hello", "Connection: keep-alive\r\n", "chunked", "\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_answer(&cases[i], true);
}

static void the_connection_stays_when_both_sides_want_it(void **state) {
    (void)state;
    const answered cases[] = {
        {GET("/a"), 200, "x", "200 OK", "Connection", "x"},
        {"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "x", "Connection: close\r\n",
         "keep-alive", "x"},
        {"GET /a HTTP/1.0\r\n\r\n", 200, "x", "Connection: close\r\n", "keep-alive", "x"},
        {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "x", "Connection: keep-alive\r\n", "close",
         "x"},
        {"GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 200, "x", "Connection: close\r\n",
         "alive", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_answer(&cases[i], false);
        wire *w = wire_opened();
        feed(w, cases[i].request);
        answer(w, 0, "x");
        turn(w);
        assert_int_equal(w->is_shut, has(w, "Connection: close"));
        wire_free(w);
    }
}

static void every_answer_has_a_date(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/now"));
    const char *date = strstr(w->out, "\r\nDate: ");
    assert_non_null(date);
    char day[4], month[4];
    int of_month, year, hour, minute, second;
    assert_int_equal(sscanf(date, "\r\nDate: %3s, %2d %3s %4d %2d:%2d:%2d GMT\r\n", day, &of_month, month,
                            &year, &hour, &minute, &second),
                     7);
    assert_true(year >= 2024);
    wire_free(w);
}

static void the_first_answer_counts(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    rl_request *request = w->seen[0].request;
    assert_true(rl_request_answer(request, &(rl_answer){.status = 200, .body = RL_LIT("first")}));
    assert_false(rl_request_answer(request, &(rl_answer){.status = 500, .body = RL_LIT("second")}));
    assert_false(rl_request_begin(request, &(rl_answer){.status = 500}));
    assert_false(rl_request_write(request, RL_LIT("third")));
    release(w, 0);
    turn(w);
    assert_true(has(w, "first") && !has(w, "second") && !has(w, "third"));
    wire_free(w);
}

static void a_handler_that_gives_no_answer_gives_500(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    release(w, 0);
    turn(w);
    assert_true(has(w, "500 Internal Server Error"));
    wire_free(w);
}

static void a_stream_that_is_released_is_ended(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/now"));
    assert_true(rl_request_begin(w->seen[0].request, &(rl_answer){.status = 200}));
    release(w, 0);
    turn(w);
    assert_true(in_order(w, "\r\n\r\n0\r\n\r\n", "/now"));
    wire_free(w);
}

/* ---- header lines --------------------------------------------------------------- */

static void header_lines_set_before_precede_those_of_the_answer(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    const char *why;
    rl_buf *fields = &w->seen[0].request->fields;
    assert_int_equal(rl_lines_append(fields, RL_LIT("X-Early"), RL_LIT("1"), &why), RL_OK);
    answer_with(w, 0, (rl_answer){.status = 200, .fields = RL_LIT("X-Late: 2\r\n")});
    turn(w);
    assert_true(in_order(w, "X-Early: 1\r\n", "X-Late: 2\r\n"));
    wire_free(w);
}

static void a_content_type_is_sent_once(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    const char *why;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            rl_lines_append(&w->seen[i].request->fields, RL_LIT("content-type"), RL_LIT("text/csv"), &why),
            RL_OK);
    answer(w, 0, "a,b");
    turn(w);
    assert_true(has(w, "content-type: text/csv\r\n") && !has(w, "text/plain"));
    forget(w);
    assert_true(rl_request_fail(w->seen[1].request, 500, "internal", "no"));
    release(w, 1);
    turn(w);
    assert_true(has(w, "Content-Type: application/json\r\n") && !has(w, "text/csv"));
    wire_free(w);
}

/* ---- expecting to continue --------------------------------------------------------- */

static void a_client_that_expects_it_is_told_to_go_on(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, EXPECTING(5));
    assert_string_equal(w->out, "HTTP/1.1 100 Continue\r\n\r\n");
    feed(w, "hello");
    assert_true(in_order(w, "100 Continue", "200 OK") && has(w, "\r\n\r\nhello"));
    assert_int_equal(times(w, "100 Continue"), 1);
    wire_free(w);
}

static void a_client_that_did_not_wait_is_not_told(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, EXPECTING(5) "hello");
    assert_true(has(w, "200 OK") && !has(w, "100 Continue") && !has(w, "close"));
    wire_free(w);
}

static void nothing_is_told_once_the_answer_has_begun(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_true(rl_request_begin(w->seen[0].request, &(rl_answer){.status = 200}));
    rl_request_want_body(w->seen[0].request);
    turn(w);
    assert_false(has(w, "100 Continue"));
    assert_true(has(w, "Connection: close"));
    wire_free(w);
}

static void an_answer_instead_of_100_ends_the_connection(void **state) {
    (void)state;
    const char *how[] = {"Content-Length: 5", "Transfer-Encoding: chunked"};
    for (size_t i = 0; i < 2; i++) {
        wire *w = wire_opened();
        char text[256];
        snprintf(text, sizeof text, "POST /now HTTP/1.1\r\nHost: x\r\n%s\r\nExpect: 100-continue\r\n\r\n",
                 how[i]);
        feed(w, text);
        assert_true(has(w, "Connection: close") && w->is_shut);
        feed(w, GET("/never"));
        assert_int_equal(w->count, 1);
        wire_free(w);
    }
}

static void a_client_behind_others_is_told_when_its_turn_comes(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") EXPECTING(5));
    assert_null(w->out);
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "100 Continue"));
    feed(w, "hello");
    assert_true(in_order(w, "100 Continue", "hello"));
    wire_free(w);
}

static void the_time_for_a_body_begins_when_it_is_asked_for(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.body_timeout_ms = 8000;
    w->limits.body_min_rate = 1000;
    assert_true(wire_open(w));
    feed(w, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    pass(w, 20000);
    assert_null(w->out);
    rl_request_want_body(w->seen[0].request);
    turn(w);
    feed(w, "hell");
    pass(w, 7999);
    assert_int_equal(w->seen[0].bodies, 0);
    pass(w, 1);
    assert_int_equal(w->seen[0].request->body.failed, 408);
    assert_int_equal(w->seen[0].bodies, 1);
    wire_free(w);
}

/* ---- identity -------------------------------------------------------------------------- */

/* One slot serves a million requests. Whoever holds an epoch finds the request
 * of that epoch or nothing. */
static void a_slot_used_again_a_million_times_never_gives_anothers_data(void **state) {
    (void)state;
    enum { REQUESTS = 1000000, REMEMBERED = 64 };
    static uint32_t epochs[REMEMBERED];
    wire *w = wire_opened();
    rl_server *server = w->server;
    uint32_t slot = 0;
    for (uint32_t n = 0; n < REQUESTS; n++) {
        rl_request *request = rl_request_acquire(server, NULL);
        assert_non_null(request);
        assert_true(n == 0 || request->slot == slot);
        slot = request->slot;
        for (uint32_t i = 0; i < REMEMBERED && i < n; i += 7) /* late ones */
            if (epochs[i] == request->epoch || rl_server_request(server, slot, epochs[i]) != NULL)
                fail_msg("request %u is found under an old epoch", n);
        epochs[n % REMEMBERED] = request->epoch;
        assert_true(rl_server_request(server, slot, request->epoch) == request);
        assert_true(request->handling == NULL && request->fields.tail == 0 && request->body.len == 0);
        request->handling = w;
        request->head.len = 0;
        rl_request_drop(request);
    }
    assert_null(rl_server_request(server, slot + 1, 1));
    wire_free(w);
}

static void a_request_without_memory_for_its_head_is_over(void **state) {
    (void)state;
    wire *w = wire_opened();
    rl_request *request = rl_request_acquire(w->server, NULL);
    char head[] = "GET / HTTP/1.1\r\n\r\n";
    request->head.base = head;
    request->head.len = sizeof head - 1;
    request->arena.ceiling = 1;
    uint32_t epoch = request->epoch;
    assert_false(rl_request_keep(request));
    assert_null(rl_server_request(w->server, request->slot, epoch));
    assert_int_equal(request->head.len, 0);
    rl_request_drop(request);
    wire_free(w);
}

static void expect(void) {
    wire *w = wire_new();
    if (wire_open(w)) {
        feed(w, GET("/a") EXPECTING(5));
        for (size_t i = 0; i < w->count; i++)
            if (!w->seen[i].is_released)
                release(w, i);
        turn(w);
        feed(w, "hello");
    }
    wire_free(w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(expect);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_has_the_framing_of_its_status_and_method),
        cmocka_unit_test(an_answer_in_pieces_has_the_framing_of_its_status_and_version),
        cmocka_unit_test(the_connection_stays_when_both_sides_want_it),
        cmocka_unit_test(every_answer_has_a_date),
        cmocka_unit_test(the_first_answer_counts),
        cmocka_unit_test(a_handler_that_gives_no_answer_gives_500),
        cmocka_unit_test(a_stream_that_is_released_is_ended),
        cmocka_unit_test(header_lines_set_before_precede_those_of_the_answer),
        cmocka_unit_test(a_content_type_is_sent_once),
        cmocka_unit_test(a_client_that_expects_it_is_told_to_go_on),
        cmocka_unit_test(a_client_that_did_not_wait_is_not_told),
        cmocka_unit_test(nothing_is_told_once_the_answer_has_begun),
        cmocka_unit_test(an_answer_instead_of_100_ends_the_connection),
        cmocka_unit_test(a_client_behind_others_is_told_when_its_turn_comes),
        cmocka_unit_test(the_time_for_a_body_begins_when_it_is_asked_for),
        cmocka_unit_test(a_slot_used_again_a_million_times_never_gives_anothers_data),
        cmocka_unit_test(a_request_without_memory_for_its_head_is_over),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
