#include "loop/prompt.h"

#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"

enum { TEXT_CAP = 256 };

/* libedit keeps the names of functions that were added, and its terminfo a string, for as long as the process lives. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:wcsdup\nleak:_nc_trim_sgr0\n";
}

/* Standard input and output are something else from `begin` to `end`. */
typedef struct scene {
    rl_loop *loop;
    rl_prompt *prompt;
    int keys;     /* what is typed, or written to the pipe */
    unsigned asked, count; /* questions, and news */
    rl_prompt_news news;
    char text[TEXT_CAP];
    size_t len;
    _Atomic unsigned stuck;
} scene;

static void on_heard(void *owner, rl_prompt_news news, rl_slice text) {
    scene *at = owner;
    at->count++;
    at->news = news;
    at->len = text.len;
    snprintf(at->text, sizeof at->text, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
}

static void on_stuck(void *owner) {
    atomic_fetch_add(&((scene *)owner)->stuck, 1);
}

static const rl_prompt_events EVENTS = {.heard = on_heard, .stuck = on_stuck};

static int input_before = -1, output_before; /* -1: nothing stands in their place */

static void take_place(int input, int output) {
    fflush(stdout);
    input_before = dup(STDIN_FILENO);
    output_before = dup(STDOUT_FILENO);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    if (input > STDERR_FILENO)
        close(input);
}

/* A teardown, too: else nobody would hear of a failure. */
static int give_place_back(void **state) {
    (void)state;
    if (input_before < 0)
        return 0;
    fflush(stdout);
    dup2(input_before, STDIN_FILENO);
    dup2(output_before, STDOUT_FILENO);
    close(input_before);
    close(output_before);
    input_before = -1;
    return 0;
}

static void begin_pipe(scene *at) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *at = (scene){.keys = ends[1]};
    take_place(ends[0], STDOUT_FILENO);
    assert_int_equal(rl_loop_new(&at->loop), RL_OK);
    assert_int_equal(rl_prompt_open(at->loop, NULL, &EVENTS, at, &at->prompt), RL_OK);
}

static void begin_terminal(scene *at, const char *history) {
    int screen, terminal;
    assert_int_equal(openpty(&screen, &terminal, NULL, NULL, &(struct winsize){.ws_col = 120, .ws_row = 40}), 0);
    setenv("TERM", "xterm", 1);
    *at = (scene){.keys = screen};
    take_place(terminal, terminal);
    assert_int_equal(rl_loop_new(&at->loop), RL_OK);
    assert_int_equal(rl_prompt_open(at->loop, history, &EVENTS, at, &at->prompt), RL_OK);
}

static void end(scene *at) {
    rl_prompt_close(at->prompt);
    rl_loop_free(at->loop);
    give_place_back(NULL);
    if (at->keys >= 0)
        close(at->keys);
}

static void type(const scene *at, const char *keys) {
    assert_int_equal(write(at->keys, keys, strlen(keys)), strlen(keys));
}

