#include "http/server.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "http/conn.h"

enum {
    MOST_ADMINS = 64, /* connections: a page of the dashboard has one or two */
    POOLED_BUFS = 256,
    POOLED_INPUTS = 256,
    POOLED_BUF_CAP = 64 * 1024 /* a larger one is given back: one big answer must not stay */
};

static bool flush_all(rl_turn *turn) {
    rl_server *server = RL_CONTAINER(turn, rl_server, flush_turn);
    /* Those that come back meanwhile wait for the next turn: a client that
     * reads as fast as we answer must not keep the loop from polling. */
    rl_list due;
    rl_list_init(&due);
    rl_list_splice(&due, &server->to_flush);
    for (rl_list *link; (link = rl_list_pop_front(&due)) != NULL;)
        rl_conn_settle(RL_CONTAINER(link, rl_conn, flush_link));
    return !rl_list_is_empty(&server->to_flush);
}

rl_err rl_server_new(rl_loop *loop, const rl_server_limits *limits, rl_body_budget *budget, rl_tenant *tenant,
                     rl_log *log, bool access_log, rl_server **out) {
    rl_server *server = rl_mem_zalloc(1, sizeof *server);
    if (server == NULL)
        return RL_ENOMEM;
    server->free_bufs = rl_mem_alloc(POOLED_BUFS * sizeof(rl_buf *));
    if (server->free_bufs == NULL) {
        rl_mem_free(server);
        return RL_ENOMEM;
    }
    server->loop = loop;
    server->limits = limits;
    server->bodies = (rl_bodies){
        .loop = loop, .budget = budget, .max_memory = limits->max_body_memory, .moved = rl_conn_on_body_moved};
    server->tenant = tenant;
    server->log = log;
    server->access_log = access_log;
    server->date_ms = UINT64_MAX;
    rl_list_init(&server->conns);
    rl_list_init(&server->to_flush);
    if (getrandom(&server->id_prefix, sizeof server->id_prefix, 0) < 0)
        server->id_prefix = rl_clock_ns();
    server->flush_turn.run = flush_all;
    rl_loop_add_turn(loop, &server->flush_turn);
    *out = server;
    return RL_OK;
}

void rl_server_set_journal(rl_server *server, rl_journal *journal, uint32_t worker) {
    server->journal = journal;
    server->worker = worker;
}

static void tell_leaving(const rl_tenant *tenant) {
    if (tenant->handler->leaving != NULL)
        tenant->handler->leaving(tenant->owner);
}

void rl_server_switch(rl_server *server, rl_tenant *tenant) {
    tell_leaving(server->tenant);
    server->tenant = tenant;
}

void rl_server_free(rl_server *server) {
    rl_loop_remove_turn(server->loop, &server->flush_turn);
    for (uint32_t i = 0; i < server->slot_count; i++) {
        rl_mem_free(server->slots[i]->head.fields);
        rl_mem_free(server->slots[i]);
    }
    rl_mem_free(server->slots);
    while (server->free_buf_count > 0) {
        rl_buf *buf = server->free_bufs[--server->free_buf_count];
        rl_buf_clear(buf);
        rl_mem_free(buf);
    }
    rl_mem_free(server->free_bufs);
    while (server->free_inputs != NULL) {
        rl_input *input = server->free_inputs;
        server->free_inputs = input->next;
        rl_mem_free(input);
    }
    rl_mem_free(server);
}

rl_buf *rl_server_take_buf(rl_server *server) {
    if (server->free_buf_count > 0)
        return server->free_bufs[--server->free_buf_count];
    rl_buf *buf = rl_mem_alloc(sizeof *buf);
    if (buf != NULL)
        rl_buf_init(buf, RL_CONN_OUT_MOST);
    return buf;
}

