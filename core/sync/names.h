/* names -- things by their names, of which strangers may choose some (a chat room's).
 *
 *   buckets: [ ] [ x ] [ ] [ x ] ...        a keyed hash: nobody knows who meets whom
 *                  |
 *                 "room:7" -> "room:12"     links embedded in the things
 *
 * Whoever holds the lock of what the names stand for calls these. */
#ifndef RL_SYNC_NAMES_H
#define RL_SYNC_NAMES_H

#include "base/err.h"
#include "base/siphash.h"

enum { RL_NAME_MAX = 255 /* bytes: more is no name, but data */ };

typedef struct rl_named {
    struct rl_named *next;
    uint64_t hash;
    size_t len;
    char name[RL_NAME_MAX + 1];
} rl_named;

typedef struct rl_names {
    rl_siphash_key key;
    rl_named **buckets;
    size_t cap, count; /* cap: a power of two, or 0 */
} rl_names;

/* Takes no memory until the first name. */
void rl_names_init(rl_names *names);
/* Every name must have been removed. */
void rl_names_clear(rl_names *names);
/* 1 to RL_NAME_MAX bytes. */
bool rl_name_is_valid(rl_slice name);
/* NULL when there is none. */
rl_named *rl_names_find(const rl_names *names, rl_slice name);
/* A valid name that is not there yet. RL_ENOMEM. */
RL_MUST_USE rl_err rl_names_add(rl_names *names, rl_named *named, rl_slice name);
void rl_names_remove(rl_names *names, rl_named *named);
/* One after the other, in no order: begin with NULL; NULL is the end. */
rl_named *rl_names_next(const rl_names *names, const rl_named *named);

#endif
