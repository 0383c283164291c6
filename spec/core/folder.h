/* folder -- files of a test, in a folder of its own.
 *
 *     folder f = folder_made();
 *     folder_put(&f, "routes/word.lua", "return 1");
 *     folder_remove(&f);
 */
#ifndef RL_SPEC_FOLDER_H
#define RL_SPEC_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct folder {
    char path[64];
} folder;

static inline folder folder_made(void) {
    folder f = {"/tmp/rille-folder-XXXXXX"};
    assert_non_null(mkdtemp(f.path));
    return f;
}

/* The path of `name` in it; the last four stay valid. */
static inline const char *folder_at(const folder *f, const char *name) {
    static char paths[4][256];
    static size_t last;
    char *path = paths[++last % 4];
    snprintf(path, sizeof paths[0], "%s/%s", f->path, name);
    return path;
}

static inline void folder_make(const folder *f, const char *name) {
    assert_int_equal(mkdir(folder_at(f, name), 0700), 0);
}

static inline void folder_put(const folder *f, const char *name, const char *text) {
    FILE *file = fopen(folder_at(f, name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void folder_remove(const folder *f) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->path);
    assert_int_equal(system(command), 0);
}

#endif
