#include "loop/tcp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/uv.h"

enum { BACKLOG = 4096 /* the kernel cuts it to net.core.somaxconn */, MOST_PIECES = 4 };

typedef struct rl_tcp {
    rl_stream stream;
    rl_loop *loop;
    bool reading;
    uv_tcp_t uv;
} rl_tcp;

typedef struct tcp_write {
    uv_write_t uv;
    rl_tcp *tcp;
} tcp_write;

struct rl_listener {
    uv_tcp_t uv;
    rl_loop *loop;
    uv_tcp_t spare; /* accepts and closes when memory ran out: libuv stops at a connection nobody accepts */
    bool spare_is_open, spare_is_due, is_closed;
    rl_accept_fn *accept;
    void *owner;
};

static rl_tcp *tcp_of(rl_stream *stream) {
    return RL_CONTAINER(stream, rl_tcp, stream);
}

/* One buffer for the whole loop: it is borrowed only during one read event,
 * so an idle connection costs no buffer at all. */
static void lend_read_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)suggested;
    rl_tcp *tcp = handle->data;
    *buf = uv_buf_init(tcp->loop->read_buffer, RL_READ_BUFFER_LEN);
}

static void on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *buf) {
    rl_tcp *tcp = handle->data;
    if (len > 0)
        tcp->stream.events->read(tcp->stream.owner, rl_slice_of(buf->base, (size_t)len));
    else if (len < 0) {
        uv_read_stop(handle);
        tcp->reading = false;
        tcp->stream.events->ended(tcp->stream.owner, len == UV_EOF ? RL_EOF : RL_ERESET);
    }
}

static void tcp_read(rl_stream *stream, bool on) {
    rl_tcp *tcp = tcp_of(stream);
    if (on == tcp->reading)
        return;
    tcp->reading = on;
    if (on)
        uv_read_start((uv_stream_t *)&tcp->uv, lend_read_buffer, on_read);
    else
        uv_read_stop((uv_stream_t *)&tcp->uv);
}

static rl_err tcp_try_write(rl_stream *stream, const rl_slice *pieces, size_t count, size_t *written) {
    assert(count <= MOST_PIECES);
    uv_buf_t bufs[MOST_PIECES];
    for (size_t i = 0; i < count; i++)
        bufs[i] = (uv_buf_t){.base = (char *)(uintptr_t)pieces[i].ptr, .len = pieces[i].len};
    int sent = uv_try_write((uv_stream_t *)&tcp_of(stream)->uv, bufs, (unsigned)count);
    if (sent < 0 && sent != UV_EAGAIN)
        return RL_ERESET;
    *written = sent < 0 ? 0 : (size_t)sent;
    return RL_OK;
}

static void on_written(uv_write_t *uv, int status) {
    tcp_write *write = uv->data;
    rl_tcp *tcp = write->tcp;
    rl_mem_free(write);
    tcp->stream.events->written(tcp->stream.owner, rl_err_from_uv(status));
}

static rl_err tcp_write_all(rl_stream *stream, rl_slice bytes) {
    tcp_write *write = rl_mem_alloc(sizeof *write);
    if (write == NULL)
        return RL_ENOMEM;
    rl_tcp *tcp = tcp_of(stream);
    write->tcp = tcp;
    write->uv.data = write;
    uv_buf_t buf = {.base = (char *)(uintptr_t)bytes.ptr, .len = bytes.len};
    int status = uv_write(&write->uv, (uv_stream_t *)&tcp->uv, &buf, 1, on_written);
    if (status != 0)
        rl_mem_free(write);
    return rl_err_from_uv(status);
}

static size_t tcp_queued(const rl_stream *stream) {
    const rl_tcp *tcp = RL_CONTAINER(stream, rl_tcp, stream);
    return uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->uv);
}

static void tcp_shutdown(rl_stream *stream) {
    /* Straight to the socket: everything was written before, and uv_shutdown
     * would want a request object of its own. */
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&tcp_of(stream)->uv, &fd) == 0)
        shutdown(fd, SHUT_WR);
}

static void on_closed(uv_handle_t *handle) {
    rl_tcp *tcp = handle->data;
    if (tcp->stream.events != NULL)
        tcp->stream.events->closed(tcp->stream.owner);
    rl_mem_free(tcp);
}

