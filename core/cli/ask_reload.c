/* ask_reload -- `rille reload`: has a server read its app's files again, and says how that went. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "loop/loop.h"
#include "cli/inquiry.h"

enum { LOOK_MS = 20, PATIENCE_S = 70 /* the server itself gives up after a minute */ };

static int tell(const cJSON *all) {
    const char *failure = rl_inquiry_text(all, "failure");
    if (failure[0] != '\0') {
        fprintf(stderr, "rille reload: generation %.0f goes on: %s\n", rl_inquiry_number(all, "generation"), failure);
        return 1;
    }
    printf("generation %.0f serves\n", rl_inquiry_number(all, "generation"));
    return 0;
}

/* Its account once it has ended a reload that was not among the first `before`. */
static int wait_for_end(const rl_command *command, double before) {
    uint64_t until_ns = rl_clock_ns() + (uint64_t)PATIENCE_S * 1000000000;
    while (rl_clock_ns() < until_ns) {
        cJSON *all = rl_inquire(command, NULL);
        bool has_ended = all != NULL && rl_inquiry_number(all, "reloads") > before;
        int status = all == NULL ? 1 : has_ended ? tell(all) : 0;
        cJSON_Delete(all);
        if (all == NULL || has_ended)
            return status;
        poll(NULL, 0, LOOK_MS);
    }
    fprintf(stderr, "rille reload: the server does not get to it\n");
    return 1;
}

int rl_ask_reload(const rl_command *command) {
    cJSON *all = rl_inquire(command, NULL);
    if (all == NULL)
        return 1;
    double before = rl_inquiry_number(all, "reloads");
    pid_t pid = (pid_t)rl_inquiry_number(all, "pid");
    cJSON_Delete(all);
    if (pid > 0 && kill(pid, RL_RELOAD_SIGNAL) == 0)
        return wait_for_end(command, before);
    fprintf(stderr, "rille reload: process %ld cannot be told: %s\n", (long)pid, strerror(pid > 0 ? errno : ESRCH));
    return 1;
}
