/* output -- the writing half of a connection: what leaves, in which order. */
#include "base/mem.h"
#include "http/conn.h"

enum { WRITE_MOST = 1024 * 1024 /* per write: so that progress shows */ };

rl_buf *rl_conn_output(rl_request *request) {
    rl_conn *conn = request->conn;
    bool is_first = conn->requests.next == &request->link;
    rl_buf **buf = is_first ? &conn->out : &request->held;
    if (*buf == NULL)
        *buf = rl_server_take_buf(conn->server);
    return *buf;
}

size_t rl_conn_backlog(const rl_conn *conn) {
    return (conn->out == NULL ? 0 : rl_buf_len(conn->out)) + (conn->sending == NULL ? 0 : rl_buf_len(conn->sending));
}

void rl_conn_release_held(rl_conn *conn, rl_request *request) {
    rl_buf *held = request->held;
    if (held == NULL)
        return;
    request->held = NULL;
    if (conn->out == NULL) {
        conn->out = held;
        return;
    }
    rl_err err = rl_buf_append(conn->out, rl_buf_live(held));
    rl_server_give_buf(conn->server, held);
    if (err != RL_OK)
        rl_conn_abort(conn);
}

static void recycle(rl_conn *conn, rl_buf **buf) {
    rl_server_give_buf(conn->server, *buf);
    *buf = NULL;
}

static void send_rest(rl_conn *conn) {
    conn->sending = conn->out;
    conn->out = NULL;
    conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    rl_slice rest = rl_buf_live(conn->sending);
    conn->queued = rest.len < WRITE_MOST ? rest.len : WRITE_MOST;
    if (rl_stream_write(conn->stream, rl_slice_of(rest.ptr, conn->queued)) != RL_OK) {
        recycle(conn, &conn->sending);
        rl_conn_abort(conn);
    }
}

static void send_out(rl_conn *conn) {
    if (conn->sending != NULL || conn->out == NULL)
        return;
    rl_slice live = rl_buf_live(conn->out);
    size_t written;
    if (rl_stream_try_write(conn->stream, live, &written) != RL_OK) {
        rl_conn_abort(conn);
        return;
    }
    if (written == live.len) {
        recycle(conn, &conn->out);
        return;
    }
    rl_buf_consume(conn->out, written);
    send_rest(conn);
}

static void tell_drained(rl_conn *conn) {
    if (rl_list_is_empty(&conn->requests))
        return;
    rl_request *first = RL_CONTAINER(conn->requests.next, rl_request, link);
    if (first->is_full && first->is_chunking && rl_request_has_room(first))
        first->tenant->handler->drained(first->tenant->owner, first);
}

void rl_conn_flush(rl_conn *conn) {
    rl_list_remove(&conn->flush_link);
    if (!conn->is_dead)
        send_out(conn);
    /* also when the socket took all at once: then no `written` will come */
    if (!conn->is_dead)
        tell_drained(conn);
}

void rl_conn_flush_later(rl_conn *conn) {
    if (!rl_list_is_empty(&conn->flush_link))
        return;
    rl_list_push_back(&conn->server->to_flush, &conn->flush_link);
    rl_loop_wake_turn(conn->server->loop);
}

bool rl_conn_made_progress(rl_conn *conn) {
    size_t queued = rl_stream_queued(conn->stream);
    if (queued == conn->queued)
        return false;
    conn->queued = queued;
    conn->progress_ms = rl_loop_now_ms(conn->server->loop);
    return true;
}

void rl_conn_on_written(void *owner, rl_err err) {
    rl_conn *conn = owner;
    if (conn->is_dead)
        return; /* on_closed gives the buffer back */
    if (err != RL_OK) {
        rl_conn_abort(conn);
        return;
    }
    size_t len = rl_buf_len(conn->sending);
    rl_buf_consume(conn->sending, len < WRITE_MOST ? len : WRITE_MOST);
    if (rl_buf_len(conn->sending) > 0) {
        /* newer output waits behind what is left of this one */
        rl_buf *newer = conn->out;
        conn->out = conn->sending;
        conn->sending = NULL;
        if (newer != NULL) {
            rl_err appended = rl_buf_append(conn->out, rl_buf_live(newer));
            rl_server_give_buf(conn->server, newer);
            if (appended != RL_OK) {
                rl_conn_abort(conn);
                return;
            }
        }
    } else {
        recycle(conn, &conn->sending);
    }
    rl_conn_settle(conn);
}
