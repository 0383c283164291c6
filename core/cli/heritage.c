#include "cli/heritage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "RILLE_HERITAGE"

enum { TEXT_CAP = 4096 };

static bool keep_over_exec(int fd, bool keeps) {
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && fcntl(fd, F_SETFD, keeps ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC) == 0;
}

static bool set_all(const rl_heritage *heritage, bool keeps) {
    bool ok = keep_over_exec(heritage->link, keeps);
    if (heritage->admin >= 0)
        ok &= keep_over_exec(heritage->admin, keeps);
    if (heritage->control >= 0)
        ok &= keep_over_exec(heritage->control, keeps);
    for (size_t i = 0; i < heritage->count; i++)
        ok &= keep_over_exec(heritage->fds[i], keeps);
    return ok;
}

bool rl_heritage_leave(const rl_heritage *heritage) {
    char text[TEXT_CAP];
    int len = snprintf(text, sizeof text, "port=%u admin=%d control=%d process=%ld link=%d restarts=%u sockets=",
                       heritage->port, heritage->admin, heritage->control, (long)heritage->pid, heritage->link, heritage->restarts);
    for (size_t i = 0; i < heritage->count && len < (int)sizeof text; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, i == 0 ? "%d" : ",%d", heritage->fds[i]);
    return len < (int)sizeof text && setenv(NAME, text, 1) == 0 && set_all(heritage, true);
}

static bool read_sockets(const char *text, rl_heritage *out) {
    for (out->count = 0; out->count < RL_HERITAGE_SOCKETS; text++) {
        char *end;
        long fd = strtol(text, &end, 10);
        if (end == text || fd < 0 || fd > INT16_MAX)
            return false;
        out->fds[out->count++] = (int)fd;
        if (*end != ',')
            return *end == '\0';
        text = end;
    }
    return false;
}

bool rl_heritage_take(rl_heritage *out) {
    const char *text = getenv(NAME);
    unsigned port;
    long pid;
    int used = 0;
    bool ok = text != NULL &&
              sscanf(text, "port=%u admin=%d control=%d process=%ld link=%d restarts=%u sockets=%n", &port, &out->admin,
                     &out->control, &pid, &out->link, &out->restarts, &used) == 6 &&
              used > 0 && read_sockets(text + used, out);
    if (ok) {
        out->port = (uint16_t)port;
        out->pid = (pid_t)pid;
        ok = set_all(out, false); /* they are open, and stay ours */
    }
    unsetenv(NAME);
    return ok;
}
