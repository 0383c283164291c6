#include "loop/vigil.h"

static void earn(rl_vigil *vigil, uint64_t gap_ns) {
    vigil->streak++;
    vigil->credit_ns += RL_VIGIL_SLEEP_NS - (int64_t)gap_ns;
    if (vigil->credit_ns > RL_VIGIL_MOST_CREDIT_NS)
        vigil->credit_ns = RL_VIGIL_MOST_CREDIT_NS;
}

bool rl_vigil_hear(rl_vigil *vigil, uint64_t now_ns) {
    if (!vigil->has_asked)
        return false;
    vigil->has_asked = false;
    uint64_t gap_ns = now_ns - vigil->heard_ns;
    vigil->heard_ns = now_ns;
    if (rl_vigil_is_kept(vigil)) {
        earn(vigil, gap_ns);
        return false;
    }
    bool is_quick = gap_ns < RL_VIGIL_QUICK_NS && now_ns >= vigil->rests_until_ns;
    vigil->streak = is_quick ? vigil->streak + 1 : 0;
    vigil->credit_ns = RL_VIGIL_MOST_CREDIT_NS;
    return rl_vigil_is_kept(vigil);
}

bool rl_vigil_go_on(rl_vigil *vigil, uint64_t now_ns) {
    if ((int64_t)(now_ns - vigil->heard_ns) <= vigil->credit_ns)
        return true;
    bool was_worth_it = vigil->streak >= RL_VIGIL_STREAK + RL_VIGIL_WORTH;
    vigil->rests_until_ns = was_worth_it ? 0 : now_ns + RL_VIGIL_REST_NS;
    vigil->streak = 0;
    return false;
}
