#include "cli/vm_settings.h"

#include "cli/setting.h"
#include "vm/settings.h"

enum { MOST_SETTINGS = 96 };

static rl_vm_setting read_setting(const rl_settings *settings, size_t index) {
    const rl_setting *setting = &rl_setting_table[index];
    const char *field = (const char *)settings + setting->offset;
    rl_settings_row row = rl_settings_read_row(settings, index);
    rl_vm_setting out = {.name = row.name, .shown = row.shown, .place = row.place};
    switch (setting->type) {
    case RL_SETTING_TEXT:
    case RL_SETTING_LIST:
    case RL_SETTING_WORD: out.text = *(const char *const *)(const void *)field; break;
    case RL_SETTING_LEVEL: out.text = rl_log_level_name(*(const rl_log_level *)(const void *)field); break;
    case RL_SETTING_BOOL:
        out.is_switch = true;
        out.number = *(const bool *)(const void *)field ? 1 : 0;
        break;
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
        list[count++] = read_setting(settings, i);
    if (app_dir != NULL)
        list[count++] = (rl_vm_setting){.name = "app_dir", .text = app_dir};
    rl_vm_sources sources = {.file = rl_settings_file(settings),
                             .problems = rl_settings_problems(settings),
                             .warnings = rl_settings_warnings(settings)};
    sources.rest = rl_settings_rest(settings, &sources.rest_count);
    return rl_vm_set_settings(vm, list, count, &sources);
}
