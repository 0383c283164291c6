/* fields -- what the header fields of a head say about the message itself:
 * where it goes, how long it is, whether the connection stays.
 *
 * Two readers that disagree here can be made to see different requests in the
 * same bytes, so whatever is repeated, contradictory or unusual is refused. */
#ifndef RL_HTTP_FIELDS_H
#define RL_HTTP_FIELDS_H

#include "http/head.h"
#include "http/host.h"
#include "http/start_line.h"

/* Settle a head whose `len`, line and field names are known: check that its
 * bytes are `line_len` bytes of line, then one field a line, then an empty
 * line, and set values, host, keep_alive, chunked, has_length, content_length
 * and expect_continue. `last` is that of the head before, and of this one afterwards. */
rl_refusal rl_fields_settle(rl_head *head, uint32_t line_len, rl_host_seen *last);

#endif
