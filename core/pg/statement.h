/* statement -- the prepared statements of one connection.
 *
 *    text + parameter types --hash--> rl_statement     newest <-> ... <-> oldest
 *
 * Keyed by the text *and* the types, because the same text with bytea for $1
 * is another statement. A name counts as prepared only after its Sync
 * succeeded (`ready`). The set is bounded: adding to a full one takes out the
 * one used longest ago, which must then be closed on the server too. */
#ifndef RL_PG_STATEMENT_H
#define RL_PG_STATEMENT_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"
#include "pg/sql.h"

typedef struct rl_statement {
    rl_list link;              /* by age of last use, or the caller's once taken out */
    struct rl_statement *next; /* of the same bucket */
    uint64_t hash;
    uint64_t number; /* from 1: no other on this connection has it */
    char name[24];
    rl_sql_shape shape;
    bool ready;          /* the server knows the name */
    bool preparing;      /* a query in flight tells it to the server */
    bool stale;          /* out of the set: to be closed when its last query is settled */
    uint32_t uses;       /* queries in flight with it: not to be evicted meanwhile */
    uint32_t type_count; /* declared types: as many as the query has parameters */
    uint32_t *types;     /* what the server says they are, once ready; declared ones before */
    size_t sql_len;
    uint32_t *declared;
    char *sql;
} rl_statement;

typedef struct rl_statements {
    rl_statement **buckets;
    uint32_t bucket_count, count, max;
    uint64_t named; /* names given so far: never reused on a connection */
    rl_list newest;
} rl_statements;

RL_MUST_USE rl_err rl_statements_init(rl_statements *set, uint32_t max);
/* Frees every statement in the set. */
void rl_statements_clear(rl_statements *set);
/* The statement, now the newest; NULL when there is none. */
rl_statement *rl_statements_find(rl_statements *set, rl_slice sql, const uint32_t *types,
                                 uint32_t type_count);
/* A new one. `*evicted` is what had to go for it, the caller's to free, or NULL. */
RL_MUST_USE rl_err rl_statements_add(rl_statements *set, rl_slice sql, const uint32_t *types,
                                     uint32_t type_count, rl_statement **out, rl_statement **evicted);
/* Out of the set; the caller's to free. */
void rl_statements_take_out(rl_statements *set, rl_statement *statement);
void rl_statement_free(rl_statement *statement);

#endif
