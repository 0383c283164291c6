/* Over 400 lines, because nearly all of them are tables of cases. */
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/target.h"
#include "mem.h"

/* The routes that most samples share; a route's number is its index. */
static const struct {
    rl_method method;
    const char *pattern;
} ROUTES[] = {
    {RL_GET, "/"},                         /* 0 */
    {RL_GET, "/users"},                    /* 1 */
    {RL_POST, "/users"},                   /* 2 */
    {RL_GET, "/users/:id"},                /* 3 */
    {RL_GET, "/users/new"},                /* 4 */
    {RL_GET, "/users/:user/posts"},        /* 5 */
    {RL_GET, "/users/:user/posts/:post"},  /* 6 */
    {RL_DELETE, "/users/:id"},             /* 7 */
    {RL_GET, "/files/*path"},              /* 8 */
    {RL_GET, "/files/readme"},             /* 9 */
    {RL_GET, "/files/:name/info"},         /* 10 */
    {RL_GET, "/v:version/status"},         /* 11 */
    {RL_GET, "/export/:name.json"},        /* 12 */
    {RL_GET, "/export/:name"},             /* 13 */
    {RL_GET, "/export/report-:year.json"}, /* 14 */
    {RL_GET, "/caf\xc3\xa9"},              /* 15 */
    {RL_GET, "/abc"},                      /* 16 */
    {RL_METHOD_ANY, "/any"},               /* 17 */
    {RL_PUT, "/any"},                      /* 18 */
    {RL_GET, "/dir/"},                     /* 19 */
    {RL_HEAD, "/head"},                    /* 20 */
    {RL_GET, "/head"},                     /* 21 */
    {RL_OPTIONS, "/options"},              /* 22 */
    {RL_GET, "/x//y"},                     /* 23 */
    {RL_GET, "/a/:b/c/:d/e"},              /* 24 */
    {RL_GET, "/a/b/:c/d"},                 /* 25 */
    {RL_GET, "/a/*rest"},                  /* 26 */
    {RL_POST, "/mix/static"},              /* 27 */
    {RL_GET, "/mix/:id"},                  /* 28 */
    {RL_GET, "/sp ace/:id"},               /* 29 */
    {RL_GET, "/a-b.c_d~e"},                /* 30 */
};

static rl_router *build(bool backwards) {
    size_t count = sizeof ROUTES / sizeof *ROUTES;
    rl_router *router = rl_router_new();
    assert_non_null(router);
    for (size_t i = 0; i < count; i++) {
        size_t at = backwards ? count - 1 - i : i;
        char message[200];
        rl_err err = rl_router_add(router, ROUTES[at].method, rl_slice_str(ROUTES[at].pattern), (int)at,
                                   RL_LIT("app.lua:1"), message, sizeof message);
        if (err != RL_OK)
            fail_msg("%s", message);
        assert_string_equal(message, "");
    }
    return router;
}

/* "3 id=7", "404", "405 GET, HEAD, OPTIONS", "400" */
static void describe(const rl_router *router, rl_method method, rl_slice path, char *out, size_t cap) {
    rl_match match;
    char allow[RL_METHOD_SET_CAP];
    char *copy = malloc(path.len > 0 ? path.len : 1); /* of its own size, for the address sanitizer */
    assert_non_null(copy);
    memcpy(copy, path.ptr, path.len);
    switch (rl_router_match(router, method, rl_slice_of(copy, path.len), &match)) {
    case RL_ROUTE_FOUND: {
        size_t len = (size_t)snprintf(out, cap, "%d", match.route);
        for (uint32_t i = 0; i < match.count; i++)
            len += (size_t)snprintf(
                out + len, cap - len, " %s%.*s=%.*s", match.wildcard && i + 1 == match.count ? "*" : "",
                (int)match.names[i].len, match.names[i].ptr, (int)match.params[i].len, match.params[i].ptr);
        break;
    }
    case RL_ROUTE_NOT_FOUND: snprintf(out, cap, "404"); break;
    case RL_ROUTE_BAD_PATH: snprintf(out, cap, "400"); break;
    case RL_ROUTE_METHOD: snprintf(out, cap, "405 %s", rl_method_set_text(match.allow, allow).ptr); break;
    }
    free(copy);
}

