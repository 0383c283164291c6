#include "cli/settings.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "cli/setting.h"
#include "vm/config.h"

enum {
    TEXT_CEILING = 1024 * 1024, /* of all values together */
    PATH_MOST = 4096,           /* Linux takes no longer one */
    SPARE_DESCRIPTORS = 128,    /* listeners, logs, spooled bodies, source files */
    PER_WORKER = 8              /* its loop, its inbox, its listener */
};

/* Where a value came from, and how it was written there. */
typedef struct origin {
    rl_layer layer;
    const char *place;
    const char *text;
} origin;

typedef struct holder {
    rl_settings settings;
    rl_arena arena; /* all texts */
    rl_buf *complaints;
    bool is_wrong;
    origin origins[]; /* one for each row of the table */
} holder;

static holder *holder_of(const rl_settings *settings) {
    return RL_CONTAINER(settings, holder, settings);
}

static origin *origin_of(holder *h, const rl_setting *setting) {
    return &h->origins[setting - rl_setting_table];
}

void rl_settings_free(rl_settings *settings) {
    if (settings == NULL)
        return;
    rl_arena_clear(&holder_of(settings)->arena);
    rl_mem_free(holder_of(settings));
}

/* ---- complaints ----------------------------------------------------------- */

/* `unknown setting 'max_bdoy' in config/test.lua: did you mean 'max_body'?` */
static rl_err complain_unknown(holder *h, const char *what, const char *written, const char *nearest) {
    h->is_wrong = true;
    if (nearest == NULL)
        return rl_buf_appendf(h->complaints, "unknown %s%s\n", what, written);
    return rl_buf_appendf(h->complaints, "unknown %s%s: did you mean %s?\n", what, written, nearest);
}

/* `max_body in config/test.lua:3 is '8Q': expected a size ...` */
static rl_err complain_value(holder *h, const rl_setting *setting, rl_layer layer, const char *place,
                             const char *text) {
    h->is_wrong = true;
    rl_err err = layer == RL_LAYER_FILE
                     ? rl_buf_appendf(h->complaints, "%s in %s is ", setting->name, place)
                     : rl_buf_appendf(h->complaints, "%s%s is ", place,
                                      layer == RL_LAYER_ENVIRONMENT ? " in the environment" : "");
    if (err == RL_OK)
        err = setting->is_secret ? rl_buf_appendf(h->complaints, "wrong: expected ")
                                 : rl_buf_appendf(h->complaints, "'%s': expected ", text);
    if (err == RL_OK)
        err = rl_setting_expect(setting, h->complaints);
    return err == RL_OK ? rl_buf_append_byte(h->complaints, '\n') : err;
}

/* ---- layers --------------------------------------------------------------- */

static rl_err keep_text(holder *h, rl_slice text, const char **out) {
    rl_slice copy;
    rl_err err = rl_arena_copy(&h->arena, text, &copy);
    if (err == RL_OK)
        *out = copy.ptr; /* an arena's copy ends in a NUL */
    return err;
}

/* One layer says that `setting` is `text`. A wrong value is complained of even
 * when a later layer overrides it: it waits there for the day that one goes. */
static rl_err give(holder *h, const rl_setting *setting, rl_layer layer, const char *place, rl_slice text) {
    origin given = {.layer = layer};
    rl_err err = keep_text(h, text, &given.text);
    if (err == RL_OK)
        err = keep_text(h, rl_slice_str(place), &given.place);
    if (err != RL_OK)
        return err;
    rl_settings aside = h->settings;
    bool holds_nul = strlen(given.text) != text.len;
    if (holds_nul || rl_setting_parse(setting, given.text, &aside) != RL_OK)
        return complain_value(h, setting, layer, place, given.text);
    origin *now = origin_of(h, setting);
    if (layer >= now->layer) {
        *now = given;
        h->settings = aside;
    }
    return RL_OK;
}

static rl_err give_defaults(holder *h) {
    for (const rl_setting *at = rl_setting_table; at < rl_setting_table + rl_setting_count; at++) {
        rl_err err = give(h, at, RL_LAYER_DEFAULT, "", rl_slice_str(at->fallback));
        if (err != RL_OK)
            return err;
    }
    return RL_OK;
}

/* What else may begin with RILLE_: a developer of Rille has it read lua/ from
 * this folder. */
static bool is_no_setting(rl_slice name) {
    return rl_slice_eq(name, RL_LIT("LUA"));
}

static rl_err give_variable(holder *h, rl_slice name, const char *value) {
    char variable[RL_SETTING_NAME_MOST + 8];
    const rl_setting *setting = rl_setting_find(name);
    if (setting != NULL && memchr(name.ptr, '-', name.len) == NULL) {
        rl_setting_variable(setting, variable);
        return give(h, setting, RL_LAYER_ENVIRONMENT, variable, rl_slice_str(value));
    }
    if (is_no_setting(name))
        return RL_OK;
    char written[64];
    snprintf(written, sizeof written, "RILLE_%.*s in the environment", (int)(name.len < 32 ? name.len : 32),
             name.ptr);
    setting = rl_setting_nearest(name);
    if (setting != NULL)
        rl_setting_variable(setting, variable);
    /* A warning only: the environment is shared, and a deployment's own scripts
     * may have a RILLE_SOMETHING in it that is none of our business. */
    bool was_wrong = h->is_wrong;
    rl_err err = complain_unknown(h, "setting ", written, setting == NULL ? NULL : variable);
    h->is_wrong = was_wrong;
    return err;
}

