/* commands -- the table of the commands: what each is called, takes and does.
 *
 * Help, completion and "did you mean" are made from it. */
#ifndef RL_CLI_COMMANDS_H
#define RL_CLI_COMMANDS_H

#include "base/buf.h"
#include "cli/command.h"

typedef enum rl_command_trait {
    RL_HAS_APP = 1,        /* its first word is an app's folder */
    RL_MAY_LACK_APP = 2,   /* or there is no such word */
    RL_HAS_OWN_FLAGS = 4,  /* flags that are no settings' are its own */
    RL_HAS_OWN_HELP = 8,   /* it answers --help itself */
    RL_PASSES_WORDS = 16,  /* those behind the first belong to what it runs, --help among them */
    RL_TELLS_ALL = 32,     /* wrong settings do not end it: it tells of them among all that is wrong */
    RL_WATCHES = 64        /* each change of the app's files is a reload */
} rl_command_trait;

typedef struct rl_command_row {
    const char *name, *arguments, *help;
    unsigned traits;
    int (*run)(const rl_command *command);
    const char *completes; /* its own words and flags, with spaces between */
    const char *examples;  /* a line each; NULL where it has its own help */
} rl_command_row;

/* NULL when there is none. */
const rl_command_row *rl_commands_find(const char *name);
/* The one whose name is most like it, NULL when none is much like it. */
const rl_command_row *rl_commands_nearest(const char *name);
/* Whether `word` ("--json", "--json=1") is a flag of the command's own. */
bool rl_commands_has_flag(const rl_command_row *row, const char *word);
/* Say which flag was meant by a word that is none: of the command's own, or of a setting; nothing when none is much
 * like it. */
RL_MUST_USE rl_err rl_commands_meant_flag(const rl_command_row *row, const char *word, rl_buf *out);

/* `rille --help`: all commands and settings. */
RL_MUST_USE rl_err rl_commands_help(rl_buf *out);
/* `rille COMMAND --help`, of one without help of its own. */
RL_MUST_USE rl_err rl_commands_help_one(const rl_command_row *row, rl_buf *out);
/* The names of all, with spaces between. */
RL_MUST_USE rl_err rl_commands_names(rl_buf *out);
/* Lines of a shell's `case`, which set `offers` to what each command completes. */
RL_MUST_USE rl_err rl_commands_words(rl_buf *out);

#endif
