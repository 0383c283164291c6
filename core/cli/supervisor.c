/* supervisor -- `rille serve`: owns the sockets, and sees to it that a process serves on them.
 *
 *     supervisor  one thread, no Lua, no loop
 *        |  fork, never exec: the sockets are open already
 *        +-- server process (cli/process.h)      serving
 *        +-- its successor                       starting; once it serves, the other is told to stop
 *        +-- its predecessor                     stopping: it ends what it has begun
 *
 * A process that ends unasked is followed by another at once, and when that happens
 * again and again, after a pause that grows. One whose worker hangs is replaced as by
 * an upgrade. Meanwhile connections wait in the sockets' queues, which belong to
 * nobody who can die of a bug. A route that brought three processes down within ten
 * minutes is answered 503 from then on.
 *
 * 409 lines because what is heard from processes, signals and clocks changes one state. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/admin.h"
#include "cli/heritage.h"
#include "cli/notify.h"
#include "cli/offspring.h"
#include "cli/sockets.h"
#include "cli/suspects.h"
#include "cli/upgrade.h"
#include "http/request_id.h"
#include "loop/loop.h"

enum {
    MOST_SERVERS = 8,      /* one serves, one starts, and old ones whose requests are long */
    CALM_MS = 500,         /* having served that long, a process is followed by another at once */
    PAUSE_MS = 100,        /* before the second attempt; doubled each time, five times at most */
    END_GRACE_MS = 12 * 1000, /* beyond a process's own, which ends itself: then it is killed */
    LATE_LOOK_MS = 1000 /* between two looks whether it is to be */
};

typedef struct supervisor {
    const rl_command *command;
    int *fds;
    size_t count;
    uint16_t port;
    int admin, control; /* sockets; -1 without */
    int signals;
    rl_log *log;
    rl_offspring servers[MOST_SERVERS];
    unsigned failures; /* in a row */
    unsigned restarts;
    uint64_t start_at_ms; /* when the next is due; 0: none is */
    rl_suspects suspects;
    bool has_served, is_stopping;
    int status; /* the exit status, once is_stopping */
} supervisor;

static uint64_t now_ms(void) {
    return rl_clock_ns() / 1000000;
}

static rl_offspring *find(supervisor *at, rl_stage wanted) {
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (at->servers[i].pid != 0 && at->servers[i].stage == wanted)
            return &at->servers[i];
    return NULL;
}

static bool is_alone(const supervisor *at) {
    size_t i = 0;
    while (i < MOST_SERVERS && at->servers[i].pid == 0)
        i++;
    return i == MOST_SERVERS;
}

static void stop_one(rl_offspring *one) {
    rl_offspring_say(one, RL_SAY_STOP);
    rl_offspring_enter(one, RL_STOPPING);
}

/* ---- what goes wrong ---------------------------------------------------------------- */

/* What `one` ran when it ended, or hung: each route of it has done it once. Returns the row of one, or NULL. */
static const rl_bulletin_row *blame(supervisor *at, const rl_offspring *one, bool only_hung) {
    const rl_bulletin_row *blamed = NULL;
    for (size_t i = 0; i < at->count && i < RL_BULLETIN_ROWS; i++) {
        rl_bulletin_row *row = &one->bulletin->rows[i];
        row->name[RL_BULLETIN_NAME - 1] = '\0';
        if (!atomic_load(&row->is_running) || row->name[0] == '\0' || (only_hung && !atomic_load(&row->is_hung)))
            continue;
        blamed = row;
        if (rl_suspects_note(&at->suspects, row->name, now_ms()) == RL_SUSPECTS_TO_BAN) {
            rl_log_field route = rl_log_str("route", rl_slice_str(row->name));
            rl_log_write(at->log, RL_LOG_ERROR, "a route has brought three processes down: it is answered 503 from now on",
                         &route, 1);
        }
    }
    return blamed;
}

/* ---- starting one ------------------------------------------------------------------- */

/* In the child: what is only ours goes. */
static void detach(void *owner) {
    const supervisor *at = owner;
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (at->servers[i].pid != 0)
            close(at->servers[i].link);
    close(at->signals);
}

/* Its log is a thread: it must not be there when we fork. Before the first one, none is. */
static void pause_log(supervisor *at) {
    rl_log_close(at->log);
    at->log = NULL;
}

