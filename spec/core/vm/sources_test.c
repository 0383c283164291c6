#include "vm/sources.h"

#include "folder.h"
#include "mem.h"

static folder app_made(void) {
    folder f = folder_made();
    folder_make(&f, "routes");
    folder_make(&f, ".git");
    folder_make(&f, "lua_modules");
    folder_put(&f, "app.lua", "return 1");
    folder_put(&f, "routes/empty.lua", "");
    folder_put(&f, "routes/page.html", "<p>");
    folder_put(&f, ".git/hook.lua", "return 2");
    folder_put(&f, "lua_modules/json.lua", "return 3");
    return f;
}

static rl_sources *read_app(const folder *f) {
    rl_sources *sources;
    char message[256];
    assert_int_equal(rl_sources_read(f->path, &sources, message, sizeof message), RL_OK);
    return sources;
}

static const rl_slice *find(const rl_sources *sources, const char *path) {
    return rl_sources_find(sources, rl_slice_str(path));
}

static bool covers(const rl_sources *sources, const char *path) {
    return rl_sources_covers(sources, rl_slice_str(path));
}

static void test_holds_the_lua_files_as_they_were(void **state) {
    (void)state;
    folder f = app_made();
    rl_sources *sources = read_app(&f);
    folder_put(&f, "app.lua", "return 'changed'");
    folder_put(&f, "routes/new.lua", "return 'new'");
    assert_true(rl_slice_eq(*find(sources, folder_at(&f, "app.lua")), RL_LIT("return 1")));
    assert_int_equal(find(sources, folder_at(&f, "routes/empty.lua"))->len, 0);
    assert_null(find(sources, folder_at(&f, "routes/new.lua")));
    assert_null(find(sources, folder_at(&f, "routes/page.html")));
    assert_null(find(sources, folder_at(&f, "routes")));
    rl_sources_free(sources);
    folder_remove(&f);
}

static void test_leaves_what_is_not_the_apps_own_to_the_disk(void **state) {
    (void)state;
    folder f = app_made();
    rl_sources *sources = read_app(&f);
    assert_true(covers(sources, folder_at(&f, "routes/new.lua")));
    assert_true(covers(sources, folder_at(&f, "gone/new.lua")));
    assert_false(covers(sources, folder_at(&f, "lua_modules/json.lua")));
    assert_false(covers(sources, folder_at(&f, ".git/hook.lua")));
    assert_false(covers(sources, "/etc/app.lua"));
    assert_null(find(sources, folder_at(&f, "lua_modules/json.lua")));
    rl_sources_free(sources);
    folder_remove(&f);
}

static void test_a_slash_behind_the_folder_makes_no_difference(void **state) {
    (void)state;
    folder f = app_made(), slashed = f;
    strcat(slashed.path, "//");
    rl_sources *sources = read_app(&slashed);
    assert_non_null(find(sources, folder_at(&f, "app.lua")));
    rl_sources_free(sources);
    folder_remove(&f);
}

static void test_are_equal_when_files_and_texts_are(void **state) {
    (void)state;
    folder f = app_made();
    rl_sources *before = read_app(&f), *same = read_app(&f);
    folder_put(&f, "app.lua", "return 9");
    rl_sources *changed = read_app(&f);
    folder_put(&f, "app.lua", "return 1");
    folder_put(&f, "more.lua", "");
    rl_sources *longer = read_app(&f);
    assert_true(rl_sources_equal(before, same));
    assert_false(rl_sources_equal(before, changed));
    assert_false(rl_sources_equal(before, longer));
    rl_sources *const all[] = {before, same, changed, longer};
    for (size_t i = 0; i < 4; i++)
        rl_sources_free(all[i]);
    folder_remove(&f);
}

static void test_a_folder_with_a_link_to_itself_ends(void **state) {
    (void)state;
    folder f = app_made();
    assert_int_equal(symlink(f.path, folder_at(&f, "routes/again")), 0);
    rl_sources *sources = read_app(&f);
    assert_non_null(find(sources, folder_at(&f, "app.lua")));
    rl_sources_free(sources);
    folder_remove(&f);
}

static void test_stay_until_the_last_who_holds_them_is_done(void **state) {
    (void)state;
    folder f = app_made();
    size_t before = mem_live();
    rl_sources *sources = read_app(&f);
    const rl_sources *held = rl_sources_hold(sources);
    rl_sources_free(sources);
    assert_non_null(find(held, folder_at(&f, "app.lua")));
    rl_sources_free(held);
    assert_int_equal(mem_live(), before);
    rl_sources_free(rl_sources_hold(NULL));
    folder_remove(&f);
}

static void test_says_when_there_is_too_much(void **state) {
    (void)state;
    folder f = app_made();
    assert_int_equal(truncate(folder_at(&f, "app.lua"), 65 << 20), 0);
    rl_sources *sources;
    char message[256];
    assert_int_equal(rl_sources_read(f.path, &sources, message, sizeof message), RL_EFULL);
    assert_non_null(strstr(message, "64 MB"));
    folder_remove(&f);
}

static const folder *without_memory;

static void read_once(void) {
    rl_sources *sources;
    char message[256];
    if (rl_sources_read(without_memory->path, &sources, message, sizeof message) == RL_OK)
        rl_sources_free(sources);
}

static void test_survives_every_refused_allocation(void **state) {
    (void)state;
    folder f = app_made();
    without_memory = &f;
    each_allocation_fails(read_once);
    folder_remove(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_the_lua_files_as_they_were),
        cmocka_unit_test(test_leaves_what_is_not_the_apps_own_to_the_disk),
        cmocka_unit_test(test_a_slash_behind_the_folder_makes_no_difference),
        cmocka_unit_test(test_are_equal_when_files_and_texts_are),
        cmocka_unit_test(test_a_folder_with_a_link_to_itself_ends),
        cmocka_unit_test(test_stay_until_the_last_who_holds_them_is_done),
        cmocka_unit_test(test_says_when_there_is_too_much),
        cmocka_unit_test(test_survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
