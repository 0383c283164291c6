/* alarm -- a timer by the real clock, whatever is done to the loop's: for whoever looks whether a test hangs. */
#ifndef RL_LOOP_ALARM_H
#define RL_LOOP_ALARM_H

#include "loop/loop.h"

typedef struct rl_alarm rl_alarm;

/* `ring` is called every `every_ms` from then on, also while the clock is frozen. It keeps no loop running. */
RL_MUST_USE rl_err rl_alarm_open(rl_loop *loop, uint64_t every_ms, void (*ring)(void *owner), void *owner,
                                 rl_alarm **out);
/* No call comes after this. */
void rl_alarm_close(rl_alarm *alarm);

#endif
