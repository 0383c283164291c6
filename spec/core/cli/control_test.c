#include "cli/control.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PORT = 1 /* of a name: nothing listens on any port here */, PATIENCE_MS = 60000 };

typedef struct question {
    pthread_t thread;
    rl_err err;
    rl_buf answer;
} question;

static void *ask(void *arg) {
    question *self = arg;
    rl_buf_init(&self->answer, 1024 * 1024);
    self->err = rl_control_ask("control.test", PORT, &self->answer);
    return NULL;
}

static int accept_one(int fd) {
    struct pollfd knock = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&knock, 1, PATIENCE_MS), 1); /* the other thread is on its way */
    int peer = rl_control_accept(fd);
    assert_true(peer >= 0);
    return peer;
}

static void expect_answer(int fd, rl_slice text, rl_err err) {
    question one = {.err = RL_OK};
    pthread_create(&one.thread, NULL, ask, &one);
    rl_control_answer_take(accept_one(fd), text);
    pthread_join(one.thread, NULL);
    assert_int_equal(one.err, err);
    if (err == RL_OK)
        assert_memory_equal(rl_buf_live(&one.answer).ptr, text.ptr, text.len);
    rl_buf_clear(&one.answer);
}

static void gives_the_text_to_who_asks(void **state) {
    (void)state;
    static char large[100 * 1024];
    int fd;
    assert_int_equal(rl_control_listen("control.test", PORT, &fd), RL_OK);
    expect_answer(fd, RL_LIT("{}"), RL_OK);
    memset(large, 'x', sizeof large);
    expect_answer(fd, rl_slice_of(large, sizeof large), RL_OK);
    expect_answer(fd, RL_LIT(""), RL_EINVAL);
    close(fd);
}

static void is_there_once_and_gone_with_its_server(void **state) {
    (void)state;
    int fd, other;
    rl_buf none;
    rl_buf_init(&none, 1024);
    assert_int_equal(rl_control_ask("control.test", PORT, &none), RL_ENOTFOUND);
    assert_int_equal(rl_control_listen("control.test", PORT, &fd), RL_OK);
    assert_int_equal(rl_control_listen("control.test", PORT, &other), RL_EINUSE);
    assert_int_equal(rl_control_listen("control.test", PORT + 1, &other), RL_OK);
    assert_int_equal(rl_control_accept(fd), -1);
    close(other);
    close(fd);
    assert_int_equal(rl_control_ask("control.test", PORT, &none), RL_ENOTFOUND);
    rl_buf_clear(&none);
}

static void takes_a_host_of_any_length(void **state) {
    (void)state;
    char host[300];
    int fd;
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(rl_control_listen(host, PORT, &fd), RL_OK);
    close(fd);
}

static void survives_who_does_not_wait(void **state) {
    (void)state;
    static char large[4 * 1024 * 1024];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    rl_control_answer_take(pair[0], rl_slice_of(large, sizeof large)); /* what fits at once */
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    close(pair[1]);
    rl_control_answer_take(pair[0], RL_LIT("{}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_text_to_who_asks),
        cmocka_unit_test(is_there_once_and_gone_with_its_server),
        cmocka_unit_test(takes_a_host_of_any_length),
        cmocka_unit_test(survives_who_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
