#include "http/conn.h"

#include <assert.h>

#include "base/mem.h"

static void on_read(void *owner, rl_slice bytes);
static void on_ended(void *owner, rl_err why);
static void on_closed(void *owner);
static void on_timer(rl_timer *timer);

static const rl_stream_events STREAM_EVENTS = {
    .read = on_read, .ended = on_ended, .written = rl_conn_on_written, .closed = on_closed};

/* ---- birth and death --------------------------------------------------- */

void rl_conn_open(rl_server *server, rl_stream *stream, rl_door door) {
    rl_conn *conn = rl_mem_zalloc(1, sizeof *conn);
    if (conn == NULL) {
        rl_stream_close(stream);
        return;
    }
    conn->server = server;
    conn->stream = stream;
    conn->door = door;
    server->open[door]++;
    rl_timer_init(&conn->timer, on_timer);
    rl_list_init(&conn->requests);
    rl_list_init(&conn->flush_link);
    rl_list_push_back(&server->conns, &conn->link);
    server->stats.connections++;
    atomic_fetch_add_explicit(server->limits->connections, 1, memory_order_relaxed);
    conn->idle_ms = rl_loop_now_ms(server->loop);
    rl_stream_own(stream, &STREAM_EVENTS, conn);
    rl_stream_resume(stream);
    rl_conn_settle(conn);
}

static void on_closed(void *owner) {
    rl_conn *conn = owner;
    rl_server_give_input(conn->server, conn->input);
    if (conn->out != NULL)
        rl_server_give_buf(conn->server, conn->out);
    if (conn->sending != NULL)
        rl_server_give_buf(conn->server, conn->sending);
    rl_list_remove(&conn->flush_link);
    rl_list_remove(&conn->link);
    conn->server->open[conn->door]--;
    conn->server->stats.connections--;
    atomic_fetch_sub_explicit(conn->server->limits->connections, 1, memory_order_relaxed);
    rl_mem_free(conn);
}

/* The request's client is gone. Its handler hears of it, and may end it at once. */
static void orphan(rl_server *server, rl_request *request) {
    bool lacks_body = !request->body.has_ended;
    request->conn = NULL;
    request->is_answered = true; /* nothing written from now on can arrive */
    if (lacks_body && request->body.failed == 0)
        request->body.failed = 400;
    if (!request->is_dispatched) {
        rl_request_drop(request);
        return;
    }
    if (rl_request_settle(request))
        return;
    (void)rl_request_keep(request); /* without memory it is over for whoever looks for it */
    int status = rl_body_keep(&request->body);
    if (status != 0)
        request->body.failed = status;
    uint32_t slot = request->slot, epoch = request->epoch;
    if (lacks_body && !request->is_told)
        request->tenant->handler->body(request->tenant->owner, request);
    if (rl_server_request(server, slot, epoch) != request || request->is_told)
        return;
    request->is_told = true;
    request->tenant->handler->gone(request->tenant->owner, request);
}

/* From here on the requests have no connection, and it has none. */
static void orphan_requests(rl_conn *conn) {
    rl_request *half = conn->reading;
    conn->reading = NULL;
    if (half != NULL && !half->has_head)
        rl_request_drop(half); /* any other one is in the list */
    for (rl_list *link; (link = rl_list_pop_front(&conn->requests)) != NULL;) {
        conn->live--;
        orphan(conn->server, RL_CONTAINER(link, rl_request, link));
    }
}

static void end(rl_conn *conn, bool reset) {
    if (conn->is_dead)
        return;
    conn->is_dead = true;
    rl_timer_stop(conn->server->loop, &conn->timer);
    orphan_requests(conn);
    if (reset)
        rl_stream_reset(conn->stream);
    else
        rl_stream_close(conn->stream);
}

void rl_conn_abort(rl_conn *conn) {
    end(conn, true);
}

void rl_conn_close(rl_conn *conn) {
    conn->is_closing = true;
    rl_conn_settle(conn);
}

bool rl_conn_is_idle(const rl_conn *conn) {
    return rl_list_is_empty(&conn->requests) && conn->out == NULL && conn->sending == NULL &&
           (conn->reading == NULL || !rl_parser_has_begun(&conn->input->parser));
}

