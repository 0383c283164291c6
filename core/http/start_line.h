/* start_line -- the first line of a request: a method, a target, a version.
 *
 *   GET /a?b=1 HTTP/1.1            origin form, the usual one
 *   GET http://host/a HTTP/1.1     absolute form: its host beats the Host field
 *   OPTIONS * HTTP/1.1             asterisk form
 *
 * Exactly one space stands between the three; nothing is skipped or repaired. */
#ifndef RL_HTTP_START_LINE_H
#define RL_HTTP_START_LINE_H

#include "base/slice.h"
#include "http/head.h"

/* Why a request is refused; status 0 means that it is not. */
typedef struct rl_refusal {
    int status;
    const char *reason; /* static text for the log */
} rl_refusal;

/* Parse the line that `in`, which lies at head->base, begins with, up to its CRLF
 * and no further, into the head's method, target, path, query, host, minor and
 * asterisk, and into *len, its length with the CRLF. 400 for what is malformed
 * or has no end in `in`, 501 for a method we do not serve, 505 for a version
 * that is not 1: reasons that hold when `in` is a line, and nothing more. */
rl_refusal rl_start_line_parse(rl_slice in, rl_head *head, uint32_t *len);

#endif
