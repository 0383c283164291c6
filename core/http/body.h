/* body -- a request's body, gathered while it arrives.
 *
 *   one piece, handler quick     borrowed from the read buffer, never copied
 *   more, up to max_memory       in memory, accounted to the process's budget
 *   beyond                       in an unnamed temporary file, up to the parser's max_body
 *
 * A body belongs to its request and dies with it. */
#ifndef RL_HTTP_BODY_H
#define RL_HTTP_BODY_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Shared by all workers of the process. */
typedef struct rl_body_budget {
    _Atomic uint64_t used; /* bytes of all bodies held in memory now */
    uint64_t ceiling;
    _Atomic uint64_t spooled; /* bytes of all temporary files now */
    uint64_t spool_ceiling;   /* 0: none; beyond: 507 */
} rl_body_budget;

typedef struct rl_body {
    rl_slice borrowed;
    rl_buf memory;
    rl_body_budget *budget;
    uint64_t len;  /* bytes so far */
    uint64_t most; /* beyond them it is refused: a route may take less than the server */
    uint64_t spooled; /* bytes in the file */
    int spool;    /* the file, or -1 */
    int failed;   /* 0, or the status that says why the rest will not come */
    bool done;    /* it is whole */
} rl_body;

void rl_body_init(rl_body *body, size_t max_memory, rl_body_budget *budget);
void rl_body_clear(rl_body *body);

/* Add `bytes`. 0, or the status to answer: 413 beyond `most`, 503 when the budget or memory ran
 * out, 507 when the disk is full. */
RL_MUST_USE int rl_body_append(rl_body *body, rl_slice bytes);
/* Copy what is still borrowed: its owner is about to take it back. As append. */
RL_MUST_USE int rl_body_keep(rl_body *body);

/* The bytes when they lie in memory, in one piece; false when they were spooled. */
bool rl_body_in_memory(const rl_body *body, rl_slice *out);
/* Copy all `len` bytes to `out`. RL_EIO when the file could not be read. */
RL_MUST_USE rl_err rl_body_copy(const rl_body *body, char *out);

#endif
