/* loopback -- a stream whose peer is this program: no socket, no kernel.
 *
 *   peer --rl_loopback_send--> [inbound] --turn--> owner's `read`
 *   peer <--rl_loopback_got--- [outbound] <------- rl_stream_try_write, write
 *
 * Specs talk to a server by it. As a socket would, it never calls the owner
 * from within the owner's own call: what was sent, written or closed is told in
 * one of the loop's next turns, and `read` brings at most a read buffer's worth.
 * Peer and owner let go of it each in its own time (rl_loopback_close,
 * rl_stream_close); it frees itself behind the later of the two. */
#ifndef RL_LOOP_LOOPBACK_H
#define RL_LOOP_LOOPBACK_H

#include "loop/stream.h"

typedef struct rl_loopback rl_loopback;

/* `news` tells the peer that there is more to get, or that no more will come.
 * It is called in the owner's stack: it notes, and does nothing else. Each
 * direction holds at most `ceiling` bytes; an owner that writes more is reset. */
RL_MUST_USE rl_err rl_loopback_open(rl_loop *loop, size_t ceiling, void (*news)(void *peer), void *peer,
                                    rl_loopback **out);
/* For the owner, once; belongs to it. */
rl_stream *rl_loopback_stream(rl_loopback *loopback);
/* The peer of a stream that is a loopback's; NULL once it has gone. */
void *rl_loopback_peer(const rl_stream *stream);

/* RL_ECLOSED when the owner has closed; RL_EFULL, RL_ENOMEM. */
RL_MUST_USE rl_err rl_loopback_send(rl_loopback *loopback, rl_slice bytes);
/* What came and was not dropped; borrowed until the owner writes again. */
rl_slice rl_loopback_got(const rl_loopback *loopback);
/* Forget the first `len` bytes of it. */
void rl_loopback_drop(rl_loopback *loopback, size_t len);
/* Whether the owner has ended its side: no more will come. */
bool rl_loopback_has_ended(const rl_loopback *loopback);
/* The peer goes: the owner reads what was sent, then RL_EOF. No `news` comes after this. */
void rl_loopback_close(rl_loopback *loopback);

#endif
