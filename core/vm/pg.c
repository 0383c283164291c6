/* pg -- the database for lua/rille/db.lua: pools, statements, transactions.
 *
 * A call that waits gives back the case that won; lua/rille/wait.lua raises the
 * cancellation, else the answer is fetched by `pg_rows` or `pg_affected`, which
 * find it as the newest one in the task's scope. */
#include <stdio.h>

#include "base/mem.h"
#include "pg/databases.h"
#include "pg/sql.h"
#include "vm/pg_call.h"
#include "vm/pg_param.h"
#include "vm/pg_row.h"
#include "vm/unseen.h"

#define POOL_META "rille.pg.pool"

/* ---- pools ------------------------------------------------------------------ */

typedef struct handle {
    rl_lent lent;          /* in the VM's scope: its end closes the database */
    rl_database *database; /* NULL once closed */
} handle;

static void close_database(rl_lent *lent) {
    handle *at = RL_CONTAINER(lent, handle, lent);
    rl_database_close(at->database);
    at->database = NULL;
}

static rl_database *check_database(lua_State *L) {
    const handle *at = luaL_checkudata(L, 1, POOL_META);
    if (at->database == NULL)
        luaL_error(L, "the database pool is closed");
    return at->database;
}

rl_pool *rl_pg_check_pool(lua_State *L) {
    return check_database(L)->pool;
}

rl_audience *rl_pg_check_audience(lua_State *L) {
    rl_database *at = check_database(L);
    const char *url = luaL_checkstring(L, 2);
    uint64_t connect_timeout_ms = (uint64_t)luaL_checknumber(L, 3);
    rl_vm *vm = rl_vm_check(L);
    if (at->audience == NULL &&
        rl_audience_open(vm->loop, vm->listeners, url, connect_timeout_ms, &at->audience) != RL_OK)
        luaL_error(L, "not enough memory or threads");
    return at->audience;
}

rl_audience *rl_pg_audience(lua_State *L) {
    return check_database(L)->audience;
}

static uint64_t option(lua_State *L, const char *name, uint64_t otherwise) {
    lua_getfield(L, 1, name);
    uint64_t value = lua_isnil(L, -1) ? otherwise : (uint64_t)luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static rl_pool_options read_options(lua_State *L) {
    rl_pool_options o = rl_pool_defaults();
    o.exclusive = (uint32_t)option(L, "exclusive", o.exclusive);
    o.shared = (uint32_t)option(L, "shared", o.shared);
    o.depth = (uint32_t)option(L, "depth", o.depth);
    o.min_idle = (uint32_t)option(L, "min_idle", o.min_idle);
    o.max_waiters = (uint32_t)option(L, "max_waiters", o.max_waiters);
    o.max_statements = (uint32_t)option(L, "statements", o.max_statements);
    o.max_result = option(L, "max_result", o.max_result);
    o.connect_timeout_ms = option(L, "connect_timeout_ms", o.connect_timeout_ms);
    o.acquire_timeout_ms = option(L, "acquire_timeout_ms", o.acquire_timeout_ms);
    o.query_timeout_ms = option(L, "query_timeout_ms", o.query_timeout_ms);
    o.cancel_grace_ms = option(L, "cancel_grace_ms", o.cancel_grace_ms);
    o.idle_timeout_ms = option(L, "idle_timeout_ms", o.idle_timeout_ms);
    o.max_lifetime_ms = option(L, "max_lifetime_ms", o.max_lifetime_ms);
    o.leak_after_ms = option(L, "leak_after_ms", o.leak_after_ms);
    lua_getfield(L, 1, "prepared");
    o.is_sessionless = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, 1, "looks_at_sessions");
    o.looks_at_sessions = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, 1, "url");
    o.url = luaL_checkstring(L, -1); /* stays on the stack */
    return o;
}

/* pg_open{ url, exclusive, shared, depth, min_idle, max_waiters, statements, max_result, prepared, ..._timeout_ms, replicas,
 * max_lag_ms, looks_at_sessions } -> pool; or nil and which option is no URL: "url" or "replicas". Connects to nothing yet. */
