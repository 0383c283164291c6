#include "vm/ids.h"

#include <math.h>

#include "base/mem.h"

enum { FIRST_CAP = 64, EPOCH_MASK = 0x7fffffff };

struct rl_id_slot {
    struct rl_task *task; /* NULL: free */
    uint32_t epoch;
    uint32_t next_free;
};

void rl_ids_init(rl_ids *ids) {
    *ids = (rl_ids){.free = RL_NO_SLOT};
}

void rl_ids_free(rl_ids *ids) {
    rl_mem_free(ids->slots);
}

static rl_err grow(rl_ids *ids) {
    uint32_t cap = ids->cap == 0 ? FIRST_CAP : ids->cap * 2;
    if (cap > RL_MOST_IDS)
        return RL_ENOMEM;
    struct rl_id_slot *grown = rl_mem_realloc(ids->slots, cap * sizeof *grown);
    if (grown == NULL)
        return RL_ENOMEM;
    ids->slots = grown;
    ids->cap = cap;
    return RL_OK;
}

rl_err rl_ids_give(rl_ids *ids, struct rl_task *task, uint32_t *slot) {
    uint32_t at = ids->free;
    if (at != RL_NO_SLOT) {
        ids->free = ids->slots[at].next_free;
    } else {
        if (ids->count == ids->cap && grow(ids) != RL_OK)
            return RL_ENOMEM;
        at = ids->count++;
        ids->slots[at].epoch = 1;
    }
    ids->slots[at].task = task;
    *slot = at;
    return RL_OK;
}

uint32_t rl_ids_next(const rl_ids *ids) {
    return ids->free != RL_NO_SLOT ? ids->free : ids->count;
}

void rl_ids_take_back(rl_ids *ids, uint32_t slot) {
    struct rl_id_slot *left = &ids->slots[slot];
    left->task = NULL;
    left->epoch = (left->epoch + 1) & EPOCH_MASK;
    left->next_free = ids->free;
    ids->free = slot;
}

double rl_ids_number(const rl_ids *ids, uint32_t slot) {
    return (double)ids->slots[slot].epoch * RL_MOST_IDS + slot;
}

struct rl_task *rl_ids_at(const rl_ids *ids, uint32_t slot) {
    return ids->slots[slot].task;
}

struct rl_task *rl_ids_find(const rl_ids *ids, double id) {
    if (!(id >= 0 && id < 0x1p53) || id != floor(id))
        return NULL;
    uint64_t number = (uint64_t)id, slot = number % RL_MOST_IDS;
    if (slot >= ids->count || ids->slots[slot].epoch != number / RL_MOST_IDS)
        return NULL;
    return ids->slots[slot].task;
}
