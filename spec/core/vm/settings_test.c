#include "vm/settings.h"

#include "vm/rig.h"

static const rl_vm_setting SETTINGS[] = {
    {.name = "port", .number = 8080, .shown = "8080", .place = "default"},
    {.name = "access_log", .is_switch = true, .number = 1, .shown = "on", .place = "--access-log"},
    {.name = "verbose", .is_switch = true},
    {.name = "app_dir", .text = "apps/x"},
};
static const rl_config_pair REST[] = {
    {0, {"t", 1}, RL_CONFIG_TABLE, {"", 0}, 0, 3},
    {1, {"b", 1}, RL_CONFIG_BOOLEAN, {"false", 5}, 0, 4},
    {1, {"n", 1}, RL_CONFIG_NUMBER, {"0.3", 3}, 0.1 + 0.2, 0},
    {1, {NULL, 0}, RL_CONFIG_STRING, {"x\0y", 3}, 0, 0},
};
static const rl_vm_sources SOURCES = {
    .file = "config/x.lua", .problems = "p\n", .warnings = "", .rest = REST, .rest_count = 4};

static void assert_shown(rig *r, const char *lua, const char *want) {
    char script[512];
    snprintf(script, sizeof script, "package.loaded['rille.core'] = nil\nlocal core = require 'rille.core'\n%s", lua);
    assert_result(run(r, script), want);
}

static void lua_sees_every_setting_with_its_own_type(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_int_equal(rl_vm_set_settings(r->vm, SETTINGS, 4, NULL), RL_OK);
    assert_shown(r,
                 "local s = core.settings\nreturn table.concat({ tostring(s.port), tostring(s.access_log),"
                 "tostring(s.verbose), s.app_dir, tostring(core.sources) }, ' ')",
                 "8080 true false apps/x nil");
    rig_free(r);
}

static void lua_sees_where_each_came_from(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_int_equal(rl_vm_set_settings(r->vm, SETTINGS, 4, &SOURCES), RL_OK);
    assert_shown(r,
                 "local out = { core.sources.file, core.sources.problems, core.sources.warnings }\n"
                 "for _, row in ipairs(core.sources.rows) do out[#out + 1] = row.name .. '=' .. row.shown .. '@' .. row.place end\n"
                 "return table.concat(out, ' ')",
                 "config/x.lua p\n  port=8080@default access_log=on@--access-log");
    rig_free(r);
}

static void lua_sees_what_else_the_file_holds(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_int_equal(rl_vm_set_settings(r->vm, SETTINGS, 4, &SOURCES), RL_OK);
    assert_shown(r,
                 "local out = {}\nfor _, one in ipairs(core.sources.rest) do\n"
                 "  local value = one.value\n"
                 "  if type(value) == 'number' then value = value == 0.1 + 0.2 end\n"
                 "  if type(value) == 'string' then value = #value end\n"
                 "  out[#out + 1] = one.depth .. tostring(one.key) .. ':' .. tostring(value) .. ':' .. tostring(one.line)\n"
                 "end\nreturn table.concat(out, ' ')",
                 "0t:nil:3 1b:false:4 1n:true:nil 1nil:3:nil");
    rig_free(r);
}

static rl_err read_again(rl_vm_settings_reader *reader, rl_vm *vm, const char *app_dir, char *message, size_t cap) {
    (void)reader;
    rl_vm_setting settings[] = {{.name = "app_dir", .text = app_dir}};
    if (strcmp(app_dir, "apps/wrong") != 0)
        return rl_vm_set_settings(vm, settings, 1, &SOURCES);
    snprintf(message, cap, "port: a number");
    return RL_EINVAL;
}

static void lua_has_them_read_again_for_the_app_that_it_chose(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_vm_settings_reader reader = {read_again};
    assert_shown(r, "return select(2, pcall(core.settings_of, 'apps/y')):match 'only.*'",
                 "only `rille spec` reads settings again");
    assert_int_equal(rl_vm_set_settings_reader(r->vm, &reader), RL_OK);
    assert_shown(r,
                 "local settings, sources = core.settings_of 'apps/y'\n"
                 "return settings.app_dir .. ' ' .. sources.file .. ' ' .. tostring(core.settings)",
                 "apps/y config/x.lua nil");
    assert_shown(r, "local none, why = core.settings_of 'apps/wrong' return tostring(none) .. ' ' .. why", "nil port: a number");
    rig_free(r);
}

static void set_and_close(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING))
        assert_int_equal(rl_vm_set_settings(r->vm, SETTINGS, 4, &SOURCES), RL_OK);
    rig_free(r);
}

static void any_allocation_of_ours_may_fail(void **state) {
    (void)state;
    each_allocation_fails(set_and_close);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lua_sees_every_setting_with_its_own_type),
        cmocka_unit_test(lua_sees_where_each_came_from),
        cmocka_unit_test(lua_sees_what_else_the_file_holds),
        cmocka_unit_test(lua_has_them_read_again_for_the_app_that_it_chose),
        cmocka_unit_test(any_allocation_of_ours_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
