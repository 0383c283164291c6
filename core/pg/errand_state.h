/* errand_state -- what errand.c and errand_start.c share.
 *
 * errand_start.c decides where an errand may run, errand.c runs it there and sees it
 * through to its end. */
#ifndef RL_PG_ERRAND_STATE_H
#define RL_PG_ERRAND_STATE_H

#include "pg/errand.h"

/* What is known of the statement at the lane where it is now. */
void rl_errand_recall(rl_errand *errand);
/* On the lane, or with a connection of its own. */
void rl_errand_seek_place(rl_errand *errand);
/* At the primary, or at a replica: that one's pool. */
void rl_errand_stay_at(rl_errand *errand, rl_pool *pool);
/* It is done. */
void rl_errand_finish(rl_errand *errand);

#endif