static rl_err give_environment(holder *h, const char *const *environment) {
    rl_err err = RL_OK;
    /* First what others set too, so that our own name wins over it. */
    for (const char *const *at = environment; at != NULL && *at != NULL && err == RL_OK; at++)
        if (strncmp(*at, "DATABASE_URL=", 13) == 0)
            err = give(h, rl_setting_find(RL_LIT("database_url")), RL_LAYER_ENVIRONMENT, "DATABASE_URL",
                       rl_slice_str(*at + 13));
    for (const char *const *at = environment; at != NULL && *at != NULL && err == RL_OK; at++) {
        const char *equals = strchr(*at, '=');
        if (equals != NULL && strncmp(*at, "RILLE_", 6) == 0)
            err = give_variable(h, rl_slice_of(*at + 6, (size_t)(equals - *at - 6)), equals + 1);
    }
    return err;
}

/* What a flag says: `--port 80`, `--port=80`, `--access-log`, `--no-access-log`. */
typedef struct flag {
    rl_slice name; /* without dashes in front */
    const rl_setting *setting;
    const char *value; /* NULL when it is missing */
    size_t len;        /* arguments it takes */
} flag;

static bool is_bool(const rl_setting *setting) {
    return setting != NULL && setting->type == RL_SETTING_BOOL;
}