typedef struct sample {
    rl_method method;
    const char *path, *expected;
} sample;

static void expect_routes(const sample *samples, size_t count) {
    for (int backwards = 0; backwards < 2; backwards++) {
        rl_router *router = build(backwards != 0);
        for (size_t i = 0; i < count; i++) {
            char got[400];
            describe(router, samples[i].method, rl_slice_str(samples[i].path), got, sizeof got);
            if (strcmp(got, samples[i].expected) != 0)
                fail_msg("%s %s: expected %s, got %s", rl_method_name(samples[i].method), samples[i].path,
                         samples[i].expected, got);
        }
        rl_router_free(router);
    }
}

#define EXPECT_ROUTES(samples) expect_routes(samples, sizeof(samples) / sizeof *(samples))

static void finds_static_routes(void **state) {
    static const sample samples[] = {
        {RL_GET, "/", "0"},           {RL_GET, "/users", "1"},    {RL_POST, "/users", "2"},
        {RL_GET, "/abc", "16"},       {RL_GET, "/dir/", "19"},    {RL_GET, "/x//y", "23"},
        {RL_GET, "/a-b.c_d~e", "30"}, {RL_GET, "/dir", "404"},    {RL_GET, "/users/", "404"},
        {RL_GET, "//", "404"},        {RL_GET, "//users", "404"}, {RL_GET, "/Users", "404"},
        {RL_GET, "/user", "404"},     {RL_GET, "/userss", "404"}, {RL_GET, "/x/y", "404"},
        {RL_GET, "/x///y", "404"},    {RL_GET, "/abc/", "404"},   {RL_GET, "/abc/d", "404"},
        {RL_GET, "/nothing", "404"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void finds_parameters(void **state) {
    static const sample samples[] = {
        {RL_GET, "/users/7", "3 id=7"},         {RL_GET, "/users/a%20b", "3 id=a%20b"},
        {RL_GET, "/users/a%2Fb", "3 id=a%2Fb"}, {RL_GET, "/users/:id", "3 id=:id"},
        {RL_GET, "/users/7/posts", "5 user=7"}, {RL_GET, "/users/7/posts/8", "6 user=7 post=8"},
        {RL_DELETE, "/users/7", "7 id=7"},      {RL_GET, "/a/1/c/2/e", "24 b=1 d=2"},
        {RL_GET, "/users/7/", "404"},           {RL_GET, "/users/7/posts/", "404"},
        {RL_GET, "/users//posts", "404"},       {RL_GET, "/users/7/other", "404"},
        {RL_GET, "/users/7/posts/8/9", "404"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void prefers_static_to_parameters_to_wildcards(void **state) {
    static const sample samples[] = {
        {RL_GET, "/users/new", "4"},
        {RL_GET, "/users/new/posts", "5 user=new"},
        {RL_GET, "/users/newer", "3 id=newer"},
        {RL_GET, "/files/readme", "9"},
        {RL_GET, "/files/readme/info", "10 name=readme"},
        {RL_GET, "/files/readme/other", "8 *path=readme/other"},
        {RL_GET, "/files/x/info", "10 name=x"},
        {RL_GET, "/files/x/info/", "8 *path=x/info/"},
        {RL_GET, "/a/b/c/d", "25 c=c"},
        {RL_GET, "/a/b/c/d/e", "24 b=b d=d"},
        {RL_GET, "/a/b/c/d/f", "26 *rest=b/c/d/f"},
        {RL_GET, "/a/x/c/d/", "26 *rest=x/c/d/"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void gives_wildcards_the_rest(void **state) {
    static const sample samples[] = {
        {RL_GET, "/files/a", "8 *path=a"},
        {RL_GET, "/files/a/b//c/", "8 *path=a/b//c/"},
        {RL_GET, "/files/", "8 *path="},
        {RL_GET, "/files//", "8 *path=/"},
        {RL_GET, "/files/a%2Fb/%41", "8 *path=a%2Fb/%41"},
        {RL_GET, "/files", "404"},
        {RL_GET, "/files/../etc", "400"},
        {RL_GET, "/files/%2e%2e/etc", "400"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void matches_text_around_parameters(void **state) {
    static const sample samples[] = {
        {RL_GET, "/v1/status", "11 version=1"},
        {RL_GET, "/v1.2/status", "11 version=1.2"},
        {RL_GET, "/%761/status", "11 version=1"},
        {RL_GET, "/v/status", "404"},
        {RL_GET, "/w1/status", "404"},
        {RL_GET, "/export/a.json", "12 name=a"},
        {RL_GET, "/export/a%2ejson", "12 name=a"},
        {RL_GET, "/export/a.%6A%73on", "12 name=a"},
        {RL_GET, "/export/%41.json", "12 name=%41"},
        {RL_GET, "/export/.json", "13 name=.json"},
        {RL_GET, "/export/json", "13 name=json"},
        {RL_GET, "/export/a.xml", "13 name=a.xml"},
        {RL_GET, "/export/a.json.json", "12 name=a.json"},
        {RL_GET, "/export/report-2024.json", "14 year=2024"},
        {RL_GET, "/export/report-.json", "12 name=report-"},
        {RL_GET, "/export/report-2024", "13 name=report-2024"},
        {RL_GET, "/export/", "404"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void compares_segments_decoded(void **state) {
    static const sample samples[] = {
        {RL_GET, "/caf%C3%A9", "15"},
        {RL_GET, "/caf\xc3\xa9", "15"},
        {RL_GET, "/%63af%c3%a9", "15"},
        {RL_GET, "/%61bc", "16"},
        {RL_GET, "/%61%62%63", "16"},
        {RL_GET, "/%75sers/%6Eew", "4"},
        {RL_GET, "/%75sers/7/p%6Fsts", "5 user=7"},
        {RL_GET, "/sp%20ace/1", "29 id=1"},
        {RL_GET, "/sp+ace/1", "404"},
        {RL_GET, "/users%2F7", "404"},
        {RL_GET, "/users%2Fnew", "404"},
        {RL_GET, "/cafe%CC%81", "404"},
        {RL_GET, "/%2561bc", "404"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void answers_methods_that_are_not_there(void **state) {
    static const sample samples[] = {
        {RL_PUT, "/users", "405 GET, HEAD, POST, OPTIONS"},
        {RL_OPTIONS, "/users", "405 GET, HEAD, POST, OPTIONS"},
        {RL_POST, "/users/7", "405 GET, HEAD, DELETE, OPTIONS"},
        {RL_POST, "/users/new", "405 GET, HEAD, DELETE, OPTIONS"},
        {RL_POST, "/files/a", "405 GET, HEAD, OPTIONS"},
        {RL_GET, "/mix/static", "28 id=static"},
        {RL_POST, "/mix/static", "27"},
        {RL_DELETE, "/mix/static", "405 GET, HEAD, POST, OPTIONS"},
        {RL_POST, "/nothing", "404"},
        {RL_METHOD_OTHER, "/users", "405 GET, HEAD, POST, OPTIONS"},
        {RL_OPTIONS, "/options", "22"},
        {RL_GET, "/options", "405 OPTIONS"},
        {RL_HEAD, "/options", "405 OPTIONS"},
        {RL_METHOD_OTHER, "/any", "405 GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void leads_head_to_get(void **state) {
    static const sample samples[] = {
        {RL_HEAD, "/", "0"},     {RL_HEAD, "/users/7", "3 id=7"}, {RL_HEAD, "/head", "20"},
        {RL_GET, "/head", "21"}, {RL_HEAD, "/any", "17"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void prefers_a_methods_own_route_to_any(void **state) {
    static const sample samples[] = {
        {RL_GET, "/any", "17"},
        {RL_POST, "/any", "17"},
        {RL_OPTIONS, "/any", "17"},
        {RL_PUT, "/any", "18"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void refuses_bad_paths(void **state) {
    static const sample samples[] = {
        {RL_GET, "", "400"},          {RL_GET, "users", "400"},       {RL_GET, "*", "400"},
        {RL_GET, "/users/..", "400"}, {RL_GET, "/users/.", "400"},    {RL_GET, "/users/%00", "400"},
        {RL_GET, "/users/%", "400"},  {RL_GET, "/users/%zz", "400"},  {RL_GET, "/users/%ff", "400"},
        {RL_GET, "/a\\b", "400"},     {RL_GET, "/nothing/..", "400"},
    };
    (void)state;
    EXPECT_ROUTES(samples);
}

static void refuses_malformed_patterns(void **state) {
    static const char *const samples[][2] = {
        {"", "begin with /"},
        {"users", "begin with /"},
        {"/a?b", "never part of a path"},
        {"/a#b", "never part of a path"},
        {"/caf%C3%A9", "written decoded"},
        {"/100%", "written decoded"},
        {"/a/../b", "never match"},
        {"/.", "never match"},
        {"/a\\b", "never match"},
        {"/\xff", "never match"},
        {"/:", "a parameter without a name"},
        {"/a/:/b", "a parameter without a name"},
        {"/:1", "a parameter without a name"},
        {"/*", "a wildcard without a name"},
        {"/files/*/x", "a wildcard without a name"},
        {"/a/**", "a wildcard without a name"},
        {"/a/{id}", "a segment in brackets: a parameter is written :id"},
        {"/<int:id>/b", "a segment in brackets"},
        {"/<id>", "a segment in brackets"},
        {"/[id]/b", "a segment in brackets"},
        {"/:id([0-9]+)", "an expression behind a parameter"},
        {"/:id(\\d+)/b", "an expression behind a parameter"},
        {"/:id(%d+)", "an expression behind a parameter"},
        {"/a/:id?", "an optional parameter"},
        {"/a/:id+", "a repeated parameter"},
        {"/a/:id*", "a repeated parameter"},
        {"/*path/x", "not at its end"},
        {"/*path/", "not at its end"},
        {"/a*path", "text around a wildcard"},
        {"/*path.txt", "text around a wildcard"},
        {"/:a:b", "more than one parameter"},
        {"/:a-:b", "more than one parameter"},
        {"/:a*b", "more than one parameter"},
        {"/:id/:id", "same name"},
        {"/:id/x/*id", "same name"},
        {"/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q", "too many parameters"},
    };
    (void)state;
    rl_router *router = rl_router_new();
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char message[300];
        assert_int_equal(rl_router_add(router, RL_GET, rl_slice_str(samples[i][0]), 1, RL_LIT("app.lua:7"),
                                       message, sizeof message),
                         RL_EINVAL);
        if (strstr(message, samples[i][1]) == NULL || strstr(message, "app.lua:7") == NULL)
            fail_msg("%s: %s", samples[i][0], message);
    }
    char text[600] = "/", message[300];
    memset(text + 1, 'a', 256);
    assert_int_equal(
        rl_router_add(router, RL_GET, rl_slice_of(text, 257), 1, RL_LIT("w"), message, sizeof message),
        RL_EINVAL);
    assert_int_equal(
        rl_router_add(router, RL_GET, rl_slice_of(text, 256), 1, RL_LIT("w"), message, sizeof message),
        RL_OK);
    rl_router_free(router);
}

static void names_both_places_of_a_duplicate(void **state) {
    static const struct {
        rl_method first_method;
        const char *first;
        rl_method second_method;
        const char *second;
        bool taken;
    } samples[] = {
        {RL_GET, "/", RL_GET, "/", true},
        {RL_GET, "/a", RL_GET, "/a", true},
        {RL_GET, "/a", RL_POST, "/a", false},
        {RL_GET, "/a", RL_GET, "/a/", false},
        {RL_GET, "/:a", RL_GET, "/:b", true},
        {RL_GET, "/:a/x", RL_GET, "/:b/x", true},
        {RL_GET, "/:a/x", RL_GET, "/:b/y", false},
        {RL_GET, "/*a", RL_GET, "/*b", true},
        {RL_GET, "/*a", RL_GET, "/:b", false},
        {RL_GET, "/:a.json", RL_GET, "/:b.json", true},
        {RL_GET, "/:a.json", RL_GET, "/:b.xml", false},
        {RL_GET, "/v:a", RL_GET, "/v:b", true},
        {RL_GET, "/v:a", RL_GET, "/:b", false},
        {RL_METHOD_ANY, "/a", RL_METHOD_ANY, "/a", true},
        {RL_METHOD_ANY, "/a", RL_GET, "/a", false},
        {RL_GET, "/a", RL_METHOD_ANY, "/a", false},
        {RL_HEAD, "/a", RL_GET, "/a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char message[300];
        rl_router *router = rl_router_new();
        assert_int_equal(rl_router_add(router, samples[i].first_method, rl_slice_str(samples[i].first), 1,
                                       RL_LIT("app.lua:12"), message, sizeof message),
                         RL_OK);
        rl_err err = rl_router_add(router, samples[i].second_method, rl_slice_str(samples[i].second), 2,
                                   RL_LIT("admin.lua:34"), message, sizeof message);
        assert_int_equal(err, samples[i].taken ? RL_EEXIST : RL_OK);
        if (samples[i].taken) {
            assert_non_null(strstr(message, "app.lua:12"));
            assert_non_null(strstr(message, "admin.lua:34"));
        }
        rl_router_free(router);
    }
}

static void cuts_messages_to_the_room_there_is(void **state) {
    char message[8] = "1234567";
    (void)state;
    rl_router *router = rl_router_new();
    assert_int_equal(rl_router_add(router, RL_GET, RL_LIT("x"), 1, RL_LIT("w"), message, sizeof message),
                     RL_EINVAL);
    assert_int_equal(strlen(message), 7);
    rl_router_free(router);
}

static void takes_sixteen_parameters(void **state) {
    char got[400], message[200];
    (void)state;
    rl_router *router = rl_router_new();
    rl_slice pattern = RL_LIT("/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/*p");
    assert_int_equal(rl_router_add(router, RL_GET, pattern, 1, RL_LIT("w"), message, sizeof message), RL_OK);
    describe(router, RL_GET, RL_LIT("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), got, sizeof got);
    assert_string_equal(got, "1 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9 j=10 k=11 l=12 m=13 n=14 o=15 *p=16/17");
    rl_router_free(router);
}

static void matches_paths_of_any_length(void **state) {
    static char path[65536];
    char got[400];
    (void)state;
    rl_router *router = build(false);
    memset(path, 'a', sizeof path);
    path[0] = '/';
    describe(router, RL_GET, rl_slice_of(path, sizeof path), got, sizeof got);
    assert_string_equal(got, "404");
    memset(path, '/', sizeof path);
    describe(router, RL_GET, rl_slice_of(path, sizeof path), got, sizeof got);
    assert_string_equal(got, "404");
    for (size_t i = 0; i + 3 <= sizeof path - 1; i += 3)
        memcpy(path + 1 + i, "%61", 3);
    describe(router, RL_GET, rl_slice_of(path, 1 + (sizeof path - 1) / 3 * 3), got, sizeof got);
    assert_string_equal(got, "404");
    rl_router_free(router);
}

/* 2^16 ways through the path would be tried if ways were not nodes. */
static void backtracks_over_nodes_not_over_ways(void **state) {
    char message[200], pattern[200], path[200], got[400];
    (void)state;
    rl_router *router = rl_router_new();
    for (size_t depth = 1; depth <= RL_ROUTER_MAX_PARAMS; depth++) {
        size_t len = 0;
        for (size_t i = 0; i < depth; i++)
            len += (size_t)snprintf(pattern + len, sizeof pattern - len, "/:%c", (char)('a' + i));
        snprintf(pattern + len, sizeof pattern - len, "/x");
        assert_int_equal(rl_router_add(router, RL_GET, rl_slice_str(pattern), (int)depth, RL_LIT("w"),
                                       message, sizeof message),
                         RL_OK);
    }
    for (size_t i = 0; i < 18; i++)
        memcpy(path + i * 2, "/x", 2);
    for (int i = 0; i < 100000; i++) {
        rl_match match;
        assert_int_equal(rl_router_match(router, RL_GET, rl_slice_of(path, 36), &match), RL_ROUTE_NOT_FOUND);
    }
    describe(router, RL_GET, rl_slice_of(path, 34), got, sizeof got);
    assert_memory_equal(got, "16 ", 3);
    rl_router_free(router);
}

static void finds_each_of_ten_thousand_routes(void **state) {
    char text[100], message[200];
    (void)state;
    rl_router *router = rl_router_new();
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "/r%d/:id", i);
        assert_int_equal(
            rl_router_add(router, RL_GET, rl_slice_str(text), i, RL_LIT("w"), message, sizeof message),
            RL_OK);
    }
    for (int i = 0; i < 10000; i++) {
        rl_match match;
        snprintf(text, sizeof text, "/r%d/7", i);
        assert_int_equal(rl_router_match(router, RL_GET, rl_slice_str(text), &match), RL_ROUTE_FOUND);
        assert_int_equal(match.route, i);
    }
    rl_router_free(router);
}

static void build_a_few_routes(void) {
    static const char *const patterns[] = {"/", "/a/:b/c", "/a/x:b.y", "/f/*g", "/1", "/2", "/3", "/4", "/5"};
    rl_router *router = rl_router_new();
    if (router == NULL)
        return;
    bool first = true;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char message[100];
        rl_match match;
        rl_err err = rl_router_add(router, RL_GET, rl_slice_str(patterns[i]), (int)i, RL_LIT("w"), message,
                                   sizeof message);
        assert_true(err == RL_OK || err == RL_ENOMEM);
        first = first && (i > 0 || err == RL_OK);
        rl_routing got = rl_router_match(router, RL_GET, RL_LIT("/"), &match);
        assert_int_equal(got, first ? RL_ROUTE_FOUND : RL_ROUTE_NOT_FOUND);
    }
    rl_router_free(router);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(build_a_few_routes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_static_routes),
        cmocka_unit_test(finds_parameters),
        cmocka_unit_test(prefers_static_to_parameters_to_wildcards),
        cmocka_unit_test(gives_wildcards_the_rest),
        cmocka_unit_test(matches_text_around_parameters),
        cmocka_unit_test(compares_segments_decoded),
        cmocka_unit_test(answers_methods_that_are_not_there),
        cmocka_unit_test(leads_head_to_get),
        cmocka_unit_test(prefers_a_methods_own_route_to_any),
        cmocka_unit_test(refuses_bad_paths),
        cmocka_unit_test(refuses_malformed_patterns),
        cmocka_unit_test(names_both_places_of_a_duplicate),
        cmocka_unit_test(cuts_messages_to_the_room_there_is),
        cmocka_unit_test(takes_sixteen_parameters),
        cmocka_unit_test(matches_paths_of_any_length),
        cmocka_unit_test(backtracks_over_nodes_not_over_ways),
        cmocka_unit_test(finds_each_of_ten_thousand_routes),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
