/* request -- what `c` reads of its request, for lua/rille/context.lua.
 *
 * Every function takes slot and epoch first and checks them first: a `c` that
 * was kept past its end finds "request is over", never the next request. */
#include "http/request.h"

#include <math.h>
#include <stdio.h>

#include "http/lines.h"
#include "http/request_id.h"
#include "http/target.h"
#include "vm/blame.h"
#include "vm/call.h"
#include "vm/file.h"
#include "vm/json.h"

enum {
    FEW_FIELDS = 4,       /* of a query or a form: room for most, without growing */
    FIELDS_MOST = 1000,   /* of a query, a form, a cookie header: a stranger chose how many */
    DECODED_MOST = 65536, /* the longest query field; the request line is shorter by default */
    CASE_NEWS = 1
};

rl_request *rl_app_request(lua_State *L, int index) {
    rl_vm *vm = rl_vm_of(L);
    rl_server *server = vm == NULL || vm->app == NULL ? NULL : rl_app_server(vm->app);
    rl_request *request = NULL;
    if (server != NULL)
        request = rl_server_request(server, (uint32_t)lua_tointeger(L, index), (uint32_t)lua_tonumber(L, index + 1));
    /* answered and done with, though the connection may still be reading its body */
    if (request == NULL || request->handling == NULL)
        rl_blame_raise(L, "request is over: pass c.params.id to the task, or whatever it needs, and not c");
    return request;
}

static void push_slice(lua_State *L, rl_slice slice) {
    lua_pushlstring(L, slice.len == 0 ? "" : slice.ptr, slice.len);
}

/* check(slot, epoch): raises when the request is over */
static int check(lua_State *L) {
    (void)rl_app_request(L, 1);
    return 0;
}

/* method(slot, epoch) -> "GET" */
static int method(lua_State *L) {
    lua_pushstring(L, rl_method_name(rl_app_request(L, 1)->head.method));
    return 1;
}

/* path(slot, epoch) -> the raw path, as sent */
static int path(lua_State *L) {
    push_slice(L, rl_head_path(&rl_app_request(L, 1)->head));
    return 1;
}

/* request_id(slot, epoch) -> text */
static int request_id(lua_State *L) {
    char id[RL_REQUEST_ID_LEN];
    push_slice(L, rl_request_id(rl_app_request(L, 1), id));
    return 1;
}

/* give_request_id(slot, epoch, text) -> whether it was taken */
static int give_request_id(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    size_t len;
    const char *text = luaL_checklstring(L, 3, &len);
    bool is_given = rl_request_give_id(request, rl_slice_of(text, len));
    const rl_vm *vm = rl_vm_of(L);
    if (is_given && vm->row != NULL)
        rl_request_pin(request, request->route, vm->row);
    lua_pushboolean(L, is_given);
    return 1;
}

/* Push `raw` decoded; through the stack, so that no memory is ours if Lua's runs out. */
static void push_decoded(lua_State *L, rl_slice raw, bool plus_is_space, int status, const char *what) {
    if (memchr(raw.ptr, '%', raw.len) == NULL && (!plus_is_space || memchr(raw.ptr, '+', raw.len) == NULL)) {
        push_slice(L, raw);
        return;
    }
    char out[DECODED_MOST];
    size_t len;
    if (raw.len > sizeof out || rl_target_decode(raw, out, &len, plus_is_space) != RL_OK) {
        lua_pushinteger(L, status);
        lua_pushfstring(L, "the %s holds a malformed percent escape", what);
        lua_pushnil(L);
        lua_insert(L, -3);
        return;
    }
    lua_pushlstring(L, out, len);
}

/* params(slot, epoch) -> { name = text } of the route */
static int params(lua_State *L) {
    const rl_request *request = rl_app_request(L, 1);
    const rl_match *match = &request->match;
    lua_createtable(L, 0, (int)match->count);
    int table = lua_gettop(L);
    for (uint32_t i = 0; i < match->count; i++) {
        push_slice(L, match->names[i]);
        push_decoded(L, match->params[i], false, 400, "path");
        if (lua_gettop(L) != table + 2)
            return 3; /* nil, status, message: the router checked the escapes, so this does not happen */
        lua_rawset(L, table);
    }
    return 1;
}

/* Fields of `raw` into tables: [1] the first value of each name, [2] lists of
 * all values of each name. */
