#include "cli/reload.h"

#include <limits.h>
#include <stdio.h>

#include "base/mem.h"

enum {
    QUIET_MS = 10,      /* one save of an editor, or of all its files, is several events */
    LOUD_MOST_MS = 200, /* something writes without end: then what there is at the time */
    LOAD_GRACE_MS = 3000, /* what is broken off for having been busy says where: that is heard first */
    WHY_MOST = 64 * 1024
};

typedef enum phase { IDLE, LOADING, SWITCHING, DISCARDING } phase;

struct rl_reload {
    rl_reload_of of;
    phase phase;
    rl_edition *next; /* from LOADING to the switch */
    uint64_t numbers; /* given so far: a failed one has its own */
    uint64_t attempts;
    rl_buf failure; /* of the last attempt; empty: none */
    bool is_asked;
    unsigned news;  /* RL_WATCH_: what has changed since the last attempt */
    uint32_t looks; /* how often pages were told to load again, with the code as it was */
    uint64_t changed_ms, last_change_ms; /* 0: no file has changed since the last attempt */
    uint64_t began_ms;
    char name[RL_WATCH_NAME_CAP]; /* of the first file that changed; "" when it was asked for */
};

static uint64_t now_ms(void) {
    return rl_clock_ns() / 1000000;
}

rl_err rl_reload_open(const rl_reload_of *of, rl_reload **out) {
    rl_reload *reload = rl_mem_zalloc(1, sizeof *reload);
    if (reload == NULL)
        return RL_ENOMEM;
    reload->of = *of;
    reload->of.edition = rl_edition_share(of->edition);
    reload->numbers = of->edition->number;
    rl_buf_init(&reload->failure, WHY_MOST);
    *out = reload;
    return RL_OK;
}

void rl_reload_close(rl_reload *reload) {
    if (reload == NULL)
        return;
    rl_edition_drop(reload->next);
    rl_edition_drop(reload->of.edition);
    rl_buf_clear(&reload->failure);
    rl_mem_free(reload);
}

void rl_reload_ask(rl_reload *reload) {
    reload->is_asked = true;
}

int rl_reload_fd(const rl_reload *reload) {
    return reload->of.watch == NULL ? -1 : rl_watch_fd(reload->of.watch);
}

/* ---- one attempt -------------------------------------------------------------- */

static void all(const rl_reload *reload, rl_worker_do what) {
    for (size_t i = 0; i < reload->of.count; i++)
        rl_worker_order(reload->of.workers[i], what);
}

static size_t count_in(const rl_reload *reload, rl_worker_next state) {
    size_t count = 0;
    for (size_t i = 0; i < reload->of.count; i++)
        count += rl_worker_read_next(reload->of.workers[i]) == state;
    return count;
}

/* For who saves files; whoever asks in production is told otherwise. */
static void show(const rl_reload *reload, const char *text) {
    for (size_t i = 0; i < reload->of.count && reload->of.watch != NULL; i++)
        rl_notice_send(rl_worker_notice(reload->of.workers[i]), text);
}

static void fail(rl_reload *reload, const char *why) {
    reload->phase = IDLE;
    reload->attempts++;
    rl_buf_reset(&reload->failure);
    (void)!rl_buf_append(&reload->failure, rl_slice_str(why));
    (void)!rl_buf_append(&reload->failure, RL_LIT("\0"));
    show(reload, why);
    rl_log_printf(reload->of.log, RL_LOG_ERROR, "not reloaded, generation %llu goes on: %s",
                  (unsigned long long)reload->of.edition->number, why);
}

static void succeed(rl_reload *reload) {
    reload->phase = IDLE;
    reload->attempts++;
    rl_buf_reset(&reload->failure);
    rl_log_printf(reload->of.log, RL_LOG_INFO, "reloaded%s%s: generation %llu, %llu ms",
                  reload->name[0] == '\0' ? "" : " for ", reload->name,
                  (unsigned long long)reload->of.edition->number, (unsigned long long)(now_ms() - reload->began_ms));
}

