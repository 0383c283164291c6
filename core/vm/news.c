#include "vm/news.h"

#include <lauxlib.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "vm/app.h"

void rl_news_init(rl_news *news, rl_vm *vm) {
    *news = (rl_news){.vm = vm};
    rl_signal_init(&news->signal);
}

void rl_news_clear(rl_news *news) {
    rl_mem_free(news->notice);
}

void rl_news_set_notice_take(rl_news *news, char *notice) {
    rl_mem_free(news->notice);
    news->notice = notice;
    rl_signal_all(&news->signal);
}

void rl_news_set_look(rl_news *news, uint32_t look) {
    news->look = look;
    rl_signal_all(&news->signal);
}

void rl_news_leave(rl_news *news) {
    news->is_leaving = true;
    rl_signal_all(&news->signal);
}

/* FNV-1a: two notices after one another differ, and nobody chooses them to look the same. */
static uint32_t digest(const char *text) {
    uint32_t sum = 2166136261;
    for (; *text != '\0'; text++)
        sum = (sum ^ (unsigned char)*text) * 16777619;
    return sum;
}

void rl_news_stamp(const rl_news *news, char out[RL_STAMP_CAP]) {
    unsigned long long generation = news->vm->generation;
    int len = snprintf(out, RL_STAMP_CAP, "%ld-%llu", (long)getpid(), generation);
    if (news->notice != NULL)
        snprintf(out + len, RL_STAMP_CAP - (size_t)len, "-%08x", digest(news->notice));
    else if (news->look > 0)
        snprintf(out + len, RL_STAMP_CAP - (size_t)len, "-r%u", news->look);
}

/* ---- for Lua ------------------------------------------------------------------- */

static rl_news *news_of(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->app == NULL)
        luaL_error(L, "there is no server in this command: it has no news");
    return rl_app_news(vm->app);
}

/* news(most_ms) -> case: 1 when something has changed, 2 when the time has passed */
static int wait_for_news(lua_State *L) {
    rl_news *news = news_of(L);
    lua_Number most_ms = luaL_checknumber(L, 1);
    luaL_argcheck(L, most_ms >= 0 && most_ms < 1e15, 1, "a time from 0 on, in milliseconds");
    return rl_signal_wait(L, rl_task_may_wait(L), &news->signal, (uint64_t)most_ms, "news");
}

static int stamp(lua_State *L) {
    char text[RL_STAMP_CAP];
    rl_news_stamp(news_of(L), text);
    lua_pushstring(L, text);
    return 1;
}

static int is_leaving(lua_State *L) {
    lua_pushboolean(L, news_of(L)->is_leaving);
    return 1;
}

static int is_dev(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    lua_pushboolean(L, vm != NULL && vm->is_dev);
    return 1;
}

static int watch_pages(lua_State *L) {
    news_of(L)->is_watched = true;
    return 0;
}

void rl_vm_open_news(lua_State *L) {
    const luaL_Reg functions[] = {{"news", wait_for_news},
                                  {"stamp", stamp},
                                  {"is_leaving", is_leaving},
                                  {"is_dev", is_dev},
                                  {"watch_pages", watch_pages},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
