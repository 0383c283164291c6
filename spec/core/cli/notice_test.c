#include "cli/notice.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

enum { MANY = 20000 };

typedef struct rig {
    rl_loop *loop;
    rl_notice notice;
    unsigned count, nulls; /* of what arrived */
    int newest;
} rig;

static void on_arrived(rl_notice *notice, char *text) {
    rig *r = RL_CONTAINER(notice, rig, notice);
    r->count++;
    r->nulls += text == NULL;
    if (text != NULL)
        r->newest = atoi(text);
    rl_mem_free(text);
}

static int set_up(void **state) {
    static rig r;
    r = (rig){0};
    assert_int_equal(rl_loop_new(&r.loop), RL_OK);
    rl_notice_init(&r.notice, r.loop, on_arrived);
    *state = &r;
    return 0;
}

static int tear_down(void **state) {
    rig *r = *state;
    rl_notice_clear(&r->notice);
    rl_loop_free(r->loop);
    return 0;
}

static void the_newest_arrives_alone(void **state) {
    rig *r = *state;
    rl_notice_send(&r->notice, "1");
    rl_notice_send(&r->notice, NULL);
    rl_notice_send(&r->notice, "2");
    rl_loop_run_posts(r->loop);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->newest, 2);
    rl_notice_send(&r->notice, NULL);
    rl_loop_run_posts(r->loop);
    assert_int_equal(r->count, 2);
    assert_int_equal(r->nulls, 1);
    rl_notice_send(&r->notice, "never"); /* freed with what is on its way */
}

static void *send_many(void *arg) {
    rig *r = arg;
    char text[16];
    for (int i = 1; i <= MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        rl_notice_send(&r->notice, text);
    }
    return NULL;
}

static void what_another_thread_sends_meanwhile_is_not_taken_for_its_end(void **state) {
    rig *r = *state;
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_many, r), 0);
    while (r->newest < MANY)
        rl_loop_run_posts(r->loop);
    pthread_join(sender, NULL);
    assert_int_equal(r->nulls, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_arrives_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_another_thread_sends_meanwhile_is_not_taken_for_its_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
