/* request_id -- what a request is called: in its log lines, in the answers to
 * what went wrong, and so in what users send to support.
 *
 *   49fa672bc781 000000000080      one of ours: of the process, and of the request in it
 *   edge-7.a_B                     one that a trusted proxy gave it, as its own log has it */
#ifndef RL_HTTP_REQUEST_ID_H
#define RL_HTTP_REQUEST_ID_H

#include "base/bulletin.h"
#include "http/request.h"

enum {
    RL_REQUEST_ID_LEN = 24, /* hexadecimal digits of one that we made */
    RL_REQUEST_ID_MOST = 64 /* bytes of one that we were given */
};

/* The id that was given to it, else one of its own, written into `out`. */
rl_slice rl_request_id(const rl_request *request, char out[RL_REQUEST_ID_LEN]);
/* Pin up the route `name` and the request, which both may be NULL. */
void rl_request_pin(const rl_request *request, const char *name, rl_bulletin_row *row);
/* The id of the request that is pinned up in a row, perhaps of a process that is no more; empty: there is none. */
rl_slice rl_request_id_pinned(const rl_bulletin_row *row, char out[RL_REQUEST_ID_MOST]);
/* Give it the id by which a trusted proxy knows it. False, and nothing is
 * changed, for anything but 1 to RL_REQUEST_ID_MOST letters, digits and "._-",
 * as it goes into logs and answers as it is; and without memory. */
bool rl_request_give_id(rl_request *request, rl_slice id);

#endif
