#include "loop/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include <cmocka.h>

typedef struct rig {
    uv_loop_t uv;
    rl_inbox inbox;
    int next; /* number of a letter */
} rig;

typedef struct letter {
    rl_post post;
    rig *rig;
    int came_as;
} letter;

static void on_letter(rl_post *post) {
    letter *l = RL_CONTAINER(post, letter, post);
    l->came_as = l->rig->next++;
}

static void put(rig *r, letter *l) {
    *l = (letter){.post.run = on_letter, .rig = r, .came_as = -1};
    rl_inbox_put(&r->inbox, &l->post);
}

static int set_up(void **state) {
    static rig r;
    r = (rig){.next = 0};
    assert_int_equal(uv_loop_init(&r.uv), 0);
    assert_int_equal(rl_inbox_open(&r.inbox, &r.uv), 0);
    *state = &r;
    return 0;
}

static int tear_down(void **state) {
    rig *r = *state;
    rl_inbox_close(&r->inbox);
    uv_run(&r->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->uv), 0);
    rl_inbox_closed(&r->inbox);
    return 0;
}

static int wakes(const rig *r) {
    eventfd_t count = 0;
    return eventfd_read(r->inbox.fd, &count) == 0 ? (int)count : 0;
}

static void posts_run_in_the_order_in_which_they_came(void **state) {
    rig *r = *state;
    letter letters[5];
    for (int i = 0; i < 5; i++)
        put(r, &letters[i]);
    assert_true(rl_inbox_has_posts(&r->inbox));
    rl_inbox_run(&r->inbox);
    for (int i = 0; i < 5; i++)
        assert_int_equal(letters[i].came_as, i);
    assert_false(rl_inbox_has_posts(&r->inbox));
}

static void nobody_writes_to_a_loop_that_is_awake(void **state) {
    rig *r = *state;
    letter a, b;
    put(r, &a);
    put(r, &b);
    assert_int_equal(wakes(r), 0);
    rl_inbox_wake_up(&r->inbox);
    assert_int_equal(b.came_as, 1);
}

static void a_loop_with_a_post_does_not_fall_asleep(void **state) {
    rig *r = *state;
    letter a;
    put(r, &a);
    assert_false(rl_inbox_fall_asleep(&r->inbox));
    rl_inbox_wake_up(&r->inbox);
    assert_true(rl_inbox_fall_asleep(&r->inbox));
    assert_false(rl_inbox_has_posts(&r->inbox));
}

static void the_first_post_alone_wakes_a_loop_that_sleeps(void **state) {
    rig *r = *state;
    letter letters[3];
    assert_true(rl_inbox_fall_asleep(&r->inbox));
    for (int i = 0; i < 3; i++)
        put(r, &letters[i]);
    assert_int_equal(wakes(r), 1);
    rl_inbox_wake_up(&r->inbox);
    for (int i = 0; i < 3; i++)
        assert_int_equal(letters[i].came_as, i);
}

static void a_loop_that_something_else_woke_is_awake(void **state) {
    rig *r = *state;
    letter a;
    assert_true(rl_inbox_fall_asleep(&r->inbox));
    rl_inbox_wake_up(&r->inbox);
    put(r, &a);
    assert_int_equal(wakes(r), 0);
    rl_inbox_run(&r->inbox);
    assert_int_equal(a.came_as, 0);
}

static void a_loop_that_keeps_vigil_falls_asleep_only_when_told_to(void **state) {
    rig *r = *state;
    letter a;
    for (int i = 0; i < 10000 && !rl_vigil_is_kept(&r->inbox.vigil); i++) { /* it is for want of a quiet machine */
        rl_vigil_ask(&r->inbox.vigil);
        put(r, &a);
        rl_inbox_wake_up(&r->inbox);
    }
    assert_true(rl_vigil_is_kept(&r->inbox.vigil));
    r->inbox.vigil.credit_ns = INT64_MAX; /* whatever this machine does meanwhile */
    assert_false(rl_inbox_fall_asleep(&r->inbox));
    assert_true(rl_inbox_fall_fast_asleep(&r->inbox));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_run_in_the_order_in_which_they_came, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_writes_to_a_loop_that_is_awake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loop_with_a_post_does_not_fall_asleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_post_alone_wakes_a_loop_that_sleeps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loop_that_something_else_woke_is_awake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loop_that_keeps_vigil_falls_asleep_only_when_told_to, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
