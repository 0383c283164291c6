/* prompt -- the terminal's lines, for lua/rille/command/console.lua.
 *
 *   prompt_open([history]) -> whether it is a terminal     prompt_width() -> columns
 *   prompt_ask(text)                                       prompt_next() -> case
 *   prompt_news() -> "line" | "end" | "abandoned" | "complete", text
 *   prompt_offer(insert, list)                             prompt_interrupted() -> case
 *
 * One VM of the process has it, until the VM ends. */
#include "loop/prompt.h"

#include "base/mem.h"
#include "vm/task.h"

#define PROMPT "rille.prompt"

enum { CASE_NEWS = 1 };

typedef struct console {
    rl_lent lent; /* in the VM's scope */
    rl_vm *vm;
    rl_prompt *prompt;
    rl_signal news, interrupts;
    bool has_news;
    rl_prompt_news what;
    char *text; /* NULL: there was no memory for it */
    size_t len;
} console;

static void on_heard(void *owner, rl_prompt_news news, rl_slice text) {
    console *at = owner;
    if (news == RL_PROMPT_INTERRUPT) {
        lua_sethook(at->vm->L, NULL, 0, 0); /* if we were thought to be stuck */
        rl_signal_all(&at->interrupts);
        return;
    }
    rl_mem_free(at->text);
    at->text = rl_mem_strndup(text.len > 0 ? text.ptr : "", text.len);
    at->len = at->text == NULL ? 0 : text.len;
    at->what = news;
    at->has_news = true;
    rl_signal_all(&at->news);
}

static void raise_interrupt(lua_State *L, lua_Debug *ar) {
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

/* Lua runs and runs. The console's code is not compiled, and so it looks at its hook. */
static void on_stuck(void *owner) {
    lua_sethook(((console *)owner)->vm->L, raise_interrupt, LUA_MASKCOUNT, 1);
}

static void close_console(rl_lent *lent) {
    console *at = RL_CONTAINER(lent, console, lent);
    rl_prompt_close(at->prompt);
    rl_mem_free(at->text);
    rl_mem_free(at);
}

static int open_prompt(lua_State *L) {
    static const rl_prompt_events events = {.heard = on_heard, .stuck = on_stuck};
    const char *history = luaL_optstring(L, 1, NULL);
    rl_vm *vm = rl_vm_check(L);
    console *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return luaL_error(L, "not enough memory");
    at->vm = vm;
    rl_signal_init(&at->news);
    rl_signal_init(&at->interrupts);
    rl_err err = rl_prompt_open(at->vm->loop, history, &events, at, &at->prompt);
    if (err != RL_OK) {
        rl_mem_free(at);
        return luaL_error(L, "standard input cannot be read: %s", rl_err_name(err));
    }
    rl_scope_lend(&at->vm->scope, &at->lent, "prompt", close_console);
    lua_pushlightuserdata(L, at);
    lua_setfield(L, LUA_REGISTRYINDEX, PROMPT);
    lua_pushboolean(L, rl_prompt_is_terminal(at->prompt));
    return 1;
}

static console *check_console(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, PROMPT);
    console *at = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (at == NULL)
        luaL_error(L, "prompt_open comes first");
    return at;
}

static int ask(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    rl_prompt_ask(check_console(L)->prompt, rl_slice_of(text, len));
    return 0;
}

static int wait_for_news(lua_State *L) {
    console *at = check_console(L);
    if (at->has_news) {
        lua_pushinteger(L, CASE_NEWS);
        return 1;
    }
    return rl_signal_wait(L, rl_task_may_wait(L), &at->news, UINT64_MAX, "prompt");
}

static int wait_for_interrupt(lua_State *L) {
    console *at = check_console(L);
    return rl_signal_wait(L, rl_task_may_wait(L), &at->interrupts, UINT64_MAX, "interrupt");
}

static int take_news(lua_State *L) {
    static const char *const names[] = {
        [RL_PROMPT_LINE] = "line", [RL_PROMPT_END] = "end", [RL_PROMPT_ABANDONED] = "abandoned", [RL_PROMPT_COMPLETE] = "complete"};
    console *at = check_console(L);
    if (!at->has_news)
        return 0;
    lua_pushstring(L, names[at->what]);
    lua_pushlstring(L, at->text == NULL ? "" : at->text, at->len);
    at->has_news = false;
    return 2;
}

static int offer(lua_State *L) {
    size_t insert_len, list_len;
    const char *insert = luaL_checklstring(L, 1, &insert_len), *list = luaL_checklstring(L, 2, &list_len);
    rl_prompt_offer(check_console(L)->prompt, rl_slice_of(insert, insert_len), rl_slice_of(list, list_len));
    return 0;
}

static int width(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)rl_prompt_width(check_console(L)->prompt));
    return 1;
}

void rl_vm_open_prompt(lua_State *L) {
    const luaL_Reg functions[] = {{"prompt_open", open_prompt},
                                  {"prompt_ask", ask},
                                  {"prompt_next", wait_for_news},
                                  {"prompt_news", take_news},
                                  {"prompt_offer", offer},
                                  {"prompt_interrupted", wait_for_interrupt},
                                  {"prompt_width", width},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
