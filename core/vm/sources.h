/* sources -- the Lua files of an app, as they were at one moment.
 *
 *   folder --read once, by one thread--> rl_sources --borrowed--> every worker's VM
 *
 * All workers of a generation run the same text, also when a file changes while
 * they load, and a module that is first required hours later is still of that
 * generation. Hidden folders, lua_modules and node_modules are not the app's own:
 * what is in them is read from the disk, as are files that are no Lua. */
#ifndef RL_VM_SOURCES_H
#define RL_VM_SOURCES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_sources rl_sources;

/* Reads all *.lua below `dir`. RL_EFULL past 20,000 files or 64 MB, RL_EIO when one cannot be
 * read; `message` then says which. */
RL_MUST_USE rl_err rl_sources_read(const char *dir, rl_sources **out, char *message, size_t message_cap);
/* From any thread: one more holds them, and frees them for himself. NULL is allowed, in both. */
const rl_sources *rl_sources_hold(const rl_sources *sources);
void rl_sources_free(const rl_sources *sources);

/* Whether the file at `path`, if there were one, would be among them. */
bool rl_sources_covers(const rl_sources *sources, rl_slice path);
/* Its text; NULL when it was not there. */
const rl_slice *rl_sources_find(const rl_sources *sources, rl_slice path);
/* Whether both hold the same files with the same texts. */
bool rl_sources_equal(const rl_sources *a, const rl_sources *b);

/* Whether a file of that name is one of an app's Lua files: hidden ones are an editor's. */
bool rl_sources_is_lua(const char *name);
/* Whether a folder of that name holds nothing of the app's own. */
bool rl_sources_skip(const char *name);

#endif