static void tcp_close(rl_stream *stream, bool reset) {
    rl_tcp *tcp = tcp_of(stream);
    tcp->reading = false;
    if (!reset || uv_tcp_close_reset(&tcp->uv, on_closed) != 0)
        if (!uv_is_closing((uv_handle_t *)&tcp->uv))
            uv_close((uv_handle_t *)&tcp->uv, on_closed);
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
    int len = sizeof addr;
    if (uv_tcp_getpeername(&tcp_of(stream)->uv, (struct sockaddr *)&addr, &len) != 0)
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

static rl_tcp *new_tcp(rl_listener *listener) {
    rl_tcp *tcp = rl_mem_alloc(sizeof *tcp);
    if (tcp == NULL)
        return NULL;
    *tcp = (rl_tcp){.stream = {.ops = &TCP_OPS}, .loop = listener->loop};
    uv_tcp_init(&listener->loop->uv, &tcp->uv);
    tcp->uv.data = tcp;
    return tcp;
}

static void free_handle(uv_handle_t *handle) {
    rl_mem_free(handle->data);
}

static void turn_away(rl_listener *listener);

static void on_spare_closed(uv_handle_t *handle) {
    rl_listener *listener = handle->data;
    listener->spare_is_open = false;
    if (listener->is_closed)
        uv_close((uv_handle_t *)&listener->uv, free_handle);
    else if (listener->spare_is_due)
        turn_away(listener);
}

/* One at a time: while the spare closes, the next connection waits in libuv. */
static void turn_away(rl_listener *listener) {
    listener->spare_is_due = listener->spare_is_open;
    if (listener->spare_is_open)
        return;
    listener->spare_is_open = true;
    uv_tcp_init(&listener->loop->uv, &listener->spare);
    listener->spare.data = listener;
    (void)!uv_accept((uv_stream_t *)&listener->uv, (uv_stream_t *)&listener->spare);
    uv_close((uv_handle_t *)&listener->spare, on_spare_closed);
}

static void on_connection(uv_stream_t *handle, int status) {
    rl_listener *listener = handle->data;
    if (status != 0 || listener->is_closed)
        return; /* the peer gave up before we looked, or descriptors ran out: the next event tells */
    rl_tcp *tcp = new_tcp(listener);
    if (tcp == NULL) {
        turn_away(listener);
        return;
    }
    if (uv_accept(handle, (uv_stream_t *)&tcp->uv) != 0) {
        uv_close((uv_handle_t *)&tcp->uv, free_handle);
        return;
    }
    uv_tcp_nodelay(&tcp->uv, 1);
    listener->accept(listener->owner, &tcp->stream);
}

rl_err rl_listener_open(rl_loop *loop, int fd, rl_accept_fn *accept, void *owner, rl_listener **out) {
    rl_listener *listener = rl_mem_alloc(sizeof *listener);
    if (listener == NULL) {
        close(fd);
        return RL_ENOMEM;
    }
    *listener = (rl_listener){.loop = loop, .accept = accept, .owner = owner};
    uv_tcp_init(&loop->uv, &listener->uv);
    listener->uv.data = listener;
    int status = uv_tcp_open(&listener->uv, fd);
    if (status != 0)
        close(fd);
    else
        status = uv_listen((uv_stream_t *)&listener->uv, BACKLOG, on_connection);
    if (status != 0) {
        uv_close((uv_handle_t *)&listener->uv, free_handle);
        return rl_err_from_uv(status);
    }
    *out = listener;
    return RL_OK;
}

void rl_listener_close(rl_listener *listener) {
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&listener->uv, &fd) == 0)
        for (int client; (client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            rl_tcp *tcp = new_tcp(listener);
            if (tcp == NULL) {
                close(client);
                break;
            }
            if (uv_tcp_open(&tcp->uv, client) != 0) {
                close(client);
                uv_close((uv_handle_t *)&tcp->uv, free_handle);
                continue;
            }
            uv_tcp_nodelay(&tcp->uv, 1);
            listener->accept(listener->owner, &tcp->stream);
        }
    listener->is_closed = true;
    if (!listener->spare_is_open) /* which lies in the listener */
        uv_close((uv_handle_t *)&listener->uv, free_handle);
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
