/* method -- the request methods we serve, as small numbers and as sets.
 *
 * Any other token is RL_METHOD_OTHER and answered 501; so are CONNECT and
 * TRACE, which an application server has no use for. */
#ifndef RL_HTTP_METHOD_H
#define RL_HTTP_METHOD_H

#include <stdint.h>

#include "base/slice.h"

typedef enum rl_method {
    RL_GET,
    RL_HEAD,
    RL_POST,
    RL_PUT,
    RL_PATCH,
    RL_DELETE,
    RL_OPTIONS,
    RL_METHOD_OTHER,
    RL_METHOD_COUNT = RL_METHOD_OTHER
} rl_method;

/* A set of methods: bit 1 << method. */
#define RL_METHOD_BIT(method) (1U << (unsigned)(method))
#define RL_METHOD_ALL (RL_METHOD_BIT(RL_METHOD_COUNT) - 1)
/* Bytes that always hold the text of a set, the final NUL included. */
#define RL_METHOD_SET_CAP 64

/* `token` compared as HTTP does, with case (RFC 9110, 9.1). */
rl_method rl_method_of(rl_slice token);
/* "GET"; "OTHER" for RL_METHOD_OTHER. Never NULL. */
const char *rl_method_name(rl_method method);
/* The value of an Allow field, such as "GET, HEAD, OPTIONS", written to `out`
 * with a final NUL. The slice borrows `out`. */
rl_slice rl_method_set_text(uint32_t set, char out[RL_METHOD_SET_CAP]);

#endif
