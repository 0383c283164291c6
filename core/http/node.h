/* node -- the tree of routes: building it, freeing it, finding static children.
 *
 * A node stands for the segments on the way to it. The router walks it. */
#ifndef RL_HTTP_NODE_H
#define RL_HTTP_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "http/method.h"
#include "http/pattern.h"

typedef struct rl_node rl_node;

/* One registration. A leaf holds it once or, for RL_METHOD_ANY, once for all. */
typedef struct rl_route {
    struct rl_route *next; /* the router's list of all it owns */
    int id;
    uint32_t count;
    bool wildcard;
    rl_slice pattern, where; /* ours */
    rl_slice names[];        /* `count`, of the pattern */
} rl_route;

/* What ends at a node: a route for each method, and one for the other methods. */
typedef struct rl_leaf {
    const rl_route *own[RL_METHOD_COUNT];
    const rl_route *any;
} rl_leaf;

/* A parameter with the text around it, and where it leads. */
typedef struct rl_param_child {
    rl_slice prefix, suffix; /* ours */
    rl_node *node;
} rl_param_child;

struct rl_node {
    rl_slice text; /* the static segment that leads here; ours */
    uint32_t hash; /* of text */
    uint32_t child_count, child_slots;
    rl_node **children; /* open addressing; child_slots is 0 or a power of two */
    uint32_t param_count;
    rl_param_child *params; /* most text first */
    rl_leaf *leaf;          /* of paths that end here */
    rl_leaf *wildcard;      /* of paths that go on from here anyhow */
};

/* NULL when memory ran out. `text` is copied. */
RL_MUST_USE rl_node *rl_node_new(rl_slice text);
/* With everything below it, routes apart. NULL is allowed. */
void rl_node_free(rl_node *node);

/* The child for the static segment `text`, decoded; NULL when there is none. */
const rl_node *rl_node_find(const rl_node *node, rl_slice text);

/* The leaf that `pattern`, already checked, leads to from the root, made on the
 * way. RL_ENOMEM leaves nodes without a leaf behind, which match nothing. */
RL_MUST_USE rl_err rl_node_grow(rl_node *root, rl_slice pattern, rl_leaf **out);
/* The leaf of the child for `text`, whatever it holds; made when there is none. */
RL_MUST_USE rl_err rl_node_grow_child(rl_node *node, rl_slice text, rl_leaf **out);

#endif
