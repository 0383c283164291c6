/* server -- one worker's HTTP: its connections, its requests, its limits.
 *
 *   listener --> rl_server_accept --> connections --> requests --> handler
 *
 * The handler is given at birth and called up; nothing here knows of Lua. Who is
 * behind it may change (a new generation of an app): a request stays with whom it was
 * given to. */
#ifndef RL_HTTP_SERVER_H
#define RL_HTTP_SERVER_H

#include "base/journal.h"
#include "base/log.h"
#include "http/parser.h"
#include "http/request.h"
#include "loop/loop.h"
#include "loop/stream.h"

typedef struct rl_server_limits {
    rl_parser_limits parser;
    size_t max_body_memory; /* bytes of one body before it is spooled */
    uint64_t header_timeout_ms, body_timeout_ms, write_timeout_ms, keepalive_timeout_ms, half_close_grace_ms;
    uint64_t body_min_rate;   /* bytes a second, after the first body_timeout */
    uint64_t max_connections; /* of all servers that share `connections`; beyond: 503 */
    _Atomic uint64_t *connections;
    uint64_t max_requests;    /* dispatched at once; beyond: 503 */
    uint64_t pipeline;        /* live requests of one connection; beyond: it is not read */
} rl_server_limits;

/* How requests go up. All calls are made on the loop's thread. */
typedef struct rl_handler {
    /* The head is whole; the body is done or still coming. The handler answers
     * and releases, now or later. */
    void (*request)(void *owner, rl_request *request);
    /* The request cannot be served: its head or body broke the rules. True when the
     * handler answers and releases it; false has the plain answer sent. May be NULL. */
    bool (*refused)(void *owner, rl_request *request, int status, const char *code, const char *message);
    /* The body is done, or failed: body.failed. */
    void (*body)(void *owner, rl_request *request);
    /* rl_request_has_room is true again. */
    void (*drained)(void *owner, rl_request *request);
    /* The requests of one read ran until they waited or were answered; nothing
     * else on the loop did meanwhile. To a few milliseconds. */
    void (*ran)(void *owner, uint64_t took_ns);
    /* It gets no more requests, since the server stops or another one takes its place: what it has without an end of
     * its own (a stream of events) had better end. May come twice. May be NULL. */
    void (*leaving)(void *owner);
    /* The client has gone. Answers are dropped; release is still due. */
    void (*gone)(void *owner, rl_request *request);
} rl_handler;

/* Whose requests they are. */
typedef struct rl_tenant {
    const rl_handler *handler;
    void *owner;
    uint64_t live; /* requests that it was given, and that are not over */
} rl_tenant;

typedef struct rl_server_stats {
    uint64_t connections, accepted, refused, requests;
} rl_server_stats;

/* `limits` and `budget` are borrowed for the server's life, `tenant` until another one took
 * its place and none of its requests is live. `log` may be NULL; `access_log` says whether
 * each request gets a line. */
RL_MUST_USE rl_err rl_server_new(rl_loop *loop, const rl_server_limits *limits, rl_body_budget *budget,
                                 rl_tenant *tenant, rl_log *log, bool access_log, rl_server **out);
/* Keep a journal of its requests from now on, as those of that worker; NULL: none. It outlives the server. */
void rl_server_set_journal(rl_server *server, rl_journal *journal, uint32_t worker);
/* Requests that come from now on are `tenant`'s. */
void rl_server_switch(rl_server *server, rl_tenant *tenant);
/* All connections must have ended (rl_server_is_idle). */
void rl_server_free(rl_server *server);

/* An rl_accept_fn: `owner` is the server. */
void rl_server_accept(void *owner, rl_stream *stream);
/* The same, of those who run the server: past max_connections, but there are never many. */
void rl_server_accept_admin(void *owner, rl_stream *stream);

/* From now on every answer ends its connection. */
void rl_server_drain(rl_server *server);
/* Close the connections on which nothing happens. */
void rl_server_close_idle(rl_server *server);
/* Break every connection, its requests' clients are gone. */
void rl_server_abort(rl_server *server);
/* Neither a connection nor a request is left. */
bool rl_server_is_idle(const rl_server *server);
/* Requests that were dispatched and are not over. */
uint64_t rl_server_live(const rl_server *server);
rl_server_stats rl_server_read_stats(const rl_server *server);

/* The live request in `slot`, or NULL when its epoch has passed. */
rl_request *rl_server_request(const rl_server *server, uint32_t slot, uint32_t epoch);

#endif