static void on_read(void *owner, rl_slice bytes) {
    rl_conn *conn = owner;
    if (!conn->is_lingering) {
        rl_conn_take(conn, bytes);
        rl_conn_settle(conn);
        return;
    }
    conn->progress_ms = rl_loop_now_ms(conn->server->loop);
}

/* ---- the next step ----------------------------------------------------- */

void rl_conn_advance(rl_conn *conn) {
    if (conn->is_dead)
        return;
    while (!rl_list_is_empty(&conn->requests)) {
        rl_request *first = RL_CONTAINER(conn->requests.next, rl_request, link);
        rl_conn_release_held(conn, first);
        if (conn->is_dead)
            return;
        if (!first->is_answered)
            break;
        /* A body nobody read: worth reading on for, if it is short. */
        if (!rl_request_settle(first)) {
            if (conn->reading == first && conn->is_closing && first->is_released)
                conn->reading = NULL;
            else
                break;
            first->body.failed = first->body.failed != 0 ? first->body.failed : 413;
            if (!rl_request_settle(first))
                break;
        }
    }
    rl_conn_go_on(conn);
    if (!conn->is_dead)
        rl_conn_flush_later(conn);
}

/* Our side is done: say so, and let the peer read what is under way before
 * the socket closes. A close with unread bytes in it would reset the
 * connection and take our last answer from the peer (RFC 9112, 9.6). */
static void linger(rl_conn *conn) {
    conn->is_lingering = true;
    conn->ended_ms = conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    if (conn->input != NULL)
        rl_buf_clear(&conn->input->held);
    if (conn->reading != NULL) {
        rl_request_drop(conn->reading);
        conn->reading = NULL;
    }
    rl_stream_shutdown(conn->stream);
    rl_stream_resume(conn->stream);
}

/* Whether it is the client that lets us wait: not before it was asked to send,
 * nor while the disk cannot take what it has sent. */
static bool is_body_awaited(const rl_request *request) {
    return !request->head.expect_continue && !rl_body_is_full(&request->body);
}

/* The moment after which `on_timer` has something to do; UINT64_MAX: none. */
static uint64_t deadline(const rl_conn *conn) {
    const rl_server_limits *limits = conn->server->limits;
    if (conn->sending != NULL)
        return conn->progress_ms + limits->write_timeout_ms;
    if (conn->is_lingering) {
        uint64_t silent_ms = conn->progress_ms + RL_CONN_LINGER_MS, most_ms = conn->ended_ms + RL_CONN_LINGER_MOST_MS;
        return silent_ms < most_ms ? silent_ms : most_ms;
    }
    if (conn->peer_ended)
        return conn->ended_ms + limits->half_close_grace_ms;
    if (conn->reading != NULL && conn->reading->has_head)
        return is_body_awaited(conn->reading) ? conn->progress_ms + limits->body_timeout_ms : UINT64_MAX;
    if (conn->reading != NULL && rl_parser_has_begun(&conn->input->parser))
        return conn->head_ms + limits->header_timeout_ms;
    if (!rl_list_is_empty(&conn->requests))
        return UINT64_MAX; /* the request has a deadline of its own */
    return conn->idle_ms + limits->keepalive_timeout_ms;
}

