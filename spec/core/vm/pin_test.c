#include "vm/pin.h"

#include "rig.h"

static const struct {
    const char *code, *expected;
} CASES[] = {
    {"table.sort({ 2, 1 }, function() core.sleep(1) end)", "inside table.sort: read what the order needs first"},
    {"local s = table.sort s({ 2, 1 }, function() core.sleep(1) end)", "inside table.sort: "},
    {"table.sort({ 2, 1 }, function() return core.sleep(1) end)", "inside table.sort: "},
    {"local s = ('x'):gsub('x', function() core.sleep(1) end)", "inside string.gsub: go through string.gmatch"},
    {"local o = setmetatable({}, { __tostring = function() core.sleep(1) end }) return string.format('%s', o)",
     "inside string.format: make the text with tostring first"},
    {"table.sort({ 2, 1 }, function() string.gsub('x', 'x', function() core.sleep(1) end) end)", "inside string.gsub: "},
    {"table.sort({ 2, 1 }, function() local _, err = pcall(core.sleep, 1) error(err, 0) end)", "inside table.sort: "},
    {"require('ffi').cast('void (*)(void)', function() core.sleep(1) end)()", "inside a callback of C: wait before"},
};

static void what_pins_a_coroutine_is_named(void **state) {
    (void)state;
    rig *r = rig_opened();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_failed(run(r, CASES[i].code), CASES[i].expected);
    rig_free(r);
}

static void a_handler_of_xpcall_loses_what_it_raises(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "return select(2, xpcall(error, function() core.sleep(1) end))"), "error in error handling");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_pins_a_coroutine_is_named),
        cmocka_unit_test(a_handler_of_xpcall_loses_what_it_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
