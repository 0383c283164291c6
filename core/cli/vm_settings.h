/* vm_settings -- the settings, as Lua sees them.
 *
 * `require("rille.core").settings` holds every setting by its name: texts,
 * durations in seconds, sizes in bytes, switches as 0 or 1; and `app_dir`. */
#ifndef RL_CLI_VM_SETTINGS_H
#define RL_CLI_VM_SETTINGS_H

#include "cli/settings.h"
#include "vm/vm.h"

/* `app_dir` may be NULL. */
RL_MUST_USE rl_err rl_vm_settings_apply(rl_vm *vm, const rl_settings *settings, const char *app_dir);

#endif
