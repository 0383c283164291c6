/* tcp -- listening sockets, and the streams that come from them. */
#ifndef RL_LOOP_TCP_H
#define RL_LOOP_TCP_H

#include "loop/loop.h"
#include "loop/stream.h"

/* Bind `count` sockets to one address; they share its connections by
 * SO_REUSEPORT, one for each worker. Port 0 takes a free one; *port says which.
 * The first bind is made without SO_REUSEPORT, because with it a second server
 * would share the port silently. RL_EINUSE, or RL_EIO with errno's text, or
 * RL_ENOTFOUND for a host that does not resolve: `message` says it in words. */
RL_MUST_USE rl_err rl_tcp_bind(const char *host, uint16_t *port, int *fds, size_t count, char *message,
                               size_t message_cap);

typedef struct rl_listener rl_listener;

/* Called with each new connection, which the callee owns. */
typedef void rl_accept_fn(void *owner, rl_stream *stream);

/* Listen on a bound socket, which the listener takes over, also on failure. */
RL_MUST_USE rl_err rl_listener_open(rl_loop *loop, int fd, rl_accept_fn *accept, void *owner, rl_listener **out);
/* Accepts what already waits in the queue, then closes: no connection that the
 * kernel had completed is reset. */
void rl_listener_close(rl_listener *listener);

#endif
