/* shared -- channels between workers, for lua/rille/shared_channel.lua; subscriptions too,
 * where they are received from.
 *
 *   seat: [ party ] [ party ] ...     what one task waits for; Lua keeps it */
#include "vm/shared.h"

#include <math.h>

#include "base/mem.h"

#define SEAT_META "rille.shared.seat"
#define MOST_MS 1e15 /* no timer is due then: 30,000 years */

enum {
    CASE_TIMEOUT = 1,
    CASE_PARTY = 2, /* and on: the first of the seat, the second, ... */
    CASE_AGAIN = -1, /* one can go on already: nothing was waited for */
    KEPT_CAP = 64 << 10 /* the scratch keeps so much memory between calls */
};

struct rl_seat {
    size_t count;
    rl_party parties[];
};

/* ---- what the three bindings share -------------------------------------------------- */

rl_commons *rl_desk_commons(lua_State *L, rl_desk *desk) {
    rl_vm *vm = desk->vm;
    (void)rl_vm_check(L); /* nothing that a finalizer opened would be closed */
    if (vm->commons != NULL)
        return vm->commons;
    if (vm->own_commons == NULL && rl_commons_new(&vm->own_commons) != RL_OK)
        luaL_error(L, "not enough memory");
    return vm->own_commons;
}

rl_slice rl_shared_check_name(lua_State *L, int arg) {
    rl_slice name;
    luaL_checktype(L, arg, LUA_TSTRING);
    name.ptr = lua_tolstring(L, arg, &name.len);
    luaL_argcheck(L, rl_name_is_valid(name), arg, "a name has 1 to 255 bytes");
    return name;
}

rl_shared_handle *rl_shared_push_handle(lua_State *L) {
    rl_shared_handle *handle = lua_newuserdata(L, sizeof *handle);
    *handle = (rl_shared_handle){.channel = NULL};
    luaL_getmetatable(L, RL_SHARED_HANDLE_META);
    lua_setmetatable(L, -2);
    return handle;
}

rl_shared_handle *rl_shared_check_handle(lua_State *L, int arg) {
    return luaL_checkudata(L, arg, RL_SHARED_HANDLE_META);
}

static void empty_scratch(rl_desk *desk) {
    if (RL_UNLIKELY(desk->scratch.cap > KEPT_CAP))
        rl_buf_clear(&desk->scratch);
    rl_buf_reset(&desk->scratch);
}

bool rl_desk_pack(lua_State *L, rl_desk *desk, int index, size_t most, rl_slice *out) {
    char message[RL_PACK_MESSAGE_CAP];
    empty_scratch(desk);
    desk->scratch.ceiling = most;
    rl_err err = rl_vm_pack(L, index, &desk->scratch, message);
    if (RL_LIKELY(err == RL_OK)) {
        *out = rl_buf_live(&desk->scratch);
        return true;
    }
    if (err == RL_ENOMEM)
        luaL_error(L, "not enough memory");
    lua_pushstring(L, message);
    return false;
}

rl_parcel *rl_desk_parcel(lua_State *L, rl_desk *desk, int index) {
    rl_slice bytes;
    if (!rl_desk_pack(L, desk, index, RL_PACK_MOST, &bytes))
        return NULL;
    rl_parcel *parcel = rl_parcel_new(bytes);
    if (parcel == NULL)
        luaL_error(L, "not enough memory");
    return parcel;
}

void rl_desk_unpack(lua_State *L, rl_desk *desk) {
    rl_vm_unpack(L, rl_message_bytes(&desk->got));
    rl_message_clear(&desk->got);
}

/* Without what an error kept it from being cleared of. */
static rl_message *empty_got(rl_desk *desk) {
    rl_message_clear(&desk->got);
    return &desk->got;
}

static int collect_desk(lua_State *L) {
    rl_desk *desk = lua_touserdata(L, 1);
    rl_message_clear(&desk->got);
    rl_buf_clear(&desk->scratch);
    return 0;
}

/* ---- for threads -------------------------------------------------------------------- */

/* pack(value) -> its bytes, none for nil; or nil, and a text: not such a value */
static int pack(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_slice bytes = RL_LIT("");
    luaL_checkany(L, 1);
    if (!lua_isnil(L, 1) && !rl_desk_pack(L, desk, 1, RL_PACK_MOST_JOB, &bytes)) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    lua_pushlstring(L, bytes.ptr, bytes.len);
    empty_scratch(desk);
    return 1;
}

