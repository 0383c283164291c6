#include "cli/pulse.h"

static void on_asked(rl_post *post) {
    atomic_store(&RL_CONTAINER(post, rl_pulse, post)->asked_ns, 0);
}

void rl_pulse_init(rl_pulse *pulse, rl_loop *loop) {
    *pulse = (rl_pulse){.loop = loop, .post.run = on_asked};
}

void rl_pulse_ask(rl_pulse *pulse) {
    if (atomic_load(&pulse->asked_ns) != 0)
        return;
    atomic_store(&pulse->asked_ns, rl_clock_ns());
    rl_loop_post(pulse->loop, &pulse->post);
}

uint64_t rl_pulse_silent_ns(const rl_pulse *pulse) {
    uint64_t asked_ns = atomic_load(&pulse->asked_ns);
    return asked_ns == 0 ? 0 : rl_clock_ns() - asked_ns;
}
