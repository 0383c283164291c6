#include "loop/prompt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/editor.h"

enum {
    TEXT_MOST = 256,
    READ_MOST = 4096,
    OFFER_MS = 5000, /* the loop is busy: then Tab does nothing */
    WIDTH = 80       /* of a terminal that does not say */
};

struct rl_prompt {
    rl_loop *loop;
    rl_prompt_events events;
    void *owner;
    const char *history; /* for the thread's beginning */
    bool is_terminal;
    pthread_t thread;
    int wake;    /* an eventfd: one of the flags was set */
    int signals; /* -1 without a terminal */
    sigset_t mask_before;
    rl_post end, interrupt; /* what needs no text needs no memory */

    pthread_mutex_t lock;
    bool is_asked, is_offered, is_closing;
    bool is_unheard; /* an INTERRUPT is on its way to the loop */
    char text[TEXT_MOST];
    rl_buf insert, list; /* offered */

    /* the thread's own */
    rl_editor *editor;
    rl_buf bytes; /* from a pipe */
    bool has_ended;
    bool is_abandoned; /* the line, by Ctrl-C while Tab waited */
};

/* ---- from the thread to the loop ------------------------------------------------------ */

typedef struct message {
    rl_post post;
    rl_prompt *prompt;
    rl_prompt_news news;
    size_t len;
    char text[];
} message;

static bool is_closing(rl_prompt *at) {
    pthread_mutex_lock(&at->lock);
    bool is_so = at->is_closing;
    pthread_mutex_unlock(&at->lock);
    return is_so;
}

static void hear(rl_prompt *at, rl_prompt_news news, rl_slice text) {
    if (!is_closing(at))
        at->events.heard(at->owner, news, text);
}

static void on_message(rl_post *post) {
    message *one = RL_CONTAINER(post, message, post);
    hear(one->prompt, one->news, rl_slice_of(one->text, one->len));
    rl_mem_free(one);
}

static bool tell(rl_prompt *at, rl_prompt_news news, rl_slice text) {
    message *one = rl_mem_alloc(sizeof *one + text.len);
    if (one == NULL)
        return false;
    *one = (message){.post = {.run = on_message}, .prompt = at, .news = news, .len = text.len};
    if (text.len > 0)
        memcpy(one->text, text.ptr, text.len);
    rl_loop_post(at->loop, &one->post);
    return true;
}

static void on_end(rl_post *post) {
    hear(RL_CONTAINER(post, rl_prompt, end), RL_PROMPT_END, RL_LIT(""));
}

/* The answer to this question, and to all that follow. */
static void tell_end(rl_prompt *at) {
    at->has_ended = true;
    rl_loop_post(at->loop, &at->end);
}

static void on_interrupt(rl_post *post) {
    rl_prompt *at = RL_CONTAINER(post, rl_prompt, interrupt);
    pthread_mutex_lock(&at->lock);
    at->is_unheard = false;
    pthread_mutex_unlock(&at->lock);
    hear(at, RL_PROMPT_INTERRUPT, RL_LIT(""));
}

static void tell_interrupt(rl_prompt *at) {
    pthread_mutex_lock(&at->lock);
    bool is_under_way = at->is_unheard;
    at->is_unheard = true;
    pthread_mutex_unlock(&at->lock);
    if (!is_under_way)
        rl_loop_post(at->loop, &at->interrupt);
}

/* ---- waiting, on the thread ------------------------------------------------------------- */

