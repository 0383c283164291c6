#include "vm/json.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mem.h"
#include "vm/task.h"

static lua_State *L;

static int set_up(void **state) {
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    rl_vm_open_json(L);
    lua_setglobal(L, "rille");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    lua_close(L);
    return 0;
}

static void run(const char *code) {
    if (luaL_dostring(L, code) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void raises_with_the_callers_line(void **state) {
    (void)state;
    run("local ok, err = pcall(function()\n rille.json_decode('[1,]')\n end)\n"
        "assert(not ok and err:find(':2: invalid JSON at line 1, column 4 ([1]): ', 1, true), err)\n"
        "ok, err = pcall(function()\n\n rille.json_encode { a = { print } }\n end)\n"
        "assert(not ok and err:find(':7: a[1]: a function cannot be encoded', 1, true), err)");
}

static void round_trips(void **state) {
    (void)state;
    run("for _, text in ipairs { 'null', 'true', '0', '-0', '1.5', '1e+300', '\"\"', '\"\\\\u0000\"', '[]',\n"
        "  '{}', '[[],{},[null]]', '{\"a\\\\u0000b\":\"\\\\u0000\"}',\n"
        "  '[0.1,1e-7,9007199254740992,9.007199254740994e+15]' } do\n"
        "  assert(rille.json_encode(rille.json_decode(text)) == text, text)\n"
        "end");
}

static void encodes_again_after_a_failure(void **state) {
    (void)state;
    run("assert(not pcall(rille.json_encode, { 1, print }))\n"
        "assert(rille.json_encode { 1, 2 } == '[1,2]')\n"
        "assert(#rille.json_encode(('x'):rep(200000)) == 200002)\n"
        "assert(rille.json_encode(1) == '1')\n"
        "assert(not pcall(rille.json_encode))");
}

static void marks_lists(void **state) {
    (void)state;
    run("local t = { 1 }\n"
        "assert(rille.array(t) == t and rille.array(t) == t)\n"
        "assert(getmetatable(rille.array {}) == getmetatable(t))\n"
        "assert(not pcall(rille.array) and not pcall(rille.array, 'x'))\n"
        "assert(not pcall(rille.array, setmetatable({}, {})))\n"
        "assert(not pcall(rille.array, rille.jsonb(1)) and not pcall(rille.jsonb))");
}

static void gives_back_its_scratch_with_the_vm(void **state) {
    (void)state;
    size_t before = mem_live();
    lua_State *own = luaL_newstate();
    luaL_openlibs(own);
    lua_newtable(own);
    rl_vm_open_json(own);
    lua_setglobal(own, "rille");
    assert_int_equal(luaL_dostring(own, "assert(rille.json_encode { 1 } == '[1]')"), 0);
    assert_int_equal(mem_live(), before + 1);
    lua_close(own);
    assert_int_equal(mem_live(), before);
}

/* A VM of its own, because the scratch outlives the call that filled it. */
static void encode_in_lua(void) {
    lua_State *own = luaL_newstate();
    luaL_openlibs(own);
    lua_newtable(own);
    rl_vm_open_json(own);
    lua_setglobal(own, "rille");
    if (luaL_dostring(own, "return rille.json_encode(('x'):rep(1000) .. '\\n' .. ('x'):rep(100000))") != 0)
        assert_non_null(strstr(lua_tostring(own, -1), "out of memory"));
    lua_close(own);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(encode_in_lua);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raises_with_the_callers_line),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(encodes_again_after_a_failure),
        cmocka_unit_test(marks_lists),
        cmocka_unit_test(gives_back_its_scratch_with_the_vm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
