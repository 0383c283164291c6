#include "http/router.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/byte.h"
#include "http/node.h"
#include "http/pattern.h"
#include "http/target.h"

struct rl_router {
    rl_node *root;
    rl_node *whole; /* a child for each path without parameters: found in one step */
    rl_route *routes; /* all of them, to be freed */
};

/* One match: what is looked for, and what was met on the way. */
typedef struct search {
    rl_method method;
    bool escaped; /* the path holds an escape: compare decoded */
    uint32_t met; /* methods of every leaf that the path fits */
    rl_match *match;
} search;

rl_router *rl_router_new(void) {
    rl_router *router = rl_mem_zalloc(1, sizeof *router);
    if (router == NULL)
        return NULL;
    router->root = rl_node_new(RL_LIT(""));
    router->whole = rl_node_new(RL_LIT(""));
    if (router->root == NULL || router->whole == NULL) {
        rl_router_free(router);
        return NULL;
    }
    return router;
}

static void free_route(rl_route *route) {
    rl_mem_free((void *)(uintptr_t)route->pattern.ptr);
    rl_mem_free((void *)(uintptr_t)route->where.ptr);
    rl_mem_free(route);
}

void rl_router_free(rl_router *router) {
    if (router == NULL)
        return;
    while (router->routes != NULL) {
        rl_route *route = router->routes;
        router->routes = route->next;
        free_route(route);
    }
    rl_node_free(router->root);
    rl_node_free(router->whole);
    rl_mem_free(router);
}

static rl_route *new_route(rl_slice pattern, int id, rl_slice where) {
    rl_route *route = rl_mem_zalloc(1, sizeof *route + RL_ROUTER_MAX_PARAMS * sizeof route->names[0]);
    if (route == NULL)
        return NULL;
    route->id = id;
    route->pattern = rl_slice_of(rl_mem_strndup(pattern.ptr, pattern.len), pattern.len);
    route->where = rl_slice_of(rl_mem_strndup(where.len > 0 ? where.ptr : "", where.len), where.len);
    if (route->pattern.ptr == NULL || route->where.ptr == NULL) {
        free_route(route);
        return NULL;
    }
    rl_part part;
    for (rl_slice rest = route->pattern; rl_pattern_next(&rest, &part);) {
        if (part.kind != RL_PART_STATIC)
            route->names[route->count++] = part.name;
        route->wildcard = part.kind == RL_PART_WILDCARD;
    }
    return route;
}

static const char *method_text(rl_method method) {
    return method == RL_METHOD_ANY ? "ANY" : rl_method_name(method);
}

/* Paths and places are the app's own, and short; the message is cut if not. */
static int shown(rl_slice text) {
    return text.len < 200 ? (int)text.len : 200;
}

static rl_err fail_pattern(rl_slice pattern, rl_slice where, const char *problem, char *message, size_t cap) {
    snprintf(message, cap, "the path \"%.*s\" at %.*s %s", shown(pattern), pattern.ptr, shown(where),
             where.len > 0 ? where.ptr : "", problem);
    return RL_EINVAL;
}

static rl_err fail_taken(rl_method method, rl_slice pattern, rl_slice where, const rl_route *old,
                         char *message, size_t cap) {
    snprintf(message, cap, "%s %.*s at %.*s is taken already: %s %.*s at %.*s matches the same paths",
             method_text(method), shown(pattern), pattern.ptr, shown(where), where.len > 0 ? where.ptr : "",
             method_text(method), shown(old->pattern), old->pattern.ptr, shown(old->where), old->where.ptr);
    return RL_EEXIST;
}

rl_err rl_router_add(rl_router *router, rl_method method, rl_slice pattern, int route, rl_slice where,
                     char *message, size_t cap) {
    const char *problem;
    rl_leaf *leaf, *whole = NULL;
    snprintf(message, cap, "%s", "");
    if (rl_pattern_check(pattern, &problem) != RL_OK)
        return fail_pattern(pattern, where, problem, message, cap);
    if (rl_node_grow(router->root, pattern, &leaf) != RL_OK)
        return RL_ENOMEM;
    const rl_route **slot = method == RL_METHOD_ANY ? &leaf->any : &leaf->own[method];
    if (*slot != NULL)
        return fail_taken(method, pattern, where, *slot, message, cap);
    rl_route *made = new_route(pattern, route, where);
    if (made == NULL)
        return RL_ENOMEM;
    made->next = router->routes;
    router->routes = made;
    if (made->count == 0 && rl_node_grow_child(router->whole, made->pattern, &whole) != RL_OK)
        return RL_ENOMEM;
    *slot = made;
    if (whole != NULL)
        *whole = *leaf;
    return RL_OK;
}

