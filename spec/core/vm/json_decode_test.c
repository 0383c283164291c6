#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vm/json.h"
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

static rl_json_error refused(rl_slice text, const rl_vm_json_options *options) {
    rl_json_error error;
    int before = lua_gettop(L);
    assert_int_not_equal(rl_vm_json_decode(L, text, options, &error), RL_OK);
    assert_int_equal(lua_gettop(L), before);
    return error;
}

static void builds_lua_values(void **state) {
    (void)state;
    run("local v = rille.json_decode(\n"
        "  '{\"a\":[1,-2.5,true,false,null,\"x\\\\u0000y\"],\"b\":{},\"c\":\"\"}')\n"
        "assert(v.a[1] == 1 and v.a[2] == -2.5 and v.a[3] == true and v.a[4] == false)\n"
        "assert(v.a[5] == rille.null and v.a[6] == 'x\\0y' and #v.a == 6)\n"
        "assert(next(v.b) == nil and v.c == '')\n"
        "assert(rille.json_decode('null') == rille.null and rille.json_decode(' 7 ') == 7)\n"
        "assert(1 / rille.json_decode('-0') == -math.huge)\n"
        "assert(rille.json_decode('{\"a\\\\u0000b\":1}')['a\\0b'] == 1)");
}

static void marks_arrays(void **state) {
    (void)state;
    run("local v = rille.json_decode('{\"list\":[],\"object\":{}}')\n"
        "assert(getmetatable(v.list) == getmetatable(rille.array {}))\n"
        "assert(getmetatable(v.object) == nil)\n"
        "assert(rille.json_encode(rille.json_decode('[[],{}]')) == '[[],{}]')");
}

/* Around the sizes at which the decoder makes tables before their end. */
static void builds_containers_of_any_size(void **state) {
    (void)state;
    run("for _, n in ipairs { 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 5000 } do\n"
        "  local items, fields = {}, {}\n"
        "  for i = 1, n do\n"
        "    items[i] = i % 3 == 0 and '[' .. i .. ']' or tostring(i)\n"
        "    fields[i] = ('\"key%d\":{\"v\":%d}'):format(i, i)\n"
        "  end\n"
        "  local list = rille.json_decode('[' .. table.concat(items, ',') .. ']')\n"
        "  assert(#list == n)\n"
        "  for i = 1, n do assert((i % 3 == 0 and list[i][1] or list[i]) == i) end\n"
        "  local object, count = rille.json_decode('{' .. table.concat(fields, ',') .. '}'), 0\n"
        "  for i = 1, n do assert(object['key' .. i].v == i) end\n"
        "  for _ in pairs(object) do count = count + 1 end\n"
        "  assert(count == n)\n"
        "end");
}

static void builds_the_deepest_nesting(void **state) {
    (void)state;
    run("local n = 512\n"
        "local v = rille.json_decode(('['):rep(n) .. (']'):rep(n))\n"
        "for _ = 1, n - 1 do v = v[1] end\n"
        "assert(next(v) == nil)\n"
        "local wide = ('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,'):rep(n) .. '1' .. (']'):rep(n)\n"
        "v = rille.json_decode(wide)\n"
        "assert(rille.json_encode(v) == wide)\n"
        "local deep = ('{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"f\":6,\"z\":'):rep(n) .. '1' .. ('}'):rep(n)\n"
        "v = rille.json_decode(deep)\n"
        "for _ = 1, n do assert(v.a == 1 and v.f == 6); v = v.z end\n"
        "assert(v == 1)");
}

