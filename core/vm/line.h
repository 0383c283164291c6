/* line -- tasks that wait for other Lua code: see line.c. */
#ifndef RL_VM_LINE_H
#define RL_VM_LINE_H

#include "loop/waiter.h"

/* Whether a case of some wait is a place in a line: only a task can wake who stands there. */
bool rl_line_is_case(const rl_case *one);

#endif
