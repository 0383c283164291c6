/* settings -- the settings, as Lua sees them in `require "rille.core"`.
 *
 *   core.settings   { port = 8080, access_log = true, ..., app_dir = "apps/shop" }
 *   core.sources    { rows     = { { name = "port", shown = "8080", place = "--port" }, ... },
 *                     rest     = { { depth = 0, key = "wechat" }, { depth = 1, key = "appid", value = "wx12", line = 3 } },
 *                     file     = "apps/shop/config/production.lua",
 *                     problems = "...", warnings = "..." }    a line each
 *
 *   core.settings_of(app_dir) -> both, as they are for the app in that folder; nil and what is wrong
 *
 * `rest` is what the file holds beside Rille's settings, for lua/rille/config.lua:
 * a table comes before what it holds and has no value, an item of a list has no key. */
#ifndef RL_VM_SETTINGS_H
#define RL_VM_SETTINGS_H

#include "vm/config.h"
#include "vm/vm.h"

/* A text; where `text` is NULL a number, or a switch. */
typedef struct rl_vm_setting {
    const char *name, *text;
    double number;
    bool is_switch;           /* on unless `number` is 0 */
    const char *shown, *place; /* NULL: it is no row */
} rl_vm_setting;

typedef struct rl_vm_sources {
    const char *file, *problems, *warnings;
    const rl_config_pair *rest;
    size_t rest_count;
} rl_vm_sources;

/* What the module shows, before it is first required. `sources` may be NULL. */
RL_MUST_USE rl_err rl_vm_set_settings(rl_vm *vm, const rl_vm_setting *settings, size_t count,
                                      const rl_vm_sources *sources);
/* Knows how to read the settings again: of an app that is chosen only in Lua, as
 * spec files do. Lives as long as the VM. `read` hands them over itself, with
 * rl_vm_set_settings; RL_EINVAL leaves in `message` what is wrong with them. */
typedef struct rl_vm_settings_reader rl_vm_settings_reader;
struct rl_vm_settings_reader {
    rl_err (*read)(rl_vm_settings_reader *reader, rl_vm *vm, const char *app_dir, char *message, size_t message_cap);
};
RL_MUST_USE rl_err rl_vm_set_settings_reader(rl_vm *vm, rl_vm_settings_reader *reader);

/* For the module: all of it into the table on the top of the stack. */
void rl_vm_open_settings(lua_State *L);

#endif
