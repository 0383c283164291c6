#include "loop/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/timer.h"
#include "mem.h"

static rl_loop *new_loop(void) {
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    return loop;
}

static void a_loop_without_work_ends_at_once(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    rl_loop_run(loop);
    assert_false(rl_loop_turn(loop, true));
    rl_loop_free(loop);
}

static void the_clock_stands_still_within_a_turn(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    uint64_t from_ms = rl_loop_now_ms(loop);
    uint64_t from_ns = rl_clock_ns();
    while (rl_clock_ns() < from_ns + 3000000)
        assert_int_equal(rl_loop_now_ms(loop), from_ms);
    rl_loop_turn(loop, false);
    assert_true(rl_loop_now_ms(loop) >= from_ms + 2);
    rl_loop_free(loop);
}

/* ---- turn hooks ------------------------------------------------------------ */

typedef struct hook {
    rl_turn turn;
    rl_loop *loop;
    int runs, more;
    rl_turn *removes;
    bool stops;
} hook;

static bool on_turn(rl_turn *turn) {
    hook *h = RL_CONTAINER(turn, hook, turn);
    h->runs++;
    if (h->removes != NULL)
        rl_loop_remove_turn(h->loop, h->removes);
    if (h->stops)
        rl_loop_stop(h->loop);
    return h->more-- > 0;
}

static hook new_hook(rl_loop *loop) {
    return (hook){.turn.run = on_turn, .loop = loop};
}

static void a_hook_runs_in_every_turn(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    hook h = new_hook(loop);
    rl_loop_add_turn(loop, &h.turn);
    rl_timer never;
    rl_timer_init(&never, NULL);
    rl_timer_start(loop, &never, 3600 * 1000);
    for (int i = 1; i <= 5; i++) {
        rl_loop_turn(loop, false);
        assert_int_equal(h.runs, i);
    }
    rl_loop_remove_turn(loop, &h.turn);
    rl_loop_turn(loop, false);
    assert_int_equal(h.runs, 5);
    rl_timer_stop(loop, &never);
    rl_loop_free(loop);
}

static void a_hook_with_more_to_do_keeps_the_loop_from_waiting(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    hook h = new_hook(loop);
    h.more = 100;
    rl_loop_add_turn(loop, &h.turn);
    rl_loop_wake_turn(loop); /* nothing else is there: with a wait it would hang or end early */
    rl_loop_run(loop);
    assert_in_range(h.runs, 101, 102); /* a wished turn may come before the poll, and then one after it */
    rl_loop_remove_turn(loop, &h.turn);
    rl_loop_free(loop);
}

static void a_hook_may_remove_itself_and_its_neighbours(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    hook hooks[4];
    for (int i = 0; i < 4; i++) {
        hooks[i] = new_hook(loop);
        rl_loop_add_turn(loop, &hooks[i].turn);
    }
    hooks[0].removes = &hooks[0].turn;
    hooks[1].removes = &hooks[2].turn;
    hooks[3].removes = &hooks[1].turn;
    rl_timer never;
    rl_timer_init(&never, NULL);
    rl_timer_start(loop, &never, 3600 * 1000);
    rl_loop_turn(loop, false);
    rl_loop_turn(loop, false);
    rl_timer_stop(loop, &never);
    assert_int_equal(hooks[0].runs, 1);
    assert_int_equal(hooks[1].runs, 1);
    assert_int_equal(hooks[2].runs, 0);
    assert_int_equal(hooks[3].runs, 2);
    rl_loop_remove_turn(loop, &hooks[3].turn);
    rl_loop_free(loop);
}

typedef struct queuer {
    rl_timer timer;
    rl_loop *loop;
    hook *hook;
    int runs_when_fired;
} queuer;

static void on_queue(rl_timer *timer) {
    queuer *q = RL_CONTAINER(timer, queuer, timer);
    q->runs_when_fired = q->hook->runs;
    rl_loop_wake_turn(q->loop);
}

