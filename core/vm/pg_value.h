/* pg_value -- one cell's text to a Lua value, by the column's type.
 *
 *   int2 int4 int8 oid     number; beyond 2^53 refused, or a string of digits
 *   float4 float8          number
 *   bool                   boolean
 *   json jsonb             decoded
 *   timestamp timestamptz  "2024-01-02T03:04:05.000000Z"
 *   bytea                  the bytes
 *   arrays of these        arrays, nested as they are, NULL as rille.null
 *   anything else          the server's text: numeric too, which a double cannot hold
 */
#ifndef RL_VM_PG_VALUE_H
#define RL_VM_PG_VALUE_H

#include <lua.h>

#include "pg/result.h"

typedef struct rl_pg_value_reader {
    lua_State *L;
    const rl_result *result; /* for the column's name in messages */
    uint32_t column;
    bool bigint_is_string;
    char *message;
    size_t message_cap;
} rl_pg_value_reader;

/* Push the value. False, with the stack as after a failed push (anything), and
 * `message` naming the column. Raises when Lua's memory runs out. */
RL_MUST_USE bool rl_pg_value_push(rl_pg_value_reader *reader, uint32_t oid, rl_slice text);

/* The same of a float, and of a timestamp: in `out`, or the server's text where that has no such form. The session
 * is in UTC. */
enum { RL_PG_TIMESTAMP_CAP = 64 };
double rl_pg_value_float(rl_slice text);
rl_slice rl_pg_value_timestamp(rl_slice text, char out[RL_PG_TIMESTAMP_CAP]);

#endif
