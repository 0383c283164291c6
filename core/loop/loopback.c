#include "loop/loopback.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { PIECE_LEN = 65536 /* one `read`: as much as a socket's read buffer brings */ };

struct rl_loopback {
    rl_stream stream;
    rl_loop *loop;
    rl_turn turn;
    rl_buf inbound, outbound;
    void (*news)(void *peer); /* NULL once the peer has gone */
    void *peer;
    bool is_reading, is_telling; /* the owner wants `read`; it is being called */
    bool is_written;             /* `written` is due */
    bool is_shut, is_closed;     /* by the owner */
    bool peer_has_gone, end_is_told;
    bool is_over;                /* `closed` was told */
};

static rl_loopback *loopback_of(const rl_stream *stream) {
    return RL_CONTAINER((uintptr_t)stream, rl_loopback, stream);
}

static void tell_peer(rl_loopback *at) {
    if (at->news != NULL)
        at->news(at->peer);
}

static void free_loopback(rl_loopback *at) {
    rl_buf_clear(&at->inbound);
    rl_buf_clear(&at->outbound);
    rl_mem_free(at);
}

/* ---- the owner's side ---------------------------------------------------- */

static void read_on(rl_stream *stream, bool on) {
    rl_loopback *at = loopback_of(stream);
    at->is_reading = on;
    if (on && (rl_buf_len(&at->inbound) > 0 || at->peer_has_gone))
        rl_loop_wake_turn(at->loop);
}

static rl_err try_write(rl_stream *stream, rl_slice bytes, size_t *written) {
    rl_loopback *at = loopback_of(stream);
    if (at->peer_has_gone || rl_buf_append(&at->outbound, bytes) != RL_OK)
        return RL_ERESET;
    *written = bytes.len;
    tell_peer(at);
    return RL_OK;
}

static rl_err write_all(rl_stream *stream, rl_slice bytes) {
    rl_loopback *at = loopback_of(stream);
    size_t written;
    rl_err err = try_write(stream, bytes, &written);
    if (err != RL_OK)
        return err;
    at->is_written = true;
    rl_loop_wake_turn(at->loop);
    return RL_OK;
}

static size_t queued(const rl_stream *stream) {
    (void)stream; /* the peer has all that was written */
    return 0;
}

static void shut(rl_stream *stream) {
    rl_loopback *at = loopback_of(stream);
    at->is_shut = true;
    tell_peer(at);
}

static void close_stream(rl_stream *stream, bool reset) {
    (void)reset; /* the peer has what was written before, as it may over a socket */
    rl_loopback *at = loopback_of(stream);
    at->is_closed = true;
    rl_loop_wake_turn(at->loop);
    tell_peer(at);
}

static size_t peer_address(rl_stream *stream, char *out, size_t cap) {
    static const char address[] = "127.0.0.1";
    (void)stream;
    if (cap < sizeof address)
        return 0;
    memcpy(out, address, sizeof address);
    return sizeof address - 1;
}

static const rl_stream_ops LOOPBACK_OPS = {
    .read = read_on,
    .try_write = try_write,
    .write = write_all,
    .shutdown = shut,
    .close = close_stream,
    .queued = queued,
    .peer = peer_address,
};

/* ---- telling the owner ----------------------------------------------------- */

static void tell_read(rl_loopback *at) {
    rl_slice live = rl_buf_live(&at->inbound);
    rl_slice piece = rl_slice_of(live.ptr, live.len < PIECE_LEN ? live.len : PIECE_LEN);
    at->is_telling = true;
    at->stream.events->read(at->stream.owner, piece);
    at->is_telling = false;
    rl_buf_consume(&at->inbound, piece.len);
}

static void tell_closed(rl_loopback *at) {
    rl_loop_remove_turn(at->loop, &at->turn);
    at->is_over = true;
    if (at->stream.events != NULL)
        at->stream.events->closed(at->stream.owner);
    if (at->peer_has_gone)
        free_loopback(at);
}

/* One event a turn: each may bring the owner to any other state. */
static bool tell_owner(rl_turn *turn) {
    rl_loopback *at = RL_CONTAINER(turn, rl_loopback, turn);
    if (at->is_closed) {
        tell_closed(at);
        return false;
    }
    if (at->stream.events == NULL)
        return false; /* nobody owns it yet */
    if (at->is_written) {
        at->is_written = false;
        at->stream.events->written(at->stream.owner, RL_OK);
        return true;
    }
    if (at->is_reading && rl_buf_len(&at->inbound) > 0) {
        tell_read(at);
        return true;
    }
    if (at->is_reading && at->peer_has_gone && !at->end_is_told) {
        at->end_is_told = true;
        at->stream.events->ended(at->stream.owner, RL_EOF);
        return true;
    }
    return false;
}

/* ---- the peer's side -------------------------------------------------------- */

rl_err rl_loopback_open(rl_loop *loop, size_t ceiling, void (*news)(void *peer), void *peer, rl_loopback **out) {
    rl_loopback *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    at->stream.ops = &LOOPBACK_OPS;
    at->loop = loop;
    at->news = news;
    at->peer = peer;
    rl_buf_init(&at->inbound, ceiling);
    rl_buf_init(&at->outbound, ceiling);
    at->turn.run = tell_owner;
    rl_loop_add_turn(loop, &at->turn);
    *out = at;
    return RL_OK;
}

rl_stream *rl_loopback_stream(rl_loopback *loopback) {
    return &loopback->stream;
}

void *rl_loopback_peer(const rl_stream *stream) {
    return loopback_of(stream)->peer;
}

rl_err rl_loopback_send(rl_loopback *loopback, rl_slice bytes) {
    assert(!loopback->is_telling && !loopback->peer_has_gone);
    if (loopback->is_closed)
        return RL_ECLOSED;
    rl_err err = rl_buf_append(&loopback->inbound, bytes);
    if (err == RL_OK)
        rl_loop_wake_turn(loopback->loop);
    return err;
}

rl_slice rl_loopback_got(const rl_loopback *loopback) {
    return rl_buf_live(&loopback->outbound);
}

void rl_loopback_drop(rl_loopback *loopback, size_t len) {
    rl_buf_consume(&loopback->outbound, len);
}

bool rl_loopback_has_ended(const rl_loopback *loopback) {
    return loopback->is_shut || loopback->is_closed;
}

void rl_loopback_close(rl_loopback *loopback) {
    loopback->peer_has_gone = true;
    loopback->news = NULL;
    loopback->peer = NULL;
    if (loopback->is_over)
        free_loopback(loopback);
    else
        rl_loop_wake_turn(loopback->loop);
}
