/* served -- an app in a rig, and a fake client of it.
 *
 *     served *s = served_opened("route('GET', '/', function() return 'hello' end)");
 *     feed(s->w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
 *
 * A handler gets slot and epoch, as C calls it; on a fault the answer is 500
 * with the error's text. */
#ifndef RL_SPEC_VM_SERVED_H
#define RL_SPEC_VM_SERVED_H

#include "http/wire.h"
#include "vm/app.h"
#include "vm/rig.h"

typedef struct served {
    wire *w;
    rig *r;
    rl_app *app;
    rl_app_limits limits;
} served;

static const char *const SERVED_PRELUDE =
    "function route(method, path, fn) return core.route(method, path, fn, 'spec:1') end\n"
    "core.hook('fault', function(slot, epoch, err, co, number)\n"
    "  return 'fault: ' .. tostring(err), 500\n"
    "end)\n";

static inline served *served_new(void) {
    served *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->w = wire_new();
    s->r = rig_new();
    s->limits = (rl_app_limits){.request_timeout_ms = 10000, .max_json = 1 << 20};
    return s;
}

/* False when memory ran out. */
static inline bool served_open(served *s, size_t ceiling, const char *code) {
    if (rl_loop_new(&s->w->loop) != RL_OK)
        return false;
    s->r->loop = s->w->loop;
    if (!rig_open(s->r, ceiling) || rl_app_new(s->r->vm, &s->limits, &s->app) != RL_OK)
        return false;
    if (start(s->r, SERVED_PRELUDE) == NULL || start(s->r, code) == NULL)
        return false;
    drive(s->r, 100);
    for (size_t i = 0; i < 2; i++)
        if (s->r->runs[i].status != 0) {
            if (strstr(s->r->runs[i].text, "memory") == NULL)
                fail_msg("%s", s->r->runs[i].text);
            return false;
        }
    s->w->tenant = rl_app_tenant(s->app);
    if (!wire_open(s->w))
        return false;
    rl_app_attach(s->app, s->w->server);
    return true;
}

static inline served *served_opened(const char *code) {
    served *s = served_new();
    assert_true(served_open(s, RIG_CEILING, code));
    return s;
}

/* Let the loop turn until the client has got `count` answers. */
static inline void await_answers(served *s, int count) {
    for (int i = 0; i < 2000 && times(s->w, "HTTP/1.1 ") < count; i++) {
        rl_loop_turn(s->w->loop, true);
        wire_end_stream(s->w);
    }
    assert_int_equal(times(s->w, "HTTP/1.1 "), count);
}

static inline void served_free(served *s) {
    refuse_growth(s->r, 0, false);
    if (s->w->server != NULL) {
        rl_server_abort(s->w->server);
        wire_end_stream(s->w);
        rl_scope_cancel(&s->r->vm->scope, RL_ECANCELLED);
        drive(s->r, 1000);
        wire_close_server(s->w);
    }
    if (s->r->vm != NULL) {
        rl_scope_cancel(&s->r->vm->scope, RL_ECANCELLED);
        drive(s->r, 1000);
    }
    if (s->app != NULL)
        rl_app_free(s->app);
    rig_free(s->r); /* with the loop */
    s->w->loop = NULL;
    wire_free(s->w);
    free(s);
}

/* ---- without memory ---- */

/* An app, and what is asked of it, while memory is refused. */
typedef struct busy {
    const char *code;
    void (*ask)(served *s);
    int answers; /* when there is memory enough */
} busy;

/* `n` growths of Lua's memory are granted, then one, or all, are refused; for each
 * `n` that matters. Every request gets an end. */
static inline void fail_each_growth(const busy *b, bool all_after) {
    bool refused = true;
    for (long n = 1; refused; n++) {
        assert_true(n < 100000);
        served *s = served_opened(b->code);
        refuse_growth(s->r, n, all_after);
        b->ask(s);
        refused = s->r->refused;
        refuse_growth(s->r, 0, false);
        turns(s->r, 20);
        wire_end_stream(s->w);
        assert_int_equal(rl_server_live(s->w->server), 0);
        assert_true(refused || times(s->w, "HTTP/1.1 ") == b->answers);
        served_free(s);
    }
}

/* All of it once, for each_allocation_fails. */
static inline void serve_once(const busy *b) {
    served *s = served_new();
    if (served_open(s, RIG_CEILING, b->code)) {
        b->ask(s);
        turns(s->r, 20);
    }
    served_free(s);
}

#endif
