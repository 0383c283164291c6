#include "sync/topics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

static rl_parcel *parcel_of(int number) {
    rl_parcel *parcel = rl_parcel_new(rl_slice_of((const char *)&number, sizeof number));
    assert_non_null(parcel);
    return parcel;
}

static size_t publish(rl_topics *topics, int number) {
    rl_parcel *parcel = parcel_of(number);
    size_t heard = rl_topics_publish(topics, RL_LIT("news"), parcel, NULL);
    rl_parcel_unref(parcel);
    return heard;
}

/* The next number, or -1. */
static int hear(rl_subscriber *subscriber) {
    rl_message message = {.parcel = NULL};
    int number = -1;
    if (rl_channel_receive(subscriber->channel, &message, NULL) == RL_OK)
        memcpy(&number, rl_message_bytes(&message).ptr, sizeof number);
    rl_message_clear(&message);
    return number;
}

static void leave(rl_subscriber *subscriber) {
    rl_subscriber_leave(subscriber, NULL);
    rl_subscriber_clear(subscriber);
}

static void it_is_there_while_somebody_listens(void **state) {
    (void)state;
    rl_topics *topics;
    rl_subscriber a, b;
    assert_int_equal(rl_topics_new(&topics), RL_OK);
    assert_false(rl_topics_is_heard(topics, RL_LIT("news")));
    assert_int_equal(publish(topics, 1), 0);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 4, RL_DROP_OLDEST, &a), RL_OK);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 4, RL_DROP_OLDEST, &b), RL_OK);
    assert_int_equal(publish(topics, 2), 2);
    assert_int_equal(hear(&a), 2);
    assert_int_equal(hear(&b), 2);
    leave(&a);
    assert_int_equal(publish(topics, 3), 1);
    rl_subscriber_leave(&b, NULL);
    assert_int_equal(hear(&b), 3); /* what it had is still its own */
    leave(&b);
    assert_false(rl_topics_is_heard(topics, RL_LIT("news")));
    rl_topics_free(topics);
}

static void a_slow_one_loses_by_its_own_policy(void **state) {
    (void)state;
    rl_topics *topics;
    rl_subscriber oldest, newest, strict;
    assert_int_equal(rl_topics_new(&topics), RL_OK);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 2, RL_DROP_OLDEST, &oldest), RL_OK);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 2, RL_DROP_NEWEST, &newest), RL_OK);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 2, RL_DISCONNECT, &strict), RL_OK);
    assert_int_equal(publish(topics, 1), 3);
    assert_int_equal(publish(topics, 2), 3);
    assert_int_equal(publish(topics, 3), 1);
    assert_int_equal(publish(topics, 4), 1);
    assert_int_equal(hear(&oldest), 3);
    assert_int_equal(hear(&newest), 1);
    assert_int_equal(hear(&strict), 1);
    assert_int_equal(hear(&strict), 2);
    assert_true(rl_channel_stats_of(strict.channel).is_closed);
    assert_int_equal(oldest.dropped, 2);
    assert_int_equal(newest.dropped, 2);
    assert_int_equal(strict.dropped, 1);
    leave(&oldest);
    leave(&newest);
    leave(&strict);
    rl_topics_free(topics);
}

static void see_topic(void *owner, const char *name, const rl_topic_stats *stats) {
    assert_string_equal(name, "news");
    *(rl_topic_stats *)owner = *stats;
}

static void it_tells_how_it_does(void **state) {
    (void)state;
    rl_topics *topics;
    rl_subscriber a;
    rl_topic_stats seen = {.subscribers = 0};
    assert_int_equal(rl_topics_new(&topics), RL_OK);
    assert_int_equal(rl_topics_subscribe(topics, RL_LIT("news"), 1, RL_DROP_NEWEST, &a), RL_OK);
    publish(topics, 1);
    publish(topics, 2);
    rl_topics_look(topics, see_topic, &seen);
    assert_int_equal(seen.subscribers, 1);
    assert_int_equal(seen.published, 2);
    assert_int_equal(seen.depth, 1);
    assert_int_equal(seen.dropped, 1);
    assert_int_equal(seen.bytes, sizeof(int));
    leave(&a);
    rl_topics_free(topics);
}

/* ---- threads: some publish, others come, hear and go ------------------------------------- */

enum { THREADS = 4, ROUNDS = 2000 };

static void *publish_many(void *arg) {
    for (int i = 0; i < ROUNDS; i++)
        publish(arg, i);
    return NULL;
}

static void *come_and_go(void *arg) {
    for (int i = 0; i < ROUNDS / 20; i++) {
        rl_subscriber one;
        assert_int_equal(rl_topics_subscribe(arg, RL_LIT("news"), 8, (rl_on_full)(i % 3), &one), RL_OK);
        for (int n = 0; n < 20; n++)
            hear(&one);
        leave(&one);
    }
    return NULL;
}

static void threads_may_come_and_go(void **state) {
    (void)state;
    rl_topics *topics;
    pthread_t threads[2 * THREADS];
    assert_int_equal(rl_topics_new(&topics), RL_OK);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_create(&threads[i], NULL, i < THREADS ? publish_many : come_and_go, topics);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(rl_topics_is_heard(topics, RL_LIT("news")));
    rl_topics_free(topics);
}

/* ---- each allocation fails ------------------------------------------------------------------ */

static void subscribe_and_publish(void) {
    rl_topics *topics;
    rl_subscriber one;
    if (rl_topics_new(&topics) != RL_OK)
        return;
    rl_parcel *parcel = rl_parcel_new(RL_LIT("a parcel"));
    if (parcel != NULL && rl_topics_subscribe(topics, RL_LIT("news"), 40, RL_DROP_OLDEST, &one) == RL_OK) {
        size_t heard = 0;
        for (int i = 0; i < 40; i++)
            heard += rl_topics_publish(topics, RL_LIT("news"), parcel, NULL);
        assert_int_equal(heard + one.dropped, 40);
        leave(&one);
    }
    rl_parcel_unref(parcel);
    rl_topics_free(topics);
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(subscribe_and_publish);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_there_while_somebody_listens), cmocka_unit_test(a_slow_one_loses_by_its_own_policy),
        cmocka_unit_test(it_tells_how_it_does),               cmocka_unit_test(threads_may_come_and_go),
        cmocka_unit_test(each_refusal_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
