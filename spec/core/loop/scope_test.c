#include "loop/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/clock.h"

/* A scope that counts how often it was told, and when among all. */
typedef struct told {
    rl_scope scope;
    int count, order;
    int *clock;
    int emptied, graces;
} told;

static void on_cancelled(rl_scope *scope) {
    told *t = RL_CONTAINER(scope, told, scope);
    assert_int_not_equal(scope->why, RL_OK); /* a fact before it is an event */
    t->count++;
    t->order = ++*t->clock;
}

static void set_up(told *t, rl_loop *loop, told *parent, int *clock) {
    *t = (told){.clock = clock};
    rl_scope_init(&t->scope, loop, parent == NULL ? NULL : &parent->scope, on_cancelled);
}

typedef struct thing {
    rl_lent lent;
    int number;
    int *log; /* numbers of the released, as one decimal */
} thing;

static void on_release(rl_lent *lent) {
    thing *t = RL_CONTAINER(lent, thing, lent);
    *t->log = *t->log * 10 + t->number;
}

static rl_loop *new_loop(void) {
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    return loop;
}

static void its_end_releases_what_is_still_lent_newest_first(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0, log = 0;
    told t;
    thing things[4];
    set_up(&t, loop, NULL, &clock);
    for (int i = 0; i < 4; i++) {
        things[i] = (thing){.number = i + 1, .log = &log};
        rl_scope_lend(&t.scope, &things[i].lent, "thing", on_release);
    }
    rl_lent_return(&things[2].lent);
    rl_lent_return(&things[2].lent);
    assert_int_equal(rl_scope_end(&t.scope), 3);
    assert_int_equal(log, 421);
    assert_int_equal(t.count, 0);
    rl_loop_free(loop);
}

typedef struct pair {
    rl_lent lent;
    struct pair *other;
    int releases;
} pair;

static void on_release_pair(rl_lent *lent) {
    pair *p = RL_CONTAINER(lent, pair, lent);
    p->releases++;
    rl_lent_return(&p->other->lent); /* a transaction takes its connection along */
}

static void a_release_may_return_other_things(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told t;
    pair a = {.releases = 0}, b = {.releases = 0};
    a.other = &b;
    b.other = &a;
    set_up(&t, loop, NULL, &clock);
    rl_scope_lend(&t.scope, &a.lent, "a", on_release_pair);
    rl_scope_lend(&t.scope, &b.lent, "b", on_release_pair);
    assert_int_equal(rl_scope_end(&t.scope), 1);
    assert_int_equal(a.releases + b.releases, 1);
    rl_loop_free(loop);
}

static void cancelling_goes_down_the_tree_children_first_each_once(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told app, request, task[2], other;
    set_up(&app, loop, NULL, &clock);
    set_up(&request, loop, &app, &clock);
    set_up(&other, loop, &app, &clock);
    set_up(&task[0], loop, &request, &clock);
    set_up(&task[1], loop, &request, &clock);
    rl_scope_cancel(&request.scope, RL_ECANCELLED);
    rl_scope_cancel(&request.scope, RL_ETIMEOUT);
    assert_int_equal(request.scope.why, RL_ECANCELLED);
    assert_int_equal(task[0].scope.why, RL_ECANCELLED);
    assert_int_equal(task[0].order, 1);
    assert_int_equal(task[1].order, 2);
    assert_int_equal(request.order, 3);
    assert_int_equal(request.count, 1);
    assert_int_equal(app.count + other.count, 0);
    assert_int_equal(other.scope.why, RL_OK);
    rl_scope_cancel(&app.scope, RL_ECLOSED);
    assert_int_equal(task[1].count, 1);
    assert_int_equal(task[1].scope.why, RL_ECANCELLED); /* the first reason stays */
    assert_int_equal(other.scope.why, RL_ECLOSED);
    rl_scope_end(&task[0].scope);
    rl_scope_end(&task[1].scope);
    rl_scope_end(&request.scope);
    rl_scope_end(&other.scope);
    rl_scope_end(&app.scope);
    rl_loop_free(loop);
}

