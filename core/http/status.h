/* status -- what a response's number is called. */
#ifndef RL_HTTP_STATUS_H
#define RL_HTTP_STATUS_H

#include <stdbool.h>

#include "base/slice.h"

/* "Not Found" for 404. A number without a registered phrase gets the one of
 * its class, so that the status line is never empty. */
rl_slice rl_status_reason(int status);

/* Whether a response with `status` may carry a body at all (RFC 9110, 6.4.1). */
static inline bool rl_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

#endif
