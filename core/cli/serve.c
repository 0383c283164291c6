/* serve -- workers, signals, and the order in which things start and stop. */
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
#include "loop/tcp.h"

enum {
    MOST_WORKERS = 256,
    END_GRACE_MS = 8000, /* beyond stop_delay and drain_timeout: a worker has graces of its own */
    STATUS_MOST = 128 * 1024 /* what a socket takes at once, and more than a hundred databases say */
};

typedef struct serve {
    const rl_command *command;
    const rl_settings *settings;
    rl_serving serving;
    rl_worker **workers;
    int *fds;
    size_t count;
    rl_edition *edition; /* the first */
    rl_reload *reload;   /* NULL until all serve */
    int signals; /* a signalfd */
    int control; /* where `rille status` asks; -1 without */
    uint64_t since_ns;
    uint16_t port;
} serve;

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

static size_t count_in(const serve *at, rl_worker_state state) {
    size_t count = 0;
    for (size_t i = 0; i < at->count; i++)
        count += rl_worker_read_state(at->workers[i]) == state;
    return count;
}

static void tell_status(const serve *at) {
    const rl_account account = {
        .serving = &at->serving, .workers = at->count, .port = at->port, .since_ns = at->since_ns, .reload = at->reload};
    int peer = rl_control_accept(at->control);
    if (peer < 0)
        return;
    rl_buf text;
    rl_buf_init(&text, STATUS_MOST);
    if (rl_account_write(&account, &text) != RL_OK)
        rl_buf_clear(&text);
    rl_control_answer_take(peer, rl_buf_live(&text));
    rl_buf_clear(&text);
}

/* Wait for a worker's news, a change of the app's files, or a signal that ends us: its number, or 0. */
static int wait_for_news(serve *at, int most_ms) {
    struct pollfd fds[] = {{.fd = at->signals, .events = POLLIN},
                           {.fd = at->serving.news, .events = POLLIN},
                           {.fd = at->control, .events = POLLIN},
                           {.fd = at->reload == NULL ? -1 : rl_reload_fd(at->reload), .events = POLLIN}};
    while (poll(fds, sizeof fds / sizeof *fds, most_ms) < 0 && errno == EINTR)
        ;
    if (fds[2].revents & POLLIN)
        tell_status(at);
    eventfd_t news;
    if (fds[1].revents & POLLIN)
        eventfd_read(at->serving.news, &news);
    struct signalfd_siginfo info;
    if (!(fds[0].revents & POLLIN) || read(at->signals, &info, sizeof info) != sizeof info)
        return 0;
    if (info.ssi_signo != RL_RELOAD_SIGNAL)
        return (int)info.ssi_signo;
    if (at->reload != NULL)
        rl_reload_ask(at->reload);
    return 0;
}

/* A line to stderr, unless whoever reads it has stalled: words must not keep us
 * from serving, nor from ending. */
RL_PRINTF(1, 2) static void say(const char *fmt, ...) {
    char line[PIPE_BUF]; /* what is writable takes that much without waiting */
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (len <= 0 || poll(&reader, 1, 0) != 1 || !(reader.revents & POLLOUT))
        return;
    if ((size_t)len >= sizeof line) {
        len = sizeof line - 1;
        line[len - 1] = '\n';
    }
    (void)!write(STDERR_FILENO, line, (size_t)len);
}

/* The first complaint counts: every worker loads the same files. */
static void print_failure(const serve *at) {
    for (size_t i = 0; i < at->count; i++)
        if (rl_worker_failure(at->workers[i]) != NULL) {
            say("rille: %s\n", rl_worker_failure(at->workers[i]));
            return;
        }
}

_Noreturn static void end_at_once(int status, const char *why) {
    say("rille: %s\n", why);
    _exit(status == 0 ? 1 : status);
}

static int end_all(serve *at, int status) {
    for (size_t i = 0; i < at->count; i++)
        rl_worker_stop(at->workers[i]);
    /* A handler that never waits cannot be cancelled, nor its worker joined. */
    uint64_t most_ms = at->settings->stop_delay_ms + at->settings->drain_timeout_ms + END_GRACE_MS;
    uint64_t began_ms = rl_clock_ns() / 1000000;
    while (count_in(at, RL_WORKER_ENDED) < at->count) {
        uint64_t took_ms = rl_clock_ns() / 1000000 - began_ms;
        if (took_ms >= most_ms)
            end_at_once(status, "a worker did not end in time: ending without it");
        uint64_t left_ms = most_ms - took_ms;
        if (wait_for_news(at, left_ms > INT_MAX ? INT_MAX : (int)left_ms) != 0)
            end_at_once(status, "second signal: ending at once");
    }
    for (size_t i = 0; i < at->count; i++)
        rl_worker_join(at->workers[i]);
    return status;
}

static bool has_failed(const serve *at) {
    return count_in(at, RL_WORKER_FAILED) + count_in(at, RL_WORKER_ENDED) > 0;
}

/* Wait until all workers are in `state`. Returns the signal that came before, or 0. */
static int wait_for_all(serve *at, rl_worker_state state) {
    int signal_number = 0;
    while (signal_number == 0 && count_in(at, state) < at->count && !has_failed(at))
        signal_number = wait_for_news(at, -1);
    return signal_number;
}

