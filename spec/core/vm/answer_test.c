#include "vm/answer.h"

#include "vm/served.h"

/* What `return ...` is answered with, has to hold `part`. */
static void assert_answer(const char *code, const char *part) {
    char text[2048];
    snprintf(text, sizeof text,
             "local Answer = { [0] = 3, 'body', 'status', 'headers', 'type' }\n"
             "local function answer(t) return setmetatable(t, Answer) end\n"
             "route('GET', '/', function() %s end)",
             code);
    served *s = served_opened(text);
    feed(s->w, GET("/"));
    await_answers(s, 1);
    if (!has(s->w, part))
        fail_msg("%s: no %s in %s", code, part, s->w->out);
    served_free(s);
}

static void each_kind_of_result_has_its_answer(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "204 No Content"},
        {"return 'text'", "Content-Type: text/plain; charset=utf-8\r\n"},
        {"return 'text'", "200 OK"},
        {"return ''", "Content-Length: 0\r\n"},
        {"return { a = 1 }", "Content-Type: application/json\r\n"},
        {"return { a = 1 }", "\r\n\r\n{\"a\":1}"},
        {"return core.array{}", "\r\n\r\n[]"},
        {"return 'made', 201", "201 Created"},
        {"return 'text', nil", "200 OK"},
        {"return 'text', 200, nil", "200 OK"},
        {"return 'gone', 404, { ['X-A'] = 'b', ['X-N'] = 5 }", "X-N: 5\r\n"},
        {"return 'text', 200, { ['X-A'] = { 'b', 'c' } }", "X-A: b\r\nX-A: c\r\n"},
        {"return 'a,b', 200, { ['content-type'] = 'text/csv' }", "Content-Type: text/csv\r\n"},
        {"return { 1 }, 200, { ['Content-Type'] = 'application/problem+json' }",
         "Content-Type: application/problem+json\r\n"},
        {"return answer{ body = 'b', status = 202, headers = { X = 'y' }, type = 'text/html' }",
         "202 Accepted"},
        {"return answer{ body = 'b', type = 'text/html' }", "Content-Type: text/html\r\n"},
        {"return answer{ body = 'b' }, 203, { ['X-A'] = 'b' }", "203 "},
        {"return answer{ headers = { X = 'y' } }", "204 No Content"},
        {"return answer{ body = { 1 } }", "\r\n\r\n[1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_answer(cases[i][0], cases[i][1]);
}

static void anything_else_is_a_fault_that_says_what_is_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"return nil", "fault: handler returned nil"},
        {"return 5", "fault: handler returned a number"},
        {"return true", "fault: handler returned a boolean"},
        {"return print", "fault: handler returned a function"},
        {"return 'x', 99", "fault: handler returned status 99"},
        {"return 'x', 600", "fault: handler returned status 600"},
        {"return 'x', 200.5", "fault: handler returned status 200.5"},
        {"return 'x', 0/0", "fault: handler returned status "},
        {"return 'x', '200'", "fault: handler returned a string as the status, which is a number"},
        {"return 404, { a = 1 }", "fault: handler returned a table as the status, which is a number"},
        {"return nil, 404", "fault: handler returned nil with a status"},
        {"return 'x', 200, 'headers'", "fault: handler returned a string as its headers"},
        {"return 'x', 200, { 'a' }", "fault: headers must be a table of names and values"},
        {"return 'x', 200, { a = true }", "fault: header 'a': its value must be a string"},
        {"return 'x', 200, { a = { {} } }", "fault: header 'a': its value must be a string"},
        {"return 'x', 200, { a = 'b\\r\\nc: d' }", "fault: header 'a': "},
        {"return 'x', 200, { ['content-length'] = '5' }", "fault: header 'content-length': "},
        {"return { print }", "fault: "},
        {"return answer{ body = 'x', type = 'text/html\\r\\nX-Evil: 1' }", "fault: header 'Content-Type': "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_answer(cases[i][0], cases[i][1]);
}

static void an_encoders_complaint_names_the_place(void **state) {
    (void)state;
    assert_answer("return { items = { { price = 0/0 } } }", "items[1].price");
}

static void big_buffers_are_given_back(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_answerer answerer;
    rl_answerer_init(&answerer, r->vm, &(rl_news){.vm = r->vm});
    char *room;
    assert_int_equal(rl_buf_reserve(&answerer.body, 1 << 20, &room), RL_OK);
    lua_settop(r->vm->L, 0);
    lua_pushnil(r->vm->L);
    const char *wrong = NULL;
    assert_int_equal(rl_answer_results(&answerer, NULL, r->vm->L, 1, &wrong), RL_ANSWER_WRONG);
    assert_non_null(wrong);
    assert_int_equal(answerer.body.cap, 0);
    lua_settop(r->vm->L, 0);
    rl_answerer_clear(&answerer);
    rig_free(r);
}

static void answer_some(void) {
    served *s = served_new();
    if (served_open(s, RIG_CEILING,
                    "route('GET', '/', function()\n"
                    "  return { list = { 1, 2 } }, 200, { ['X-A'] = ('b'):rep(300) } end)"))
        feed(s->w, GET("/"));
    served_free(s);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(answer_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_result_has_its_answer),
        cmocka_unit_test(anything_else_is_a_fault_that_says_what_is_wrong),
        cmocka_unit_test(an_encoders_complaint_names_the_place),
        cmocka_unit_test(big_buffers_are_given_back),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
