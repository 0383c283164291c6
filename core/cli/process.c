/* 415 lines because starting, serving and ending are orders of events in one state. */
#include "cli/process.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/reload.h"
#include "cli/worker.h"

enum {
    TOLD_TO = 1024, /* beside the numbers of signals: the supervisor says so */
    END_GRACE_MS = 8000, /* beyond stop_delay and drain_timeout: a worker has graces of its own */
    SCHEDULE_MOST = 1024, GAUGE_MOST = 64 * 1024, /* bytes of what one says of itself */
    LOOK_MOST_MS = 1000, /* between two looks whether workers turn */
    STATUS_MOST = 128 * 1024 /* what a socket takes at once, and more than a hundred databases say */
};

typedef struct process {
    const rl_command *command;
    const rl_inheritance *from;
    const rl_settings *settings;
    rl_serving serving;
    rl_worker **workers;
    size_t count; /* of workers */
    rl_edition *edition; /* the first */
    rl_watch *watch;     /* of its files; NULL: none */
    rl_err watch_err;    /* why there is none, though there should be */
    rl_reload *reload;   /* NULL until all serve */
    int signals; /* a signalfd */
    uint64_t since_ns;
    rl_account told; /* what workers know of it */
    uint64_t looked_ns; /* when workers were last asked whether they turn */
    unsigned failed_upgrades; /* of which this process is what goes on */
    bool link_has_ended;
    bool is_serving; /* before that, whoever asks means the one before it, if there is one */
    bool is_ending;  /* whoever asks for the server now means the next one */
} process;

static rl_server_limits limits_of(const rl_settings *settings) {
    return (rl_server_limits){
        .parser = {.max_request_line = settings->max_request_line,
                   .max_headers = settings->max_headers,
                   .max_header_count = (uint32_t)settings->max_header_count,
                   .max_body = settings->max_body},
        .max_body_memory = settings->max_body_memory,
        .header_timeout_ms = settings->header_timeout_ms,
        .body_timeout_ms = settings->body_timeout_ms,
        .write_timeout_ms = settings->write_timeout_ms,
        .keepalive_timeout_ms = settings->keepalive_timeout_ms,
        .half_close_grace_ms = settings->half_close_grace_ms,
        .body_min_rate = settings->body_min_rate,
        .max_connections = settings->max_connections,
        .max_requests = settings->max_requests,
        .pipeline = settings->pipeline,
    };
}

static size_t count_in(const process *at, rl_worker_state state) {
    size_t count = 0;
    for (size_t i = 0; i < at->count; i++)
        count += rl_worker_read_state(at->workers[i]) == state;
    return count;
}

static rl_account account_of(const process *at) {
    return (rl_account){
        .teller = {rl_account_tell}, .serving = &at->serving, .workers = at->from->count, .port = at->from->port,
        .since_ns = at->since_ns, .reload = at->reload, .supervisor = at->from->link >= 0 ? getppid() : 0,
        .restarts = at->from->restarts, .failed_upgrades = at->failed_upgrades};
}

static void tell_status(const process *at) {
    const rl_account account = account_of(at);
    int peer = rl_control_accept(at->from->control);
    if (peer < 0)
        return;
    rl_buf text;
    rl_buf_init(&text, STATUS_MOST);
    if (rl_account_write(&account, &text) != RL_OK)
        rl_buf_clear(&text);
    rl_control_answer_take(peer, rl_buf_live(&text));
    rl_buf_clear(&text);
}

/* What the supervisor says, if anything: TOLD_TO to stop, or 0. */
static int hear_supervisor(process *at) {
    char word;
    ssize_t got = read(at->from->link, &word, 1);
    if (got < 0)
        return 0;
    if (got == 0) {
        at->link_has_ended = true;
        if (at->is_ending) /* as told, and not twice: the supervisor is another binary by now, or has gone, too */
            return 0;
        rl_log_printf(at->serving.log, RL_LOG_ERROR, "the supervisor has gone");
        return TOLD_TO;
    }
    if (word == RL_SAY_RELOAD && at->reload != NULL)
        rl_reload_ask(at->reload);
    if (word == RL_SAY_SHARE || word == RL_SAY_ALONE) /* what the database allows is for both */
        rl_budgets_halve(at->serving.database_budgets, word == RL_SAY_SHARE);
    at->failed_upgrades += word == RL_SAY_NOT_UPGRADED;
    return word == RL_SAY_STOP ? TOLD_TO : 0;
}

