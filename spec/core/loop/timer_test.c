#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* A timer that notes its number when it fires. */
typedef struct alarm_clock {
    rl_timer timer;
    rl_loop *loop;
    int number;
    int again;                 /* how often it restarts itself without delay */
    struct alarm_clock *stops; /* another one that it stops */
    struct journal *journal;
} alarm_clock;

typedef struct journal {
    int numbers[4096];
    size_t count;
} journal;

static void ring(rl_timer *timer) {
    alarm_clock *clock = RL_CONTAINER(timer, alarm_clock, timer);
    assert_false(rl_timer_is_running(timer));
    clock->journal->numbers[clock->journal->count++] = clock->number;
    if (clock->again-- > 0)
        rl_timer_start(clock->loop, timer, 0);
    if (clock->stops != NULL)
        rl_timer_stop(clock->loop, &clock->stops->timer);
}

static void set_up(alarm_clock *clock, rl_loop *loop, journal *j, int number) {
    *clock = (alarm_clock){.loop = loop, .number = number, .journal = j};
    rl_timer_init(&clock->timer, ring);
}

static rl_loop *new_loop(void) {
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    return loop;
}

static void fires_once_and_not_before_its_time(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock a;
    set_up(&a, loop, &j, 1);
    uint64_t from_ms = rl_loop_now_ms(loop);
    rl_timer_start(loop, &a.timer, 5);
    assert_true(rl_timer_is_running(&a.timer));
    rl_loop_turn(loop, false);
    assert_true(j.count == 0 || rl_loop_now_ms(loop) >= from_ms + 5);
    rl_loop_run(loop);
    assert_int_equal(j.count, 1);
    assert_true(rl_loop_now_ms(loop) >= from_ms + 5);
    rl_loop_free(loop);
}

static void fires_in_the_order_of_time_then_of_starting(void **state) {
    (void)state;
    static const uint64_t delays[] = {3, 1, 2, 1, 0, 3, 0, 2};
    static const int order[] = {4, 6, 1, 3, 2, 7, 0, 5};
    enum { COUNT = sizeof order / sizeof *order };
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock clocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        set_up(&clocks[i], loop, &j, i);
        rl_timer_start(loop, &clocks[i].timer, delays[i]);
    }
    rl_loop_run(loop);
    assert_int_equal(j.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(j.numbers[i], order[i]);
    rl_loop_free(loop);
}

static void starting_again_moves_it(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock a, b;
    set_up(&a, loop, &j, 1);
    set_up(&b, loop, &j, 2);
    rl_timer_start(loop, &a.timer, 1);
    rl_timer_start(loop, &b.timer, 2);
    rl_timer_start(loop, &a.timer, 3);
    rl_loop_run(loop);
    assert_int_equal(j.count, 2);
    assert_int_equal(j.numbers[0], 2);
    assert_int_equal(j.numbers[1], 1);
    rl_loop_free(loop);
}

static void a_stopped_one_neither_fires_nor_holds_the_loop(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock a;
    set_up(&a, loop, &j, 1);
    rl_timer_stop(loop, &a.timer);
    rl_timer_start(loop, &a.timer, 3600 * 1000);
    rl_timer_stop(loop, &a.timer);
    rl_timer_stop(loop, &a.timer);
    assert_false(rl_timer_is_running(&a.timer));
    rl_loop_run(loop); /* would take an hour */
    assert_int_equal(j.count, 0);
    rl_loop_free(loop);
}

static void one_may_stop_another_that_is_due_too(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock a, b;
    set_up(&a, loop, &j, 1);
    set_up(&b, loop, &j, 2);
    a.stops = &b;
    rl_timer_start(loop, &a.timer, 0);
    rl_timer_start(loop, &b.timer, 0);
    rl_loop_run(loop);
    assert_int_equal(j.count, 1);
    rl_loop_free(loop);
}

typedef struct turn_counter {
    rl_turn turn;
    size_t count;
} turn_counter;

static bool count_turn(rl_turn *turn) {
    RL_CONTAINER(turn, turn_counter, turn)->count++;
    return false;
}

static void one_that_restarts_itself_at_once_lets_the_loop_poll(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock a;
    turn_counter counter = {.turn.run = count_turn};
    set_up(&a, loop, &j, 1);
    a.again = 20;
    rl_loop_add_turn(loop, &counter.turn);
    rl_timer_start(loop, &a.timer, 0);
    rl_loop_run(loop);
    assert_int_equal(j.count, 21);
    assert_true(counter.count >= 20);
    rl_loop_remove_turn(loop, &counter.turn);
    rl_loop_free(loop);
}

static void a_delay_without_end_never_comes(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    alarm_clock never, soon;
    set_up(&never, loop, &j, 1);
    set_up(&soon, loop, &j, 2);
    rl_timer_start(loop, &never.timer, UINT64_MAX);
    rl_timer_start(loop, &soon.timer, 1);
    while (j.count == 0)
        rl_loop_turn(loop, true);
    rl_loop_turn(loop, false);
    assert_int_equal(j.count, 1);
    assert_int_equal(j.numbers[0], 2);
    rl_timer_stop(loop, &never.timer);
    rl_loop_free(loop);
}

/* Thousands of starts, restarts and stops at random against a plain model. */
static void any_mixture_fires_as_a_sorted_list_would(void **state) {
    (void)state;
    enum { CLOCKS = 300, STEPS = 6000 };
    static alarm_clock clocks[CLOCKS];
    rl_loop *loop = new_loop();
    journal j = {.count = 0};
    uint32_t random = 12345;
    for (int i = 0; i < CLOCKS; i++)
        set_up(&clocks[i], loop, &j, i);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        alarm_clock *clock = &clocks[(random >> 8) % CLOCKS];
        if (random >> 30 == 0)
            rl_timer_stop(loop, &clock->timer);
        else
            rl_timer_start(loop, &clock->timer, (random >> 20) % 8);
    }
    size_t running = 0;
    uint64_t due_ms[CLOCKS], order[CLOCKS];
    for (int i = 0; i < CLOCKS; i++) {
        running += rl_timer_is_running(&clocks[i].timer);
        due_ms[i] = clocks[i].timer.due_ms;
        order[i] = clocks[i].timer.order;
    }
    rl_loop_run(loop);
    assert_int_equal(j.count, running);
    for (size_t i = 1; i < j.count; i++) {
        int before = j.numbers[i - 1], after = j.numbers[i];
        assert_true(due_ms[before] < due_ms[after] ||
                    (due_ms[before] == due_ms[after] && order[before] < order[after]));
    }
    rl_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_and_not_before_its_time),
        cmocka_unit_test(fires_in_the_order_of_time_then_of_starting),
        cmocka_unit_test(starting_again_moves_it),
        cmocka_unit_test(a_stopped_one_neither_fires_nor_holds_the_loop),
        cmocka_unit_test(one_may_stop_another_that_is_due_too),
        cmocka_unit_test(one_that_restarts_itself_at_once_lets_the_loop_poll),
        cmocka_unit_test(a_delay_without_end_never_comes),
        cmocka_unit_test(any_mixture_fires_as_a_sorted_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
