/* source -- the text of an app's Lua files for lua/rille/module.lua. */
#include "vm/sources.h"
#include "vm/task.h"

/* source(path) -> the file's text as its generation has it; false when it has no such
 * file; nil when only the disk knows */
static int source(lua_State *L) {
    size_t len;
    const char *path = luaL_checklstring(L, 1, &len);
    const rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->sources == NULL || !rl_sources_covers(vm->sources, rl_slice_of(path, len)))
        return 0;
    const rl_slice *text = rl_sources_find(vm->sources, rl_slice_of(path, len));
    if (text == NULL)
        lua_pushboolean(L, 0);
    else
        lua_pushlstring(L, text->ptr, text->len);
    return 1;
}

void rl_vm_open_source(lua_State *L) {
    const luaL_Reg functions[] = {{"source", source}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
