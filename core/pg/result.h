/* result -- what PostgreSQL answered, read cell by cell.
 *
 *    PGresult --take--> rl_result { columns, cells, "id" "name" "SELECT 1" "7" "Ada" }   a small answer
 *                       rl_result { PGresult }                                           a large one
 *
 * libpq holds 3 KB for a row of two numbers. Twenty answers of each of sixty
 * requests would be out of the processor's caches before they are read, so a small
 * answer is copied to a block of its own size, and libpq's is free for the next one.
 *
 * Those of a batch lie together in one rl_results. Its statements mostly differ in
 * their values alone: what has the same columns as the one before it shares them. Where
 * both come of one prepared statement of rows, nobody has to look: PostgreSQL refuses to
 * run it once its columns would be others ("cached plan must not change result type").
 *
 * Whoever holds an rl_result frees it, before the rl_results that it lies in. Slices
 * taken from it live as long as it does. */
#ifndef RL_PG_RESULT_H
#define RL_PG_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct pg_result; /* libpq's */
typedef struct rl_result rl_result;

/* Object ids of built-in types: pg_type.dat, the same in every PostgreSQL. */
enum {
    RL_OID_BOOL = 16,
    RL_OID_BYTEA = 17,
    RL_OID_INT8 = 20,
    RL_OID_INT2 = 21,
    RL_OID_INT4 = 23,
    RL_OID_TEXT = 25,
    RL_OID_OID = 26,
    RL_OID_JSON = 114,
    RL_OID_FLOAT4 = 700,
    RL_OID_FLOAT8 = 701,
    RL_OID_BPCHAR = 1042,
    RL_OID_VARCHAR = 1043,
    RL_OID_DATE = 1082,
    RL_OID_TIME = 1083,
    RL_OID_TIMESTAMP = 1114,
    RL_OID_TIMESTAMPTZ = 1184,
    RL_OID_NUMERIC = 1700,
    RL_OID_UUID = 2950,
    RL_OID_JSONB = 3802
};

/* The element type of a built-in array type; 0 for what is no such array. */
uint32_t rl_oid_element(uint32_t oid);

typedef struct rl_results {
    rl_arena arena;
    const rl_result *latest; /* of the small ones */
    uint64_t origin;         /* of that one */
} rl_results;

/* At most `ceiling` bytes. */
void rl_results_init(rl_results *results, size_t ceiling);
void rl_results_clear(rl_results *results);

/* Takes `answer` always; NULL when memory ran out. `in` is NULL for a result by itself.
 * All answers of one `origin` have the same columns; 0 promises nothing. */
RL_MUST_USE rl_result *rl_result_new_take(struct pg_result *answer, rl_results *in, uint64_t origin);
void rl_result_free(rl_result *result); /* NULL is allowed */

uint32_t rl_result_rows(const rl_result *result);
uint32_t rl_result_columns(const rl_result *result);
rl_slice rl_result_name(const rl_result *result, uint32_t column);
uint32_t rl_result_oid(const rl_result *result, uint32_t column);
/* Whether both share their columns. */
bool rl_result_is_alike(const rl_result *a, const rl_result *b);
/* False for SQL NULL; else `*out` is the text form, NUL-terminated too. */
bool rl_result_cell(const rl_result *result, uint32_t row, uint32_t column, rl_slice *out);
/* Rows that the command touched; 0 for commands that touch none. */
uint64_t rl_result_affected(const rl_result *result);
/* The command as the server named it: "INSERT 0 1", "ROLLBACK". */
const char *rl_result_command(const rl_result *result);

typedef enum rl_field_code {
    RL_FIELD_SEVERITY,
    RL_FIELD_SQLSTATE,
    RL_FIELD_MESSAGE,
    RL_FIELD_DETAIL,
    RL_FIELD_HINT,
    RL_FIELD_POSITION,
    RL_FIELD_SCHEMA,
    RL_FIELD_TABLE,
    RL_FIELD_COLUMN,
    RL_FIELD_CONSTRAINT,
    RL_FIELD_CONTEXT
} rl_field_code;

/* What the server said of a failure: libpq's own memory. */
typedef struct pg_result rl_server_error;

/* NULL when it has none. */
const char *rl_server_error_field(const rl_server_error *error, rl_field_code code);
void rl_server_error_free(rl_server_error *error); /* NULL is allowed */

#endif
