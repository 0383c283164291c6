#include "vm/memory.h"

#include "vm/rig.h"

enum { CEILING = 8 << 20 };

static rig *small_rig(void) {
    rig *r = rig_new();
    assert_true(rig_open(r, CEILING));
    return r;
}

/* The last task is over and looked at: its place is free again. */
static void forget(rig *r) {
    memset(&r->runs[--r->count], 0, sizeof *r->runs);
}

/* Have the global `kept` hold `share` of the ceiling, in small pieces, and no garbage beside it. */
static void keep(rig *r, double share) {
    char code[160];
    snprintf(code, sizeof code,
             "kept = {} collectgarbage() for i = 1, %.0f do kept[i] = ('x'):rep(1e4) .. i end collectgarbage()",
             share * CEILING / 1e4);
    assert_result(run(r, code), "");
    forget(r);
}

/* ---- a small VM ----------------------------------------------------------------------- */

/* Its 64th is 4 MB, and it is roomy again below 2 MB. */
static rig *large_rig(void) {
    rig *r = rig_new();
    assert_true(rig_open(r, (size_t)256 << 20));
    assert_result(run(r, "collectgarbage() return 'small'"), "small");
    return r;
}

/* Makes garbage of so many MB, and returns how much was in use at most, in MB. */
static double peak(rig *r, double garbage_mb) {
    char code[200];
    snprintf(code, sizeof code,
             "local most = 0 for i = 1, %.0f do last = ('x'):rep(1e4) .. i "
             "most = math.max(most, collectgarbage('count')) end return most / 1024 .. ''", garbage_mb * 100);
    double most = strtod(run(r, code)->text, NULL);
    forget(r);
    return most;
}

static void garbage_gathers_while_a_vm_is_small(void **state) {
    (void)state;
    rig *r = large_rig();
    assert_true(r->vm->memory.is_roomy);
    double live_mb = (double)r->vm->memory.used / (1 << 20);
    assert_true(peak(r, 3) > 4 * live_mb); /* Lua's own pause would end it at twice */
    rig_free(r);
}

static void it_is_collected_at_its_share_of_the_ceiling(void **state) {
    (void)state;
    rig *r = large_rig();
    for (int again = 0; again < 5; again++)
        assert_true(peak(r, 20) < 8);
    rig_free(r);
}

static void a_large_vm_has_as_much_garbage_as_lua_likes(void **state) {
    (void)state;
    rig *r = large_rig();
    run(r, "kept = {} for i = 1, 1000 do kept[i] = ('x'):rep(1e4) .. i end");
    assert_false(r->vm->memory.is_roomy);
    assert_result(run(r, "return collectgarbage('setpause', 200)"), "200");
    run(r, "kept = nil collectgarbage()");
    assert_result(run(r, "return collectgarbage('setpause', 1000)"), "1000");
    assert_true(r->vm->memory.is_roomy);
    rig_free(r);
}

static void a_pause_that_the_app_has_chosen_stays(void **state) {
    (void)state;
    rig *r = large_rig();
    run(r, "collectgarbage('setpause', 150)");
    run(r, "kept = {} for i = 1, 1000 do kept[i] = ('x'):rep(1e4) .. i end kept = nil collectgarbage()");
    assert_result(run(r, "return collectgarbage('setpause', 150)"), "150");
    rig_free(r);
}

static void a_collector_that_the_app_has_stopped_stays_so(void **state) {
    (void)state;
    rig *r = large_rig();
    run(r, "collectgarbage('stop') kept = {} for i = 1, 1000 do kept[i] = ('x'):rep(1e4) .. i end");
    assert_false(r->vm->memory.is_roomy);
    assert_result(run(r, "return tostring(collectgarbage('isrunning'))"), "false");
    rig_free(r);
}

/* ---- near the ceiling ------------------------------------------------------------ */

static void nothing_is_compiled_near_the_ceiling(void **state) {
    (void)state;
    rig *r = small_rig();
    keep(r, 0.3);
    assert_result(run(r, "return tostring(jit.status())"), "true");
    keep(r, 0.8);
    assert_true(r->vm->memory.is_tight);
    assert_result(run(r, "return tostring(jit.status())"), "false");
    rig_free(r);
}

static void it_compiles_again_once_memory_has_come_back(void **state) {
    (void)state;
    rig *r = small_rig();
    keep(r, 0.8);
    keep(r, 0.7); /* less, but it would soon be tight again */
    assert_result(run(r, "return tostring(jit.status())"), "false");
    run(r, "kept = nil collectgarbage()");
    assert_result(run(r, "return tostring(jit.status())"), "true");
    assert_false(r->vm->memory.is_tight);
    rig_free(r);
}

