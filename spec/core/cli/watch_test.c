#include "cli/watch.h"

#include "folder.h"
#include "mem.h"

typedef struct watched {
    folder f;
    rl_watch *watch;
    char name[RL_WATCH_NAME_CAP];
} watched;

static watched begin(void) {
    watched w = {.f = folder_made()};
    folder_make(&w.f, "routes");
    folder_make(&w.f, ".git");
    folder_put(&w.f, "app.lua", "return 1");
    assert_int_equal(rl_watch_open(w.f.path, &w.watch), RL_OK);
    return w;
}

static void end(watched *w) {
    rl_watch_close(w->watch);
    folder_remove(&w->f);
}

static void expect(watched *w, const char *name) {
    assert_true(rl_watch_read(w->watch, w->name));
    assert_string_equal(w->name, name);
    assert_false(rl_watch_read(w->watch, w->name));
}

static void test_is_silent_until_something_changes(void **state) {
    (void)state;
    watched w = begin();
    assert_false(rl_watch_read(w.watch, w.name));
    end(&w);
}

static void test_tells_of_a_file_that_was_written(void **state) {
    (void)state;
    watched w = begin();
    folder_put(&w.f, "app.lua", "return 2");
    expect(&w, "app.lua");
    folder_put(&w.f, "routes/posts.lua", "return 3");
    expect(&w, "routes/posts.lua");
    end(&w);
}

static void test_tells_nothing_while_a_file_is_being_written(void **state) {
    (void)state;
    watched w = begin();
    FILE *file = fopen(folder_at(&w.f, "half.lua"), "w");
    assert_non_null(file);
    fputs("return", file);
    fflush(file);
    assert_false(rl_watch_read(w.watch, w.name));
    fputs(" 1", file);
    fclose(file);
    expect(&w, "half.lua");
    end(&w);
}

static void test_tells_of_editors_that_save_by_renaming(void **state) {
    (void)state;
    watched w = begin();
    folder_put(&w.f, ".app.lua.swp", "return 2");
    assert_false(rl_watch_read(w.watch, w.name));
    assert_int_equal(rename(folder_at(&w.f, ".app.lua.swp"), folder_at(&w.f, "app.lua")), 0);
    expect(&w, "app.lua");
    end(&w);
}

static void test_tells_of_files_that_go(void **state) {
    (void)state;
    watched w = begin();
    assert_int_equal(unlink(folder_at(&w.f, "app.lua")), 0);
    expect(&w, "app.lua");
    assert_int_equal(rmdir(folder_at(&w.f, "routes")), 0);
    expect(&w, "routes");
    end(&w);
}

static void test_watches_new_folders_and_what_was_made_in_them_at_once(void **state) {
    (void)state;
    watched w = begin();
    folder_make(&w.f, "models");
    folder_make(&w.f, "models/deep");
    folder_put(&w.f, "models/deep/user.lua", "return 1");
    expect(&w, "models/deep/user.lua");
    folder_put(&w.f, "models/deep/user.lua", "return 2");
    expect(&w, "models/deep/user.lua");
    end(&w);
}

static void test_watches_a_folder_under_its_new_name(void **state) {
    (void)state;
    watched w = begin();
    assert_int_equal(rename(folder_at(&w.f, "routes"), folder_at(&w.f, "pages")), 0);
    assert_true(rl_watch_read(w.watch, w.name));
    folder_put(&w.f, "pages/home.lua", "return 1");
    expect(&w, "pages/home.lua");
    end(&w);
}

static void test_tells_of_links(void **state) {
    (void)state;
    watched w = begin();
    assert_int_equal(symlink("app.lua", folder_at(&w.f, "linked.lua")), 0);
    expect(&w, "linked.lua");
    assert_int_equal(link(folder_at(&w.f, "app.lua"), folder_at(&w.f, "second.lua")), 0);
    expect(&w, "second.lua");
    end(&w);
}

static void test_passes_over_what_is_not_the_apps_own(void **state) {
    (void)state;
    watched w = begin();
    folder_put(&w.f, ".git/hook.lua", "return 1");
    folder_put(&w.f, "notes.txt", "-");
    folder_put(&w.f, "app.lua~", "return 1");
    folder_make(&w.f, "node_modules");
    folder_put(&w.f, "node_modules/x.lua", "return 1");
    assert_false(rl_watch_read(w.watch, w.name));
    end(&w);
}

static void test_tells_code_from_what_pages_show(void **state) {
    (void)state;
    watched w = begin();
    folder_put(&w.f, "routes/site.css", "h1 {}");
    assert_int_equal(rl_watch_read(w.watch, w.name), RL_WATCH_PAGES);
    assert_string_equal(w.name, "routes/site.css");
    folder_put(&w.f, "page.etlua", "<p>");
    folder_put(&w.f, "app.lua", "return 2");
    assert_int_equal(rl_watch_read(w.watch, w.name), RL_WATCH_PAGES | RL_WATCH_CODE);
    assert_string_equal(w.name, "app.lua");
    folder_put(&w.f, ".page.html", "<p>");
    folder_put(&w.f, "access.log", "GET /");
    folder_put(&w.f, "css", "-");
    assert_int_equal(rl_watch_read(w.watch, w.name), 0);
    end(&w);
}

static void test_says_when_the_folder_is_not_there(void **state) {
    (void)state;
    rl_watch *watch;
    assert_int_equal(rl_watch_open("/nowhere/at/all", &watch), RL_EIO);
}

static const folder *without_memory;

static void watch_once(void) {
    rl_watch *watch;
    char name[RL_WATCH_NAME_CAP];
    if (rl_watch_open(without_memory->path, &watch) != RL_OK)
        return;
    folder_put(without_memory, "app.lua", "return 2");
    assert_true(rl_watch_read(watch, name));
    rl_watch_close(watch);
}

static void test_survives_every_refused_allocation(void **state) {
    (void)state;
    folder f = folder_made();
    folder_make(&f, "routes");
    without_memory = &f;
    each_allocation_fails(watch_once);
    folder_remove(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_silent_until_something_changes),
        cmocka_unit_test(test_tells_of_a_file_that_was_written),
        cmocka_unit_test(test_tells_nothing_while_a_file_is_being_written),
        cmocka_unit_test(test_tells_of_editors_that_save_by_renaming),
        cmocka_unit_test(test_tells_of_files_that_go),
        cmocka_unit_test(test_watches_new_folders_and_what_was_made_in_them_at_once),
        cmocka_unit_test(test_watches_a_folder_under_its_new_name),
        cmocka_unit_test(test_tells_of_links),
        cmocka_unit_test(test_passes_over_what_is_not_the_apps_own),
        cmocka_unit_test(test_tells_code_from_what_pages_show),
        cmocka_unit_test(test_says_when_the_folder_is_not_there),
        cmocka_unit_test(test_survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
