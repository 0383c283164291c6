#include "loop/alarm.h"

#include "base/mem.h"
#include "loop/uv.h"

struct rl_alarm {
    uv_timer_t uv;
    void (*ring)(void *owner);
    void *owner;
};

static void on_time(uv_timer_t *timer) {
    rl_alarm *alarm = timer->data;
    alarm->ring(alarm->owner);
}

rl_err rl_alarm_open(rl_loop *loop, uint64_t every_ms, void (*ring)(void *owner), void *owner, rl_alarm **out) {
    rl_alarm *alarm = rl_mem_alloc(sizeof *alarm);
    if (alarm == NULL)
        return RL_ENOMEM;
    alarm->ring = ring;
    alarm->owner = owner;
    uv_timer_init(&loop->uv, &alarm->uv);
    alarm->uv.data = alarm;
    uv_timer_start(&alarm->uv, on_time, every_ms, every_ms);
    uv_unref((uv_handle_t *)&alarm->uv);
    *out = alarm;
    return RL_OK;
}

static void on_closed(uv_handle_t *handle) {
    rl_mem_free(handle->data);
}

void rl_alarm_close(rl_alarm *alarm) {
    uv_close((uv_handle_t *)&alarm->uv, on_closed);
}
