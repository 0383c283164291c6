/* path -- the name of a place in a document: `items[3].price`.
 *
 * Written into a fixed array, for a path only ever goes into a message: one
 * that does not fit ends in "...". */
#ifndef RL_JSON_PATH_H
#define RL_JSON_PATH_H

#include "base/slice.h"

typedef struct rl_json_path {
    char *text; /* always NUL-terminated */
    size_t len, cap;
    bool is_cut;
} rl_json_path;

/* An empty path, the document's root, in `cap` (at least 4) bytes at `text`. */
void rl_json_path_init(rl_json_path *path, char *text, size_t cap);
/* One step into an object. A key that is no plain word is shown as `["a b"]`,
 * its control characters as '?': messages go to terminals and logs. */
void rl_json_path_key(rl_json_path *path, rl_slice key);
/* One step into an array. */
void rl_json_path_index(rl_json_path *path, size_t index);

#endif