/* unpack(bytes) -> what pack made them of */
static int unpack(lua_State *L) {
    rl_slice bytes;
    bytes.ptr = luaL_checklstring(L, 1, &bytes.len);
    if (bytes.len == 0)
        lua_pushnil(L);
    else
        rl_vm_unpack(L, bytes);
    return 1;
}

/* ---- handles ------------------------------------------------------------------------ */

static int collect_handle(lua_State *L) {
    rl_shared_handle *handle = lua_touserdata(L, 1);
    if (handle->subscriber.topic != NULL) {
        rl_lent_return(&handle->lent);
        rl_subscriber_leave(&handle->subscriber, NULL);
    }
    rl_subscriber_clear(&handle->subscriber);
    rl_channel_unref(handle->channel);
    if (handle->shared != NULL)
        rl_shared_channel_let_go(handle->shared);
    *handle = (rl_shared_handle){.channel = NULL};
    return 0;
}

/* shared_open(name, capacity) -> handle; or nil, and the capacity that it has for others, or nil: there
 * are too many */
static int open_channel(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_slice name = rl_shared_check_name(L, 1);
    size_t capacity = (size_t)luaL_checknumber(L, 2), there = 0;
    rl_shared_handle *handle = rl_shared_push_handle(L);
    rl_err err = rl_shared_channel_hold(rl_desk_commons(L, desk)->channels, name, capacity, &handle->shared, &there);
    if (err == RL_ENOMEM)
        return luaL_error(L, "not enough memory");
    if (err == RL_OK) {
        handle->channel = rl_channel_ref(handle->shared->channel);
        return 1;
    }
    lua_pushnil(L);
    if (err != RL_EEXIST)
        return 1;
    lua_pushnumber(L, (lua_Number)there);
    return 2;
}

/* ---- without waiting ------------------------------------------------------------------ */

/* shared_send(handle, value) -> true; false: it would wait; nil: closed; nil and a text: not such a value */
static int send_now(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    rl_slice bytes;
    if (!rl_desk_pack(L, desk, 2, RL_PACK_MOST, &bytes)) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    rl_err err = rl_channel_send(handle->channel, bytes, desk->vm->loop);
    if (err == RL_ENOMEM)
        return luaL_error(L, "not enough memory");
    if (err == RL_ECLOSED)
        lua_pushnil(L);
    else
        lua_pushboolean(L, err == RL_OK);
    return 1;
}

/* shared_receive(handle) -> value; or nil, and whether it is closed */
static int receive_now(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    rl_err err = rl_channel_receive(handle->channel, empty_got(desk), desk->vm->loop);
    if (RL_LIKELY(err == RL_OK)) {
        rl_desk_unpack(L, desk);
        return 1;
    }
    lua_pushnil(L);
    lua_pushboolean(L, err == RL_ECLOSED);
    return 2;
}

/* shared_would_wait(handle, sends) -> boolean */
static int would_wait(lua_State *L) {
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    lua_pushboolean(L, rl_channel_would_wait(handle->channel, lua_toboolean(L, 2)));
    return 1;
}

/* shared_close(handle) -> whether it was open */
static int close_channel(lua_State *L) {
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    lua_pushboolean(L, rl_channel_close(handle->channel, rl_desk_of(L)->vm->loop) == RL_OK);
    return 1;
}

/* shared_len(handle) -> how many are in it */
static int length(lua_State *L) {
    lua_pushnumber(L, (lua_Number)rl_channel_depth(rl_shared_check_handle(L, 1)->channel));
    return 1;
}

/* ---- waiting ---------------------------------------------------------------------------- */

rl_seat *rl_seat_check(lua_State *L, int arg) {
    return luaL_checkudata(L, arg, SEAT_META);
}

bool rl_seat_wait(rl_seat *seat, rl_waiter *waiter, uint32_t first) {
    return rl_parties_wait(seat->parties, seat->count, waiter, first);
}

static rl_party *check_party(lua_State *L, rl_seat *at) {
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && (size_t)i <= at->count, 2, "a party of this seat");
    return &at->parties[i - 1];
}

static void clear_parties(rl_seat *at, rl_loop *here) {
    for (size_t i = 0; i < at->count; i++)
        rl_party_clear(&at->parties[i], here);
}

static int collect_seat(lua_State *L) {
    clear_parties(lua_touserdata(L, 1), NULL);
    return 0;
}

/* shared_seat(count) -> seat, for as many parties */
static int new_seat(lua_State *L) {
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 1 && count <= RL_PARTIES_MOST, 1, "a number from 1 to 24");
    size_t size = sizeof(rl_seat) + (size_t)count * sizeof(rl_party);
    rl_seat *at = lua_newuserdata(L, size);
    memset(at, 0, size);
    at->count = (size_t)count;
    luaL_getmetatable(L, SEAT_META);
    lua_setmetatable(L, -2);
    return 1;
}

