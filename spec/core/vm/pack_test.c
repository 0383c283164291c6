#include "vm/pack.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
        lua_pushliteral(state, ""); /* its name as JSON, which nobody asks for here */
        lua_rawseti(state, 1, count + i);
    }
    lua_pushvalue(state, 2);
    lua_pushvalue(state, 1);
    lua_setmetatable(state, -2);
    return 1;
}

static const char HELPERS[] =
    "function same(a, b)"
    "  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b or a ~= a and b ~= b end"
    "  if getmetatable(a) ~= getmetatable(b) then return false end"
    "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end"
    "  for k in pairs(b) do if a[k] == nil then return false end end"
    "  return true"
    " end "
    "function nested(n) local t = {} for _ = 2, n do t = { t } end return t end";

static int set_up(void **state) {
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    rl_vm_open_json(L);
    lua_setglobal(L, "rille");
    lua_register(L, "row", make_row);
    lua_pushlightuserdata(L, NULL);
    lua_setglobal(L, "null");
    assert_int_equal(luaL_dostring(L, HELPERS), 0);
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

static rl_buf packed(const char *expression) {
    rl_buf out;
    char message[RL_PACK_MESSAGE_CAP] = "";
    rl_buf_init(&out, RL_PACK_MOST);
    push(expression);
    int top = lua_gettop(L);
    if (rl_vm_pack(L, top, &out, message) != RL_OK)
        fail_msg("%s: %s", expression, message);
    assert_int_equal(lua_gettop(L), top);
    lua_pop(L, 1);
    return out;
}

static int unpack(lua_State *state) {
    const rl_slice *bytes = lua_touserdata(state, 1);
    rl_vm_unpack(state, *bytes);
    return 1;
}

/* Whether it is a value, which is on the stack then; or an error. */
static bool unpacks(rl_slice bytes) {
    lua_pushcfunction(L, unpack);
    lua_pushlightuserdata(L, &bytes);
    return lua_pcall(L, 1, 1, 0) == 0;
}

static bool is_same(const char *expression) {
    lua_getglobal(L, "same");
    lua_insert(L, -2);
    push(expression);
    lua_call(L, 2, 1);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

static void assert_becomes(const char *expression, const char *expected) {
    rl_buf bytes = packed(expression);
    if (!unpacks(rl_buf_live(&bytes)))
        fail_msg("%s: %s", expression, lua_tostring(L, -1));
    if (!is_same(expected))
        fail_msg("%s did not become %s", expression, expected);
    assert_int_equal(lua_gettop(L), 0);
    rl_buf_clear(&bytes);
}

/* ---- what passes ---------------------------------------------------------------- */

static void values_come_back_as_they_were(void **state) {
    (void)state;
    static const char *const VALUES[] = {
        "true", "false", "null", "0", "-1.5", "2^53", "1/0", "-1/0", "0/0", "''", "'tea'", "'a\\0b'", "('x'):rep(255)",
        "('x'):rep(256)", "('x'):rep(70000)", "{}", "{ 1, 2, 3 }", "{ a = 1, b = { c = 'd' } }", "{ 1, 2, x = 3, [10] = 4 }",
        "{ [true] = 1, [false] = 2, [1.5] = 3, [-1] = 4 }", "{ null, { null } }", "rille.array {}", "rille.array { 1, { 2 } }",
        "{ list = rille.array {}, map = {} }", "nested(64)"};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++)
        assert_becomes(VALUES[i], VALUES[i]);
}

static void a_row_becomes_a_plain_table_of_its_columns(void **state) {
    (void)state;
    assert_becomes("row({ 'id', 'name', 'gone' }, { id = 7, name = 'tea', of_the_model = print })", "{ id = 7, name = 'tea' }");
}

static void what_is_shared_is_there_twice(void **state) {
    (void)state;
    rl_buf bytes = packed("(function() local one = {} return { one, one } end)()");
    assert_true(unpacks(rl_buf_live(&bytes)));
    lua_rawgeti(L, 1, 1);
    lua_rawgeti(L, 1, 2);
    assert_false(lua_rawequal(L, -1, -2));
    lua_settop(L, 0);
    rl_buf_clear(&bytes);
}

/* ---- what does not --------------------------------------------------------------- */

static void assert_refuses(const char *expression, size_t most, rl_err expected, const char *words) {
    rl_buf out;
    char message[RL_PACK_MESSAGE_CAP] = "";
    rl_buf_init(&out, most);
    push(expression);
    assert_int_equal(rl_vm_pack(L, 1, &out, message), expected);
    assert_string_equal(message, words);
    lua_settop(L, 0);
    rl_buf_clear(&out);
}

static void what_cannot_be_copied_is_named_by_path_and_type(void **state) {
    (void)state;
    assert_refuses("print", RL_PACK_MOST, RL_EINVAL, "a function cannot be copied to another worker or thread");
    assert_refuses("nil", RL_PACK_MOST, RL_EINVAL, "a nil cannot be copied to another worker or thread");
    assert_refuses("{ items = { {}, { made = print } } }", RL_PACK_MOST, RL_EINVAL,
                   "items[2].made: a function cannot be copied to another worker or thread");
    assert_refuses("{ at = { [{}] = 1 } }", RL_PACK_MOST, RL_EINVAL,
                   "at: a key that is a table cannot be copied to another worker or thread");
    assert_refuses("{ own = setmetatable({}, { __name = 'cup' }) }", RL_PACK_MOST, RL_EINVAL,
                   "own: a table with a metatable (cup) cannot be copied to another worker or thread: send its fields");
}

static void a_value_deeper_than_the_bound_is_refused(void **state) {
    (void)state;
    rl_buf out;
    char message[RL_PACK_MESSAGE_CAP] = "";
    rl_buf_init(&out, RL_PACK_MOST);
    const char *const expressions[] = {"nested(65)", "(function() local t = {} t[1] = t return t end)()"};
    for (size_t i = 0; i < 2; i++) {
        push(expressions[i]);
        assert_int_equal(rl_vm_pack(L, 1, &out, message), RL_EINVAL);
        assert_non_null(strstr(message, "more than 64 levels deep, or a cycle"));
        lua_settop(L, 0);
    }
    rl_buf_clear(&out);
}

static void the_buffers_ceiling_bounds_a_value(void **state) {
    (void)state;
    assert_refuses("('x'):rep(2^20)", RL_PACK_MOST, RL_EFULL, "the value takes more than 1 MB");
    assert_refuses("('x'):rep(2^21)", RL_PACK_MOST << 1, RL_EFULL, "the value takes more than 2 MB");
}

/* ---- bytes that nobody packed ------------------------------------------------------ */

static const char RICH[] = "{ 1, 'two', { three = ('x'):rep(300) }, null, e = rille.array { true }, f = { a = {}, b = 'c' } }";

static void a_part_of_a_pack_is_refused(void **state) {
    (void)state;
    rl_buf bytes = packed(RICH);
    rl_slice whole = rl_buf_live(&bytes);
    for (size_t len = 0; len < whole.len; len++) {
        char *part = malloc(len + 1); /* of exactly that size: a read behind it is seen */
        memcpy(part, whole.ptr, len);
        part = realloc(part, len == 0 ? 1 : len);
        assert_false(unpacks(rl_slice_of(part, len)));
        assert_string_equal(lua_tostring(L, -1), "these bytes are no packed value");
        lua_settop(L, 0);
        free(part);
    }
    rl_buf_clear(&bytes);
}

static void more_than_a_pack_is_refused(void **state) {
    (void)state;
    rl_buf bytes = packed("7");
    assert_int_equal(rl_buf_append(&bytes, RL_LIT("\0")), RL_OK);
    assert_false(unpacks(rl_buf_live(&bytes)));
    lua_settop(L, 0);
    rl_buf_clear(&bytes);
}

/* Each byte of it set to each of some values: a value or an error, and nothing else. */
static void a_changed_byte_harms_nobody(void **state) {
    (void)state;
    rl_buf bytes = packed(RICH);
    for (size_t i = 0; i < rl_buf_len(&bytes); i++) {
        char before = bytes.base[i];
        for (int value = -1; value < 12; value++) {
            bytes.base[i] = (char)value;
            (void)unpacks(rl_buf_live(&bytes));
            lua_settop(L, 0);
        }
        bytes.base[i] = before;
    }
    rl_buf_clear(&bytes);
}

static void counts_that_the_bytes_cannot_fill_take_no_memory(void **state) {
    (void)state;
    rl_buf bytes = packed("{ 1 }");
    memset(bytes.base + 1, 0x7f, 4);
    int before_kb = lua_gc(L, LUA_GCCOUNT, 0);
    assert_false(unpacks(rl_buf_live(&bytes)));
    assert_in_range(lua_gc(L, LUA_GCCOUNT, 0), 0, before_kb + 64);
    lua_settop(L, 0);
    rl_buf_clear(&bytes);
}

/* Tables that begin with a table, and so on. */
static void a_pack_deeper_than_the_bound_is_refused(void **state) {
    (void)state;
    rl_buf one = packed("nested(2)"), deep;
    rl_slice head = rl_slice_of(rl_buf_live(&one).ptr, rl_buf_len(&one) / 2);
    rl_buf_init(&deep, RL_PACK_MOST);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(rl_buf_append(&deep, head), RL_OK);
    assert_false(unpacks(rl_buf_live(&deep)));
    assert_string_equal(lua_tostring(L, -1), "these bytes are no packed value");
    lua_settop(L, 0);
    rl_buf_clear(&one);
    rl_buf_clear(&deep);
}

/* ---- memory ------------------------------------------------------------------------ */

static void pack_under_refusal(void) {
    rl_buf out;
    char message[RL_PACK_MESSAGE_CAP] = "";
    rl_buf_init(&out, RL_PACK_MOST);
    push(RICH);
    rl_err err = rl_vm_pack(L, 1, &out, message);
    assert_true(err == RL_OK || err == RL_ENOMEM);
    assert_int_equal(lua_gettop(L), 1);
    lua_settop(L, 0);
    rl_buf_clear(&out);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(pack_under_refusal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_come_back_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_becomes_a_plain_table_of_its_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_shared_is_there_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_copied_is_named_by_path_and_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_deeper_than_the_bound_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_buffers_ceiling_bounds_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_of_a_pack_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_a_pack_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_byte_harms_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_that_the_bytes_cannot_fill_take_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pack_deeper_than_the_bound_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_each_refused_allocation, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