static void children_can_be_cancelled_alone(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, task[3];
    set_up(&request, loop, NULL, &clock);
    for (int i = 0; i < 3; i++)
        set_up(&task[i], loop, &request, &clock);
    rl_scope_cancel_children(&request.scope, RL_ECANCELLED);
    assert_int_equal(request.scope.why, RL_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(task[i].count, 1);
        rl_scope_end(&task[i].scope);
    }
    rl_scope_end(&request.scope);
    rl_loop_free(loop);
}

static void on_emptied(rl_scope *scope) {
    RL_CONTAINER(scope, told, scope)->emptied++;
}

static void the_last_child_that_ends_is_reported(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, task[2];
    set_up(&request, loop, NULL, &clock);
    request.scope.emptied = on_emptied;
    set_up(&task[0], loop, &request, &clock);
    set_up(&task[1], loop, &request, &clock);
    rl_scope_end(&task[0].scope);
    assert_int_equal(request.emptied, 0);
    rl_scope_end(&task[1].scope);
    assert_int_equal(request.emptied, 1);
    rl_scope_end(&request.scope);
    assert_int_equal(request.emptied, 1);
    rl_loop_free(loop);
}

static void one_born_into_a_cancelled_scope_is_cancelled(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, task;
    set_up(&request, loop, NULL, &clock);
    rl_scope_cancel(&request.scope, RL_ERESET);
    set_up(&task, loop, &request, &clock);
    assert_int_equal(task.scope.why, RL_ERESET);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 0);
    rl_scope_end(&task.scope);
    rl_scope_end(&request.scope);
    rl_loop_free(loop);
}

static void a_sheltered_child_is_cancelled_when_the_shelter_ends(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, early, late, other, grandchild;
    set_up(&request, loop, NULL, &clock);
    set_up(&early, loop, &request, &clock);
    rl_scope_shelter(&early.scope);
    set_up(&grandchild, loop, &early, &clock);
    set_up(&other, loop, &request, &clock);
    rl_scope_set_deadline(&request.scope, 1000);
    assert_int_equal(rl_scope_remaining_ms(&grandchild.scope), UINT64_MAX);
    rl_scope_cancel(&request.scope, RL_ETIMEOUT);
    set_up(&late, loop, &request, &clock);
    rl_scope_shelter(&late.scope);
    assert_int_equal(late.scope.why, RL_OK);
    assert_int_equal(early.count + grandchild.count + late.count, 0);
    assert_int_equal(other.count, 1);
    rl_scope_unshelter(&request.scope);
    assert_int_equal(early.scope.why, RL_ETIMEOUT);
    assert_true(early.count == 1 && grandchild.count == 1 && late.count == 1 && other.count == 1);
    told *const all[] = {&grandchild, &early, &late, &other, &request};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rl_scope_end(&all[i]->scope);
    rl_loop_free(loop);
}

static void a_child_that_outlives_its_shelter_is_one_like_any(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, child, other;
    set_up(&request, loop, NULL, &clock);
    set_up(&child, loop, &request, &clock);
    rl_scope_shelter(&child.scope);
    rl_scope_unshelter(&request.scope);
    assert_int_equal(child.count, 0);
    set_up(&other, loop, &request, &clock);
    rl_scope_shelter(&other.scope);
    rl_scope_cancel(&request.scope, RL_ECANCELLED);
    assert_true(child.count == 1 && other.count == 0);
    rl_scope_cancel_children(&request.scope, RL_ECANCELLED); /* the request is over, and so is the shelter */
    assert_int_equal(other.count, 1);
    rl_scope_end(&other.scope);
    rl_scope_end(&child.scope);
    rl_scope_end(&request.scope);
    rl_loop_free(loop);
}

static void a_deadline_cancels_it_and_all_below(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, task;
    set_up(&request, loop, NULL, &clock);
    set_up(&task, loop, &request, &clock);
    rl_scope_set_deadline(&request.scope, 1);
    rl_loop_run(loop);
    assert_int_equal(request.scope.why, RL_ETIMEOUT);
    assert_int_equal(task.scope.why, RL_ETIMEOUT);
    assert_int_equal(task.count, 1);
    rl_scope_end(&task.scope);
    rl_scope_end(&request.scope);
    rl_loop_free(loop);
}

