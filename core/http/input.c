/* input -- the reading half of a connection: what comes in, and when it may run. */
#include "http/conn.h"

/* ---- refusing ---------------------------------------------------------- */

static const char *code_of(int status) {
    switch (status) {
    case 408: return "timeout";
    case 413: return "too_large";
    case 414: return "uri_too_long";
    case 417: return "expectation_failed";
    case 431: return "headers_too_large";
    case 500: return "internal";
    case 501: return "not_implemented";
    case 503: return "overloaded";
    case 505: return "version_not_supported";
    case 507: return "insufficient_storage";
    default: return "bad_request";
    }
}

void rl_conn_refuse(rl_conn *conn, int status, const char *reason) {
    rl_request *request = conn->reading;
    conn->reading = NULL;
    conn->is_closing = true;
    if (request == NULL)
        return;
    request->body.failed = status;
    if (request->is_dispatched) {
        if (!request->is_released)
            request->tenant->handler->body(request->tenant->owner, request);
        else
            rl_conn_advance(conn);
        return;
    }
    if (!request->has_head) { /* a head that broke: it takes its place in the queue */
        request->has_head = true;
        request->head.keep_alive = false;
        rl_list_push_back(&conn->requests, &request->link);
        conn->live++;
    }
    conn->server->stats.refused++;
    rl_server_give(conn->server, request);
    if (!rl_request_keep(request)) {
        request->is_released = true;
        rl_conn_abort(conn);
        return;
    }
    const rl_tenant *tenant = request->tenant;
    if (tenant->handler->refused != NULL &&
        tenant->handler->refused(tenant->owner, request, status, code_of(status), reason))
        return;
    request->is_released = true;
    rl_request_fail(request, status, code_of(status), reason);
    rl_conn_advance(conn);
}

/* ---- what the parser tells ----------------------------------------------- */

static int on_head(void *owner) {
    rl_conn *conn = owner;
    rl_request *request = conn->reading;
    request->has_head = true;
    request->started_ns = rl_loop_turn_ns(conn->server->loop);
    conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    conn->discarded = 0;
    rl_list_push_back(&conn->requests, &request->link);
    conn->live++;
    if (!request->head.keep_alive)
        conn->is_closing = true; /* nothing behind this one will be read */
    return 0;
}

static int on_body(void *owner, rl_slice bytes) {
    rl_conn *conn = owner;
    rl_request *request = conn->reading;
    conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    request->head.expect_continue = false; /* it did not wait for our word: its body is owed, and timed */
    if (!request->is_answered)
        return rl_body_append(&request->body, bytes);
    conn->discarded += (uint32_t)bytes.len;
    return conn->discarded > RL_CONN_DRAIN_MOST ? 413 : 0;
}

const rl_parser_events rl_conn_parser_events = {.head = on_head, .body = on_body};

/* ---- dispatching --------------------------------------------------------- */

/* A request may run when it is alone, or when it and all that run are safe. */
static bool may_dispatch(const rl_conn *conn, const rl_request *request) {
    if (conn->requests.next == &request->link)
        return true;
    if (!rl_request_is_safe(request))
        return false;
    for (const rl_list *at = conn->requests.next; at != &request->link; at = at->next)
        if (!rl_request_is_safe(RL_CONTAINER(at, rl_request, link)))
            return false;
    return true;
}

static void dispatch(rl_conn *conn, rl_request *request) {
    rl_server *server = conn->server;
    server->stats.requests++;
    rl_server_give(server, request);
    if (server->live <= server->limits->max_requests || request->door == RL_DOOR_ADMIN) {
        server->tenant->handler->request(server->tenant->owner, request);
        return;
    }
    request->is_released = true;
    rl_request_fail(request, 503, "overloaded", "too many requests at once: try again soon");
    rl_conn_advance(conn);
}

/* Dispatch what waits in the queue and may run now. */
static void dispatch_waiting(rl_conn *conn) {
    for (rl_list *at = conn->requests.next; at != &conn->requests; at = at->next) {
        rl_request *request = RL_CONTAINER(at, rl_request, link);
        if (request->is_dispatched)
            continue;
        if (!may_dispatch(conn, request))
            return;
        dispatch(conn, request);
        if (conn->is_dead)
            return;
        at = &conn->requests; /* the list may have changed: start again */
    }
}

/* ---- parsing ------------------------------------------------------------- */

/* Whether a request may be read behind the newest one. One that waits for its
 * turn stands for all behind it, and an answer to HTTP/1.0 may have to end with
 * the connection. */
static bool may_follow(const rl_request *newest) {
    return newest->is_dispatched && newest->head.minor >= 1;
}

/* Bytes of answers that wait for an earlier one. */
static size_t parked(const rl_conn *conn) {
    size_t len = 0;
    for (const rl_list *at = conn->requests.next; at != &conn->requests; at = at->next) {
        const rl_request *request = RL_CONTAINER(at, rl_request, link);
        len += request->held == NULL ? 0 : rl_buf_len(request->held);
    }
    return len;
}