static void resume_log(supervisor *at) {
    const rl_settings *settings = at->command->settings;
    rl_log_format format = rl_settings_is_development(settings) ? RL_LOG_READABLE : RL_LOG_JSON;
    if (rl_log_open(STDERR_FILENO, format, settings->log_level, &at->log) != RL_OK)
        at->log = NULL; /* then nothing is told */
}

static bool start_one(supervisor *at) {
    rl_offspring *place = at->servers, *end = place + MOST_SERVERS;
    while (place < end && place->pid != 0)
        place++;
    if (place == end)
        return false;
    rl_bulletin *bulletin = rl_offspring_bulletin();
    if (bulletin == NULL)
        return false;
    rl_suspects_ban(&at->suspects, bulletin, now_ms());
    const rl_inheritance from = {.fds = at->fds, .count = at->count, .port = at->port, .admin = at->admin, .control = at->control,
                                 .bulletin = bulletin, .is_first = !at->has_served, .restarts = at->restarts};
    pause_log(at);
    bool has_started = rl_offspring_start(place, at->command, &from, detach, at);
    resume_log(at);
    if (has_started)
        rl_offspring_tell_company(at->servers, MOST_SERVERS);
    else
        munmap(bulletin, sizeof *bulletin);
    return has_started;
}

/* With a pause that grows while it goes wrong, and differs: machines that fail together should not return so. */
static void start_later(supervisor *at) {
    unsigned doubled = at->failures < 6 ? at->failures : 6;
    uint64_t pause_ms = doubled == 0 ? 0 : (uint64_t)PAUSE_MS << (doubled - 1);
    pause_ms -= pause_ms * (rl_clock_ns() / 1000 % 20) / 100;
    at->failures++;
    at->start_at_ms = now_ms() + pause_ms;
}

static void start_due(supervisor *at) {
    if (at->is_stopping || at->start_at_ms == 0 || now_ms() < at->start_at_ms || find(at, RL_STARTING) != NULL)
        return;
    at->start_at_ms = 0;
    if (!start_one(at))
        start_later(at);
}

/* ---- what they tell --------------------------------------------------------------- */

static void on_serves(supervisor *at, rl_offspring *one) {
    if (one->stage != RL_STARTING)
        return;
    rl_offspring *before = find(at, RL_SERVING);
    if (before != NULL)
        stop_one(before);
    rl_offspring_enter(one, RL_SERVING);
    if (!at->has_served)
        rl_notify("READY=1");
    else
        rl_log_printf(at->log, RL_LOG_INFO, "process %ld serves", (long)one->pid);
    at->has_served = true;
}

static void on_hangs(supervisor *at, rl_offspring *one) {
    if (one->stage == RL_STARTING)
        kill(one->pid, SIGKILL); /* it would be waited for without end: the next one may fare better */
    if (one->stage != RL_SERVING)
        return; /* it is being replaced already */
    (void)blame(at, one, true);
    at->restarts++;
    at->start_at_ms = now_ms();
}

static void hear(supervisor *at, rl_offspring *one) {
    for (char word; (word = rl_offspring_hear(one)) != 0; one->has_failed |= word == RL_SAY_FAILS)
        if (word == RL_SAY_SERVES)
            on_serves(at, one);
        else if (word == RL_SAY_HANGS)
            on_hangs(at, one);
}

/* ---- their ends -------------------------------------------------------------------- */

static void stop_all(supervisor *at) {
    bool is_first = !at->is_stopping;
    at->is_stopping = true;
    rl_notify("STOPPING=1");
    for (size_t i = 0; i < MOST_SERVERS; i++) /* the second time is told as their second, which ends them at once */
        if (at->servers[i].pid != 0 && !(is_first && at->servers[i].stage == RL_STOPPING))
            stop_one(&at->servers[i]);
}

static int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void tell_end(supervisor *at, const rl_offspring *one, int wait_status) {
    /* Killed from outside: no route is to blame for that. */
    int number = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    const rl_bulletin_row *row = number != SIGKILL && number != SIGTERM ? blame(at, one, false) : NULL;
    char id[RL_REQUEST_ID_MOST];
    const rl_log_field fields[] = {
        rl_log_str("ended", rl_slice_str(WIFSIGNALED(wait_status) ? strsignal(WTERMSIG(wait_status)) : "by itself")),
        rl_log_int("status", status_of(wait_status)),
        rl_log_str("route", rl_slice_str(row == NULL ? "" : row->name)),
        rl_log_str("request_id", row == NULL ? RL_LIT("") : rl_request_id_pinned(row, id))};
    rl_log_write(at->log, RL_LOG_ERROR, "the server process has ended: another one takes its place", fields,
                 row == NULL ? 2 : fields[3].as.str.len == 0 ? 3 : 4);
}

