/* wire -- a server with one fake client: what it sends, what it gets, when it
 * reads, and a handler that answers as the path says.
 *
 *     /now...    at once, the path as the body
 *     /echo...   when the body has come, with it
 *     others     when the test says so: answer(w, i, "text")
 *
 * Bytes are fed from a block that is freed behind the event, so that the
 * address sanitizer sees what is borrowed for too long. Like libuv, the fake
 * stream reports `written` and `closed` only from its own turn. The clock is
 * frozen: time passes when the test says so. */
#ifndef RL_SPEC_HTTP_WIRE_H
#define RL_SPEC_HTTP_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/conn.h"
#include "http/whole.h"
#include "loop/clock.h"
#include "mem.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, len, body) "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " #len "\r\n\r\n" body

enum { WIRE_SEEN = 64 };

typedef struct wire wire;

/* A request as the handler saw it. */
typedef struct seen {
    rl_request *request;
    uint32_t slot, epoch;
    char path[64];
    bool is_released, is_gone;
    int bodies, drained; /* how often it was told */
} seen;

struct wire {
    rl_stream stream;
    rl_loop *loop;
    rl_server *server;
    rl_server_limits limits;
    rl_body_budget budget;
    _Atomic uint64_t connections;
    rl_log *log;
    rl_tenant own;     /* the handler below */
    rl_tenant *tenant; /* that one, unless the test has its own */
    seen seen[WIRE_SEEN];
    size_t count; /* of requests seen */
    char *out;    /* what the client has got, NUL-terminated */
    size_t out_len, out_cap;
    size_t takes; /* bytes that try_write still takes */
    rl_slice writing;
    bool breaks_writes, is_reading, is_open, is_closing, was_reset, is_shut;
    bool is_ended;       /* the client's side */
    bool ends_when_gone; /* the handler releases a request as soon as its client has left */
};

/* ---- the stream ---------------------------------------------------------- */

static inline wire *wire_of(const rl_stream *stream) {
    return RL_CONTAINER((uintptr_t)stream, wire, stream);
}

static inline void wire_get(wire *w, rl_slice bytes) {
    if (w->out_len + bytes.len + 1 > w->out_cap) {
        w->out_cap = 2 * (w->out_len + bytes.len + 1);
        w->out = realloc(w->out, w->out_cap);
        assert_non_null(w->out);
    }
    memcpy(w->out + w->out_len, bytes.ptr, bytes.len);
    w->out_len += bytes.len;
    w->out[w->out_len] = '\0';
}

static inline void wire_read(rl_stream *stream, bool on) {
    assert_false(wire_of(stream)->is_closing);
    wire_of(stream)->is_reading = on;
}

static inline rl_err wire_try_write(rl_stream *stream, rl_slice bytes, size_t *written) {
    wire *w = wire_of(stream);
    assert_true(!w->is_closing && !w->is_shut && w->writing.len == 0);
    if (w->breaks_writes)
        return RL_ERESET;
    *written = bytes.len < w->takes ? bytes.len : w->takes;
    wire_get(w, rl_slice_of(bytes.ptr, *written));
    w->takes -= w->takes == SIZE_MAX ? 0 : *written;
    return RL_OK;
}

static inline rl_err wire_write(rl_stream *stream, rl_slice bytes) {
    wire *w = wire_of(stream);
    assert_true(!w->is_closing && !w->is_shut && w->writing.len == 0 && bytes.len > 0);
    w->writing = bytes;
    return RL_OK;
}

static inline void wire_shutdown(rl_stream *stream) {
    wire *w = wire_of(stream);
    assert_true(w->writing.len == 0);
    w->is_shut = true;
}

static inline void wire_close(rl_stream *stream, bool reset) {
    wire *w = wire_of(stream);
    assert_false(w->is_closing);
    w->is_closing = true;
    w->was_reset = reset;
}

static inline size_t wire_queued(const rl_stream *stream) {
    return wire_of(stream)->writing.len;
}

static inline size_t wire_peer(rl_stream *stream, char *out, size_t cap) {
    (void)stream;
    return (size_t)snprintf(out, cap, "192.0.2.1");
}

