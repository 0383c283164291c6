/* access -- what every request leaves behind: its line in the log, its entry in the journal. */
#include "http/conn.h"
#include "http/request_id.h"
#include "loop/clock.h"

enum { STATUS_GONE = 499 /* the client left before an answer: nginx's number, known to dashboards */ };

static int status_of(const rl_request *request) {
    return request->status == 0 ? STATUS_GONE : request->status;
}

static const char *method_of(const rl_request *request) {
    return request->head.len > 0 ? rl_method_name(request->head.method) : "-";
}

static rl_slice target_of(const rl_request *request) {
    return request->head.len > 0 ? rl_head_target(&request->head) : RL_LIT("-");
}

void rl_server_log_request(const rl_request *request) {
    rl_server *server = request->server;
    if (!rl_log_wants(server->log, RL_LOG_INFO))
        return;
    char id[RL_REQUEST_ID_LEN], peer[64];
    rl_slice shown_id = rl_request_id(request, id);
    size_t peer_len = rl_request_peer(request, peer, sizeof peer);
    const rl_head *head = &request->head;
    rl_slice agent = head->len > 0 ? rl_head_find(head, RL_LIT("user-agent")) : (rl_slice){NULL, 0};
    double ms = request->started_ns == 0 ? 0 : (double)(rl_clock_ns() - request->started_ns) / 1e6;
    const rl_log_field fields[] = {
        rl_log_str("method", rl_slice_str(method_of(request))),
        rl_log_str("path", target_of(request)),
        rl_log_str("route", rl_slice_str(request->route == NULL ? "-" : request->route)),
        rl_log_int("status", status_of(request)),
        rl_log_int("bytes", (int64_t)request->sent),
        rl_log_ms("ms", ms),
        rl_log_str("request_id", shown_id),
        rl_log_str("address", rl_slice_of(peer, peer_len)),
        rl_log_str("agent", agent),
    };
    rl_log_write(server->log, RL_LOG_INFO, "request", fields, sizeof fields / sizeof *fields);
}

/* ---- the journal ----------------------------------------------------------- */

/* Whoever looks is no part of what he looks at. */
static bool is_of_a_looker(const rl_request *request) {
    rl_slice path = rl_head_path(&request->head);
    return rl_slice_eq(path, RL_LIT("/_rille")) || rl_slice_has_prefix(path, RL_LIT("/_rille/"));
}

void rl_server_begin_entry(rl_server *server, rl_request *request) {
    if (request->head.len > 0 && is_of_a_looker(request))
        return;
    /* By a clock that stands, it began just now. */
    bool is_now = request->started_ns == 0 || rl_loop_is_frozen(server->loop);
    uint64_t ago_ns = is_now ? 0 : rl_clock_ns() - request->started_ns;
    char id[RL_REQUEST_ID_LEN];
    rl_entry_head head = {.worker = server->worker,
                          .start_ns = rl_loop_read_ns(server->loop) - ago_ns,
                          .wall_us = rl_loop_wall_us(server->loop) - (int64_t)(ago_ns / 1000)};
    rl_journal_fit(head.id, sizeof head.id, rl_request_id(request, id));
    rl_journal_fit(head.method, sizeof head.method, rl_slice_str(method_of(request)));
    rl_journal_fit(head.path, sizeof head.path, target_of(request));
    request->entry = rl_journal_begin(server->journal, &head);
}

void rl_server_end_entry(rl_request *request) {
    rl_entry_end(request->entry, status_of(request), rl_loop_read_ns(request->server->loop));
    request->entry = NULL;
}