static void refuses_duplicate_keys(void **state) {
    (void)state;
    rl_vm_json_options options = RL_VM_JSON_OPTIONS_DEFAULT;
    static const struct {
        const char *text, *path;
    } cases[] = {
        {"{\"a\":1,\"a\":2}", "a"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":2}", "a"},
        {"[{\"x\":{\"a\":1,\"b\":{\"a\":1},\"a\":null}}]", "[0].x.a"},
        {"{\"\":1,\"\":1}", "[\"\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rl_json_error error = refused(rl_slice_str(cases[i].text), &options);
        assert_string_equal(error.reason, "a duplicate key");
        assert_string_equal(error.path, cases[i].path);
    }
    run("local fields = {}\n"
        "for i = 1, 200 do fields[i] = ('\"k%d\":%d'):format(i, i) end\n"
        "for _, at in ipairs { 1, 2, 31, 32, 33, 64, 65, 150, 199, 200 } do\n"
        "  local text = '{' .. table.concat(fields, ',') .. ',\"k' .. at .. '\":0}'\n"
        "  local v, err = rille.json_try_decode(text)\n"
        "  assert(v == nil and err.reason == 'a duplicate key' and err.path == 'k' .. at)\n"
        "  assert(rille.json_decode(text, { duplicates = 'last' })['k' .. at] == 0)\n"
        "end\n"
        "local v = rille.json_decode('{\"a\":1,\"b\":2,\"a\":3,\"a\":4,\"c\":5}', { duplicates = 'last' })\n"
        "assert(v.a == 4 and v.b == 2 and v.c == 5)");
}

static void never_changes_an_integer(void **state) {
    (void)state;
    rl_vm_json_options options = RL_VM_JSON_OPTIONS_DEFAULT;
    rl_json_error error = refused(RL_LIT("{\"id\":9007199254740993}"), &options);
    assert_string_equal(error.reason, "an integer beyond 2^53");
    assert_string_equal(error.path, "id");
    run("local v = rille.json_decode('[9007199254740992,9007199254740993,-12345678901234567890,1.5]',\n"
        "  { bigint = 'string' })\n"
        "assert(v[1] == 2^53 and v[2] == '9007199254740993')\n"
        "assert(v[3] == '-12345678901234567890' and v[4] == 1.5)");
}

static void tells_limits_from_mistakes(void **state) {
    (void)state;
    run("local v, err = rille.json_try_decode('[1,2,3]', { max_values = 2 })\n"
        "assert(v == nil and err.limit)\n"
        "assert(err.message == 'invalid JSON at line 1, column 4 ([1]): more values than the limit of 2')\n"
        "v, err = rille.json_try_decode('[1,\\n 02]')\n"
        "assert(v == nil and not err.limit and err.line == 2 and err.column == 2 and err.path == '[1]')\n"
        "v, err = rille.json_try_decode('[[[1]]]', { max_depth = 2 })\n"
        "assert(err.limit and err.reason == 'deeper nesting than the limit of 2')\n"
        "v, err = rille.json_try_decode('[      1]', { max_bytes = 8 })\n"
        "assert(err.limit and err.reason == 'more bytes than the limit of 8')\n"
        "assert(not pcall(rille.json_decode, '[1]', { max_depth = 513 }))\n"
        "assert(not pcall(rille.json_decode, '[1]', { max_values = 0 }))\n"
        "assert(not pcall(rille.json_decode, '[1]', { bigint = 'number' }))\n"
        "assert(not pcall(rille.json_decode, 12))");
}

static void decodes_long_escaped_strings(void **state) {
    (void)state;
    run("for _, n in ipairs { 100, 170, 171, 250, 256, 257, 600, 100000 } do\n"
        "  local text = ('\\\\n\\\\u00e9x'):rep(n)\n"
        "  assert(rille.json_decode('[\"' .. text .. '\"]')[1] == ('\\n\\xC3\\xA9x'):rep(n))\n"
        "end");
}

static void takes_time_in_proportion(void **state) {
    (void)state;
    run("local fields = {}\n"
        "for i = 1, 90000 do fields[i] = ('\"%d\":0'):format(i) end\n"
        "local v = rille.json_decode('{' .. table.concat(fields, ',') .. '}', { max_bytes = 2^24 })\n"
        "assert(v['90000'] == 0)");
}

/* ---- out of memory ---------------------------------------------------------- */

typedef struct budget {
    long left;
} budget;

static void *refuse_at_last(void *ud, void *ptr, size_t old_size, size_t size) {
    budget *b = ud;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    if (b->left >= 0 && b->left-- == 0)
        return NULL;
    return realloc(ptr, size);
}

static int decode_much(lua_State *state) {
    static const char text[] = "{\"a\":[1,2,[3,{\"b\":\"\\n\"}]],\"c\":{\"d\":[[],{}]}}";
    rl_json_error error;
    char nested[200];
    memset(nested, '[', sizeof nested);
    memset(nested + 100, ']', 100);
    assert_int_equal(rl_vm_json_decode(state, rl_slice_str(text), &RL_VM_JSON_OPTIONS_DEFAULT, &error),
                     RL_OK);
    assert_int_equal(
        rl_vm_json_decode(state, rl_slice_of(nested, sizeof nested), &RL_VM_JSON_OPTIONS_DEFAULT, &error),
        RL_OK);
    return 0;
}

static void raises_and_leaks_nothing_out_of_memory(void **state) {
    (void)state;
    budget b = {.left = -1};
    int status = LUA_ERRMEM;
    for (long n = 0; status != 0; n++) {
        lua_State *small = lua_newstate(refuse_at_last, &b);
        if (small == NULL)
            skip();
        b.left = n;
        status = lua_cpcall(small, decode_much, NULL);
        b.left = -1;
        assert_true(status == 0 || status == LUA_ERRMEM);
        lua_close(small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_lua_values),
        cmocka_unit_test(marks_arrays),
        cmocka_unit_test(builds_containers_of_any_size),
        cmocka_unit_test(builds_the_deepest_nesting),
        cmocka_unit_test(refuses_duplicate_keys),
        cmocka_unit_test(never_changes_an_integer),
        cmocka_unit_test(tells_limits_from_mistakes),
        cmocka_unit_test(decodes_long_escaped_strings),
        cmocka_unit_test(takes_time_in_proportion),
        cmocka_unit_test(raises_and_leaks_nothing_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
