#include "sync/channel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/timer.h"
#include "mem.h"
#include "sync/party.h"

/* Somebody who waits as a task does. */
typedef struct actor {
    rl_loop *loop;
    rl_waiter waiter;
    rl_timer timer;
    rl_case due;
    int64_t woken; /* by which case; -1: not yet */
} actor;

enum { CASE_DUE = 0, CASE_PARTY = 1 };

static void on_woken(rl_waiter *waiter, uint32_t number) {
    RL_CONTAINER(waiter, actor, waiter)->woken = number;
}

static void on_due(rl_timer *timer) {
    actor *at = RL_CONTAINER(timer, actor, timer);
    if (rl_waiter_claim(&at->waiter, CASE_DUE))
        rl_waiter_wake(&at->waiter);
}

static void stop_timer(rl_case *one) {
    actor *at = RL_CONTAINER(one, actor, due);
    rl_timer_stop(at->loop, &at->timer);
}

static void open_actor(actor *at) {
    *at = (actor){.woken = -1};
    assert_int_equal(rl_loop_new(&at->loop), RL_OK);
    rl_waiter_init(&at->waiter, at->loop, on_woken);
    rl_timer_init(&at->timer, on_due);
}

static void close_actor(actor *at) {
    rl_loop_free(at->loop);
}

static rl_parcel *parcel_of(int64_t number) {
    rl_parcel *parcel = rl_parcel_new(rl_slice_of((const char *)&number, sizeof number));
    assert_non_null(parcel);
    return parcel;
}

static int64_t number_in(rl_message *message) {
    int64_t number;
    rl_slice bytes = rl_message_bytes(message);
    assert_int_equal(bytes.len, sizeof number);
    memcpy(&number, bytes.ptr, sizeof number);
    rl_message_clear(message);
    return number;
}

static rl_err send_number(rl_channel *channel, int64_t number, rl_loop *here) {
    return rl_channel_send(channel, rl_slice_of((const char *)&number, sizeof number), here);
}

/* The number, or -1 and why. */
static int64_t receive_number(rl_channel *channel, rl_loop *here, rl_err *err) {
    rl_message message = {.parcel = NULL};
    *err = rl_channel_receive(channel, &message, here);
    return *err == RL_OK ? number_in(&message) : -1;
}

static rl_channel *new_channel(size_t capacity) {
    rl_channel *channel;
    assert_int_equal(rl_channel_new(capacity, &channel), RL_OK);
    return channel;
}

static bool wait_for(actor *at, rl_party *parties, size_t count) {
    at->woken = -1;
    return rl_parties_wait(parties, count, &at->waiter, CASE_PARTY);
}

static void turn(actor *at) {
    rl_loop_turn(at->loop, false);
}

/* ---- one thread ------------------------------------------------------------------ */

static void it_holds_as_many_as_it_has_room_for(void **state) {
    (void)state;
    rl_channel *channel = new_channel(2);
    rl_err err;
    assert_int_equal(send_number(channel, 1, NULL), RL_OK);
    assert_int_equal(send_number(channel, 2, NULL), RL_OK);
    assert_int_equal(send_number(channel, 3, NULL), RL_EFULL);
    assert_true(rl_channel_would_wait(channel, true));
    assert_int_equal(receive_number(channel, NULL, &err), 1);
    assert_int_equal(rl_channel_depth(channel), 1);
    assert_int_equal(rl_channel_close(channel, NULL), RL_OK);
    assert_int_equal(rl_channel_close(channel, NULL), RL_ECLOSED);
    assert_int_equal(send_number(channel, 3, NULL), RL_ECLOSED);
    assert_int_equal(receive_number(channel, NULL, &err), 2);
    receive_number(channel, NULL, &err);
    assert_int_equal(err, RL_ECLOSED);
    rl_channel_unref(channel);
}

static void who_waits_is_handed_what_comes(void **state) {
    (void)state;
    for (size_t capacity = 0; capacity < 3; capacity++) {
        rl_channel *channel = new_channel(capacity);
        actor a, b;
        rl_party of_a, of_b;
        rl_message message = {.parcel = NULL};
        rl_err err;
        open_actor(&a);
        open_actor(&b);
        rl_party_init_take(&of_a, channel, NULL);
        rl_party_init_take(&of_b, channel, NULL);
        assert_true(wait_for(&a, &of_a, 1));
        assert_true(wait_for(&b, &of_b, 1));
        assert_int_equal(send_number(channel, 1, a.loop), RL_OK);
        assert_int_equal(a.woken, CASE_PARTY); /* of this loop: at once */
        assert_int_equal(b.woken, -1);
        receive_number(channel, a.loop, &err);
        assert_int_equal(err, RL_ENOTFOUND); /* it is a's */
        assert_int_equal(rl_channel_depth(channel), 0);
        assert_int_equal(rl_party_end(&of_a, &message, a.loop), RL_OK);
        assert_int_equal(number_in(&message), 1);
        assert_int_equal(send_number(channel, 2, a.loop), RL_OK);
        assert_int_equal(b.woken, -1);
        turn(&b);
        assert_int_equal(b.woken, CASE_PARTY);
        assert_int_equal(rl_party_end(&of_b, &message, b.loop), RL_OK);
        assert_int_equal(number_in(&message), 2);
        rl_party_clear(&of_a, a.loop);
        rl_party_clear(&of_b, b.loop);
        close_actor(&a);
        close_actor(&b);
        rl_channel_unref(channel);
    }
}

