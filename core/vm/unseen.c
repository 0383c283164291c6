#include "vm/unseen.h"

#include "json/encode.h"
#include "vm/answer.h"
#include "vm/call.h"

enum {
    MOST_COLUMNS = 64,
    EXACT_DIGITS = 15 /* no more can be beyond 2^53 */
};

/* Append a cell as the JSON of what vm/pg_value.h makes of it. */
typedef rl_err write_fn(rl_buf *out, rl_slice cell);

typedef struct column {
    rl_slice key; /* {"id": or ,"name": */
    uint32_t number;
    write_fn *write;
} column;

typedef struct columns {
    uint32_t count; /* of those that JSON has */
    column list[MOST_COLUMNS];
} columns;

/* The call whose route's function is all that runs in this coroutine; or NULL. */
static rl_call *call_of(lua_State *L) {
    rl_task *task = rl_task_current(L);
    rl_call *call = rl_call_of(task);
    return call != NULL && task == &call->task && call->route >= 0 && task->co == L ? call : NULL;
}

int rl_vm_is_unseen(lua_State *L) {
    enum { CALLERS_CALLER = 2 };
    lua_Debug ar;
    lua_pushboolean(L, call_of(L) != NULL && lua_getstack(L, CALLERS_CALLER, &ar) == 0);
    return 1;
}

/* ---- cells ------------------------------------------------------------------------ */

static rl_err write_integer(rl_buf *out, rl_slice cell) {
    return cell.len <= EXACT_DIGITS ? rl_buf_append(out, cell) : RL_EINVAL;
}

static rl_err write_float(rl_buf *out, rl_slice cell) {
    return rl_json_append_number(out, rl_pg_value_float(cell));
}

static rl_err write_boolean(rl_buf *out, rl_slice cell) {
    return rl_buf_append(out, cell.ptr[0] == 't' ? RL_LIT("true") : RL_LIT("false"));
}

static rl_err write_timestamp(rl_buf *out, rl_slice cell) {
    char text[RL_PG_TIMESTAMP_CAP];
    return rl_json_append_string(out, rl_pg_value_timestamp(cell, text));
}

static write_fn *writer_of(uint32_t oid) {
    switch (oid) {
    case RL_OID_INT2:
    case RL_OID_INT4:
    case RL_OID_INT8:
    case RL_OID_OID: return write_integer;
    case RL_OID_FLOAT4:
    case RL_OID_FLOAT8: return write_float;
    case RL_OID_BOOL: return write_boolean;
    case RL_OID_TIMESTAMP:
    case RL_OID_TIMESTAMPTZ: return write_timestamp;
    case RL_OID_JSON:
    case RL_OID_JSONB:
    case RL_OID_BYTEA: return NULL;
    default: return rl_oid_element(oid) == 0 ? rl_json_append_string : NULL;
    }
}

/* ---- rows ------------------------------------------------------------------------- */

/* The metatable of the rows, on the top, has the names as JSON behind them: true for one that is left out. */
static bool read_columns(lua_State *L, const rl_result *result, columns *known) {
    uint32_t count = rl_result_columns(result);
    known->count = 0;
    for (uint32_t i = 0; i < count && count <= MOST_COLUMNS; i++) {
        column *one = &known->list[known->count];
        *one = (column){.number = i, .write = writer_of(rl_result_oid(result, i))};
        lua_rawgeti(L, -1, (int)(count + i + 1));
        bool is_shown = lua_type(L, -1) == LUA_TSTRING, is_hidden = !is_shown && lua_toboolean(L, -1);
        if (is_shown)
            one->key.ptr = lua_tolstring(L, -1, &one->key.len);
        lua_pop(L, 1); /* the metatable holds it */
        if (!is_hidden && (!is_shown || one->write == NULL))
            return false;
        known->count += is_shown;
    }
    return count <= MOST_COLUMNS;
}

static rl_err write_row(rl_buf *out, const columns *known, const rl_result *result, uint32_t row) {
    for (uint32_t i = 0; i < known->count; i++) {
        const column *one = &known->list[i];
        rl_slice cell;
        rl_err err = rl_buf_append(out, one->key);
        if (err == RL_OK)
            err = rl_result_cell(result, row, one->number, &cell) ? one->write(out, cell)
                                                                  : rl_buf_append(out, RL_LIT("null"));
        if (err != RL_OK)
            return err;
    }
    return rl_buf_append(out, known->count == 0 ? RL_LIT("{}") : RL_LIT("}"));
}

static rl_err write_rows(rl_buf *out, const columns *known, const rl_result *result) {
    uint32_t count = rl_result_rows(result);
    rl_err err = rl_buf_append_byte(out, '[');
    for (uint32_t row = 0; row < count && err == RL_OK; row++) {
        err = row == 0 ? RL_OK : rl_buf_append_byte(out, ',');
        if (err == RL_OK)
            err = write_row(out, known, result, row);
    }
    return err == RL_OK ? rl_buf_append_byte(out, ']') : err;
}

bool rl_vm_push_unseen(rl_vm_pg_rows *rows, const rl_result *result) {
    lua_State *L = rows->value.L;
    const rl_call *call = call_of(L);
    columns known;
    if (call == NULL || result == NULL || !rl_vm_pg_rows_know(rows, result))
        return false;
    lua_pushvalue(L, rows->meta);
    bool is_known = read_columns(L, result, &known);
    lua_pop(L, 1);
    rl_answerer *answerer = rl_app_answerer(call->app);
    if (!is_known || write_rows(rl_answerer_begin_unseen(answerer), &known, result) != RL_OK)
        return false;
    rl_answerer_push_unseen(answerer, L);
    return true;
}
