/* pg -- the database for lua/rille/db.lua: pools, statements, transactions.
 *
 * A call that waits gives back the case that won; lua/rille/wait.lua raises the
 * cancellation, else the answer is fetched by `pg_rows` or `pg_affected`, which
 * find it as the newest one in the task's scope. */
#include <stdio.h>

#include "base/mem.h"
#include "pg/errand.h"
#include "vm/pg_param.h"
#include "vm/pg_row.h"
#include "vm/task.h"

#define POOL_META "rille.pg.pool"

enum { CASE_ANSWER = 1, CASE_ABANDONED = 2, CASE_REFUSED = 3, MESSAGE_CAP = 512 };

/* ---- pools ------------------------------------------------------------------ */

typedef struct handle {
    rl_lent lent;  /* in the VM's scope: its end closes the pool */
    rl_pool *pool; /* NULL once closed */
} handle;

static void close_pool(rl_lent *lent) {
    handle *at = RL_CONTAINER(lent, handle, lent);
    rl_pool_close(at->pool);
    at->pool = NULL;
}

static rl_pool *check_pool(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, POOL_META);
    if (at->pool == NULL)
        luaL_error(L, "the database pool is closed");
    return at->pool;
}

static uint64_t option(lua_State *L, const char *name, uint64_t otherwise) {
    lua_getfield(L, 1, name);
    uint64_t value = lua_isnil(L, -1) ? otherwise : (uint64_t)luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static rl_pool_options read_options(lua_State *L) {
    rl_pool_options o = rl_pool_defaults();
    o.max = (uint32_t)option(L, "max", o.max);
    o.max_waiters = (uint32_t)option(L, "max_waiters", o.max_waiters);
    o.max_statements = (uint32_t)option(L, "statements", o.max_statements);
    o.connect_timeout_ms = option(L, "connect_timeout_ms", o.connect_timeout_ms);
    o.acquire_timeout_ms = option(L, "acquire_timeout_ms", o.acquire_timeout_ms);
    o.query_timeout_ms = option(L, "query_timeout_ms", o.query_timeout_ms);
    o.idle_timeout_ms = option(L, "idle_timeout_ms", o.idle_timeout_ms);
    o.max_lifetime_ms = option(L, "max_lifetime_ms", o.max_lifetime_ms);
    lua_getfield(L, 1, "url");
    o.url = luaL_checkstring(L, -1); /* stays on the stack */
    return o;
}

/* pg_open{ url, max, max_waiters, statements, ..._timeout_ms } -> pool, or nil
 * when the URL is none. Connects to nothing yet. */
static int open_pool(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL)
        return luaL_error(L, "the VM is closing");
    rl_pool_options options = read_options(L);
    handle *at = lua_newuserdata(L, sizeof *at);
    at->pool = NULL;
    luaL_getmetatable(L, POOL_META);
    lua_setmetatable(L, -2);
    /* Anchored for good: the VM's scope points into it. */
    lua_pushvalue(L, -1);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    rl_err err = rl_pool_open(vm->loop, &options, &at->pool);
    if (err != RL_OK)
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
    if (err == RL_EINVAL)
        return 0;
    if (err != RL_OK)
        return luaL_error(L, "cannot open the database pool: %s", rl_err_name(err));
    rl_scope_lend(&vm->scope, &at->lent, "database pool", close_pool);
    return 1;
}

/* pg_close(pool): statements in flight fail. Harmless when it is closed. */
static int close_now(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, POOL_META);
    if (at->pool != NULL) {
        rl_lent_return(&at->lent);
        close_pool(&at->lent);
    }
    return 0;
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushnumber(L, (lua_Number)count);
    lua_setfield(L, -2, name);
}

