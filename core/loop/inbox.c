#include "loop/inbox.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOKS_A_POLL = 64 /* of a loop that waits awake: about a microsecond, then it sees to its sockets */ };

static rl_post *top_of(rl_inbox *inbox) {
    return atomic_load_explicit(&inbox->top, memory_order_relaxed);
}

/* What was posted runs behind the poll, whether it has woken the loop or not. */
static void on_woken(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    const rl_inbox *inbox = poll->data;
    eventfd_t count;
    eventfd_read(inbox->fd, &count);
}

/* An eventfd of our own and not libuv's uv_async, whose receiver spins until the sender has come back from its
 * write: that is a third of the time of a message to a worker that sleeps. */
int rl_inbox_open(rl_inbox *inbox, uv_loop_t *uv) {
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0)
        return UV_EMFILE;
    int status = uv_poll_init(uv, &inbox->poll, inbox->fd);
    if (status == 0)
        status = uv_poll_start(&inbox->poll, UV_READABLE, on_woken);
    if (status != 0) {
        close(inbox->fd);
        return status;
    }
    inbox->poll.data = inbox;
    uv_unref((uv_handle_t *)&inbox->poll);
    return 0;
}

void rl_inbox_close(rl_inbox *inbox) {
    uv_close((uv_handle_t *)&inbox->poll, NULL);
}

void rl_inbox_closed(const rl_inbox *inbox) {
    close(inbox->fd);
}

/* ---- posts -------------------------------------------------------------- */

void rl_inbox_put(rl_inbox *inbox, rl_post *post) {
    rl_post *top = top_of(inbox);
    do
        post->next = top == &inbox->asleep ? NULL : top;
    while (!atomic_compare_exchange_weak_explicit(&inbox->top, &top, post, memory_order_release,
                                                  memory_order_relaxed));
    if (top != &inbox->asleep)
        return;
    atomic_store_explicit(&inbox->woken_from, sched_getcpu(), memory_order_relaxed);
    eventfd_write(inbox->fd, 1);
}

bool rl_inbox_has_posts(rl_inbox *inbox) {
    const rl_post *top = top_of(inbox);
    return top != NULL && top != &inbox->asleep;
}

/* The order of arrival, of what was pushed. */
static rl_post *turned_round(rl_post *stack) {
    rl_post *queue = NULL;
    while (stack != NULL) {
        rl_post *next = stack->next;
        stack->next = queue;
        queue = stack;
        stack = next;
    }
    return queue;
}

void rl_inbox_run(rl_inbox *inbox) {
    if (RL_LIKELY(top_of(inbox) == NULL))
        return;
    rl_post *stack = atomic_exchange_explicit(&inbox->top, NULL, memory_order_acquire);
    if (stack == &inbox->asleep)
        return;
    for (rl_post *post = turned_round(stack), *next; post != NULL; post = next) {
        next = post->next;
        post->run(post);
    }
}

/* ---- waiting ------------------------------------------------------------- */

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whoever waits awake for another thread leaves that one the processor, if they share it: the system would take
 * milliseconds to part them. */
static void step_aside(rl_inbox *inbox) {
    int here = sched_getcpu();
    cpu_set_t allowed, others;
    if (here < 0 || here != atomic_load_explicit(&inbox->woken_from, memory_order_relaxed) ||
        sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    others = allowed;
    CPU_CLR((size_t)here, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

static bool stays_awake(rl_inbox *inbox) {
    for (int i = 0; i < LOOKS_A_POLL && top_of(inbox) == NULL; i++)
        relax();
    return top_of(inbox) != NULL || rl_vigil_go_on(&inbox->vigil, rl_clock_ns());
}

bool rl_inbox_fall_fast_asleep(rl_inbox *inbox) {
    rl_post *none = NULL;
    return atomic_compare_exchange_strong_explicit(&inbox->top, &none, &inbox->asleep, memory_order_relaxed,
                                                   memory_order_relaxed);
}

bool rl_inbox_fall_asleep(rl_inbox *inbox) {
    if (RL_UNLIKELY(rl_vigil_is_kept(&inbox->vigil)) && stays_awake(inbox))
        return false;
    return rl_inbox_fall_fast_asleep(inbox);
}

void rl_inbox_wake_up(rl_inbox *inbox) {
    if (RL_UNLIKELY(rl_inbox_has_posts(inbox)) && rl_vigil_hear(&inbox->vigil, rl_clock_ns()))
        step_aside(inbox);
    rl_inbox_run(inbox);
}
