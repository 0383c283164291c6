#include "pg/statement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static uint64_t hash_key(rl_slice sql, const uint32_t *types, uint32_t type_count) {
    uint64_t hash = rl_hash_bytes(RL_HASH_BEGIN, sql.ptr, sql.len);
    return rl_hash_bytes(hash, types, type_count * sizeof *types);
}

rl_err rl_statements_init(rl_statements *set, uint32_t max) {
    *set = (rl_statements){.max = max < 1 ? 1 : max, .bucket_count = 16};
    rl_list_init(&set->newest);
    while (set->bucket_count < set->max * 2)
        set->bucket_count *= 2;
    set->buckets = rl_mem_zalloc(set->bucket_count, sizeof *set->buckets);
    return set->buckets == NULL ? RL_ENOMEM : RL_OK;
}

void rl_statement_free(rl_statement *statement) {
    rl_mem_free(statement);
}

void rl_statements_clear(rl_statements *set) {
    for (rl_list *link; (link = rl_list_pop_front(&set->newest)) != NULL;)
        rl_statement_free(RL_CONTAINER(link, rl_statement, link));
    rl_mem_free(set->buckets);
    set->buckets = NULL;
}

static rl_statement **bucket_of(rl_statements *set, uint64_t hash) {
    return &set->buckets[hash & (set->bucket_count - 1)];
}

static bool matches(const rl_statement *one, rl_slice sql, const uint32_t *types, uint32_t type_count) {
    return one->sql_len == sql.len && one->type_count == type_count &&
           memcmp(one->sql, sql.ptr, sql.len) == 0 &&
           (type_count == 0 || memcmp(one->declared, types, type_count * sizeof *types) == 0);
}

rl_statement *rl_statements_find(rl_statements *set, rl_slice sql, const uint32_t *types,
                                 uint32_t type_count) {
    /* The one that was used last often is the next as well. */
    rl_statement *last = rl_list_is_empty(&set->newest) ? NULL : RL_CONTAINER(set->newest.next, rl_statement, link);
    if (last != NULL && matches(last, sql, types, type_count))
        return last;
    uint64_t hash = hash_key(sql, types, type_count);
    for (rl_statement *one = *bucket_of(set, hash); one != NULL; one = one->next) {
        if (one->hash != hash || !matches(one, sql, types, type_count))
            continue;
        rl_list_remove(&one->link);
        rl_list_push_front(&set->newest, &one->link);
        return one;
    }
    return NULL;
}

void rl_statements_take_out(rl_statements *set, rl_statement *statement) {
    rl_statement **at = bucket_of(set, statement->hash);
    while (*at != statement)
        at = &(*at)->next;
    *at = statement->next;
    rl_list_remove(&statement->link);
    set->count--;
}

static rl_statement *evict(rl_statements *set) {
    for (rl_list *at = set->newest.prev; at != &set->newest; at = at->prev) {
        rl_statement *oldest = RL_CONTAINER(at, rl_statement, link);
        if (oldest->uses > 0)
            continue;
        rl_statements_take_out(set, oldest);
        return oldest;
    }
    return NULL;
}

/* One block: the struct, two lists of types, the text. */
static rl_statement *new_statement(rl_slice sql, const uint32_t *types, uint32_t type_count) {
    size_t types_len = type_count * sizeof *types;
    rl_statement *one = rl_mem_zalloc(1, sizeof *one + 2 * types_len + sql.len + 1);
    if (one == NULL)
        return NULL;
    one->declared = (uint32_t *)(void *)(one + 1);
    one->types = one->declared + type_count;
    one->sql = (char *)(one->types + type_count);
    one->sql_len = sql.len;
    one->type_count = type_count;
    if (type_count > 0) {
        memcpy(one->declared, types, types_len);
        memcpy(one->types, types, types_len);
    }
    memcpy(one->sql, sql.ptr, sql.len);
    return one;
}

rl_err rl_statements_add(rl_statements *set, rl_slice sql, const uint32_t *types, uint32_t type_count,
                         rl_statement **out, rl_statement **evicted) {
    rl_statement *one = new_statement(sql, types, type_count);
    if (one == NULL)
        return RL_ENOMEM;
    *evicted = set->count >= set->max ? evict(set) : NULL;
    one->hash = hash_key(sql, types, type_count);
    one->shape = rl_sql_classify(sql);
    one->number = ++set->named;
    snprintf(one->name, sizeof one->name, "rl_%" PRIu64, one->number);
    rl_statement **bucket = bucket_of(set, one->hash);
    one->next = *bucket;
    *bucket = one;
    rl_list_push_front(&set->newest, &one->link);
    set->count++;
    *out = one;
    return RL_OK;
}