void rl_server_give_buf(rl_server *server, rl_buf *buf) {
    if (server->free_buf_count == POOLED_BUFS) {
        rl_buf_clear(buf);
        rl_mem_free(buf);
        return;
    }
    if (buf->cap > POOLED_BUF_CAP)
        rl_buf_clear(buf);
    else
        rl_buf_reset(buf);
    server->free_bufs[server->free_buf_count++] = buf;
}

rl_input *rl_server_take_input(rl_server *server, rl_conn *conn) {
    rl_input *input = server->free_inputs;
    if (input != NULL) {
        server->free_inputs = input->next;
        server->free_input_count--;
        input->parser.owner = conn;
        return input;
    }
    input = rl_mem_alloc(sizeof *input);
    if (input == NULL)
        return NULL;
    rl_parser_init(&input->parser, &server->limits->parser, &rl_conn_parser_events, conn);
    rl_buf_init(&input->held, 2 * RL_CONN_HELD_MOST);
    return input;
}

void rl_server_give_input(rl_server *server, rl_input *input) {
    if (input == NULL)
        return;
    rl_parser_clear(&input->parser);
    rl_buf_clear(&input->held);
    if (server->free_input_count == POOLED_INPUTS) {
        rl_mem_free(input);
        return;
    }
    input->next = server->free_inputs;
    server->free_inputs = input;
    server->free_input_count++;
}

const char *rl_server_date(rl_server *server) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t now_ms = rl_loop_now_ms(server->loop);
    if (now_ms == server->date_ms)
        return server->date;
    server->date_ms = now_ms;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (RL_UNLIKELY(now.tv_sec != server->date_s)) {
        struct tm tm;
        gmtime_r(&now.tv_sec, &tm);
        server->date_s = now.tv_sec;
        /* IMF-fixdate (RFC 9110, 5.6.7), by hand: strftime would ask the locale */
        snprintf(server->date, sizeof server->date,
                 "Server: Rille\r\nDate: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday % 7],
                 tm.tm_mday % 100, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour % 100,
                 tm.tm_min % 100, tm.tm_sec % 100);
    }
    return server->date;
}

static void turn_away(rl_stream *stream) {
    rl_slice text = RL_LIT("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n"
                           "Retry-After: 1\r\n\r\n");
    size_t written;
    if (rl_stream_try_write(stream, text, &written) == RL_OK)
        rl_stream_shutdown(stream);
    rl_stream_close(stream);
}

void rl_server_accept(void *owner, rl_stream *stream) {
    rl_server *server = owner;
    server->stats.accepted++;
    if (atomic_load_explicit(server->limits->connections, memory_order_relaxed) >= server->limits->max_connections) {
        server->stats.refused++;
        turn_away(stream);
        return;
    }
    rl_conn_open(server, stream, RL_DOOR_PUBLIC);
}

void rl_server_accept_admin(void *owner, rl_stream *stream) {
    rl_server *server = owner;
    if (server->open[RL_DOOR_ADMIN] >= MOST_ADMINS)
        turn_away(stream);
    else
        rl_conn_open(server, stream, RL_DOOR_ADMIN);
}

void rl_server_drain(rl_server *server) {
    server->is_draining = true;
    tell_leaving(server->tenant);
}

static void each_conn(rl_server *server, void (*act)(rl_conn *conn)) {
    for (rl_list *at = server->conns.next, *next; at != &server->conns; at = next) {
        next = at->next;
        act(RL_CONTAINER(at, rl_conn, link));
    }
}

static void close_if_idle(rl_conn *conn) {
    if (rl_conn_is_idle(conn))
        rl_conn_close(conn);
}

void rl_server_close_idle(rl_server *server) {
    each_conn(server, close_if_idle);
}

void rl_server_abort(rl_server *server) {
    each_conn(server, rl_conn_abort);
}

bool rl_server_is_idle(const rl_server *server) {
    return server->stats.connections == 0 && server->live == 0;
}

uint64_t rl_server_live(const rl_server *server) {
    return server->live;
}

rl_server_stats rl_server_read_stats(const rl_server *server) {
    return server->stats;
}