/* The terminal shows what was typed so far: it was read. */
static void see(const scene *at, const char *text) {
    char shown[4096];
    size_t len = 0;
    shown[0] = '\0';
    while (strstr(shown, text) == NULL) {
        ssize_t got = read(at->keys, shown + len, sizeof shown - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        shown[len] = '\0';
    }
}

/* The next news, which must be this. */
static void hear(scene *at, rl_prompt_news news, const char *text) {
    unsigned before = at->count;
    rl_loop_hold(at->loop);
    while (at->count == before)
        rl_loop_turn(at->loop, true);
    assert_int_equal(at->count, before + 1);
    assert_int_equal(at->news, news);
    assert_string_equal(at->text, text);
}

/* Each has a prompt of its own. What is typed before that is seen, the terminal still takes in the shell's manner. */
static void ask(scene *at, const char *keys) {
    char prompt[16];
    snprintf(prompt, sizeof prompt, "%u> ", ++at->asked);
    rl_prompt_ask(at->prompt, rl_slice_str(prompt));
    if (rl_prompt_is_terminal(at->prompt))
        see(at, prompt);
    if (keys != NULL)
        type(at, keys);
}

/* ---- a pipe ----------------------------------------------------------------- */

static void a_pipe_gives_a_line_for_each_question_and_then_its_end(void **state) {
    (void)state;
    scene at;
    begin_pipe(&at);
    assert_false(rl_prompt_is_terminal(at.prompt));
    type(&at, "one\n\nthree");
    close(at.keys);
    at.keys = -1;
    for (const char *const *line = (const char *const[]){"one", "", "three", NULL}; *line != NULL; line++) {
        ask(&at, NULL);
        hear(&at, RL_PROMPT_LINE, *line);
    }
    for (int i = 0; i < 2; i++) {
        ask(&at, NULL);
        hear(&at, RL_PROMPT_END, "");
    }
    end(&at);
}

static void *write_much(void *arg) {
    char block[4096];
    memset(block, 'x', sizeof block);
    for (size_t sent = 0; sent <= RL_PROMPT_LINE_MOST; sent += sizeof block)
        if (write(*(int *)arg, block, sizeof block) < 0)
            break;
    return NULL;
}

static void a_line_without_end_is_the_end(void **state) {
    (void)state;
    scene at;
    pthread_t writer;
    begin_pipe(&at);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pthread_create(&writer, NULL, write_much, &at.keys), 0);
    ask(&at, NULL);
    hear(&at, RL_PROMPT_END, "");
    int keys = at.keys;
    at.keys = -1;
    end(&at); /* nobody reads any more, and so the writer ends */
    pthread_join(writer, NULL);
    close(keys);
}

static void closing_ends_a_wait_that_nothing_else_ends(void **state) {
    (void)state;
    scene at;
    begin_pipe(&at);
    ask(&at, "half of a li");
    end(&at);
    assert_int_equal(at.count, 0);
}

/* ---- a terminal ---------------------------------------------------------------- */

static void a_line_is_edited_before_it_is_heard(void **state) {
    (void)state;
    scene at;
    begin_terminal(&at, NULL);
    assert_true(rl_prompt_is_terminal(at.prompt));
    assert_int_equal(rl_prompt_width(at.prompt), 120);
    ask(&at, "wörlx\bd\001hello \r"); /* ^A: to the beginning */
    hear(&at, RL_PROMPT_LINE, "hello wörld");
    ask(&at, "\xff" "a\r"); /* no UTF-8 */
    hear(&at, RL_PROMPT_LINE, "a");
    ask(&at, "\004");
    hear(&at, RL_PROMPT_END, "");
    end(&at);
}

static void ctrl_c_abandons_what_is_typed_and_interrupts_what_runs(void **state) {
    (void)state;
    scene at;
    begin_terminal(&at, NULL);
    ask(&at, "never");
    see(&at, "never");
    kill(getpid(), SIGINT);
    hear(&at, RL_PROMPT_ABANDONED, "");
    kill(getpid(), SIGINT);
    hear(&at, RL_PROMPT_INTERRUPT, "");
    assert_int_equal(atomic_load(&at.stuck), 0);
    ask(&at, "more\r");
    hear(&at, RL_PROMPT_LINE, "more");
    kill(getpid(), SIGTERM); /* what runs is told, and then it is the end */
    hear(&at, RL_PROMPT_INTERRUPT, "");
    rl_prompt_ask(at.prompt, RL_LIT("> ")); /* which is not even shown */
    hear(&at, RL_PROMPT_END, "");
    end(&at);
}

static void a_loop_that_does_not_turn_is_told_to_be_stuck_until_it_hears(void **state) {
    (void)state;
    scene at;
    begin_terminal(&at, NULL);
    kill(getpid(), SIGINT);
    while (atomic_load(&at.stuck) == 0)
        usleep(1000);
    assert_int_equal(at.count, 0);
    hear(&at, RL_PROMPT_INTERRUPT, "");
    end(&at);
}

/* After Ctrl-Z the shell has had the terminal. */
static void who_comes_back_to_it_edits_as_before(void **state) {
    (void)state;
    scene at;
    struct termios shells;
    begin_terminal(&at, NULL);
    assert_int_equal(tcgetattr(STDIN_FILENO, &shells), 0);
    ask(&at, NULL);
    assert_int_equal(tcsetattr(STDIN_FILENO, TCSANOW, &shells), 0);
    kill(getpid(), SIGCONT);
    see(&at, "> ");
    type(&at, "a\t"); /* which the shell's manner would keep until the line's end */
    hear(&at, RL_PROMPT_COMPLETE, "a");
    rl_prompt_offer(at.prompt, RL_LIT("b"), RL_LIT(""));
    type(&at, "\r");
    hear(&at, RL_PROMPT_LINE, "ab");
    end(&at);
}

