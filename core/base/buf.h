/* buf -- bytes we own, that grow up to a ceiling.
 *
 *   consumed         live              spare
 *   +---------+-------------------+--------------+ - - - - +
 *   |         |###################|              |         |
 *   +---------+-------------------+--------------+ - - - - +
 *   base    base+head         base+tail       base+cap  ceiling
 *
 * Every buf has a ceiling, because a buffer without one lets a stranger choose
 * how much of our memory to spend.
 * Slices taken from a buf are borrowed: they die at its next non-const call. */
#ifndef RL_BASE_BUF_H
#define RL_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_buf {
    char *base;
    size_t head, tail, cap, ceiling;
} rl_buf;

/* Takes no memory until the first append. `ceiling` in bytes. */
void rl_buf_init(rl_buf *buf, size_t ceiling);
/* Gives the memory back; the buf is as after rl_buf_init. */
void rl_buf_clear(rl_buf *buf);

static inline size_t rl_buf_len(const rl_buf *buf) {
    return buf->tail - buf->head;
}

static inline rl_slice rl_buf_live(const rl_buf *buf) {
    return (rl_slice){buf->base == NULL ? NULL : buf->base + buf->head, buf->tail - buf->head};
}

/* Append a copy of `bytes`, which must not point into `buf`.
 * Returns RL_EFULL past the ceiling, RL_ENOMEM when memory ran out; either
 * way `buf` is as it was, so the caller may still send what it holds. */
RL_MUST_USE rl_err rl_buf_append(rl_buf *buf, rl_slice bytes);
RL_MUST_USE rl_err rl_buf_append_byte(rl_buf *buf, char byte);
/* As printf, which needs room for one byte more, its NUL. On failure the buf is
 * as it was. */
RL_MUST_USE rl_err rl_buf_appendf(rl_buf *buf, const char *fmt, ...) RL_PRINTF(2, 3);

/* Make room for `len` more bytes behind the live ones: write at most that much
 * at *out, then say with rl_buf_commit how much it was. Fails as append does. */
RL_MUST_USE static inline rl_err rl_buf_reserve(rl_buf *buf, size_t len, char **out);
void rl_buf_commit(rl_buf *buf, size_t len);

/* Drop `len` live bytes from the front; `len` must not exceed the live length. */
void rl_buf_consume(rl_buf *buf, size_t len);
/* Drop all bytes behind the first `len` live ones. */
void rl_buf_truncate(rl_buf *buf, size_t len);
/* Forget all bytes, keep the memory. */
void rl_buf_reset(rl_buf *buf);

/* ---- for rl_buf_reserve ---- */

/* Have `len` bytes of room behind the live ones, where there are fewer. */
RL_MUST_USE rl_err rl_buf_grow(rl_buf *buf, size_t len);

static inline rl_err rl_buf_reserve(rl_buf *buf, size_t len, char **out) {
    if (RL_UNLIKELY(buf->cap - buf->tail < len || buf->base == NULL)) {
        rl_err err = rl_buf_grow(buf, len);
        if (err != RL_OK)
            return err;
    }
    *out = buf->base + buf->tail;
    return RL_OK;
}

#endif
