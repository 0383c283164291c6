/* conn -- one HTTP/1 connection: bytes to requests, answers to bytes.
 *
 *   read --> parser --> requests: [r1 answered][r2 running][r3 waiting]
 *                                     |          |
 *                         out  <------+          +--> r2.held until r1 is out
 *   write <-- sending <-- out
 *
 * The parser, and what is held, are an rl_input of the server's pool. A connection has one from the
 * first byte of a request until it has nothing to do. An idle one takes less than 500 bytes, and half of
 * them are its stream's.
 *
 * Answers go out in the order of the requests. Requests run one after another
 * unless all of them are GET or HEAD. Bytes that may not be parsed yet (a
 * request is running, or the client does not read its answers) are held, and
 * beyond the bound the socket is not read: the peer feels it as a full window.
 *
 * One timer serves every timeout of the connection. What it waits for follows
 * from the state (see deadline in conn.c), so nothing has to be stopped. */
#ifndef RL_HTTP_CONN_H
#define RL_HTTP_CONN_H

#include "http/server.h"
#include "loop/timer.h"

enum {
    RL_CONN_HELD_MOST = 65536,          /* bytes held unparsed; one read buffer */
    RL_CONN_HIGH_WATER = 256 * 1024,    /* unsent bytes beyond which nothing more is parsed or asked for */
    RL_CONN_DRAIN_MOST = 65536,         /* body bytes read and dropped to keep a connection */
    RL_CONN_LINGER_MS = 2000,           /* a refused client may read its answer, for so long after its last byte, */
    RL_CONN_LINGER_MOST_MS = 30000,     /* and at most: many read nothing before they have sent all they have */
    RL_CONN_OUT_MOST = 1024 * 1024 * 1024 /* the ceiling of one answer */
};

/* What a connection needs while requests come in. */
typedef struct rl_input rl_input;
struct rl_input {
    rl_parser parser;
    rl_buf held;    /* received, not parsed yet */
    rl_input *next; /* in the pool */
};

struct rl_conn {
    rl_list link; /* in the server's connections */
    rl_server *server;
    rl_stream *stream;
    rl_door door;
    rl_input *input; /* NULL: none has come since it went idle */
    rl_timer timer;
    rl_list requests;    /* live, in the order of arrival; their heads are whole */
    rl_request *reading; /* whose head or body is being read; NULL between requests */
    rl_buf *out;         /* to be sent; NULL: nothing */
    rl_buf *sending;     /* being sent by the stream */
    size_t queued;       /* bytes the stream had still to send when we last looked */
    uint64_t idle_ms;     /* since when nothing is going on */
    uint64_t head_ms;     /* when the current head began, or its body was asked for */
    uint64_t progress_ms; /* when a body byte came, or a byte was taken from us */
    uint64_t ended_ms;    /* when the peer ended its side, or when we began to linger */
    uint32_t live;        /* requests in the list */
    uint32_t discarded;   /* bytes read only to be dropped */
    bool is_parsing;      /* in the parsing loop: do not enter it again */
    bool is_closing;      /* no more requests; close once all is answered */
    bool is_lingering;    /* our side is shut: reading until the peer ends */
    bool is_dead;         /* rl_stream_close was called */
    bool peer_ended;
    rl_list flush_link; /* among the server's to_flush, or alone */
};

/* Bytes received, not parsed yet. */
static inline size_t rl_conn_held_len(const rl_conn *conn) {
    return conn->input == NULL ? 0 : rl_buf_len(&conn->input->held);
}

/* Takes the stream over; closes it when memory ran out. */
void rl_conn_open(rl_server *server, rl_stream *stream, rl_door door);
/* Nothing is going on: no request, no half a head. */
bool rl_conn_is_idle(const rl_conn *conn);
/* Close after what is due was sent. */
void rl_conn_close(rl_conn *conn);
/* Break it now: the requests on it lose their client. */
void rl_conn_abort(rl_conn *conn);
/* An answer or a handler ended: what may be sent, dispatched or parsed now? */
void rl_conn_advance(rl_conn *conn);
/* After every event: flush, read on or not, close or not, arm the timer. */
void rl_conn_settle(rl_conn *conn);

