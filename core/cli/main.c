/* main -- the `rille` program: which command, with which settings. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#ifdef RL_TRAINING /* a build that counts which way its code goes, for the next one: apps/bench/train */
#include <gcov.h>
#endif

#include "base/buf.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/setting.h"

enum { MOST_WORDS = 256, TEXT_MOST = 256 * 1024, EXIT_USAGE = 2 };

/* Print the help of one command, or of all. Returns the exit status. */
static int help(const rl_command_row *row, FILE *out) {
    rl_buf text;
    rl_buf_init(&text, TEXT_MOST);
    if ((row == NULL ? rl_commands_help(&text) : rl_commands_help_one(row, &text)) == RL_OK)
        fwrite(rl_buf_live(&text).ptr, 1, rl_buf_len(&text), out);
    rl_buf_clear(&text);
    return out == stdout ? 0 : EXIT_USAGE;
}

static int refuse_command(const char *name) {
    const rl_command_row *meant = rl_commands_nearest(name);
    if (meant != NULL)
        fprintf(stderr, "rille: there is no command '%s': did you mean '%s'?\n", name, meant->name);
    else
        fprintf(stderr, "rille: there is no command '%s': see rille --help\n", name);
    return EXIT_USAGE;
}

static bool asks_for_help(const rl_command_row *row, char **args, size_t count) {
    for (size_t i = 0; i < count && strcmp(args[i], "--") != 0; i++) {
        if (strcmp(args[i], "--help") == 0 || strcmp(args[i], "-h") == 0)
            return true;
        if (row->traits & RL_PASSES_WORDS)
            return false;
    }
    return false;
}

/* Whether `arg`, which begins with "--", names a setting. */
static bool is_setting(const char *arg) {
    rl_slice name = rl_slice_of(arg + 2, strcspn(arg + 2, "="));
    if (rl_setting_find(name) != NULL)
        return true;
    return rl_slice_has_prefix(name, RL_LIT("no-")) && rl_setting_find(rl_slice_of(name.ptr + 3, name.len - 3)) != NULL;
}

/* Take the words that are no flags of settings out of `args`. A lone "--" ends
 * the settings: what follows belongs to the command. */
static size_t split(const rl_command_row *row, const char **args, size_t count, const char **words, const char **flags,
                    size_t *flag_count) {
    size_t word_count = 0;
    *flag_count = 0;
    for (size_t i = 0; i < count;) {
        if (strcmp(args[i], "--") == 0) {
            while (++i < count)
                words[word_count++] = args[i];
            break;
        }
        size_t len = rl_settings_flag_len(args + i, count - i);
        if (len > 0 && (row->traits & RL_HAS_OWN_FLAGS) && !is_setting(args[i]))
            len = 0;
        if (len == 0)
            words[word_count++] = args[i++];
        while (len-- > 0)
            flags[(*flag_count)++] = args[i++];
    }
    return word_count;
}

static uint64_t raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* Whoever started us may have kept signals from itself, as a thread of ours does that runs a command:
 * we would inherit that, and could be neither interrupted nor stopped. */
static void unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The first of the words that is no flag; NULL when there is none. */
static const char *first_name(const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (words[i][0] != '-')
            return words[i];
    return NULL;
}

/* The first of the words that is a flag the command does not have; NULL when there is none. A command without the trait
 * had its flags refused as settings, and some read their own. */
static const char *wrong_flag(const rl_command_row *row, const char *const *words, size_t count) {
    if (!(row->traits & RL_HAS_APP) || (row->traits & RL_PASSES_WORDS))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (words[i][0] == '-' && !rl_commands_has_flag(row, words[i]))
            return words[i];
    return NULL;
}

static int refuse_flag(const rl_command_row *row, const char *word) {
    rl_buf meant;
    rl_buf_init(&meant, TEXT_MOST);
    (void)!rl_commands_meant_flag(row, word, &meant); /* without memory: no hint */
    fprintf(stderr, "rille %s: there is no flag %s%.*s\n", row->name, word, (int)rl_buf_len(&meant),
            rl_buf_len(&meant) == 0 ? "" : rl_buf_live(&meant).ptr);
    rl_buf_clear(&meant);
    return EXIT_USAGE;
}