/* The search has come to the path's end at `leaf`: is there a route for it? */
static bool arrive(search *now, const rl_leaf *leaf) {
    if (leaf == NULL)
        return false;
    const rl_route *route = now->method < RL_METHOD_COUNT ? leaf->own[now->method] : NULL;
    if (route == NULL && now->method == RL_HEAD)
        route = leaf->own[RL_GET];
    if (route == NULL && now->method < RL_METHOD_COUNT)
        route = leaf->any;
    if (route != NULL) {
        now->match->route = route->id;
        now->match->count = route->count;
        now->match->wildcard = route->wildcard;
        now->match->names = route->names;
        return true;
    }
    for (unsigned i = 0; i < RL_METHOD_COUNT; i++)
        if (leaf->own[i] != NULL)
            now->met |= RL_METHOD_BIT(i);
    if (leaf->any != NULL)
        now->met |= RL_METHOD_ALL;
    return false;
}

static const rl_node *find_static(const search *now, const rl_node *node, rl_slice raw) {
    char decoded[3 * RL_PATTERN_MAX_TEXT];
    size_t len;
    if (!now->escaped || node->child_slots == 0)
        return rl_node_find(node, raw);
    /* Longer than any static text could be, every byte of it escaped. */
    if (raw.len > sizeof decoded || rl_target_decode(raw, decoded, &len, false) != RL_OK)
        return NULL;
    return rl_node_find(node, rl_slice_of(decoded, len));
}

/* Bytes of `raw` that its first decoded byte takes; *byte is that one. The path
 * was checked: a '%' begins a whole escape. */
static size_t first_byte(rl_slice raw, char *byte) {
    *byte = raw.ptr[0];
    if (*byte != '%')
        return 1;
    *byte = (char)(rl_byte_hex(raw.ptr[1]) << 4 | rl_byte_hex(raw.ptr[2]));
    return 3;
}

static bool strip_prefix(rl_slice *raw, rl_slice prefix) {
    for (size_t i = 0; i < prefix.len; i++) {
        char byte;
        if (raw->len == 0)
            return false;
        size_t len = first_byte(*raw, &byte);
        if (byte != prefix.ptr[i])
            return false;
        *raw = rl_slice_of(raw->ptr + len, raw->len - len);
    }
    return true;
}

/* From the back: three bytes that begin with '%' are one escape, since an
 * escape's digits cannot be '%'. */
static bool strip_suffix(rl_slice *raw, rl_slice suffix) {
    for (size_t i = suffix.len; i > 0; i--) {
        char byte;
        if (raw->len == 0)
            return false;
        size_t len = raw->len >= 3 && raw->ptr[raw->len - 3] == '%' ? 3 : 1;
        first_byte(rl_slice_of(raw->ptr + raw->len - len, len), &byte);
        if (byte != suffix.ptr[i - 1])
            return false;
        raw->len -= len;
    }
    return true;
}

/* Follow `rest` from `node`; `count` parameters were taken on the way. The depth
 * is bounded by the longest pattern, not by the path. */
static bool follow(search *now, const rl_node *node, rl_slice rest, uint32_t count) {
    rl_slice after = rest, segment;
    if (!rl_target_next_segment(&after, &segment))
        return arrive(now, node->leaf);

    const rl_node *child = find_static(now, node, segment);
    if (child != NULL && follow(now, child, after, count))
        return true;
    for (uint32_t i = 0; i < node->param_count; i++) {
        const rl_param_child *param = &node->params[i];
        rl_slice value = segment;
        if (!strip_prefix(&value, param->prefix) || !strip_suffix(&value, param->suffix) || value.len == 0)
            continue;
        now->match->params[count] = value;
        if (follow(now, param->node, after, count + 1))
            return true;
    }
    if (node->wildcard == NULL)
        return false;
    now->match->params[count] = rl_slice_of(rest.ptr + 1, rest.len - 1);
    return arrive(now, node->wildcard);
}

rl_routing rl_router_match(const rl_router *router, rl_method method, rl_slice raw_path, rl_match *out) {
    search now = {method, false, 0, out};
    const rl_node *whole = rl_node_find(router->whole, raw_path); /* as sound as the pattern, byte for byte */
    if (whole != NULL && arrive(&now, whole->leaf))
        return RL_ROUTE_FOUND;
    if (!rl_target_is_plain(raw_path)) {
        if (rl_target_check_path(raw_path) != RL_OK)
            return RL_ROUTE_BAD_PATH;
        now.escaped = memchr(raw_path.ptr, '%', raw_path.len) != NULL;
    }
    if (follow(&now, router->root, raw_path, 0))
        return RL_ROUTE_FOUND;
    if (now.met == 0)
        return RL_ROUTE_NOT_FOUND;
    if (now.met & RL_METHOD_BIT(RL_GET))
        now.met |= RL_METHOD_BIT(RL_HEAD);
    out->allow = now.met | RL_METHOD_BIT(RL_OPTIONS);
    return RL_ROUTE_METHOD;
}
