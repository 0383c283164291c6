/* body -- a request's body, gathered while it arrives.
 *
 *   one piece, handler quick     borrowed from the read buffer, never copied
 *   more, up to max_memory       in memory, accounted to the process's budget
 *   beyond                       in an unnamed temporary file, up to the parser's max_body:
 *
 *       append --> memory --> spool --> file
 *                  `-- ahead of the disk --'    from RL_BODY_AHEAD_MOST on it is full:
 *                                               whoever appends waits for `moved`
 *
 * A body belongs to its request and dies with it. */
#ifndef RL_HTTP_BODY_H
#define RL_HTTP_BODY_H

#include <stdatomic.h>
#include <stdint.h>

#include "http/spool.h"

enum {
    RL_BODY_AHEAD_MOST = 256 * 1024 /* bytes that wait for the disk: as much as one job writes */
};

/* Shared by all workers of the process. */
typedef struct rl_body_budget {
    _Atomic uint64_t used; /* bytes of all bodies held in memory now, those that wait for the disk too */
    uint64_t ceiling;
    _Atomic uint64_t spooled; /* bytes of all temporary files now */
    uint64_t spool_ceiling;   /* 0: none; beyond: 507 */
} rl_body_budget;

typedef struct rl_body rl_body;

/* What the bodies of one server share. */
typedef struct rl_bodies {
    rl_loop *loop;
    rl_body_budget *budget;
    size_t max_memory; /* bytes of one body before it is spooled */
    /* The disk took some of `body`: it may be whole now, or full no more. With a
     * status, it will not take the rest. May clear the body. */
    void (*moved)(rl_body *body, int status);
} rl_bodies;

struct rl_body {
    rl_slice borrowed;
    rl_buf memory; /* all of it, or what the spool was not given yet */
    const rl_bodies *all;
    uint64_t len;     /* bytes so far */
    uint64_t most;    /* beyond them it is refused: a route may take less than the server */
    rl_spool *spool;  /* NULL: it is in memory */
    uint64_t spooled; /* bytes counted for the file */
    int failed;       /* 0, or the status that says why the rest will not come */
    bool has_ended;   /* its last byte came */
};

void rl_body_init(rl_body *body, const rl_bodies *all);
/* Gives everything back; the body is as after rl_body_init. */
void rl_body_clear(rl_body *body);

/* Add `bytes`. 0, or the status to answer: 413 beyond `most`, 503 when the budget or memory ran
 * out, 507 when the quota of files is used up. */
RL_MUST_USE int rl_body_append(rl_body *body, rl_slice bytes);
/* Copy what is still borrowed: its owner is about to take it back. As append. */
RL_MUST_USE int rl_body_keep(rl_body *body);
/* Whether `moved` should be awaited before more is appended. */
bool rl_body_is_full(const rl_body *body);

/* Whether all of it can be read. */
static inline bool rl_body_is_whole(const rl_body *body) {
    return body->has_ended && (body->spool == NULL || rl_spool_pending(body->spool) == 0);
}

/* The bytes when they lie in memory, in one piece; false when they were spooled. */
bool rl_body_in_memory(const rl_body *body, rl_slice *out);
/* The file that holds all bytes of a whole body, borrowed; -1 when they lie in memory. */
int rl_body_file(const rl_body *body);

#endif