static void what_is_reserved_takes_no_room(void **state) {
    (void)state;
    rl_channel *channel = new_channel(1);
    actor a;
    rl_party party;
    rl_message message = {.parcel = NULL};
    rl_err err;
    open_actor(&a);
    rl_party_init_take(&party, channel, NULL);
    assert_true(wait_for(&a, &party, 1));
    assert_int_equal(send_number(channel, 1, a.loop), RL_OK);
    assert_int_equal(send_number(channel, 2, a.loop), RL_OK);
    assert_int_equal(send_number(channel, 3, a.loop), RL_EFULL);
    assert_int_equal(rl_party_end(&party, &message, a.loop), RL_OK);
    assert_int_equal(number_in(&message), 1);
    assert_int_equal(receive_number(channel, NULL, &err), 2);
    rl_party_clear(&party, a.loop);
    close_actor(&a);
    rl_channel_unref(channel);
}

static void what_was_reserved_for_one_who_died_goes_to_the_next(void **state) {
    (void)state;
    for (size_t capacity = 0; capacity < 2; capacity++) {
        rl_channel *channel = new_channel(capacity);
        actor dead, next;
        rl_party of_dead, of_next;
        rl_message message = {.parcel = NULL};
        open_actor(&dead);
        open_actor(&next);
        rl_party_init_take(&of_dead, channel, NULL);
        rl_party_init_take(&of_next, channel, NULL);
        assert_true(wait_for(&dead, &of_dead, 1));
        assert_int_equal(send_number(channel, 1, dead.loop), RL_OK);
        assert_true(wait_for(&next, &of_next, 1));
        rl_party_clear(&of_dead, NULL);
        turn(&next);
        assert_int_equal(next.woken, CASE_PARTY);
        assert_int_equal(rl_party_end(&of_next, &message, next.loop), RL_OK);
        assert_int_equal(number_in(&message), 1);
        rl_party_clear(&of_next, NULL);
        close_actor(&dead);
        close_actor(&next);
        rl_channel_unref(channel);
    }
}

static void a_sender_waits_for_room_or_for_a_receiver(void **state) {
    (void)state;
    for (size_t capacity = 0; capacity < 2; capacity++) {
        rl_channel *channel = new_channel(capacity);
        actor a;
        rl_party party;
        rl_err err;
        open_actor(&a);
        for (size_t i = 0; i < capacity; i++)
            assert_int_equal(send_number(channel, (int64_t)i, a.loop), RL_OK);
        rl_party_init_take(&party, channel, parcel_of((int64_t)capacity));
        assert_true(wait_for(&a, &party, 1));
        for (size_t i = 0; i <= capacity; i++) {
            assert_int_equal(receive_number(channel, a.loop, &err), (int64_t)i);
            assert_int_equal(a.woken, CASE_PARTY);
        }
        assert_int_equal(rl_party_end(&party, NULL, a.loop), RL_OK);
        rl_party_clear(&party, a.loop);
        close_actor(&a);
        rl_channel_unref(channel);
    }
}

static void one_of_several_is_served_and_the_others_leave(void **state) {
    (void)state;
    rl_channel *one = new_channel(0), *two = new_channel(1);
    actor a;
    rl_party parties[3];
    rl_message message = {.parcel = NULL};
    open_actor(&a);
    assert_int_equal(send_number(two, 5, NULL), RL_OK);
    rl_party_init_take(&parties[0], one, NULL);
    rl_party_init_take(&parties[1], two, parcel_of(7));
    rl_party_init_take(&parties[2], one, NULL);
    assert_true(wait_for(&a, parties, 3));
    rl_channel_stats stats = rl_channel_stats_of(one);
    assert_int_equal(stats.receivers, 2);
    assert_int_equal(send_number(one, 1, a.loop), RL_OK);
    assert_int_equal(a.woken, CASE_PARTY);
    assert_int_equal(send_number(one, 2, a.loop), RL_EFULL);
    stats = rl_channel_stats_of(two);
    assert_int_equal(stats.senders, 0);
    assert_int_equal(rl_party_end(&parties[0], &message, a.loop), RL_OK);
    assert_int_equal(number_in(&message), 1);
    for (int i = 0; i < 3; i++)
        rl_party_clear(&parties[i], a.loop);
    rl_party_init_take(&parties[0], two, NULL);
    assert_false(wait_for(&a, parties, 1)); /* there is something: nobody waits */
    rl_party_clear(&parties[0], a.loop);
    close_actor(&a);
    rl_channel_unref(one);
    rl_channel_unref(two);
}

