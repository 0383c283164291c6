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

/* Parse `line`, which lies at head->base and goes without its CRLF, into the
 * head's method, target, path, query, host, minor and asterisk. 400 for what is
 * malformed, 501 for a method we do not serve, 505 for a version that is not 1. */
rl_refusal rl_start_line_parse(rl_slice line, rl_head *head);

#endif