static void the_collector_works_harder_meanwhile_only(void **state) {
    (void)state;
    rig *r = small_rig();
    run(r, "collectgarbage('setpause', 150) collectgarbage('setstepmul', 300)");
    keep(r, 0.8);
    assert_int_equal(r->vm->memory.pause, 150);
    run(r, "kept = nil collectgarbage()");
    assert_result(run(r, "return collectgarbage('setpause', 200)"), "150");
    assert_result(run(r, "return collectgarbage('setstepmul', 200)"), "300");
    rig_free(r);
}

static void garbage_alone_never_fills_a_vm(void **state) {
    (void)state;
    rig *r = small_rig();
    keep(r, 0.3);
    assert_result(run(r, "local n = 0 for i = 1, 300 do n = n + #(('x'):rep(4e5 + i)) end return n > 1e8"), "boolean");
    assert_result(run(r, "local t for i = 1, 1e6 do t = { i, { i } } end return #t"), "2");
    assert_true(r->vm->memory.used <= CEILING);
    rig_free(r);
}

/* ---- machine code ------------------------------------------------------------------ */

static const char *const LEAP =
    "local n = 0 for i = 1, #sizes do n = n + #(('x'):rep(sizes[i])) end return n";

static void machine_code_that_leaps_past_the_ceiling_fails_as_any_other(void **state) {
    (void)state;
    rig *r = small_rig();
    run(r, "sizes = {} for i = 1, 200 do sizes[i] = i end sizes[201] = 2 ^ 28");
    for (int again = 0; again < 20; again++) {
        assert_failed(run(r, LEAP), "not enough memory");
        forget(r);
        assert_true(r->vm->memory.used <= CEILING / 4 * 5);
    }
    assert_result(run(r, "return 'alive'"), "alive");
    rig_free(r);
}

static void machine_code_may_catch_it_and_go_on(void **state) {
    (void)state;
    rig *r = small_rig();
    run(r, "sizes = {} for i = 1, 200 do sizes[i] = i end sizes[201] = 2 ^ 28\n"
           "function leap() local n = 0 for i = 1, #sizes do n = n + #(('x'):rep(sizes[i])) end return n end");
    for (int again = 0; again < 20; again++) {
        assert_result(run(r, "local ok = pcall(leap) return ok and 'no limit' or 'caught'"), "caught");
        forget(r);
    }
    /* and a later error is its own again */
    assert_failed(run(r, "error('mine')"), "mine");
    rig_free(r);
}

static void a_compiled_loop_that_makes_no_garbage_ends_as_well(void **state) {
    (void)state;
    rig *r = small_rig();
    for (int again = 0; again < 10; again++) {
        assert_failed(run(r, "local text = require('string.buffer').new()\n"
                             "while true do text:put('0123456789abcdef0123456789abcdef') end"),
                      "not enough memory");
        forget(r);
        assert_true(r->vm->memory.used <= CEILING / 4 * 5);
        assert_int_equal(rl_vm_protect(r->vm, rl_vm_collect, NULL, NULL, 0), RL_OK);
    }
    rig_free(r);
}

/* ---- C's reserve ---------------------------------------------------------------------- */

static int take(lua_State *L, void *arg) {
    lua_newuserdata(L, *(size_t *)arg);
    return 0;
}

static void c_has_a_reserve_however_full_the_vm_is(void **state) {
    (void)state;
    rig *r = small_rig();
    size_t little = 100 << 10, much = 1 << 20;
    assert_failed(run(r, "while true do kept = { kept } end"), "not enough memory");
    assert_int_equal(rl_vm_protect(r->vm, take, &little, NULL, 0), RL_OK);
    assert_int_equal(rl_vm_protect(r->vm, take, &much, NULL, 0), RL_ENOMEM);
    size_t far_beyond = 2 * (size_t)CEILING; /* more reserves than one */
    r->vm->memory.used += far_beyond;
    assert_int_equal(rl_vm_protect(r->vm, take, &little, NULL, 0), RL_OK);
    assert_int_equal(rl_vm_protect(r->vm, take, &much, NULL, 0), RL_ENOMEM);
    r->vm->memory.used -= far_beyond;
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_gathers_while_a_vm_is_small),
        cmocka_unit_test(it_is_collected_at_its_share_of_the_ceiling),
        cmocka_unit_test(a_large_vm_has_as_much_garbage_as_lua_likes),
        cmocka_unit_test(a_pause_that_the_app_has_chosen_stays),
        cmocka_unit_test(a_collector_that_the_app_has_stopped_stays_so),
        cmocka_unit_test(nothing_is_compiled_near_the_ceiling),
        cmocka_unit_test(it_compiles_again_once_memory_has_come_back),
        cmocka_unit_test(the_collector_works_harder_meanwhile_only),
        cmocka_unit_test(garbage_alone_never_fills_a_vm),
        cmocka_unit_test(machine_code_that_leaps_past_the_ceiling_fails_as_any_other),
        cmocka_unit_test(machine_code_may_catch_it_and_go_on),
        cmocka_unit_test(a_compiled_loop_that_makes_no_garbage_ends_as_well),
        cmocka_unit_test(c_has_a_reserve_however_full_the_vm_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
