#include "cli/vm_settings.h"

#include "cli/setting.h"

enum { MOST_SETTINGS = 96 };

static rl_vm_setting read_setting(const rl_setting *setting, const rl_settings *settings) {
    const char *field = (const char *)settings + setting->offset;
    rl_vm_setting out = {.name = setting->name};
    switch (setting->type) {
    case RL_SETTING_TEXT:
    case RL_SETTING_WORD: out.text = *(const char *const *)(const void *)field; break;
    case RL_SETTING_LEVEL: out.text = rl_log_level_name(*(const rl_log_level *)(const void *)field); break;
    case RL_SETTING_BOOL: out.number = *(const bool *)(const void *)field ? 1 : 0; break;
    case RL_SETTING_INTEGER:
    case RL_SETTING_SIZE: out.number = (double)*(const uint64_t *)(const void *)field; break;
    case RL_SETTING_DURATION: out.number = (double)*(const uint64_t *)(const void *)field / 1000; break;
    }
    return out;
}

rl_err rl_vm_settings_apply(rl_vm *vm, const rl_settings *settings, const char *app_dir) {
    rl_vm_setting list[MOST_SETTINGS];
    size_t count = 0;
    for (size_t i = 0; i < rl_setting_count && count < MOST_SETTINGS - 1; i++)
        list[count++] = read_setting(&rl_setting_table[i], settings);
    if (app_dir != NULL)
        list[count++] = (rl_vm_setting){.name = "app_dir", .text = app_dir};
    return rl_vm_set_settings(vm, list, count);
}