static bool has_app(const char *dir) {
    char path[4096];
    struct stat about;
    snprintf(path, sizeof path, "%s/app.lua", dir);
    if (stat(path, &about) == 0)
        return true;
    fprintf(stderr, "rille: there is no %s: APP is a folder with an app.lua in it\n", path);
    return false;
}

/* Its first word is missing, which is not guessed: a folder that one happens to be in is not served. */
static int refuse_lack(const rl_command_row *row) {
    struct stat about;
    fprintf(stderr, "rille %s: which app? APP is a folder with an app.lua in it%s\nusage: rille %s %s [settings]\n", row->name,
            stat("app.lua", &about) == 0 ? ", and . this one" : "", row->name, row->arguments);
    return EXIT_USAGE;
}

/* A thread may still be inside libpq, with a database that does not answer: the
 * exit handlers, OpenSSL's among them, would take from it what it works with. */
_Noreturn void rl_leave(int status) {
    fflush(NULL);
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check();
#endif
#ifdef RL_TRAINING
    __gcov_dump();
#endif
    _exit(status);
}

int main(int argc, char **argv) {
    rl_mem_keep_freed();
    unblock_signals();
    if (argc < 2)
        return help(NULL, stderr);
    if (strcmp(argv[1], "--version") == 0)
        return printf("rille %s\n", RILLE_VERSION) < 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(NULL, stdout);
    const rl_command_row *row = rl_commands_find(argv[1]);
    if (row == NULL)
        return refuse_command(argv[1]);
    if (argc > MOST_WORDS) {
        fprintf(stderr, "rille %s: more than %d words\n", row->name, MOST_WORDS);
        return EXIT_USAGE;
    }
    bool helps = asks_for_help(row, argv + 2, (size_t)argc - 2);
    if (helps && !(row->traits & RL_HAS_OWN_HELP))
        return help(row, stdout);
    const char *words[MOST_WORDS], *flags[MOST_WORDS];
    size_t flag_count;
    size_t word_count = split(row, (const char **)(argv + 2), (size_t)argc - 2, words, flags, &flag_count);
    const char *wrong = helps ? NULL : wrong_flag(row, words, word_count);
    if (wrong != NULL)
        return refuse_flag(row, wrong);
    const char *app_dir = row->traits & RL_HAS_APP && !helps ? first_name(words, word_count) : NULL;
    if ((row->traits & RL_HAS_APP) && !(row->traits & RL_MAY_LACK_APP) && app_dir == NULL && !helps) {
        return refuse_lack(row);
    }
    rl_command command = {.name = row->name,
                          .argv = argv,
                          .app_dir = app_dir,
                          .watches = row->traits & RL_WATCHES,
                          .has_routes = row->traits & RL_TELLS_ALL,
                          .words = words,
                          .word_count = word_count,
                          .lua_dir = getenv("RILLE_LUA")};
    if (command.app_dir != NULL && !has_app(command.app_dir))
        return 1;
    rl_settings_from from = {.app_dir = command.app_dir,
                             .environment = (const char *const *)environ,
                             .flags = flags,
                             .flag_count = flag_count,
                             .cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN),
                             .descriptor_limit = raise_descriptor_limit(),
                             .goes_on = row->traits & RL_TELLS_ALL};
    rl_settings *settings;
    rl_buf complaints;
    rl_buf_init(&complaints, TEXT_MOST);
    rl_err err = rl_settings_load(&from, &complaints, &settings);
    if (rl_buf_len(&complaints) > 0 && (err != RL_OK || !(row->traits & RL_TELLS_ALL)))
        fwrite(rl_buf_live(&complaints).ptr, 1, rl_buf_len(&complaints), stderr);
    rl_buf_clear(&complaints);
    if (err != RL_OK)
        return 1;
    command.settings = settings;
    command.from = &from;
    int status = row->run(&command);
    rl_settings_free(settings);
    rl_leave(status);
}
