#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem.h"
#include "vm/json.h"
#include "vm/kind.h"
#include "vm/task.h"

static lua_State *L;

/* row(columns, fields): what core/vm makes of a database's row. */
static int make_row(lua_State *state) {
    lua_pushinteger(state, RL_KIND_ROW);
    lua_rawseti(state, 1, 0);
    int count = (int)lua_objlen(state, 1);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(state, 1, i);
        lua_pushfstring(state, "%s\"%s\":", i == 1 ? "{" : ",", lua_tostring(state, -1));
        lua_rawseti(state, 1, count + i);
        lua_pop(state, 1);
    }
    lua_pushvalue(state, 2);
    lua_pushvalue(state, 1);
    lua_setmetatable(state, -2);
    return 1;
}

/* model(columns, keys, row): a model's row; the keys are what stands before each value. */
static int make_model(lua_State *state) {
    int count = (int)lua_objlen(state, 1);
    lua_pushinteger(state, RL_KIND_MODEL);
    lua_rawseti(state, 1, 0);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(state, 2, i);
        lua_rawseti(state, 1, count + i);
    }
    lua_pushvalue(state, 1);
    lua_setmetatable(state, 3);
    return 1;
}

static int set_up(void **state) {
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    rl_vm_open_json(L);
    lua_setglobal(L, "rille");
    lua_register(L, "row", make_row);
    lua_register(L, "model", make_model);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    lua_close(L);
    return 0;
}

/* The value of the Lua expression, on the stack. */
static void push(const char *expression) {
    char code[1024];
    snprintf(code, sizeof code, "return %s", expression);
    if (luaL_dostring(L, code) != 0)
        fail_msg("%s: %s", expression, lua_tostring(L, -1));
}

static void assert_encodes(const char *expression, const char *expected) {
    rl_buf out;
    char message[RL_VM_JSON_MESSAGE_CAP] = "";
    rl_buf_init(&out, 1 << 20);
    push(expression);
    int top = lua_gettop(L);
    if (rl_vm_json_encode(L, -1, &out, message, sizeof message) != RL_OK)
        fail_msg("%s: %s", expression, message);
    assert_int_equal(lua_gettop(L), top);
    rl_slice text = rl_buf_live(&out);
    if (!rl_slice_eq(text, rl_slice_str(expected)))
        fail_msg("%s: %.*s", expression, (int)text.len, text.ptr);
    rl_buf_clear(&out);
    lua_settop(L, 0);
}

static void assert_refuses(const char *expression, const char *expected) {
    rl_buf out;
    char message[RL_VM_JSON_MESSAGE_CAP] = "";
    rl_buf_init(&out, 1 << 20);
    assert_int_equal(rl_buf_append(&out, RL_LIT("before")), RL_OK);
    push(expression);
    int top = lua_gettop(L);
    assert_int_equal(rl_vm_json_encode(L, top, &out, message, sizeof message), RL_EINVAL);
    assert_int_equal(lua_gettop(L), top);
    assert_int_equal(rl_buf_len(&out), 6);
    assert_string_equal(message, expected);
    rl_buf_clear(&out);
    lua_settop(L, 0);
}

static void encodes_plain_values(void **state) {
    (void)state;
    assert_encodes("nil", "null");
    assert_encodes("rille.null", "null");
    assert_encodes("true", "true");
    assert_encodes("false", "false");
    assert_encodes("42", "42");
    assert_encodes("-0.5", "-0.5");
    assert_encodes("2^53", "9007199254740992");
    assert_encodes("'a\\0b\"'", "\"a\\u0000b\\\"\"");
    assert_encodes("{}", "{}");
    assert_encodes("{ 1, 'a', true, {}, { 2 } }", "[1,\"a\",true,{},[2]]");
    assert_encodes("{ a = { b = { c = rille.null } } }", "{\"a\":{\"b\":{\"c\":null}}}");
    assert_encodes("{ ['1'] = 1 }", "{\"1\":1}");
    assert_encodes("{ [''] = 1 }", "{\"\":1}");
    assert_encodes("{ rille.null, rille.null }", "[null,null]");
}

static void encodes_what_says_what_it_is(void **state) {
    (void)state;
    assert_encodes("rille.array {}", "[]");
    assert_encodes("rille.array { 1, 2 }", "[1,2]");
    assert_encodes("{ a = rille.array {} }", "{\"a\":[]}");
    assert_encodes("rille.jsonb { a = 1 }", "{\"a\":1}");
    assert_encodes("rille.jsonb {}", "{}");
    assert_encodes("{ rille.jsonb(rille.jsonb(nil)) }", "[null]");
    assert_encodes("setmetatable({ a = 1 }, { __index = error, __tostring = error, __pairs = error })",
                   "{\"a\":1}");
    assert_encodes("setmetatable({}, { [0] = 'ROW' })", "{}");
}

