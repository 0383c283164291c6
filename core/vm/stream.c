/* stream -- an answer's pieces, for lua/rille/stream.lua. */
#include "vm/answer.h"
#include "vm/call.h"

enum { CASE_ROOM = 1 };

/* stream_begin(slot, epoch, status, type, headers[, length]): sends the head */
static int begin(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    rl_answer answer = {.status = (int)luaL_checkinteger(L, 3)};
    answer.type.ptr = luaL_checklstring(L, 4, &answer.type.len);
    luaL_checktype(L, 5, LUA_TTABLE);
    if (answer.status < 200 || answer.status > 599)
        return luaL_error(L, "status %d: a status is an integer from 200 to 599", answer.status);
    if (!lua_isnoneornil(L, 6)) {
        lua_Number length = luaL_checknumber(L, 6);
        luaL_argcheck(L, length >= 0 && length < 1e15, 6, "a length from 0 on, in bytes");
        answer.is_counted = true;
        answer.length = (uint64_t)length;
    }
    char message[256];
    /* behind the fields that were set early: what stands there goes out with the head */
    const char *wrong =
        rl_answer_fields(L, 5, &request->fields, &request->fields, &answer.type, message, sizeof message);
    if (wrong != NULL)
        return luaL_error(L, "%s", wrong);
    (void)rl_request_begin(request, &answer); /* a client that has left is found by the first write */
    return 0;
}

/* stream_write(slot, epoch, text) -> false when the client has gone */
static int write_piece(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    size_t len;
    const char *text = luaL_checklstring(L, 3, &len);
    lua_pushboolean(L, rl_request_write(request, rl_slice_of(text, len)));
    return 1;
}

/* stream_room(slot, epoch) -> case: waits until the client has read enough */
static int wait_for_room(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    if (rl_request_has_room(request)) {
        lua_pushinteger(L, CASE_ROOM);
        return 1;
    }
    rl_task *task = rl_task_may_wait(L);
    return rl_signal_wait(L, task, &rl_app_call(request)->drained, UINT64_MAX, "drain");
}

void rl_vm_open_stream(lua_State *L) {
    const luaL_Reg functions[] = {{"stream_begin", begin},
                                  {"stream_write", write_piece},
                                  {"stream_room", wait_for_room},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