static int push_fields(lua_State *L, rl_slice raw, int status, const char *what) {
    lua_createtable(L, 0, FEW_FIELDS);
    lua_createtable(L, 0, FEW_FIELDS);
    int all = lua_gettop(L), first = all - 1;
    rl_slice key, value;
    for (int count = 0; rl_query_next(&raw, &key, &value); count++) {
        if (count == FIELDS_MOST) {
            lua_pushnil(L);
            lua_pushinteger(L, status);
            lua_pushfstring(L, "the %s has more than %d fields", what, FIELDS_MOST);
            return 3;
        }
        push_decoded(L, key, true, status, what);
        if (lua_gettop(L) != all + 1)
            return 3;
        push_decoded(L, value, true, status, what);
        if (lua_gettop(L) != all + 2)
            return 3;
        lua_pushvalue(L, -2);
        lua_rawget(L, all);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, first);
            lua_createtable(L, 1, 0);
            lua_pushvalue(L, -3);
            lua_pushvalue(L, -2);
            lua_rawset(L, all);
        }
        lua_insert(L, -2);
        lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
        lua_pop(L, 2);
    }
    return 2;
}

/* query(slot, epoch) -> { name = first }, { name = all }; or nil, status, message */
static int query(lua_State *L) {
    return push_fields(L, rl_head_query(&rl_app_request(L, 1)->head), 400, "query");
}

/* fields(text) -> the same of a urlencoded text, a form's body say */
static int fields(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    return push_fields(L, rl_slice_of(text, len), 400, "form");
}

static void push_lower(lua_State *L, rl_slice name) {
    char lower[256];
    if (name.len > sizeof lower) {
        push_slice(L, name);
        return;
    }
    for (size_t i = 0; i < name.len; i++)
        lower[i] = rl_ascii_lower(name.ptr[i]);
    lua_pushlstring(L, lower, name.len);
}

/* headers(slot, epoch) -> { ["lower-case name"] = value }; repeated ones are
 * joined by ", " (RFC 9110, 5.3), cookies by "; " (RFC 6265, 5.4) */
static int headers(lua_State *L) {
    const rl_head *head = &rl_app_request(L, 1)->head;
    lua_createtable(L, 0, (int)head->field_count);
    for (uint32_t i = 0; i < head->field_count; i++) {
        rl_slice name = rl_head_name(head, i);
        push_lower(L, name);
        lua_pushvalue(L, -1);
        lua_rawget(L, -3);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            push_slice(L, rl_head_value(head, i));
        } else {
            lua_pushstring(L, rl_slice_ieq(name, RL_LIT("cookie")) ? "; " : ", ");
            push_slice(L, rl_head_value(head, i));
            lua_concat(L, 3);
        }
        lua_rawset(L, -3);
    }
    return 1;
}

/* header(slot, epoch, name) -> the first value, or nil */
static int header(lua_State *L) {
    const rl_head *head = &rl_app_request(L, 1)->head;
    size_t len;
    const char *name = luaL_checklstring(L, 3, &len);
    rl_slice value = rl_head_find(head, rl_slice_of(name, len));
    if (value.ptr == NULL)
        lua_pushnil(L);
    else
        push_slice(L, value);
    return 1;
}

/* ip(slot, epoch) -> the peer's address, or nil when it has gone */
static int ip(lua_State *L) {
    char text[64];
    size_t len = rl_request_peer(rl_app_request(L, 1), text, sizeof text);
    if (len == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text, len);
    return 1;
}

/* has_body(slot, epoch) -> whether the client announced one, an empty one included */
static int has_body(lua_State *L) {
    const rl_head *head = &rl_app_request(L, 1)->head;
    lua_pushboolean(L, head->chunked || head->has_length);
    return 1;
}

/* limit_body(slot, epoch, bytes) -> whether what is announced and has come so far fits */
static int limit_body(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    lua_Number bytes = luaL_checknumber(L, 3);
    luaL_argcheck(L, bytes >= 0 && bytes < 1e15, 3, "a size from 0 on, in bytes");
    uint64_t most = (uint64_t)bytes;
    if (most < request->body.most)
        request->body.most = most;
    bool fits = request->body.len <= most && (!request->head.has_length || request->head.content_length <= most);
    lua_pushboolean(L, fits);
    return 1;
}

/* body_wait(slot, epoch) -> case: waits until the body is whole or has failed */
static int body_wait(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    rl_task *task = rl_body_is_whole(&request->body) ? NULL : rl_task_may_wait(L);
    rl_request_want_body(request); /* which ends the connection when it cannot */
    if (rl_body_is_whole(&request->body) || request->body.failed != 0) {
        lua_pushinteger(L, CASE_NEWS);
        return 1;
    }
    return rl_signal_wait(L, task, &rl_app_call(request)->body_news, UINT64_MAX, "body");
}

static bool has_come(const rl_body *body) {
    return rl_body_is_whole(body) && body->failed == 0;
}

/* body_file(slot, epoch[, most]) -> a handle to read it from, and its length:
 * of a spooled body up to `most` bytes long; nil of any other. After body_wait */
static int body_file(lua_State *L) {
    const rl_body *body = &rl_app_request(L, 1)->body;
    if (!has_come(body) || rl_body_file(body) < 0 || (lua_Number)body->len > luaL_optnumber(L, 3, HUGE_VAL)) {
        lua_pushnil(L);
        return 1;
    }
    rl_file_push(L, rl_body_file(body));
    lua_pushnumber(L, (lua_Number)body->len);
    return 2;
}