/* To the end: a signal's number, or 0 when a worker has failed. */
static int serve_on(serve *at) {
    const rl_reload_of of = {.command = at->command,
                             .log = at->serving.log,
                             .workers = at->workers,
                             .count = at->count,
                             .edition = at->edition,
                             .watches = at->command->watches};
    rl_err err = rl_reload_open(&of, &at->reload);
    if (err != RL_OK)
        rl_log_printf(at->serving.log, RL_LOG_WARN, "changes of the app's files go unnoticed: %s",
                      err == RL_EFULL ? "too many folders (sysctl fs.inotify.max_user_watches)" : rl_err_name(err));
    int signal_number = 0;
    while (signal_number == 0 && !has_failed(at)) {
        signal_number = wait_for_news(at, at->reload == NULL ? -1 : rl_reload_wait_ms(at->reload));
        if (signal_number == 0 && at->reload != NULL)
            rl_reload_step(at->reload);
    }
    return signal_number;
}

static int run(serve *at) {
    int signal_number = wait_for_all(at, RL_WORKER_READY);
    if (signal_number == 0 && !has_failed(at)) {
        for (size_t i = 0; i < at->count; i++)
            rl_worker_serve(at->workers[i]);
        signal_number = wait_for_all(at, RL_WORKER_SERVING);
    }
    if (signal_number == 0 && !has_failed(at))
        say("rille %s: %s with %zu %s, listening on http://%s:%u\n", RILLE_VERSION, at->serving.app_dir, at->count,
            at->count == 1 ? "worker" : "workers", at->settings->host, at->port);
    if (signal_number == 0 && !has_failed(at))
        signal_number = serve_on(at);
    if (signal_number == 0) {
        print_failure(at);
        return end_all(at, 1);
    }
    rl_log_printf(at->serving.log, RL_LOG_INFO, "%s: stopping",
                  signal_number == SIGTERM ? "SIGTERM" : "interrupted");
    return end_all(at, 0);
}

static bool open_descriptors(serve *at) {
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

static bool bind_all(serve *at) {
    char message[256];
    at->port = (uint16_t)at->settings->port;
    if (rl_tcp_bind(at->settings->host, &at->port, at->fds, at->count, message, sizeof message) == RL_OK)
        return true;
    fprintf(stderr, "rille: %s\n", message);
    return false;
}

/* The server serves without it. */
static void open_control(serve *at) {
    at->since_ns = rl_clock_ns();
    rl_err err = rl_control_listen(at->settings->host, at->port, &at->control);
    if (err != RL_OK)
        rl_log_printf(at->serving.log, RL_LOG_WARN, "`rille status` will not find this server: %s",
                      err == RL_EINUSE ? "its name is taken" : rl_err_name(err));
}

static bool is_production(const rl_settings *settings) {
    return strcmp(settings->env, "development") != 0;
}

static void warn_of_clamp(const serve *at) {
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

static int start_and_run(serve *at) {
    rl_log_format format = is_production(at->settings) ? RL_LOG_JSON : RL_LOG_READABLE;
    if (rl_log_open(STDERR_FILENO, format, at->settings->log_level, &at->serving.log) != RL_OK) {
        fprintf(stderr, "rille: cannot start the log\n");
        return 1;
    }
    warn_of_clamp(at);
    open_control(at);
    size_t wanted = at->count;
    for (at->count = 0; at->count < wanted; at->count++)
        if (rl_worker_start(&at->serving, at->edition, at->fds[at->count], &at->workers[at->count]) != RL_OK)
            break;
    int status = at->count == wanted ? run(at) : end_all(at, 1);
    rl_log_close(at->serving.log);
    return status;
}

static bool read_edition(serve *at) {
    rl_buf why;
    rl_buf_init(&why, STATUS_MOST);
    rl_err err = rl_edition_read(at->command, 1, &why, &at->edition);
    if (err != RL_OK)
        fprintf(stderr, "rille: %.*s\n", (int)rl_buf_len(&why), rl_buf_len(&why) == 0 ? "" : rl_buf_live(&why).ptr);
    rl_buf_clear(&why);
    return err == RL_OK;
}

int rl_serve(const rl_command *command) {
    serve at = {
        .command = command, .settings = command->settings, .count = command->settings->workers, .signals = -1, .control = -1};
    if (at.count > MOST_WORKERS)
        at.count = MOST_WORKERS;
    at.serving = (rl_serving){
        .settings = at.settings, .app_dir = command->app_dir, .lua_dir = command->lua_dir, .news = -1};
    at.serving.body_budget.ceiling = at.settings->body_memory;
    at.serving.body_budget.spool_ceiling = at.settings->body_spool;
    at.serving.limits = limits_of(at.settings);
    at.serving.limits.connections = &at.serving.connections;
    at.workers = rl_mem_zalloc(at.count, sizeof *at.workers);
    at.fds = rl_mem_zalloc(at.count, sizeof *at.fds);
    int status = 1;
    if (at.workers == NULL || at.fds == NULL || !open_descriptors(&at) ||
        rl_budgets_new(&at.serving.database_budgets) != RL_OK ||
        rl_pg_listeners_new(&at.serving.database_listeners) != RL_OK || rl_commons_new(&at.serving.commons) != RL_OK)
        fprintf(stderr, "rille: out of memory or descriptors\n");
    else if (read_edition(&at) && bind_all(&at))
        status = start_and_run(&at);
    rl_reload_close(at.reload);
    rl_edition_drop(at.edition);
    rl_budgets_free(at.serving.database_budgets);
    rl_pg_listeners_free(at.serving.database_listeners);
    rl_commons_free(at.serving.commons);
    rl_mem_free(at.workers);
    rl_mem_free(at.fds);
    if (at.control >= 0)
        close(at.control);
    if (at.signals >= 0)
        close(at.signals);
    if (at.serving.news >= 0)
        close(at.serving.news);
    return status;
}
