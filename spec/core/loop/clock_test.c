#include "loop/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/job.h"
#include "loop/timer.h"

enum { HOUR_MS = 3600 * 1000 };

/* A timer that notes when it fires, and may start itself or another one anew. */
typedef struct bell {
    rl_timer timer;
    rl_loop *loop;
    int rung;
    uint64_t at_ms;
    int order, *orders;
    int again; /* how often it starts itself anew, `after_ms` later */
    uint64_t after_ms;
} bell;

static void ring(rl_timer *timer) {
    bell *b = RL_CONTAINER(timer, bell, timer);
    b->rung++;
    b->at_ms = rl_loop_now_ms(b->loop);
    if (b->orders != NULL)
        b->order = ++*b->orders;
    if (b->again-- > 0)
        rl_timer_start(b->loop, timer, b->after_ms);
}

static void start(bell *b, rl_loop *loop, uint64_t delay_ms) {
    b->loop = loop;
    rl_timer_init(&b->timer, ring);
    rl_timer_start(loop, &b->timer, delay_ms);
}

static rl_loop *new_loop(void) {
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    return loop;
}

static rl_loop *new_frozen(rl_freeze how) {
    rl_loop *loop = new_loop();
    rl_loop_freeze(loop, how);
    return loop;
}

static void await_ns(uint64_t ns) {
    for (uint64_t from_ns = rl_clock_ns(); rl_clock_ns() < from_ns + ns;)
        continue;
}

/* ---- standing ------------------------------------------------------------------ */

static void frozen_it_stands_whatever_the_time(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_STANDS);
    bell b = {.rung = 0};
    start(&b, loop, 1);
    uint64_t now_ms = rl_loop_now_ms(loop), now_ns = rl_loop_read_ns(loop);
    int64_t wall_us = rl_loop_wall_us(loop);
    for (int i = 0; i < 3; i++) {
        await_ns(2000000);
        assert_true(rl_loop_turn(loop, false));
    }
    assert_int_equal(rl_loop_now_ms(loop), now_ms);
    assert_int_equal(rl_loop_read_ns(loop), now_ns);
    assert_int_equal(rl_loop_wall_us(loop), wall_us);
    assert_int_equal(b.rung, 0);
    rl_timer_stop(loop, &b.timer);
    rl_loop_free(loop);
}

static void what_is_due_at_once_fires_in_a_turn(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_STANDS);
    bell b = {.again = 2};
    start(&b, loop, 0);
    for (int turn = 1; turn <= 3; turn++) {
        rl_loop_turn(loop, true);
        assert_in_range(b.rung, turn, 2 * turn); /* a turn may run its hooks before the poll and behind it */
    }
    assert_int_equal(b.rung, 3);
    assert_false(rl_loop_turn(loop, true));
    rl_loop_free(loop);
}

/* ---- being moved ----------------------------------------------------------------- */

static void moved_it_fires_each_at_its_own_time_in_order(void **state) {
    (void)state;
    static const uint64_t delays_ms[] = {HOUR_MS, 5, 10, 5, 0, HOUR_MS + 1};
    static const int order[] = {5, 2, 4, 3, 1, 0};
    enum { COUNT = sizeof order / sizeof *order };
    rl_loop *loop = new_frozen(RL_FREEZE_STANDS);
    uint64_t from_ms = rl_loop_now_ms(loop), from_ns = rl_loop_read_ns(loop);
    int64_t from_us = rl_loop_wall_us(loop);
    int orders = 0;
    bell bells[COUNT] = {{.rung = 0}};
    for (int i = 0; i < COUNT; i++) {
        bells[i].orders = &orders;
        start(&bells[i], loop, delays_ms[i]);
    }
    rl_loop_advance(loop, 4);
    assert_int_equal(orders, 1);
    rl_loop_advance(loop, HOUR_MS - 4);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(bells[i].order, order[i]);
        if (order[i] > 0)
            assert_int_equal(bells[i].at_ms, from_ms + delays_ms[i]);
    }
    assert_int_equal(rl_loop_now_ms(loop), from_ms + HOUR_MS);
    assert_int_equal(rl_loop_read_ns(loop), from_ns + HOUR_MS * UINT64_C(1000000));
    assert_int_equal(rl_loop_wall_us(loop), from_us + HOUR_MS * INT64_C(1000));
    rl_timer_stop(loop, &bells[COUNT - 1].timer);
    rl_loop_free(loop);
}