static void work_queued_by_a_timer_is_seen_before_the_loop_waits(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    hook h = new_hook(loop);
    queuer q = {.loop = loop, .hook = &h, .runs_when_fired = -1};
    rl_timer never;
    rl_timer_init(&never, on_queue);
    rl_timer_init(&q.timer, on_queue);
    rl_loop_add_turn(loop, &h.turn);
    rl_timer_start(loop, &q.timer, 0);
    rl_timer_start(loop, &never, 3600 * 1000);
    h.stops = true; /* else the hour would pass */
    rl_loop_run(loop);
    assert_int_equal(q.runs_when_fired, 0);
    assert_true(h.runs >= 1);
    rl_timer_stop(loop, &never);
    rl_loop_remove_turn(loop, &h.turn);
    rl_loop_free(loop);
}

static void on_due(rl_timer *timer) {
    (void)timer;
}

static void a_turn_does_not_wait_once_something_has_happened(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    rl_timer now, in_an_hour;
    rl_timer_init(&now, on_due);
    rl_timer_init(&in_an_hour, on_due);
    rl_timer_start(loop, &now, 0);
    rl_timer_start(loop, &in_an_hour, 3600 * 1000);
    assert_true(rl_loop_turn(loop, true));
    assert_false(rl_timer_is_running(&now));
    hook h = new_hook(loop);
    rl_loop_add_turn(loop, &h.turn);
    rl_loop_wake_turn(loop);
    assert_true(rl_loop_turn(loop, true));
    assert_true(h.runs > 0);
    rl_timer_stop(loop, &in_an_hour);
    rl_loop_remove_turn(loop, &h.turn);
    rl_loop_free(loop);
}

typedef struct asking {
    rl_timer timer;
    rl_turn turn; /* asks once, before the poll */
    rl_loop *loop;
    uint64_t before_ns, after_ns;
} asking;

static bool ask_in_turn(rl_turn *turn) {
    asking *a = RL_CONTAINER(turn, asking, turn);
    if (a->before_ns == 0)
        a->before_ns = rl_loop_turn_ns(a->loop);
    return false;
}

static void ask_later(rl_timer *timer) {
    asking *a = RL_CONTAINER(timer, asking, timer);
    if (a->before_ns != 0) {
        a->after_ns = rl_loop_turn_ns(a->loop);
        return;
    }
    rl_loop_add_turn(a->loop, &a->turn);
    rl_loop_wake_turn(a->loop);
    rl_timer_start(a->loop, timer, 20);
}

static void the_time_of_a_turn_is_not_from_before_its_wait(void **state) {
    (void)state;
    asking a = {.loop = new_loop(), .turn.run = ask_in_turn};
    rl_timer_init(&a.timer, ask_later);
    rl_timer_start(a.loop, &a.timer, 0);
    rl_loop_run(a.loop);
    assert_true(a.after_ns >= a.before_ns + 15000000);
    rl_loop_remove_turn(a.loop, &a.turn);
    rl_loop_free(a.loop);
}

static void stopping_ends_the_run_and_not_the_loop(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    hook h = new_hook(loop);
    h.stops = true;
    h.more = 1000;
    rl_loop_add_turn(loop, &h.turn);
    rl_loop_wake_turn(loop);
    rl_loop_run(loop);
    int runs = h.runs;
    assert_in_range(runs, 1, 2);
    rl_loop_run(loop);
    assert_in_range(h.runs, runs + 1, runs + 2);
    rl_loop_remove_turn(loop, &h.turn);
    h.more = 0;
    rl_loop_turn(loop, false);
    rl_loop_free(loop);
}

/* ---- the inbox ------------------------------------------------------------- */

enum { SENDERS = 3, POSTS_EACH = 2000 };

typedef struct letter {
    rl_post post;
    struct inbox *inbox;
    int sender, number;
} letter;

typedef struct inbox {
    rl_loop *loop;
    int next[SENDERS]; /* the number that must come next from each */
    int count;
    letter letters[SENDERS][POSTS_EACH];
} inbox;

typedef struct sender {
    inbox *inbox;
    int number;
} sender;

static void on_letter(rl_post *post) {
    letter *l = RL_CONTAINER(post, letter, post);
    assert_int_equal(l->number, l->inbox->next[l->sender]);
    l->inbox->next[l->sender]++;
    l->inbox->count++;
}

static void *send_letters(void *arg) {
    sender *s = arg;
    for (int i = 0; i < POSTS_EACH; i++) {
        letter *l = &s->inbox->letters[s->number][i];
        *l = (letter){.post.run = on_letter, .inbox = s->inbox, .sender = s->number, .number = i};
        rl_loop_post(s->inbox->loop, &l->post);
    }
    return NULL;
}