static int hear_signal(process *at) {
    struct signalfd_siginfo info;
    if (read(at->signals, &info, sizeof info) != sizeof info)
        return 0;
    if (info.ssi_signo != RL_RELOAD_SIGNAL)
        return (int)info.ssi_signo;
    if (at->reload != NULL)
        rl_reload_ask(at->reload);
    return 0;
}

/* Wait for a worker's news, a change of the app's files, or what ends us: a signal's number, TOLD_TO, or 0. */
static int wait_for_news(process *at, int most_ms) {
    bool is_meant = !at->is_ending && (at->is_serving || at->from->is_first);
    struct pollfd fds[] = {{.fd = at->signals, .events = POLLIN},
                           {.fd = at->serving.news, .events = POLLIN},
                           {.fd = is_meant ? at->from->control : -1, .events = POLLIN},
                           {.fd = at->link_has_ended ? -1 : at->from->link, .events = POLLIN},
                           {.fd = at->reload == NULL ? -1 : rl_reload_fd(at->reload), .events = POLLIN}};
    while (poll(fds, sizeof fds / sizeof *fds, most_ms) < 0 && errno == EINTR)
        ;
    if (fds[2].revents & POLLIN)
        tell_status(at);
    eventfd_t news;
    if (fds[1].revents & POLLIN)
        eventfd_read(at->serving.news, &news);
    if (fds[0].revents & POLLIN)
        return hear_signal(at);
    return fds[3].revents & (POLLIN | POLLHUP) ? hear_supervisor(at) : 0;
}

static void tell_supervisor(const process *at, char word) {
    if (at->from->link >= 0)
        (void)!write(at->from->link, &word, 1);
}

/* How long until the next look. */
static int look_interval_ms(const process *at) {
    uint64_t hang_ms = at->settings->hang_timeout_ms;
    return hang_ms > 0 && hang_ms / 4 < LOOK_MOST_MS ? (int)(hang_ms / 4) + 1 : LOOK_MOST_MS;
}

/* One that does not turn for too long is beyond us: another process must serve, if there is who would start it. */
static void look_at_worker(process *at, rl_worker *worker) {
    rl_pulse *pulse = rl_worker_pulse(worker);
    uint64_t silent_ns = rl_pulse_silent_ns(pulse), most_ms = at->settings->hang_timeout_ms;
    bool is_looked_for = most_ms > 0 && at->from->link >= 0;
    if (!at->is_serving) /* it has come here from a load, which may take its time */
        most_ms += at->settings->load_timeout_ms;
    if (!rl_worker_is_loading(worker, silent_ns) && is_looked_for && silent_ns >= most_ms * 1000000 &&
        !rl_worker_tell_hung(worker))
        tell_supervisor(at, RL_SAY_HANGS);
    rl_pulse_ask(pulse);
}

/* Whether every worker's loop turns. */
static void look_at_workers(process *at) {
    uint64_t now_ns = rl_clock_ns();
    if (now_ns - at->looked_ns < (uint64_t)look_interval_ms(at) * 1000000)
        return;
    at->looked_ns = now_ns;
    for (size_t i = 0; i < at->count; i++)
        look_at_worker(at, at->workers[i]);
}

/* A line to stderr, unless whoever reads it has stalled: words must not keep us
 * from serving, nor from ending. What is writable takes PIPE_BUF bytes without waiting. */
static void put(const char *line, size_t len) {
    struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&reader, 1, 0) == 1 && (reader.revents & POLLOUT))
        (void)!write(STDERR_FILENO, line, len);
}

RL_PRINTF(1, 2) static void say(const char *fmt, ...) {
    char line[PIPE_BUF];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if ((size_t)len >= sizeof line) {
        len = sizeof line - 1;
        line[len - 1] = '\n';
    }
    put(line, (size_t)len);
}

/* The first complaint counts: every worker loads the same files. */
static void print_failure(const process *at) {
    for (size_t i = 0; i < at->count; i++)
        if (rl_worker_failure(at->workers[i]) != NULL) {
            say("rille: %s\n", rl_worker_failure(at->workers[i]));
            return;
        }
}

/* The last line of the log, written past its thread, for which there is no time. */
_Noreturn static void end_at_once(const process *at, int status, const char *why) {
    char line[RL_LOG_LINE_MOST];
    put(line, rl_log_line(at->serving.log, RL_LOG_ERROR, why, line));
    _exit(status == 0 ? 1 : status);
}

static size_t count_hung(const process *at) {
    size_t count = 0;
    for (size_t i = 0; i < at->count; i++)
        count += rl_worker_is_hung(at->workers[i]);
    return count;
}

