/* watch -- tells when the files of an app change.
 *
 *    inotify on every folder below the app's --events--> rl_watch_read --> a file's name
 *
 * New folders are watched from their creation on, what was made in them meanwhile
 * counts as changed. A file counts when it was closed after writing, moved or
 * removed, so that no half-written one is read; what an editor keeps for itself
 * (hidden files, its backups) does not. */
#ifndef RL_CLI_WATCH_H
#define RL_CLI_WATCH_H

#include "base/err.h"

typedef struct rl_watch rl_watch;

enum { RL_WATCH_NAME_CAP = 256 };

/* What a file is to the app. Data that it writes by itself, logs and the like, is nothing. */
enum {
    RL_WATCH_PAGES = 1, /* read when a page is made or shown: templates, styles, scripts, pictures */
    RL_WATCH_CODE = 2   /* Lua; folders that went with whatever was in them; and schema.sql, which `rille migrate` writes: what
                         * was not loaded for want of a migration may load now */
};

/* RL_EFULL when the system's limit of watches is reached (fs.inotify.max_user_watches), RL_EIO. */
RL_MUST_USE rl_err rl_watch_open(const char *dir, rl_watch **out);
void rl_watch_close(rl_watch *watch);
/* Readable when something may have changed. */
int rl_watch_fd(const rl_watch *watch);
/* Take what there is: which kinds of files changed, 0 for none. `name`, of RL_WATCH_NAME_CAP bytes, is then the path of
 * the first below the folder, of the code's if there is one. */
unsigned rl_watch_read(rl_watch *watch, char *name);

#endif