static void what_is_started_on_the_way_fires_on_the_way(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_STANDS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    bell b = {.again = 1000, .after_ms = 10};
    start(&b, loop, 10);
    rl_loop_advance(loop, 109);
    assert_int_equal(b.rung, 10);
    assert_int_equal(b.at_ms, from_ms + 100);
    rl_loop_advance(loop, 1);
    assert_int_equal(b.rung, 11);
    rl_timer_stop(loop, &b.timer);
    rl_loop_free(loop);
}

/* ---- and on again ------------------------------------------------------------------ */

static void thawed_it_goes_on_from_where_it_stood(void **state) {
    (void)state;
    static const uint64_t moves_ms[] = {0, HOUR_MS};
    for (int i = 0; i < 2; i++) {
        rl_loop *loop = new_loop();
        uint64_t before_ns = rl_loop_read_ns(loop);
        rl_loop_freeze(loop, RL_FREEZE_STANDS);
        uint64_t frozen_ms = rl_loop_now_ms(loop);
        assert_true(rl_loop_read_ns(loop) >= before_ns);
        rl_loop_advance(loop, moves_ms[i]);
        await_ns(3000000); /* which the loop's clock never learns of */
        uint64_t frozen_ns = rl_loop_read_ns(loop), real_ns = rl_clock_ns();
        rl_loop_thaw(loop);
        rl_loop_thaw(loop);
        assert_int_equal(rl_loop_now_ms(loop), frozen_ms + moves_ms[i]);
        uint64_t thawed_ns = rl_loop_read_ns(loop);
        assert_true(thawed_ns >= frozen_ns);
        assert_true(thawed_ns - frozen_ns <= rl_clock_ns() - real_ns + 2000000);
        bell b = {.rung = 0};
        start(&b, loop, 2);
        rl_loop_run(loop);
        assert_true(b.rung == 1 && b.at_ms >= frozen_ms + moves_ms[i] + 2);
        rl_loop_free(loop);
    }
}

static void thawed_the_wall_shows_the_time_of_day_again(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int64_t from_us = rl_loop_wall_us(loop);
    assert_true(from_us > INT64_C(1700000000) * 1000000);
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    rl_loop_advance(loop, UINT64_C(1000) * HOUR_MS);
    assert_true(rl_loop_wall_us(loop) >= from_us + INT64_C(1000) * HOUR_MS * 1000);
    rl_loop_thaw(loop);
    assert_true(rl_loop_wall_us(loop) < from_us + INT64_C(999) * HOUR_MS * 1000);
    rl_loop_free(loop);
}

static void timers_keep_what_was_left_of_them(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    bell soon = {.rung = 0}, late = {.rung = 0};
    uint64_t from_ms = rl_loop_now_ms(loop);
    start(&soon, loop, HOUR_MS);
    start(&late, loop, 2 * HOUR_MS);
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    rl_loop_advance(loop, from_ms + HOUR_MS - 2 - rl_loop_now_ms(loop)); /* freezing has moved the clock a little */
    assert_int_equal(soon.rung, 0);
    rl_loop_thaw(loop);
    while (soon.rung == 0)
        rl_loop_turn(loop, true);
    assert_int_equal(late.rung, 0);
    rl_timer_stop(loop, &late.timer);
    rl_loop_free(loop);
}

/* ---- jumping ------------------------------------------------------------------------ */

