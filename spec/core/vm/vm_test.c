#include "vm/vm.h"

#include "vm/rig.h"
#include "vm/settings.h"

/* ---- protected calls ------------------------------------------------------------- */

static int succeed(lua_State *L, void *arg) {
    lua_newtable(L);
    *(int *)arg = 42;
    return 1;
}

static int raise_text(lua_State *L, void *arg) {
    return luaL_error(L, "%s", (const char *)arg);
}

static int raise_table(lua_State *L, void *arg) {
    (void)arg;
    lua_newtable(L);
    return lua_error(L);
}

static int take_too_much(lua_State *L, void *arg) {
    (void)arg;
    lua_newuserdata(L, 1 << 30);
    return 0;
}

static void a_protected_call_catches_whatever_is_raised(void **state) {
    (void)state;
    rig *r = rig_opened();
    char message[32] = "";
    int value = 0, top = lua_gettop(r->vm->L);
    assert_int_equal(rl_vm_protect(r->vm, succeed, &value, message, sizeof message), RL_OK);
    assert_int_equal(value, 42);
    char text[] = "a text that is longer than its room";
    assert_int_equal(rl_vm_protect(r->vm, raise_text, text, message, sizeof message), RL_EINVAL);
    assert_string_equal(message, "a text that is longer than its ");
    assert_int_equal(rl_vm_protect(r->vm, raise_table, NULL, message, sizeof message), RL_EINVAL);
    assert_int_equal(rl_vm_protect(r->vm, raise_table, NULL, NULL, 0), RL_EINVAL);
    assert_int_equal(rl_vm_protect(r->vm, take_too_much, NULL, message, sizeof message), RL_ENOMEM);
    assert_int_equal(lua_gettop(r->vm->L), top);
    rig_free(r);
}

/* ---- the ceiling ---------------------------------------------------------------- */

static void memory_is_counted_to_the_byte(void **state) {
    (void)state;
    rig *r = rig_opened();
    lua_State *L = r->vm->L;
    run(r, "kept = ('x'):rep(1e6)");
    size_t lua_says = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
    assert_int_equal(r->vm->memory.used, lua_says);
    rig_free(r);
}

static void a_task_that_takes_too_much_fails_and_the_next_one_runs(void **state) {
    (void)state;
    const char *eaters[] = {
        "local t = {} for i = 1, 1e9 do t[i] = {} end",                      /* to the last few bytes */
        "local s = 'x' while true do s = s .. s end",                        /* by leaps */
        "local t = {} while true do t = { t } end",                          /* in the smallest pieces */
        "local f f = function(n) return 1 + f(n) end return f(1)",           /* by its stack */
        "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end", /* by coroutines */
        "local t = {} for i = 1, 1e9 do t[i] = 'key' .. i end",              /* by strings */
    };
    for (size_t i = 0; i < sizeof eaters / sizeof *eaters; i++) {
        rig *r = rig_new();
        assert_true(rig_open(r, 4 << 20));
        for (int again = 0; again < 3; again++) {
            rig_run *eater = run(r, eaters[i]);
            assert_true(eater->has_ended && eater->status != 0);
            assert_true(r->vm->memory.used <= r->vm->memory.ceiling / 4 * 5);
            assert_int_equal(rl_vm_protect(r->vm, rl_vm_collect, NULL, NULL, 0), RL_OK);
            assert_true(r->vm->memory.used < r->vm->memory.ceiling / 2);
            assert_result(run(r, "return 'alive'"), "alive");
        }
        rig_free(r);
    }
}

static void what_a_full_vm_raises_can_be_caught(void **state) {
    (void)state;
    rig *r = rig_new();
    assert_true(rig_open(r, 4 << 20));
    assert_result(run(r, "local function eat() local t = {} for i = 1, 1e9 do t[i] = {} end end\n"
                         "local ok, err = pcall(eat); collectgarbage(); return tostring(err)"),
                  "not enough memory");
    rig_free(r);
}

