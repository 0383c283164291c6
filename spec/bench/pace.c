/* pace -- requests at a fixed rate, whatever the server does: open load.
 *
 *     pace PORT RATE SECONDS CONNECTIONS PATH EVERY OTHER_PATH
 *
 *       tick      |         |         |         |       every 200 us: what is due is sent, on
 *       due       ||||      ||||      ||||      ||||    connections that are idle; RATE a second,
 *       answered    || ||     |  |       || ||          each EVERYth to OTHER_PATH
 *       read      |         |         |         |       and what has come is read
 *
 * wrk asks again when it was answered: a server that stalls is asked less, and its
 * stall is one slow answer. Here a request's time runs from when it was due, so
 * that it counts also what it waited for a connection, or for this very program:
 * how late that alone was is printed beside it. A program that woke up for each
 * answer would want a processor of its own, and take it from the server; so times
 * are too long by up to a tick. */
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
#include <time.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 1024,
    ANSWER_CAP = 16384,
    NS_PER_S = 1000000000,
    TICK_NS = 200 * 1000,
    PATIENCE_S = 10 /* for what is not answered when the last was due */
};

typedef struct conn {
    int fd;
    uint64_t due_ns;
    bool is_other;
    size_t len;
    char answer[ANSWER_CAP];
} conn;

typedef struct times {
    uint32_t *us;
    size_t count;
} times;

typedef struct load {
    uint64_t rate, wanted, every, start_ns;
    uint64_t sent, answered, failed;
    char request[2][512];
    size_t request_len[2];
    times took[2], late; /* of the usual and the other requests; of this program itself */
    conn *idle[MAX_CONNECTIONS];
    size_t idle_count;
    int epoll;
} load;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void note(times *these, uint64_t ns) {
    these->us[these->count++] = (uint32_t)(ns / 1000);
}

static void open_conn(load *at, conn *one, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(at->epoll, EPOLL_CTL_ADD, one->fd, &event) != 0)
        die("epoll_ctl");
    at->idle[at->idle_count++] = one;
}

/* At a tick. */
static uint64_t due_ns(const load *at, uint64_t number) {
    uint64_t after_ns = number * NS_PER_S / at->rate;
    return at->start_ns + after_ns - after_ns % TICK_NS;
}

/* What is due and finds a connection; a late one finds the next that is answered. */
static void send_due(load *at) {
    uint64_t now = now_ns();
    while (at->sent < at->wanted && at->idle_count > 0 && due_ns(at, at->sent) <= now) {
        conn *one = at->idle[--at->idle_count];
        one->due_ns = due_ns(at, at->sent);
        one->is_other = at->sent % at->every == at->every - 1;
        one->len = 0;
        at->sent++;
        if (send(one->fd, at->request[one->is_other], at->request_len[one->is_other], MSG_NOSIGNAL) < 0)
            die("send");
        note(&at->late, now - one->due_ns);
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

static void receive(load *at, conn *one) {
    ssize_t got = recv(one->fd, one->answer + one->len, sizeof one->answer - one->len, 0);
    if (got <= 0)
        die("the server closed a connection");
    one->len += (size_t)got;
    if (!is_whole(one))
        return;
    note(&at->took[one->is_other], now_ns() - one->due_ns);
    at->answered++;
    at->failed += memcmp(one->answer, "HTTP/1.1 200", 12) != 0;
    at->idle[at->idle_count++] = one;
}

static void await_tick(const load *at) {
    uint64_t next = now_ns() + TICK_NS;
    next -= (next - at->start_ns) % TICK_NS;
    struct timespec until = {.tv_sec = (time_t)(next / NS_PER_S), .tv_nsec = (long)(next % NS_PER_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void receive_all(load *at) {
    struct epoll_event events[MAX_CONNECTIONS];
    int count = epoll_wait(at->epoll, events, MAX_CONNECTIONS, 0);
    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < count; i++)
        receive(at, events[i].data.ptr);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *name, times *these) {
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
        at->took[i].us = calloc(at->wanted, sizeof(uint32_t));
    }
    at->late.us = calloc(at->wanted, sizeof(uint32_t));
    at->epoll = epoll_create1(0);
    if (at->took[0].us == NULL || at->took[1].us == NULL || at->late.us == NULL || at->epoll < 0)
        die("prepare");
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: pace PORT RATE SECONDS CONNECTIONS PATH EVERY OTHER_PATH\n");
        return 2;
    }
    static load at;
    at.rate = strtoul(argv[2], NULL, 10);
    at.wanted = at.rate * strtoul(argv[3], NULL, 10);
    at.every = strtoul(argv[6], NULL, 10);
    size_t count = strtoul(argv[4], NULL, 10);
    if (at.rate == 0 || at.every == 0 || count == 0 || count > MAX_CONNECTIONS)
        return 2;
    prctl(PR_SET_TIMERSLACK, 1000UL); /* 1 us: the default of 50 is a quarter of a tick */
    prepare(&at, argv);
    conn *conns = calloc(count, sizeof *conns);
    if (conns == NULL)
        die("calloc");
    for (size_t i = 0; i < count; i++)
        open_conn(&at, &conns[i], (uint16_t)strtoul(argv[1], NULL, 10));
    at.start_ns = now_ns();
    uint64_t end_ns = due_ns(&at, at.wanted) + (uint64_t)PATIENCE_S * NS_PER_S;
    while (at.answered < at.wanted && now_ns() < end_ns) {
        receive_all(&at);
        send_due(&at);
        await_tick(&at);
    }
    double seconds = (double)(now_ns() - at.start_ns) / NS_PER_S;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    print(argv[5], &at.took[0]);
    print(argv[7], &at.took[1]);
    print("sent late by", &at.late);
    printf("%.0f answers/s of %lu asked, %lu not 200, %lu never; this program: %.2f us CPU a request\n",
           (double)at.answered / seconds, (unsigned long)at.rate, (unsigned long)at.failed,
           (unsigned long)(at.wanted - at.answered), cpu * 1e6 / (double)at.wanted);
    return at.answered == at.wanted && at.failed == 0 ? 0 : 1;
}
