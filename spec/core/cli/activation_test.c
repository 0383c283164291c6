#include "cli/activation.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST_FD = 3, WORKERS = 4 };

static int socket_on(uint16_t *port, bool listens) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* As the service manager leaves it: `fds` from descriptor 3 on. */
static void hand_over(const int *fds, int count, const char *names) {
    int kept[WORKERS];
    char text[16];
    for (int i = 0; i < count; i++)
        kept[i] = dup(fds[i]);
    for (int i = 0; i < count; i++) {
        int high = fcntl(kept[i], F_DUPFD, 20);
        close(kept[i]);
        close(fds[i]);
        kept[i] = high;
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(dup2(kept[i], FIRST_FD + i), FIRST_FD + i);
        close(kept[i]);
    }
    snprintf(text, sizeof text, "%d", count);
    setenv("LISTEN_FDS", text, 1);
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

static uint16_t port_of(int fd) {
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void workers_share_one_socket(void **state) {
    (void)state;
    int fds[WORKERS];
    uint16_t port, found = 0;
    char message[256];
    int one = socket_on(&port, true);
    hand_over(&one, 1, "rille.socket");
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_OK);
    assert_int_equal(found, port);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(port_of(fds[i]), port);
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        close(fds[i]);
    }
    assert_null(getenv("LISTEN_FDS")); /* nobody takes them twice */
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_ENOTFOUND);
}

static void each_of_several_has_workers_and_those_called_http_are_meant(void **state) {
    (void)state;
    int fds[WORKERS];
    uint16_t ports[3], found = 0;
    char message[256];
    int three[3] = {socket_on(&ports[0], true), socket_on(&ports[1], true), socket_on(&ports[2], true)};
    hand_over(three, 3, "http:httpx:http");
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_OK);
    assert_int_equal(found, ports[0]);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(port_of(fds[i]), ports[i % 2 == 0 ? 0 : 2]);
        close(fds[i]);
    }
}

static void another_process_is_meant(void **state) {
    (void)state;
    int fds[WORKERS];
    uint16_t found = 0;
    char message[256];
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_ENOTFOUND);
    setenv("LISTEN_PID", "1x", 1);
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_ENOTFOUND);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
}

static void what_cannot_be_served_on_is_refused(void **state) {
    (void)state;
    int fds[WORKERS];
    uint16_t port, found = 0;
    char message[256];
    int bound = socket_on(&port, false);
    hand_over(&bound, 1, "");
    assert_int_equal(rl_activation_take(fds, WORKERS, &found, message, sizeof message), RL_EINVAL);
    assert_non_null(strstr(message, "descriptor 3"));
    close(FIRST_FD);
    int two[2] = {socket_on(&port, true), socket_on(&port, true)};
    hand_over(two, 2, "");
    assert_int_equal(rl_activation_take(fds, 1, &found, message, sizeof message), RL_EINVAL);
    assert_non_null(strstr(message, "2 sockets"));
    close(FIRST_FD);
    close(FIRST_FD + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_share_one_socket),
        cmocka_unit_test(each_of_several_has_workers_and_those_called_http_are_meant),
        cmocka_unit_test(another_process_is_meant),
        cmocka_unit_test(what_cannot_be_served_on_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