static void the_nearest_deadline_above_counts(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told app, request, task;
    set_up(&app, loop, NULL, &clock);
    set_up(&request, loop, &app, &clock);
    set_up(&task, loop, &request, &clock);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), UINT64_MAX);
    rl_scope_set_deadline(&request.scope, 5000);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 5000);
    rl_scope_set_deadline(&task.scope, 9000);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 5000);
    rl_scope_set_deadline(&task.scope, 2000);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 2000);
    rl_scope_set_deadline(&task.scope, 3000); /* the nearer one holds */
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 2000);
    rl_scope_set_deadline(&task.scope, UINT64_MAX);
    assert_int_equal(rl_scope_remaining_ms(&task.scope), 2000);
    assert_int_equal(rl_scope_remaining_ms(&app.scope), UINT64_MAX);
    rl_scope_set_deadline(&app.scope, UINT64_MAX);
    rl_loop_turn(loop, false);
    assert_int_equal(app.scope.why, RL_OK);
    rl_scope_end(&task.scope);
    rl_scope_end(&request.scope);
    rl_scope_end(&app.scope);
    rl_loop_free(loop);
}

static void count_grace(rl_timer *deadline) {
    RL_CONTAINER(deadline, told, scope.deadline)->graces++;
}

static void a_cancelled_scope_has_one_grace_at_a_time(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    int clock = 0;
    told one;
    set_up(&one, loop, NULL, &clock);
    rl_scope_set_deadline(&one.scope, 3);
    rl_scope_cancel(&one.scope, RL_ECANCELLED);
    rl_scope_begin_grace(&one.scope, 10, count_grace);
    rl_scope_begin_grace(&one.scope, 4, count_grace);
    rl_scope_set_deadline(&one.scope, 5); /* has nothing to end any more */
    rl_loop_advance(loop, 9);
    assert_int_equal(one.graces, 0);
    rl_loop_advance(loop, 1);
    assert_int_equal(one.graces, 1);
    rl_scope_begin_grace(&one.scope, 10, count_grace);
    rl_scope_end_grace(&one.scope);
    rl_loop_advance(loop, 20);
    assert_int_equal(one.graces, 1);
    assert_int_equal(one.count, 1);
    rl_scope_end(&one.scope);
    rl_loop_thaw(loop);
    rl_loop_free(loop);
}

static void the_end_of_a_grace_leaves_a_deadline_alone(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told one;
    set_up(&one, loop, NULL, &clock);
    rl_scope_set_deadline(&one.scope, 5000);
    rl_scope_end_grace(&one.scope);
    assert_int_equal(rl_scope_remaining_ms(&one.scope), 5000);
    rl_scope_end(&one.scope);
    rl_loop_free(loop);
}

static void a_scope_that_ended_is_never_told(void **state) {
    (void)state;
    rl_loop *loop = new_loop();
    int clock = 0;
    told request, task;
    set_up(&request, loop, NULL, &clock);
    set_up(&task, loop, &request, &clock);
    rl_scope_set_deadline(&task.scope, 0);
    rl_scope_end(&task.scope);
    rl_scope_cancel(&request.scope, RL_ECANCELLED);
    rl_loop_run(loop);
    assert_int_equal(task.count, 0);
    rl_scope_end(&request.scope);
    rl_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_end_releases_what_is_still_lent_newest_first),
        cmocka_unit_test(a_release_may_return_other_things),
        cmocka_unit_test(cancelling_goes_down_the_tree_children_first_each_once),
        cmocka_unit_test(children_can_be_cancelled_alone),
        cmocka_unit_test(the_last_child_that_ends_is_reported),
        cmocka_unit_test(one_born_into_a_cancelled_scope_is_cancelled),
        cmocka_unit_test(a_sheltered_child_is_cancelled_when_the_shelter_ends),
        cmocka_unit_test(a_child_that_outlives_its_shelter_is_one_like_any),
        cmocka_unit_test(a_deadline_cancels_it_and_all_below),
        cmocka_unit_test(the_nearest_deadline_above_counts),
        cmocka_unit_test(a_cancelled_scope_has_one_grace_at_a_time),
        cmocka_unit_test(the_end_of_a_grace_leaves_a_deadline_alone),
        cmocka_unit_test(a_scope_that_ended_is_never_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
