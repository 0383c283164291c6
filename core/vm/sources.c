#include "vm/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum { MOST_FILES = 20000, MOST_BYTES = 64 << 20 /* of source text: beyond it the folder is not an app's */ };

typedef struct source {
    char *path;
    rl_slice text;
} source;

struct rl_sources {
    _Atomic uint32_t holders;
    char *dir; /* with a slash at its end */
    source *list; /* by path */
    size_t count, cap, bytes;
};

bool rl_sources_skip(const char *name) {
    return name[0] == '.' || strcmp(name, "lua_modules") == 0 || strcmp(name, "node_modules") == 0;
}

const rl_sources *rl_sources_hold(const rl_sources *sources) {
    if (sources != NULL)
        atomic_fetch_add(&((rl_sources *)(uintptr_t)sources)->holders, 1);
    return sources;
}

bool rl_sources_is_lua(const char *name) {
    size_t len = strlen(name);
    return len > 4 && name[0] != '.' && strcmp(name + len - 4, ".lua") == 0;
}

void rl_sources_free(const rl_sources *held) {
    rl_sources *sources = (rl_sources *)(uintptr_t)held;
    if (sources == NULL || atomic_fetch_sub(&sources->holders, 1) > 1)
        return;
    for (size_t i = 0; i < sources->count; i++) {
        rl_mem_free(sources->list[i].path);
        rl_mem_free((void *)(uintptr_t)sources->list[i].text.ptr);
    }
    rl_mem_free(sources->list);
    rl_mem_free(sources->dir);
    rl_mem_free(sources);
}

/* ---- reading ---------------------------------------------------------------- */

static source *append(rl_sources *sources) {
    if (sources->count == sources->cap) {
        size_t cap = sources->cap == 0 ? 64 : sources->cap * 2;
        source *list = rl_mem_realloc(sources->list, cap * sizeof *list);
        if (list == NULL)
            return NULL;
        sources->list = list;
        sources->cap = cap;
    }
    return &sources->list[sources->count];
}

/* All of it, also when it grows or shrinks meanwhile. */
static rl_err read_text(int fd, size_t most, char **text, size_t *len) {
    size_t cap = 4096, used = 0;
    char *bytes = rl_mem_alloc(cap);
    while (bytes != NULL) {
        ssize_t got = read(fd, bytes + used, cap - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || used + (size_t)got > most) {
            *text = bytes;
            *len = used;
            return got == 0 ? RL_OK : got < 0 ? RL_EIO : RL_EFULL;
        }
        used += (size_t)got;
        if (used < cap)
            continue;
        char *larger = rl_mem_realloc(bytes, cap *= 2);
        if (larger == NULL)
            rl_mem_free(bytes);
        bytes = larger;
    }
    *text = NULL;
    return RL_ENOMEM;
}

static rl_err add(rl_sources *sources, const char *path) {
    if (sources->count == MOST_FILES)
        return RL_EFULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hold us */
    if (fd < 0)
        return errno == ENOENT ? RL_OK : RL_EIO; /* an editor has just replaced it: the watcher comes again */
    source *at = append(sources);
    char *text = NULL;
    size_t len = 0;
    rl_err err = at == NULL ? RL_ENOMEM : read_text(fd, MOST_BYTES - sources->bytes, &text, &len);
    close(fd);
    char *name = err == RL_OK ? rl_mem_strndup(path, strlen(path)) : NULL;
    if (name == NULL) {
        rl_mem_free(text);
        return err == RL_OK ? RL_ENOMEM : err;
    }
    *at = (source){.path = name, .text = rl_slice_of(text, len)};
    sources->count++;
    sources->bytes += len;
    return RL_OK;
}

static rl_err read_all(rl_sources *sources, char *root, char *message, size_t message_cap) {
    char *const roots[] = {root, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL)
        return RL_ENOMEM;
    rl_err err = RL_OK;
    for (FTSENT *entry; err == RL_OK && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_D && entry->fts_level > 0 && rl_sources_skip(entry->fts_name))
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && rl_sources_is_lua(entry->fts_name))
            err = add(sources, entry->fts_path);
        if (err == RL_EFULL)
            snprintf(message, message_cap, "more than %d Lua files or %d MB of them are below %s", MOST_FILES,
                     MOST_BYTES >> 20, sources->dir);
        else if (err == RL_EIO)
            snprintf(message, message_cap, "cannot read %s: %s", entry->fts_path, strerror(errno));
    }
    fts_close(walk);
    return err;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const source *)a)->path, ((const source *)b)->path);
}

rl_err rl_sources_read(const char *dir, rl_sources **out, char *message, size_t message_cap) {
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    snprintf(message, message_cap, "out of memory");
    rl_sources *sources = rl_mem_zalloc(1, sizeof *sources);
    if (sources != NULL)
        atomic_init(&sources->holders, 1);
    char *root = rl_mem_strndup(dir, len);
    rl_err err = RL_ENOMEM;
    if (sources != NULL && root != NULL && (sources->dir = rl_mem_alloc(len + 2)) != NULL) {
        snprintf(sources->dir, len + 2, "%s/", root);
        err = read_all(sources, root, message, message_cap);
    }
    rl_mem_free(root);
    if (err != RL_OK) {
        rl_sources_free(sources);
        return err;
    }
    if (sources->count > 0)
        qsort(sources->list, sources->count, sizeof *sources->list, by_path);
    *out = sources;
    return RL_OK;
}

/* ---- looking up --------------------------------------------------------------- */

bool rl_sources_covers(const rl_sources *sources, rl_slice path) {
    rl_slice dir = rl_slice_str(sources->dir);
    if (!rl_slice_has_prefix(path, dir))
        return false;
    for (const char *at = path.ptr + dir.len, *end = path.ptr + path.len, *slash; at < end; at = slash + 1) {
        slash = memchr(at, '/', (size_t)(end - at));
        if (slash == NULL)
            break;
        char name[256];
        size_t len = (size_t)(slash - at);
        if (len == 0 || len >= sizeof name)
            return false;
        memcpy(name, at, len);
        name[len] = '\0';
        if (rl_sources_skip(name))
            return false;
    }
    return true;
}

const rl_slice *rl_sources_find(const rl_sources *sources, rl_slice path) {
    size_t from = 0, to = sources->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const char *name = sources->list[middle].path;
        int order = strncmp(path.ptr, name, path.len);
        if (order == 0 && name[path.len] == '\0')
            return &sources->list[middle].text;
        if (order > 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

bool rl_sources_equal(const rl_sources *a, const rl_sources *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].path, b->list[i].path) != 0 || !rl_slice_eq(a->list[i].text, b->list[i].text))
            return false;
    return true;
}