static const rl_stream_ops WIRE_OPS = {.read = wire_read,
                                       .try_write = wire_try_write,
                                       .write = wire_write,
                                       .shutdown = wire_shutdown,
                                       .close = wire_close,
                                       .queued = wire_queued,
                                       .peer = wire_peer};

/* ---- the handler ----------------------------------------------------------- */

static inline bool seen_is_live(const wire *w, const seen *one) {
    return rl_server_request(w->server, one->slot, one->epoch) == one->request;
}

static inline seen *seen_of(wire *w, const rl_request *request) {
    for (size_t i = 0; i < w->count; i++)
        if (w->seen[i].request == request && w->seen[i].epoch == request->epoch)
            return &w->seen[i];
    return NULL;
}

static inline void release(wire *w, size_t i) {
    w->seen[i].is_released = true;
    rl_request_release(w->seen[i].request);
}

static inline void answer_with(wire *w, size_t i, rl_answer how) {
    (void)rl_request_answer(w->seen[i].request, &how);
    release(w, i);
}

static inline void answer(wire *w, size_t i, const char *text) {
    answer_with(w, i, (rl_answer){.status = 200, .type = RL_LIT("text/plain"), .body = rl_slice_str(text)});
}

static inline void echo(wire *w, seen *one) {
    rl_body *body = &one->request->body;
    if (body->failed != 0) {
        (void)rl_request_fail(one->request, body->failed, "body", "the body failed");
        release(w, (size_t)(one - w->seen));
        return;
    }
    char *copy = whole(body);
    answer(w, (size_t)(one - w->seen), copy);
    free(copy);
}

static inline void wire_on_request(void *owner, rl_request *request) {
    wire *w = owner;
    assert_true(w->count < WIRE_SEEN);
    seen *one = &w->seen[w->count++];
    *one = (seen){.request = request, .slot = request->slot, .epoch = request->epoch};
    rl_slice path = rl_head_path(&request->head);
    snprintf(one->path, sizeof one->path, "%.*s", (int)path.len, path.ptr == NULL ? "" : path.ptr);
    if (strncmp(one->path, "/now", 4) == 0) {
        answer(w, w->count - 1, one->path);
    } else if (strncmp(one->path, "/echo", 5) == 0) {
        rl_request_want_body(request);
        if (rl_body_is_whole(&request->body))
            echo(w, one);
    }
}

static inline void wire_on_body(void *owner, rl_request *request) {
    seen *one = seen_of(owner, request);
    if (one == NULL)
        return;
    one->bodies++;
    if (strncmp(one->path, "/echo", 5) == 0)
        echo(owner, one);
}

static inline void wire_on_drained(void *owner, rl_request *request) {
    seen *one = seen_of(owner, request);
    assert_non_null(one);
    assert_true(rl_request_has_room(request));
    one->drained++;
}

static inline void wire_on_ran(void *owner, uint64_t took_ns) {
    (void)owner;
    (void)took_ns;
}

static inline void wire_on_gone(void *owner, rl_request *request) {
    wire *w = owner;
    seen *one = seen_of(w, request);
    if (one == NULL)
        return; /* its head was lost for want of memory */
    assert_false(one->is_released || one->is_gone);
    one->is_gone = true;
    if (w->ends_when_gone)
        release(w, (size_t)(one - w->seen));
}

static const rl_handler WIRE_HANDLER = {.request = wire_on_request,
                                        .body = wire_on_body,
                                        .drained = wire_on_drained,
                                        .ran = wire_on_ran,
                                        .gone = wire_on_gone};

/* ---- the client --------------------------------------------------------- */

/* With limits that the test may change before `wire_open`. */
static inline wire *wire_new(void) {
    wire *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->stream.ops = &WIRE_OPS;
    w->own = (rl_tenant){.handler = &WIRE_HANDLER, .owner = w};
    w->tenant = &w->own;
    w->takes = SIZE_MAX;
    w->budget.ceiling = 64 << 20;
    w->limits = (rl_server_limits){.parser = RL_PARSER_LIMITS_DEFAULT,
                                   .max_body_memory = 1 << 20,
                                   .header_timeout_ms = 10000,
                                   .body_timeout_ms = 10000,
                                   .write_timeout_ms = 10000,
                                   .keepalive_timeout_ms = 75000,
                                   .half_close_grace_ms = 1000,
                                   .max_connections = 10,
                                   .connections = &w->connections,
                                   .max_requests = 100,
                                   .pipeline = 16};
    return w;
}

