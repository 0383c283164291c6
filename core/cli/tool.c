/* tool -- the commands that are written in Lua. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/vm_settings.h"
#include "vm/app.h"
#include "vm/run.h"

typedef struct tool {
    rl_loop *loop;
    const char *name;
    int status;
} tool;

static void on_ended(void *owner, int status, const char *failure) {
    tool *at = owner;
    at->status = status;
    if (failure != NULL) {
        fprintf(stderr, "rille %s: %s\n", at->name, failure);
        at->status = 1;
    }
    rl_loop_stop(at->loop);
}

/* Routes go where serve has them, so that two that are one are found; nothing
 * ever asks for them. */
static rl_err open_app(rl_vm *vm, const rl_settings *settings) {
    rl_app *app; /* lives as long as the process */
    rl_app_limits limits = {.request_timeout_ms = settings->request_timeout_ms, .max_json = settings->max_json};
    return rl_app_new(vm, &limits, &app);
}

int rl_run_tool(const rl_command *command) {
    tool at = {.name = command->name, .status = 1};
    rl_vm *vm = NULL;
    rl_log *log = NULL;
    char module[64];
    snprintf(module, sizeof module, "rille.command.%s", command->name);
    rl_err err = rl_loop_new(&at.loop);
    if (err == RL_OK)
        err = rl_vm_new(at.loop, command->settings->vm_memory, command->lua_dir, &vm);
    if (err == RL_OK)
        err = rl_log_open(STDERR_FILENO, RL_LOG_READABLE, command->settings->log_level, &log);
    if (err == RL_OK) {
        vm->log = log;
        err = rl_vm_settings_apply(vm, command->settings, command->app_dir);
    }
    if (err == RL_OK && command->has_routes)
        err = open_app(vm, command->settings);
    if (err == RL_OK)
        err = rl_run_start(vm, module, command->words, command->word_count, on_ended, &at);
    if (err != RL_OK) {
        fprintf(stderr, "rille %s: %s\n", command->name, rl_err_name(err));
        return 1;
    }
    rl_loop_hold(at.loop);
    rl_loop_run(at.loop);
    rl_log_close(log);
    fflush(stdout);
    fflush(stderr);
    /* Tasks of the script that still run end with the process. */
    _exit(at.status);
}
