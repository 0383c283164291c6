#include "json/error.h"

#include <stdio.h>

#include "json/path.h"
#include "json/text.h"

/* The way from the root to the reader's place, one step for each open container. */
typedef struct step {
    size_t count; /* values of an array begun so far */
    rl_slice key; /* of an object: the latest, in quotes' content form */
    bool is_key_escaped, has_key;
} step;

static void count_place(rl_slice text, rl_json_error *error) {
    error->line = error->column = 1;
    for (size_t i = 0; i < error->offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            error->line++;
            error->column = 1;
        } else if (!rl_json_is_continuation(text.ptr + i)) {
            error->column++;
        }
    }
}

static void add_key(rl_json_path *path, const step *at) {
    char decoded[RL_JSON_PATH_CAP];
    rl_slice key = at->key;
    if (at->is_key_escaped && key.len <= sizeof decoded)
        key = rl_slice_of(decoded, rl_json_unescape(key, decoded));
    rl_json_path_key(path, key);
}

/* Follow the reader's tokens up to `offset`, or to the failure that stopped the
 * first reading: reading is deterministic. Returns the depth reached. */
static size_t follow(rl_json_reader *reader, size_t offset, step *steps) {
    rl_json_token token;
    while (rl_json_next(reader, &token) == RL_OK && token.type != RL_JSON_DONE) {
        size_t opened = token.type == RL_JSON_ARRAY || token.type == RL_JSON_OBJECT;
        size_t parent = reader->depth - opened;
        if (opened)
            steps[parent] = (step){.count = 0};
        if (token.type == RL_JSON_KEY)
            steps[parent - 1] =
                (step){.key = token.text, .is_key_escaped = token.is_escaped, .has_key = true};
        else if (token.type != RL_JSON_END && parent > 0)
            steps[parent - 1].count++;
        if (token.offset >= offset)
            return parent;
    }
    /* A value that could not be read has been announced all the same, a key not. */
    if (reader->depth > 0 && reader->expects == RL_JSON_EXPECTS_VALUE)
        steps[reader->depth - 1].count++;
    if (reader->depth > 0 && reader->expects == RL_JSON_EXPECTS_KEY)
        steps[reader->depth - 1].has_key = false;
    return reader->depth;
}

static void find_path(const rl_json_reader *failed, rl_json_error *error) {
    rl_json_reader reader;
    step steps[RL_JSON_MAX_DEPTH];
    rl_json_path path;
    rl_json_reader_init(&reader, rl_slice_of(failed->start, (size_t)(failed->end - failed->start)),
                        &failed->limits);
    size_t depth = follow(&reader, failed->failed_at, steps);
    rl_json_path_init(&path, error->path, sizeof error->path);
    for (size_t i = 0; i < depth; i++) {
        bool is_object = (reader.objects[i / 64] >> i % 64 & 1) != 0;
        if (is_object && steps[i].has_key)
            add_key(&path, &steps[i]);
        else if (!is_object && steps[i].count > 0)
            rl_json_path_index(&path, steps[i].count - 1);
    }
}

void rl_json_error_of(const rl_json_reader *reader, rl_json_error *error) {
    error->offset = reader->failed_at;
    if (reader->passed > 0)
        snprintf(error->reason, sizeof error->reason, "%s than the limit of %zu", reader->reason,
                 reader->passed);
    else
        snprintf(error->reason, sizeof error->reason, "%s", reader->reason);
    count_place(rl_slice_of(reader->start, (size_t)(reader->end - reader->start)), error);
    find_path(reader, error);
}

void rl_json_error_print(const rl_json_error *error, char *out, size_t cap) {
    const char *before = error->path[0] == '\0' ? "" : " (";
    const char *behind = error->path[0] == '\0' ? "" : ")";
    snprintf(out, cap, "invalid JSON at line %zu, column %zu%s%s%s: %s", error->line, error->column, before,
             error->path, behind, error->reason);
}
