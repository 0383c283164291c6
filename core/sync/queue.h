/* queue -- messages in order, written at one end and read at the other, each end by
 * one thread at a time.
 *
 *      read here                                          written here
 *          v                                                   v
 *   [ . . |m m m m m END] -> [m m m m m m END] -> [m m m m| . . . . ]
 *       a segment                                     its spare room
 *
 * The two ends do not touch each other's memory but for two counters, and look at those
 * only when what they remember of them does not do: so a sender and a receiver on two
 * processors seldom wait for each other's cache lines, and several small messages
 * cross in one. Whoever uses an end keeps others from it (channel.c has a lock for
 * each); the ends themselves need nothing between them.
 * What is longer than RL_MESSAGE_ROOM lies in a parcel of its own and is passed as an
 * address, so that neither end copies much while others wait for it. */
#ifndef RL_SYNC_QUEUE_H
#define RL_SYNC_QUEUE_H

#include "sync/parcel.h"

enum { RL_MESSAGE_ROOM = 512, RL_CACHE_LINE = 64 };

/* What was read: a copy, or a use of a parcel. */
typedef struct rl_message {
    rl_parcel *parcel; /* or NULL: then it is in `room` */
    size_t len;
    char room[RL_MESSAGE_ROOM];
} rl_message;

static inline rl_slice rl_message_bytes(const rl_message *message) {
    return message->parcel != NULL ? rl_parcel_bytes(message->parcel) : rl_slice_of(message->room, message->len);
}

void rl_message_clear(rl_message *message);

typedef struct rl_segment rl_segment;

typedef struct rl_queue_end {
    rl_segment *segment;
    size_t at;
    _Atomic uint64_t count, bytes;   /* messages that have passed here, and their bytes */
    uint64_t seen_count, seen_bytes; /* what the other end had passed at the last look */
    char apart[RL_CACHE_LINE];       /* keeps the ends in lines of their own */
} rl_queue_end;

typedef struct rl_queue {
    rl_segment *first;            /* where reading begins */
    _Atomic(rl_segment *) spare;  /* one that was read to its end */
    char apart[RL_CACHE_LINE];
    rl_queue_end in, out;
} rl_queue;

/* Takes no memory until the first message. */
void rl_queue_init(rl_queue *queue);
/* Drops what is left in it. */
void rl_queue_clear(rl_queue *queue);

/* ---- the writing end ---- */

/* RL_ENOMEM: nothing was written. */
RL_MUST_USE rl_err rl_queue_write(rl_queue *queue, rl_slice bytes);
/* Have room for one parcel: the next rl_queue_write_parcel needs no memory. */
RL_MUST_USE rl_err rl_queue_reserve(rl_queue *queue);
/* Behind rl_queue_reserve; one use of `parcel` goes to the queue. */
void rl_queue_write_parcel_take(rl_queue *queue, rl_parcel *parcel);
/* Whether fewer than `count` messages and fewer than `bytes` bytes were in it at
 * some time since the last call. */
bool rl_queue_is_below(rl_queue *queue, uint64_t count, uint64_t bytes);

/* ---- the reading end ---- */

/* How many messages there are to read; looks at the other end when it knows of no more than `known`. */
uint64_t rl_queue_readable(rl_queue *queue, uint64_t known);
/* The oldest message; there must be one. `out` holds nothing before. */
void rl_queue_read(rl_queue *queue, rl_message *out);

/* ---- from anywhere: what is in it, about ---- */

uint64_t rl_queue_count(const rl_queue *queue);
uint64_t rl_queue_bytes(const rl_queue *queue);

#endif
