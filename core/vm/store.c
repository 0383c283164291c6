/* store -- the store that workers share, for lua/rille/shared.lua.
 *
 * A value that is a number is kept as one, so that it can be counted with. */
#include "base/mem.h"
#include "vm/shared.h"

#define STORE_META "rille.shared.store"

/* Every second a worker looks through one part in so many for what is over. */
enum { SWEEP_EVERY_MS = 1000, SWEEP_PARTS = 30 };

typedef struct sweeper {
    rl_lent lent; /* in the VM's scope */
    rl_timer timer;
    rl_vm *vm;
    rl_stores *stores;
} sweeper;

static void on_sweep(rl_timer *timer) {
    sweeper *at = RL_CONTAINER(timer, sweeper, timer);
    rl_stores_sweep(at->stores, SWEEP_PARTS, rl_loop_now_ms(at->vm->loop));
    rl_timer_start_chore(at->vm->loop, timer, SWEEP_EVERY_MS);
}

static void end_sweeper(rl_lent *lent) {
    sweeper *at = RL_CONTAINER(lent, sweeper, lent);
    rl_timer_stop(at->vm->loop, &at->timer);
    rl_mem_free(at);
}

/* Once a VM: Lua calls it with its first store. */
static int start_sweeper(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_stores *stores = rl_desk_commons(L, desk)->stores;
    sweeper *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return luaL_error(L, "not enough memory");
    at->vm = desk->vm;
    at->stores = stores;
    rl_timer_init(&at->timer, on_sweep);
    rl_scope_lend(&desk->vm->scope, &at->lent, "sweeper", end_sweeper);
    rl_timer_start_chore(desk->vm->loop, &at->timer, SWEEP_EVERY_MS);
    return 0;
}

static rl_store *check_store(lua_State *L) {
    return *(rl_store **)luaL_checkudata(L, 1, STORE_META);
}

static rl_slice check_key(lua_State *L) {
    rl_slice key;
    luaL_checktype(L, 2, LUA_TSTRING);
    key.ptr = lua_tolstring(L, 2, &key.len);
    luaL_argcheck(L, key.len <= RL_STORE_KEY_MAX, 2, "a key has at most 1024 bytes");
    return key;
}

static uint64_t now_ms(lua_State *L) {
    return rl_loop_now_ms(rl_desk_of(L)->vm->loop);
}

/* Milliseconds at `arg`; nothing: for ever. */
static uint64_t opt_ttl(lua_State *L, int arg) {
    lua_Number ttl_ms = luaL_optnumber(L, arg, 0);
    return ttl_ms > 0 && ttl_ms < 1 ? 1 : (uint64_t)ttl_ms;
}

/* False: what was wrong is on the stack. */
static bool check_value(lua_State *L, int arg, rl_stored *out) {
    *out = (rl_stored){.parcel = NULL};
    if (lua_type(L, arg) == LUA_TNUMBER) {
        out->number = lua_tonumber(L, arg);
        return true;
    }
    out->parcel = rl_desk_parcel(L, rl_desk_of(L), arg);
    return out->parcel != NULL;
}

/* store_open(name, bytes) -> store; or nil, and the bytes that it has for others, or nil: there are too many */
static int open_store(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_slice name = rl_shared_check_name(L, 1);
    uint64_t bytes = (uint64_t)luaL_checknumber(L, 2), there = 0;
    luaL_argcheck(L, bytes >= RL_STORE_LEAST, 2, "a store has 64K at least");
    rl_store **store = lua_newuserdata(L, sizeof *store);
    luaL_getmetatable(L, STORE_META);
    lua_setmetatable(L, -2);
    rl_err err = rl_stores_open(rl_desk_commons(L, desk)->stores, name, bytes, store, &there);
    if (err == RL_OK)
        return 1;
    if (err != RL_EEXIST && err != RL_EFULL)
        return luaL_error(L, "not enough memory");
    lua_pushnil(L);
    if (err == RL_EFULL)
        return 1;
    lua_pushnumber(L, (lua_Number)there);
    return 2;
}

/* store_get(store, key) -> value, or nil */
static int get(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_stored value;
    if (rl_store_get(check_store(L), check_key(L), now_ms(L), &value) != RL_OK)
        return 0;
    if (value.parcel == NULL) {
        lua_pushnumber(L, value.number);
        return 1;
    }
    rl_message_clear(&desk->got);
    desk->got.parcel = value.parcel;
    rl_desk_unpack(L, desk);
    return 1;
}

/* What Lua makes an answer of. */
static int push_outcome(lua_State *L, rl_err err) {
    switch (err) {
    case RL_OK: lua_pushboolean(L, 1); return 1;
    case RL_ENOMEM: return luaL_error(L, "not enough memory");
    default:
        lua_pushnil(L);
        lua_pushstring(L, rl_err_name(err));
        return 2;
    }
}

static int push_wrong_value(lua_State *L) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

