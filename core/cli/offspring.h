/* offspring -- a server process as its supervisor sees it.
 *
 *    STARTING --it serves--> SERVING --told to--> STOPPING --> ended
 *
 * Forked, never exec'd: the sockets are open already. */
#ifndef RL_CLI_OFFSPRING_H
#define RL_CLI_OFFSPRING_H

#include <sys/types.h>

#include "cli/process.h"

typedef enum rl_stage { RL_STARTING, RL_SERVING, RL_STOPPING } rl_stage;

typedef struct rl_offspring {
    pid_t pid; /* 0: there is none */
    rl_stage stage;
    uint64_t since_ms; /* of the stage */
    int link;
    bool has_failed; /* the app in it could not begin: it has said why */
    rl_bulletin *bulletin; /* shared with it */
} rl_offspring;

/* A page for the next one; NULL without memory. */
rl_bulletin *rl_offspring_bulletin(void);
/* Start it with `from`, but for the link, which is made here. In the child `detach(owner)` lets go of what is the
 * supervisor's. False when it could not be: then the bulletin is still the caller's. */
bool rl_offspring_start(rl_offspring *at, const rl_command *command, const rl_inheritance *from,
                        void (*detach)(void *owner), void *owner);
void rl_offspring_enter(rl_offspring *at, rl_stage stage);
/* One of RL_SAY_...; lost when it does not listen. */
void rl_offspring_say(const rl_offspring *at, char word);
/* Say to each of those that are there whether there are others: what the database allows is for all of them. */
void rl_offspring_tell_company(const rl_offspring *places, size_t count);
/* What it says; 0 for nothing. */
char rl_offspring_hear(const rl_offspring *at);
/* Its process has been waited for. */
void rl_offspring_clear(rl_offspring *at);

#endif
