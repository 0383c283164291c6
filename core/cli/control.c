#include "cli/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 16,
    PATIENCE_S = 5, /* the server answers from a thread that does nothing else */
    READ_MOST = 16 * 1024
};

static socklen_t name(struct sockaddr_un *address, const char *host, uint16_t port) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    /* Without the NUL in front it would be a file. */
    int len = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "rille/%s:%u", host, port);
    size_t most = sizeof address->sun_path - 2, used = (size_t)len < most ? (size_t)len : most;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + used);
}

static bool is_trusted(int peer) {
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    return who.uid == geteuid() || who.uid == 0;
}

rl_err rl_control_listen(const char *host, uint16_t port, int *out) {
    struct sockaddr_un address;
    socklen_t len = name(&address, host, port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return RL_EIO;
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0) {
        rl_err err = errno == EADDRINUSE ? RL_EINUSE : RL_EIO;
        close(fd);
        return err;
    }
    *out = fd;
    return RL_OK;
}

int rl_control_accept(int fd) {
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer < 0 || is_trusted(peer))
        return peer;
    close(peer);
    return -1;
}

void rl_control_answer_take(int peer, rl_slice text) {
    (void)!send(peer, text.ptr, text.len, MSG_NOSIGNAL);
    close(peer);
}

static rl_err read_all(int fd, rl_buf *out) {
    char bytes[READ_MOST];
    for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) != 0;) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? RL_ETIMEOUT : RL_EIO;
        rl_err err = rl_buf_append(out, rl_slice_of(bytes, (size_t)got));
        if (err != RL_OK)
            return err;
    }
    return rl_buf_len(out) > 0 ? RL_OK : RL_EINVAL;
}

rl_err rl_control_ask(const char *host, uint16_t port, rl_buf *out) {
    struct sockaddr_un address;
    socklen_t len = name(&address, host, port);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return RL_EIO;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* connect waits by it */
    rl_err err = RL_OK;
    if (connect(fd, (const struct sockaddr *)&address, len) != 0)
        err = errno == ECONNREFUSED ? RL_ENOTFOUND : errno == EAGAIN ? RL_ETIMEOUT : RL_EIO;
    else if (!is_trusted(fd))
        err = RL_EINVAL;
    else
        err = read_all(fd, out);
    close(fd);
    return err;
}
