#include "vm/waits.h"

#include <stdio.h>
#include <string.h>

#include "loop/clock.h"
#include "pg/batch.h"

enum { MOST_LEVELS = 40 /* of a stack: an app that calls itself deeper has no line here */ };

/* ---- where ------------------------------------------------------------------- */

/* The framework's own file, without folder and ending; NULL when it is not one. As lua/rille/place.lua has it. */
static const char *module_of(const rl_vm *vm, const char *source) {
    const char *dir = vm->lua_dir != NULL ? vm->lua_dir : "lua";
    size_t len = strlen(dir);
    if (strncmp(source + 1, dir, len) != 0 || strncmp(source + 1 + len, "/rille", 6) != 0)
        return NULL;
    const char *slash = strrchr(source, '/');
    return slash + 1;
}

/* The innermost one; that of all waits says nothing. */
static void set_module(rl_waits_place *out, const char *file) {
    if (out->module[0] == '\0' && strcmp(file, "line.lua") != 0)
        snprintf(out->module, sizeof out->module, "%.*s", (int)strcspn(file, "."), file);
}

void rl_waits_find_place(lua_State *L, const rl_vm *vm, rl_waits_place *out) {
    lua_Debug ar;
    out->at[0] = out->module[0] = '\0';
    for (int level = 0; level < MOST_LEVELS && lua_getstack(L, level, &ar) && lua_getinfo(L, "Sl", &ar); level++) {
        if (ar.source[0] != '@' || ar.currentline <= 0)
            continue; /* C, or what was not loaded from a file */
        const char *module = module_of(vm, ar.source);
        if (module == NULL) {
            snprintf(out->at, sizeof out->at, "%s:%d", ar.source + 1, ar.currentline);
            return;
        }
        set_module(out, module);
    }
}

/* A wait in one of Lua's lines is called what the app has called, but where that is no word for a wait. */
const char *rl_waits_word(const rl_task *task, const rl_waits_place *place) {
    static const char *const words[][2] = {
        {"task", "await"}, {"several", "group"}, {"sync", "lock"}, {"shared_channel", "channel"}};
    if (strcmp(task->waits_for, RL_WAIT_OF_LUA) != 0 || place->module[0] == '\0')
        return task->waits_for;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(place->module, words[i][0]) == 0)
            return words[i][1];
    return place->module;
}

/* ---- waits -------------------------------------------------------------------- */

static uint64_t now_ns(const rl_task *task) {
    return rl_loop_read_ns(task->vm->loop);
}

static uint32_t open_event(lua_State *L, const rl_task *task, const char *what, rl_slice text) {
    rl_waits_place place;
    rl_waits_find_place(L, task->vm, &place);
    return rl_entry_open(task->entry, task->under, what != NULL ? what : rl_waits_word(task, &place), rl_slice_str(place.at), text,
                         now_ns(task));
}

void rl_waits_begin(lua_State *L, rl_task *task) {
    task->parked_ns = now_ns(task);
    if (task->entry != NULL && task->event == 0)
        task->event = open_event(L, task, NULL, RL_LIT(""));
}

void rl_waits_end(rl_task *task) {
    rl_entry_close(task->entry, task->event, now_ns(task));
    task->event = 0;
}

static const rl_query *first_query(const rl_errand *errand) {
    return errand->batch != NULL && errand->batch->count > 0 ? &errand->batch->items[0].query : &errand->query;
}

void rl_waits_begin_statement(lua_State *L, rl_task *task, const rl_errand *errand) {
    const rl_query *query = first_query(errand);
    task->event = open_event(L, task, "sql", rl_slice_of(rl_query_sql(query), query->sql_len));
}

static int64_t rows_of(const rl_query *query) {
    if (query->result == NULL)
        return 0;
    return rl_result_columns(query->result) > 0 ? rl_result_rows(query->result) : (int64_t)rl_result_affected(query->result);
}

static int64_t rows_of_all(const rl_errand *errand) {
    if (errand->batch == NULL)
        return rows_of(&errand->query);
    int64_t rows = 0;
    for (uint32_t i = 0; i < errand->batch->count; i++)
        rows += rows_of(&errand->batch->items[i].query);
    return rows;
}

void rl_waits_answer_statement(const rl_task *task, const rl_errand *errand) {
    const rl_failure *failure = &errand->query.failure;
    if (failure->err == RL_OK && errand->batch != NULL)
        failure = rl_batch_failure(errand->batch);
    rl_entry_tell(task->entry, task->event,
                  &(rl_entry_answer){.rows = failure->err == RL_OK ? rows_of_all(errand) : -1,
                                     .sent_ns = first_query(errand)->since_ns,
                                     .is_exclusive = !errand->was_shared,
                                     .sqlstate = failure->sqlstate});
}

/* ---- tasks, and what is no wait -------------------------------------------------- */

void rl_waits_begin_task(lua_State *L, const rl_task *task, rl_task *spawned) {
    spawned->entry = task->entry;
    spawned->under = open_event(L, task, "task", RL_LIT(""));
    if (spawned->under == 0)
        spawned->under = task->under;
}

void rl_waits_end_task(rl_task *task) {
    rl_entry_close(task->entry, task->under, now_ns(task));
}

uint32_t rl_waits_begin_span(lua_State *L, rl_task *task, const char *what, rl_slice text) {
    uint32_t number = open_event(L, task, what, text);
    if (number != 0)
        task->under = number;
    return number;
}

void rl_waits_end_span(rl_task *task, uint32_t number) {
    rl_entry_close(task->entry, number, now_ns(task));
    task->under = rl_entry_parent(task->entry, number);
}
