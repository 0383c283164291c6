/* vm_settings -- hands the settings to a VM: texts, durations in seconds, sizes
 * in bytes, switches as booleans; and `app_dir`. See vm/settings.h. */
#ifndef RL_CLI_VM_SETTINGS_H
#define RL_CLI_VM_SETTINGS_H

#include "cli/settings.h"
#include "vm/vm.h"

/* `app_dir` may be NULL. */
RL_MUST_USE rl_err rl_vm_settings_apply(rl_vm *vm, const rl_settings *settings, const char *app_dir);

#endif
