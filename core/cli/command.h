/* command -- the commands of the `rille` program. */
#ifndef RL_CLI_COMMAND_H
#define RL_CLI_COMMAND_H

#include <signal.h>

#include "cli/settings.h"

/* What a command was called with. */
typedef struct rl_command {
    const char *name;         /* "serve" */
    char **argv;              /* all of it, as the process was given it */
    const char *app_dir;      /* the folder of the app; NULL for commands that have none */
    const char *const *words; /* the arguments that are no settings' flags */
    size_t word_count;
    bool watches;    /* serve: each change of the app's files is a reload */
    bool has_routes; /* a Lua command loads the app as serve does, and registers its routes */
    const rl_settings *settings;
    const rl_settings_from *from; /* what they were read from */
    const char *lua_dir;          /* or NULL */
} rl_command;

/* What tells a server to read the app's files again: `rille reload`. SIGHUP says that the terminal has gone. */
enum { RL_RELOAD_SIGNAL = SIGUSR2, RL_UPGRADE_SIGNAL = SIGUSR1 };

/* End the process at once, without the exit handlers. */
_Noreturn void rl_leave(int status);

/* Serve the app until SIGTERM or SIGINT. Returns the exit status. */
int rl_serve(const rl_command *command);
/* The same while the app is being written: with a private database, unless one is named. */
int rl_dev(const rl_command *command);
/* Print how the server does that listens on the settings' host and port. */
int rl_status(const rl_command *command);
/* Have that server read its app's files again; become the binary that is there now; end. */
int rl_ask_reload(const rl_command *command);
int rl_ask_upgrade(const rl_command *command);
int rl_ask_stop(const rl_command *command);
/* Print the script that completes commands and settings in a shell. */
int rl_complete(const rl_command *command);
/* Run `require("rille.command." .. name)(words...)` as a task. Returns the exit status. */
int rl_run_tool(const rl_command *command);

#endif