static void arm(rl_conn *conn) {
    uint64_t due_ms = deadline(conn);
    if (due_ms == UINT64_MAX || (rl_timer_is_running(&conn->timer) && conn->timer.due_ms <= due_ms))
        return; /* one that fires early looks again */
    uint64_t now_ms = rl_loop_now_ms(conn->server->loop);
    rl_timer_start(conn->server->loop, &conn->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* The peer ended its side in the middle of a message. */
static void input_is_over(rl_conn *conn) {
    if (conn->reading->has_head) {
        rl_conn_refuse(conn, 400, "the body ended before its length was reached");
        return;
    }
    rl_request_drop(conn->reading);
    conn->reading = NULL;
    conn->is_closing = true;
}

/* Everything is answered, and no request has begun. */
static void rest(rl_conn *conn) {
    conn->idle_ms = rl_loop_now_ms(conn->server->loop);
    if (rl_conn_held_len(conn) > 0)
        return;
    rl_server_give_input(conn->server, conn->input);
    conn->input = NULL;
}

/* After every event: send, read or not, close or not, and for how long. */
void rl_conn_settle(rl_conn *conn) {
    if (conn->is_dead)
        return;
    rl_conn_flush(conn);
    if (!conn->is_dead)
        rl_conn_go_on(conn); /* what waited for the socket to take more */
    if (conn->is_dead)
        return;
    if (conn->peer_ended && conn->reading != NULL && rl_conn_held_len(conn) == 0)
        input_is_over(conn);
    bool is_quiet = rl_list_is_empty(&conn->requests) && conn->out == NULL && conn->sending == NULL;
    if (is_quiet && !conn->is_lingering) {
        if (conn->reading == NULL)
            rest(conn);
        if (conn->peer_ended && (rl_conn_held_len(conn) == 0 || conn->is_closing)) {
            end(conn, false);
            return;
        }
        if (conn->is_closing)
            linger(conn);
    }
    if (!conn->is_lingering && !conn->peer_ended) {
        if (rl_conn_held_len(conn) >= RL_CONN_HELD_MOST)
            rl_stream_pause(conn->stream);
        else
            rl_stream_resume(conn->stream);
    }
    arm(conn);
}

/* ---- ends -------------------------------------------------------------- */

/* The first request whose handler has yet to hear that the client has left. */
static rl_request *next_to_tell(const rl_conn *conn) {
    for (const rl_list *at = conn->requests.next; at != &conn->requests; at = at->next) {
        rl_request *request = RL_CONTAINER(at, rl_request, link);
        if (request->is_dispatched && !request->is_released && !request->is_told)
            return request;
    }
    return NULL;
}

/* The client has left: requests nobody waits for any more may stop. A handler
 * that stops at once ends its request, and with it others of the list. */
static void tell_gone(rl_conn *conn) {
    rl_request *request;
    while (!conn->is_dead && (request = next_to_tell(conn)) != NULL) {
        request->is_told = true;
        request->tenant->handler->gone(request->tenant->owner, request);
    }
}

static void on_ended(void *owner, rl_err why) {
    rl_conn *conn = owner;
    if (why != RL_EOF || conn->is_lingering) {
        end(conn, false);
        return;
    }
    conn->peer_ended = true;
    conn->ended_ms = rl_loop_now_ms(conn->server->loop);
    rl_conn_settle(conn);
}

/* One byte now and then is progress, but would hold the request for days. */
static bool body_is_too_slow(const rl_conn *conn) {
    if (conn->reading == NULL || !conn->reading->has_head || !is_body_awaited(conn->reading))
        return false;
    const rl_server_limits *limits = conn->server->limits;
    uint64_t took_ms = rl_loop_now_ms(conn->server->loop) - conn->head_ms;
    return took_ms >= limits->body_timeout_ms && conn->reading->body.len * 1000 < limits->body_min_rate * took_ms;
}

static void on_timer(rl_timer *timer) {
    rl_conn *conn = RL_CONTAINER(timer, rl_conn, timer);
    if (rl_loop_now_ms(conn->server->loop) < deadline(conn)) {
        if (body_is_too_slow(conn))
            rl_conn_refuse(conn, 408, "the body comes too slowly");
        arm(conn); /* nothing happened: to settle would begin the idle time anew */
        return;
    }
    if (conn->sending != NULL) {
        if (!rl_conn_made_progress(conn))
            rl_conn_abort(conn);
    } else if (conn->is_lingering) {
        end(conn, false);
    } else if (conn->peer_ended) {
        conn->ended_ms = UINT64_MAX / 2; /* told once */
        tell_gone(conn);
    } else if (conn->reading != NULL && conn->reading->has_head) {
        rl_conn_refuse(conn, 408, "the body did not come in time");
    } else if (conn->reading != NULL && rl_parser_has_begun(&conn->input->parser)) {
        rl_conn_refuse(conn, 408, "the request's head did not come in time");
    } else {
        end(conn, false);
    }
    if (!conn->is_dead)
        rl_conn_settle(conn);
}
