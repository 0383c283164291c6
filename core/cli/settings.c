#include "cli/settings.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "cli/flag.h"

enum {
    TEXT_CEILING = 1024 * 1024, /* of all values together */
    LIST_MOST = 4096,           /* bytes of a list's items */
    PATH_MOST = 4096,           /* Linux takes no longer one */
    WARNINGS_CEILING = 64 * 1024
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
    rl_config_pair *rest; /* of the file, what is no setting of ours */
    size_t rest_count, rest_cap;
    const char *file, *problems, *warnings; /* texts in the arena */
    rl_buf *complaints;                     /* only while it is read */
    rl_buf warned;
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
    holder *h = holder_of(settings);
    rl_arena_clear(&h->arena);
    rl_buf_clear(&h->warned);
    rl_mem_free(h->rest);
    rl_mem_free(h);
}

/* ---- complaints ----------------------------------------------------------- */

/* `unknown flag --max-bdoy: did you mean --max-body?` */
static rl_err name_unknown(rl_buf *out, const char *what, const char *written, const char *nearest) {
    if (nearest == NULL)
        return rl_buf_appendf(out, "unknown %s %s\n", what, written);
    return rl_buf_appendf(out, "unknown %s %s: did you mean %s?\n", what, written, nearest);
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
 * this folder, and in an upgrade a supervisor leaves its sockets to the next. */
static bool is_no_setting(rl_slice name) {
    return rl_slice_eq(name, RL_LIT("LUA")) || rl_slice_eq(name, RL_LIT("HERITAGE"));
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
    rl_err err = name_unknown(&h->warned, "setting", written, setting == NULL ? NULL : variable);
    return err == RL_EFULL ? RL_OK : err; /* thousands were said already */
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

bool rl_settings_is_development(const rl_settings *settings) {
    return strcmp(settings->env, "development") == 0;
}

size_t rl_settings_flag_len(const char *const *args, size_t count) {
    if (strncmp(args[0], "--", 2) != 0 || args[0][2] == '\0')
        return 0;
    return rl_flag_read(args, count).len;
}

static rl_err give_flag(holder *h, const rl_flag *f) {
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
    h->is_wrong = true;
    return name_unknown(h->complaints, "flag", written, nearest == NULL ? NULL : name);
}

static rl_err give_flags(holder *h, const char *const *flags, size_t count) {
    rl_err err = RL_OK;
    for (size_t i = 0; i < count && err == RL_OK;) {
        if (rl_settings_flag_len(flags + i, count - i) == 0) {
            h->is_wrong = true;
            return rl_buf_appendf(h->complaints, "unexpected argument '%s'\n", flags[i]);
        }
        rl_flag f = rl_flag_read(flags + i, count - i);
        err = give_flag(h, &f);
        i += f.len;
    }
    return err;
}

/* ---- the file ------------------------------------------------------------- */

typedef struct file_layer {
    holder *holder;
    bool is_rest; /* the last value without a depth was no setting of ours */
    const rl_setting *list;  /* whose items follow; NULL: nobody's */
    char items[LIST_MOST];   /* those so far, as a text */
} file_layer;

/* What is no setting of ours may be one of the app's, which only the app knows. */
static rl_err keep_rest(holder *h, const rl_config_pair *pair) {
    if (h->rest_count == h->rest_cap) {
        size_t cap = h->rest_cap == 0 ? 16 : h->rest_cap * 2;
        rl_config_pair *rest = rl_mem_realloc(h->rest, cap * sizeof *rest);
        if (rest == NULL)
            return RL_ENOMEM;
        h->rest = rest;
        h->rest_cap = cap;
    }
    rl_config_pair kept = *pair;
    rl_err err = rl_arena_copy(&h->arena, pair->text, &kept.text);
    if (err == RL_OK && pair->key.ptr != NULL)
        err = rl_arena_copy(&h->arena, pair->key, &kept.key);
    if (err == RL_OK)
        h->rest[h->rest_count++] = kept;
    return err;
}

static rl_err give_pair(holder *h, const rl_setting *setting, const rl_config_pair *pair) {
    char place[PATH_MOST + 16];
    if (pair->line > 0)
        snprintf(place, sizeof place, "%s:%u", h->file, pair->line);
    else
        snprintf(place, sizeof place, "%s", h->file);
    if (setting->type == RL_SETTING_WORD) {
        h->is_wrong = true;
        return rl_buf_appendf(h->complaints, "%s in %s: it chooses this file; set RILLE_ENV or --env\n",
                              setting->name, place);
    }
    if (pair->type == RL_CONFIG_TABLE)
        return complain_value(h, setting, RL_LAYER_FILE, place, "{ ... }");
    bool is_text = setting->type == RL_SETTING_TEXT || setting->type == RL_SETTING_LIST;
    if (is_text && pair->type != RL_CONFIG_STRING)
        return complain_value(h, setting, RL_LAYER_FILE, place, pair->text.ptr);
    return give(h, setting, RL_LAYER_FILE, place, pair->text);
}

/* The list grows with each; what a later layer says of it still holds. */
static rl_err give_item(file_layer *file, const rl_config_pair *pair) {
    size_t len = strlen(file->items);
    int more = snprintf(file->items + len, sizeof file->items - len, "%s%s", len == 0 ? "" : " ", pair->text.ptr);
    bool is_item = pair->depth == 1 && pair->key.ptr == NULL && pair->type == RL_CONFIG_STRING;
    rl_config_pair joined = {.type = RL_CONFIG_STRING, .line = pair->line, .text = rl_slice_str(file->items)};
    if (!is_item || (size_t)more >= sizeof file->items - len)
        joined.type = RL_CONFIG_TABLE; /* which it cannot be */
    return give_pair(file->holder, file->list, &joined);
}

static rl_err on_pair(void *owner, const rl_config_pair *pair) {
    file_layer *file = owner;
    const rl_setting *setting = NULL;
    if (pair->depth == 0) {
        setting = rl_setting_find(pair->key);
        if (setting != NULL && !rl_slice_eq(pair->key, rl_slice_str(setting->name)))
            setting = NULL; /* max-body is a flag's name and not a file's */
        file->is_rest = setting == NULL;
    }
    bool is_list = setting != NULL && setting->type == RL_SETTING_LIST && pair->type == RL_CONFIG_TABLE;
    if (is_list || pair->depth == 0)
        file->list = is_list ? setting : NULL;
    if (is_list)
        file->items[0] = '\0';
    else if (file->list != NULL)
        return give_item(file, pair);
    else if (setting != NULL)
        return give_pair(file->holder, setting, pair);
    return file->is_rest ? keep_rest(file->holder, pair) : RL_OK;
}

static rl_err give_file(holder *h, const rl_settings_from *from) {
    char path[PATH_MOST], message[PATH_MOST + 512];
    file_layer file = {.holder = h};
    if (from->app_dir == NULL)
        return RL_OK;
    if (snprintf(path, sizeof path, "%s/config/%s.lua", from->app_dir, h->settings.env) >= PATH_MOST)
        return RL_EINVAL;
    message[0] = '\0';
    rl_err err = keep_text(h, rl_slice_str(path), &h->file);
    if (err == RL_OK)
        err = rl_config_read(path, from->environment, on_pair, &file, message, sizeof message);
    if (err == RL_ENOTFOUND)
        return RL_OK; /* an app may do without, and be told all by the environment */
    if (err != RL_EINVAL && err != RL_EIO)
        return err;
    h->is_wrong = true;
    err = rl_buf_appendf(h->complaints, "%s\n", message);
    return err == RL_OK ? RL_EINVAL : err; /* without the file, half of the rest would look wrong, too */
}

/* ---- all layers ----------------------------------------------------------- */

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

static rl_err check_together(holder *h) {
    rl_err err = rl_settings_agree(&h->settings, h->complaints);
    h->is_wrong |= err == RL_EINVAL;
    return err == RL_EINVAL ? RL_OK : err;
}

/* Keep the complaints' text, and put the warnings behind it. */
static rl_err keep_complaints(holder *h) {
    rl_err err = keep_text(h, rl_buf_live(h->complaints), &h->problems);
    if (err == RL_OK)
        err = keep_text(h, rl_buf_live(&h->warned), &h->warnings);
    if (err == RL_OK)
        err = rl_buf_append(h->complaints, rl_buf_live(&h->warned));
    return err;
}

rl_err rl_settings_load(const rl_settings_from *from, rl_buf *complaints, rl_settings **out) {
    holder *h = rl_mem_zalloc(1, sizeof *h + rl_setting_count * sizeof *h->origins);
    if (h == NULL)
        return RL_ENOMEM;
    rl_arena_init(&h->arena, TEXT_CEILING);
    rl_buf_init(&h->warned, WARNINGS_CEILING);
    h->complaints = complaints;
    h->file = "";
    rl_err err = give_all(h, from);
    if (err == RL_OK)
        err = check_together(h);
    if (err == RL_OK)
        err = keep_complaints(h);
    if (err == RL_EFULL && !h->is_wrong && rl_buf_len(complaints) == 0)
        err = rl_buf_appendf(complaints, "the settings are longer than 1 MB in all\n") == RL_OK ? RL_EINVAL : RL_ENOMEM;
    if ((err == RL_OK && h->is_wrong && !from->goes_on) || err == RL_EFULL)
        err = RL_EINVAL; /* more complaints than fit are still complaints */
    if (err != RL_OK) {
        rl_settings_free(&h->settings);
        return err;
    }
    rl_buf_clear(&h->warned);
    h->complaints = NULL;
    rl_settings_fit(&h->settings, from);
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

rl_settings_row rl_settings_read_row(const rl_settings *settings, size_t index) {
    const rl_setting *setting = &rl_setting_table[index];
    const origin *from = origin_of(holder_of(settings), setting);
    bool is_masked = setting->is_secret && from->text[0] != '\0';
    return (rl_settings_row){.name = setting->name,
                             .shown = is_masked ? "********" : from->text,
                             .place = from->layer == RL_LAYER_DEFAULT ? "default" : from->place};
}

const rl_config_pair *rl_settings_rest(const rl_settings *settings, size_t *count) {
    *count = holder_of(settings)->rest_count;
    return holder_of(settings)->rest;
}

const char *rl_settings_file(const rl_settings *settings) {
    return holder_of(settings)->file;
}

const char *rl_settings_problems(const rl_settings *settings) {
    return holder_of(settings)->problems;
}

const char *rl_settings_warnings(const rl_settings *settings) {
    return holder_of(settings)->warnings;
}
