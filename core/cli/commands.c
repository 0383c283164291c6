/* commands -- see commands.h. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/setting.h"
#include "cli/slip.h"

#define ASKS (RL_HAS_APP | RL_MAY_LACK_APP | RL_HAS_OWN_FLAGS)
#define TELLS (RL_HAS_APP | RL_HAS_OWN_FLAGS | RL_TELLS_ALL)

static const rl_command_row COMMANDS[] = {
    {"new", "NAME", "a project to begin with, in a new folder NAME", RL_HAS_OWN_FLAGS | RL_HAS_OWN_HELP,
     rl_run_tool, "", NULL},
    {"serve", "APP", "serve the app in folder APP (its app.lua)", RL_HAS_APP, rl_serve, "",
     "rille serve .\n"
     "rille serve apps/shop --port 8081 --workers 4\n"
     "rille serve /srv/app --env production --user www-data\n"},
    {"dev", "APP", "serve it while you write it: a save counts at once", RL_HAS_APP | RL_WATCHES, rl_dev, "",
     "rille dev .\n"
     "DATABASE_URL=postgres:///blog rille dev . --log-level debug\n"},
    {"spec", "[PATHS]", "run busted specs; --app DIR, --seed N, and busted's own options",
     RL_HAS_OWN_FLAGS | RL_HAS_OWN_HELP, rl_run_tool,
     "--app --filter --filter-out --name --only-failures --tags --exclude-tags --pattern --output --watch --coverage "
     "--coverage-file --coverage-min --slowest --parallel "
     "--list --shuffle --seed --repeat --no-keep-going --directory --verbose",
     NULL},
    {"check", "APP [--json]", "what an app is made of, and all that is wrong with it", TELLS, rl_run_tool, "--json",
     "rille check .\n"
     "rille check apps/shop --env production --json\n"},
    {"config", "APP [--json]", "every setting, its value, and where that came from", TELLS, rl_run_tool, "--json",
     "rille config .\n"
     "RILLE_WORKERS=4 rille config apps/shop --env production --json\n"},
    {"routes", "APP [--json]", "its routes: method, path, name, handler, middleware", TELLS | RL_HAS_OWN_HELP,
     rl_run_tool, "--json", NULL},
    {"migrate", "[COMMAND]", "bring the database to the version in migrations/", RL_HAS_OWN_FLAGS | RL_HAS_OWN_HELP,
     rl_run_tool, "up down redo status new diff --dry-run --accept-edited --no-dump", NULL},
    {"db", "COMMAND", "a private PostgreSQL cluster in .rille/pg", RL_HAS_OWN_FLAGS | RL_HAS_OWN_HELP, rl_run_tool,
     "start stop status url psql", NULL},
    {"exec", "APP FILE", "run a Lua script with the app's modules and database",
     RL_HAS_APP | RL_HAS_OWN_FLAGS | RL_PASSES_WORDS, rl_run_tool, "",
     "rille exec . seed.lua\n"
     "rille exec apps/shop apps/shop/seed.lua --database-url postgres:///shop\n"},
    {"console", "APP", "lines of Lua in the app's context, with its models and database", RL_HAS_APP, rl_run_tool, "",
     "rille console .\n"
     "rille console /srv/app --env production\n"
     "echo '=Post:count()' | rille console .\n"},
    {"status", "[APP] [--json]", "how the server on --host and --port does", ASKS, rl_status, "--json",
     "rille status\n"
     "rille status --port 8081 --json\n"},
    {"reload", "[APP]", "have that server serve the app's files as they are now", ASKS, rl_ask_reload, "",
     "rille reload\n"
     "rille reload /srv/app --env production\n"},
    {"upgrade", "[APP]", "have that server run the binary that is installed now", ASKS, rl_ask_upgrade, "",
     "make install && rille upgrade --port 8081\n"},
    {"stop", "[APP]", "have that server end, and wait for it", ASKS, rl_ask_stop, "",
     "rille stop\n"
     "rille stop --port 8081\n"},
    {"completion", "bash|zsh", "a script that completes all this in that shell", RL_HAS_OWN_FLAGS, rl_complete,
     "bash zsh",
     "source <(rille completion bash)        # in ~/.bashrc\n"
     "source <(rille completion zsh)         # in ~/.zshrc\n"},
};
static const rl_command_row *const END = COMMANDS + sizeof COMMANDS / sizeof *COMMANDS;

const rl_command_row *rl_commands_find(const char *name) {
    for (const rl_command_row *row = COMMANDS; row < END; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

const rl_command_row *rl_commands_nearest(const char *name) {
    rl_slice written = rl_slice_str(name);
    size_t least = rl_slip_limit(written);
    const rl_command_row *nearest = NULL;
    for (const rl_command_row *row = COMMANDS; least > 0 && row < END; row++) {
        size_t far = rl_slip_distance(written, row->name);
        if (far < least) {
            least = far;
            nearest = row;
        }
    }
    return nearest;
}

/* ---- flags of a command's own --------------------------------------------------------- */

