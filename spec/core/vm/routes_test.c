#include "vm/routes.h"

#include "vm/rig.h"

static int add_route(lua_State *L) {
    return rl_routes_add(L, lua_touserdata(L, lua_upvalueindex(1)));
}

static int set_route(lua_State *L, void *arg) {
    lua_pushlightuserdata(L, arg);
    lua_pushcclosure(L, add_route, 1);
    lua_setglobal(L, "route");
    return 0;
}

static rig *with_routes(rl_routes *routes) {
    rig *r = rig_opened();
    assert_int_equal(rl_routes_init(routes), RL_OK);
    assert_int_equal(rl_vm_protect(r->vm, set_route, routes, NULL, 0), RL_OK);
    return r;
}

static void end(rig *r, rl_routes *routes) {
    rig_free(r);
    rl_routes_clear(routes);
}

/* What the function of the route that `method` and `path` lead to returns. */
static lua_Integer reached(rig *r, const rl_routes *routes, rl_method method, const char *path) {
    rl_match match = {0};
    if (rl_router_match(routes->routers[RL_DOOR_PUBLIC], method, rl_slice_str(path), &match) != RL_ROUTE_FOUND)
        return 0;
    assert_true(match.route >= 0 && (uint32_t)match.route < routes->count);
    lua_State *L = r->vm->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, routes->list[match.route].ref);
    assert_int_equal(lua_pcall(L, 0, 1, 0), 0);
    lua_Integer value = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void method_and_path_lead_to_the_function_that_was_given(void **state) {
    (void)state;
    rl_routes routes;
    rig *r = with_routes(&routes);
    rig_run *one = run(r, "local a = route('GET', '/a', function() return 11 end, 'app.lua:1')\n"
                          "local b = route('POST', '/a', function() return 12 end, 'app.lua:2')\n"
                          "local c = route('GET', '/a/:id', function() return 13 end, 'app.lua:3')\n"
                          "return a .. b .. c");
    assert_result(one, "123");
    assert_int_equal(reached(r, &routes, RL_GET, "/a"), 11);
    assert_int_equal(reached(r, &routes, RL_POST, "/a"), 12);
    assert_int_equal(reached(r, &routes, RL_GET, "/a/7"), 13);
    assert_int_equal(reached(r, &routes, RL_DELETE, "/a"), 0);
    assert_int_equal(reached(r, &routes, RL_GET, "/b"), 0);
    assert_string_equal(routes.list[2].pattern, "/a/:id");
    end(r, &routes);
}

static void any_is_every_method_that_has_no_route_of_its_own(void **state) {
    (void)state;
    rl_routes routes;
    rig *r = with_routes(&routes);
    assert_result(run(r, "route('ANY', '/a', function() return 1 end, 'app.lua:1')\n"
                         "route('PUT', '/a', function() return 2 end, 'app.lua:2') return 'ok'"),
                  "ok");
    assert_int_equal(reached(r, &routes, RL_GET, "/a"), 1);
    assert_int_equal(reached(r, &routes, RL_DELETE, "/a"), 1);
    assert_int_equal(reached(r, &routes, RL_PUT, "/a"), 2);
    end(r, &routes);
}

static void there_may_be_many(void **state) {
    (void)state;
    rl_routes routes;
    rig *r = with_routes(&routes);
    assert_result(run(r, "local last for i = 1, 1000 do\n"
                         "  last = route('GET', '/many/' .. i, function() return i end, 'app.lua:' .. i)\n"
                         "end\n"
                         "return last"),
                  "1000");
    assert_int_equal(reached(r, &routes, RL_GET, "/many/1"), 1);
    assert_int_equal(reached(r, &routes, RL_GET, "/many/33"), 33);
    assert_int_equal(reached(r, &routes, RL_GET, "/many/1000"), 1000);
    end(r, &routes);
}

static void what_cannot_be_a_route_raises_and_leaves_none(void **state) {
    (void)state;
    rl_routes routes;
    rig *r = with_routes(&routes);
    static const char *const cases[][2] = {
        {"route('FETCH', '/a', print, 'x')", "there is no method 'FETCH'"},
        {"route('get', '/a', print, 'x')", "there is no method 'get'"},
        {"route('OTHER', '/a', print, 'x')", "there is no method 'OTHER'"},
        {"route('GET', 'a', print, 'x')", "/"},
        {"route('GET', '/a', 'handler', 'x')", "function expected"},
        {"route('GET', '/a', print)", "string expected"},
        {"route()", "string expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_failed(run(r, cases[i][0]), cases[i][1]);
    assert_int_equal(routes.count, 0);
    end(r, &routes);
}

static void a_route_that_is_taken_names_both_places_and_keeps_the_first(void **state) {
    (void)state;
    rl_routes routes;
    rig *r = with_routes(&routes);
    run(r, "route('GET', '/a/:id', function() return 1 end, 'app.lua:7')");
    rig_run *one = run(r, "dropped = setmetatable({}, { __mode = 'v' })\n"
                          "local function second() return 2 end dropped[1] = second\n"
                          "route('GET', '/a/:name', second, 'posts.lua:9')");
    assert_failed(one, "app.lua:7");
    assert_failed(one, "posts.lua:9");
    assert_int_equal(routes.count, 1);
    assert_int_equal(reached(r, &routes, RL_GET, "/a/7"), 1);
    /* and the registry does not keep the other function */
    assert_result(run(r, "collectgarbage() return type(dropped[1])"), "nil");
    end(r, &routes);
}

static void add_some(void) {
    rl_routes routes;
    if (rl_routes_init(&routes) != RL_OK)
        return;
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING) && rl_vm_protect(r->vm, set_route, &routes, NULL, 0) == RL_OK) {
        rig_run *one = start(r, "for i = 1, 40 do route('GET', '/' .. i .. '/:id', print, 'app.lua:1') end");
        drive(r, 100);
        assert_true(one == NULL || one->status != 0 || routes.count == 40);
        if (one != NULL && one->status != 0)
            assert_failed(one, "not enough memory");
    }
    end(r, &routes);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(add_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_and_path_lead_to_the_function_that_was_given),
        cmocka_unit_test(any_is_every_method_that_has_no_route_of_its_own),
        cmocka_unit_test(there_may_be_many),
        cmocka_unit_test(what_cannot_be_a_route_raises_and_leaves_none),
        cmocka_unit_test(a_route_that_is_taken_names_both_places_and_keeps_the_first),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
