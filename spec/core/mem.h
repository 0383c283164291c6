/* mem -- the allocator of the C tests: core/base/mem.h, and refusals on demand.
 *
 *     static void body(void) { ... code that must survive any refusal ... }
 *     each_allocation_fails(body);
 */
#ifndef RL_SPEC_MEM_H
#define RL_SPEC_MEM_H

#include "base/mem.h"

/* Run `body` again and again: in run n the n-th allocation is refused, until a
 * run gets by with fewer than n. Fails the test when a run leaks. */
void each_allocation_fails(void (*body)(void));
/* Blocks that are allocated now. */
size_t mem_live(void);
/* Wait until there are `count`, since a thread that was left behind frees its own; fails the test when there are not
 * within half a minute. */
void mem_await(size_t count);

#endif
