/* ask -- `rille reload`, `rille upgrade`, `rille stop`: what a running server is to do, and how that went. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/inquiry.h"
#include "loop/loop.h"

enum { LOOK_MS = 20, WORD_MS = 1000 /* then people want to know */, PATIENCE_S = 70 /* for a reload the server itself gives up after a minute */ };

/* One request: what was so before it, and what the account says once it is done. */
typedef struct asking {
    const rl_command *command;
    int signal_number;
    pid_t told;                           /* the process */
    double pid, reloads, failed_upgrades; /* before */
    /* 0 not yet; 1 done, 2 failed: it has said why; -1 it will not come about. NULL for `all`: nobody answers there. */
    int (*look)(const struct asking *asking, const cJSON *all);
    const char *meanwhile; /* what to say to people while it takes its time, */
    const char *otherwise; /* and when it does not come about */
} asking;

static int look_at_reload(const asking *at, const cJSON *all) {
    if (all == NULL)
        return 0;
    double pid = rl_inquiry_number(all, "pid");
    if (pid != at->pid) /* it began with the files as they are now */
        return printf("process %.0f serves: the one that was told to reload has ended\n", pid) < 0 ? 2 : 1;
    if (rl_inquiry_number(all, "reloads") <= at->reloads)
        return 0;
    const char *failure = rl_inquiry_text(all, "failure");
    if (failure[0] == '\0')
        return printf("generation %.0f serves\n", rl_inquiry_number(all, "generation")) < 0 ? 2 : 1;
    fprintf(stderr, "rille reload: generation %.0f goes on: %s\n", rl_inquiry_number(all, "generation"), failure);
    return 2;
}

static int look_at_upgrade(const asking *at, const cJSON *all) {
    if (all == NULL)
        return 0; /* the name of the socket never goes, but nobody answers for a moment */
    if (rl_inquiry_number(all, "pid") == at->pid)
        return rl_inquiry_number(all, "failed_upgrades") > at->failed_upgrades ? -1 : 0;
    return printf("rille %s serves in process %.0f\n", rl_inquiry_text(all, "version"),
                  rl_inquiry_number(all, "pid")) < 0
               ? 2
               : 1;
}

static bool has_ended(pid_t pid) {
    char path[64], binary[8];
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    return readlink(path, binary, sizeof binary) < 0 && errno == ENOENT; /* that of a zombie has gone, too */
}

static int look_at_stop(const asking *at, const cJSON *all) {
    (void)all;
    return has_ended(at->told) ? 1 : 0;
}

static int wait_for_end(const asking *at) {
    uint64_t began_ns = rl_clock_ns();
    bool asks = at->look != look_at_stop, is_told = !isatty(STDERR_FILENO);
    for (uint64_t took_ns; (took_ns = rl_clock_ns() - began_ns) < (uint64_t)PATIENCE_S * 1000000000;) {
        if (!is_told && took_ns >= (uint64_t)WORD_MS * 1000000) {
            fprintf(stderr, "rille %s: %s\n", at->command->name, at->meanwhile);
            is_told = true;
        }
        cJSON *all = asks ? rl_inquire_quietly(at->command) : NULL;
        int seen = at->look(at, all);
        cJSON_Delete(all);
        if (seen < 0)
            break;
        if (seen > 0)
            return seen - 1;
        if (has_ended(at->told)) {
            fprintf(stderr, "rille %s: the server has ended meanwhile: its log says why\n", at->command->name);
            return 1;
        }
        poll(NULL, 0, LOOK_MS);
    }
    fprintf(stderr, "rille %s: %s\n", at->command->name, at->otherwise);
    return 1;
}

/* The supervisor's process where there is one, unless the server's own is meant. */
static int ask(asking *at, bool needs_supervisor) {
    cJSON *all = rl_inquire(at->command, NULL);
    if (all == NULL)
        return 1;
    double supervisor = rl_inquiry_number(all, "supervisor");
    at->pid = rl_inquiry_number(all, "pid");
    at->reloads = rl_inquiry_number(all, "reloads");
    at->failed_upgrades = rl_inquiry_number(all, "failed_upgrades");
    cJSON_Delete(all);
    at->told = (pid_t)(supervisor > 0 ? supervisor : at->pid);
    if (needs_supervisor && supervisor <= 0) {
        fprintf(stderr, "rille %s: the server has no supervisor: it was started with --no-supervise\n", at->command->name);
        return 1;
    }
    if (at->told > 0 && kill(at->told, at->signal_number) == 0)
        return wait_for_end(at);
    fprintf(stderr, "rille %s: process %ld cannot be told: %s\n", at->command->name, (long)at->told, strerror(errno));
    return 1;
}

int rl_ask_reload(const rl_command *command) {
    asking at = {.command = command, .signal_number = RL_RELOAD_SIGNAL, .look = look_at_reload,
                 .meanwhile = "its workers load the app", .otherwise = "the server does not get to it"};
    return ask(&at, false);
}

int rl_ask_upgrade(const rl_command *command) {
    asking at = {.command = command, .signal_number = RL_UPGRADE_SIGNAL, .look = look_at_upgrade,
                 .meanwhile = "the new binary checks the app, and begins",
                 .otherwise = "the old binary goes on: the server's log says why"};
    return ask(&at, true);
}

int rl_ask_stop(const rl_command *command) {
    asking at = {.command = command, .signal_number = SIGTERM, .look = look_at_stop,
                 .meanwhile = "the server answers what has begun, for as long as its drain_timeout",
                 .otherwise = "the server was told, and is still draining"};
    return ask(&at, false);
}
