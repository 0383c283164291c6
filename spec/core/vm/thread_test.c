#include "vm/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"

/* Their Lua is spec/core/vm/thread/rille/thread.lua: what is run is the input. */
#define LUA_DIR "spec/core/vm/thread"

enum { CEILING = 16 << 20, THREADS = 8, JOBS = 50 };

/* `require` looks for a C function first. What dlerror would say of that is the thread's until its very end,
 * where LeakSanitizer no longer sees who holds it. (Its name is known by libc6-dbg, which valgrind brings.) */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:_dlerror_run\n";
}

typedef struct home {
    rl_loop *loop;
    rl_thread *thread;
    size_t live_before;
    int heard;
} home;

static void on_heard(void *owner) {
    ((home *)owner)->heard++;
}

static rl_err try_open(home *at, rl_loop *loop, const char *setup) {
    *at = (home){.loop = loop};
    const rl_thread_options options = {.memory = CEILING,
                                       .lua_dir = LUA_DIR,
                                       .setup = rl_slice_str(setup),
                                       .heard = on_heard,
                                       .owner = at};
    return rl_thread_open(loop, &options, &at->thread);
}

static void open_home(home *at, const char *setup) {
    rl_loop *loop;
    size_t live_before = mem_live();
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    rl_loop_hold(loop);
    assert_int_equal(try_open(at, loop, setup), RL_OK);
    at->live_before = live_before;
}

static void close_home(home *at) {
    rl_thread_close(at->thread);
    rl_loop_free(at->loop);
    mem_await(at->live_before); /* the thread goes by itself */
}

/* Wait for a note; what it says is in `text`. */
static bool next(home *at, char text[256]) {
    rl_thread_note *note;
    while ((note = rl_thread_take(at->thread)) == NULL)
        rl_loop_turn(at->loop, true);
    snprintf(text, 256, "%.*s", (int)note->len, note->bytes);
    bool is_end = note->is_end;
    rl_thread_free_note(note);
    return is_end;
}

static void begin(home *at, const char *code) {
    assert_int_equal(rl_thread_run(at->thread, rl_slice_str(code)), RL_OK);
    assert_true(rl_thread_is_running(at->thread));
}

static void assert_end(home *at, const char *expected) {
    char text[256];
    while (!next(at, text))
        ;
    assert_string_equal(text, expected);
    assert_false(rl_thread_is_running(at->thread));
}

static void runs_jobs_one_after_another_in_one_vm(void **state) {
    (void)state;
    home at;
    open_home(&at, "of lead");
    begin(&at, "return SETUP");
    assert_end(&at, "returned of lead");
    begin(&at, "COUNT = (COUNT or 0) + 1 return COUNT");
    assert_end(&at, "returned 1");
    begin(&at, "COUNT = (COUNT or 0) + 1 return COUNT");
    assert_end(&at, "returned 2");
    begin(&at, "error('no', 0)");
    assert_end(&at, "raised no");
    begin(&at, "return COUNT");
    assert_end(&at, "returned 2");
    rl_loop_run_posts(at.loop); /* all may have been taken before the loop turned */
    assert_in_range(at.heard, 1, 5);
    close_home(&at);
}

static void tells_progress_in_order(void **state) {
    (void)state;
    home at;
    open_home(&at, "");
    begin(&at, "local core = ... for i = 1, 3 do core.job_tell('at ' .. i) end return 'done'");
    char text[256];
    for (int i = 1; i <= 3; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "at %d", i);
        assert_false(next(&at, text));
        assert_string_equal(text, expected);
    }
    assert_end(&at, "returned done");

    close_home(&at);
}

static void keeps_the_newest_notes_of_a_job_that_nobody_follows(void **state) {
    (void)state;
    home at;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    open_home(&at, "");
    char code[256], text[256], said;
    snprintf(code, sizeof code,
             "local core = ... for i = 1, 1000 do core.job_tell('at ' .. i) end "
             "local out = io.open('/proc/self/fd/%d', 'w') out:write 'x' out:close() return 'done'", ends[1]);
    begin(&at, code);
    assert_int_equal(read(ends[0], &said, 1), 1); /* it has told all but its end */
    int count = 0;
    char last[256] = "";
    for (; !next(&at, text); count++)
        memcpy(last, text, sizeof last);
    assert_string_equal(last, "at 1000");
    assert_in_range(count, RL_THREAD_MOST_NOTES - 1, RL_THREAD_MOST_NOTES); /* its end was one, too */
    assert_string_equal(text, "returned done");
    close(ends[0]);
    close(ends[1]);
    close_home(&at);
}

static void an_interrupt_ends(const char *code) {
    home at;
    open_home(&at, "");
    begin(&at, code);
    char text[256];
    assert_false(next(&at, text)); /* it says that it runs */
    rl_thread_interrupt(at.thread);
    while (!next(&at, text))
        rl_thread_interrupt(at.thread);
    assert_non_null(strstr(text, "interrupted"));
    begin(&at, "local t = {} for i = 1, 1000 do t[i] = {} end return #t");
    assert_end(&at, "returned 1000");
    close_home(&at);
}

#ifndef __SANITIZE_THREAD__ /* which hands signals over only where the thread calls something of its own */
static void an_interrupt_ends_code_that_is_interpreted(void **state) {
    (void)state;
    an_interrupt_ends("local core = ... jit.off(true, true) core.job_tell('') while true do end");
}

