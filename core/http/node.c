#include "http/node.h"

#include "base/mem.h"

/* Only the app's own texts are stored, so nobody can choose colliding keys, and
 * a plain multiplicative hash will do. The constant is 2^64 over the golden ratio. */
static uint64_t mix(uint64_t hash, const char *bytes, size_t len) {
    const uint64_t factor = 0x9e3779b97f4a7c15;
    uint64_t word = 0;
    memcpy(&word, bytes, len);
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 32;
}

static uint32_t hash_text(rl_slice text) {
    enum { WORD = sizeof(uint64_t) };
    uint64_t hash = text.len;
    if (text.len < WORD)
        return (uint32_t)mix(hash, text.ptr, text.len);
    for (size_t at = 0; at + WORD < text.len; at += WORD)
        hash = mix(hash, text.ptr + at, WORD);
    return (uint32_t)mix(hash, text.ptr + text.len - WORD, WORD); /* the last word may overlap */
}

static rl_err copy_text(rl_slice text, rl_slice *out) {
    char *copy = rl_mem_strndup(text.len > 0 ? text.ptr : "", text.len);
    if (copy == NULL)
        return RL_ENOMEM;
    *out = rl_slice_of(copy, text.len);
    return RL_OK;
}

/* Slices are read-only views; those that a node owns were made by copy_text. */
static void free_text(rl_slice text) {
    rl_mem_free((void *)(uintptr_t)text.ptr);
}

rl_node *rl_node_new(rl_slice text) {
    rl_node *node = rl_mem_zalloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    if (copy_text(text, &node->text) != RL_OK) {
        rl_mem_free(node);
        return NULL;
    }
    node->hash = hash_text(text);
    return node;
}

void rl_node_free(rl_node *node) {
    if (node == NULL)
        return;
    for (uint32_t i = 0; i < node->child_slots; i++)
        rl_node_free(node->children[i]);
    for (uint32_t i = 0; i < node->param_count; i++) {
        free_text(node->params[i].prefix);
        free_text(node->params[i].suffix);
        rl_node_free(node->params[i].node);
    }
    rl_mem_free(node->children);
    rl_mem_free(node->params);
    rl_mem_free(node->leaf);
    rl_mem_free(node->wildcard);
    free_text(node->text);
    rl_mem_free(node);
}

/* The slot where `text` is or would be. There is always a free one. */
static uint32_t slot_of(rl_node *const *children, uint32_t slots, uint32_t hash, rl_slice text) {
    uint32_t i = hash & (slots - 1);
    while (children[i] != NULL && (children[i]->hash != hash || !rl_slice_eq(children[i]->text, text)))
        i = (i + 1) & (slots - 1);
    return i;
}

const rl_node *rl_node_find(const rl_node *node, rl_slice text) {
    if (node->child_slots == 0)
        return NULL;
    return node->children[slot_of(node->children, node->child_slots, hash_text(text), text)];
}

/* Keep at least half of the slots free, one more child counted in. */
static rl_err make_room(rl_node *node) {
    if ((node->child_count + 1) * 2 <= node->child_slots)
        return RL_OK;
    uint32_t slots = node->child_slots == 0 ? 4 : node->child_slots * 2;
    rl_node **children = rl_mem_zalloc(slots, sizeof *children);
    if (children == NULL)
        return RL_ENOMEM;
    for (uint32_t i = 0; i < node->child_slots; i++) {
        rl_node *child = node->children[i];
        if (child != NULL)
            children[slot_of(children, slots, child->hash, child->text)] = child;
    }
    rl_mem_free(node->children);
    node->children = children;
    node->child_slots = slots;
    return RL_OK;
}

static rl_node *grow_static(rl_node *node, rl_slice text) {
    if (make_room(node) != RL_OK)
        return NULL;
    rl_node **slot = &node->children[slot_of(node->children, node->child_slots, hash_text(text), text)];
    if (*slot == NULL && (*slot = rl_node_new(text)) != NULL)
        node->child_count++;
    return *slot;
}

static int compare_text(rl_slice a, rl_slice b) {
    if (a.len != b.len)
        return a.len > b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.ptr, b.ptr, a.len);
}

/* Below 0 when the first is to be tried first. A total order, so that matching
 * does not depend on the order of registration. */
static int compare_param(const rl_param_child *child, const rl_part *part) {
    size_t child_len = child->prefix.len + child->suffix.len;
    size_t part_len = part->prefix.len + part->suffix.len;
    if (child_len != part_len)
        return child_len > part_len ? -1 : 1;
    int order = compare_text(child->prefix, part->prefix);
    return order != 0 ? order : compare_text(child->suffix, part->suffix);
}

static rl_err make_param(const rl_part *part, rl_param_child *out) {
    rl_param_child child = {{NULL, 0}, {NULL, 0}, rl_node_new(RL_LIT(""))};
    if (child.node == NULL || copy_text(part->prefix, &child.prefix) != RL_OK ||
        copy_text(part->suffix, &child.suffix) != RL_OK) {
        free_text(child.prefix);
        rl_node_free(child.node);
        return RL_ENOMEM;
    }
    *out = child;
    return RL_OK;
}

static rl_node *grow_param(rl_node *node, const rl_part *part) {
    uint32_t at = 0;
    while (at < node->param_count && compare_param(&node->params[at], part) < 0)
        at++;
    if (at < node->param_count && compare_param(&node->params[at], part) == 0)
        return node->params[at].node;

    rl_param_child *params = rl_mem_realloc(node->params, (node->param_count + 1) * sizeof *params);
    if (params == NULL)
        return NULL;
    node->params = params;
    rl_param_child child;
    if (make_param(part, &child) != RL_OK)
        return NULL;
    memmove(&params[at + 1], &params[at], (node->param_count - at) * sizeof *params);
    params[at] = child;
    node->param_count++;
    return child.node;
}

static rl_err grow_leaf(rl_leaf **leaf, rl_leaf **out) {
    if (*leaf == NULL)
        *leaf = rl_mem_zalloc(1, sizeof **leaf);
    if (*leaf == NULL)
        return RL_ENOMEM;
    *out = *leaf;
    return RL_OK;
}

rl_err rl_node_grow(rl_node *root, rl_slice pattern, rl_leaf **out) {
    rl_node *node = root;
    rl_part part;
    while (rl_pattern_next(&pattern, &part)) {
        if (part.kind == RL_PART_WILDCARD)
            return grow_leaf(&node->wildcard, out);
        node = part.kind == RL_PART_PARAM ? grow_param(node, &part) : grow_static(node, part.prefix);
        if (node == NULL)
            return RL_ENOMEM;
    }
    return grow_leaf(&node->leaf, out);
}

rl_err rl_node_grow_child(rl_node *node, rl_slice text, rl_leaf **out) {
    rl_node *child = grow_static(node, text);
    return child == NULL ? RL_ENOMEM : grow_leaf(&child->leaf, out);
}