/* ---- input.c ---- */

extern const rl_parser_events rl_conn_parser_events;
/* `bytes` came: parse them, or hold them until they may be parsed. */
void rl_conn_take(rl_conn *conn, rl_slice bytes);
/* Dispatch and parse what had to wait and may go on now. */
void rl_conn_go_on(rl_conn *conn);
/* The message being read cannot be served: its answer is the last one. What
 * is due to earlier requests is still sent before it. */
void rl_conn_refuse(rl_conn *conn, int status, const char *reason);
/* `moved` of every body: see rl_bodies. */
void rl_conn_on_body_moved(rl_body *body, int status);

/* ---- output.c ---- */

/* Where the bytes of `request` go now: the connection's buffer, or its own
 * while others are before it. NULL when memory ran out. */
rl_buf *rl_conn_output(rl_request *request);
/* Bytes not taken by the socket yet. */
size_t rl_conn_backlog(const rl_conn *conn);
/* Send what there is; what the socket does not take is sent when it can. A
 * handler that waits for room hears of it. */
void rl_conn_flush(rl_conn *conn);
/* Flush at the end of this turn. */
void rl_conn_flush_later(rl_conn *conn);
/* A write is under way: has the socket taken any of it since the last look? */
bool rl_conn_made_progress(rl_conn *conn);
/* The stream's `written` event. */
void rl_conn_on_written(void *owner, rl_err err);
/* `request` became the first: what it held goes out. */
void rl_conn_release_held(rl_conn *conn, rl_request *request);

/* ---- server.c ---- */

enum { RL_DATE_LEN = sizeof "Server: Rille\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" - 1 };

struct rl_server {
    rl_loop *loop;
    const rl_server_limits *limits;
    rl_bodies bodies;
    rl_tenant *tenant;
    rl_log *log;
    rl_list conns;
    rl_list to_flush;
    rl_turn flush_turn;
    rl_request **slots; /* every request ever made, by slot */
    uint32_t slot_count, slot_cap;
    rl_request *free_requests; /* the last one that came back is the first to go: it is in the cache */
    rl_buf **free_bufs;
    size_t free_buf_count;
    rl_input *free_inputs;
    size_t free_input_count;
    uint64_t live; /* dispatched, not over */
    uint64_t open[RL_DOOR_COUNT]; /* connections */
    rl_server_stats stats;
    uint64_t last_number;
    uint64_t id_prefix; /* random: request ids of two processes differ */
    uint64_t date_ms;   /* the loop's time when `date` was last looked at */
    int64_t date_s;     /* the second that it shows */
    char date[RL_DATE_LEN + 1];
    rl_journal *journal; /* NULL: none is kept */
    uint32_t worker;     /* as it says there whose requests these are */
    bool access_log;
    bool is_draining;
};

/* The request's entry in the journal, of a server that keeps one. */
void rl_server_begin_entry(rl_server *server, rl_request *request);

/* `request` is the present tenant's from here on. */
static inline void rl_server_give(rl_server *server, rl_request *request) {
    request->is_dispatched = true;
    request->tenant = server->tenant;
    server->tenant->live++;
    server->live++;
    if (RL_UNLIKELY(server->journal != NULL))
        rl_server_begin_entry(server, request);
}

/* An empty buffer from the pool; NULL without memory. */
rl_buf *rl_server_take_buf(rl_server *server);
void rl_server_give_buf(rl_server *server, rl_buf *buf);
/* One for `conn`, which has to give it back; NULL without memory. */
rl_input *rl_server_take_input(rl_server *server, rl_conn *conn);
/* NULL is allowed. */
void rl_server_give_input(rl_server *server, rl_input *input);
/* The Server and Date lines of this second, RL_DATE_LEN bytes. */
const char *rl_server_date(rl_server *server);
void rl_server_end_entry(rl_request *request);
/* The access log's line, of a server that keeps one. */
void rl_server_log_request(const rl_request *request);

#endif
