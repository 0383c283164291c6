/* Sockets are read and written by recv and send on readiness: libuv's own
 * streams would use read and write, which cost a twentieth of a small request
 * more on their way through the kernel's file layer. */
#include "loop/tcp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/uv.h"

enum {
    BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
    MOST_ACCEPTS = 64 /* in one turn: whoever is connected already is served, too */
};

typedef struct rl_tcp {
    rl_stream stream;
    rl_loop *loop;
    uv_poll_t uv;
    int fd;
    int watched; /* UV_READABLE and UV_WRITABLE, as libuv knows them */
    bool reading, is_closing;
    rl_slice writing; /* what the socket has yet to take */
} rl_tcp;

struct rl_listener {
    uv_poll_t uv;
    rl_loop *loop;
    int fd;
    int spare; /* given up to accept, and close, when descriptors have run out */
    rl_accept_fn *accept;
    void *owner;
};

/* ---- streams ----------------------------------------------------------- */

static void on_ready(uv_poll_t *handle, int status, int events);

static rl_tcp *tcp_of(rl_stream *stream) {
    return RL_CONTAINER(stream, rl_tcp, stream);
}

static void watch(rl_tcp *tcp) {
    int wanted = (tcp->reading ? UV_READABLE : 0) | (tcp->writing.len > 0 ? UV_WRITABLE : 0);
    if (wanted == tcp->watched)
        return;
    tcp->watched = wanted;
    if (wanted == 0)
        uv_poll_stop(&tcp->uv);
    else
        uv_poll_start(&tcp->uv, wanted, on_ready);
}

/* glibc's recv and send let a thread be cancelled in them, which nobody does
 * here: four locked instructions for each of them in a process with threads. */
static ssize_t recv_some(int fd, char *to, size_t cap) {
    return syscall(SYS_recvfrom, fd, to, cap, 0, NULL, NULL);
}

static ssize_t send_some(int fd, rl_slice bytes) {
    return syscall(SYS_sendto, fd, bytes.ptr, bytes.len, MSG_NOSIGNAL, NULL, 0);
}

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Into the loop's one buffer: it is borrowed only during one read event, so an
 * idle connection costs no buffer at all. */
static void receive(rl_tcp *tcp) {
    char *buffer = tcp->loop->read_buffer;
    ssize_t len = recv_some(tcp->fd, buffer, RL_READ_BUFFER_LEN);
    if (len > 0) {
        tcp->stream.events->read(tcp->stream.owner, rl_slice_of(buffer, (size_t)len));
    } else if (len == 0 || !would_block()) {
        tcp->reading = false;
        tcp->stream.events->ended(tcp->stream.owner, len == 0 ? RL_EOF : RL_ERESET);
    }
}

