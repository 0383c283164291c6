/* learn -- which statements are quick, as their past runs tell.
 *
 *    text --hash--> rl_lesson { shape, average }     newest <-> ... <-> oldest
 *
 *               3 runs of less than 2 ms
 *      unknown -----------------------> quick
 *         ^                               |  an average above 2 ms: one run of 16 ms,
 *         +---- 4 times as many to come <-+  or several that are less slow
 *
 * A statement that takes long holds up whatever is behind it on a shared
 * connection, so every text begins as slow. A run is counted to the answer of its
 * Sync, its commit included. One that is quick most of the time and slow now and
 * then has to show itself for longer each time: else it would be let back at once
 * and hold up its neighbours again and again. After some thousand quick runs that is
 * forgotten: what was slow once in so long was the machine, or does no harm.
 * Two milliseconds are slow where the others take a tenth of one. On a server that
 * is short of CPU nothing is faster, and leaving the few shared connections for many
 * would make it worse: so the bound is four times what quick runs take these days,
 * from 2 up to 8 ms. For the same reason what ran beside others, on a connection of its own,
 * is taken to have had its part of the time (rl_errand_beside).
 * The table is bounded; a lesson is forgotten when it was used longest ago. */
#ifndef RL_PG_LEARN_H
#define RL_PG_LEARN_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"
#include "pg/sql.h"

typedef struct rl_lesson {
    rl_list link;
    struct rl_lesson *next; /* of the same bucket */
    uint64_t hash;
    rl_sql_shape shape;
    bool is_quick;
    uint32_t users;         /* hold it: not to be forgotten meanwhile */
    uint32_t runs;          /* quick ones since it became quick; else so far, a slow one takes back eight */
    uint32_t wanted;        /* so many make it quick */
    uint64_t average_ns;    /* moving: the last eight runs weigh most */
    size_t sql_len;
    char sql[];
} rl_lesson;

typedef struct rl_lessons {
    rl_lesson **buckets;
    uint32_t bucket_count, count, max;
    uint64_t pace_ns; /* what a quick run takes these days, on the average */
    rl_list newest;
} rl_lessons;

RL_MUST_USE rl_err rl_lessons_init(rl_lessons *lessons, uint32_t max);
void rl_lessons_clear(rl_lessons *lessons);
/* What is known of the text, or the beginning of it; held by the caller until
 * rl_lesson_release. NULL when memory ran out. */
rl_lesson *rl_lessons_hold(rl_lessons *lessons, rl_slice sql);
void rl_lesson_release(rl_lesson *lesson);

/* A run took that long. */
void rl_lessons_note(rl_lessons *lessons, rl_lesson *lesson, uint64_t took_ns);
/* A run was stopped for taking too long. */
void rl_lesson_note_slow(rl_lesson *lesson);

#endif
