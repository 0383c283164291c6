/* pace -- requests at a fixed rate, whatever the server does: open load.
 *
 *     pace PORT RATE SECONDS CONNECTIONS PATH EVERY OTHER_PATH [watched]
 *
 *     Every connection is asked once before. Then
 *
 *       tick      |         |         |         |       every 50 us: what is due is sent, on
 *       due       ||||      ||||      ||||      ||||    connections that are idle; RATE a second,
 *       answered    || ||     |  |       || ||          each EVERYth to OTHER_PATH
 *       read      |         |         |         |       and what has come is read
 *
 * wrk asks again when it was answered: a server that stalls is asked less, and its
 * stall is one slow answer. Here a request's time runs from when it was due, so
 * that it counts also what it waited for a connection, or for this very program:
 * how late it was sent is printed beside it. A program that woke up for each answer
 * would want a processor of its own, and take it from the server; so times are too
 * long by up to a tick.
 *
 * "watched": what was due when the machine stood still (hiccup.h) is asked like the
 * rest, and left out of the times, whatever was answered. How much that is stands there, too. */
#include "hiccup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 1024,
    ANSWER_CAP = 16384,
    TICK_NS = 50 * 1000,
    PATIENCE_S = 10 /* for what is not answered when the last was due */
};

typedef struct conn {
    int fd;
    uint64_t due_ns;
    bool is_other;
    size_t len;
    char answer[ANSWER_CAP];
} conn;

/* What requests took, and at which tick from the start each was due. */
typedef struct times {
    uint32_t *us, *tick;
    size_t count;
} times;

typedef struct load {
    uint64_t rate, wanted, every, start_ns;
    uint64_t sent, answered, failed;
    char request[2][512];
    size_t request_len[2];
    times took[2], late; /* of the usual and the other requests; until they were sent */
    conn *idle[MAX_CONNECTIONS];
    size_t idle_count;
    int epoll;
} load;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static bool make_times(times *these, size_t count) {
    these->us = calloc(count, sizeof *these->us);
    these->tick = calloc(count, sizeof *these->tick);
    return these->us != NULL && these->tick != NULL;
}

static void note(const load *at, times *these, const conn *one, uint64_t now) {
    these->tick[these->count] = (uint32_t)((one->due_ns - at->start_ns) / TICK_NS);
    these->us[these->count++] = (uint32_t)((now - one->due_ns) / 1000);
}

/* At a tick. */
static uint64_t due_ns(const load *at, uint64_t number) {
    uint64_t after_ns = number * NS_PER_S / at->rate;
    return at->start_ns + after_ns - after_ns % TICK_NS;
}

/* What is due and finds a connection; a late one finds the next that is answered. */
static void send_due(load *at) {
    uint64_t now = clock_now_ns();
    while (at->sent < at->wanted && at->idle_count > 0 && due_ns(at, at->sent) <= now) {
        conn *one = at->idle[--at->idle_count];
        one->due_ns = due_ns(at, at->sent);
        one->is_other = at->sent % at->every == at->every - 1;
        one->len = 0;
        at->sent++;
        if (send(one->fd, at->request[one->is_other], at->request_len[one->is_other], MSG_NOSIGNAL) < 0)
            die("send");
        note(at, &at->late, one, now);
    }
}

/* The whole of an answer with a Content-Length. */
static bool is_whole(const conn *one) {
    const char *end = memmem(one->answer, one->len, "\r\n\r\n", 4);
    const char *length = memmem(one->answer, one->len, "ontent-Length: ", 15);
    if (length == NULL)
        length = memmem(one->answer, one->len, "ontent-length: ", 15);
    return end != NULL && length != NULL && length < end &&
           one->len >= (size_t)(end + 4 - one->answer) + strtoul(length + 15, NULL, 10);
}

static void read_some(conn *one) {
    ssize_t got = recv(one->fd, one->answer + one->len, sizeof one->answer - one->len, 0);
    if (got < 0)
        die("recv");
    if (got == 0) {
        bool is_full = one->len == sizeof one->answer;
        fprintf(stderr, "%s\n", is_full ? "an answer is too long" : "the server closed a connection");
        exit(1);
    }
    one->len += (size_t)got;
}

/* Open, and answered once: hundreds that a server accepts are milliseconds in which it does nothing else. */
static void open_conn(load *at, conn *one, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(one->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(one->fd, at->request[0], at->request_len[0], MSG_NOSIGNAL) < 0)
        die("send");
    do
        read_some(one);
    while (!is_whole(one));
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(at->epoll, EPOLL_CTL_ADD, one->fd, &event) != 0)
        die("epoll_ctl");
    at->idle[at->idle_count++] = one;
}

static void receive(load *at, conn *one) {
    read_some(one);
    if (!is_whole(one))
        return;
    note(at, &at->took[one->is_other], one, clock_now_ns());
    at->answered++;
    at->failed += memcmp(one->answer, "HTTP/1.1 200", 12) != 0;
    at->idle[at->idle_count++] = one;
}

