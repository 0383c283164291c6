/* log -- the process's log, for Lua. */
#include "base/log.h"

#include "vm/task.h"

enum { MOST_FIELDS = 17 /* 16 facts, and the request's id */ };

static rl_log_field field_of(lua_State *L, int key, int value) {
    const char *name = luaL_checkstring(L, key);
    if (lua_type(L, value) == LUA_TBOOLEAN)
        return rl_log_bool(name, lua_toboolean(L, value));
    lua_Number number = lua_tonumber(L, value);
    bool fits = number > -0x1p63 && number < 0x1p63; /* false for NaN */
    if (lua_type(L, value) == LUA_TNUMBER && fits && number == (lua_Number)(int64_t)number)
        return rl_log_int(name, (int64_t)number);
    size_t len;
    const char *text = luaL_checklstring(L, value, &len);
    return memchr(text, '\n', len) == NULL ? rl_log_str(name, rl_slice_of(text, len))
                                           : rl_log_text(name, rl_slice_of(text, len));
}

/* log(level, message, key, value, ...): values are texts, numbers or booleans */
static int write_line(lua_State *L) {
    rl_log_level level = RL_LOG_INFO;
    if (rl_log_level_parse(rl_slice_str(luaL_checkstring(L, 1)), &level) != RL_OK)
        return luaL_error(L, "a log level is debug, info, warn or error");
    const char *message = luaL_checkstring(L, 2);
    rl_log_field fields[MOST_FIELDS];
    size_t count = 0;
    for (int i = 3; i + 1 <= lua_gettop(L) && count < MOST_FIELDS; i += 2)
        if (!lua_isnil(L, i + 1))
            fields[count++] = field_of(L, i, i + 1);
    rl_vm *vm = rl_vm_of(L);
    if (vm != NULL) /* a finalizer may call us while the VM closes */
        rl_log_write(vm->log, level, message, fields, count);
    return 0;
}

void rl_vm_open_log(lua_State *L) {
    const luaL_Reg functions[] = {{"log", write_line}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
