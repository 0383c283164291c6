/* reload -- how new code comes into a process that serves.
 *
 *          asked, or a file changed          all have loaded          all have switched
 *   idle --------------------------> loading ---------------> switching --------------> idle
 *    ^                                  | some worker's failed, or a file changed again
 *    +------------ discarding <---------+       and the code that served goes on
 *
 * The files are read once (cli/edition.h); every worker loads them beside what it
 * serves; when all have, each switches between two turns of its loop; when all have,
 * what the old generation did for the app as a whole ends, and the new one's begins.
 * Belongs to the thread that started the workers. */
#ifndef RL_CLI_RELOAD_H
#define RL_CLI_RELOAD_H

#include "cli/watch.h"
#include "cli/worker.h"

typedef struct rl_reload rl_reload;

typedef struct rl_reload_of {
    const rl_command *command;
    rl_log *log;
    rl_worker *const *workers;
    size_t count;
    rl_edition *edition; /* which they serve; a reference is taken */
    rl_watch *watch;     /* borrowed; each change of the files is a reload; NULL: only being asked is */
} rl_reload_of;

typedef struct rl_reload_state {
    uint64_t generation; /* that serves */
    uint64_t attempts;   /* reloads that have ended, well or not */
    const char *failure; /* of the last one; NULL: it went well, or there was none */
} rl_reload_state;

RL_MUST_USE rl_err rl_reload_open(const rl_reload_of *of, rl_reload **out);
/* NULL is allowed. */
void rl_reload_close(rl_reload *reload);
/* Read everything again, changed or not. While one reload is under way the next waits for its end. */
void rl_reload_ask(rl_reload *reload);
/* What to poll for reading, -1 for nothing; and for how long at most, in ms, -1 for ever. */
int rl_reload_fd(const rl_reload *reload);
int rl_reload_wait_ms(const rl_reload *reload);
/* After each poll, whatever it brought. */
void rl_reload_step(rl_reload *reload);
rl_reload_state rl_reload_read(const rl_reload *reload);

#endif
