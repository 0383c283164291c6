/* copy -- the rows of a COPY, on their way between the caller and the server.
 *
 *    NEW --+--> OUT:  server --> held --> rl_copy_take             --+--> ENDED
 *          |          (reading pauses while much is held)            |
 *          +--> IN:   rl_copy_put --> libpq --> server, rl_copy_finish
 *                     (put more when there is room)
 *
 * A COPY cannot run in libpq's pipeline mode, whose results then repeat for
 * ever, so its connection is one's own, and leaves the mode for it. Whatever the
 * query's `done` says is what became of it: the server may refuse rows long
 * after they were put, and tells only when the last one was.
 * The query's timeout is for a server that is silent while something is owed by it: how
 * long the whole takes is the caller's doing, too.
 * The copy is in its owner's storage and must live until the query is done. */
#ifndef RL_PG_COPY_H
#define RL_PG_COPY_H

#include "base/buf.h"
#include "pg/result.h"

struct rl_backend;

typedef enum rl_copy_state {
    RL_COPY_NEW, /* the server has not agreed yet */
    RL_COPY_IN,
    RL_COPY_OUT,
    RL_COPY_ENDING, /* all rows went by; the answer is not in */
    RL_COPY_ENDED
} rl_copy_state;

typedef struct rl_copy rl_copy;
struct rl_copy {
    rl_copy_state state;
    struct rl_backend *backend; /* while IN or OUT */
    uint32_t columns;           /* as the server counts them, from IN or OUT on */
    bool has_begun; /* some time: the statement was a COPY, and the server agreed */
    bool is_input;
    bool is_abandoned;
    rl_buf held; /* what goes one way or the other, until it is enough, or taken */
    void (*news)(rl_copy *copy); /* began, has rows, has room, or ended */
};

void rl_copy_init(rl_copy *copy, void (*news)(rl_copy *copy));
void rl_copy_clear(rl_copy *copy);

/* IN: hand bytes over, which are copied and need not end where a row does. */
RL_MUST_USE rl_err rl_copy_put(rl_copy *copy, rl_slice bytes);
/* IN: whether what was put has left; more would only pile up otherwise. */
bool rl_copy_has_room(const rl_copy *copy);
/* IN: no more rows; with `why`, none at all: the server then fails the statement. */
void rl_copy_finish(rl_copy *copy, const char *why);
/* OUT: what has come: whole rows, borrowed until the next call of rl_copy_taken. */
rl_slice rl_copy_peek(const rl_copy *copy);
/* OUT: that was read. */
void rl_copy_taken(rl_copy *copy);
/* Nobody wants it any more: rows that come are dropped, rows that went are refused. */
void rl_copy_abandon(rl_copy *copy);

/* For dispatch.c and backend.c. */
void rl_copy_begin_take(rl_copy *copy, struct rl_backend *backend, struct pg_result *begun);
/* False while libpq has no result of the statement to give. */
RL_MUST_USE bool rl_copy_receive(rl_copy *copy);
/* What there was was read and sent as far as it could be; with `is_drained`, the last of what could not before. */
void rl_copy_flushed(rl_copy *copy, uint64_t patience_ms, bool is_drained);
void rl_copy_end(rl_copy *copy);

#endif