static void send_more(rl_tcp *tcp) {
    ssize_t sent = send_some(tcp->fd, tcp->writing);
    if (sent < 0 && would_block())
        return;
    rl_slice rest = tcp->writing;
    tcp->writing = sent < 0 ? rl_slice_of(NULL, 0) : rl_slice_of(rest.ptr + sent, rest.len - (size_t)sent);
    if (tcp->writing.len == 0)
        tcp->stream.events->written(tcp->stream.owner, sent < 0 ? RL_ERESET : RL_OK);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
    rl_tcp *tcp = handle->data;
    if (RL_UNLIKELY(status < 0)) { /* an error waits in the socket; libuv has stopped to watch */
        tcp->watched = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if ((events & UV_WRITABLE) && tcp->writing.len > 0)
        send_more(tcp);
    if ((events & UV_READABLE) && tcp->reading)
        receive(tcp);
    if (!tcp->is_closing)
        watch(tcp);
}

static void tcp_read(rl_stream *stream, bool on) {
    rl_tcp *tcp = tcp_of(stream);
    if (on == tcp->reading)
        return;
    tcp->reading = on;
    watch(tcp);
}

static rl_err tcp_try_write(rl_stream *stream, rl_slice bytes, size_t *written) {
    ssize_t sent = send_some(tcp_of(stream)->fd, bytes);
    if (sent < 0 && !would_block())
        return RL_ERESET;
    *written = sent < 0 ? 0 : (size_t)sent;
    return RL_OK;
}

static rl_err tcp_write_all(rl_stream *stream, rl_slice bytes) {
    rl_tcp *tcp = tcp_of(stream);
    assert(tcp->writing.len == 0 && bytes.len > 0);
    tcp->writing = bytes;
    watch(tcp);
    return RL_OK;
}

static size_t tcp_queued(const rl_stream *stream) {
    return RL_CONTAINER(stream, const rl_tcp, stream)->writing.len;
}

static void tcp_shutdown(rl_stream *stream) {
    shutdown(tcp_of(stream)->fd, SHUT_WR);
}

static void on_closed(uv_handle_t *handle) {
    rl_tcp *tcp = handle->data;
    if (tcp->stream.events != NULL) {
        if (tcp->writing.len > 0)
            tcp->stream.events->written(tcp->stream.owner, RL_ECANCELLED);
        tcp->stream.events->closed(tcp->stream.owner);
    }
    rl_loop_heard(tcp->loop);
    rl_mem_free(tcp);
}

static void tcp_close(rl_stream *stream, bool reset) {
    rl_tcp *tcp = tcp_of(stream);
    if (tcp->is_closing)
        return;
    tcp->is_closing = true;
    tcp->reading = false;
    uv_close((uv_handle_t *)&tcp->uv, on_closed);
    if (reset)
        setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(tcp->fd);
}

static size_t address_text(const struct sockaddr *addr, char *out, size_t cap) {
    const void *bits;
    if (addr->sa_family == AF_INET)
        bits = &((const struct sockaddr_in *)(const void *)addr)->sin_addr;
    else if (addr->sa_family == AF_INET6)
        bits = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    else
        return 0;
    return inet_ntop(addr->sa_family, bits, out, (socklen_t)cap) == NULL ? 0 : strlen(out);
}

static size_t tcp_peer(rl_stream *stream, char *out, size_t cap) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    if (getpeername(tcp_of(stream)->fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    return address_text((const struct sockaddr *)&addr, out, cap);
}

static const rl_stream_ops TCP_OPS = {
    .read = tcp_read,
    .try_write = tcp_try_write,
    .write = tcp_write_all,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
    .queued = tcp_queued,
    .peer = tcp_peer,
};

/* ---- listeners --------------------------------------------------------- */

/* Takes `fd` over, also on failure. NULL without memory or descriptors. */
static rl_tcp *new_tcp(rl_loop *loop, int fd) {
    rl_tcp *tcp = rl_mem_alloc(sizeof *tcp);
    if (tcp != NULL) {
        *tcp = (rl_tcp){.stream = {.ops = &TCP_OPS}, .loop = loop, .fd = fd};
        tcp->uv.data = tcp;
        if (uv_poll_init(&loop->uv, &tcp->uv, fd) == 0) {
            rl_loop_expect(loop); /* whoever is at the other end may do something at any moment */
            return tcp;
        }
        rl_mem_free(tcp);
    }
    close(fd);
    return NULL;
}

static int open_spare(void) {
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without descriptors the connection would stay in the queue, and wake us for
 * ever: it is accepted in place of the spare one and closed. */
static void turn_away(rl_listener *listener) {
    if (listener->spare < 0)
        return;
    close(listener->spare);
    int client = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0)
        close(client);
    listener->spare = open_spare();
}

/* False when nobody waits any more. */
static bool accept_one(rl_listener *listener) {
    int client = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
        bool next_may_do = errno == ECONNABORTED || errno == EINTR;
        if (errno == EMFILE || errno == ENFILE)
            turn_away(listener);
        return next_may_do;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    rl_tcp *tcp = new_tcp(listener->loop, client);
    if (tcp != NULL)
        listener->accept(listener->owner, &tcp->stream);
    return true;
}

static void on_connections(uv_poll_t *handle, int status, int events) {
    (void)status;
    (void)events;
    rl_listener *listener = handle->data;
    for (int i = 0; i < MOST_ACCEPTS && !uv_is_closing((uv_handle_t *)handle) && accept_one(listener); i++)
        continue;
}

static void free_listener(uv_handle_t *handle) {
    rl_mem_free(handle->data);
}

rl_err rl_listener_open(rl_loop *loop, int fd, rl_accept_fn *accept, void *owner, rl_listener **out) {
    rl_listener *listener = rl_mem_alloc(sizeof *listener);
    int status = listener == NULL ? UV_ENOMEM : 0;
    if (status == 0) {
        *listener = (rl_listener){.loop = loop, .fd = fd, .accept = accept, .owner = owner};
        status = uv_poll_init(&loop->uv, &listener->uv, fd);
    }
    if (status != 0) {
        rl_mem_free(listener);
        close(fd);
        return rl_err_from_uv(status);
    }
    listener->uv.data = listener;
    listener->spare = open_spare();
    if (listen(fd, BACKLOG) == 0)
        status = uv_poll_start(&listener->uv, UV_READABLE, on_connections);
    else
        status = uv_translate_sys_error(errno);
    if (status != 0) {
        rl_listener_close(listener);
        return rl_err_from_uv(status);
    }
    *out = listener;
    return RL_OK;
}

void rl_listener_close(rl_listener *listener) {
    for (int i = 0; i < BACKLOG && accept_one(listener); i++)
        continue;
    uv_close((uv_handle_t *)&listener->uv, free_listener);
    close(listener->fd);
    if (listener->spare >= 0)
        close(listener->spare);
}

/* ---- binding --------------------------------------------------------- */

static rl_err say(rl_err err, char *message, size_t cap, const char *host, unsigned port, const char *why) {
    snprintf(message, cap, "cannot listen on %s:%u: %s", host, port, why);
    return err;
}

/* A socket bound to `addr`. Alone: without SO_REUSEPORT until the bind is
 * done, so that an address in use shows. */
static int bind_one(const struct addrinfo *addr, bool alone) {
    int fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!alone)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    if (bind(fd, addr->ai_addr, addr->ai_addrlen) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    if (alone)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    return fd;
}

static uint16_t port_of(const struct sockaddr *addr) {
    return ntohs(addr->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)addr)->sin6_port
                                             : ((const struct sockaddr_in *)(const void *)addr)->sin_port);
}

rl_err rl_tcp_bind(const char *host, uint16_t *port, int *fds, size_t count, char *message, size_t message_cap) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];
    snprintf(service, sizeof service, "%u", *port);
    int status = getaddrinfo(host, service, &hints, &found);
    if (status != 0)
        return say(RL_ENOTFOUND, message, message_cap, host, *port, gai_strerror(status));
    rl_err err = RL_OK;
    size_t bound = 0;
    for (; bound < count; bound++) {
        fds[bound] = bind_one(found, bound == 0);
        if (fds[bound] < 0)
            break;
        /* Port 0: the siblings bind to the port that the first one got. */
        socklen_t len = found->ai_addrlen;
        getsockname(fds[bound], found->ai_addr, &len);
    }
    if (bound == count) {
        *port = port_of(found->ai_addr);
    } else {
        err = errno == EADDRINUSE ? RL_EINUSE : RL_EIO;
        say(err, message, message_cap, host, *port,
            errno == EADDRINUSE ? "the port is in use by another program" : strerror(errno));
        while (bound > 0)
            close(fds[--bound]);
    }
    freeaddrinfo(found);
    return err;
}