/* shared_sit(seat, i, handle[, value]) -> true; or nil and a text: not such a value. With a value it
 * sends that, else it receives. */
static int sit(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_party *party = check_party(L, rl_seat_check(L, 1));
    rl_shared_handle *handle = rl_shared_check_handle(L, 3);
    rl_parcel *parcel = NULL;
    if (!lua_isnoneornil(L, 4) && (parcel = rl_desk_parcel(L, desk, 4)) == NULL) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    rl_party_clear(party, desk->vm->loop);
    rl_party_init_take(party, handle->channel, parcel);
    lua_pushboolean(L, 1);
    return 1;
}

/* shared_park(seat[, timeout_ms]) -> case: 1 the timeout; 2 and on: the party that won; -1 when one can go on already, and
 * nothing was waited for. Beside lines of this worker: line_wait_any. */
static int park(lua_State *L) {
    rl_seat *at = rl_seat_check(L, 1);
    lua_Number timeout_ms = luaL_optnumber(L, 2, -1);
    rl_task *task = rl_task_may_wait(L);
    if (!rl_seat_wait(at, &task->waiter, CASE_PARTY)) {
        lua_pushinteger(L, CASE_AGAIN);
        return 1;
    }
    if (timeout_ms >= 0 && timeout_ms < MOST_MS)
        rl_task_limit_wait(task, CASE_TIMEOUT, (uint64_t)ceil(timeout_ms));
    return rl_task_yield(L, task, "channel");
}

/* shared_end(seat, i) -> of the party that won: true when it sent, or the value; or nil: closed.
 * The seat is free then. */
static int end_wait(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_seat *at = rl_seat_check(L, 1);
    rl_party *party = check_party(L, at);
    bool sends = party->sends;
    rl_err err = rl_party_end(party, empty_got(desk), desk->vm->loop);
    clear_parties(at, desk->vm->loop);
    if (err != RL_OK)
        lua_pushnil(L);
    else if (sends)
        lua_pushboolean(L, 1);
    else
        rl_desk_unpack(L, desk);
    return 1;
}

/* shared_leave(seat): nobody of it won. */
static int leave_seat(lua_State *L) {
    clear_parties(rl_seat_check(L, 1), rl_desk_of(L)->vm->loop);
    return 0;
}

/* give_way() -> case: what else is ready runs first, the loop's events too. */
static int give_way(lua_State *L) {
    rl_task *task = rl_task_may_wait(L);
    rl_waiter_park(&task->waiter);
    if (rl_waiter_claim(&task->waiter, CASE_TIMEOUT))
        rl_waiter_wake(&task->waiter);
    return rl_task_yield(L, task, "turn");
}

/* ---- opening -------------------------------------------------------------------------------- */

void rl_shared_add_functions(lua_State *L, const luaL_Reg *functions, int desk_at) {
    for (; functions->name != NULL; functions++) {
        lua_pushvalue(L, desk_at);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

static void new_meta(lua_State *L, const char *name, lua_CFunction collect) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* Its finalizer is known before it owns anything. */
static void push_desk(lua_State *L) {
    rl_desk *desk = lua_newuserdata(L, sizeof *desk);
    desk->vm = rl_vm_of(L);
    desk->got.parcel = NULL;
    rl_buf_init(&desk->scratch, RL_PACK_MOST);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect_desk);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
}

void rl_vm_open_shared(lua_State *L) {
    const luaL_Reg functions[] = {{"shared_open", open_channel},     {"shared_send", send_now},
                                  {"shared_receive", receive_now},   {"shared_would_wait", would_wait},
                                  {"shared_close", close_channel},   {"shared_len", length},
                                  {"shared_seat", new_seat},         {"shared_sit", sit},
                                  {"shared_park", park},             {"shared_end", end_wait},
                                  {"shared_leave", leave_seat},      {"give_way", give_way},
                                  {"pack", pack},                    {"unpack", unpack},
                                  {NULL, NULL}};
    new_meta(L, RL_SHARED_HANDLE_META, collect_handle);
    new_meta(L, SEAT_META, collect_seat);
    push_desk(L);
    lua_insert(L, -2);
    int desk_at = lua_gettop(L) - 1;
    rl_shared_add_functions(L, functions, desk_at);
    rl_vm_open_topics(L, desk_at);
    rl_vm_open_stores(L, desk_at);
    lua_remove(L, desk_at);
}
