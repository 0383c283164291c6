/* pg_row -- a database's answer as Lua tables.
 *
 * A row is a plain table of its columns that are not NULL. Its metatable, one
 * for each list of column names, knows them all: a NULL reads as nil, an unknown
 * name raises, and JSON gets the columns in their order.
 *
 * A model's row has its values at [1..n], so that none is made by hashing names and
 * an assignment is seen, and at [0] the set it came with:
 *
 *     mold = { model, make = fn(names), shapes = { names -> metatable } }
 *     set  = { model, rows = list, loaded = {} }        one for each result
 *     row  = { [0] = set, value, ... }                  core/vm/kind.h */
#ifndef RL_VM_PG_ROW_H
#define RL_VM_PG_ROW_H

#include <lua.h>

#include "pg/query.h"
#include "vm/pg_value.h"

/* For the answers of several statements: one after another mostly has the same
 * columns, whose metatable then is at hand. */
typedef struct rl_vm_pg_rows {
    rl_pg_value_reader value;
    const rl_result *like; /* whose columns `meta` has */
    int array_meta, meta;  /* on the stack */
    int mold;              /* there as well, for a model's rows; else 0 */
} rl_vm_pg_rows;

/* Pushes two values, which are to stay below what comes from it. */
void rl_vm_pg_rows_begin(rl_vm_pg_rows *rows, lua_State *L, bool bigint_is_string, char *message, size_t message_cap);
/* What comes from now on are rows of the model whose mold is at the stack index; plain ones for 0. */
void rl_vm_pg_rows_mold(rl_vm_pg_rows *rows, int mold);
/* Have the rows' metatable at `meta`. False, with `message` saying why, where two columns have one name. */
RL_MUST_USE bool rl_vm_pg_rows_know(rl_vm_pg_rows *rows, const rl_result *result);
/* Push the list of at most `most` rows. False, with nothing pushed and `message`
 * saying why, for a value that Lua cannot hold (it names the column). Raises
 * when Lua's memory runs out: the result must belong to somebody else. */
RL_MUST_USE bool rl_vm_pg_push_rows(rl_vm_pg_rows *rows, const rl_result *result, uint32_t most);
/* Push the table of an error: code, status, message, and what the server said. */
void rl_vm_pg_push_failure(lua_State *L, const rl_failure *failure, const char *sql);

/* pg_shape(fn): fn(names) makes a row's metatable, or returns nil and a name
 * that occurs twice */
int rl_vm_pg_set_shape(lua_State *L);

#endif
