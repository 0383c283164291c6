#include "pg/intake.h"

#include <sys/ioctl.h>

enum { LIBPQ_BUFFER = 16 * 1024 };

static uint64_t bytes_waiting(const rl_backend *backend) {
    int count = 0;
    return ioctl(PQsocket(backend->pg), FIONREAD, &count) == 0 && count > 0 ? (uint64_t)count : 0;
}

/* Of more than its buffer libpq takes a bufferful, or all when a row is larger. */
static uint64_t bytes_taken(const rl_backend *backend, uint64_t before) {
    if (before <= LIBPQ_BUFFER)
        return before;
    uint64_t after = bytes_waiting(backend);
    return after + LIBPQ_BUFFER < before ? before - after : LIBPQ_BUFFER;
}

bool rl_intake_read(rl_backend *backend) {
    bool is_counted = backend->head_reads++ > 0;
    uint64_t before = is_counted ? bytes_waiting(backend) : 0;
    bool alive = PQconsumeInput(backend->pg) == 1;
    if (is_counted && alive)
        backend->head_bytes += bytes_taken(backend, before);
    return alive;
}

void rl_intake_drop_unasked(rl_backend *backend) {
    for (PGnotify *one; (one = PQnotifies(backend->pg)) != NULL;)
        PQfreemem(one);
}

bool rl_intake_is_full(const rl_backend *backend) {
    uint64_t most = backend->options.max_result;
    if (most == 0 || backend->head_bytes <= most || rl_list_is_empty(&backend->in_flight))
        return false;
    return RL_CONTAINER(backend->in_flight.next, rl_query, link)->copy == NULL; /* its rows are not kept */
}
