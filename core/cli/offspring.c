#include "cli/offspring.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

rl_bulletin *rl_offspring_bulletin(void) {
    void *page = mmap(NULL, sizeof(rl_bulletin), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

static bool become_user(const char *name) {
    if (name[0] == '\0')
        return true;
    const struct passwd *who = getpwnam(name);
    if (who != NULL && initgroups(name, who->pw_gid) == 0 && setgid(who->pw_gid) == 0 && setuid(who->pw_uid) == 0)
        return true;
    fprintf(stderr, "rille: cannot become user %s: %s\n", name, who == NULL ? "there is none" : strerror(errno));
    return false;
}

_Noreturn static void be_it(const rl_command *command, const rl_inheritance *from) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* the terminal's Ctrl-C is the supervisor's: it would come twice */
    if (!rl_settings_is_development(command->settings))
        prctl(PR_SET_DUMPABLE, 0);
    rl_leave(become_user(command->settings->user) ? rl_process_run(command, from) : 1);
}

bool rl_offspring_start(rl_offspring *at, const rl_command *command, const rl_inheritance *from,
                        void (*detach)(void *owner), void *owner) {
    int links[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, links) != 0)
        return false;
    fflush(NULL); /* or both print it */
    pid_t pid = fork();
    if (pid == 0) {
        close(links[0]);
        detach(owner);
        rl_inheritance with = *from;
        with.link = links[1];
        be_it(command, &with);
    }
    close(links[1]);
    if (pid < 0) {
        close(links[0]);
        return false;
    }
    *at = (rl_offspring){.pid = pid, .link = links[0], .bulletin = from->bulletin};
    rl_offspring_enter(at, RL_STARTING);
    return true;
}

void rl_offspring_enter(rl_offspring *at, rl_stage stage) {
    at->stage = stage;
    at->since_ms = rl_clock_ns() / 1000000;
}

void rl_offspring_say(const rl_offspring *at, char word) {
    (void)!send(at->link, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void rl_offspring_tell_company(const rl_offspring *places, size_t count) {
    size_t there = 0;
    for (size_t i = 0; i < count; i++)
        there += places[i].pid != 0;
    for (size_t i = 0; i < count; i++)
        if (places[i].pid != 0)
            rl_offspring_say(&places[i], there > 1 ? RL_SAY_SHARE : RL_SAY_ALONE);
}

char rl_offspring_hear(const rl_offspring *at) {
    char word;
    return recv(at->link, &word, 1, MSG_DONTWAIT) == 1 ? word : 0;
}

void rl_offspring_clear(rl_offspring *at) {
    close(at->link);
    munmap(at->bulletin, sizeof *at->bulletin);
    at->pid = 0;
}
