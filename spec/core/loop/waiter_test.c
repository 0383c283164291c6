#include "loop/waiter.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/timer.h"

/* Somebody who waits, and what happened to him. */
typedef struct sleeper {
    rl_waiter waiter;
    uint32_t won;
    int wakes, unlinked;
    bool was_linked; /* a case was still linked when he woke */
    int cases;
} sleeper;

typedef struct bed {
    rl_case one;
    sleeper *sleeper;
} bed;

static void on_woken(rl_waiter *waiter, uint32_t number) {
    sleeper *s = RL_CONTAINER(waiter, sleeper, waiter);
    s->won = number;
    s->wakes++;
    s->was_linked = s->unlinked != s->cases;
}

static void on_unlink(rl_case *one) {
    RL_CONTAINER(one, bed, one)->sleeper->unlinked++;
}

static void go_to_sleep(sleeper *s, rl_loop *loop, bed *beds, uint32_t count) {
    *s = (sleeper){.won = UINT32_MAX, .cases = (int)count};
    rl_waiter_init(&s->waiter, loop, on_woken);
    for (uint32_t i = 0; i < count; i++) {
        beds[i].sleeper = s;
        rl_waiter_add(&s->waiter, &beds[i].one, i, on_unlink);
    }
    rl_waiter_park(&s->waiter);
}

static rl_loop *new_loop(void) {
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    return loop;
}

static void the_first_claim_wins_and_the_others_know_it(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    sleeper s;
    bed beds[3];
    go_to_sleep(&s, loop, beds, 3);
    assert_true(rl_waiter_is_parked(&s.waiter));
    assert_true(rl_waiter_claim(&s.waiter, 1));
    assert_false(rl_waiter_is_parked(&s.waiter));
    assert_false(rl_waiter_claim(&s.waiter, 0));
    assert_false(rl_waiter_claim(&s.waiter, 1));
    assert_int_equal(s.wakes, 0);
    rl_waiter_wake(&s.waiter);
    assert_int_equal(s.wakes, 1);
    assert_int_equal(s.won, 1);
    rl_loop_free(loop);
}

static void every_case_is_unlinked_before_he_wakes(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    sleeper s;
    bed beds[5];
    go_to_sleep(&s, loop, beds, 5);
    assert_true(rl_waiter_claim(&s.waiter, 4));
    rl_waiter_wake(&s.waiter);
    assert_int_equal(s.unlinked, 5);
    assert_false(s.was_linked);
    rl_loop_free(loop);
}

static void nobody_claims_one_who_does_not_wait(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    sleeper s = {.won = 7};
    rl_waiter_init(&s.waiter, loop, on_woken);
    assert_false(rl_waiter_claim(&s.waiter, 0));
    bed beds[1];
    go_to_sleep(&s, loop, beds, 1);
    assert_true(rl_waiter_claim(&s.waiter, 0));
    rl_waiter_wake(&s.waiter);
    assert_false(rl_waiter_claim(&s.waiter, 0));
    rl_loop_free(loop);
}

static void a_waiter_waits_again(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    sleeper s;
    bed beds[2];
    go_to_sleep(&s, loop, beds, 2);
    for (uint32_t round = 0; round < 10; round++) {
        assert_true(rl_waiter_claim(&s.waiter, round % 2));
        rl_waiter_wake(&s.waiter);
        assert_int_equal(s.won, round % 2);
        assert_int_equal(s.wakes, round + 1);
        rl_waiter_add(&s.waiter, &beds[0].one, 0, NULL);
        rl_waiter_park(&s.waiter);
    }
    rl_loop_free(loop);
}

/* ---- from other threads ---------------------------------------------------- */

typedef struct race {
    sleeper *sleeper;
    pthread_barrier_t *start;
    uint32_t number;
    int delivered; /* the value that the winner hands over, before it wakes */
    bool has_won;
} race;

static void *claim_it(void *arg) {
    race *r = arg;
    pthread_barrier_wait(r->start);
    r->has_won = rl_waiter_claim(&r->sleeper->waiter, r->number);
    if (r->has_won) {
        r->delivered = 1000 + (int)r->number;
        rl_waiter_wake_from_afar(&r->sleeper->waiter);
    }
    return NULL;
}

static void on_late(rl_timer *timer) {
    (void)timer;
    fail_msg("nobody was woken within a minute");
}

static void of_two_threads_exactly_one_wakes_him_with_its_value(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    rl_timer late; /* keeps the loop waiting for what comes from afar */
    rl_timer_init(&late, on_late);
    rl_timer_start(loop, &late, 60000);
    int wins[2] = {0, 0};
    for (int round = 0; round < 200; round++) {
        sleeper s;
        bed beds[2];
        pthread_barrier_t start;
        pthread_t threads[2];
        go_to_sleep(&s, loop, beds, 2);
        pthread_barrier_init(&start, NULL, 2);
        race races[2] = {{.sleeper = &s, .start = &start, .number = 0},
                         {.sleeper = &s, .start = &start, .number = 1}};
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, claim_it, &races[i]), 0);
        while (s.wakes == 0)
            rl_loop_turn(loop, true);
        assert_in_range(s.won, 0, 1);
        assert_int_equal(races[s.won].delivered, 1000 + (int)s.won);
        wins[s.won]++;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_true(races[0].has_won != races[1].has_won);
        assert_int_equal(s.wakes, 1);
        assert_int_equal(s.unlinked, 2);
        pthread_barrier_destroy(&start);
    }
    assert_int_equal(wins[0] + wins[1], 200);
    rl_timer_stop(loop, &late);
    rl_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_claim_wins_and_the_others_know_it),
        cmocka_unit_test(every_case_is_unlinked_before_he_wakes),
        cmocka_unit_test(nobody_claims_one_who_does_not_wait),
        cmocka_unit_test(a_waiter_waits_again),
        cmocka_unit_test(of_two_threads_exactly_one_wakes_him_with_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