static int end_all(process *at, int status) {
    at->is_ending = true;
    for (size_t i = 0; i < at->count; i++)
        rl_worker_order(at->workers[i], RL_DO_STOP);
    /* A handler that never waits cannot be cancelled, nor its worker joined. */
    uint64_t most_ms = at->settings->stop_delay_ms + at->settings->drain_timeout_ms + END_GRACE_MS;
    uint64_t began_ms = rl_clock_ns() / 1000000;
    while (count_in(at, RL_WORKER_ENDED) + count_hung(at) < at->count) {
        uint64_t took_ms = rl_clock_ns() / 1000000 - began_ms;
        if (took_ms >= most_ms)
            end_at_once(at, status, "a worker did not end in time: ending without it");
        uint64_t left_ms = most_ms - took_ms;
        if (wait_for_news(at, left_ms > INT_MAX ? INT_MAX : (int)left_ms) != 0)
            end_at_once(at, status, "second signal: ending at once");
    }
    if (count_hung(at) > 0)
        end_at_once(at, status, "a worker hangs: ending without it");
    for (size_t i = 0; i < at->count; i++)
        rl_worker_join(at->workers[i]);
    return status;
}

static bool has_failed(const process *at) {
    return count_in(at, RL_WORKER_FAILED) + count_in(at, RL_WORKER_ENDED) > 0;
}

/* Wait until all workers are in `state`. Returns the signal that came before, or 0. */
static int wait_for_all(process *at, rl_worker_state state) {
    int signal_number = 0;
    while (signal_number == 0 && count_in(at, state) < at->count && !has_failed(at)) {
        signal_number = wait_for_news(at, look_interval_ms(at));
        look_at_workers(at);
    }
    return signal_number;
}

/* To the end: a signal's number, or 0 when a worker has failed. */
static int serve_on(process *at) {
    const rl_reload_of of = {.command = at->command,
                             .log = at->serving.log,
                             .workers = at->workers,
                             .count = at->count,
                             .edition = at->edition,
                             .watch = at->watch};
    if (rl_reload_open(&of, &at->reload) != RL_OK)
        rl_log_printf(at->serving.log, RL_LOG_WARN, "out of memory: the app cannot be reloaded");
    int signal_number = 0;
    while (signal_number == 0 && !has_failed(at)) {
        int reload_ms = at->reload == NULL ? -1 : rl_reload_wait_ms(at->reload), look_ms = look_interval_ms(at);
        signal_number = wait_for_news(at, reload_ms < 0 || look_ms < reload_ms ? look_ms : reload_ms);
        if (signal_number == 0 && at->reload != NULL)
            rl_reload_step(at->reload);
        look_at_workers(at);
    }
    return signal_number;
}

static int run(process *at) {
    int signal_number = wait_for_all(at, RL_WORKER_READY);
    if (signal_number == 0 && !has_failed(at)) {
        for (size_t i = 0; i < at->count; i++)
            rl_worker_order(at->workers[i], RL_DO_SERVE);
        signal_number = wait_for_all(at, RL_WORKER_SERVING);
    }
    at->is_serving = signal_number == 0 && !has_failed(at);
    if (at->is_serving)
        tell_supervisor(at, RL_SAY_SERVES);
    if (at->is_serving && at->from->is_first)
        say("rille %s: %s with %zu %s, listening on http://%s:%u\n", RILLE_VERSION, at->serving.app_dir, at->count,
            at->count == 1 ? "worker" : "workers", at->settings->host, at->from->port);
    if (at->is_serving)
        signal_number = serve_on(at);
    if (signal_number == 0) {
        print_failure(at);
        tell_supervisor(at, RL_SAY_FAILS);
        return end_all(at, 1);
    }
    rl_log_printf(at->serving.log, RL_LOG_INFO, "%s: stopping",
                  signal_number == TOLD_TO ? "told to" : signal_number == SIGTERM ? "SIGTERM" : "interrupted");
    return end_all(at, 0);
}

static bool open_descriptors(process *at) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP); /* the terminal was closed */
    sigaddset(&set, RL_RELOAD_SIGNAL);
    /* before any thread: all of them inherit the mask, and signals come here alone */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    at->signals = signalfd(-1, &set, SFD_CLOEXEC);
    at->serving.news = eventfd(0, EFD_CLOEXEC);
    return at->signals >= 0 && at->serving.news >= 0;
}

static void warn_of_clamp(const process *at) {
    rl_layer layer;
    const char *place;
    bool was_asked = rl_settings_origin(at->settings, "max_connections", &layer, &place) == RL_OK &&
                     layer != RL_LAYER_DEFAULT;
    if (was_asked && at->settings->max_connections < at->settings->max_connections_asked)
        rl_log_printf(at->serving.log, RL_LOG_WARN,
                      "max_connections is %llu, not %llu: the descriptor limit allows no more",
                      (unsigned long long)at->settings->max_connections,
                      (unsigned long long)at->settings->max_connections_asked);
}

