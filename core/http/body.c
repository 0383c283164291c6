#include "http/body.h"

/* What is appended to a body that is almost full: two read buffers at most. */
enum { ONE_MORE = 128 * 1024 };

void rl_body_init(rl_body *body, const rl_bodies *all) {
    *body = (rl_body){.all = all, .most = UINT64_MAX};
    rl_buf_init(&body->memory, all->max_memory);
}

/* ---- accounts -------------------------------------------------------------- */

static bool take_budget(rl_body *body, size_t len) {
    rl_body_budget *budget = body->all->budget;
    uint64_t before = atomic_fetch_add_explicit(&budget->used, len, memory_order_relaxed);
    if (before + len <= budget->ceiling)
        return true;
    atomic_fetch_sub_explicit(&budget->used, len, memory_order_relaxed);
    return false;
}

static void give_budget(rl_body *body, size_t len) {
    if (len > 0)
        atomic_fetch_sub_explicit(&body->all->budget->used, len, memory_order_relaxed);
}

static bool is_budget_spent(const rl_body *body) {
    const rl_body_budget *budget = body->all->budget;
    return atomic_load_explicit(&budget->used, memory_order_relaxed) >= budget->ceiling;
}

/* Counted before it is written, so that many bodies at once stay within the quota. */
static bool take_quota(rl_body *body, size_t len) {
    rl_body_budget *budget = body->all->budget;
    uint64_t before = atomic_fetch_add_explicit(&budget->spooled, len, memory_order_relaxed);
    body->spooled += len;
    return budget->spool_ceiling == 0 || before + len <= budget->spool_ceiling;
}

/* ---- spooling -------------------------------------------------------------- */

/* Bytes that the disk has not taken yet. */
static size_t ahead(const rl_body *body) {
    return rl_buf_len(&body->memory) + rl_spool_pending(body->spool);
}

static int write_on(rl_body *body) {
    if (rl_spool_pending(body->spool) > 0 || rl_buf_len(&body->memory) == 0)
        return 0;
    return rl_spool_write(body->spool, &body->memory) == RL_OK ? 0 : 503;
}

static void on_written(void *owner, size_t len, int status) {
    rl_body *body = owner;
    give_budget(body, len);
    if (status == 0 && body->failed == 0)
        status = write_on(body);
    body->all->moved(body, status);
}

/* Not refused for want of budget: what is on its way out soon makes room, and
 * until then the body is full. */
static int spool(rl_body *body, rl_slice bytes) {
    if (!take_quota(body, bytes.len))
        return 507;
    if (rl_buf_append(&body->memory, bytes) != RL_OK)
        return 503;
    atomic_fetch_add_explicit(&body->all->budget->used, bytes.len, memory_order_relaxed);
    return write_on(body);
}

static int begin_to_spool(rl_body *body) {
    body->spool = rl_spool_open(body->all->loop, on_written, body);
    if (body->spool == NULL)
        return 503;
    body->memory.ceiling = RL_BODY_AHEAD_MOST + ONE_MORE;
    if (!take_quota(body, rl_buf_len(&body->memory)))
        return 507;
    return write_on(body);
}

bool rl_body_is_full(const rl_body *body) {
    if (body->spool == NULL || body->failed != 0)
        return false;
    size_t waiting = ahead(body);
    return waiting >= RL_BODY_AHEAD_MOST || (waiting > 0 && is_budget_spent(body));
}

static void give_back(rl_body *body) {
    if (body->spool != NULL) {
        give_budget(body, rl_spool_pending(body->spool));
        atomic_fetch_sub_explicit(&body->all->budget->spooled, body->spooled, memory_order_relaxed);
        rl_spool_close(body->spool);
    }
    give_budget(body, rl_buf_len(&body->memory));
    rl_buf_clear(&body->memory);
}

void rl_body_clear(rl_body *body) {
    if (body->len > 0) {
        give_back(body);
        rl_body_init(body, body->all);
        return;
    }
    body->most = UINT64_MAX;
    body->failed = 0;
    body->has_ended = false;
}

/* ---- gathering ------------------------------------------------------------- */

static int keep(rl_body *body, rl_slice bytes) {
    if (bytes.len == 0)
        return 0;
    if (body->spool == NULL && rl_buf_len(&body->memory) + bytes.len > body->memory.ceiling) {
        int status = begin_to_spool(body);
        if (status != 0)
            return status;
    }
    if (body->spool != NULL)
        return spool(body, bytes);
    if (!take_budget(body, bytes.len))
        return 503;
    if (rl_buf_append(&body->memory, bytes) == RL_OK)
        return 0;
    give_budget(body, bytes.len);
    return 503;
}

int rl_body_keep(rl_body *body) {
    rl_slice bytes = body->borrowed;
    body->borrowed = (rl_slice){NULL, 0};
    return keep(body, bytes);
}

int rl_body_append(rl_body *body, rl_slice bytes) {
    bool first = body->len == 0;
    body->len += bytes.len;
    if (body->len > body->most)
        return 413;
    if (first && bytes.len <= body->memory.ceiling) {
        body->borrowed = bytes;
        return 0;
    }
    int status = rl_body_keep(body);
    return status != 0 ? status : keep(body, bytes);
}

/* ---- reading --------------------------------------------------------------- */

bool rl_body_in_memory(const rl_body *body, rl_slice *out) {
    if (body->spool != NULL)
        return false;
    *out = body->borrowed.len > 0 ? body->borrowed : rl_buf_live(&body->memory);
    return true;
}

int rl_body_file(const rl_body *body) {
    return body->spool == NULL ? -1 : rl_spool_file(body->spool);
}