static void jumping_it_needs_no_time(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    bell a = {.again = 9, .after_ms = HOUR_MS}, b = {.rung = 0};
    start(&a, loop, HOUR_MS);
    start(&b, loop, 5 * HOUR_MS + 1);
    rl_loop_run(loop); /* would take ten hours */
    assert_int_equal(a.rung, 10);
    assert_int_equal(a.at_ms, from_ms + 10 * HOUR_MS);
    assert_int_equal(b.at_ms, from_ms + 5 * HOUR_MS + 1);
    rl_loop_free(loop);
}

static void a_turn_that_may_not_wait_does_not_jump(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    bell b = {.rung = 0};
    start(&b, loop, 1);
    for (int i = 0; i < 10; i++)
        rl_loop_turn(loop, false);
    assert_int_equal(b.rung, 0);
    rl_loop_turn(loop, true);
    assert_int_equal(b.rung, 1);
    rl_loop_free(loop);
}

typedef struct busy {
    rl_turn turn;
    int left;
    const bell *bell;
} busy;

static bool work_on(rl_turn *turn) {
    busy *b = RL_CONTAINER(turn, busy, turn);
    assert_int_equal(b->bell->rung, b->left > 0 ? 0 : b->bell->rung);
    return b->left > 0 && --b->left > 0;
}

static void it_jumps_only_when_nothing_is_left_to_do(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    bell b = {.rung = 0};
    busy work = {.turn.run = work_on, .left = 100, .bell = &b};
    start(&b, loop, 1);
    rl_loop_add_turn(loop, &work.turn);
    rl_loop_wake_turn(loop);
    rl_loop_run(loop);
    assert_int_equal(work.left, 0);
    assert_int_equal(b.rung, 1);
    rl_loop_remove_turn(loop, &work.turn);
    rl_loop_free(loop);
}

typedef struct slow_job {
    rl_job job;
    const bell *bell;
    bool is_done;
} slow_job;

static void take_time(rl_job *job) {
    (void)job;
    await_ns(5000000);
}

static void note_done(rl_job *job) {
    slow_job *slow = RL_CONTAINER(job, slow_job, job);
    assert_int_equal(slow->bell->rung, 0);
    slow->is_done = true;
}

static void it_waits_for_what_is_expected_from_outside(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    bell b = {.rung = 0};
    slow_job slow = {.job = {.work = take_time, .done = note_done}, .bell = &b};
    start(&b, loop, 1);
    assert_int_equal(rl_job_submit(loop, &slow.job), RL_OK);
    rl_loop_run(loop);
    assert_true(slow.is_done);
    assert_int_equal(b.rung, 1);
    rl_loop_free(loop);
}

/* A hook that posts to its own loop when it is run for the second time, behind the poll. */
typedef struct letter {
    rl_post post;
    rl_turn turn;
    rl_loop *loop;
    int runs;
    bool has_come;
    uint64_t at_ms;
} letter;

static bool post_late(rl_turn *turn) {
    letter *l = RL_CONTAINER(turn, letter, turn);
    if (++l->runs == 2)
        rl_loop_post(l->loop, &l->post);
    return false;
}

static void note_come(rl_post *post) {
    letter *l = RL_CONTAINER(post, letter, post);
    l->has_come = true;
    l->at_ms = rl_loop_now_ms(l->loop);
}

static void it_heeds_the_inbox_first(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    bell b = {.rung = 0};
    letter l = {.post.run = note_come, .turn.run = post_late, .loop = loop};
    start(&b, loop, 1);
    rl_loop_add_turn(loop, &l.turn);
    rl_loop_wake_turn(loop);
    rl_loop_run(loop);
    assert_true(l.has_come);
    assert_int_equal(l.at_ms, from_ms);
    assert_int_equal(b.at_ms, from_ms + 1);
    rl_loop_remove_turn(loop, &l.turn);
    rl_loop_free(loop);
}

static void *post_soon(void *arg) {
    letter *l = arg;
    await_ns(5000000);
    rl_loop_post(l->loop, &l->post);
    return NULL;
}

