#include "cli/flag.h"

#include <string.h>

static bool is_bool(const rl_setting *setting) {
    return setting != NULL && setting->type == RL_SETTING_BOOL;
}

rl_flag rl_flag_read(const char *const *args, size_t count) {
    const char *name = args[0] + 2;
    const char *equals = strchr(name, '=');
    rl_flag f = {.name = rl_slice_str(name), .len = 1};
    if (equals != NULL) {
        f.name.len = (size_t)(equals - name);
        f.value = equals + 1;
    }
    f.setting = rl_setting_find(f.name);
    if (f.setting == NULL && f.value == NULL && rl_slice_has_prefix(f.name, RL_LIT("no-"))) {
        const rl_setting *negated = rl_setting_find(rl_slice_of(f.name.ptr + 3, f.name.len - 3));
        if (is_bool(negated)) {
            f.setting = negated;
            f.value = "false";
        }
    }
    if (f.value == NULL && is_bool(f.setting))
        f.value = "true";
    if (f.value == NULL && f.setting != NULL && count > 1) {
        f.value = args[1];
        f.len = 2;
    }
    return f;
}