/* store_put(store, key, value, rule, ttl_ms) -> true; nil and a word of rl_err; false and a text: not such a value.
 * rule: 0 always, 1 if absent, 2 if present */
static int put(lua_State *L) {
    rl_store *store = check_store(L);
    rl_slice key = check_key(L);
    rl_store_rule rule = (rl_store_rule)luaL_checkinteger(L, 4);
    uint64_t ttl_ms = opt_ttl(L, 5);
    rl_stored value;
    if (!check_value(L, 3, &value))
        return push_wrong_value(L);
    return push_outcome(L, rl_store_put_take(store, key, value, rule, ttl_ms, now_ms(L)));
}

/* store_add(store, key, by, init, ttl_ms) -> the sum; or nil and a word */
static int add(lua_State *L) {
    rl_store *store = check_store(L);
    rl_slice key = check_key(L);
    lua_Number by = luaL_checknumber(L, 3), init = luaL_optnumber(L, 4, 0), sum = 0;
    rl_err err = rl_store_add(store, key, by, lua_isnoneornil(L, 4) ? NULL : &init, opt_ttl(L, 5), now_ms(L), &sum);
    if (err != RL_OK)
        return push_outcome(L, err);
    lua_pushnumber(L, sum);
    return 1;
}

/* store_swap(store, key, expected, value, ttl_ms) -> as store_put. nil stands for nothing. */
static int swap(lua_State *L) {
    rl_store *store = check_store(L);
    rl_slice key = check_key(L);
    uint64_t ttl_ms = opt_ttl(L, 5);
    bool expects = !lua_isnil(L, 3), puts = !lua_isnil(L, 4);
    rl_stored expected = {.parcel = NULL}, value = {.parcel = NULL};
    rl_message *kept = &rl_desk_of(L)->got; /* whose owner outlives an error */
    if (expects && !check_value(L, 3, &expected))
        return push_wrong_value(L);
    rl_message_clear(kept);
    kept->parcel = expected.parcel;
    if (puts && !check_value(L, 4, &value))
        return push_wrong_value(L);
    rl_err err = rl_store_swap_take(store, key, expects ? &expected : NULL, puts ? &value : NULL, ttl_ms, now_ms(L));
    rl_message_clear(kept);
    return push_outcome(L, err);
}

/* store_delete(store, key) -> whether it was there */
static int delete(lua_State *L) {
    lua_pushboolean(L, rl_store_delete(check_store(L), check_key(L), now_ms(L)));
    return 1;
}

/* ---- all of it ------------------------------------------------------------------------ */

/* Keys are gathered in the scratch, each behind its length: Lua's memory cannot be
 * asked for while a stripe is locked. */
typedef struct gathering {
    rl_buf *keys;
    size_t left;
} gathering;

static bool gather(void *owner, rl_slice key) {
    gathering *at = owner;
    uint32_t len = (uint32_t)key.len;
    char *to;
    if (at->left == 0 || rl_buf_reserve(at->keys, sizeof len + key.len, &to) != RL_OK)
        return false;
    memcpy(to, &len, sizeof len);
    memcpy(to + sizeof len, key.ptr, key.len);
    rl_buf_commit(at->keys, sizeof len + key.len);
    at->left--;
    return true;
}

/* store_keys(store, prefix, limit) -> list, as far as 1 MB takes them */
static int keys(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_store *store = check_store(L);
    rl_slice prefix = check_key(L);
    gathering all = {.keys = &desk->scratch, .left = (size_t)luaL_checkinteger(L, 3)};
    rl_buf_reset(&desk->scratch);
    rl_store_keys(store, prefix, now_ms(L), gather, &all);
    lua_newtable(L);
    rl_slice left = rl_buf_live(&desk->scratch);
    for (int i = 1; left.len > 0; i++) {
        uint32_t len;
        memcpy(&len, left.ptr, sizeof len);
        lua_pushlstring(L, left.ptr + sizeof len, len);
        lua_rawseti(L, -2, i);
        left = rl_slice_of(left.ptr + sizeof len + len, left.len - sizeof len - len);
    }
    return 1;
}

/* store_count(store) -> how many entries, and their bytes */
static int count(lua_State *L) {
    rl_store_stats stats = rl_store_stats_of(check_store(L));
    lua_pushnumber(L, (lua_Number)stats.count);
    lua_pushnumber(L, (lua_Number)stats.bytes);
    return 2;
}

void rl_vm_open_stores(lua_State *L, int desk_at) {
    const luaL_Reg functions[] = {{"store_open", open_store}, {"store_sweep", start_sweeper}, {"store_get", get},
                                  {"store_put", put},         {"store_add", add},             {"store_swap", swap},
                                  {"store_delete", delete},   {"store_keys", keys},           {"store_count", count},
                                  {NULL, NULL}};
    rl_shared_add_functions(L, functions, desk_at);
    luaL_newmetatable(L, STORE_META);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
