/* journal -- the record of what requests do and wait for, read and written by lua/rille/timeline.lua.
 *
 * Times go to Lua as seconds; of an event they count from its request's beginning. */
#include "base/journal.h"

#include "loop/clock.h"
#include "vm/app.h"
#include "vm/waits.h"

enum { SPARE_HEADS = 8 /* requests that begin on other threads between count and copy */ };

static rl_journal *journal_of(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    return vm == NULL ? NULL : vm->journal;
}

static void set_number(lua_State *L, const char *name, lua_Number number) {
    lua_pushnumber(L, number);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, rl_slice text) {
    if (text.len == 0)
        return;
    lua_pushlstring(L, text.ptr, text.len);
    lua_setfield(L, -2, name);
}

static void set_words(lua_State *L, const char *name, const char *words) {
    set_text(L, name, rl_slice_str(words));
}

static void set_yes(lua_State *L, const char *name, bool is_so) {
    if (!is_so)
        return;
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, name);
}

static lua_Number seconds(uint64_t ns) {
    return (lua_Number)ns / 1e9;
}

/* ---- whether there is one -------------------------------------------------------- */

/* journal_keep(): of this VM's requests from now on; where the process keeps one, nothing changes */
static int keep(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->journal != NULL)
        return 0;
    if (vm->own_journal == NULL && rl_journal_new(&vm->own_journal) != RL_OK)
        return luaL_error(L, "not enough memory");
    vm->journal = vm->own_journal;
    rl_server *server = vm->app == NULL ? NULL : rl_app_server(vm->app);
    if (server != NULL)
        rl_server_set_journal(server, vm->journal, vm->worker);
    return 0;
}

/* journal_is_kept() -> boolean */
static int is_kept(lua_State *L) {
    lua_pushboolean(L, journal_of(L) != NULL);
    return 1;
}

/* ---- reading ------------------------------------------------------------------------ */

static void push_head(lua_State *L, const rl_entry_head *head, uint64_t now_ns) {
    lua_createtable(L, 0, 14);
    set_number(L, "number", (lua_Number)head->number);
    set_words(L, "id", head->id);
    set_words(L, "method", head->method);
    set_words(L, "path", head->path);
    set_words(L, "route", head->route);
    set_number(L, "start", (lua_Number)head->wall_us / 1e6);
    set_number(L, "took", seconds((head->end_ns == 0 ? now_ns : head->end_ns) - head->start_ns));
    set_number(L, "worker", head->worker);
    set_number(L, "sql", head->sql_count);
    set_number(L, "sql_took", seconds(head->sql_ns));
    set_number(L, "event_count", head->event_count);
    set_number(L, "dropped", head->dropped);
    if (head->status != 0)
        set_number(L, "status", head->status);
    set_yes(L, "is_live", head->end_ns == 0);
}

/* journal_requests() -> a list: those that are live, and those that ended */
static int requests(lua_State *L) {
    rl_journal *journal = journal_of(L);
    if (journal == NULL) {
        lua_newtable(L);
        return 1;
    }
    uint32_t cap = rl_journal_count(journal) + SPARE_HEADS;
    rl_entry_head *heads = lua_newuserdata(L, cap * sizeof *heads);
    uint32_t count = rl_journal_copy_heads(journal, heads, cap);
    uint64_t now_ns = rl_loop_read_ns(rl_vm_of(L)->loop);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        push_head(L, &heads[i], now_ns);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static void push_event(lua_State *L, const rl_entry_copy *entry, const rl_event *event) {
    lua_createtable(L, 0, 10);
    set_words(L, "what", event->what);
    set_text(L, "at", rl_slice_of(entry->text + event->at, event->at_len));
    set_text(L, "text", rl_slice_of(entry->text + event->text, event->text_len));
    set_yes(L, "is_cut", event->is_cut);
    uint64_t start_ns = entry->head.start_ns;
    set_number(L, "start", event->start_ns < start_ns ? 0 : seconds(event->start_ns - start_ns));
    if (event->end_ns != 0)
        set_number(L, "took", seconds(event->end_ns - event->start_ns));
    if (event->parent != 0)
        set_number(L, "parent", event->parent);
    if (event->rows >= 0)
        set_number(L, "rows", (lua_Number)event->rows);
    if (event->has_lane)
        set_words(L, "lane", event->is_exclusive ? "exclusive" : "shared");
    if (event->sent_ns > event->start_ns && (event->end_ns == 0 || event->sent_ns <= event->end_ns))
        set_number(L, "queued", seconds(event->sent_ns - event->start_ns));
    set_words(L, "failed", event->sqlstate);
}

/* journal_request(id) -> the request with its `events`, or nothing */
static int request(lua_State *L) {
    rl_journal *journal = journal_of(L);
    size_t len;
    const char *id = luaL_checklstring(L, 1, &len);
    if (journal == NULL)
        return 0;
    rl_entry_copy *entry = lua_newuserdata(L, sizeof *entry);
    if (!rl_journal_copy_entry(journal, rl_slice_of(id, len), entry))
        return 0;
    push_head(L, &entry->head, rl_loop_read_ns(rl_vm_of(L)->loop));
    lua_createtable(L, (int)entry->head.event_count, 0);
    for (uint32_t i = 0; i < entry->head.event_count; i++) {
        push_event(L, entry, &entry->events[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "events");
    return 1;
}

static void push_route(lua_State *L, const rl_route_times *route) {
    lua_createtable(L, 0, 9);
    set_words(L, "method", route->method);
    set_words(L, "route", route->route);
    set_number(L, "count", (lua_Number)route->count);
    set_number(L, "errors", (lua_Number)route->errors);
    set_number(L, "sum", seconds(route->sum_ns));
    set_number(L, "max", seconds(route->max_ns));
    set_number(L, "p50", seconds(route->p50_ns));
    set_number(L, "p95", seconds(route->p95_ns));
    set_number(L, "p99", seconds(route->p99_ns));
}

/* journal_routes() -> a list */
static int routes(lua_State *L) {
    rl_journal *journal = journal_of(L);
    if (journal == NULL) {
        lua_newtable(L);
        return 1;
    }
    rl_route_times *all = lua_newuserdata(L, RL_JOURNAL_ROUTES * sizeof *all);
    uint32_t count = rl_journal_copy_routes(journal, all);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        push_route(L, &all[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* ---- writing --------------------------------------------------------------------------- */

/* journal_begin(what, text) -> a number for journal_end, or nil: the current request has no journal */
static int begin(lua_State *L) {
    const char *what = luaL_checkstring(L, 1);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    rl_task *task = rl_task_current(L);
    uint32_t number = task == NULL || task->entry == NULL ? 0 : rl_waits_begin_span(L, task, what, rl_slice_of(text, len));
    if (number == 0)
        return 0;
    lua_pushinteger(L, (lua_Integer)number);
    return 1;
}

/* journal_end(number), in the same task */
static int end(lua_State *L) {
    lua_Integer number = luaL_checkinteger(L, 1);
    rl_task *task = rl_task_current(L);
    if (task != NULL && task->entry != NULL)
        rl_waits_end_span(task, (uint32_t)number);
    return 0;
}

void rl_vm_open_journal(lua_State *L) {
    const luaL_Reg functions[] = {{"journal_keep", keep},       {"journal_is_kept", is_kept},
                                  {"journal_requests", requests}, {"journal_request", request},
                                  {"journal_routes", routes},   {"journal_begin", begin},
                                  {"journal_end", end},         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