static void encodes_rows_by_their_columns(void **state) {
    (void)state;
    assert_encodes("row({ 'id', 'name', 'note' }, { name = 'x', id = 7 })",
                   "{\"id\":7,\"name\":\"x\",\"note\":null}");
    assert_encodes("{ row({ 'b', 'a' }, { a = { 1 }, b = row({}, {}) }) }", "[{\"b\":{},\"a\":[1]}]");
    assert_refuses("{ rows = { row({ 'id', 'bad' }, { id = 1, bad = print }) } }",
                   "rows[1].bad: a function cannot be encoded");
}

static void encodes_models_by_what_they_show(void **state) {
    (void)state;
#define ID "{ 'id' }, { '{\"id\":' }"
#define SECRET "{ 'secret' }, { true }"
    assert_encodes("model({ 'id', 'secret', 'note', 'name' }, { '{\"id\":', true, ',\"note\":', ',\"name\":' },"
                   " { [0] = {}, 7, 's', nil, 'x' })",
                   "{\"id\":7,\"note\":null,\"name\":\"x\"}");
    assert_encodes("{ model(" SECRET ", { [0] = {}, 's' }), model(" ID ", { 7 }) }", "[{},{\"id\":7}]");
    /* What its set lists stands behind the columns, or where they would. */
    const char *beside = "(function() local set = { { 'author', ',\"author\":', 'count', ',\"count\":' } }"
                         " return { model(" ID ", { [0] = set, 7, author = model(" ID ", { [0] = {}, 1 }), count = 2 }),"
                         " model(" SECRET ", { [0] = set, 's', count = 0 }) } end)()";
    assert_encodes(beside, "[{\"id\":7,\"author\":{\"id\":1},\"count\":2},{\"author\":null,\"count\":0}]");
    assert_refuses("{ rows = { model(" ID ", { [0] = {}, print }) } }", "rows[1].id: a function cannot be encoded");
    assert_refuses("{ model(" ID ", { [0] = { { 'a', ',\"a\":' } }, 7, a = print }) }",
                   "[1].a: a function cannot be encoded");
    assert_refuses("{ model({ 'id' }, { false }, { [0] = {}, 7 }) }", "[1]: a key is not valid UTF-8");
#undef ID
#undef SECRET
}

static void encodes_rows_of_the_same_columns_and_of_others(void **state) {
    (void)state;
    /* Rows of one metatable: `like` makes another one. */
    assert_encodes("(function()"
                   " local function like(r, fields) return setmetatable(fields, getmetatable(r)) end"
                   " local one = row({ 'id', 'x' }, { id = 1 })"
                   " return { one, like(one, { id = 2, x = like(one, { id = 3 }) }), {},"
                   " like(one, { id = row({ 'y' }, { y = 4 }), x = 5 }), { id = 6 }, like(one, { x = 7 }) } end)()",
                   "[{\"id\":1,\"x\":null},{\"id\":2,\"x\":{\"id\":3,\"x\":null}},{},"
                   "{\"id\":{\"y\":4},\"x\":5},{\"id\":6},{\"id\":null,\"x\":7}]");
    /* More columns than are kept at hand. */
    assert_encodes("(function() local names, fields, other = {}, {}, {}"
                   " for i = 1, 18 do names[i] = 'c' .. i fields['c' .. i] = i end"
                   " local one = row(names, fields)"
                   " return { one, setmetatable({ c17 = 0 }, getmetatable(one)) } end)()",
                   "[{\"c1\":1,\"c2\":2,\"c3\":3,\"c4\":4,\"c5\":5,\"c6\":6,\"c7\":7,\"c8\":8,\"c9\":9,\"c10\":10,"
                   "\"c11\":11,\"c12\":12,\"c13\":13,\"c14\":14,\"c15\":15,\"c16\":16,\"c17\":17,\"c18\":18},"
                   "{\"c1\":null,\"c2\":null,\"c3\":null,\"c4\":null,\"c5\":null,\"c6\":null,\"c7\":null,"
                   "\"c8\":null,\"c9\":null,\"c10\":null,\"c11\":null,\"c12\":null,\"c13\":null,\"c14\":null,"
                   "\"c15\":null,\"c16\":null,\"c17\":0,\"c18\":null}]");
}

