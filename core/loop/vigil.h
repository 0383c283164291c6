/* vigil -- whether a loop waits for its next post awake.
 *
 *   answers:|        |    |   |  | | | | | | | | |               |
 *           asleep ............. vigil ............ > asleep ......
 *                                credit: + at each answer, - while it waits
 *
 * Two workers that answer each other would spend most of their time on falling asleep and on being woken. A loop whose
 * own posts were answered in quick succession stays awake for the next answers, as long as that takes less of the
 * processor than to sleep: each answer earns what a sleep would have cost, and waiting uses it up. The first of it is
 * lent, because the other one may be asleep yet; who loses the loan rests, so that vain vigils take three hundredths of a
 * processor at most. Posts that nobody asked for are none of this: of messages that stream in, more are taken at once by
 * one who has slept.
 *
 * All times are nanoseconds of the monotonic clock. Zeroed memory is a vigil that nobody keeps. */
#ifndef RL_LOOP_VIGIL_H
#define RL_LOOP_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RL_VIGIL_QUICK_NS = 200 * 1000,       /* between answers: what two loops take that wake each other on a slow machine */
    RL_VIGIL_STREAK = 8,                  /* answers so quick, before the next are waited for awake */
    RL_VIGIL_SLEEP_NS = 10 * 1000,        /* of a processor, to fall asleep and be woken */
    RL_VIGIL_MOST_CREDIT_NS = 300 * 1000, /* and the loan */
    RL_VIGIL_WORTH = 64,                  /* answers of a vigil, for which its loan may be lost */
    RL_VIGIL_REST_NS = 10 * 1000 * 1000
};

typedef struct rl_vigil {
    uint64_t heard_ns;       /* when there was an answer last */
    uint64_t rests_until_ns;
    int64_t credit_ns;
    uint32_t streak;         /* how many answers in a row came quickly */
    bool has_asked;
} rl_vigil;

static inline bool rl_vigil_is_kept(const rl_vigil *vigil) {
    return vigil->streak >= RL_VIGIL_STREAK;
}

/* The loop has posted to another one: the next that it hears is an answer. */
static inline void rl_vigil_ask(rl_vigil *vigil) {
    vigil->has_asked = true;
}

/* There were posts. Returns true when the vigil begins with them. */
bool rl_vigil_hear(rl_vigil *vigil, uint64_t now_ns);
/* There was nothing. Returns false when the vigil has ended, as it does when its credit is used up. */
bool rl_vigil_go_on(rl_vigil *vigil, uint64_t now_ns);

#endif
