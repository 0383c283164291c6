#include "cli/upgrade.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/self.h"

enum { PATH_CAP = 4096, TRIAL_MS = 30 * 1000, TRIAL_LOOK_MS = 10 };

static const char *complaint_about(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return strerror(errno);
    if (!S_ISREG(about.st_mode) || access(path, X_OK) != 0)
        return "it is no program";
    if (about.st_uid != 0 && about.st_uid != geteuid())
        return "it belongs to another user than root or us";
    return about.st_mode & (S_IWGRP | S_IWOTH) ? "others may write to it" : NULL;
}

/* In a child: `BINARY check ...` with the words and flags that we serve with. */
_Noreturn static void try_it(const char *path, char **argv) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    argv[1] = (char[]){"check"};
    if (freopen("/dev/null", "w", stdout) != NULL)
        execv(path, argv);
    _exit(127);
}

static bool trial_succeeds(const char *path, char **argv) {
    pid_t pid = fork();
    if (pid == 0)
        try_it(path, argv);
    int status = 0;
    for (int waited_ms = 0; pid > 0 && waited_ms < TRIAL_MS; waited_ms += TRIAL_LOOK_MS) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        poll(NULL, 0, TRIAL_LOOK_MS);
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return false;
}

void rl_upgrade(const rl_command *command, const rl_heritage *heritage, char *why, size_t why_cap) {
    char path[PATH_CAP];
    if (!rl_self_path(path, sizeof path)) {
        snprintf(why, why_cap, "our own binary cannot be found: %s", strerror(errno));
        return;
    }
    const char *complaint = complaint_about(path);
    if (complaint != NULL)
        snprintf(why, why_cap, "%s: %s", path, complaint);
    else if (!trial_succeeds(path, command->argv))
        snprintf(why, why_cap, "%s check %s fails", path, command->app_dir);
    else if (!rl_heritage_leave(heritage) || execv(path, command->argv) != 0)
        snprintf(why, why_cap, "%s: %s", path, strerror(errno));
}
