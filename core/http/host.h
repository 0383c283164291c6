/* host -- the host of a request, as Host fields and absolute targets have it:
 *
 *   example.com   example.com:8080   127.0.0.1   [::1]:80
 */
#ifndef RL_HTTP_HOST_H
#define RL_HTTP_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { RL_HOST_SEEN_MOST = 63 /* bytes; few hosts are longer, and those are looked at each time */ };

/* The host that was found valid last. All zero in the beginning. */
typedef struct rl_host_seen {
    uint8_t len; /* 0: none was */
    char text[RL_HOST_SEEN_MOST];
} rl_host_seen;

/* A name (RFC 3986's reg-name, but without ','), an IPv4 address or an IPv6
 * address in brackets, then perhaps ':' and a port up to 65535, which may be
 * empty. Neither user information nor an empty name: both are how a request
 * comes to mean another host than it seems to. */
bool rl_host_is_valid(rl_slice host);
/* The same for one of many: a client names the same host with each of its requests, so that it is compared with the
 * last one before it is looked at. */
bool rl_host_is_valid_again(rl_slice host, rl_host_seen *seen);

/* Of a valid one, with whatever port: whether it is what this machine calls itself, localhost or a name below it,
 * 127.0.0.1, [::1]. */
bool rl_host_is_local(rl_slice host);
/* The same: whether it is one of the names in `list`, which stand apart by spaces and commas. */
bool rl_host_is_listed(rl_slice host, const char *list);

#endif
