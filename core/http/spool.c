#include "http/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/job.h"

/* Where temporary files go; O_TMPFILE leaves nothing behind, even after a crash. */
#define SPOOL_DIR "/tmp"

enum {
    PIECE_MOST = 256 * 1024, /* of one job: others wait for the same threads */
    KEPT_MOST = 512 * 1024   /* a larger buffer is given back once it is empty */
};

struct rl_spool {
    rl_job job;
    rl_loop *loop;
    rl_spool_fn *written;
    void *owner;
    rl_buf bytes; /* the job's from here on, while it runs */
    size_t len;   /* written by the last job */
    int fd;
    int error; /* errno of the last job, or 0 */
    bool is_busy, is_closed;
};

rl_spool *rl_spool_open(rl_loop *loop, rl_spool_fn *written, void *owner) {
    rl_spool *spool = rl_mem_zalloc(1, sizeof *spool);
    if (spool == NULL)
        return NULL;
    spool->loop = loop;
    spool->written = written;
    spool->owner = owner;
    spool->fd = -1;
    return spool;
}

/* ---- on other threads ------------------------------------------------------ */

/* Some file systems (overlayfs of older kernels) know no O_TMPFILE. */
static int open_file(void) {
    int fd = open(SPOOL_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char name[] = SPOOL_DIR "/rille-body-XXXXXX";
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static void write_piece(rl_job *job) {
    rl_spool *spool = RL_CONTAINER(job, rl_spool, job);
    rl_slice rest = rl_buf_live(&spool->bytes);
    size_t most = rest.len < PIECE_MOST ? rest.len : PIECE_MOST;
    spool->len = 0;
    if (spool->fd < 0)
        spool->fd = open_file();
    spool->error = spool->fd < 0 ? errno : 0;
    while (spool->error == 0 && spool->len < most) {
        ssize_t written = write(spool->fd, rest.ptr + spool->len, most - spool->len);
        if (written > 0)
            spool->len += (size_t)written;
        else if (written == 0 || errno != EINTR)
            spool->error = written == 0 ? ENOSPC : errno;
    }
}

/* The blocks of a long file are given back here: that takes its time, too. */
static void close_file(rl_job *job) {
    close(RL_CONTAINER(job, rl_spool, job)->fd);
}

/* ---- on the loop ----------------------------------------------------------- */

static void on_file_closed(rl_job *job) {
    rl_mem_free(RL_CONTAINER(job, rl_spool, job));
}

static void end(rl_spool *spool) {
    rl_buf_clear(&spool->bytes);
    spool->job = (rl_job){.work = close_file, .done = on_file_closed};
    if (spool->fd >= 0 && rl_job_submit(spool->loop, &spool->job) == RL_OK)
        return;
    if (spool->fd >= 0)
        close(spool->fd);
    rl_mem_free(spool);
}

void rl_spool_close(rl_spool *spool) {
    spool->is_closed = true;
    if (!spool->is_busy)
        end(spool);
}

static int status_of(int error) {
    switch (error) {
    case 0: return 0;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return 507;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return 503;
    default: return 500;
    }
}

static void on_written(rl_job *job);

static rl_err write_next(rl_spool *spool) {
    spool->job = (rl_job){.work = write_piece, .done = on_written};
    rl_err err = rl_job_submit(spool->loop, &spool->job);
    spool->is_busy = err == RL_OK;
    return err;
}

/* A buffer that once held a whole body in memory must not stay for the rest of it. */
static void forget_written(rl_spool *spool) {
    rl_buf_consume(&spool->bytes, spool->len);
    if (rl_buf_len(&spool->bytes) > 0)
        return;
    if (spool->bytes.cap > KEPT_MOST)
        rl_buf_clear(&spool->bytes);
    else
        rl_buf_reset(&spool->bytes);
}

static void on_written(rl_job *job) {
    rl_spool *spool = RL_CONTAINER(job, rl_spool, job);
    spool->is_busy = false;
    if (spool->is_closed) {
        end(spool);
        return;
    }
    size_t len = spool->len;
    int status = status_of(spool->error);
    forget_written(spool);
    if (status == 0 && rl_spool_pending(spool) > 0 && write_next(spool) != RL_OK)
        status = 503;
    spool->written(spool->owner, len, status); /* which may close it */
}

rl_err rl_spool_write(rl_spool *spool, rl_buf *bytes) {
    assert(!spool->is_busy && rl_spool_pending(spool) == 0);
    rl_buf taken = *bytes;
    *bytes = spool->bytes;
    bytes->ceiling = taken.ceiling;
    spool->bytes = taken;
    return write_next(spool);
}

size_t rl_spool_pending(const rl_spool *spool) {
    return rl_buf_len(&spool->bytes);
}

int rl_spool_file(const rl_spool *spool) {
    return spool->fd;
}
