/* bulletin -- what each worker of a server process does, for whoever looks after it.
 *
 *    worker:      pin up the route --> run its Lua --> take it down
 *    supervisor:  the process has ended: what was pinned up?
 *
 * A page of memory that the processes share, so that it outlives the one that
 * wrote it. Each row has one writer; a reader sees a name that was, perhaps, half
 * overwritten, and nothing worse. The supervisor writes the names of the routes that
 * must not run, before the process begins. */
#ifndef RL_BASE_BULLETIN_H
#define RL_BASE_BULLETIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum { RL_BULLETIN_ROWS = 256, RL_BULLETIN_NAME = 112, RL_BULLETIN_BANNED = 32, RL_BULLETIN_ID = 64 };

/* Which request it is: http/request_id.h makes its id of it. */
typedef struct rl_bulletin_request {
    uint64_t prefix, number; /* of its own id; 0: there is no request */
    rl_slice given;          /* an id that it was given, RL_BULLETIN_ID bytes at most */
} rl_bulletin_request;

typedef struct rl_bulletin_row {
    _Atomic bool is_running; /* Lua of that route; what is there when it is not is old */
    _Atomic bool is_hung;    /* ... for longer than it may */
    const void *pinned;      /* the writer's own: which name it is, so that the same one is not copied again */
    char name[RL_BULLETIN_NAME]; /* a route's pattern, cut to fit; "" for what is none's */
    uint64_t prefix, number;     /* as in rl_bulletin_request */
    uint8_t given_len;
    char given[RL_BULLETIN_ID];
} rl_bulletin_row;

typedef struct rl_bulletin {
    rl_bulletin_row rows[RL_BULLETIN_ROWS];
    unsigned banned_count;
    char banned[RL_BULLETIN_BANNED][RL_BULLETIN_NAME]; /* by the supervisor */
} rl_bulletin;

/* Pin up `name`, which may be NULL; a name that stays where it is until rl_bulletin_forget. */
static inline void rl_bulletin_pin(rl_bulletin_row *row, const char *name, rl_bulletin_request request) {
    if (name != row->pinned) {
        size_t len = name == NULL ? 0 : strnlen(name, RL_BULLETIN_NAME - 1);
        if (len > 0)
            memcpy(row->name, name, len);
        row->name[len] = '\0';
        row->pinned = name;
    }
    row->prefix = request.prefix;
    row->number = request.number;
    row->given_len = (uint8_t)request.given.len;
    if (request.given.len > 0)
        memcpy(row->given, request.given.ptr, request.given.len);
    atomic_store_explicit(&row->is_running, true, memory_order_relaxed);
}

/* There may be no row. */
static inline void rl_bulletin_take_down(rl_bulletin_row *row) {
    if (row != NULL)
        atomic_store_explicit(&row->is_running, false, memory_order_relaxed);
}

/* Names that were pinned up are about to be freed. */
static inline void rl_bulletin_forget(rl_bulletin_row *row) {
    row->pinned = NULL;
    row->name[0] = '\0';
}

/* Whether the route must not run. */
static inline bool rl_bulletin_bans(const rl_bulletin *bulletin, const char *name) {
    for (unsigned i = 0; i < bulletin->banned_count; i++)
        if (strncmp(bulletin->banned[i], name, RL_BULLETIN_NAME - 1) == 0)
            return true;
    return false;
}

#endif
