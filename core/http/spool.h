/* spool -- bytes on their way to an unnamed temporary file, off the loop's thread.
 *
 *   rl_spool_write --> bytes --job--> file       one job at a time, a short piece each
 *                        `--> written(owner, len, status), on the loop, after each
 *
 * A disk may take a second for what a socket brings in a millisecond: the file
 * is opened, written and closed by jobs, which own all that they touch. */
#ifndef RL_HTTP_SPOOL_H
#define RL_HTTP_SPOOL_H

#include "base/buf.h"
#include "loop/loop.h"

typedef struct rl_spool rl_spool;
/* `len` more bytes are in the file; with a status, it takes no more: 507 when
 * it has no room, 503 when the process is out of descriptors, 500 when the disk fails. */
typedef void rl_spool_fn(void *owner, size_t len, int status);

/* NULL when memory ran out. */
rl_spool *rl_spool_open(rl_loop *loop, rl_spool_fn *written, void *owner);
/* At once: `written` is not called any more, a job that runs ends by itself. */
void rl_spool_close(rl_spool *spool);
/* Have all of `bytes` written behind what was written so far. They are taken,
 * and an empty buffer is left in their place. Only when the spool is idle. */
RL_MUST_USE rl_err rl_spool_write(rl_spool *spool, rl_buf *bytes);
/* Bytes taken and not in the file yet. Idle: none are. */
size_t rl_spool_pending(const rl_spool *spool);
/* The open file, borrowed; -1 before the first byte was written. */
int rl_spool_file(const rl_spool *spool);

#endif
