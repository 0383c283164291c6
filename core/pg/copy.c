#include "pg/copy.h"

#include "pg/backend_state.h"

enum {
    ENOUGH = 32 * 1024,            /* rows put: they are sent */
    MUCH = 256 * 1024,             /* rows held: reading pauses; a few reads ahead of the caller are enough */
    HELD_CEILING = 64 * 1024 * 1024 /* one row must fit */
};

void rl_copy_init(rl_copy *copy, void (*news)(rl_copy *copy)) {
    *copy = (rl_copy){.news = news};
    rl_buf_init(&copy->held, HELD_CEILING);
}

void rl_copy_clear(rl_copy *copy) {
    rl_buf_clear(&copy->held);
}

/* libpq frames what it is given as one message and each flush is a system call:
 * rows are sent many at once. */
static void send_held(rl_copy *copy) {
    rl_backend *backend = copy->backend;
    rl_slice rows = rl_buf_live(&copy->held);
    if (rows.len > 0 && PQputCopyData(backend->pg, rows.ptr, (int)rows.len) != 1)
        backend->broken = true;
    rl_buf_consume(&copy->held, rows.len);
}

rl_err rl_copy_put(rl_copy *copy, rl_slice bytes) {
    if (copy->state != RL_COPY_IN)
        return RL_ECLOSED;
    rl_err err = rl_buf_append(&copy->held, bytes);
    if (err != RL_OK || rl_buf_len(&copy->held) < ENOUGH)
        return err;
    send_held(copy);
    rl_backend_flush(copy->backend);
    return copy->backend->broken ? RL_ERESET : RL_OK;
}

bool rl_copy_has_room(const rl_copy *copy) {
    return copy->state != RL_COPY_IN || !copy->backend->has_unsent;
}

void rl_copy_finish(rl_copy *copy, const char *why) {
    if (copy->state != RL_COPY_IN)
        return;
    rl_backend *backend = copy->backend;
    copy->state = RL_COPY_ENDING;
    if (why == NULL)
        send_held(copy);
    if (PQputCopyEnd(backend->pg, why) != 1)
        backend->broken = true;
    rl_backend_flush(backend);
}

rl_slice rl_copy_peek(const rl_copy *copy) {
    return copy->is_input ? RL_LIT("") : rl_buf_live(&copy->held);
}

static void set_paused(rl_copy *copy, bool is_paused) {
    rl_backend *backend = copy->backend;
    if (backend == NULL || backend->is_paused == is_paused)
        return;
    backend->is_paused = is_paused;
    rl_backend_flush(backend);
}

void rl_copy_taken(rl_copy *copy) {
    rl_buf_consume(&copy->held, rl_buf_len(&copy->held));
    set_paused(copy, false);
}

void rl_copy_abandon(rl_copy *copy) {
    copy->is_abandoned = true;
    if (copy->state == RL_COPY_IN)
        rl_copy_finish(copy, "nobody sends its rows any more");
    else if (copy->state == RL_COPY_OUT)
        rl_copy_taken(copy);
}

void rl_copy_begin_take(rl_copy *copy, rl_backend *backend, PGresult *begun) {
    copy->backend = backend;
    copy->has_begun = true;
    copy->columns = (uint32_t)PQnfields(begun);
    copy->is_input = PQresultStatus(begun) != PGRES_COPY_OUT;
    copy->state = copy->is_input ? RL_COPY_IN : RL_COPY_OUT;
    PQclear(begun);
    if (copy->is_abandoned)
        rl_copy_abandon(copy);
    else
        copy->news(copy);
}

/* The rest of it is not worth its way: the connection goes. */
static void refuse_row(rl_copy *copy, rl_err err) {
    rl_query *query = RL_CONTAINER(copy->backend->in_flight.next, rl_query, link);
    if (err == RL_EFULL)
        rl_query_fail(query, RL_EINVAL, "54000", "a row of this COPY is larger than %d MB, and is held whole",
                      HELD_CEILING / (1024 * 1024));
    else
        rl_query_fail(query, err, "53200", "out of memory: the rows of this COPY are lost");
    copy->backend->broken = true;
}

/* libpq's own buffer is emptied whatever the caller's pace: what it held back
 * would not make the descriptor readable again. */
static bool receive_rows(rl_copy *copy) {
    char *row = NULL;
    int len;
    rl_err err = RL_OK;
    bool is_empty = rl_buf_len(&copy->held) == 0;
    while ((len = PQgetCopyData(copy->backend->pg, &row, 1)) > 0) {
        if (err == RL_OK && !copy->is_abandoned)
            err = rl_buf_append(&copy->held, rl_slice_of(row, (size_t)len));
        PQfreemem(row);
    }
    if (err != RL_OK)
        refuse_row(copy, err);
    if (len < 0)
        copy->state = RL_COPY_ENDING;
    else if (rl_buf_len(&copy->held) >= MUCH)
        copy->backend->is_paused = true; /* the flush after each read heeds it */
    if (is_empty && rl_buf_len(&copy->held) > 0)
        copy->news(copy);
    return len < 0;
}

bool rl_copy_receive(rl_copy *copy) {
    if (copy->state == RL_COPY_OUT)
        return receive_rows(copy);
    return copy->state != RL_COPY_IN;
}

/* Nothing is owed by the server: it waits for rows, or for its own to be taken. */
static bool is_callers_turn(const rl_copy *copy) {
    if (copy->state == RL_COPY_OUT)
        return copy->backend->is_paused;
    return copy->state == RL_COPY_IN && !copy->backend->has_unsent;
}

/* The time begins anew with each step. */
static void expect_progress(rl_copy *copy, uint64_t patience_ms) {
    rl_backend *backend = copy->backend;
    if (patience_ms == 0 || backend->cancelling || backend->broken)
        return;
    if (is_callers_turn(copy))
        rl_timer_stop(backend->loop, &backend->timer);
    else
        rl_timer_start(backend->loop, &backend->timer, patience_ms);
}

void rl_copy_flushed(rl_copy *copy, uint64_t patience_ms, bool is_drained) {
    if (copy->backend == NULL)
        return;
    expect_progress(copy, patience_ms);
    if (is_drained && copy->state == RL_COPY_IN)
        copy->news(copy);
}

void rl_copy_end(rl_copy *copy) {
    if (copy->backend != NULL)
        copy->backend->is_paused = false;
    copy->backend = NULL;
    copy->state = RL_COPY_ENDED;
}
