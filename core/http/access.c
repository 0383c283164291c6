/* access -- the line that every request leaves in the log. */
#include "http/conn.h"
#include "http/request_id.h"

enum { STATUS_GONE = 499 /* the client left before an answer: nginx's number, known to dashboards */ };

void rl_server_log_request(const rl_request *request) {
    rl_server *server = request->server;
    if (!rl_log_wants(server->log, RL_LOG_INFO))
        return;
    char id[RL_REQUEST_ID_LEN], peer[64];
    rl_slice shown_id = rl_request_id(request, id);
    size_t peer_len = rl_request_peer(request, peer, sizeof peer);
    const rl_head *head = &request->head;
    bool knows_head = head->len > 0;
    rl_slice agent = knows_head ? rl_head_find(head, RL_LIT("user-agent")) : (rl_slice){NULL, 0};
    double ms = request->started_ns == 0 ? 0 : (double)(rl_clock_ns() - request->started_ns) / 1e6;
    const rl_log_field fields[] = {
        rl_log_str("method", rl_slice_str(knows_head ? rl_method_name(head->method) : "-")),
        rl_log_str("path", knows_head ? rl_head_target(head) : RL_LIT("-")),
        rl_log_str("route", rl_slice_str(request->route == NULL ? "-" : request->route)),
        rl_log_int("status", request->status == 0 ? STATUS_GONE : request->status),
        rl_log_int("bytes", (int64_t)request->sent),
        rl_log_ms("ms", ms),
        rl_log_str("request_id", shown_id),
        rl_log_str("address", rl_slice_of(peer, peer_len)),
        rl_log_str("agent", agent),
    };
    rl_log_write(server->log, RL_LOG_INFO, "request", fields, sizeof fields / sizeof *fields);
}