static void await_tick(const load *at) {
    uint64_t next = clock_now_ns() + TICK_NS;
    clock_sleep_until(next - (next - at->start_ns) % TICK_NS);
}

static void receive_all(load *at) {
    struct epoll_event events[MAX_CONNECTIONS];
    int count = epoll_wait(at->epoll, events, MAX_CONNECTIONS, 0);
    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < count; i++)
        receive(at, events[i].data.ptr);
}

/* Leave out the times of what was due at spoiled ticks. How many those are. */
static size_t leave_out(times *these, const bool *spoiled) {
    size_t kept = 0, all = these->count;
    for (size_t i = 0; i < all; i++) {
        if (!spoiled[these->tick[i]])
            these->us[kept++] = these->us[i];
    }
    these->count = kept;
    return all - kept;
}

static void leave_out_hiccups(load *at) {
    size_t ticks = (size_t)((due_ns(at, at->wanted) - at->start_ns) / TICK_NS) + 1;
    bool *spoiled = calloc(ticks, sizeof *spoiled);
    if (spoiled == NULL)
        die("calloc");
    uint64_t still_ns = hiccup_stop_and_mark(spoiled, ticks, at->start_ns, TICK_NS);
    size_t left_out = leave_out(&at->took[0], spoiled) + leave_out(&at->took[1], spoiled);
    leave_out(&at->late, spoiled);
    free(spoiled);
    printf("left out     %8zu  %.1f %% of all, as cores stood still for %.1f ms\n", left_out,
           100.0 * (double)left_out / (double)at->wanted, (double)still_ns / 1e6);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *name, times *these) {
    if (these->count == 0)
        return;
    qsort(these->us, these->count, sizeof *these->us, compare);
    const uint32_t *us = these->us;
    size_t n = these->count;
    printf("%-12s %8zu  p50 %.2f ms  p99 %.2f ms  p99.9 %.2f ms  most %.2f ms\n", name, n, us[n / 2] / 1e3,
           us[n * 99 / 100] / 1e3, us[n * 999 / 1000] / 1e3, us[n - 1] / 1e3);
}

static void prepare(load *at, char **argv) {
    const char *paths[] = {argv[5], argv[7]};
    for (int i = 0; i < 2; i++) {
        int len = snprintf(at->request[i], sizeof at->request[i], "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        at->request_len[i] = (size_t)len;
        if (!make_times(&at->took[i], at->wanted))
            die("prepare");
    }
    at->epoll = epoll_create1(0);
    if (!make_times(&at->late, at->wanted) || at->epoll < 0)
        die("prepare");
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    bool is_watched = argc == 9 && strcmp(argv[8], "watched") == 0;
    if (argc != 8 && !is_watched) {
        fprintf(stderr, "usage: pace PORT RATE SECONDS CONNECTIONS PATH EVERY OTHER_PATH [watched]\n");
        return 2;
    }
    static load at;
    at.rate = strtoul(argv[2], NULL, 10);
    at.wanted = at.rate * strtoul(argv[3], NULL, 10);
    at.every = strtoul(argv[6], NULL, 10);
    size_t count = strtoul(argv[4], NULL, 10);
    if (at.rate == 0 || at.every == 0 || count == 0 || count > MAX_CONNECTIONS)
        return 2;
    prctl(PR_SET_TIMERSLACK, 1000UL); /* 1 us: the default of 50 is a whole tick */
    prepare(&at, argv);
    conn *conns = calloc(count, sizeof *conns);
    if (conns == NULL)
        die("calloc");
    for (size_t i = 0; i < count; i++)
        open_conn(&at, &conns[i], (uint16_t)strtoul(argv[1], NULL, 10));
    int error = is_watched ? hiccup_start() : 0;
    double cpu = -cpu_seconds();
    at.start_ns = clock_now_ns();
    uint64_t end_ns = due_ns(&at, at.wanted) + (uint64_t)PATIENCE_S * NS_PER_S;
    while (at.answered < at.wanted && clock_now_ns() < end_ns) {
        receive_all(&at);
        send_due(&at);
        await_tick(&at);
    }
    double seconds = (double)(clock_now_ns() - at.start_ns) / NS_PER_S;
    cpu += cpu_seconds();
    if (error != 0)
        printf("nothing is left out, as nobody can watch the cores: %s\n", strerror(error));
    else if (is_watched)
        leave_out_hiccups(&at);
    print_times(argv[5], &at.took[0]);
    print_times(argv[7], &at.took[1]);
    print_times("sent late by", &at.late);
    printf("%.0f answers/s of %lu asked, %lu not 200, %lu never; this program: %.2f us CPU a request\n",
           (double)at.answered / seconds, (unsigned long)at.rate, (unsigned long)at.failed,
           (unsigned long)(at.wanted - at.answered), cpu * 1e6 / (double)at.wanted);
    return at.answered == at.wanted && at.failed == 0 ? 0 : 1;
}