static void on_end(supervisor *at, rl_offspring *one, int wait_status) {
    hear(at, one); /* its last words */
    rl_stage was = one->stage;
    uint64_t lasted_ms = now_ms() - one->since_ms;
    const rl_offspring *other = was == RL_SERVING ? NULL : find(at, RL_SERVING);
    if (at->is_stopping) {
        if (at->status == 0)
            at->status = status_of(wait_status);
    } else if (other == NULL && ((was == RL_STARTING && !at->has_served) || (one->has_failed && at->restarts == 0))) {
        at->is_stopping = true; /* it has said why it cannot start */
        at->status = status_of(wait_status);
    } else if (was != RL_STOPPING && other != NULL) {
        rl_log_printf(at->log, RL_LOG_ERROR, "the new process could not start: the old one goes on");
        rl_offspring_say(other, RL_SAY_NOT_UPGRADED);
    } else if (was != RL_STOPPING) {
        tell_end(at, one, wait_status);
        at->restarts++;
        bool was_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
        if (was == RL_SERVING && (lasted_ms >= CALM_MS || was_killed))
            at->failures = 0;
        start_later(at);
    }
    rl_offspring_clear(one);
    rl_offspring_tell_company(at->servers, MOST_SERVERS);
}

/* As pid 1 of a container we get everybody's orphans: they are only buried. */
static void reap(supervisor *at) {
    int wait_status;
    for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;)
        for (size_t i = 0; i < MOST_SERVERS; i++)
            if (at->servers[i].pid == pid)
                on_end(at, &at->servers[i], wait_status);
}

/* Those that were told to stop and did not even end themselves. */
static void kill_late(const supervisor *at) {
    const rl_settings *settings = at->command->settings;
    uint64_t most_ms = settings->stop_delay_ms + settings->drain_timeout_ms + END_GRACE_MS;
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (at->servers[i].pid != 0 && at->servers[i].stage == RL_STOPPING && now_ms() - at->servers[i].since_ms >= most_ms)
            kill(at->servers[i].pid, SIGKILL);
}

/* ---- signals ------------------------------------------------------------------------- */

/* During a change of processes there is nobody to inherit from. */
static void upgrade(supervisor *at) {
    for (size_t i = 0; i < MOST_SERVERS; i++) /* whoever asks may know sooner than we that the last one is over */
        if (at->servers[i].pid != 0)
            hear(at, &at->servers[i]);
    const rl_offspring *one = find(at, RL_SERVING);
    char why[512];
    if (one == NULL || find(at, RL_STARTING) != NULL) {
        rl_log_printf(at->log, RL_LOG_ERROR, "not upgraded: another process is just starting");
        return;
    }
    rl_heritage heritage = {.count = at->count, .port = at->port, .admin = at->admin, .control = at->control,
                            .pid = one->pid, .link = one->link, .restarts = at->restarts};
    memcpy(heritage.fds, at->fds, at->count * sizeof *at->fds);
    pause_log(at);
    rl_upgrade(at->command, &heritage, why, sizeof why); /* returns when it failed */
    resume_log(at);
    rl_log_printf(at->log, RL_LOG_ERROR, "not upgraded: %s", why);
    rl_offspring_say(one, RL_SAY_NOT_UPGRADED); /* whoever asked for it hears of it there */
}

static void on_signal(supervisor *at, int number) {
    const rl_offspring *one = find(at, RL_SERVING);
    if (number == SIGCHLD)
        reap(at);
    else if (number == RL_UPGRADE_SIGNAL)
        upgrade(at);
    else if (number != RL_RELOAD_SIGNAL)
        stop_all(at);
    else if (one != NULL)
        rl_offspring_say(one, RL_SAY_RELOAD);
}

static bool open_signals(supervisor *at) {
    sigset_t set;
    sigemptyset(&set);
    for (const int *number = (const int[]){SIGTERM, SIGINT, SIGHUP, SIGCHLD, RL_RELOAD_SIGNAL, RL_UPGRADE_SIGNAL, 0};
         *number != 0; number++)
        sigaddset(&set, *number);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    at->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return at->signals >= 0;
}