/* False when memory ran out. */
static inline bool wire_open(wire *w) {
    if (w->loop == NULL) {
        if (rl_loop_new(&w->loop) != RL_OK)
            return false;
        rl_loop_freeze(w->loop, RL_FREEZE_STANDS);
    }
    if (w->server == NULL && rl_server_new(w->loop, &w->limits, &w->budget, w->tenant, w->log,
                                           w->log != NULL, &w->server) != RL_OK)
        return false;
    w->is_open = true;
    w->is_closing = w->is_ended = w->is_shut = w->was_reset = w->is_reading = false;
    w->stream.events = NULL;
    rl_server_accept(w->server, &w->stream);
    return !w->is_closing;
}

static inline wire *wire_opened(void) {
    wire *w = wire_new();
    assert_true(wire_open(w));
    return w;
}

/* The stream's own turn: its end, if it was closed. */
static inline void wire_end_stream(wire *w) {
    if (!w->is_open || !w->is_closing)
        return;
    if (w->writing.len > 0) {
        w->writing.len = 0;
        w->stream.events->written(w->stream.owner, RL_ECANCELLED);
    }
    w->is_open = false;
    if (w->stream.events != NULL)
        w->stream.events->closed(w->stream.owner);
}

static inline void turn(wire *w) {
    rl_loop_turn(w->loop, false);
    wire_end_stream(w);
}

static inline void feed_bytes(wire *w, const char *bytes, size_t len) {
    if (!w->is_open || w->is_closing || !w->is_reading)
        return;
    char *block = malloc(len);
    assert_non_null(block);
    memcpy(block, bytes, len);
    w->stream.events->read(w->stream.owner, rl_slice_of(block, len));
    memset(block, '#', len);
    free(block);
}

static inline void feed(wire *w, const char *text) {
    feed_bytes(w, text, strlen(text));
    turn(w);
}

static inline void end_input(wire *w, rl_err why) {
    if (!w->is_open || w->is_closing || w->is_ended)
        return;
    w->is_ended = true;
    w->stream.events->ended(w->stream.owner, why);
    turn(w);
}

/* The client reads `len` bytes of what is being written. */
static inline void wire_drain(wire *w, size_t len) {
    if (len > w->writing.len)
        len = w->writing.len;
    if (len > 0)
        wire_get(w, rl_slice_of(w->writing.ptr, len));
    w->writing = rl_slice_of(w->writing.ptr + len, w->writing.len - len);
    if (len > 0 && w->writing.len == 0)
        w->stream.events->written(w->stream.owner, RL_OK);
    turn(w);
}

/* Let `ms` pass. */
static inline void pass(wire *w, uint64_t ms) {
    rl_loop_advance(w->loop, ms);
    wire_end_stream(w);
    turn(w);
}

/* The client has looked at what it got. */
static inline void forget(wire *w) {
    w->out_len = 0;
    if (w->out != NULL)
        w->out[0] = '\0';
}

static inline bool has(const wire *w, const char *text) {
    return w->out != NULL && strstr(w->out, text) != NULL;
}

/* How often `text` is in what the client has got. */
static inline int times(const wire *w, const char *text) {
    int count = 0;
    for (const char *at = w->out; at != NULL && (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* Whether `a` and then `b` came. */
static inline bool in_order(const wire *w, const char *a, const char *b) {
    const char *at = w->out == NULL ? NULL : strstr(w->out, a);
    return at != NULL && strstr(at, b) != NULL;
}

/* Break the connection and end all requests; the server goes. */
static inline void wire_close_server(wire *w) {
    if (w->server == NULL)
        return;
    rl_server_abort(w->server);
    wire_end_stream(w);
    for (size_t i = 0; i < w->count; i++)
        if (!w->seen[i].is_released)
            release(w, i);
    turn(w);
    assert_true(rl_server_is_idle(w->server));
    assert_int_equal(w->budget.used, 0);
    assert_int_equal(w->connections, 0);
    rl_server_free(w->server);
    w->server = NULL;
}

static inline void wire_free(wire *w) {
    wire_close_server(w);
    if (w->loop != NULL)
        rl_loop_free(w->loop);
    free(w->out);
    free(w);
}

#endif
