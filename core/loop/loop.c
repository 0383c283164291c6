#include "loop/loop.h"

#include <assert.h>
#include <time.h>

#include "base/mem.h"
#include "loop/uv.h"

enum { FROZEN_DELAY_MS = 24 * 3600 * 1000 /* what holds a loop whose timers do not wait for real time */ };

rl_err rl_err_from_uv(int status) {
    switch (status) {
    case 0: return RL_OK;
    case UV_ENOMEM: return RL_ENOMEM;
    case UV_EOF: return RL_EOF;
    case UV_ETIMEDOUT: return RL_ETIMEOUT;
    case UV_ECANCELED: return RL_ECANCELLED;
    case UV_EADDRINUSE: return RL_EINUSE;
    case UV_ECONNRESET:
    case UV_EPIPE: return RL_ERESET;
    default: return RL_EIO;
    }
}

static void spin(uv_idle_t *idle) {
    (void)idle; /* being active is all it does: it makes the poll return at once */
}

static void run_turns(rl_loop *loop) {
    bool more = false;
    loop->turn_wanted = false;
    for (rl_list *link = loop->turns.next; link != &loop->turns; link = loop->next_turn) {
        rl_turn *turn = RL_CONTAINER(link, rl_turn, link);
        loop->next_turn = link->next; /* a hook may remove any hook, itself too: rl_loop_remove_turn */
        more |= turn->run(turn);
    }
    if (more || loop->turn_wanted)
        uv_idle_start(&loop->no_wait, spin);
    else
        uv_idle_stop(&loop->no_wait);
}

static void on_after_poll(uv_check_t *check) {
    rl_loop *loop = check->data;
    loop->is_polling = false;
    rl_inbox_wake_up(&loop->inbox);
    run_turns(loop);
}

bool rl_loop_is_ready(rl_loop *loop) {
    return uv_backend_timeout(&loop->uv) == 0 || rl_inbox_has_posts(&loop->inbox);
}

static void look_before_a_wait(rl_loop *loop, bool had_work) {
    if (had_work) {
        rl_loop_wake_turn(loop); /* what it led to comes before a wait or a jump: the next turn looks again */
        return;
    }
    if (loop->look != NULL && loop->clock.may_wait && !rl_loop_is_ready(loop))
        loop->look(loop->look_owner);
    if (loop->clock.is_frozen && !loop->turn_wanted)
        rl_clock_jump(loop);
}

static void on_before_poll(uv_prepare_t *prepare) {
    rl_loop *loop = prepare->data;
    bool had_work = loop->turn_wanted || loop->has_fired;
    bool is_watched = loop->is_one_turn || loop->clock.is_frozen || loop->look != NULL;
    loop->has_fired = false;
    if (loop->turn_wanted)
        run_turns(loop);
    if (RL_UNLIKELY(is_watched))
        look_before_a_wait(loop, had_work);
    loop->turn_ns = 0; /* what comes next has not happened yet */
    loop->is_polling = true;
    if (uv_is_active((uv_handle_t *)&loop->no_wait))
        return;
    if (!(is_watched ? rl_inbox_fall_fast_asleep(&loop->inbox) : rl_inbox_fall_asleep(&loop->inbox)))
        uv_idle_start(&loop->no_wait, spin);
}

void rl_loop_watch_waits(rl_loop *loop, void (*look)(void *owner), void *owner) {
    loop->look = look;
    loop->look_owner = owner;
}

void rl_loop_add_turn(rl_loop *loop, rl_turn *turn) {
    rl_list_push_back(&loop->turns, &turn->link);
}

void rl_loop_remove_turn(rl_loop *loop, rl_turn *turn) {
    if (loop->next_turn == &turn->link)
        loop->next_turn = turn->link.next;
    rl_list_remove(&turn->link);
}

void rl_loop_wake_turn(rl_loop *loop) {
    if (loop->turn_wanted)
        return;
    loop->turn_wanted = true;
    /* libuv runs nothing at all, hooks included, while no handle is active. But behind a poll they run anyhow. */
    if (!loop->is_polling)
        uv_idle_start(&loop->no_wait, spin);
}

static void on_next_timer(uv_timer_t *timer) {
    rl_loop *loop = timer->data;
    loop->has_fired = true;
    rl_timer_run_due(loop);
}

