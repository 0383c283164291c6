/* ear -- a subscription, and whoever waits for its news. */
#ifndef RL_SPEC_PG_EAR_H
#define RL_SPEC_PG_EAR_H

#include "pg/audience.h"
#include "pg/cluster.h"
#include "pg/turn.h"

#ifdef __SANITIZE_THREAD__
/* libpq closes a dead descriptor itself. By the time the loop forgets its number
 * that may be another thread's: the loop's epoll knows no such file, and says so. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:uv__platform_invalidate_fd\n";
}
#endif

typedef struct ear {
    rl_subscription subscription;
    rl_loop *loop;
    bool has_news;
} ear;

static inline void ear_on_news(rl_subscription *subscription) {
    RL_CONTAINER(subscription, ear, subscription)->has_news = true;
}

static inline void ear_join(ear *self, rl_audience *audience, const char *channel) {
    rl_err err = rl_subscription_join(&self->subscription, audience, rl_slice_str(channel), ear_on_news);
    assert_int_equal(err, RL_OK);
}

static inline bool ear_hears(void *arg) {
    return rl_subscription_hearing(&((ear *)arg)->subscription) == RL_HEARING;
}

static inline void ear_await(ear *self) {
    turn_until(self->loop, ear_hears, self);
}

static inline bool ear_has_heard(void *arg) {
    return rl_subscription_peek(&((ear *)arg)->subscription) != RL_HEARD_NOTHING;
}

static inline void ear_await_note(ear *self) {
    turn_until(self->loop, ear_has_heard, self);
}

static inline void ear_expect(ear *self, const char *payload) {
    ear_await_note(self);
    assert_int_equal(rl_subscription_peek(&self->subscription), RL_HEARD_NOTE);
    assert_string_equal(self->subscription.current->payload, payload);
    rl_subscription_shift(&self->subscription);
}

static inline void notify(const char *sql) {
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

#endif
