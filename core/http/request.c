#include "http/request.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/conn.h"
#include "http/lines.h"
#include "http/request_id.h"
#include "http/status.h"

enum {
    ARENA_MOST = 64 * 1024,   /* what a request keeps beside its head */
    FIELDS_MOST = 64 * 1024   /* response header lines */
};

/* ---- the pool ----------------------------------------------------------- */

static bool grow_slots(rl_server *server) {
    uint32_t cap = server->slot_cap == 0 ? 64 : server->slot_cap * 2;
    rl_request **slots = rl_mem_realloc(server->slots, cap * sizeof *slots);
    if (slots == NULL)
        return false;
    server->slots = slots;
    server->slot_cap = cap;
    return true;
}

static rl_request *make(rl_server *server) {
    if (server->slot_count == server->slot_cap && !grow_slots(server))
        return NULL;
    uint32_t field_cap = server->limits->parser.max_header_count;
    rl_request *request = rl_mem_zalloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->head.fields = rl_mem_alloc(field_cap * sizeof(rl_field));
    if (request->head.fields == NULL) {
        rl_mem_free(request);
        return NULL;
    }
    request->head.field_cap = field_cap;
    request->server = server;
    request->slot = server->slot_count;
    request->epoch = 1;
    rl_list_init(&request->link);
    const rl_parser_limits *head = &server->limits->parser;
    rl_arena_init(&request->arena, head->max_request_line + head->max_headers + ARENA_MOST);
    rl_buf_init(&request->fields, FIELDS_MOST);
    rl_body_init(&request->body, &server->bodies);
    server->slots[server->slot_count++] = request;
    return request;
}

rl_request *rl_request_acquire(rl_server *server, rl_conn *conn) {
    rl_request *request = server->free_requests;
    if (request != NULL)
        server->free_requests = request->next_free;
    else if ((request = make(server)) == NULL)
        return NULL;
    request->conn = conn;
    request->number = ++server->last_number;
    return request;
}

static void recycle(rl_request *request) {
    rl_server *server = request->server;
    rl_list_remove(&request->link);
    if (request->held != NULL)
        rl_server_give_buf(server, request->held);
    rl_arena_clear(&request->arena);
    rl_buf_clear(&request->fields);
    rl_body_clear(&request->body);
    request->epoch++;
    request->conn = NULL;
    request->held = NULL;
    request->handling = NULL;
    request->route = NULL;
    request->given_id = (rl_slice){NULL, 0};
    request->sent = request->started_ns = 0;
    request->status = 0;
    request->match.count = 0;
    request->has_head = request->is_kept = request->is_dispatched = request->is_full = false;
    request->is_released = request->is_answered = request->is_chunking = request->is_counted = false;
    request->is_told = request->finish_on_disconnect = request->is_quiet = false;
    request->next_free = server->free_requests;
    server->free_requests = request;
}

bool rl_request_settle(rl_request *request) {
    bool input_over = request->body.has_ended || request->body.failed != 0 || request->conn == NULL;
    if (!request->is_answered || !request->is_released || !input_over)
        return false;
    if (request->conn != NULL) {
        request->conn->live--;
        if (request->conn->reading == request) {
            /* what is left of its body must never be taken for a request */
            request->conn->reading = NULL;
            request->conn->is_closing = true;
        }
    }
    request->server->live--;
    request->tenant->live--;
    if (request->server->access_log && !request->is_quiet)
        rl_server_log_request(request);
    if (RL_UNLIKELY(request->entry != NULL))
        rl_server_end_entry(request);
    recycle(request);
    return true;
}

void rl_request_drop(rl_request *request) {
    assert(!request->is_dispatched);
    recycle(request);
}

rl_request *rl_server_request(const rl_server *server, uint32_t slot, uint32_t epoch) {
    if (slot >= server->slot_count || server->slots[slot]->epoch != epoch)
        return NULL;
    return server->slots[slot];
}

static const char *moved(const char *ptr, rl_slice from, const char *to) {
    return ptr >= from.ptr && ptr <= from.ptr + from.len ? to + (ptr - from.ptr) : ptr;
}

/* The bytes behind the head are about to be somebody else's. */
static void forget_head(rl_request *request) {
    request->head.len = 0;
    request->head.field_count = 0;
    request->match.count = 0;
    request->epoch++;
}

bool rl_request_keep(rl_request *request) {
    if (request->is_kept)
        return true;
    request->is_kept = true;
    rl_slice old = {request->head.base, request->head.len}, copy;
    if (old.len == 0)
        return true;
    if (rl_arena_copy(&request->arena, old, &copy) != RL_OK) {
        forget_head(request);
        return false;
    }
    request->head.base = copy.ptr;
    for (uint32_t i = 0; i < request->match.count; i++)
        request->match.params[i].ptr = moved(request->match.params[i].ptr, old, copy.ptr);
    return true;
}