/* 0 when there is none. */
static int take_signal(const rl_prompt *at) {
    struct signalfd_siginfo info;
    return at->signals >= 0 && read(at->signals, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

typedef enum what { WHAT_INPUT, WHAT_FLAG, WHAT_TIME, WHAT_CHANGED, WHAT_INTERRUPT, WHAT_END } what;

/* The next thing that happens. `input` is the descriptor of the keys, or -1. */
static what wait_for(const rl_prompt *at, int input, int most_ms) {
    struct pollfd fds[] = {{.fd = at->signals, .events = POLLIN}, {.fd = at->wake, .events = POLLIN}, {.fd = input, .events = POLLIN}};
    int count = poll(fds, sizeof fds / sizeof *fds, most_ms);
    if (count <= 0)
        return count < 0 && errno == EINTR ? WHAT_FLAG : WHAT_TIME;
    switch (take_signal(at)) {
    case SIGINT: return WHAT_INTERRUPT;
    case SIGWINCH:
    case SIGCONT: return WHAT_CHANGED;
    case SIGTERM:
    case SIGHUP: return WHAT_END;
    default: break;
    }
    eventfd_t times;
    if (fds[1].revents != 0) {
        (void)eventfd_read(at->wake, &times);
        return WHAT_FLAG;
    }
    return fds[2].revents != 0 ? WHAT_INPUT : WHAT_FLAG;
}

/* Take one of the flags down; returns whether it was up. */
static bool take(rl_prompt *at, bool *flag) {
    pthread_mutex_lock(&at->lock);
    bool is_up = *flag;
    *flag = false;
    pthread_mutex_unlock(&at->lock);
    return is_up;
}

/* ---- while a line runs -------------------------------------------------------------------- */

/* Under the lock, so that it is not heard meanwhile. Returns whether it is still unheard. */
static bool tell_stuck(rl_prompt *at) {
    pthread_mutex_lock(&at->lock);
    bool is_unheard = at->is_unheard;
    if (is_unheard)
        at->events.stuck(at->owner);
    pthread_mutex_unlock(&at->lock);
    return is_unheard;
}

/* False: there will be no question. */
static bool wait_for_question(rl_prompt *at) {
    bool may_be_stuck = false;
    while (!take(at, &at->is_asked)) {
        if (is_closing(at))
            return false;
        switch (wait_for(at, -1, may_be_stuck ? RL_PROMPT_STUCK_MS : -1)) {
        case WHAT_END: /* what runs ends, too */
            at->has_ended = true;
            tell_interrupt(at);
            may_be_stuck = true;
            break;
        case WHAT_INTERRUPT:
            tell_interrupt(at);
            may_be_stuck = true;
            break;
        case WHAT_TIME: may_be_stuck = tell_stuck(at); break;
        default: break;
        }
    }
    return true;
}

/* ---- a line of a terminal --------------------------------------------------------------------- */

static rl_editor_event wait_for_key(void *owner) {
    rl_prompt *at = owner;
    for (;;) {
        if (is_closing(at))
            return RL_EDITOR_END;
        if (at->is_abandoned) {
            at->is_abandoned = false;
            return RL_EDITOR_ABANDON;
        }
        switch (wait_for(at, STDIN_FILENO, -1)) {
        case WHAT_INPUT: return RL_EDITOR_KEY;
        case WHAT_CHANGED: return RL_EDITOR_CHANGED;
        case WHAT_INTERRUPT: return RL_EDITOR_ABANDON;
        case WHAT_END: return RL_EDITOR_END;
        default: break;
        }
    }
}

static void take_offer(rl_prompt *at, rl_buf *insert, rl_buf *list) {
    pthread_mutex_lock(&at->lock);
    if (rl_buf_append(insert, rl_buf_live(&at->insert)) != RL_OK || rl_buf_append(list, rl_buf_live(&at->list)) != RL_OK)
        rl_buf_reset(list);
    pthread_mutex_unlock(&at->lock);
}

static void complete(void *owner, rl_slice before, rl_buf *insert, rl_buf *list) {
    rl_prompt *at = owner;
    (void)take(at, &at->is_offered); /* one that came too late */
    if (!tell(at, RL_PROMPT_COMPLETE, before))
        return;
    while (!is_closing(at)) {
        if (take(at, &at->is_offered)) {
            take_offer(at, insert, list);
            return;
        }
        what happened = wait_for(at, -1, OFFER_MS);
        at->is_abandoned = happened == WHAT_INTERRUPT;
        if (happened == WHAT_TIME || at->is_abandoned)
            return;
        at->has_ended |= happened == WHAT_END;
    }
}

static void edit(rl_prompt *at) {
    rl_slice line = RL_LIT("");
    rl_editor_event how = rl_editor_read(at->editor, at->text, &line);
    if (how == RL_EDITOR_END || !tell(at, how == RL_EDITOR_KEY ? RL_PROMPT_LINE : RL_PROMPT_ABANDONED, line))
        tell_end(at);
}

/* ---- a line of a pipe --------------------------------------------------------------------------- */

/* One read's worth; false when there is no more. */
static bool read_more(rl_prompt *at) {
    char *room;
    what happened = WHAT_FLAG;
    while (happened != WHAT_INPUT && !is_closing(at))
        happened = wait_for(at, STDIN_FILENO, -1);
    if (happened != WHAT_INPUT || rl_buf_reserve(&at->bytes, READ_MOST, &room) != RL_OK)
        return false;
    ssize_t len = read(STDIN_FILENO, room, READ_MOST);
    if (len > 0)
        rl_buf_commit(&at->bytes, (size_t)len);
    return len > 0;
}

static void read_line(rl_prompt *at) {
    const char *feed;
    size_t seen = 0;
    for (;;) {
        rl_slice live = rl_buf_live(&at->bytes);
        feed = live.len > seen ? memchr(live.ptr + seen, '\n', live.len - seen) : NULL;
        seen = live.len;
        if (feed != NULL || !read_more(at))
            break;
    }
    rl_slice live = rl_buf_live(&at->bytes);
    size_t len = feed == NULL ? live.len : (size_t)(feed - live.ptr);
    bool is_cut = feed == NULL && live.len > RL_PROMPT_LINE_MOST - READ_MOST;
    if (live.len == 0 || is_cut || !tell(at, RL_PROMPT_LINE, rl_slice_of(live.ptr, len)))
        tell_end(at);
    rl_buf_consume(&at->bytes, len + (feed != NULL));
}

/* ---- the thread ------------------------------------------------------------------------------------ */

static const rl_editor_events EVENTS = {.wait = wait_for_key, .complete = complete};

static void *serve(void *arg) {
    rl_prompt *at = arg;
    if (at->is_terminal && rl_editor_open(at->history, &EVENTS, at, &at->editor) != RL_OK)
        at->has_ended = true;
    while (wait_for_question(at))
        if (at->has_ended)
            tell_end(at);
        else
            at->editor != NULL ? edit(at) : read_line(at);
    if (at->editor != NULL)
        rl_editor_close(at->editor);
    return NULL;
}

/* What the terminal's thread takes, no other one may have. */
static rl_err open_signals(rl_prompt *at) {
    sigset_t set;
    sigemptyset(&set);
    for (const int *number = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT, 0}; at->is_terminal && *number != 0; number++)
        sigaddset(&set, *number);
    pthread_sigmask(SIG_BLOCK, &set, &at->mask_before);
    if (!at->is_terminal)
        return RL_OK;
    at->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return at->signals >= 0 ? RL_OK : RL_EIO;
}

static void free_prompt(rl_prompt *at) {
    pthread_sigmask(SIG_SETMASK, &at->mask_before, NULL);
    if (at->signals >= 0)
        close(at->signals);
    if (at->wake >= 0)
        close(at->wake);
    pthread_mutex_destroy(&at->lock);
    rl_buf_clear(&at->insert);
    rl_buf_clear(&at->list);
    rl_buf_clear(&at->bytes);
    rl_mem_free((void *)(uintptr_t)at->history);
    rl_mem_free(at);
}

rl_err rl_prompt_open(rl_loop *loop, const char *history, const rl_prompt_events *events, void *owner, rl_prompt **out) {
    rl_prompt *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    at->loop = loop;
    at->end.run = on_end;
    at->interrupt.run = on_interrupt;
    at->events = *events;
    at->owner = owner;
    at->is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    at->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    at->signals = -1;
    at->history = history == NULL ? NULL : rl_mem_strndup(history, strlen(history));
    pthread_mutex_init(&at->lock, NULL);
    rl_buf_init(&at->insert, RL_EDITOR_OFFER_MOST);
    rl_buf_init(&at->list, RL_EDITOR_OFFER_MOST);
    rl_buf_init(&at->bytes, RL_PROMPT_LINE_MOST);
    rl_err err = open_signals(at);
    if (err == RL_OK && history != NULL && at->history == NULL)
        err = RL_ENOMEM;
    if (err == RL_OK && (at->wake < 0 || pthread_create(&at->thread, NULL, serve, at) != 0))
        err = RL_EIO;
    if (err == RL_OK)
        *out = at;
    else
        free_prompt(at);
    return err;
}

static void raise_flag(rl_prompt *at, bool *flag) {
    pthread_mutex_lock(&at->lock);
    *flag = true;
    pthread_mutex_unlock(&at->lock);
    (void)eventfd_write(at->wake, 1);
}

void rl_prompt_close(rl_prompt *at) {
    if (at == NULL)
        return;
    raise_flag(at, &at->is_closing);
    pthread_join(at->thread, NULL);
    rl_loop_run_posts(at->loop); /* what it told, and nobody will hear */
    free_prompt(at);
}

bool rl_prompt_is_terminal(const rl_prompt *at) {
    return at->is_terminal;
}

unsigned rl_prompt_width(const rl_prompt *at) {
    struct winsize size;
    bool is_known = at->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : WIDTH;
}

void rl_prompt_ask(rl_prompt *at, rl_slice text) {
    size_t len = text.len < TEXT_MOST ? text.len : TEXT_MOST - 1;
    memcpy(at->text, text.ptr, len); /* the thread reads it between a question and its answer only */
    at->text[len] = '\0';
    raise_flag(at, &at->is_asked);
}

void rl_prompt_offer(rl_prompt *at, rl_slice insert, rl_slice list) {
    pthread_mutex_lock(&at->lock);
    rl_buf_reset(&at->insert);
    rl_buf_reset(&at->list);
    if (rl_buf_append(&at->insert, insert) != RL_OK || rl_buf_append(&at->list, list) != RL_OK)
        rl_buf_reset(&at->list);
    pthread_mutex_unlock(&at->lock);
    raise_flag(at, &at->is_offered);
}