static int open_pool(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    rl_vm *vm = rl_vm_check(L);
    rl_pool_options options = read_options(L);
    options.budgets = vm->budgets;
    options.log = vm->log;
    rl_replicas_options replicas = rl_vm_pg_read_replicas(L);
    handle *at = lua_newuserdata(L, sizeof *at);
    at->database = NULL;
    luaL_getmetatable(L, POOL_META);
    lua_setmetatable(L, -2);
    /* Anchored for good: the VM's scope points into it. */
    lua_pushvalue(L, -1);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    const char *wrong = "url";
    rl_err err = rl_database_open(vm->databases, vm->loop, &options, &replicas, &wrong, &at->database);
    if (err != RL_OK)
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
    if (err == RL_EINVAL) {
        lua_pushnil(L);
        lua_pushstring(L, wrong);
        return 2;
    }
    if (err != RL_OK)
        return luaL_error(L, "cannot open the database pool: %s", rl_err_name(err));
    rl_scope_lend(&vm->scope, &at->lent, "database pool", close_database);
    return 1;
}

/* pg_close(pool): statements in flight fail. Harmless when it is closed. */
static int close_now(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, POOL_META);
    if (at->database != NULL) {
        rl_lent_return(&at->lent);
        close_database(&at->lent);
    }
    return 0;
}

/* ---- statements ---------------------------------------------------------------- */

static void on_freed(rl_errand *errand) {
    rl_mem_free(RL_CONTAINER(errand, rl_pg_call, errand));
}

typedef enum run_kind { RUN_STATEMENT, RUN_SCRIPT, RUN_BEGIN, RUN_END } run_kind;

static int run(lua_State *L, run_kind kind) {
    static const rl_errand_kind kinds[] = {
        [RUN_BEGIN] = RL_ERRAND_BEGIN, [RUN_END] = RL_ERRAND_END, [RUN_SCRIPT] = RL_ERRAND_STATEMENT};
    rl_pool *pool = rl_pg_check_pool(L);
    rl_pg_check_how(L);
    size_t len;
    const char *sql = luaL_checklstring(L, 3, &len);
    rl_task *task = rl_task_may_wait(L);
    luaL_checkstack(L, 2 * LUA_MINSTACK, "too many parameters"); /* what encoding a value may need */
    rl_pg_call *call = rl_mem_zalloc(1, sizeof *call);
    if (call == NULL)
        return luaL_error(L, "not enough memory");
    rl_pg_call_init(call, task, kinds[kind], pool, on_freed);
    rl_pg_apply_how(L, &call->errand);
    call->errand.query.script = kind == RUN_SCRIPT;
    char message[RL_PG_MESSAGE_CAP] = "the text of a statement cannot hold a NUL byte";
    rl_err err = rl_query_set_sql(&call->errand.query, rl_slice_of(sql, len));
    if (err == RL_OK)
        err = rl_vm_pg_add_params(L, 4, &call->errand.query, message, sizeof message);
    else if (err != RL_EINVAL)
        snprintf(message, sizeof message, "the text of the statement is too large");
    return err == RL_OK ? rl_pg_call_start(L, task, call) : rl_pg_call_refuse(L, call, message);
}

/* pg_run(pool, how, sql, ...) -> case; or 3 and why the caller's values cannot be sent */
static int run_statement(lua_State *L) {
    return run(L, RUN_STATEMENT);
}

/* pg_script(pool, how, sql) -> case: several statements, for migrations only */
static int run_script(lua_State *L) {
    lua_settop(L, 3);
    return run(L, RUN_SCRIPT);
}

/* pg_begin(pool, how, sql) -> case: the connection stays with the task's scope until
 * pg_finish. `sql` opens a transaction, or only sets the session up. */
static int begin(lua_State *L) {
    lua_settop(L, 3);
    return run(L, RUN_BEGIN);
}

/* pg_finish(pool, how, sql) -> case; 2, without a wait, when the task is cancelled
 * already: then the connection goes back as it is, to be rolled back. */