size_t rl_request_peer(const rl_request *request, char *out, size_t cap) {
    return request->conn == NULL ? 0 : rl_stream_peer(request->conn->stream, out, cap);
}

/* ---- answering ----------------------------------------------------------- */

static inline char *put(char *at, rl_slice bytes) {
    memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

static char *put_number(char *at, uint64_t number) {
    if (number >= 10)
        at = put_number(at, number / 10);
    *at = (char)('0' + number % 10);
    return at + 1;
}

static char *put_status_line(char *at, int status) {
    if (RL_LIKELY(status == 200))
        return put(at, RL_LIT("HTTP/1.1 200 OK\r\n"));
    at = put(at, RL_LIT("HTTP/1.1 "));
    at = put_number(at, (uint64_t)status);
    *at++ = ' ';
    at = put(at, rl_status_reason(status));
    return put(at, RL_LIT("\r\n"));
}

/* A connection may stay when the client wants it, we are not stopping, and
 * what is left of the body can be read and dropped at a bounded price. "close"
 * belongs to the last answer alone: a client reads nothing behind it (RFC
 * 9112, 9.6). */
static bool keeps_connection(const rl_request *request) {
    const rl_conn *conn = request->conn;
    const rl_body *body = &request->body;
    if (conn->requests.prev != &request->link)
        return true;
    if (!request->head.keep_alive || conn->is_closing || request->server->is_draining || body->failed != 0)
        return false;
    if (body->has_ended)
        return true;
    if (request->head.expect_continue)
        return false; /* the client may send its body or not: nobody knows where the next request begins */
    return request->head.chunked || request->head.content_length - body->len <= RL_CONN_DRAIN_MOST;
}

/* Longest status line, Server, Date, Connection, Content-Length and the names around. */
enum { HEAD_MOST = 400 };
#define CHUNKED_LINE "Transfer-Encoding: chunked\r\n"

/* How the body is delimited. */
typedef enum framing { BY_LENGTH, BY_CHUNKS, BY_CLOSE } framing;

/* The head, and behind it what is sent of the body by now. */
static bool write_answer(rl_request *request, const rl_answer *answer, framing how, rl_slice body) {
    rl_buf *out = rl_conn_output(request);
    rl_slice early = rl_buf_live(&request->fields);
    bool keep = keeps_connection(request) && how != BY_CLOSE;
    size_t most = HEAD_MOST + early.len + answer->type.len + answer->fields.len + body.len;
    char *start;
    if (out == NULL || rl_buf_reserve(out, most, &start) != RL_OK)
        return false;
    char *at = put_status_line(start, answer->status);
    at = put(at, rl_slice_of(rl_server_date(request->server), RL_DATE_LEN));
    bool has_type = early.len > 0 && rl_lines_have(&request->fields, RL_LIT("content-type"));
    if (answer->type.len > 0 && !has_type) {
        at = put(at, RL_LIT("Content-Type: "));
        at = put(at, answer->type);
        at = put(at, RL_LIT("\r\n"));
    }
    if (early.len > 0)
        at = put(at, early);
    if (answer->fields.len > 0)
        at = put(at, answer->fields);
    if (!keep)
        at = put(at, RL_LIT("Connection: close\r\n"));
    else if (request->head.minor == 0)
        at = put(at, RL_LIT("Connection: keep-alive\r\n"));
    if (how == BY_CHUNKS) {
        at = put(at, RL_LIT(CHUNKED_LINE));
    } else if (how == BY_LENGTH && rl_status_has_body(answer->status)) {
        at = put(at, RL_LIT("Content-Length: "));
        at = put_number(at, answer->status == 205 ? 0 : answer->is_counted ? answer->length : answer->body.len);
        at = put(at, RL_LIT("\r\n"));
    }
    at = put(at, RL_LIT("\r\n"));
    if (body.len > 0)
        at = put(at, body);
    rl_buf_commit(out, (size_t)(at - start));
    request->sent = body.len;
    request->status = answer->status;
    if (!keep)
        request->conn->is_closing = true;
    return true;
}

static bool sends_body(const rl_request *request, int status) {
    return request->head.method != RL_HEAD && rl_status_has_body(status) && status != 205;
}

/* The connection's stream of answers has a hole now: nothing after it is right. */
static bool out_of_memory(rl_request *request) {
    rl_conn_abort(request->conn);
    return false;
}

static void over(rl_request *request) {
    if (request->conn != NULL)
        rl_conn_advance(request->conn);
    else
        (void)rl_request_settle(request);
}

bool rl_request_answer(rl_request *request, const rl_answer *answer) {
    if (request->is_answered || request->is_chunking)
        return false;
    if (request->conn == NULL) {
        request->is_answered = true;
        return false;
    }
    rl_slice none = {NULL, 0};
    if (!write_answer(request, answer, BY_LENGTH, sends_body(request, answer->status) ? answer->body : none))
        return out_of_memory(request);
    request->is_answered = true;
    rl_conn_flush_later(request->conn);
    return true;
}

bool rl_request_begin(rl_request *request, const rl_answer *head) {
    if (request->is_answered || request->is_chunking)
        return false;
    if (request->conn == NULL) {
        request->is_answered = true;
        return false;
    }
    framing how = head->is_counted ? BY_LENGTH : request->head.minor >= 1 ? BY_CHUNKS : BY_CLOSE;
    if (!rl_status_has_body(head->status) || head->status == 205)
        how = BY_LENGTH; /* of no bytes: such a response has no body to frame (RFC 9112, 6.1) */
    if (!write_answer(request, head, how, (rl_slice){NULL, 0}))
        return out_of_memory(request);
    request->is_chunking = true;
    request->is_counted = head->is_counted;
    request->left = head->length;
    rl_conn_flush_later(request->conn);
    return true;
}

static bool is_in_chunks(const rl_request *request) {
    return request->head.minor >= 1 && !request->is_counted;
}

bool rl_request_write(rl_request *request, rl_slice bytes) {
    if (!request->is_chunking || request->conn == NULL)
        return false;
    if (bytes.len == 0 || !sends_body(request, request->status))
        return true; /* an empty chunk would end the body */
    rl_buf *out = rl_conn_output(request);
    if (out == NULL)
        return out_of_memory(request);
    rl_err err = RL_OK;
    bool in_chunks = is_in_chunks(request);
    if (request->is_counted && bytes.len > request->left)
        err = RL_EFULL; /* what is too much would be taken for the next answer */
    if (err == RL_OK && in_chunks)
        err = rl_buf_appendf(out, "%zx\r\n", bytes.len);
    if (err == RL_OK)
        err = rl_buf_append(out, bytes);
    if (err == RL_OK && in_chunks)
        err = rl_buf_append(out, RL_LIT("\r\n"));
    if (err != RL_OK)
        return out_of_memory(request);
    request->sent += bytes.len;
    request->left -= request->is_counted ? bytes.len : 0;
    rl_conn_flush_later(request->conn);
    return true;
}

void rl_request_end(rl_request *request) {
    if (!request->is_chunking)
        return;
    request->is_chunking = false;
    request->is_answered = true;
    if (request->conn == NULL)
        return;
    if (request->is_counted && request->left > 0 && sends_body(request, request->status)) {
        rl_conn_abort(request->conn);
        return;
    }
    if (is_in_chunks(request) && sends_body(request, request->status)) {
        rl_buf *out = rl_conn_output(request);
        if (out == NULL || rl_buf_append(out, RL_LIT("0\r\n\r\n")) != RL_OK) {
            rl_conn_abort(request->conn);
            return;
        }
    }
    rl_conn_flush_later(request->conn);
}

void rl_request_break(rl_request *request) {
    if (request->conn != NULL)
        rl_conn_abort(request->conn);
}

bool rl_request_has_room(rl_request *request) {
    if (request->conn == NULL)
        return true;
    size_t held = request->held == NULL ? 0 : rl_buf_len(request->held);
    request->is_full = held + rl_conn_backlog(request->conn) >= RL_CONN_HIGH_WATER;
    return !request->is_full;
}

bool rl_request_fail(rl_request *request, int status, const char *code, const char *message) {
    char id[RL_REQUEST_ID_LEN], text[512];
    rl_slice shown_id = rl_request_id(request, id);
    rl_lines_remove(&request->fields, RL_LIT("content-type")); /* it was meant for another body */
    /* both texts are ours: words without anything to escape */
    int len = snprintf(text, sizeof text, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"request_id\":\"%.*s\"}}", code,
                       message, (int)shown_id.len, shown_id.ptr);
    return rl_request_answer(request, &(rl_answer){.status = status,
                                                   .type = RL_LIT("application/json"),
                                                   .body = rl_slice_of(text, (size_t)len)});
}

void rl_request_want_body(rl_request *request) {
    rl_conn *conn = request->conn;
    if (!request->head.expect_continue || conn == NULL || conn->reading != request)
        return;
    if (request->is_answered || request->is_chunking)
        return; /* the answer has begun: no other status line may follow */
    request->head.expect_continue = false;
    conn->progress_ms = conn->head_ms = rl_loop_now_ms(request->server->loop); /* its time begins now */
    rl_buf *out = rl_conn_output(request);
    if (out == NULL || rl_buf_append(out, RL_LIT("HTTP/1.1 100 Continue\r\n\r\n")) != RL_OK)
        rl_conn_abort(conn);
    else
        rl_conn_flush_later(conn);
}

void rl_request_release(rl_request *request) {
    request->is_told = true; /* should the connection break now: the handler has left, too */
    if (request->is_chunking)
        rl_request_end(request);
    if (!request->is_answered)
        (void)rl_request_fail(request, 500, "internal", "the handler gave no answer");
    request->is_released = true;
    over(request);
}