/* pg_stats(pool) -> table */
static int stats(lua_State *L) {
    rl_pool_stats now = rl_pool_stats_of(check_pool(L));
    lua_createtable(L, 0, 12);
    set_count(L, "in_use", now.in_use);
    set_count(L, "idle", now.idle);
    set_count(L, "connecting", now.connecting);
    set_count(L, "waiting", now.waiting);
    set_count(L, "acquired", now.acquired);
    set_count(L, "timeouts", now.timeouts);
    set_count(L, "refused", now.refused);
    set_count(L, "connects", now.connects);
    set_count(L, "connect_failures", now.connect_failures);
    set_count(L, "lost", now.lost);
    set_count(L, "resets", now.resets);
    lua_pushnumber(L, (lua_Number)now.waited_ms / 1000);
    lua_setfield(L, -2, "waited");
    return 1;
}

/* ---- statements ---------------------------------------------------------------- */

typedef struct call {
    rl_errand errand;
    rl_case one;
    bool waiting; /* `one` is in the task's wait */
} call;

static void on_done(rl_errand *errand) {
    call *c = RL_CONTAINER(errand, call, errand);
    if (c->waiting && rl_waiter_claim(c->one.waiter, CASE_ANSWER))
        rl_waiter_wake(c->one.waiter);
}

static void on_freed(rl_errand *errand) {
    rl_mem_free(RL_CONTAINER(errand, call, errand));
}

/* The wait is over; when it was not for the answer, nobody will fetch it. */
static void unlink_call(rl_case *one) {
    call *c = RL_CONTAINER(one, call, one);
    c->waiting = false;
    if (c->errand.state != RL_ERRAND_DONE)
        rl_errand_drop(&c->errand);
}

static call *new_call(lua_State *L, rl_task *task, rl_errand_kind kind, rl_pool *pool) {
    call *c = rl_mem_zalloc(1, sizeof *c);
    if (c == NULL)
        luaL_error(L, "not enough memory");
    rl_errand_init(&c->errand, kind, pool, &task->scope, on_done, on_freed);
    return c;
}

static int start_and_wait(lua_State *L, rl_task *task, call *c) {
    rl_errand_start(&c->errand);
    if (c->errand.state == RL_ERRAND_DONE) {
        lua_pushinteger(L, CASE_ANSWER);
        return 1;
    }
    c->waiting = true;
    rl_waiter_add(&task->waiter, &c->one, CASE_ANSWER, unlink_call);
    return rl_task_wait(L, task);
}

static int run(lua_State *L, rl_errand_kind kind, bool script) {
    rl_pool *pool = check_pool(L);
    size_t len;
    const char *sql = luaL_checklstring(L, 2, &len);
    rl_task *task = rl_task_may_wait(L);
    luaL_checkstack(L, 2 * LUA_MINSTACK, "too many parameters"); /* what encoding a value may need */
    call *c = new_call(L, task, kind, pool);
    char message[MESSAGE_CAP] = "the text of a statement cannot hold a NUL byte";
    c->errand.query.script = script;
    rl_err err = rl_query_set_sql(&c->errand.query, rl_slice_of(sql, len));
    if (err == RL_OK)
        err = rl_vm_pg_add_params(L, 3, &c->errand.query, message, sizeof message);
    else if (err != RL_EINVAL)
        snprintf(message, sizeof message, "the text of the statement is too large");
    if (err == RL_OK)
        return start_and_wait(L, task, c);
    rl_errand_drop(&c->errand);
    lua_pushinteger(L, CASE_REFUSED);
    lua_pushstring(L, message);
    return 2;
}

/* pg_run(pool, sql, ...) -> case; or 3 and why the caller's values cannot be sent */
static int run_statement(lua_State *L) {
    return run(L, RL_ERRAND_STATEMENT, false);
}

/* pg_script(pool, sql) -> case: several statements, for migrations only */
static int run_script(lua_State *L) {
    lua_settop(L, 2);
    return run(L, RL_ERRAND_STATEMENT, true);
}

/* pg_begin(pool, sql) -> case: the connection stays with the task's scope until
 * pg_finish. `sql` opens a transaction, or only sets the session up. */
static int begin(lua_State *L) {
    lua_settop(L, 2);
    return run(L, RL_ERRAND_BEGIN, false);
}

