#include "cli/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3, MOST = 256 };

static const char HTTP[] = "http";

static long number_of(const char *name) {
    const char *text = getenv(name);
    char *end;
    long number = text == NULL ? 0 : strtol(text, &end, 10);
    return text == NULL || *end != '\0' ? 0 : number;
}

/* Whether the name of descriptor `index` is "http". */
static bool is_http(const char *names, long index) {
    for (; names != NULL && index > 0; index--)
        if ((names = strchr(names, ':')) != NULL)
            names++;
    return names != NULL && strncmp(names, HTTP, sizeof HTTP - 1) == 0 && (names[4] == ':' || names[4] == '\0');
}

static int option(int fd, int name) {
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static bool listens(int fd) {
    int domain = option(fd, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) > 0;
}

static uint16_t port_of(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

/* Those that are meant, from the front of `taken`; the others are closed. Returns how many. */
static size_t choose(long given, int taken[MOST]) {
    const char *names = getenv("LISTEN_FDNAMES");
    size_t count = 0;
    bool has_http = false;
    for (long i = 0; i < given; i++)
        has_http |= is_http(names, i);
    for (long i = 0; i < given; i++) {
        int fd = FIRST_FD + (int)i;
        if (!has_http || is_http(names, i))
            taken[count++] = fd;
        else
            close(fd);
    }
    return count;
}

/* A descriptor for each worker; their sockets may be the same. */
static rl_err share(const int *taken, size_t taken_count, int *fds, size_t count, char *message, size_t message_cap) {
    for (size_t i = 0; i < count; i++) {
        fds[i] = fcntl(taken[i % taken_count], F_DUPFD_CLOEXEC, FIRST_FD);
        if (fds[i] < 0) {
            snprintf(message, message_cap, "a socket that was handed over cannot be shared: %s", strerror(errno));
            while (i > 0)
                close(fds[--i]);
            return RL_EIO;
        }
    }
    for (size_t i = 0; i < taken_count; i++)
        close(taken[i]);
    return RL_OK;
}

rl_err rl_activation_take(int *fds, size_t count, uint16_t *port, char *message, size_t message_cap) {
    int taken[MOST];
    long given = number_of("LISTEN_FDS");
    if (given <= 0 || number_of("LISTEN_PID") != (long)getpid())
        return RL_ENOTFOUND;
    size_t taken_count = given > MOST ? 0 : choose(given, taken);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    if (taken_count == 0 || taken_count > count) {
        snprintf(message, message_cap, "%ld sockets were handed over for %zu workers: raise the setting workers, or call "
                 "those that are meant http (FileDescriptorName=http)", given, count);
        return RL_EINVAL;
    }
    for (size_t i = 0; i < taken_count; i++)
        if (!listens(taken[i])) {
            snprintf(message, message_cap, "descriptor %d was handed over (LISTEN_FDS), but is no TCP socket that listens",
                     taken[i]);
            return RL_EINVAL;
        }
    *port = port_of(taken[0]);
    return share(taken, taken_count, fds, count, message, message_cap);
}