static void a_close_wakes_everybody(void **state) {
    (void)state;
    rl_channel *channel = new_channel(0);
    actor a, b;
    rl_party receives, sends;
    rl_message message = {.parcel = NULL};
    open_actor(&a);
    open_actor(&b);
    rl_party_init_take(&receives, channel, NULL);
    assert_true(wait_for(&a, &receives, 1));
    assert_int_equal(rl_channel_close(channel, a.loop), RL_OK);
    assert_int_equal(a.woken, CASE_PARTY);
    assert_int_equal(rl_party_end(&receives, &message, a.loop), RL_ECLOSED);
    rl_party_clear(&receives, a.loop);
    rl_channel_unref(channel);
    channel = new_channel(0);
    rl_party_init_take(&sends, channel, parcel_of(1));
    assert_true(wait_for(&b, &sends, 1));
    assert_int_equal(rl_channel_close(channel, a.loop), RL_OK);
    turn(&b);
    assert_int_equal(rl_party_end(&sends, &message, b.loop), RL_ECLOSED);
    rl_party_clear(&sends, b.loop);
    close_actor(&a);
    close_actor(&b);
    rl_channel_unref(channel);
}

static void it_is_full_of_bytes_too(void **state) {
    (void)state;
    rl_channel *channel = new_channel(1000);
    static char room[1 << 20];
    rl_parcel *parcel = rl_parcel_new(rl_slice_of(room, sizeof room));
    for (int i = 0; i < 64; i++)
        assert_int_equal(rl_channel_send_parcel(channel, parcel, NULL), RL_OK);
    assert_int_equal(rl_channel_send_parcel(channel, parcel, NULL), RL_EFULL);
    rl_parcel_unref(parcel);
    rl_channel_unref(channel);
}

/* ---- each allocation fails --------------------------------------------------------- */

static void send_and_receive(void) {
    rl_channel *channel;
    rl_err err;
    for (size_t capacity = 0; capacity < 50; capacity += 49) {
        if (rl_channel_new(capacity, &channel) != RL_OK)
            continue;
        int64_t sent = 0, received = 0;
        for (int64_t i = 0; i < 40; i++) {
            err = send_number(channel, i, NULL);
            assert_true(err == RL_OK || err == RL_ENOMEM || capacity == 0);
            sent += err == RL_OK;
        }
        while (receive_number(channel, NULL, &err) >= 0)
            received++;
        assert_int_equal(sent, received);
        rl_channel_unref(channel);
    }
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(send_and_receive);
}

/* ---- eight threads ------------------------------------------------------------------ */

enum { SIDES = 4, MESSAGES = 3000, CHANNELS = 2 };

/* A message is its sender's number and its own. */
typedef struct crowd {
    rl_channel *channels[CHANNELS];
    _Atomic int64_t sent, received, sum;
} crowd;

typedef struct member {
    crowd *crowd;
    pthread_t thread;
    actor actor;
    int64_t number;
    unsigned seed;
} member;

static unsigned roll(member *m, unsigned sides) {
    m->seed = m->seed * 1103515245u + 12345u;
    return (m->seed >> 16) % sides;
}

/* Now and then for a moment alone, so that time and parties race for the wait. */
static void begin_moment(member *m) {
    actor *at = &m->actor;
    if (roll(m, 4) != 0)
        return;
    rl_timer_start(at->loop, &at->timer, roll(m, 2));
    rl_waiter_add(&at->waiter, &at->due, CASE_DUE, stop_timer);
}

static int64_t await(member *m) {
    begin_moment(m);
    while (m->actor.woken < 0)
        rl_loop_turn(m->actor.loop, true);
    return m->actor.woken;
}

static bool send_once(member *m, rl_channel *channel, int64_t number) {
    rl_err err = send_number(channel, number, m->actor.loop);
    if (err == RL_OK)
        return true;
    assert_int_equal(err, RL_EFULL);
    rl_party party;
    rl_party_init_take(&party, channel, parcel_of(number));
    bool sent = wait_for(&m->actor, &party, 1) && await(m) == CASE_PARTY;
    if (sent)
        assert_int_equal(rl_party_end(&party, NULL, m->actor.loop), RL_OK);
    rl_party_clear(&party, m->actor.loop);
    return sent;
}