static void warn_of_blindness(const process *at) {
    if (at->watch_err != RL_OK)
        rl_log_printf(at->serving.log, RL_LOG_WARN, "changes of the app's files go unnoticed: %s",
                      at->watch_err == RL_EFULL ? "too many folders (sysctl fs.inotify.max_user_watches)"
                                                : rl_err_name(at->watch_err));
}

static int start_and_run(process *at) {
    rl_log_format format = rl_settings_is_development(at->settings) ? RL_LOG_READABLE : RL_LOG_JSON;
    if (rl_log_open(STDERR_FILENO, format, at->settings->log_level, &at->serving.log) != RL_OK) {
        fprintf(stderr, "rille: cannot start the log\n");
        return 1;
    }
    if (at->serving.journal != NULL && rl_log_keep_tail(at->serving.log) != RL_OK)
        rl_log_printf(at->serving.log, RL_LOG_WARN, "out of memory: /_rille will have no log");
    warn_of_clamp(at);
    warn_of_blindness(at);
    at->since_ns = rl_clock_ns();
    at->told = account_of(at);
    at->serving.teller = &at->told.teller;
    size_t wanted = at->count;
    for (at->count = 0; at->count < wanted; at->count++)
        if (rl_worker_start(&at->serving, at->edition, at->from->fds[at->count], at->count, &at->workers[at->count]) != RL_OK)
            break;
    int status = at->count == wanted ? run(at) : end_all(at, 1);
    rl_log_close(at->serving.log);
    return status;
}

static bool read_edition(process *at) {
    rl_buf why;
    rl_buf_init(&why, STATUS_MOST);
    rl_err err = rl_edition_read(at->command, 1, &why, &at->edition);
    if (err != RL_OK)
        fprintf(stderr, "rille: %.*s\n", (int)rl_buf_len(&why), rl_buf_len(&why) == 0 ? "" : rl_buf_live(&why).ptr);
    rl_buf_clear(&why);
    return err == RL_OK;
}

/* Files are watched from before they are first read: a save that comes while the app loads counts. */
static int watch_and_run(process *at) {
    if (at->command->watches)
        at->watch_err = rl_watch_open(at->command->app_dir, &at->watch);
    return read_edition(at) ? start_and_run(at) : 1;
}

int rl_process_run(const rl_command *command, const rl_inheritance *from) {
    process at = {
        .command = command, .from = from, .settings = command->settings, .count = from->count, .signals = -1};
    at.serving = (rl_serving){.settings = at.settings, .app_dir = command->app_dir, .lua_dir = command->lua_dir,
                              .news = -1, .admin = from->admin, .bulletin = from->bulletin, .is_dev = command->watches};
    at.serving.body_budget.ceiling = at.settings->body_memory;
    at.serving.body_budget.spool_ceiling = at.settings->body_spool;
    at.serving.limits = limits_of(at.settings);
    at.serving.limits.connections = &at.serving.connections;
    at.workers = rl_mem_zalloc(at.count, sizeof *at.workers);
    bool keeps_journal = at.settings->timeline || rl_settings_is_development(at.settings);
    int status = 1;
    if (at.workers == NULL || !open_descriptors(&at) || rl_board_new(SCHEDULE_MOST, &at.serving.board) != RL_OK ||
        rl_budgets_new(&at.serving.database_budgets) != RL_OK ||
        rl_pg_listeners_new(&at.serving.database_listeners) != RL_OK || rl_commons_new(&at.serving.commons) != RL_OK ||
        (keeps_journal && rl_journal_new(&at.serving.journal) != RL_OK) ||
        (keeps_journal && rl_board_new(GAUGE_MOST, &at.serving.gauges) != RL_OK))
        fprintf(stderr, "rille: out of memory or descriptors\n");
    else
        status = watch_and_run(&at);
    rl_reload_close(at.reload);
    rl_watch_close(at.watch);
    rl_edition_drop(at.edition);
    rl_board_free(at.serving.board);
    rl_journal_free(at.serving.journal);
    rl_board_free(at.serving.gauges);
    rl_budgets_free(at.serving.database_budgets);
    rl_pg_listeners_free(at.serving.database_listeners);
    rl_commons_free(at.serving.commons);
    rl_mem_free(at.workers);
    if (at.signals >= 0)
        close(at.signals);
    if (at.serving.news >= 0)
        close(at.serving.news);
    return status;
}
