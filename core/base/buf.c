#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { FIRST_CAP = 256 /* a small answer's head and body fit without growing */ };

void rl_buf_init(rl_buf *buf, size_t ceiling) {
    *buf = (rl_buf){.ceiling = ceiling};
}

void rl_buf_clear(rl_buf *buf) {
    if (buf->base == NULL)
        return;
    rl_mem_free(buf->base);
    rl_buf_init(buf, buf->ceiling);
}

/* Slide the live bytes to the front once that alone makes the room: cheaper
 * than growing, and bounded because it needs half of the buffer to be consumed. */
static bool make_room_by_sliding(rl_buf *buf, size_t len) {
    size_t live = rl_buf_len(buf);
    if (buf->base == NULL || buf->head < buf->cap / 2 || buf->cap - live < len)
        return false;
    memmove(buf->base, buf->base + buf->head, live);
    buf->head = 0;
    buf->tail = live;
    return true;
}

rl_err rl_buf_grow(rl_buf *buf, size_t len) {
    size_t live = rl_buf_len(buf);
    if (len > buf->ceiling - live)
        return RL_EFULL;
    if (make_room_by_sliding(buf, len))
        return RL_OK;
    size_t want = live + len;
    size_t cap = buf->cap < FIRST_CAP ? FIRST_CAP : buf->cap;
    while (cap < want)
        cap = cap > buf->ceiling / 2 ? buf->ceiling : cap * 2;
    if (cap > buf->ceiling)
        cap = buf->ceiling;
    char *base = rl_mem_alloc(cap);
    if (base == NULL)
        return RL_ENOMEM;
    if (live > 0)
        memcpy(base, buf->base + buf->head, live);
    rl_mem_free(buf->base);
    buf->base = base;
    buf->head = 0;
    buf->tail = live;
    buf->cap = cap;
    return RL_OK;
}

void rl_buf_commit(rl_buf *buf, size_t len) {
    assert(len <= buf->cap - buf->tail);
    buf->tail += len;
}

rl_err rl_buf_append(rl_buf *buf, rl_slice bytes) {
    if (bytes.len == 0)
        return RL_OK;
    char *room;
    rl_err err = rl_buf_reserve(buf, bytes.len, &room);
    if (err != RL_OK)
        return err;
    memcpy(room, bytes.ptr, bytes.len);
    buf->tail += bytes.len;
    return RL_OK;
}

rl_err rl_buf_append_byte(rl_buf *buf, char byte) {
    char *room;
    rl_err err = rl_buf_reserve(buf, 1, &room);
    if (err != RL_OK)
        return err;
    *room = byte;
    buf->tail++;
    return RL_OK;
}

rl_err rl_buf_appendf(rl_buf *buf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *room;
    rl_err err = rl_buf_reserve(buf, (size_t)len + 1, &room);
    if (err != RL_OK)
        return err;
    va_start(args, fmt);
    vsnprintf(room, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->tail += (size_t)len;
    return RL_OK;
}

void rl_buf_consume(rl_buf *buf, size_t len) {
    assert(len <= rl_buf_len(buf));
    buf->head += len;
    if (buf->head == buf->tail)
        buf->head = buf->tail = 0;
}

void rl_buf_truncate(rl_buf *buf, size_t len) {
    assert(len <= rl_buf_len(buf));
    buf->tail = buf->head + len;
}

void rl_buf_reset(rl_buf *buf) {
    buf->head = buf->tail = 0;
}