/* pg_finish(pool, sql) -> case; 2, without a wait, when the task is cancelled
 * already: then the connection goes back as it is, to be rolled back. */
static int finish(lua_State *L) {
    rl_pool *pool = check_pool(L);
    rl_task *task = rl_task_current(L);
    if (task == NULL || task->scope.why == RL_OK || task->is_shielded) {
        lua_settop(L, 2);
        return run(L, RL_ERRAND_END, false);
    }
    rl_transaction *transaction = rl_transaction_find(pool, &task->scope);
    if (transaction != NULL && transaction->scope == &task->scope)
        rl_transaction_close(transaction);
    lua_pushinteger(L, CASE_ABANDONED);
    return 1;
}

/* pg_savepoint(pool) -> the number of a new savepoint; 0 on a held connection
 * without a transaction; nil where no connection is held */
static int savepoint(lua_State *L) {
    rl_pool *pool = check_pool(L);
    rl_task *task = rl_task_current(L);
    rl_transaction *transaction = task == NULL ? NULL : rl_transaction_find(pool, &task->scope);
    if (transaction == NULL)
        return 0;
    lua_pushinteger(L, rl_transaction_is_open(transaction) ? (lua_Integer)++transaction->savepoints : 0);
    return 1;
}

/* ---- answers --------------------------------------------------------------------- */

static rl_errand *check_answer(lua_State *L) {
    rl_task *task = rl_task_current(L);
    rl_errand *errand = task == NULL ? NULL : rl_errand_newest_done(&task->scope);
    if (errand == NULL)
        luaL_error(L, "no statement has been answered here");
    return errand;
}

/* Pushes nil and the error when it failed. */
static bool push_if_failed(lua_State *L, rl_errand *errand) {
    const rl_query *query = &errand->query;
    if (query->failure.err == RL_OK)
        return false;
    lua_pushnil(L);
    rl_vm_pg_push_failure(L, &query->failure, rl_query_sql(query));
    rl_errand_drop(errand);
    return true;
}

/* pg_rows(most, bigint_is_string) -> list of rows, or nil and an error */
static int rows(lua_State *L) {
    lua_Number most = luaL_checknumber(L, 1);
    bool bigint_is_string = lua_toboolean(L, 2);
    rl_errand *errand = check_answer(L);
    if (push_if_failed(L, errand))
        return 2;
    rl_failure failure = {.err = RL_EINVAL, .sqlstate = "22000"};
    if (rl_vm_pg_push_rows(L, errand->query.result, most >= UINT32_MAX ? UINT32_MAX : (uint32_t)most,
                           bigint_is_string, failure.message, sizeof failure.message)) {
        rl_errand_drop(errand);
        return 1;
    }
    lua_pushnil(L);
    rl_vm_pg_push_failure(L, &failure, rl_query_sql(&errand->query));
    rl_errand_drop(errand);
    return 2;
}

/* pg_affected() -> count, command; or nil and an error */
static int affected(lua_State *L) {
    rl_errand *errand = check_answer(L);
    if (push_if_failed(L, errand))
        return 2;
    const rl_result *result = errand->query.result;
    lua_pushnumber(L, result == NULL ? 0 : (lua_Number)rl_result_affected(result));
    lua_pushstring(L, result == NULL ? "" : rl_result_command(result));
    rl_errand_drop(errand);
    return 2;
}

void rl_vm_open_pg(lua_State *L) {
    const luaL_Reg functions[] = {{"pg_open", open_pool},
                                  {"pg_close", close_now},
                                  {"pg_stats", stats},
                                  {"pg_run", run_statement},
                                  {"pg_script", run_script},
                                  {"pg_begin", begin},
                                  {"pg_finish", finish},
                                  {"pg_savepoint", savepoint},
                                  {"pg_rows", rows},
                                  {"pg_affected", affected},
                                  {"pg_shape", rl_vm_pg_set_shape},
                                  {"bytea", rl_vm_pg_bytea},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, POOL_META);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