/* What was wrong is as it was before, by taking the change back. */
static void find_unchanged(rl_reload *reload) {
    if (rl_buf_len(&reload->failure) == 0)
        return;
    rl_buf_reset(&reload->failure);
    reload->attempts++;
    show(reload, NULL);
    rl_log_printf(reload->of.log, RL_LOG_INFO, "%s is as generation %llu has it again", reload->name,
                  (unsigned long long)reload->of.edition->number);
}

/* What pages show has changed, and no code: they load again, and nothing else does. */
static void renew_pages(rl_reload *reload) {
    char number[16];
    snprintf(number, sizeof number, "%u", ++reload->looks);
    for (size_t i = 0; i < reload->of.count; i++)
        rl_notice_send(rl_worker_look(reload->of.workers[i]), number);
    rl_log_printf(reload->of.log, RL_LOG_INFO, "pages that are open load again for %s", reload->name);
}

static void begin(rl_reload *reload) {
    bool was_asked = reload->is_asked;
    unsigned news = reload->news;
    reload->is_asked = false;
    reload->news = 0;
    reload->changed_ms = reload->last_change_ms = 0;
    reload->began_ms = now_ms();
    if (!was_asked && news == RL_WATCH_PAGES) {
        renew_pages(reload);
        return;
    }
    if (was_asked)
        reload->name[0] = '\0';
    rl_buf why;
    rl_buf_init(&why, WHY_MOST);
    rl_err err = rl_edition_read(reload->of.command, reload->numbers + 1, &why, &reload->next);
    if (err != RL_OK) {
        (void)!rl_buf_append(&why, RL_LIT("\0"));
        fail(reload, rl_buf_len(&why) > 1 ? rl_buf_live(&why).ptr : rl_err_name(err));
    } else if (!was_asked && rl_sources_equal(reload->next->sources, reload->of.edition->sources)) {
        rl_edition_drop(reload->next);
        reload->next = NULL;
        find_unchanged(reload);
        if (news & RL_WATCH_PAGES)
            renew_pages(reload);
    } else {
        reload->numbers++;
        reload->phase = LOADING;
        for (size_t i = 0; i < reload->of.count; i++)
            rl_worker_load(reload->of.workers[i], reload->next);
    }
    rl_buf_clear(&why);
}

/* The first complaint counts: every worker loads the same files. */
static const char *failure_of(const rl_reload *reload) {
    for (size_t i = 0; i < reload->of.count; i++)
        if (rl_worker_next_failure(reload->of.workers[i]) != NULL)
            return rl_worker_next_failure(reload->of.workers[i]);
    return "out of memory";
}

static void discard(rl_reload *reload) {
    rl_edition_drop(reload->next);
    reload->next = NULL;
    reload->phase = DISCARDING;
    all(reload, RL_DO_DISCARD);
}

static void give_up(rl_reload *reload, const char *why) {
    fail(reload, why);
    discard(reload);
}

/* How long until what changed has been quiet for long enough; UINT64_MAX when nothing did. */
static uint64_t due_in_ms(const rl_reload *reload) {
    if (reload->is_asked)
        return 0;
    if (reload->changed_ms == 0)
        return UINT64_MAX;
    uint64_t quiet = reload->last_change_ms + QUIET_MS, loud = reload->changed_ms + LOUD_MOST_MS;
    uint64_t due = quiet < loud ? quiet : loud, now = now_ms();
    return due > now ? due - now : 0;
}

/* While one loads: only other code makes it outdated. */
static uint64_t outdated_in_ms(const rl_reload *reload) {
    return reload->news & RL_WATCH_CODE && !reload->is_asked ? due_in_ms(reload) : UINT64_MAX;
}

