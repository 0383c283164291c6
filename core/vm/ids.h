/* ids -- numbers that stand for tasks, and for nothing once those have ended.
 *
 *     slots   [task, epoch] [free, epoch] [task, epoch] ...
 *     id      epoch * 2^22 + slot                          a double: Lua keeps it like any number
 *
 * The next task in a slot has the next epoch, so that an id kept too long finds
 * nobody. It wraps after 2^31 tasks in the same slot. 0 is never an id. */
#ifndef RL_VM_IDS_H
#define RL_VM_IDS_H

#include <stdint.h>

#include "base/err.h"

struct rl_task;

typedef struct rl_ids {
    struct rl_id_slot *slots;
    uint32_t count, cap; /* slots below count have been used */
    uint32_t free;       /* the first free one of these, or RL_NO_SLOT */
} rl_ids;

enum { RL_MOST_IDS = 1 << 22, RL_NO_SLOT = UINT32_MAX };

void rl_ids_init(rl_ids *ids);
void rl_ids_free(rl_ids *ids);
/* RL_ENOMEM also when there are RL_MOST_IDS tasks. */
RL_MUST_USE rl_err rl_ids_give(rl_ids *ids, struct rl_task *task, uint32_t *slot);
/* The slot that the next one will have. */
uint32_t rl_ids_next(const rl_ids *ids);
void rl_ids_take_back(rl_ids *ids, uint32_t slot);
/* The id of the task in `slot`. */
double rl_ids_number(const rl_ids *ids, uint32_t slot);
/* Who is in the slot, below ids->count; NULL: nobody. */
struct rl_task *rl_ids_at(const rl_ids *ids, uint32_t slot);
/* NULL for what is no id, or no longer. */
struct rl_task *rl_ids_find(const rl_ids *ids, double id);

#endif