static flag read_flag(const char *const *args, size_t count) {
    const char *name = args[0] + 2;
    const char *equals = strchr(name, '=');
    flag f = {.name = rl_slice_str(name), .len = 1};
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

size_t rl_settings_flag_len(const char *const *args, size_t count) {
    if (strncmp(args[0], "--", 2) != 0 || args[0][2] == '\0')
        return 0;
    return read_flag(args, count).len;
}

static rl_err give_flag(holder *h, const flag *f) {
    char name[RL_SETTING_NAME_MOST + 8];
    if (f->setting != NULL) {
        rl_setting_flag(f->setting, name);
        if (f->value != NULL)
            return give(h, f->setting, RL_LAYER_FLAG, name, rl_slice_str(f->value));
        h->is_wrong = true;
        rl_err err = rl_buf_appendf(h->complaints, "%s lacks its value: expected ", name);
        if (err == RL_OK)
            err = rl_setting_expect(f->setting, h->complaints);
        return err == RL_OK ? rl_buf_append_byte(h->complaints, '\n') : err;
    }
    char written[RL_SETTING_NAME_MOST + 8];
    snprintf(written, sizeof written, "--%.*s", (int)(f->name.len < 32 ? f->name.len : 32), f->name.ptr);
    const rl_setting *nearest = rl_setting_nearest(f->name);
    if (nearest != NULL)
        rl_setting_flag(nearest, name);
    return complain_unknown(h, "flag ", written, nearest == NULL ? NULL : name);
}

static rl_err give_flags(holder *h, const char *const *flags, size_t count) {
    rl_err err = RL_OK;
    for (size_t i = 0; i < count && err == RL_OK;) {
        if (rl_settings_flag_len(flags + i, count - i) == 0) {
            h->is_wrong = true;
            return rl_buf_appendf(h->complaints, "unexpected argument '%s'\n", flags[i]);
        }
        flag f = read_flag(flags + i, count - i);
        err = give_flag(h, &f);
        i += f.len;
    }
    return err;
}

/* ---- the file ------------------------------------------------------------- */

typedef struct file_layer {
    holder *holder;
    const char *path;
} file_layer;

static rl_err on_pair(void *owner, const rl_config_pair *pair) {
    file_layer *file = owner;
    holder *h = file->holder;
    char place[PATH_MOST + 16];
    if (pair->line > 0)
        snprintf(place, sizeof place, "%s:%u", file->path, pair->line);
    else
        snprintf(place, sizeof place, "%s", file->path);
    const rl_setting *setting = rl_setting_find(pair->key);
    bool is_exact = setting != NULL && rl_slice_eq(pair->key, rl_slice_str(setting->name));
    if (is_exact && setting->type == RL_SETTING_WORD) {
        h->is_wrong = true;
        return rl_buf_appendf(h->complaints, "%s in %s: it chooses this file; set RILLE_ENV or --env\n",
                              setting->name, place);
    }
    if (is_exact && setting->type == RL_SETTING_TEXT && pair->type != RL_CONFIG_STRING)
        return complain_value(h, setting, RL_LAYER_FILE, place, pair->text.ptr);
    if (is_exact)
        return give(h, setting, RL_LAYER_FILE, place, pair->text);
    char written[PATH_MOST + 96], nearest[RL_SETTING_NAME_MOST + 8];
    snprintf(written, sizeof written, "'%.32s' in %s", pair->key.ptr, place);
    setting = rl_setting_nearest(pair->key);
    if (setting != NULL)
        snprintf(nearest, sizeof nearest, "'%s'", setting->name);
    return complain_unknown(h, "setting ", written, setting == NULL ? NULL : nearest);
}

static rl_err give_file(holder *h, const rl_settings_from *from) {
    char path[PATH_MOST], message[PATH_MOST + 512];
    file_layer file = {.holder = h, .path = path};
    if (from->app_dir == NULL)
        return RL_OK;
    if (snprintf(path, sizeof path, "%s/config/%s.lua", from->app_dir, h->settings.env) >= PATH_MOST)
        return RL_EINVAL;
    message[0] = '\0';
    rl_err err = rl_config_read(path, from->environment, on_pair, &file, message, sizeof message);
    if (err == RL_ENOTFOUND)
        return RL_OK; /* an app may do without, and be told all by the environment */
    if (err == RL_EINVAL || err == RL_EIO) {
        h->is_wrong = true;
        return rl_buf_appendf(h->complaints, "%s\n", message);
    }
    return err;
}

/* ---- all layers ----------------------------------------------------------- */

/* Numbers that depend on the machine. */
static void fit_machine(rl_settings *s, const rl_settings_from *from) {
    if (s->workers == 0)
        s->workers = from->cores > 0 ? from->cores : 1;
    s->max_connections_asked = s->max_connections;
    if (from->descriptor_limit == 0)
        return;
    uint64_t reserve = SPARE_DESCRIPTORS + s->db_max * 2 + s->workers * PER_WORKER;
    uint64_t most = from->descriptor_limit > 2 * reserve ? from->descriptor_limit - reserve
                                                         : from->descriptor_limit / 2;
    if (s->max_connections > most)
        s->max_connections = most;
}

static rl_err give_all(holder *h, const rl_settings_from *from) {
    rl_err err = give_defaults(h);
    if (err == RL_OK)
        err = give_environment(h, from->environment);
    if (err == RL_OK)
        err = give_flags(h, from->flags, from->flag_count);
    /* Last, though it counts least after the defaults: the others name it. */
    if (err == RL_OK)
        err = give_file(h, from);
    return err;
}

rl_err rl_settings_load(const rl_settings_from *from, rl_buf *complaints, rl_settings **out) {
    holder *h = rl_mem_zalloc(1, sizeof *h + rl_setting_count * sizeof *h->origins);
    if (h == NULL)
        return RL_ENOMEM;
    rl_arena_init(&h->arena, TEXT_CEILING);
    h->complaints = complaints;
    rl_err err = give_all(h, from);
    if (err == RL_OK && h->is_wrong)
        err = RL_EINVAL;
    if (err != RL_OK) {
        rl_settings_free(&h->settings);
        /* More complaints than fit are still complaints. */
        return err == RL_EFULL ? RL_EINVAL : err;
    }
    h->complaints = NULL;
    fit_machine(&h->settings, from);
    *out = &h->settings;
    return RL_OK;
}

/* ---- reports -------------------------------------------------------------- */

rl_err rl_settings_origin(const rl_settings *settings, const char *name, rl_layer *layer,
                          const char **place) {
    const rl_setting *setting = rl_setting_find(rl_slice_str(name));
    if (setting == NULL)
        return RL_ENOTFOUND;
    const origin *from = origin_of(holder_of(settings), setting);
    *layer = from->layer;
    *place = from->place;
    return RL_OK;
}

rl_err rl_settings_print(const rl_settings *settings, rl_buf *out) {
    rl_err err = RL_OK;
    for (const rl_setting *at = rl_setting_table; at < rl_setting_table + rl_setting_count; at++) {
        const origin *from = origin_of(holder_of(settings), at);
        bool is_masked = at->is_secret && from->text[0] != '\0';
        err = rl_buf_appendf(out, "%-22s %-24s %s\n", at->name, is_masked ? "********" : from->text,
                             from->layer == RL_LAYER_DEFAULT ? "default" : from->place);
        if (err != RL_OK)
            return err;
    }
    return err;
}

static const char *placeholder(const rl_setting *setting) {
    switch (setting->type) {
    case RL_SETTING_SIZE: return "SIZE";
    case RL_SETTING_DURATION: return "TIME";
    case RL_SETTING_INTEGER: return "N";
    case RL_SETTING_LEVEL: return "LEVEL";
    case RL_SETTING_BOOL: return "";
    default: return "TEXT";
    }
}

rl_err rl_settings_help(rl_buf *out) {
    for (const rl_setting *at = rl_setting_table; at < rl_setting_table + rl_setting_count; at++) {
        char name[RL_SETTING_NAME_MOST + 8], usage[RL_SETTING_NAME_MOST + 24];
        rl_setting_flag(at, name);
        snprintf(usage, sizeof usage, "%s %s", name, placeholder(at));
        rl_err err = rl_buf_appendf(out, "  %-28s %s%s%s%s\n", usage, at->help,
                                    at->fallback[0] == '\0' ? "" : " (", at->fallback,
                                    at->fallback[0] == '\0' ? "" : ")");
        if (err != RL_OK)
            return err;
    }
    return RL_OK;
}
