/* tool -- the commands that are written in Lua. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/vm_settings.h"
#include "vm/app.h"
#include "vm/deadlock.h"
#include "vm/run.h"
#include "vm/settings.h"

enum { COMPLAINTS_MOST = 256 * 1024 };

typedef struct tool {
    rl_vm_settings_reader reader;
    const rl_command *command;
    rl_loop *loop;
    int status;
} tool;

static void on_ended(void *owner, int status, const char *failure) {
    tool *at = owner;
    at->status = status;
    if (failure != NULL) {
        fprintf(stderr, "rille %s: %s\n", at->command->name, failure);
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

/* As serve would have them for that app: its file, below the environment and the flags. */
static rl_err read_settings(rl_vm_settings_reader *reader, rl_vm *vm, const char *app_dir, char *message,
                            size_t message_cap) {
    const tool *at = RL_CONTAINER(reader, tool, reader);
    rl_settings_from from = *at->command->from;
    from.app_dir = app_dir;
    rl_buf complaints;
    rl_buf_init(&complaints, COMPLAINTS_MOST);
    rl_settings *settings = NULL;
    rl_err err = rl_settings_load(&from, &complaints, &settings);
    if (err == RL_OK)
        err = rl_vm_settings_apply(vm, settings, app_dir);
    rl_slice text = rl_buf_live(&complaints);
    snprintf(message, message_cap, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
    rl_buf_clear(&complaints);
    rl_settings_free(settings);
    return err;
}

int rl_run_tool(const rl_command *command) {
    tool at = {.reader.read = read_settings, .command = command, .status = 1};
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
    if (err == RL_OK)
        err = rl_vm_set_settings_reader(vm, &at.reader);
    if (err == RL_OK && command->has_routes)
        err = open_app(vm, command->settings);
    if (err == RL_OK)
        err = rl_deadlock_watch(vm);
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