/* ---- each allocation of Lua's fails in turn ----------------------------------------- */

static const char *const BUSY =
    "local done = core.line()\n"
    "local function child(n) core.sleep(0); core.line_wake_all(done); if n == 2 then error({}) end return {n} end\n"
    "for n = 1, 3 do core.spawn(false, function() return child(n) end) end\n"
    "local t = {} for n = 1, 20 do t[n] = { ('x'):rep(n) } end\n"
    "core.line_wait(done, 5)\n"
    "local co = coroutine.wrap(function() coroutine.yield({ n = 1 }) end) co()\n"
    "pcall(core.sleep, 'no number')\n"
    "local text = core.json_encode({ a = { 1, 2, 'three' } })\n"
    "return #core.json_decode(text).a";

static void fail_each_growth(bool all_after) {
    long failures = 0;
    for (long n = 1; n < 100000; n++) {
        rig *r = rig_opened();
        refuse_growth(r, n, all_after);
        start(r, BUSY);
        start(r, "coroutine.yield()");
        start(r, "return unpack({}, 1, 40)");
        turns(r, 4);
        bool refused = r->refused;
        refuse_growth(r, 0, false);
        drive(r, 1000);
        for (size_t i = 0; i < r->count; i++)
            assert_true(r->runs[i].has_ended);
        assert_result(run(r, "return 'alive'"), "alive");
        rig_free(r);
        if (!refused) {
            assert_true(failures > 100); /* else BUSY was not busy */
            return;
        }
        failures++;
    }
}

static void no_refused_allocation_ends_the_process(void **state) {
    (void)state;
    fail_each_growth(false);
}

static void no_lasting_lack_of_memory_ends_the_process(void **state) {
    (void)state;
    fail_each_growth(true);
}

/* ---- opening and closing --------------------------------------------------------- */

static void settings_are_shown_to_lua(void **state) {
    (void)state;
    rig *r = rig_opened();
    const rl_vm_setting settings[] = {{.name = "env", .text = "spec"}, {.name = "port", .number = 8080}};
    assert_int_equal(rl_vm_set_settings(r->vm, settings, 2, NULL), RL_OK);
    assert_result(run(r, "package.loaded['rille.core'] = nil\n"
                         "local core = require 'rille.core'; return core.settings.env .. core.settings.port"),
                  "spec8080");
    rig_free(r);
}

static void finalizers_may_call_anything_while_the_vm_closes(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "function later(fn) local u = newproxy(true); getmetatable(u).__gc = fn; return u end\n"
           "kept = {}\n"
           "for name, fn in pairs(core) do if type(fn) == 'function' then\n"
           "  kept[#kept + 1] = later(function() fn('info', 'x', 1); fn() end)\n"
           "  kept[#kept + 1] = later(function() fn(false, function() end) end)\n"
           "end end");
    rig_free(r);
}

static void open_and_close(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING)) {
        rl_vm_setting setting = {.name = "a", .text = "b"};
        assert_int_equal(rl_vm_set_settings(r->vm, &setting, 1, NULL), RL_OK);
    }
    rig_free(r);
}

static void any_allocation_of_ours_may_fail(void **state) {
    (void)state;
    each_allocation_fails(open_and_close);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_protected_call_catches_whatever_is_raised),
        cmocka_unit_test(memory_is_counted_to_the_byte),
        cmocka_unit_test(a_task_that_takes_too_much_fails_and_the_next_one_runs),
        cmocka_unit_test(what_a_full_vm_raises_can_be_caught),
        cmocka_unit_test(no_refused_allocation_ends_the_process),
        cmocka_unit_test(no_lasting_lack_of_memory_ends_the_process),
        cmocka_unit_test(settings_are_shown_to_lua),
        cmocka_unit_test(finalizers_may_call_anything_while_the_vm_closes),
        cmocka_unit_test(any_allocation_of_ours_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
