/* shuffle -- a queue that a seed takes from: any of its first 64, each with the same chance. */
#ifndef RL_VM_SHUFFLE_H
#define RL_VM_SHUFFLE_H

#include <stdint.h>

#include "base/list.h"

/* The dice of `seed`: 0 for 0, which stands for no shuffling, and nothing else is. */
uint64_t rl_shuffle_begin(uint64_t seed);
/* One of the queue's links, taken out; NULL when it is empty. */
rl_list *rl_shuffle_take(uint64_t *dice, rl_list *queue);

#endif
