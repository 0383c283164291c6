/* lines -- response header lines, checked before anything is sent.
 *
 * Nothing that a program puts into a header may end its line: a CR, LF or NUL
 * from outside would let a stranger write the rest of the response. */
#ifndef RL_HTTP_LINES_H
#define RL_HTTP_LINES_H

#include "base/buf.h"
#include "base/err.h"

/* Append "name: value CRLF". RL_EINVAL for a name that is no token (RFC 9110,
 * 5.1), a value with control bytes, or a name that belongs to the server
 * (Content-Length, Transfer-Encoding, Connection, Keep-Alive, Date, Upgrade, Trailer);
 * *why says which, in static text. */
RL_MUST_USE rl_err rl_lines_append(rl_buf *lines, rl_slice name, rl_slice value, const char **why);
/* Whether there is a line called `name`. */
bool rl_lines_have(const rl_buf *lines, rl_slice name);
/* The value of the next line called `name` in the live bytes of lines, at or behind offset *at, which moves behind it;
 * false, with *value as it was, when there is none. */
bool rl_lines_next(rl_slice lines, rl_slice name, size_t *at, rl_slice *value);
/* Take all lines called `name` out. */
void rl_lines_remove(rl_buf *lines, rl_slice name);

#endif