static bool may_parse(const rl_conn *conn) {
    if (conn->is_dead || conn->is_lingering)
        return false;
    if (conn->reading != NULL && conn->reading->has_head)
        return !rl_body_is_full(&conn->reading->body); /* the rest of a body that is being read */
    if (conn->is_closing || conn->live >= conn->server->limits->pipeline)
        return false;
    if (rl_conn_backlog(conn) > RL_CONN_HIGH_WATER || (conn->live > 1 && parked(conn) > RL_CONN_HIGH_WATER))
        return false;
    return rl_list_is_empty(&conn->requests) || may_follow(RL_CONTAINER(conn->requests.prev, rl_request, link));
}

/* NULL without memory. */
static rl_input *input_of(rl_conn *conn) {
    if (conn->input == NULL)
        conn->input = rl_server_take_input(conn->server, conn);
    return conn->input;
}

static bool begin_request(rl_conn *conn) {
    rl_input *input = input_of(conn);
    conn->reading = input == NULL ? NULL : rl_request_acquire(conn->server, conn);
    if (conn->reading == NULL) {
        rl_conn_abort(conn);
        return false;
    }
    conn->reading->door = conn->door;
    conn->head_ms = rl_loop_now_ms(conn->server->loop);
    rl_parser_begin(&input->parser, &conn->reading->head);
    return true;
}

/* What the request borrowed of the bytes read is copied before they go. */
static void keep(rl_conn *conn, rl_request *request) {
    if (!rl_request_keep(request)) {
        rl_conn_abort(conn);
        return;
    }
    int status = rl_body_keep(&request->body);
    if (status != 0 && conn->reading == request)
        rl_conn_refuse(conn, status, "no room to keep the body");
    else if (status != 0)
        request->body.failed = status;
}

/* More of `request` was parsed: hand it up. It may be over afterwards. */
static void hand_up(rl_conn *conn, rl_request *request, rl_parse got) {
    rl_server *server = conn->server;
    uint32_t slot = request->slot, epoch = request->epoch;
    if (got == RL_PARSE_END) {
        request->body.has_ended = true;
        conn->reading = NULL;
    }
    if (!request->has_head)
        return;
    if (!request->is_dispatched && may_dispatch(conn, request))
        dispatch(conn, request);
    else if (got == RL_PARSE_END && request->is_released)
        rl_conn_advance(conn);
    else if (got == RL_PARSE_END && request->is_dispatched && rl_body_is_whole(&request->body))
        request->tenant->handler->body(request->tenant->owner, request);
    if (rl_server_request(server, slot, epoch) == request && !conn->is_dead)
        keep(conn, request);
}

/* Parse as much of `bytes` as may be; returns what is left. */
static rl_slice parse(rl_conn *conn, rl_slice bytes) {
    rl_server *server = conn->server;
    uint64_t began_ns = rl_clock_coarse_ns();
    conn->is_parsing = true;
    while (bytes.len > 0 && may_parse(conn)) {
        if (conn->reading == NULL && !begin_request(conn))
            break;
        size_t used;
        rl_parser *parser = &conn->input->parser;
        rl_parse got = rl_parser_execute(parser, bytes, &used);
        bytes = rl_slice_of(bytes.ptr + used, bytes.len - used);
        if (got == RL_PARSE_REFUSED)
            rl_conn_refuse(conn, parser->status, parser->reason);
        else
            hand_up(conn, conn->reading, got);
    }
    conn->is_parsing = false;
    server->tenant->handler->ran(server->tenant->owner, rl_clock_coarse_ns() - began_ns);
    return bytes;
}

static void parse_held(rl_conn *conn) {
    if (rl_conn_held_len(conn) == 0 || !may_parse(conn))
        return;
    rl_buf *buf = &conn->input->held; /* which stays while there is something in it */
    rl_slice held = rl_buf_live(buf);
    rl_slice rest = parse(conn, held);
    if (conn->is_dead)
        return;
    rl_buf_consume(buf, held.len - rest.len);
    if (rl_buf_len(buf) == 0)
        rl_buf_clear(buf);
}

void rl_conn_go_on(rl_conn *conn) {
    if (conn->is_parsing)
        return; /* it asks again when it has parsed */
    dispatch_waiting(conn);
    parse_held(conn);
}

/* The body's last byte had come before. */
static void end_late(rl_request *request, int status) {
    request->body.failed = status;
    if (request->is_dispatched && !request->is_released && (status != 0 || rl_body_is_whole(&request->body)))
        request->tenant->handler->body(request->tenant->owner, request);
}

void rl_conn_on_body_moved(rl_body *body, int status) {
    rl_request *request = RL_CONTAINER(body, rl_request, body);
    rl_conn *conn = request->conn;
    if (body->failed != 0)
        return; /* it was given up while the disk was at it */
    if (body->has_ended)
        end_late(request, status);
    else if (status != 0)
        rl_conn_refuse(conn, status, "the body could not be written to disk");
    else
        conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    if (conn != NULL)
        rl_conn_settle(conn);
}

void rl_conn_take(rl_conn *conn, rl_slice bytes) {
    rl_slice rest = rl_conn_held_len(conn) > 0 ? bytes : parse(conn, bytes);
    if (rest.len == 0 || conn->is_closing || conn->is_dead)
        return;
    rl_input *input = input_of(conn);
    if (input == NULL || rl_buf_append(&input->held, rest) != RL_OK)
        rl_conn_abort(conn);
}