/* Whether files say something else than what loads: an app may write some of its own while it does. */
static bool has_changed_again(rl_reload *reload) {
    rl_buf why;
    rl_buf_init(&why, WHY_MOST);
    rl_edition *now = NULL;
    bool is_same = rl_edition_read(reload->of.command, reload->next->number, &why, &now) == RL_OK &&
                   rl_sources_equal(now->sources, reload->next->sources);
    rl_edition_drop(now);
    rl_buf_clear(&why);
    if (is_same) {
        reload->news &= ~(unsigned)RL_WATCH_CODE;
        reload->changed_ms = reload->news == 0 ? 0 : reload->changed_ms;
    }
    return !is_same;
}

/* Whoever has mended an endless loop does not wait for its load_timeout. */
static void outdate(rl_reload *reload) {
    atomic_store(&reload->next->is_outdated, true);
    rl_log_printf(reload->of.log, RL_LOG_INFO, "generation %llu is not loaded to its end: %s has changed again",
                  (unsigned long long)reload->next->number, reload->name);
    discard(reload);
}

static void look_at_loading(rl_reload *reload) {
    if (count_in(reload, RL_NEXT_READY) == reload->of.count) {
        reload->phase = SWITCHING;
        all(reload, RL_DO_SWITCH);
    } else if (count_in(reload, RL_NEXT_FAILED) > 0) {
        give_up(reload, failure_of(reload));
    } else if (now_ms() - reload->began_ms >= reload->next->settings->load_timeout_ms + LOAD_GRACE_MS) {
        give_up(reload, "the app took longer than load_timeout to load");
    } else if (outdated_in_ms(reload) == 0 && has_changed_again(reload)) {
        outdate(reload);
    }
}

static void look_at_switching(rl_reload *reload) {
    if (count_in(reload, RL_NEXT_NONE) < reload->of.count)
        return;
    rl_edition_drop(reload->of.edition);
    reload->of.edition = reload->next;
    reload->next = NULL;
    all(reload, RL_DO_BEGIN);
    succeed(reload);
}

/* ---- its occasion --------------------------------------------------------------- */

static void look_at_files(rl_reload *reload) {
    char name[RL_WATCH_NAME_CAP];
    unsigned news = reload->of.watch == NULL ? 0 : rl_watch_read(reload->of.watch, name);
    if (news == 0)
        return;
    reload->last_change_ms = now_ms();
    if (reload->changed_ms == 0)
        reload->changed_ms = reload->last_change_ms;
    if (news > reload->news) /* the code's file is the one to tell of */
        memcpy(reload->name, name, sizeof name);
    reload->news |= news;
}

int rl_reload_wait_ms(const rl_reload *reload) {
    if (reload->phase == LOADING) {
        uint64_t took_ms = now_ms() - reload->began_ms;
        uint64_t most_ms = reload->next->settings->load_timeout_ms + LOAD_GRACE_MS;
        uint64_t left_ms = took_ms < most_ms ? most_ms - took_ms : 0, outdated_ms = outdated_in_ms(reload);
        left_ms = outdated_ms < left_ms ? outdated_ms : left_ms;
        return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
    }
    uint64_t due = reload->phase == IDLE ? due_in_ms(reload) : UINT64_MAX;
    return due == UINT64_MAX ? -1 : (int)due;
}

void rl_reload_step(rl_reload *reload) {
    look_at_files(reload);
    switch (reload->phase) {
    case LOADING: look_at_loading(reload); break;
    case SWITCHING: look_at_switching(reload); break;
    case DISCARDING:
        if (count_in(reload, RL_NEXT_NONE) == reload->of.count)
            reload->phase = IDLE;
        break;
    case IDLE: break;
    }
    if (reload->phase == IDLE && due_in_ms(reload) == 0)
        begin(reload);
}

rl_reload_state rl_reload_read(const rl_reload *reload) {
    return (rl_reload_state){.generation = reload->of.edition->number,
                             .attempts = reload->attempts,
                             .failure = rl_buf_len(&reload->failure) > 0 ? rl_buf_live(&reload->failure).ptr : NULL};
}
