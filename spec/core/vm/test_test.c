#include "vm/app.h"
#include "vm/rig.h"

/* What lua/rille/test/wire.lua does, in short: send, and wait for the answer's end. */
static const char *const PRELUDE =
    "function app(fn)\n"
    "  local number = core.test_app({})\n"
    "  core.route('GET', '/', fn, 'spec:1')\n"
    "  core.hook('fault', function(slot, epoch, err) return 'fault: ' .. tostring(err), 500 end)\n"
    "  return number\n"
    "end\n"
    "function get(number, path)\n"
    "  local wire, text = core.test_open(number), ''\n"
    "  core.test_send(wire, 'GET ' .. (path or '/') .. ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')\n"
    "  while true do\n"
    "    local more, has_ended = core.test_got(wire)\n"
    "    text = text .. more\n"
    "    if has_ended then core.test_close(wire) return text:match('\\r\\n\\r\\n(.*)$') end\n"
    "    if core.test_wait(wire) == 0 then return 'cancelled' end\n"
    "  end\n"
    "end\n";

static rig *opened(void) {
    rig *r = rig_opened();
    assert_result(run(r, PRELUDE), "");
    return r;
}

/* A connection closes a turn after its task. */
static void close_rig(rig *r) {
    drive(r, 1000);
    turns(r, 10);
    rig_free(r);
}

static void a_request_goes_the_whole_way_without_a_socket(void **state) {
    (void)state;
    rig *r = opened();
    assert_result(run(r, "return get(app(function() return 'hello' end))"), "hello");
    assert_result(run(r, "return get(app(function() core.sleep(1) return 'late' end))"), "late");
    assert_result(run(r, "return get(app(function() error('oh no', 0) end))"), "fault: oh no");
    assert_result(run(r, "return get(app(function() end), '/nothing'):match('not_found')"), "not_found");
    close_rig(r);
}

static void each_wire_leads_to_its_own_app(void **state) {
    (void)state;
    rig *r = opened();
    assert_result(run(r, "local a, b = app(function() core.sleep(1) return 'a' end), app(function() return 'b' end)\n"
                         "return get(a) .. get(b) .. get(a)"),
                  "aba");
    assert_failed(run(r, "core.test_open(99)"), "the number of an app");
    close_rig(r);
}

static void a_wire_ends_with_the_task_that_opened_it(void **state) {
    (void)state;
    rig *r = opened();
    run(r, "number = app(function() ran = 'ran' return 'x' end) wire = core.test_open(number)\n"
           "core.test_send(wire, 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')");
    turns(r, 10);
    assert_string_equal(global(r, "ran"), "nil"); /* whoever asked has gone: nobody is to be asked */
    assert_failed(run(r, "core.test_got(wire)"), "has ended");
    assert_result(run(r, "core.test_close(wire) wire = nil collectgarbage() return get(number)"), "x");
    close_rig(r);
}

static void requests_and_background_tasks_end_with_the_example(void **state) {
    (void)state;
    rig *r = opened();
    run(r, "number = app(function() core.spawn(true, function() core.sleep(1e9) background = 'ended' end) return 'x' end)");
    run(r, "core.test_enter() said = get(number)");
    assert_string_equal(global(r, "said"), "x");
    assert_string_equal(global(r, "background"), "ended");
    assert_ptr_equal(r->vm->base, &r->vm->scope);
    assert_result(run(r, "core.test_enter()\n"
                         "core.spawn(true, function() core.sleep(1e9) end)\n"
                         "local first = core.test_settle()\n"
                         "for _ = 1, 100 do if core.test_settle() then return first and 'at once' or 'settled' end\n"
                         "core.sleep(0) end"),
                  "settled");
    close_rig(r);
}

static void limits_come_from_the_settings(void **state) {
    (void)state;
    rig *r = opened();
    assert_result(run(r, "core.test_app({ max_request_line = 100 })\n"
                         "return get(app(function() return 'x' end), '/' .. ('a'):rep(200)):match('uri_too_long')"),
                  "uri_too_long");
    close_rig(r);
}

static void ask(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING) && start(r, PRELUDE) != NULL) {
        drive(r, 100);
        if (start(r, "local number = app(function() return 'hello' end)\n"
                     "get(number) get(number)") != NULL)
            drive(r, 100);
        if (r->vm->app != NULL)
            rl_server_abort(rl_app_server(r->vm->app));
        rl_scope_cancel(&r->vm->scope, RL_ECANCELLED);
        drive(r, 100);
        turns(r, 10);
    }
    rig_free(r);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(ask);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_the_whole_way_without_a_socket),
        cmocka_unit_test(each_wire_leads_to_its_own_app),
        cmocka_unit_test(a_wire_ends_with_the_task_that_opened_it),
        cmocka_unit_test(requests_and_background_tasks_end_with_the_example),
        cmocka_unit_test(limits_come_from_the_settings),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