static void *send_all(void *arg) {
    member *m = arg;
    rl_loop_hold(m->actor.loop);
    for (int64_t i = 0; i < MESSAGES; i++) {
        rl_channel *channel = m->crowd->channels[m->number % CHANNELS];
        while (!send_once(m, channel, m->number * MESSAGES + i))
            ;
        atomic_fetch_add(&m->crowd->sent, 1);
    }
    return NULL;
}

/* Each sender's messages come to one receiver in their order. */
static void note(member *m, int64_t last[SIDES], int64_t number) {
    int64_t *before = &last[number / MESSAGES];
    assert_true(number > *before);
    *before = number;
    atomic_fetch_add(&m->crowd->received, 1);
    atomic_fetch_add(&m->crowd->sum, number);
}

/* From any of the channels; false: all are closed and empty. */
static bool receive_once(member *m, int64_t last[SIDES]) {
    crowd *all = m->crowd;
    rl_message message = {.parcel = NULL};
    size_t first = roll(m, CHANNELS), closed = 0;
    for (size_t i = 0; i < CHANNELS; i++) {
        rl_err err;
        int64_t number = receive_number(all->channels[(first + i) % CHANNELS], m->actor.loop, &err);
        if (err == RL_OK) {
            note(m, last, number);
            return true;
        }
        closed += err == RL_ECLOSED;
    }
    if (closed == CHANNELS)
        return false;
    rl_party parties[CHANNELS];
    for (size_t i = 0; i < CHANNELS; i++)
        rl_party_init_take(&parties[i], all->channels[i], NULL);
    int64_t won = wait_for(&m->actor, parties, CHANNELS) ? await(m) : CASE_DUE;
    if (won >= CASE_PARTY && rl_party_end(&parties[won - CASE_PARTY], &message, m->actor.loop) == RL_OK)
        note(m, last, number_in(&message));
    for (size_t i = 0; i < CHANNELS; i++)
        rl_party_clear(&parties[i], m->actor.loop);
    return true;
}

static void *receive_all(void *arg) {
    member *m = arg;
    int64_t last[SIDES];
    for (int i = 0; i < SIDES; i++)
        last[i] = -1;
    rl_loop_hold(m->actor.loop);
    while (receive_once(m, last))
        ;
    return NULL;
}

static void eight_threads_lose_nothing(size_t capacity) {
    crowd all = {.sent = 0};
    member members[2 * SIDES];
    for (int i = 0; i < CHANNELS; i++)
        all.channels[i] = new_channel(capacity);
    for (int i = 0; i < 2 * SIDES; i++) {
        members[i] = (member){.crowd = &all, .number = i % SIDES, .seed = (unsigned)i + 1};
        open_actor(&members[i].actor);
    }
    for (int i = 0; i < 2 * SIDES; i++)
        pthread_create(&members[i].thread, NULL, i < SIDES ? send_all : receive_all, &members[i]);
    for (int i = 0; i < SIDES; i++)
        pthread_join(members[i].thread, NULL);
    for (int i = 0; i < CHANNELS; i++)
        assert_int_equal(rl_channel_close(all.channels[i], NULL), RL_OK);
    for (int i = SIDES; i < 2 * SIDES; i++)
        pthread_join(members[i].thread, NULL);
    const int64_t count = SIDES * MESSAGES;
    assert_int_equal(atomic_load(&all.sent), count);
    assert_int_equal(atomic_load(&all.received), count);
    assert_int_equal(atomic_load(&all.sum), count * (count - 1) / 2);
    for (int i = 0; i < 2 * SIDES; i++)
        close_actor(&members[i].actor);
    for (int i = 0; i < CHANNELS; i++)
        rl_channel_unref(all.channels[i]);
}

static void eight_threads_lose_nothing_without_room(void **state) {
    (void)state;
    eight_threads_lose_nothing(0);
}

static void eight_threads_lose_nothing_with_room(void **state) {
    (void)state;
    eight_threads_lose_nothing(1);
    eight_threads_lose_nothing(16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_as_many_as_it_has_room_for),
        cmocka_unit_test(who_waits_is_handed_what_comes),
        cmocka_unit_test(what_is_reserved_takes_no_room),
        cmocka_unit_test(what_was_reserved_for_one_who_died_goes_to_the_next),
        cmocka_unit_test(a_sender_waits_for_room_or_for_a_receiver),
        cmocka_unit_test(one_of_several_is_served_and_the_others_leave),
        cmocka_unit_test(a_close_wakes_everybody),
        cmocka_unit_test(it_is_full_of_bytes_too),
        cmocka_unit_test(each_refusal_is_survived),
        cmocka_unit_test(eight_threads_lose_nothing_without_room),
        cmocka_unit_test(eight_threads_lose_nothing_with_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