/* ---- the whole ------------------------------------------------------------------------ */

static int wait_ms(supervisor *at) {
    bool is_due = at->start_at_ms != 0 && !at->is_stopping && find(at, RL_STARTING) == NULL;
    bool may_be_late = find(at, RL_STOPPING) != NULL;
    uint64_t now = now_ms(), left_ms = at->start_at_ms > now ? at->start_at_ms - now : 0;
    if (is_due && (left_ms < LATE_LOOK_MS || !may_be_late))
        return (int)left_ms;
    return may_be_late ? LATE_LOOK_MS : -1;
}

static void look(supervisor *at) {
    struct pollfd fds[MOST_SERVERS + 1] = {{.fd = at->signals, .events = POLLIN}};
    for (size_t i = 0; i < MOST_SERVERS; i++)
        fds[i + 1] = (struct pollfd){.fd = at->servers[i].pid != 0 ? at->servers[i].link : -1, .events = POLLIN};
    if (poll(fds, MOST_SERVERS + 1, wait_ms(at)) < 0)
        return;
    for (size_t i = 0; i < MOST_SERVERS; i++)
        if (fds[i + 1].revents & POLLIN)
            hear(at, &at->servers[i]);
        else if (fds[i + 1].revents & POLLHUP)
            reap(at);
    struct signalfd_siginfo info;
    while (read(at->signals, &info, sizeof info) == sizeof info)
        on_signal(at, (int)info.ssi_signo);
    start_due(at);
    kill_late(at);
}

static int supervise(supervisor *at) {
    if (find(at, RL_SERVING) != NULL) {
        at->start_at_ms = now_ms(); /* an upgrade: the old one serves until the new one does */
        resume_log(at);
    } else if (!start_one(at)) {
        return fprintf(stderr, "rille: cannot start a process: %s\n", strerror(errno)), 1;
    }
    while (!at->is_stopping || !is_alone(at))
        look(at);
    pause_log(at);
    return at->status;
}

static bool open_sockets(supervisor *at) {
    const rl_settings *settings = at->command->settings;
    return rl_sockets_open(settings, at->fds, at->count, &at->port, &at->control) && rl_admin_bind(settings, &at->admin);
}

/* The sockets, and the process that serves on them, of the binary before this one. */
static bool adopt(supervisor *at, const rl_heritage *heritage) {
    rl_bulletin *bulletin = rl_offspring_bulletin(); /* the one before it cannot be found: it is not blamed */
    if (bulletin == NULL)
        return false;
    at->count = heritage->count;
    at->port = heritage->port;
    at->admin = heritage->admin;
    if (at->admin < 0) /* the setting may be new; where it cannot be had, which was told, all else goes on */
        (void)!rl_admin_bind(at->command->settings, &at->admin);
    at->control = heritage->control;
    at->restarts = heritage->restarts;
    at->has_served = true;
    memcpy(at->fds, heritage->fds, at->count * sizeof *at->fds);
    at->servers[0] = (rl_offspring){.pid = heritage->pid, .link = heritage->link, .bulletin = bulletin};
    rl_offspring_enter(&at->servers[0], RL_SERVING);
    return true;
}

int rl_serve(const rl_command *command) {
    static const size_t most = RL_HERITAGE_SOCKETS;
    supervisor at = {.command = command, .admin = -1, .control = -1, .signals = -1, .count = command->settings->workers};
    if (at.count > most)
        at.count = most;
    at.fds = rl_mem_zalloc(most, sizeof *at.fds);
    rl_heritage heritage;
    int status = 1;
    signal(SIGPIPE, SIG_IGN);
    if (at.fds == NULL) {
        fprintf(stderr, "rille: out of memory\n");
    } else if (rl_heritage_take(&heritage) ? adopt(&at, &heritage) : open_sockets(&at)) {
        const rl_inheritance alone = {.fds = at.fds, .count = at.count, .port = at.port, .admin = at.admin,
                                      .control = at.control, .link = -1, .is_first = true};
        if (!command->settings->supervise)
            status = rl_process_run(command, &alone);
        else if (open_signals(&at))
            status = supervise(&at);
    }
    rl_mem_free(at.fds);
    if (at.control >= 0)
        close(at.control);
    if (at.signals >= 0)
        close(at.signals);
    return status;
}
