#include "cli/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "vm/sources.h"

enum {
    MOST_FOLDERS = 10000,
    MOST_DEPTH = 64, /* a link that leads to a folder above it ends there */
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR
};

typedef struct folder {
    int id; /* inotify's */
    char *path; /* below the app's: "" or "routes/" */
} folder;

struct rl_watch {
    int fd;
    char *dir;
    folder *folders;
    size_t count, cap;
    unsigned news; /* kinds of files that changed */
    char *name;    /* where it is told which; while reading */
};

void rl_watch_close(rl_watch *watch) {
    if (watch == NULL)
        return;
    for (size_t i = 0; i < watch->count; i++)
        rl_mem_free(watch->folders[i].path);
    rl_mem_free(watch->folders);
    rl_mem_free(watch->dir);
    if (watch->fd >= 0)
        close(watch->fd);
    rl_mem_free(watch);
}

int rl_watch_fd(const rl_watch *watch) {
    return watch->fd;
}

static unsigned kind_of(const char *file) {
    static const char *const SHOWN[] = {"etlua", "html", "htm", "css", "js", "mjs", "md", "svg", "png",
                                        "jpg", "jpeg", "gif", "webp", "avif", "ico", "woff", "woff2"};
    const char *end = strrchr(file, '.');
    if (rl_sources_is_lua(file) || (end != NULL && strcmp(end, ".sql") == 0))
        return RL_WATCH_CODE;
    for (size_t i = 0; file[0] != '.' && end != NULL && i < sizeof SHOWN / sizeof *SHOWN; i++)
        if (strcmp(end + 1, SHOWN[i]) == 0)
            return RL_WATCH_PAGES;
    return 0;
}

static void note(rl_watch *watch, unsigned kind, const char *path, const char *file) {
    if (kind > watch->news && watch->name != NULL)
        snprintf(watch->name, RL_WATCH_NAME_CAP, "%s%s", path, file);
    watch->news |= kind;
}

/* ---- folders --------------------------------------------------------------------- */

static folder *find(rl_watch *watch, int id) {
    for (size_t i = 0; i < watch->count; i++)
        if (watch->folders[i].id == id)
            return &watch->folders[i];
    return NULL;
}

static void forget(rl_watch *watch, int id) {
    folder *at = find(watch, id);
    if (at == NULL)
        return;
    rl_mem_free(at->path);
    *at = watch->folders[--watch->count];
}

static rl_err keep(rl_watch *watch, int id, const char *path) {
    forget(watch, id); /* the same folder under a new name has the same number */
    if (watch->count == watch->cap) {
        size_t cap = watch->cap == 0 ? 64 : watch->cap * 2;
        folder *folders = rl_mem_realloc(watch->folders, cap * sizeof *folders);
        if (folders == NULL)
            return RL_ENOMEM;
        watch->folders = folders;
        watch->cap = cap;
    }
    char *copy = rl_mem_strndup(path, strlen(path));
    if (copy == NULL)
        return RL_ENOMEM;
    watch->folders[watch->count++] = (folder){id, copy};
    return RL_OK;
}

static bool is_folder(const char *path, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Watch the folder `path`, and those below. First watched, then looked at: what is made in between
 * is found twice and not missed. One that has gone meanwhile is no error. */
static rl_err add(rl_watch *watch, const char *path, int depth) {
    char full[4096];
    if (depth == MOST_DEPTH || (size_t)snprintf(full, sizeof full, "%s/%s", watch->dir, path) >= sizeof full)
        return RL_OK;
    if (watch->count == MOST_FOLDERS)
        return RL_EFULL;
    int id = inotify_add_watch(watch->fd, full, EVENTS);
    if (id < 0)
        return errno == ENOSPC ? RL_EFULL : depth == 0 ? RL_EIO : RL_OK;
    rl_err err = keep(watch, id, path);
    DIR *dir = err == RL_OK ? opendir(full) : NULL;
    for (const struct dirent *entry; err == RL_OK && dir != NULL && (entry = readdir(dir)) != NULL;) {
        char below[4096];
        if (rl_sources_skip(entry->d_name))
            continue;
        note(watch, kind_of(entry->d_name), path, entry->d_name);
        if ((size_t)snprintf(below, sizeof below, "%s/%s%s", watch->dir, path, entry->d_name) >= sizeof below ||
            !is_folder(below, entry))
            continue;
        snprintf(below, sizeof below, "%s%.255s/", path, entry->d_name);
        err = add(watch, below, depth + 1);
    }
    if (dir != NULL)
        closedir(dir);
    return err;
}

rl_err rl_watch_open(const char *dir, rl_watch **out) {
    rl_watch *watch = rl_mem_zalloc(1, sizeof *watch);
    if (watch == NULL)
        return RL_ENOMEM;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->dir = rl_mem_strndup(dir, strlen(dir));
    rl_err err = watch->fd < 0 ? RL_EIO : watch->dir == NULL ? RL_ENOMEM : add(watch, "", 0);
    if (err != RL_OK) {
        rl_watch_close(watch);
        return err;
    }
    watch->news = 0;
    *out = watch;
    return RL_OK;
}

/* ---- news ------------------------------------------------------------------------- */

/* A new file is told of again when it was written; a link, and a second name, never are. */
static bool is_written(const rl_watch *watch, const folder *at, const struct inotify_event *event) {
    char path[4096];
    struct stat about;
    if (!(event->mask & IN_CREATE))
        return true;
    snprintf(path, sizeof path, "%s/%s%s", watch->dir, at->path, event->name);
    return lstat(path, &about) == 0 && (S_ISLNK(about.st_mode) || about.st_nlink > 1);
}

static void take(rl_watch *watch, const struct inotify_event *event) {
    if (event->mask & IN_Q_OVERFLOW) { /* too much happened to be told: anything may have changed */
        note(watch, RL_WATCH_CODE | RL_WATCH_PAGES, "", "many files");
        return;
    }
    if (event->mask & IN_IGNORED) {
        forget(watch, event->wd);
        return;
    }
    const folder *at = find(watch, event->wd);
    if (at == NULL || event->len == 0)
        return;
    char path[4096];
    if (!(event->mask & IN_ISDIR)) {
        if (kind_of(event->name) != 0 && is_written(watch, at, event))
            note(watch, kind_of(event->name), at->path, event->name);
    } else if (!rl_sources_skip(event->name) &&
               (size_t)snprintf(path, sizeof path, "%s%s/", at->path, event->name) < sizeof path) {
        if (event->mask & (IN_CREATE | IN_MOVED_TO))
            (void)!add(watch, path, 1); /* what cannot be watched is not told of */
        else
            note(watch, RL_WATCH_CODE, at->path, event->name); /* with all that was in it */
    }
}

unsigned rl_watch_read(rl_watch *watch, char *name) {
    _Alignas(struct inotify_event) char bytes[16 * 1024];
    watch->news = 0;
    watch->name = name;
    for (ssize_t len; (len = read(watch->fd, bytes, sizeof bytes)) > 0;)
        for (const char *at = bytes; at < bytes + len;) {
            const struct inotify_event *event = (const void *)at;
            take(watch, event);
            at += sizeof *event + event->len;
        }
    watch->name = NULL;
    return watch->news;
}
