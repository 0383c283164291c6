/* control -- the door at which a running server says how it does.
 *
 *    rille status  --connect-->  "\0rille/127.0.0.1:8080"
 *                  <--one text, then the end--  the server
 *
 * A unix socket with a name in Linux' abstract space: there is no file whose folder
 * must be private and which outlives a server that was killed. The name is anybody's
 * to take, so both sides look who the other one is (SO_PEERCRED): the server answers
 * its own user and root, and whoever asks believes its own user and root. Nothing is
 * read from whoever comes, and nothing waits for him. */
#ifndef RL_CLI_CONTROL_H
#define RL_CLI_CONTROL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* RL_EINUSE when the name is taken, RL_EIO for anything else. */
RL_MUST_USE rl_err rl_control_listen(const char *host, uint16_t port, int *fd);
/* Takes one who came, when `fd` is readable: *peer is where to send the text, or -1
 * when it is nobody to be answered. */
int rl_control_accept(int fd);
/* Sends what fits at once, and closes. */
void rl_control_answer_take(int peer, rl_slice text);

/* Ask the server at that address. RL_ENOTFOUND when there is none, RL_EINVAL when it is not one to believe
 * or does not believe us, RL_ETIMEOUT, RL_EIO. */
RL_MUST_USE rl_err rl_control_ask(const char *host, uint16_t port, rl_buf *out);

#endif
