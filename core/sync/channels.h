/* channels -- the channels that workers find by name.
 *
 *   worker 0: "orders" --\
 *   worker 1: "orders" ---+--> one channel     held by each that has opened it
 *
 * A channel is there as long as somebody holds it, or something is in it: a reload
 * finds what the code before it has sent. Closed, or empty, and held by nobody it is
 * gone, and its name is free for another one. */
#ifndef RL_SYNC_CHANNELS_H
#define RL_SYNC_CHANNELS_H

#include "sync/channel.h"
#include "sync/names.h"

enum { RL_CHANNELS_MOST = 4096 };

typedef struct rl_channels rl_channels;

typedef struct rl_shared_channel {
    rl_named named;
    rl_channels *home;
    uint32_t holders; /* under home's lock */
    rl_channel *channel;
    size_t capacity;
} rl_shared_channel;

RL_MUST_USE rl_err rl_channels_new(rl_channels **out);
/* Left alone while somebody holds one. NULL is allowed. */
void rl_channels_free(rl_channels *channels);

/* Find or make it, and hold it. RL_EEXIST: it is there with `*capacity_there` instead.
 * RL_EFULL: there are RL_CHANNELS_MOST already. `name` is valid. */
RL_MUST_USE rl_err rl_shared_channel_hold(rl_channels *channels, rl_slice name, size_t capacity,
                                          rl_shared_channel **out, size_t *capacity_there);
void rl_shared_channel_let_go(rl_shared_channel *shared);

/* Shows each of them; `see` must be quick. */
void rl_channels_look(rl_channels *channels,
                      void (*see)(void *owner, const char *name, const rl_channel_stats *stats), void *owner);

#endif