static void an_interrupt_ends_compiled_code_that_takes_memory(void **state) {
    (void)state;
    an_interrupt_ends("local core = ... core.job_tell('') local t = {} while true do t[#t % 1000 + 1] = {} end");
}
#endif

static void an_interrupt_ends_what_catches_it(void **state) {
    (void)state;
    an_interrupt_ends("local core = ... core.job_tell('')"
                      "while true do pcall(function() while true do io.open('/'):close() end end) end");
}

static void an_interrupt_before_the_job_has_begun_is_not_lost(void **state) {
    (void)state;
    home at;
    open_home(&at, "");
    begin(&at, "jit.off(true, true) while true do io.open('/'):close() end");
    rl_thread_interrupt(at.thread);
    char text[256];
    while (!next(&at, text))
        ;
    assert_non_null(strstr(text, "interrupted"));
    begin(&at, "return 'well'");
    assert_end(&at, "returned well");
    close_home(&at);
}

static void a_job_can_look_whether_it_is_to_end(void **state) {
    (void)state;
    home at;
    open_home(&at, "");
    begin(&at, "local core = ... core.job_tell('') repeat until core.job_must_end() error('over', 0)");
    char text[256];
    assert_false(next(&at, text));
    rl_thread_interrupt(at.thread);
    assert_true(next(&at, text));
    assert_non_null(strstr(text, "interrupted"));
    close_home(&at);
}

static void the_end_of_memory_is_the_jobs_alone(void **state) {
    (void)state;
    home at;
    open_home(&at, "");
    begin(&at, "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end");
    char text[256];
    assert_true(next(&at, text));
    assert_memory_equal(text, "memory", strlen("memory"));
    begin(&at, "return 'well'");
    assert_end(&at, "returned well");
    close_home(&at);
}

static void one_that_cannot_begin_ends_its_jobs_with_nothing(void **state) {
    (void)state;
    home at;
    open_home(&at, "broken");
    begin(&at, "return 1");
    assert_end(&at, "");
    begin(&at, "return 1");
    assert_end(&at, "");
    close_home(&at);
}

static void one_that_is_closed_at_work_goes_when_its_job_ends(void **state) {
    (void)state;
    home at;
    open_home(&at, "");
    begin(&at, "local core = ... core.job_tell('') repeat until core.job_must_end() core.job_tell('nobody hears this')");
    char text[256];
    assert_false(next(&at, text));
    rl_thread_interrupt(at.thread);
    close_home(&at);
}

/* Under the thread sanitizer, too. */
static void many_threads_work_for_one_loop(void **state) {
    (void)state;
    rl_loop *loop;
    size_t live_before = mem_live();
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    rl_loop_hold(loop);
    home homes[THREADS];
    int left[THREADS], ends = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(try_open(&homes[i], loop, ""), RL_OK);
        left[i] = JOBS;
        begin(&homes[i], "local core = ... core.job_tell('half') return 'whole'");
    }
    while (ends < THREADS * JOBS) {
        rl_loop_turn(loop, true);
        for (int i = 0; i < THREADS; i++) {
            rl_thread_note *note;
            while ((note = rl_thread_take(homes[i].thread)) != NULL) {
                bool is_end = note->is_end;
                assert_memory_equal(note->bytes, is_end ? "returned whole" : "half", note->len);
                rl_thread_free_note(note);
                ends += is_end;
                if (is_end && --left[i] > 0)
                    begin(&homes[i], "local core = ... core.job_tell('half') return 'whole'");
            }
        }
    }
    for (int i = 0; i < THREADS; i++)
        rl_thread_close(homes[i].thread);
    rl_loop_free(loop);
    mem_await(live_before);
}

static void open_and_run(void) {
    rl_loop *loop;
    if (rl_loop_new(&loop) != RL_OK)
        return;
    rl_loop_hold(loop);
    home at;
    if (try_open(&at, loop, "x") == RL_OK) {
        char text[256];
        if (rl_thread_run(at.thread, RL_LIT("local core = ... pcall(core.job_tell, 'x') return 1")) == RL_OK)
            while (!next(&at, text))
                ;
        rl_thread_close(at.thread);
    }
    rl_loop_free(loop);
}

static void survives_every_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(open_and_run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_jobs_one_after_another_in_one_vm),
        cmocka_unit_test(tells_progress_in_order),
        cmocka_unit_test(keeps_the_newest_notes_of_a_job_that_nobody_follows),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(an_interrupt_ends_code_that_is_interpreted),
        cmocka_unit_test(an_interrupt_ends_compiled_code_that_takes_memory),
#endif
        cmocka_unit_test(an_interrupt_ends_what_catches_it),
        cmocka_unit_test(an_interrupt_before_the_job_has_begun_is_not_lost),
        cmocka_unit_test(a_job_can_look_whether_it_is_to_end),
        cmocka_unit_test(the_end_of_memory_is_the_jobs_alone),
        cmocka_unit_test(one_that_cannot_begin_ends_its_jobs_with_nothing),
        cmocka_unit_test(one_that_is_closed_at_work_goes_when_its_job_ends),
        cmocka_unit_test(many_threads_work_for_one_loop),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
