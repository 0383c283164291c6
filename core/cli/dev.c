/* dev -- `rille dev`: serve, with a database of its own where none was named.
 *
 *    no DATABASE_URL, and a folder of migrations --> db start, migrate up --> serve --> db stop
 *
 * Faults are shown with source and values, so it listens beyond this machine only when told to (--expose).
 * What this does before and after serving are Rille's own commands. A database that somebody
 * else named is his: nothing is migrated there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/self.h"

enum { PATH_CAP = 4096, COMPLAINTS_MOST = 256 * 1024 };

/* The shell's word for this program; false when there is none. */
static bool quote_self(char out[PATH_CAP]) {
    char path[PATH_CAP / 2];
    if (!rl_self_path(path, sizeof path) || strchr(path, '\'') != NULL)
        return false;
    snprintf(out, PATH_CAP, "'%s'", path);
    return true;
}

/* Run `rille WORDS`; what its last line says, if `out` is not NULL. False when it failed. */
static bool run(const char *words, char *out, size_t out_cap) {
    char self[PATH_CAP], command[2 * PATH_CAP + 64], line[PATH_CAP];
    if (!quote_self(self))
        return false;
    snprintf(command, sizeof command, "%s %s", self, words);
    fflush(NULL);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        return false;
    while (fgets(line, sizeof line, pipe) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (out != NULL)
            snprintf(out, out_cap, "%s", line);
        else
            printf("%s\n", line);
    }
    int status = pclose(pipe);
    fflush(stdout);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The migrations of the app, or of the folder we are in; false when there are none, or paths of no sane kind. */
static bool find_migrations(const rl_command *command, char out[PATH_CAP]) {
    const char *const folders[] = {command->app_dir, "."};
    struct stat about;
    for (size_t i = 0; i < 2; i++) {
        int len = snprintf(out, PATH_CAP, "%s/%s", folders[i], command->settings->db_migrations);
        if (len < PATH_CAP && stat(out, &about) == 0 && S_ISDIR(about.st_mode) && strchr(out, '\'') == NULL)
            return true;
    }
    return false;
}

/* Sets DATABASE_URL, before there are threads. */
static bool start_database(const char *migrations, bool *was_running) {
    char status[64] = "", url[PATH_CAP], migrate[PATH_CAP + 32];
    snprintf(migrate, sizeof migrate, "migrate up 'dir=%s'", migrations);
    *was_running = run("db status", status, sizeof status) && strcmp(status, "running") == 0;
    return run("db start", url, sizeof url) && setenv("DATABASE_URL", url, 1) == 0 && run(migrate, NULL, 0);
}

static int serve_with(const rl_command *command) {
    rl_command with = *command;
    rl_settings_from from = *command->from;
    from.environment = (const char *const *)environ;
    rl_settings *settings;
    rl_buf complaints;
    rl_buf_init(&complaints, COMPLAINTS_MOST);
    rl_err err = rl_settings_load(&from, &complaints, &settings);
    if (err != RL_OK)
        fprintf(stderr, "rille dev: %.*s\n", (int)rl_buf_len(&complaints),
                rl_buf_len(&complaints) == 0 ? "" : rl_buf_live(&complaints).ptr);
    rl_buf_clear(&complaints);
    if (err != RL_OK)
        return 1;
    with.settings = settings;
    with.from = &from;
    int status = rl_serve(&with);
    rl_settings_free(settings);
    return status;
}

/* Addresses that only this machine reaches. */
static bool is_loopback(const char *host) {
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

int rl_dev(const rl_command *command) {
    char migrations[PATH_CAP];
    bool was_running;
    if (!command->settings->expose && !is_loopback(command->settings->host)) {
        fprintf(stderr, "rille dev: on %s others could read the app's source and values on its error pages: "
                "leave --host out, or add --expose\n", command->settings->host);
        return 2;
    }
    if (command->settings->database_url[0] != '\0' || !find_migrations(command, migrations))
        return rl_serve(command);
    bool has_started = start_database(migrations, &was_running);
    int status = has_started ? serve_with(command) : 1;
    if (!was_running)
        (void)!run("db stop", NULL, 0);
    return status;
}
