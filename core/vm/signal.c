#include "vm/task.h"

enum { CASE_SIGNAL = 1, CASE_TIMEOUT = 2 };

void rl_signal_init(rl_signal *signal) {
    rl_list_init(&signal->waiting);
}

static void leave_signal(rl_case *one) {
    rl_list_remove(&RL_CONTAINER(one, rl_task, one)->wait_link);
}

int rl_signal_wait(lua_State *L, rl_task *task, rl_signal *signal, uint64_t timeout_ms) {
    rl_list_push_back(&signal->waiting, &task->wait_link);
    rl_waiter_add(&task->waiter, &task->one, CASE_SIGNAL, leave_signal);
    if (timeout_ms < UINT64_MAX)
        rl_task_limit_wait(task, CASE_TIMEOUT, timeout_ms);
    return rl_task_wait(L, task);
}

bool rl_signal_one(rl_signal *signal) {
    while (!rl_list_is_empty(&signal->waiting)) {
        rl_task *task = RL_CONTAINER(signal->waiting.next, rl_task, wait_link);
        if (rl_waiter_claim(&task->waiter, CASE_SIGNAL)) {
            rl_waiter_wake(&task->waiter); /* unlinks it */
            return true;
        }
        rl_list_remove(&task->wait_link);
    }
    return false;
}

void rl_signal_all(rl_signal *signal) {
    while (rl_signal_one(signal))
        ;
}
