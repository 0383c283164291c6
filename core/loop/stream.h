/* stream -- bytes both ways, and their end.
 *
 *   peer ==bytes==> read      events, on the loop, to the owner
 *        ==FIN====> ended(RL_EOF)          our side may still write
 *        ==RST====> ended(RL_ERESET)       both sides are over
 *   owner ==try_write / write==> peer      write reports back by `written`
 *
 * Protocols above know only this, so that TLS can stand between one day.
 * After rl_stream_close nothing but `closed` comes, and the stream frees
 * itself behind that call. */
#ifndef RL_LOOP_STREAM_H
#define RL_LOOP_STREAM_H

#include <stdbool.h>

#include "loop/loop.h"

typedef struct rl_stream rl_stream;

typedef struct rl_stream_events {
    /* `bytes` are borrowed until the call returns. */
    void (*read)(void *owner, rl_slice bytes);
    void (*ended)(void *owner, rl_err why);
    /* What rl_stream_write was given has been sent, or never will be. */
    void (*written)(void *owner, rl_err err);
    void (*closed)(void *owner);
} rl_stream_events;

typedef struct rl_stream_ops {
    void (*read)(rl_stream *stream, bool on);
    rl_err (*try_write)(rl_stream *stream, rl_slice bytes, size_t *written);
    rl_err (*write)(rl_stream *stream, rl_slice bytes);
    void (*shutdown)(rl_stream *stream);
    void (*close)(rl_stream *stream, bool reset);
    size_t (*queued)(const rl_stream *stream);
    size_t (*peer)(rl_stream *stream, char *out, size_t cap);
} rl_stream_ops;

struct rl_stream {
    const rl_stream_ops *ops;
    const rl_stream_events *events;
    void *owner;
};

/* Who hears of this stream; before the first event can come. */
static inline void rl_stream_own(rl_stream *stream, const rl_stream_events *events, void *owner) {
    stream->events = events;
    stream->owner = owner;
}

/* Begin to read, or go on. */
static inline void rl_stream_resume(rl_stream *stream) {
    stream->ops->read(stream, true);
}

/* No `read` until rl_stream_resume: the peer feels it as a full window. */
static inline void rl_stream_pause(rl_stream *stream) {
    stream->ops->read(stream, false);
}

/* Send what the socket takes of `bytes` at once; *written may be less than all, also 0.
 * Must not be called while a write is under way. RL_ERESET when the peer is gone. */
RL_MUST_USE static inline rl_err rl_stream_try_write(rl_stream *stream, rl_slice bytes, size_t *written) {
    return stream->ops->try_write(stream, bytes, written);
}

/* Send all of `bytes`, which must stay as they are until `written`. One at a time. */
RL_MUST_USE static inline rl_err rl_stream_write(rl_stream *stream, rl_slice bytes) {
    return stream->ops->write(stream, bytes);
}

/* Bytes given to rl_stream_write that the socket has not taken yet. */
static inline size_t rl_stream_queued(const rl_stream *stream) {
    return stream->ops->queued(stream);
}

/* Send FIN: no more comes from us. Reading goes on. */
static inline void rl_stream_shutdown(rl_stream *stream) {
    stream->ops->shutdown(stream);
}

static inline void rl_stream_close(rl_stream *stream) {
    stream->ops->close(stream, false);
}

/* Close so that the peer learns at once, and nothing is sent any more. */
static inline void rl_stream_reset(rl_stream *stream) {
    stream->ops->close(stream, true);
}

/* The peer's address as text, without the port; returns its length, 0 when unknown. */
static inline size_t rl_stream_peer(rl_stream *stream, char *out, size_t cap) {
    return stream->ops->peer(stream, out, cap);
}

#endif
