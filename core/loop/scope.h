/* scope -- how long something may live, and what it still holds.
 *
 *        app
 *         +-- request                lent: [connection] [timer] [file] ...
 *               +-- task             lent: [subscription]
 *               +-- task
 *
 * Everything lent or left open is linked into the scope that asked for it. The
 * end of the scope gives it all back, newest first, from C: a coroutine that
 * was abandoned runs no handlers, so nothing may depend on Lua to clean up.
 * Cancelling goes down the tree: it is a fact that every later wait finds,
 * not an event that could be missed. A child never outlives its parent's
 * deadline. All calls belong to the loop's thread. */
#ifndef RL_LOOP_SCOPE_H
#define RL_LOOP_SCOPE_H

#include "loop/loop.h"
#include "loop/timer.h"

typedef struct rl_scope rl_scope;
typedef struct rl_lent rl_lent;

struct rl_lent {
    rl_list link;
    void (*release)(rl_lent *lent); /* called once, by the end of the scope */
    const char *what;               /* a noun for reports: "connection", "timer" */
};

struct rl_scope {
    rl_loop *loop;
    rl_scope *parent;
    rl_list children, link;
    rl_list lent;
    rl_timer deadline; /* running when there is one; once cancelled, when there is a grace */
    uint64_t births;   /* children it has had so far */
    uint64_t birth;    /* which of its parent's children it is, from 1 */
    rl_err why;        /* RL_OK, or why it was cancelled */
    bool is_sheltered; /* from its parent's cancellation, as long as that one's shelter holds */
    void (*cancelled)(rl_scope *scope); /* wakes what waits in this scope; may be NULL */
    void (*emptied)(rl_scope *scope);   /* its last child has ended; may be NULL */
};

/* `parent` may be NULL. A scope born into a cancelled parent is cancelled. */
void rl_scope_init(rl_scope *scope, rl_loop *loop, rl_scope *parent, void (*cancelled)(rl_scope *scope));
/* Cancelled with RL_ETIMEOUT `delay_ms` from now, unless a nearer deadline of
 * its own holds already, or it was cancelled. */
void rl_scope_set_deadline(rl_scope *scope, uint64_t delay_ms);
/* Of a scope that was cancelled: `over` is called with its `deadline` in `delay_ms`, unless a grace runs already, or it
 * ends before. The deadline's timer has nothing else to do then. */
void rl_scope_begin_grace(rl_scope *scope, uint64_t delay_ms, void (*over)(rl_timer *deadline));
void rl_scope_end_grace(rl_scope *scope);
/* Milliseconds left until the nearest deadline of this scope or one above it;
 * UINT64_MAX when there is none, 0 when it is over. */
uint64_t rl_scope_remaining_ms(const rl_scope *scope);
/* To a scope that was just born: neither its parent's deadline nor its cancellation reaches it until that one's
 * rl_scope_unshelter. For what somebody begins who has to finish although he is cancelled. */
void rl_scope_shelter(rl_scope *scope);
/* The shelter of its children is over: if `scope` is cancelled, so are they. */
void rl_scope_unshelter(rl_scope *scope);
/* Cancel all below `scope`, sheltered or not, not itself: its own work is done, and theirs with it. */
void rl_scope_cancel_children(rl_scope *scope, rl_err why);
/* The first reason stays. Children first, each once; not those in a shelter. */
void rl_scope_cancel(rl_scope *scope, rl_err why);
/* Link `lent` into the scope; `what` must outlive it. */
void rl_scope_lend(rl_scope *scope, rl_lent *lent, const char *what, void (*release)(rl_lent *lent));
/* Given back in time: `release` will not be called. */
void rl_lent_return(rl_lent *lent);
/* Releases all that is still lent and leaves the tree. Its children must have
 * ended. Returns how many things had been left open. */
size_t rl_scope_end(rl_scope *scope);

#endif