/* The next of the words with spaces between that `at` begins, or an empty one. */
static rl_slice next_word(const char **at) {
    *at += strspn(*at, " ");
    rl_slice word = rl_slice_of(*at, strcspn(*at, " "));
    *at += word.len;
    return word;
}

static rl_slice flag_name(const char *word) {
    return rl_slice_of(word, strcspn(word, "="));
}

bool rl_commands_has_flag(const rl_command_row *row, const char *word) {
    const char *at = row->completes;
    for (rl_slice own; (own = next_word(&at)).len > 0;)
        if (own.ptr[0] == '-' && rl_slice_eq(own, flag_name(word)))
            return true;
    return false;
}

/* `written` is without its dashes; what is returned has them. */
static rl_slice nearest_own(const rl_command_row *row, rl_slice written) {
    rl_slice nearest = {0};
    size_t least = rl_slip_limit(written);
    const char *at = row->completes;
    for (rl_slice own; least > 0 && (own = next_word(&at)).len > 0;) {
        char name[RL_SLIP_NAME_MOST + 1];
        if (own.ptr[0] != '-')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)own.len - 2, own.ptr + 2);
        for (char *dash = name; (dash = strchr(dash, '-')) != NULL;)
            *dash = '_'; /* as slips are counted */
        size_t far = rl_slip_distance(written, name);
        if (far < least) {
            least = far;
            nearest = own;
        }
    }
    return nearest;
}

rl_err rl_commands_meant_flag(const rl_command_row *row, const char *word, rl_buf *out) {
    rl_slice written = flag_name(word + strspn(word, "-"));
    rl_slice own = nearest_own(row, written);
    const rl_setting *setting = rl_setting_nearest(written);
    char flag[RL_SETTING_NAME_MOST + 8];
    if (own.len == 0 && setting == NULL)
        return RL_OK;
    if (own.len == 0)
        rl_setting_flag(setting, flag);
    return rl_buf_appendf(out, ": did you mean %.*s?", own.len > 0 ? (int)own.len : (int)strlen(flag),
                          own.len > 0 ? own.ptr : flag);
}

/* ---- help ------------------------------------------------------------------------------- */

rl_err rl_commands_help(rl_buf *out) {
    rl_err err = rl_buf_appendf(out, "usage: rille COMMAND [arguments] [settings]\n\ncommands:\n");
    for (const rl_command_row *row = COMMANDS; err == RL_OK && row < END; row++)
        err = rl_buf_appendf(out, "  %-11s%-21s%s\n", row->name, row->arguments, row->help);
    if (err == RL_OK)
        err = rl_buf_appendf(out, "  --version, --help; rille COMMAND --help has examples\n\nsettings:\n");
    return err == RL_OK ? rl_setting_help(out) : err;
}

rl_err rl_commands_help_one(const rl_command_row *row, rl_buf *out) {
    rl_err err = rl_buf_appendf(out, "usage: rille %s %s [settings]\n\n%s: %s.\n\nexamples:\n", row->name,
                                row->arguments, row->name, row->help);
    for (const char *line = row->examples; err == RL_OK && *line != '\0'; line = strchr(line, '\n') + 1)
        err = rl_buf_appendf(out, "  %.*s\n", (int)strcspn(line, "\n"), line);
    return err == RL_OK ? rl_buf_appendf(out, "\n`rille --help` lists the settings.\n") : err;
}

rl_err rl_commands_names(rl_buf *out) {
    rl_err err = RL_OK;
    for (const rl_command_row *row = COMMANDS; err == RL_OK && row < END; row++)
        err = rl_buf_appendf(out, "%s ", row->name);
    return err;
}

rl_err rl_commands_words(rl_buf *out) {
    rl_err err = RL_OK;
    for (const rl_command_row *row = COMMANDS; err == RL_OK && row < END; row++)
        if (row->completes[0] != '\0')
            err = rl_buf_appendf(out, "    %s) offers=\"%s\" ;;\n", row->name, row->completes);
    return err;
}
