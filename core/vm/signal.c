#include "vm/task.h"

enum { CASE_SIGNAL = 1, CASE_TIMEOUT = 2 };

void rl_signal_init(rl_signal *signal) {
    rl_list_init(&signal->waiting);
}

static void leave_signal(rl_case *one) {
    rl_list_remove(&RL_CONTAINER(one, rl_place, one)->link);
}

void rl_signal_join(rl_task *task, rl_signal *signal) {
    rl_list_push_back(&signal->waiting, &task->place.link);
    rl_waiter_add(&task->waiter, &task->place.one, CASE_SIGNAL, leave_signal);
}

int rl_signal_wait(lua_State *L, rl_task *task, rl_signal *signal, uint64_t timeout_ms, const char *what) {
    rl_signal_join(task, signal);
    if (timeout_ms < UINT64_MAX)
        rl_task_limit_wait(task, CASE_TIMEOUT, timeout_ms);
    return rl_task_wait(L, task, what);
}

rl_place *rl_signal_claim(rl_signal *signal) {
    while (!rl_list_is_empty(&signal->waiting)) {
        rl_place *place = RL_CONTAINER(signal->waiting.next, rl_place, link);
        if (rl_waiter_claim(place->one.waiter, place->one.number))
            return place;
        rl_list_remove(&place->link); /* claimed from another thread */
    }
    return NULL;
}

bool rl_signal_one(rl_signal *signal) {
    rl_place *place = rl_signal_claim(signal);
    if (place != NULL)
        rl_waiter_wake(place->one.waiter); /* which takes it out */
    return place != NULL;
}

void rl_signal_all(rl_signal *signal) {
    while (rl_signal_one(signal))
        ;
}
