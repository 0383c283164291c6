#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Where temporary files go; O_TMPFILE leaves nothing behind, even after a crash. */
#define SPOOL_DIR "/tmp"

void rl_body_init(rl_body *body, size_t max_memory, rl_body_budget *budget) {
    *body = (rl_body){.budget = budget, .most = UINT64_MAX, .spool = -1};
    rl_buf_init(&body->memory, max_memory);
}

static bool take_budget(rl_body *body, size_t len) {
    uint64_t before = atomic_fetch_add_explicit(&body->budget->used, len, memory_order_relaxed);
    if (before + len <= body->budget->ceiling)
        return true;
    atomic_fetch_sub_explicit(&body->budget->used, len, memory_order_relaxed);
    return false;
}

static void drop_memory(rl_body *body) {
    size_t len = rl_buf_len(&body->memory);
    if (len > 0)
        atomic_fetch_sub_explicit(&body->budget->used, len, memory_order_relaxed);
    rl_buf_clear(&body->memory);
}

void rl_body_clear(rl_body *body) {
    drop_memory(body);
    if (body->spool >= 0) {
        close(body->spool);
        atomic_fetch_sub_explicit(&body->budget->spooled, body->spooled, memory_order_relaxed);
    }
    body->spool = -1;
    body->spooled = 0;
    body->borrowed = (rl_slice){NULL, 0};
}

/* Counted before it is written, so that many bodies at once stay within the quota. */
static bool take_quota(rl_body *body, size_t len) {
    rl_body_budget *budget = body->budget;
    uint64_t before = atomic_fetch_add_explicit(&budget->spooled, len, memory_order_relaxed);
    body->spooled += len;
    return budget->spool_ceiling == 0 || before + len <= budget->spool_ceiling;
}

static int spool(rl_body *body, rl_slice bytes) {
    if (!take_quota(body, bytes.len))
        return 507;
    while (bytes.len > 0) {
        ssize_t written = write(body->spool, bytes.ptr, bytes.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return 507;
        bytes = rl_slice_of(bytes.ptr + written, bytes.len - (size_t)written);
    }
    return 0;
}

/* Some file systems (overlayfs of older kernels) know no O_TMPFILE. */
static int open_spool(void) {
    int fd = open(SPOOL_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char name[] = SPOOL_DIR "/rille-body-XXXXXX";
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static int move_to_file(rl_body *body) {
    body->spool = open_spool();
    if (body->spool < 0)
        return 507;
    int status = spool(body, rl_buf_live(&body->memory));
    drop_memory(body);
    return status;
}

static int keep(rl_body *body, rl_slice bytes) {
    if (bytes.len == 0)
        return 0;
    if (body->spool < 0 && rl_buf_len(&body->memory) + bytes.len > body->memory.ceiling) {
        int status = move_to_file(body);
        if (status != 0)
            return status;
    }
    if (body->spool >= 0)
        return spool(body, bytes);
    if (!take_budget(body, bytes.len))
        return 503;
    if (rl_buf_append(&body->memory, bytes) == RL_OK)
        return 0;
    atomic_fetch_sub_explicit(&body->budget->used, bytes.len, memory_order_relaxed);
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
    if (first) {
        body->borrowed = bytes;
        return 0;
    }
    int status = rl_body_keep(body);
    return status != 0 ? status : keep(body, bytes);
}

bool rl_body_in_memory(const rl_body *body, rl_slice *out) {
    if (body->spool >= 0)
        return false;
    *out = body->borrowed.len > 0 ? body->borrowed : rl_buf_live(&body->memory);
    return true;
}

rl_err rl_body_copy(const rl_body *body, char *out) {
    rl_slice bytes;
    if (rl_body_in_memory(body, &bytes)) {
        if (bytes.len > 0)
            memcpy(out, bytes.ptr, bytes.len);
        return RL_OK;
    }
    for (uint64_t at = 0; at < body->len;) {
        ssize_t got = pread(body->spool, out + at, body->len - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return RL_EIO;
        at += (uint64_t)got;
    }
    return RL_OK;
}
