/* request -- one request, from its first byte to the last byte of its answer.
 *
 *   client --head, body--> rl_request --handler->request--> the VM
 *   client <---- answer / begin, write..., end -----------  the VM, then release
 *
 * A request is not its connection: a connection has any number of live
 * requests, and a request may outlive its connection (then everything written
 * is dropped). It is over when it was answered, released by the handler, and
 * its input has ended; its memory and its slot are then used again.
 *
 * Whoever may come late holds {slot, epoch}, never a pointer: the epoch changes
 * when the request is over, so a late one finds nothing. */
#ifndef RL_HTTP_REQUEST_H
#define RL_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/journal.h"
#include "base/list.h"
#include "http/body.h"
#include "http/head.h"
#include "http/router.h"

typedef struct rl_request rl_request;
typedef struct rl_conn rl_conn;
typedef struct rl_server rl_server;
struct rl_tenant;

/* By which listener a connection came. */
typedef enum rl_door {
    RL_DOOR_PUBLIC,
    RL_DOOR_ADMIN, /* for whoever runs the server: open also when the public is turned away */
    RL_DOOR_COUNT
} rl_door;

struct rl_request {
    rl_list link; /* among its connection's requests, in the order of arrival */
    rl_request *next_free; /* while it is in the pool */
    rl_server *server;
    rl_conn *conn; /* NULL once the connection is gone */
    rl_door door;
    uint32_t slot, epoch;
    rl_head head;
    rl_match match;
    rl_body body;
    rl_arena arena; /* copies that live as long as the request */
    rl_buf fields;  /* response header lines set before the answer, each with its CRLF */
    rl_buf *held;   /* what is to be sent once the requests before this one are answered */
    struct rl_tenant *tenant; /* who it was given to, once dispatched */
    void *handling; /* the handler's own */
    rl_entry *entry;   /* in the journal; NULL: none */
    const char *route; /* the pattern that matched, for the log; NULL: none did */
    uint64_t number;   /* of this server; its id is made of it: http/request_id.h */
    rl_slice given_id; /* its id instead, in the arena; empty: none was given */
    uint64_t started_ns;
    uint64_t sent; /* bytes of the answer's body */
    uint64_t left; /* when counted: bytes still to be written */
    int status;    /* of the answer; 0 before */
    bool has_head; /* the head is whole: it is in the connection's list */
    bool is_kept;  /* the head is borrowed from the read buffer no more */
    bool is_dispatched; /* the handler was given it */
    bool is_released;   /* ... and has done with it */
    bool is_answered;   /* the last byte of the answer was handed over */
    bool is_chunking;   /* between begin and end: the body goes out in pieces */
    bool is_counted;    /* its length was said before: no chunk framing */
    bool is_full;       /* it was told to write no more; `drained` is due to it */
    bool is_told;       /* ... and need not hear that the client has left */
    bool is_quiet;       /* it gets no line in the access log: its handler sets it */
    bool finish_on_disconnect; /* the client's leaving does not cancel it: its handler sets it */
};

typedef struct rl_answer {
    int status;      /* 200 to 599 */
    rl_slice type;   /* Content-Type, unless one was set before; empty: none */
    rl_slice fields; /* more header lines, each with its CRLF, as rl_lines_append makes them */
    rl_slice body;
    bool is_counted; /* for begin: the body will have `length` bytes, known beforehand */
    uint64_t length;
} rl_answer;

/* ---- for the handler ---- */

/* Answer at once, with the whole body. The first answer counts: false when there was one. */
bool rl_request_answer(rl_request *request, const rl_answer *answer);
/* Answer in pieces: begin, write, ..., end. Without a length the body is chunked;
 * one that ends short of its length breaks the connection. */
bool rl_request_begin(rl_request *request, const rl_answer *head);
/* False when the client is gone, or memory ran out: then the connection ends. */
bool rl_request_write(rl_request *request, rl_slice bytes);
void rl_request_end(rl_request *request);
/* Give the answer up in the middle: its connection breaks, so that what was
 * sent is not taken for the whole. */
void rl_request_break(rl_request *request);
/* Whether more may be written now; when not, the handler's `drained` comes once it may. */
bool rl_request_has_room(rl_request *request);
/* Answer with the one JSON form of an error. `message` is for people. */
bool rl_request_fail(rl_request *request, int status, const char *code, const char *message);
/* The handler wants the body: asks a waiting client for it (100 Continue). */
void rl_request_want_body(rl_request *request);
/* The peer's address as text; returns its length, 0 when it has gone. */
size_t rl_request_peer(const rl_request *request, char *out, size_t cap);
/* The handler's last call. An unanswered request is answered 500. */
void rl_request_release(rl_request *request);

/* Copy the head out of the read buffer, before control leaves the read event.
 * False when memory ran out: the head is gone then, and whoever holds the
 * request's epoch finds nothing any more. */
bool rl_request_keep(rl_request *request);

/* ---- for the connection ---- */

/* A fresh request in some slot, its head ready for rl_parser_begin; NULL without memory. */
rl_request *rl_request_acquire(rl_server *server, rl_conn *conn);
/* Ends it when all has been done: its slot gets the next epoch. Returns whether it did. */
bool rl_request_settle(rl_request *request);
/* Only for one that was never dispatched. */
void rl_request_drop(rl_request *request);

static inline bool rl_request_is_safe(const rl_request *request) {
    return request->head.method == RL_GET || request->head.method == RL_HEAD;
}

#endif