void rl_loop_arm(rl_loop *loop, uint64_t least_ms) {
    if (loop->timers == NULL) {
        uv_timer_stop(&loop->next_timer);
        return;
    }
    uint64_t now_ms = rl_loop_now_ms(loop);
    uint64_t due_ms = loop->timers->due_ms;
    uint64_t delay_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (RL_UNLIKELY(loop->clock.is_frozen)) {
        if (delay_ms == 0)
            rl_loop_wake_turn(loop); /* there the clock fires it */
        delay_ms = FROZEN_DELAY_MS;
    }
    uv_timer_start(&loop->next_timer, on_next_timer, delay_ms < least_ms ? least_ms : delay_ms, 0);
}

rl_err rl_loop_new(rl_loop **out) {
    rl_loop *loop = rl_mem_zalloc(1, sizeof *loop);
    if (loop == NULL)
        return RL_ENOMEM;
    int status = uv_loop_init(&loop->uv);
    if (status == 0) {
        status = rl_inbox_open(&loop->inbox, &loop->uv);
        if (status != 0)
            uv_loop_close(&loop->uv);
    }
    if (status != 0) {
        rl_mem_free(loop);
        return rl_err_from_uv(status);
    }
    rl_list_init(&loop->turns);
    uv_timer_init(&loop->uv, &loop->next_timer);
    loop->next_timer.data = loop;
    uv_check_init(&loop->uv, &loop->after_poll);
    loop->after_poll.data = loop;
    uv_check_start(&loop->after_poll, on_after_poll);
    uv_prepare_init(&loop->uv, &loop->before_poll);
    loop->before_poll.data = loop;
    uv_prepare_start(&loop->before_poll, on_before_poll);
    uv_idle_init(&loop->uv, &loop->no_wait);
    /* What serves the loop itself must not keep it alive. */
    uv_unref((uv_handle_t *)&loop->after_poll);
    uv_unref((uv_handle_t *)&loop->before_poll);
    *out = loop;
    return RL_OK;
}

void rl_loop_free(rl_loop *loop) {
    rl_loop_run_posts(loop); /* posts own memory that only their `run` frees */
    rl_inbox_close(&loop->inbox);
    uv_close((uv_handle_t *)&loop->next_timer, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->no_wait, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int status = uv_loop_close(&loop->uv);
    assert(status == 0 && "something opened on the loop was not closed");
    (void)status;
    rl_inbox_closed(&loop->inbox);
    rl_mem_free(loop);
}

/* A post in the inbox is something to do, though its handle does not count. */
static void heed_inbox(rl_loop *loop) {
    if (rl_inbox_has_posts(&loop->inbox))
        rl_loop_wake_turn(loop);
}

void rl_loop_run(rl_loop *loop) {
    heed_inbox(loop);
    loop->clock.may_wait = true;
    loop->is_one_turn = false;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void rl_loop_hold(rl_loop *loop) {
    uv_ref((uv_handle_t *)&loop->inbox.poll);
}

void rl_loop_post(rl_loop *loop, rl_post *post) {
    rl_inbox_put(&loop->inbox, post);
}

void rl_loop_ask(rl_loop *loop) {
    rl_vigil_ask(&loop->inbox.vigil);
}

void rl_loop_run_posts(rl_loop *loop) {
    rl_inbox_run(&loop->inbox);
}

bool rl_loop_turn(rl_loop *loop, bool may_wait) {
    heed_inbox(loop);
    loop->clock.may_wait = may_wait;
    loop->is_one_turn = true;
    loop->has_fired = false;
    return uv_run(&loop->uv, may_wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
}

void rl_loop_stop(rl_loop *loop) {
    uv_stop(&loop->uv);
}

uint64_t rl_loop_now_ms(const rl_loop *loop) {
    return RL_UNLIKELY(loop->clock.is_frozen) ? loop->clock.frozen_ms : uv_now(&loop->uv) + loop->clock.ahead_ms;
}

uint64_t rl_clock_ns(void) {
    return uv_hrtime();
}

int64_t rl_clock_wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t rl_clock_coarse_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t rl_loop_turn_ns(rl_loop *loop) {
    if (loop->turn_ns == 0)
        loop->turn_ns = uv_hrtime();
    return loop->turn_ns;
}
