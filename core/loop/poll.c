#include "loop/poll.h"

#include "base/mem.h"
#include "loop/uv.h"

struct rl_poll {
    uv_poll_t uv;
    rl_poll_fn *ready;
    void *owner;
    int events;
};

rl_err rl_poll_open(rl_loop *loop, int fd, rl_poll_fn *ready, void *owner, rl_poll **out) {
    rl_poll *poll = rl_mem_alloc(sizeof *poll);
    if (poll == NULL)
        return RL_ENOMEM;
    *poll = (rl_poll){.ready = ready, .owner = owner};
    int status = uv_poll_init(&loop->uv, &poll->uv, fd);
    if (status != 0) {
        rl_mem_free(poll);
        return rl_err_from_uv(status);
    }
    poll->uv.data = poll;
    *out = poll;
    return RL_OK;
}

static void watch_again(rl_poll *poll);

static void on_poll(uv_poll_t *handle, int status, int events) {
    rl_poll *poll = handle->data;
    int ready = status < 0 ? RL_POLL_READ | RL_POLL_WRITE : 0;
    if (status < 0)
        watch_again(poll);
    if (events & (UV_READABLE | UV_DISCONNECT))
        ready |= RL_POLL_READ;
    if (events & UV_WRITABLE)
        ready |= RL_POLL_WRITE;
    poll->ready(poll->owner, ready);
}

void rl_poll_watch(rl_poll *poll, int events) {
    if (events == poll->events)
        return;
    poll->events = events;
    int uv_events = 0;
    if (events & RL_POLL_READ)
        uv_events |= UV_READABLE | UV_DISCONNECT;
    if (events & RL_POLL_WRITE)
        uv_events |= UV_WRITABLE;
    if (uv_events == 0)
        uv_poll_stop(&poll->uv);
    else
        uv_poll_start(&poll->uv, uv_events, on_poll);
}

/* libuv stops at an error. But bytes may lie before it: the owner reads those
 * first, and has to be told once more to find the error itself. */
static void watch_again(rl_poll *poll) {
    int events = poll->events;
    poll->events = 0;
    rl_poll_watch(poll, events);
}

static void on_closed(uv_handle_t *handle) {
    rl_mem_free(handle->data);
}

void rl_poll_close(rl_poll *poll) {
    uv_poll_stop(&poll->uv);
    uv_close((uv_handle_t *)&poll->uv, on_closed);
}
