// router -- which route a method and a path lead to.
//
//   GET /users/:id      GET /users/new      GET /files/*path
//
//   ""                       the root; one node for each further segment
//   +-- "users"              static segments sit in a hash table ...
//   |   +-- "new"
//   |   +-- :id              ... then parameters are tried ...
//   +-- "files"
//       +-- *path            ... then the wildcard
//
// A static segment beats a parameter beats a wildcard, whatever the order of
// registration, and matching backtracks: /users/new/posts still finds
// /users/:id/posts. A parameter takes one segment that is not empty, with text
// before or behind it if the pattern has some (/v:version, /:name.json): more
// such text beats less. A wildcard takes the rest, slashes and all, which may
// be empty: /files/*path matches /files/ but not /files. A trailing slash
// always counts: /a and /a/ are two routes.
//
// All methods share the tree, so the methods of a path (Allow) are known from
// the same walk. Every node has one way to it, so a walk visits each at most
// once: no path can make it take exponential time. Matching allocates nothing.
//
// Patterns are written decoded ("/café"); paths come raw and are compared
// decoded, each segment for itself.
#ifndef RL_HTTP_ROUTER_H
#define RL_HTTP_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "http/method.h"

/* Parameters of one route, the wildcard included. */
#define RL_ROUTER_MAX_PARAMS 16
/* For rl_router_add: every method that has no route of its own on that path. */
#define RL_METHOD_ANY RL_METHOD_OTHER

typedef struct rl_router rl_router;

typedef enum rl_routing {
    RL_ROUTE_FOUND,
    RL_ROUTE_NOT_FOUND, /* 404 */
    RL_ROUTE_METHOD,    /* 405, or the answer to OPTIONS: `allow` says what there is */
    RL_ROUTE_BAD_PATH   /* 400 */
} rl_routing;

typedef struct rl_match {
    int route;
    uint32_t allow;        /* METHOD only: RL_METHOD_BITs; with GET goes HEAD, and OPTIONS always */
    uint32_t count;        /* parameters, in the pattern's order */
    bool wildcard;         /* the last parameter is a wildcard's */
    const rl_slice *names; /* `count` of them; the router's */
    rl_slice params[RL_ROUTER_MAX_PARAMS]; /* raw, borrowed from the path: see rl_target_decode */
} rl_match;

/* NULL when memory ran out. */
RL_MUST_USE rl_router *rl_router_new(void);
/* NULL is allowed. */
void rl_router_free(rl_router *router);

/* Lead `method` on `pattern` to `route`, any number >= 0. `where` names the
 * place that asked ("app.lua:12"). A route for its own method beats one for
 * RL_METHOD_ANY on the same pattern, in either order.
 * RL_EINVAL for a malformed pattern, RL_EEXIST for one of the same shape, with
 * a text for people in `message` (cut to `cap` bytes with its NUL, "" on
 * success); RL_ENOMEM. The router routes as before after any of them. */
RL_MUST_USE rl_err rl_router_add(rl_router *router, rl_method method, rl_slice pattern, int route,
                                 rl_slice where, char *message, size_t cap);

/* Find the route of `method` on `raw_path`. HEAD is led to GET's where it has
 * none. Other fields of `out` than the result's are unspecified. */
rl_routing rl_router_match(const rl_router *router, rl_method method, rl_slice raw_path, rl_match *out);

#endif