/* Lists that were filled backwards, or with holes closed later. */
static void encodes_lists_in_any_order_of_filling(void **state) {
    (void)state;
    assert_encodes("(function() local t = {} for i = 9, 1, -1 do t[i] = i end return t end)()",
                   "[1,2,3,4,5,6,7,8,9]");
    assert_encodes("(function() local t = { 1, 2, nil, 4 } t[3] = { 3 } return t end)()", "[1,2,[3],4]");
    assert_encodes("(function() local t = { [1] = 'a', [2] = 'b', [3] = 'c' } return t end)()",
                   "[\"a\",\"b\",\"c\"]");
    assert_encodes("(function() local t = rille.array {} t[2] = 'b' t[1] = 'a' return t end)()",
                   "[\"a\",\"b\"]");
    assert_encodes("(function() local t = { 1, 2, 3 } t[3] = nil return t end)()", "[1,2]");
}

static void refuses_tables_of_no_one_kind(void **state) {
    (void)state;
    const char *bad_keys = "a table must have the keys 1 to n or only strings as keys";
    char expected[256];
    assert_refuses("{ 1, 2, x = 3 }", bad_keys);
    assert_refuses("rille.array { x = 3 }", bad_keys);
    assert_refuses("rille.array { 1, x = 3 }", bad_keys);
    assert_refuses("{ 1, nil, 3 }", bad_keys);
    assert_refuses("{ [0] = 1 }", bad_keys);
    assert_refuses("{ [0] = 1, 2 }", bad_keys);
    assert_refuses("{ [-1] = 1 }", bad_keys);
    assert_refuses("{ [1.5] = 1 }", bad_keys);
    assert_refuses("{ [2] = 1 }", bad_keys);
    assert_refuses("{ [2^40] = 1 }", bad_keys);
    assert_refuses("{ [1/0] = 1 }", bad_keys);
    assert_refuses("{ [true] = 1 }", bad_keys);
    assert_refuses("{ [print] = 1 }", bad_keys);
    snprintf(expected, sizeof expected, "a.b[2]: %s", bad_keys);
    assert_refuses("{ a = { b = { 1, { 1, nil, nil, 4 } } } }", expected);
    assert_refuses("{ a = 1, [print] = 1 }", bad_keys);
    assert_refuses("{ a = 1, b = 2, c = 3, [7] = 1, [-7] = 1 }", bad_keys);
}

static void names_what_cannot_be_encoded(void **state) {
    (void)state;
    assert_refuses("{ c = setmetatable({}, { [0] = 5, 'take a part of it' }) }", "c: take a part of it");
    assert_refuses("setmetatable({ 1 }, { [0] = 5 })", "this cannot be encoded");
    assert_refuses("{ items = { {}, {}, { price = 0/0 } } }", "items[3].price: NaN cannot be encoded");
    assert_refuses("{ 1/0 }", "[1]: infinity cannot be encoded");
    assert_refuses("-1/0", "infinity cannot be encoded");
    assert_refuses("print", "a function cannot be encoded");
    assert_refuses("{ f = print }", "f: a function cannot be encoded");
    assert_refuses("{ io.stdout }", "[1]: a userdata cannot be encoded");
    assert_refuses("{ coroutine.create(print) }", "[1]: a thread cannot be encoded");
    assert_refuses("{ require('ffi').new('int64_t', 1) }", "[1]: a cdata cannot be encoded");
    assert_refuses("{ a = setmetatable({}, { [0] = 3 }) }", "a: an answer cannot be encoded");
    assert_refuses("{ ['a b'] = { '\\255' } }", "[\"a b\"][1]: the string is not valid UTF-8");
    assert_refuses("{ a = { ['\\255'] = 1 } }", "a: a key is not valid UTF-8");
    assert_refuses("{ 1, rille.jsonb { a = 0/0 } }", "[2].a: NaN cannot be encoded");
}

static void refuses_cycles(void **state) {
    (void)state;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_buf out;
    rl_buf_init(&out, 1 << 20);
    push("(function() local t = {} t.t = t return t end)()");
    assert_int_equal(rl_vm_json_encode(L, 1, &out, message, sizeof message), RL_EINVAL);
    assert_non_null(strstr(message, "...: more than 512 levels deep, or a cycle"));
    assert_int_equal(lua_gettop(L), 1);
    push("(function() local j = rille.jsonb(1) j[1] = j return j end)()");
    assert_int_equal(rl_vm_json_encode(L, 2, &out, message, sizeof message), RL_EINVAL);
    assert_string_equal(message, "more than 512 levels deep, or a cycle");
    push("(function() local t = 1 for i = 1, 512 do t = { t } end return t end)()");
    assert_int_equal(rl_vm_json_encode(L, 3, &out, message, sizeof message), RL_OK);
    assert_int_equal(rl_buf_len(&out), 2 * 512 + 1);
    rl_buf_clear(&out);
    lua_settop(L, 0);
}

