#include "vm/run.h"

#include "vm/rig.h"

typedef struct outcome {
    int calls, status;
    char failure[256];
} outcome;

static void on_ended(void *owner, int status, const char *failure) {
    outcome *out = owner;
    out->calls++;
    out->status = status;
    snprintf(out->failure, sizeof out->failure, "%s", failure == NULL ? "" : failure);
}

/* The frame of lua/rille/run.lua, in small, and a module of the test's. */
static int set_modules(lua_State *L, void *code) {
    const char *frame =
        "package.preload['rille.run'] = function()\n"
        "  return function(name, ...)\n"
        "    local ok, result = xpcall(function(...) return require(name)(...) end, tostring, ...)\n"
        "    if not ok then return nil, result end return result or 0 end\n"
        "end\n"
        "local code = ...\n"
        "package.preload['a.module'] = function() return assert(loadstring(code)) end";
    if (luaL_loadstring(L, frame) != 0)
        return lua_error(L);
    lua_pushstring(L, code);
    lua_call(L, 1, 0);
    return 0;
}

static outcome run_module(rig *r, const char *code, const char *const *argv, size_t argc) {
    outcome out = {.calls = 0};
    if (rl_vm_protect(r->vm, set_modules, (void *)(uintptr_t)code, NULL, 0) != RL_OK)
        return out;
    rl_err err = rl_run_start(r->vm, "a.module", argv, argc, on_ended, &out);
    if (err != RL_OK)
        return out;
    drive(r, 1000);
    assert_int_equal(out.calls, 1);
    return out;
}

static void the_modules_function_gets_the_arguments_and_gives_the_status(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *argv[] = {"one", "two"};
    outcome out =
        run_module(r, "local a, b, c = ...; return a == 'one' and b == 'two' and c == nil and 3", argv, 2);
    assert_int_equal(out.status, 3);
    assert_string_equal(out.failure, "");
    rig_free(r);
}

static void it_may_have_many_arguments(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *argv[300];
    for (size_t i = 0; i < 300; i++)
        argv[i] = "spec/some_spec.lua";
    assert_int_equal(run_module(r, "return select('#', ...)", argv, 300).status, 300);
    rig_free(r);
}

static void it_may_wait(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_int_equal(run_module(r, "core.sleep(2) return 7", NULL, 0).status, 7);
    rig_free(r);
}

static void its_error_is_the_failure(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_non_null(strstr(run_module(r, "error('oh no')", NULL, 0).failure, "oh no"));
    rig_free(r);
}

static void without_the_frame_it_says_so(void **state) {
    (void)state;
    rig *r = rig_opened();
    outcome out = {.calls = 0};
    assert_int_equal(rl_run_start(r->vm, "a.module", NULL, 0, on_ended, &out), RL_OK);
    assert_int_equal(out.calls, 1);
    assert_non_null(strstr(out.failure, "rille.run"));
    rig_free(r);
}

static void tasks_that_it_spawned_end_after_it(void **state) {
    (void)state;
    rig *r = rig_opened();
    outcome out = run_module(
        r, "core.spawn(false, function() core.sleep(1e9); ended = 'yes' end) core.sleep(1) return 1", NULL,
        0);
    assert_int_equal(out.status, 1);
    assert_string_equal(global(r, "ended"), "yes");
    rig_free(r);
}

static void run_one(void) {
    rig *r = rig_new();
    const char *argv[] = {"one"};
    if (rig_open(r, RIG_CEILING))
        (void)run_module(r, "core.spawn(false, function() core.sleep(0) end) return 1", argv, 1);
    rig_free(r);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(run_one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_modules_function_gets_the_arguments_and_gives_the_status),
        cmocka_unit_test(it_may_have_many_arguments),
        cmocka_unit_test(it_may_wait),
        cmocka_unit_test(its_error_is_the_failure),
        cmocka_unit_test(without_the_frame_it_says_so),
        cmocka_unit_test(tasks_that_it_spawned_end_after_it),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