static void tab_asks_what_may_stand_there(void **state) {
    (void)state;
    scene at;
    begin_terminal(&at, NULL);
    ask(&at, "Post:wh\t");
    hear(&at, RL_PROMPT_COMPLETE, "Post:wh");
    rl_prompt_offer(at.prompt, RL_LIT("ere"), RL_LIT("where  where_in"));
    type(&at, "\t");
    hear(&at, RL_PROMPT_COMPLETE, "Post:where");
    rl_prompt_offer(at.prompt, RL_LIT(""), RL_LIT(""));
    type(&at, "()\r");
    hear(&at, RL_PROMPT_LINE, "Post:where()");
    end(&at);
}

static void ctrl_c_abandons_also_while_tab_waits(void **state) {
    (void)state;
    scene at;
    begin_terminal(&at, NULL);
    ask(&at, "Post:wh\t");
    hear(&at, RL_PROMPT_COMPLETE, "Post:wh");
    kill(getpid(), SIGINT);
    hear(&at, RL_PROMPT_ABANDONED, "");
    ask(&at, "more\r");
    hear(&at, RL_PROMPT_LINE, "more");
    end(&at);
}

static void history_outlives_the_prompt_and_is_its_owners_alone(void **state) {
    (void)state;
    scene at;
    char folder[] = "/tmp/rille-prompt-XXXXXX", path[64], line[64];
    struct stat about;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state/history", folder);
    begin_terminal(&at, path);
    for (const char *const *keys = (const char *const[]){"first\r", " secret\r", "second\r", NULL}; *keys != NULL; keys++) {
        ask(&at, *keys);
        snprintf(line, sizeof line, "%.*s", (int)strlen(*keys) - 1, *keys);
        hear(&at, RL_PROMPT_LINE, line);
    }
    end(&at);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    begin_terminal(&at, path);
    ask(&at, "\x10\x10\r"); /* ^P: the line before */
    hear(&at, RL_PROMPT_LINE, "first");
    end(&at);
    unlink(path);
    snprintf(path, sizeof path, "%s/state", folder);
    rmdir(path);
    rmdir(folder);
}

static void open_and_close(void) {
    rl_loop *loop;
    rl_prompt *prompt;
    scene at = {0};
    if (rl_loop_new(&loop) != RL_OK)
        return;
    if (rl_prompt_open(loop, "/nowhere/history", &EVENTS, &at, &prompt) == RL_OK) {
        rl_prompt_ask(prompt, RL_LIT("> "));
        rl_loop_hold(loop);
        while (at.count == 0)
            rl_loop_turn(loop, true);
        rl_prompt_close(prompt);
    }
    rl_loop_free(loop);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "line\n", 5), 5);
    close(ends[1]);
    take_place(ends[0], STDOUT_FILENO);
    each_allocation_fails(open_and_close);
    give_place_back(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_pipe_gives_a_line_for_each_question_and_then_its_end, give_place_back),
        cmocka_unit_test_teardown(a_line_without_end_is_the_end, give_place_back),
        cmocka_unit_test_teardown(closing_ends_a_wait_that_nothing_else_ends, give_place_back),
        cmocka_unit_test_teardown(a_line_is_edited_before_it_is_heard, give_place_back),
        cmocka_unit_test_teardown(ctrl_c_abandons_what_is_typed_and_interrupts_what_runs, give_place_back),
        cmocka_unit_test_teardown(a_loop_that_does_not_turn_is_told_to_be_stuck_until_it_hears, give_place_back),
        cmocka_unit_test_teardown(who_comes_back_to_it_edits_as_before, give_place_back),
        cmocka_unit_test_teardown(tab_asks_what_may_stand_there, give_place_back),
        cmocka_unit_test_teardown(ctrl_c_abandons_also_while_tab_waits, give_place_back),
        cmocka_unit_test_teardown(history_outlives_the_prompt_and_is_its_owners_alone, give_place_back),
        cmocka_unit_test_teardown(any_allocation_may_fail, give_place_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
