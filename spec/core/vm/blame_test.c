#include "vm/blame.h"

#include "rig.h"

static int complain(lua_State *L) {
    return rl_blame_raise(L, "this is wrong");
}

static int name_call(lua_State *L) {
    char call[32] = "nothing known";
    rl_blame_push(L, call, sizeof call);
    lua_pushstring(L, call);
    lua_concat(L, 2);
    return 1;
}

/* Functions of the house around C's, as the framework has them. */
static int set_up_house(lua_State *L, void *arg) {
    (void)arg;
    lua_pushcfunction(L, complain);
    lua_setglobal(L, "complain");
    lua_pushcfunction(L, name_call);
    lua_setglobal(L, "name_call");
    static const char house[] = "local fn = ...\n"
                                "return function() local result = fn() return result end";
    if (luaL_loadbuffer(L, house, sizeof house - 1, "@lua/rille/house.lua") != 0)
        return lua_error(L);
    lua_setglobal(L, "house_of");
    static const char app[] = "local fn = ...\n"
                              "local call = house_of(fn)\n"
                              "return { run = function()\n"
                              "  local result = call()\n"
                              "  return result\n"
                              "end, hidden = call }";
    if (luaL_loadbuffer(L, app, sizeof app - 1, "@app.lua") != 0)
        return lua_error(L);
    lua_setglobal(L, "app_of");
    return 0;
}

static rig *rig_with_a_house(void) {
    rig *r = rig_opened();
    assert_int_equal(rl_vm_protect(r->vm, set_up_house, NULL, NULL, 0), RL_OK);
    return r;
}

static void the_apps_line_is_blamed(void **state) {
    (void)state;
    rig *r = rig_with_a_house();
    assert_failed(run(r, "app_of(complain).run()"), "app.lua:4: this is wrong");
    assert_result(run(r, "return app_of(name_call).run()"), "app.lua:4: 'call'");
    rig_free(r);
}

static void nobody_is_blamed_where_no_app_is(void **state) {
    (void)state;
    rig *r = rig_with_a_house();
    assert_result(run(r, "local co = coroutine.create(house_of(name_call))\n"
                         "local ok, text = coroutine.resume(co) return text"),
                  "nothing known");
    rig_free(r);
}

static void complain_of_something(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING) && rl_vm_protect(r->vm, set_up_house, NULL, NULL, 0) == RL_OK)
        (void)start(r, "pcall(app_of(complain).run)");
    rig_free(r);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(complain_of_something);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_apps_line_is_blamed),
        cmocka_unit_test(nobody_is_blamed_where_no_app_is),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
