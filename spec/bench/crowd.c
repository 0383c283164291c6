/* crowd -- many clients who ask for little: for what each of them costs the server.
 *
 *     crowd PORT COUNT KIND PATH
 *
 *       idle      has asked for /plaintext and been answered, and keeps the connection
 *       parked    the same; then it asks, and waits for an answer
 *       reader    asks, and takes a byte of the answer a second
 *       writer    sends a byte of a body a second
 *
 * Says "ready" when all have begun, and goes on until its standard input ends. A program
 * has no more connections from one address to one port than there are ephemeral ports:
 * each MOST_OF_ONE come from a loopback address of their own. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_OF_ONE = 20000, /* of the 28,000 ports that Linux gives unless told */
    MS_PER_S = 1000,
    PATIENCE_S = 30,     /* for an answer that an idle client waits for */
    SMALL_WINDOW = 4096, /* what a reader's kernel takes ahead of it */
    AHEAD = 256          /* idle ones that have not been answered yet: fewer than any server's backlog */
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int connected(uint16_t port, size_t number, bool is_reader) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number / MOST_OF_ONE));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1, window = SMALL_WINDOW;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (is_reader)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    return fd;
}

static void say(int fd, const char *bytes) {
    if (send(fd, bytes, strlen(bytes), MSG_NOSIGNAL) != (ssize_t)strlen(bytes))
        die("send");
}

static void hear(int fd) {
    char answer[4096];
    if (recv(fd, answer, sizeof answer, 0) <= 0)
        die("no answer");
}

/* A byte of every one, either way. One that the server has left stays as it is. */
static void trickle(const int *fds, size_t count, bool is_reader) {
    char byte = 'x';
    for (size_t i = 0; i < count; i++)
        (void)(is_reader ? recv(fds[i], &byte, 1, MSG_DONTWAIT) : send(fds[i], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static void allow_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: crowd PORT COUNT idle|parked|reader|writer PATH\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10);
    bool is_parked = strcmp(argv[3], "parked") == 0, is_idle = is_parked || strcmp(argv[3], "idle") == 0;
    bool is_reader = strcmp(argv[3], "reader") == 0, is_writer = strcmp(argv[3], "writer") == 0;
    int *fds = calloc(count, sizeof *fds);
    char request[512];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", is_writer ? "POST" : "GET", argv[4],
             is_writer ? "Content-Type: text/plain\r\nContent-Length: 100000\r\n" : "");
    if (fds == NULL)
        die("calloc");
    allow_descriptors();
    for (size_t i = 0; i < count + AHEAD; i++) {
        if (i < count) {
            fds[i] = connected((uint16_t)strtoul(argv[1], NULL, 10), i, is_reader);
            say(fds[i], is_idle ? "GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n" : request);
        }
        if (is_idle && i >= AHEAD) {
            hear(fds[i - AHEAD]);
            if (is_parked)
                say(fds[i - AHEAD], request);
        }
    }
    puts("ready");
    fflush(stdout);
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&end, 1, is_reader || is_writer ? MS_PER_S : -1) == 0)
        trickle(fds, count, is_reader);
    return 0;
}