static void cuts_its_message_to_fit(void **state) {
    (void)state;
    rl_buf out;
    char message[8];
    rl_buf_init(&out, 1 << 20);
    push("{ long_name = print }");
    assert_int_equal(rl_vm_json_encode(L, 1, &out, message, sizeof message), RL_EINVAL);
    assert_string_equal(message, "long_na");
    assert_int_equal(rl_vm_json_encode(L, 1, &out, NULL, 0), RL_EINVAL);
    rl_buf_clear(&out);
    lua_settop(L, 0);
}

static void stops_at_the_ceiling(void **state) {
    (void)state;
    char message[RL_VM_JSON_MESSAGE_CAP];
    push("{ 1, { a = 'text' }, { 1, 2, 3 }, row({ 'id' }, { id = 1 }),"
         "  rille.array {}, rille.null, 1.5, true }");
    size_t needed = strlen("[1,{\"a\":\"text\"},[1,2,3],{\"id\":1},[],null,1.5,true]");
    for (size_t ceiling = 0; ceiling <= needed; ceiling++) {
        rl_buf out;
        rl_buf_init(&out, ceiling);
        rl_err err = rl_vm_json_encode(L, 1, &out, message, sizeof message);
        assert_int_equal(err, ceiling < needed ? RL_EFULL : RL_OK);
        assert_int_equal(rl_buf_len(&out), ceiling < needed ? 0 : needed);
        assert_int_equal(lua_gettop(L), 1);
        rl_buf_clear(&out);
    }
    lua_settop(L, 0);
}

static void encode_once(void) {
    rl_buf out;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_buf_init(&out, 1 << 20);
    rl_err err = rl_vm_json_encode(L, 1, &out, message, sizeof message);
    assert_true(err == RL_OK || err == RL_ENOMEM);
    assert_true(err == RL_OK || rl_buf_len(&out) == 0);
    assert_int_equal(lua_gettop(L), 1);
    rl_buf_clear(&out);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    push("(function() local t = {} for i = 1, 500 do t[i] = { id = i, name = 'a\\nb' } end return t end)()");
    each_allocation_fails(encode_once);
    lua_settop(L, 0);
}

/* ---- out of Lua's memory ---------------------------------------------------- */

static void *refuse_all(void *ud, void *ptr, size_t old_size, size_t size) {
    (void)ud, (void)ptr, (void)old_size, (void)size;
    return NULL;
}

/* Outside of any protected call: were it to raise, the process would end. */
static void never_raises_without_lua_memory(void **state) {
    (void)state;
    void *ud;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_buf out;
    rl_buf_init(&out, 1 << 20);
    push("(function() local t = { a = 1 } for i = 1, 400 do t = { t } end return t end)()");
    lua_Alloc alloc = lua_getallocf(L, &ud);
    lua_gc(L, LUA_GCSTOP, 0);
    lua_setallocf(L, refuse_all, NULL);
    rl_err err = rl_vm_json_encode(L, 1, &out, message, sizeof message);
    lua_setallocf(L, alloc, ud);
    lua_gc(L, LUA_GCRESTART, 0);
    assert_int_equal(err, RL_ENOMEM);
    assert_int_equal(rl_buf_len(&out), 0);
    assert_int_equal(lua_gettop(L), 1);
    assert_int_equal(rl_vm_json_encode(L, 1, &out, message, sizeof message), RL_OK);
    rl_buf_clear(&out);
    lua_settop(L, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_plain_values),
        cmocka_unit_test(encodes_what_says_what_it_is),
        cmocka_unit_test(encodes_rows_by_their_columns),
        cmocka_unit_test(encodes_models_by_what_they_show),
        cmocka_unit_test(encodes_rows_of_the_same_columns_and_of_others),
        cmocka_unit_test(encodes_lists_in_any_order_of_filling),
        cmocka_unit_test(refuses_tables_of_no_one_kind),
        cmocka_unit_test(names_what_cannot_be_encoded),
        cmocka_unit_test(refuses_cycles),
        cmocka_unit_test(cuts_its_message_to_fit),
        cmocka_unit_test(stops_at_the_ceiling),
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(never_raises_without_lua_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
