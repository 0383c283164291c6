#include "vm/news.h"

#include "vm/served.h"

static const char WAIT[] = "route('GET', '/', function() local case = core.news(50) return 'case ' .. case end)\n";

static void whoever_waits_hears_of_a_notice_and_of_the_end(void **state) {
    (void)state;
    served *s = served_opened(WAIT);
    feed(s->w, GET("/"));
    rl_news_set_notice_take(rl_app_news(s->app), rl_mem_strndup("no", 2));
    await_answers(s, 1);
    assert_true(has(s->w, "case 1"));
    forget(s->w);
    feed(s->w, GET("/"));
    rl_server_drain(s->w->server);
    await_answers(s, 1);
    assert_true(has(s->w, "case 1"));
    served_free(s);
}

static void it_waits_no_longer_than_was_asked(void **state) {
    (void)state;
    served *s = served_opened(WAIT);
    feed(s->w, GET("/"));
    await_answers(s, 1);
    assert_true(has(s->w, "case 2"));
    served_free(s);
}

static void the_old_code_hears_that_other_code_has_taken_over(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/', function() core.news(1e9) return 'leaving ' .. tostring(core.is_leaving()) end)\n"
                              "route('GET', '/now', function() return 'leaving ' .. tostring(core.is_leaving()) end)");
    feed(s->w, GET("/now"));
    assert_true(has(s->w, "leaving false"));
    forget(s->w);
    feed(s->w, GET("/"));
    rl_server_switch(s->w->server, rl_app_tenant(s->app));
    await_answers(s, 1);
    assert_true(has(s->w, "leaving true"));
    served_free(s);
}

static void the_stamp_tells_code_and_notices_apart(void **state) {
    (void)state;
    served *s = served_opened("");
    char first[RL_STAMP_CAP], broken[RL_STAMP_CAP], other[RL_STAMP_CAP], again[RL_STAMP_CAP];
    rl_news *news = rl_app_news(s->app);
    s->r->vm->generation = 7;
    rl_news_stamp(news, first);
    assert_non_null(strstr(first, "-7"));
    rl_news_set_notice_take(news, rl_mem_strndup("one", 3));
    rl_news_stamp(news, broken);
    rl_news_set_notice_take(news, rl_mem_strndup("two", 3));
    rl_news_stamp(news, other);
    rl_news_set_notice_take(news, NULL);
    rl_news_stamp(news, again);
    assert_string_equal(first, again);
    assert_string_not_equal(first, broken);
    assert_string_not_equal(broken, other);
    rl_news_set_look(news, 1);
    rl_news_stamp(news, again);
    rl_news_set_look(news, 2);
    rl_news_stamp(news, other);
    assert_string_not_equal(first, again);
    assert_string_not_equal(again, other);
    served_free(s);
}

static void watching_pages_hold_the_stamp(void **state) {
    (void)state;
    served *s = served_opened(
        "core.watch_pages()\n"
        "route('GET', '/', function() return '<!doctype html><body>x</body>', 200, { ['Content-Type'] = 'text/html' } end)\n"
        "route('GET', '/early', function(slot, epoch)\n"
        "  core.set_header(slot, epoch, 'Content-Type', 'text/html') return '<html>y' end)\n"
        "route('GET', '/text', function() return '<html>' end)\n"
        "route('GET', '/_rille/x', function() return '<html>z', 200, { ['Content-Type'] = 'text/html' } end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "x<script src=\"/_rille/refresh.js\" data-stamp=\"") && has(s->w, "-0\" async></script></body>"));
    forget(s->w);
    feed(s->w, GET("/early"));
    assert_true(has(s->w, "<html>y<script src=\"/_rille"));
    forget(s->w);
    feed(s->w, GET("/text") GET("/_rille/x"));
    assert_true(has(s->w, "<html>z") && !has(s->w, "<script"));
    served_free(s);
}

static size_t length_of(const char *line) {
    assert_non_null(line);
    return strtoul(strchr(line, ':') + 1, NULL, 10);
}

static void their_length_is_that_of_what_is_sent(void **state) {
    (void)state;
    served *s = served_opened(
        "core.watch_pages()\n"
        "route('GET', '/', function() return '<html>x', 200, { ['Content-Type'] = 'text/html' } end)");
    feed(s->w, GET("/"));
    size_t length = length_of(strstr(s->w->out, "Content-Length"));
    assert_int_equal(strlen(strstr(s->w->out, "\r\n\r\n") + 4), length);
    forget(s->w);
    feed(s->w, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(length_of(strstr(s->w->out, "Content-Length")), length);
    served_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_waits_hears_of_a_notice_and_of_the_end),
        cmocka_unit_test(it_waits_no_longer_than_was_asked),
        cmocka_unit_test(the_old_code_hears_that_other_code_has_taken_over),
        cmocka_unit_test(the_stamp_tells_code_and_notices_apart),
        cmocka_unit_test(watching_pages_hold_the_stamp),
        cmocka_unit_test(their_length_is_that_of_what_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