static int finish(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_task *task = rl_task_current(L);
    if (task == NULL || task->scope.why == RL_OK || task->shields > 0) {
        lua_settop(L, 3);
        return run(L, RUN_END);
    }
    rl_transaction *transaction = rl_transaction_find(pool, &task->scope);
    if (transaction != NULL && transaction->scope == &task->scope)
        rl_transaction_close(transaction);
    lua_pushinteger(L, RL_PG_CASE_ABANDONED);
    return 1;
}

/* pg_transaction(pool) -> a value that stands for the one that this task's
 * statements belong to while it lasts, whether a transaction is open on its
 * connection, which is only held otherwise, and whether a replica's is that; or nothing */
static int transaction_here(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_task *task = rl_task_current(L);
    rl_transaction *transaction = task == NULL ? NULL : rl_transaction_find(pool, &task->scope);
    if (transaction == NULL)
        return 0;
    lua_pushlightuserdata(L, transaction);
    lua_pushboolean(L, rl_transaction_is_open(transaction));
    lua_pushboolean(L, transaction->pool != transaction->home);
    return 3;
}

/* ---- answers --------------------------------------------------------------------- */

/* pg_rows(most, bigint_is_string[, mold[, is_unseen]]) -> list of rows, a model's with its mold; or nil and an error.
 * What nobody sees is_unseen() has told: then it may be a mark for all of them (vm/unseen.h) */
static int rows(lua_State *L) {
    lua_Number most = luaL_checknumber(L, 1);
    bool bigint_is_string = lua_toboolean(L, 2);
    lua_settop(L, 4);
    rl_errand *errand = rl_pg_check_answer(L);
    if (rl_pg_push_if_failed(L, errand))
        return 2;
    char why[RL_FAILURE_MESSAGE_CAP];
    const rl_failure failure = {.err = RL_EINVAL, .sqlstate = "22000", .message = why};
    rl_vm_pg_rows of;
    rl_vm_pg_rows_begin(&of, L, bigint_is_string, why, sizeof why);
    rl_vm_pg_rows_mold(&of, lua_istable(L, 3) ? 3 : 0);
    if ((lua_toboolean(L, 4) && rl_vm_push_unseen(&of, errand->query.result)) ||
        rl_vm_pg_push_rows(&of, errand->query.result, most >= UINT32_MAX ? UINT32_MAX : (uint32_t)most)) {
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
    rl_errand *errand = rl_pg_check_answer(L);
    if (rl_pg_push_if_failed(L, errand))
        return 2;
    const rl_result *result = errand->query.result;
    lua_pushnumber(L, result == NULL ? 0 : (lua_Number)rl_result_affected(result));
    lua_pushstring(L, result == NULL ? "" : rl_result_command(result));
    rl_errand_drop(errand);
    return 2;
}

/* pg_reads(sql) -> whether the statement writes nothing that it names */
static int reads(lua_State *L) {
    size_t len;
    const char *sql = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, rl_sql_classify(rl_slice_of(sql, len)).reads);
    return 1;
}

void rl_vm_open_pg(lua_State *L) {
    const luaL_Reg functions[] = {{"pg_open", open_pool},
                                  {"pg_close", close_now},
                                  {"pg_stats", rl_pg_stats},
                                  {"pg_replicas", rl_vm_pg_replicas},
                                  {"pg_run", run_statement},
                                  {"pg_script", run_script},
                                  {"pg_begin", begin},
                                  {"pg_finish", finish},
                                  {"pg_transaction", transaction_here},
                                  {"pg_rows", rows},
                                  {"is_unseen", rl_vm_is_unseen},
                                  {"pg_affected", affected},
                                  {"pg_how", rl_pg_new_how},
                                  {"pg_reads", reads},
                                  {"pg_shape", rl_vm_pg_set_shape},
                                  {"bytea", rl_vm_pg_bytea},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    rl_vm_open_pg_batch(L);
    rl_vm_open_pg_copy(L);
    rl_vm_open_pg_listen(L);
    luaL_newmetatable(L, POOL_META);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