static void ring_again_in_an_hour(rl_timer *timer) {
    bell *b = RL_CONTAINER(timer, bell, timer);
    ring(timer);
    rl_timer_start_chore(b->loop, timer, HOUR_MS);
}

static void it_passes_chores_by_and_does_each_once(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    int orders = 0;
    bell chores[2] = {{.loop = loop, .orders = &orders}, {.loop = loop, .orders = &orders}};
    bell a = {.orders = &orders}, b = {.orders = &orders};
    for (int i = 0; i < 2; i++) {
        rl_timer_init(&chores[i].timer, ring_again_in_an_hour);
        rl_timer_start_chore(loop, &chores[i].timer, HOUR_MS);
    }
    start(&a, loop, 100 * HOUR_MS);
    start(&b, loop, 100 * HOUR_MS + 1);
    while (b.rung == 0)
        rl_loop_turn(loop, true);
    assert_int_equal(a.at_ms, from_ms + 100 * HOUR_MS);
    assert_int_equal(b.at_ms, from_ms + 100 * HOUR_MS + 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chores[i].rung, 1);
        assert_int_equal(chores[i].at_ms, from_ms + 100 * HOUR_MS);
        assert_int_equal(chores[i].order, i + 1); /* still what was due first */
        rl_timer_stop(loop, &chores[i].timer);
    }
    rl_loop_free(loop);
}

static void it_stands_where_only_chores_are_left(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    bell chore = {.loop = loop};
    letter l = {.post.run = note_come, .loop = loop};
    pthread_t thread;
    rl_timer_init(&chore.timer, ring);
    rl_timer_start_chore(loop, &chore.timer, HOUR_MS);
    assert_int_equal(pthread_create(&thread, NULL, post_soon, &l), 0);
    while (!l.has_come)
        rl_loop_turn(loop, true);
    pthread_join(thread, NULL);
    assert_int_equal(l.at_ms, from_ms);
    rl_loop_advance(loop, HOUR_MS); /* who moves it himself meets all of them */
    assert_int_equal(chore.rung, 1);
    rl_loop_free(loop);
}

static void it_never_jumps_to_a_time_that_never_comes(void **state) {
    (void)state;
    rl_loop *loop = new_frozen(RL_FREEZE_JUMPS);
    uint64_t from_ms = rl_loop_now_ms(loop);
    bell never = {.rung = 0};
    letter l = {.post.run = note_come, .loop = loop};
    pthread_t thread;
    start(&never, loop, UINT64_MAX);
    assert_int_equal(pthread_create(&thread, NULL, post_soon, &l), 0);
    while (!l.has_come)
        rl_loop_turn(loop, true);
    pthread_join(thread, NULL);
    assert_int_equal(l.at_ms, from_ms);
    assert_int_equal(never.rung, 0);
    rl_timer_stop(loop, &never.timer);
    rl_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_it_stands_whatever_the_time),
        cmocka_unit_test(what_is_due_at_once_fires_in_a_turn),
        cmocka_unit_test(moved_it_fires_each_at_its_own_time_in_order),
        cmocka_unit_test(what_is_started_on_the_way_fires_on_the_way),
        cmocka_unit_test(thawed_it_goes_on_from_where_it_stood),
        cmocka_unit_test(thawed_the_wall_shows_the_time_of_day_again),
        cmocka_unit_test(timers_keep_what_was_left_of_them),
        cmocka_unit_test(jumping_it_needs_no_time),
        cmocka_unit_test(it_passes_chores_by_and_does_each_once),
        cmocka_unit_test(it_stands_where_only_chores_are_left),
        cmocka_unit_test(a_turn_that_may_not_wait_does_not_jump),
        cmocka_unit_test(it_jumps_only_when_nothing_is_left_to_do),
        cmocka_unit_test(it_waits_for_what_is_expected_from_outside),
        cmocka_unit_test(it_heeds_the_inbox_first),
        cmocka_unit_test(it_never_jumps_to_a_time_that_never_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