/* All bytes of a whole body: what was read from its file is an argument. */
static rl_slice body_bytes(lua_State *L, const rl_body *body) {
    rl_slice bytes;
    if (!rl_body_in_memory(body, &bytes))
        bytes.ptr = luaL_checklstring(L, 3, &bytes.len);
    return bytes;
}

/* body_text(slot, epoch) -> the text of one in memory, or nil and the status of its failure; after body_wait */
static int body_text(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    const rl_body *body = &request->body;
    if (!has_come(body)) {
        lua_pushnil(L);
        lua_pushinteger(L, body->failed != 0 ? body->failed : 400);
        return 2;
    }
    push_slice(L, body_bytes(L, body));
    return 1;
}

/* body_json(slot, epoch[, text of a spooled body]) -> the value; or nil, status, message, path */
static int body_json(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    const rl_body *body = &request->body;
    rl_vm_json_options options = RL_VM_JSON_OPTIONS_DEFAULT;
    options.limits.max_bytes = rl_app_read_limits(rl_vm_of(L)->app)->max_json;
    if (!has_come(body)) {
        lua_pushnil(L);
        lua_pushinteger(L, body->failed != 0 ? body->failed : 400);
        lua_pushliteral(L, "the body did not arrive");
        return 3;
    }
    if (body->len > options.limits.max_bytes) {
        lua_pushnil(L);
        lua_pushinteger(L, 413);
        lua_pushfstring(L, "the JSON body is longer than max_json, %d bytes", (int)options.limits.max_bytes);
        return 3;
    }
    rl_json_error error;
    rl_err err = rl_vm_json_decode(L, body_bytes(L, body), &options, &error);
    if (err == RL_OK)
        return 1;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_json_error_print(&error, message, sizeof message);
    lua_pushnil(L);
    lua_pushinteger(L, err == RL_EFULL ? 413 : 400);
    lua_pushstring(L, message);
    lua_pushstring(L, error.path);
    return 4;
}

/* set_header(slot, epoch, name, value[, add]) -> nil, or what is wrong; a value nil removes it */
static int set_header(lua_State *L) {
    rl_request *request = rl_app_request(L, 1);
    size_t name_len, value_len;
    const char *name = luaL_checklstring(L, 3, &name_len);
    rl_slice field = rl_slice_of(name, name_len);
    if (!lua_toboolean(L, 5))
        rl_lines_remove(&request->fields, field);
    if (lua_isnil(L, 4))
        return 0;
    const char *value = luaL_checklstring(L, 4, &value_len);
    const char *why;
    if (rl_lines_append(&request->fields, field, rl_slice_of(value, value_len), &why) == RL_OK)
        return 0;
    lua_pushfstring(L, "header '%s': %s", name, why);
    return 1;
}

/* after(slot, epoch, fn): runs once the answer was handed over; set once */
static int set_after(lua_State *L) {
    rl_call *call = rl_app_call(rl_app_request(L, 1));
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, call->after_ref);
    call->after_ref = ref;
    return 0;
}

/* request_here(above) -> slot, epoch of the request whose handler runs; with
 * `above` also of the one for which the task that runs was spawned; nil elsewhere */
static int request_here(lua_State *L) {
    rl_task *task = rl_task_current(L);
    bool looks_above = lua_toboolean(L, 1);
    rl_scope *scope = task == NULL ? NULL : &task->scope;
    while (scope != NULL && scope != &task->vm->scope) { /* below the VM's, all scopes are tasks' */
        rl_call *call = rl_call_of(RL_CONTAINER(scope, rl_task, scope));
        if (call != NULL) {
            lua_pushinteger(L, (lua_Integer)call->request->slot);
            lua_pushinteger(L, (lua_Integer)call->request->epoch);
            return 2;
        }
        scope = looks_above ? scope->parent : NULL;
    }
    return 0;
}

/* set_finish(slot, epoch, flag): whether the client's leaving lets it finish */
static int set_finish(lua_State *L) {
    rl_app_request(L, 1)->finish_on_disconnect = lua_toboolean(L, 3);
    return 0;
}

void rl_vm_open_request(lua_State *L) {
    const luaL_Reg functions[] = {{"check", check},
                                  {"method", method},
                                  {"path", path},
                                  {"request_id", request_id},
                                  {"give_request_id", give_request_id},
                                  {"params", params},
                                  {"query", query},
                                  {"fields", fields},
                                  {"headers", headers},
                                  {"header", header},
                                  {"ip", ip},
                                  {"has_body", has_body},
                                  {"limit_body", limit_body},
                                  {"body_wait", body_wait},
                                  {"body_file", body_file},
                                  {"body_text", body_text},
                                  {"body_json", body_json},
                                  {"set_header", set_header},
                                  {"set_finish", set_finish},
                                  {"after", set_after},
                                  {"request_here", request_here},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