static void on_late(rl_timer *timer) {
    (void)timer;
    fail_msg("a post was lost");
}

static void posts_of_other_threads_arrive_in_each_senders_order(void **state) {
    (void)state;
    static inbox box;
    rl_timer late;
    pthread_t threads[SENDERS];
    sender senders[SENDERS];
    box = (inbox){.loop = new_loop()};
    rl_timer_init(&late, on_late);
    rl_timer_start(box.loop, &late, 60000);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){&box, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
    }
    while (box.count < SENDERS * POSTS_EACH)
        rl_loop_turn(box.loop, true);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    rl_timer_stop(box.loop, &late);
    rl_loop_free(box.loop);
}

typedef struct echo {
    rl_post post;
    rl_loop *loop;
    int left, turns_seen;
} echo;

static void on_echo(rl_post *post) {
    echo *e = RL_CONTAINER(post, echo, post);
    if (e->left-- > 0)
        rl_loop_post(e->loop, post);
}

static void a_post_may_post_again(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    echo e = {.post.run = on_echo, .loop = loop, .left = 10};
    rl_loop_post(loop, &e.post);
    for (int turn = 0; turn < 100 && e.left >= 0; turn++)
        rl_loop_turn(loop, false);
    assert_int_equal(e.left, -1);
    rl_loop_free(loop);
}

/* ---- two loops ------------------------------------------------------------- */

enum { BALLS = 5000 };

typedef struct player {
    rl_post ball;
    rl_loop *loop;
    struct player *other;
    int left;
    bool goes_last;
} player;

static void on_ball(rl_post *post) {
    player *p = RL_CONTAINER(post, player, ball);
    bool is_over = --p->left == 0;
    rl_loop_ask(p->loop);
    if (!is_over || !p->goes_last)
        rl_loop_post(p->other->loop, &p->other->ball);
    if (is_over)
        rl_loop_stop(p->loop);
}

static void *play(void *arg) {
    player *p = arg;
    rl_timer late;
    rl_timer_init(&late, on_late);
    rl_timer_start(p->loop, &late, 60000);
    rl_loop_run(p->loop);
    rl_timer_stop(p->loop, &late);
    return NULL;
}

/* Asleep at first, awake once that pays, and asleep again where this machine is slow: no post is lost on the way. */
static void two_loops_answer_each_other(void **state) {
    (void)state;
    player players[2];
    pthread_t thread;
    for (int i = 0; i < 2; i++)
        players[i] = (player){.ball.run = on_ball, .loop = new_loop(), .other = &players[1 - i], .left = BALLS, .goes_last = i == 1};
    rl_loop_post(players[0].loop, &players[0].ball);
    assert_int_equal(pthread_create(&thread, NULL, play, &players[1]), 0);
    play(&players[0]);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(players[i].left, 0);
        rl_loop_free(players[i].loop);
    }
}

static void open_under_refusal(void) {
    rl_loop *loop = NULL;
    rl_err err = rl_loop_new(&loop);
    assert_true(err == RL_OK || (err == RL_ENOMEM && loop == NULL));
    if (loop != NULL)
        rl_loop_free(loop);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(open_under_refusal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_without_work_ends_at_once),
        cmocka_unit_test(the_clock_stands_still_within_a_turn),
        cmocka_unit_test(a_hook_runs_in_every_turn),
        cmocka_unit_test(a_hook_with_more_to_do_keeps_the_loop_from_waiting),
        cmocka_unit_test(a_hook_may_remove_itself_and_its_neighbours),
        cmocka_unit_test(work_queued_by_a_timer_is_seen_before_the_loop_waits),
        cmocka_unit_test(a_turn_does_not_wait_once_something_has_happened),
        cmocka_unit_test(the_time_of_a_turn_is_not_from_before_its_wait),
        cmocka_unit_test(stopping_ends_the_run_and_not_the_loop),
        cmocka_unit_test(posts_of_other_threads_arrive_in_each_senders_order),
        cmocka_unit_test(a_post_may_post_again),
        cmocka_unit_test(two_loops_answer_each_other),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
