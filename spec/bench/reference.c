/* reference -- the least a server can do: `reference PORT`.
 *
 * One thread, epoll, and for each empty line that comes the same answer goes out: no
 * parsing, no routes, no limits, no deadlines. What it costs is the kernel's part of a
 * request, and so the floor under every server of this kind; Rille's own figures are
 * given as multiples of it.
 *
 *     recv -> count "\r\n\r\n" -> one send of as many answers */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, READ_CAP = 16384, MAX_ANSWERS = 256, MAX_DESCRIPTORS = 4096 };

static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: reference\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!";

/* How much of an empty line the last read of each connection ended with. */
typedef struct server {
    int listener, epoll;
    unsigned char matched[MAX_DESCRIPTORS];
    char in[READ_CAP], out[MAX_ANSWERS * sizeof answer];
} server;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void watch(const server *self, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void listen_at(server *self, unsigned port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(self->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(self->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(self->listener, 1024) != 0)
        die("listen");
    self->epoll = epoll_create1(0);
    watch(self, self->listener);
}

static void accept_all(server *self) {
    int yes = 1;
    for (int fd; (fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        if (fd >= MAX_DESCRIPTORS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        self->matched[fd] = 0;
        watch(self, fd);
    }
}

/* Requests whose end is in what came. */
static int count_requests(server *self, int fd, ssize_t len) {
    static const char end[] = "\r\n\r\n";
    unsigned matched = self->matched[fd];
    int count = 0;
    for (ssize_t i = 0; i < len; i++) {
        matched = self->in[i] == end[matched] ? matched + 1 : self->in[i] == '\r';
        if (matched == 4) {
            matched = 0;
            count++;
        }
    }
    self->matched[fd] = (unsigned char)matched;
    return count;
}

/* The client reads all that it is sent: what does not fit the socket would be lost here. */
static void serve(server *self, int fd) {
    ssize_t len = recv(fd, self->in, sizeof self->in, 0);
    if (len <= 0) {
        close(fd);
        return;
    }
    size_t bytes = 0;
    for (int count = count_requests(self, fd, len); count > 0 && bytes + sizeof answer < sizeof self->out; count--) {
        memcpy(self->out + bytes, answer, sizeof answer - 1);
        bytes += sizeof answer - 1;
    }
    if (bytes > 0 && send(fd, self->out, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        close(fd);
}

int main(int argc, char **argv) {
    static server self;
    if (argc != 2) {
        fprintf(stderr, "usage: reference PORT\n");
        return 2;
    }
    listen_at(&self, (unsigned)strtoul(argv[1], NULL, 10));
    for (;;) {
        struct epoll_event events[MAX_EVENTS];
        int count = epoll_wait(self.epoll, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == self.listener)
                accept_all(&self);
            else
                serve(&self, events[i].data.fd);
        }
    }
}
