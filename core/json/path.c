#include "json/path.h"

#include <assert.h>
#include <stdio.h>

void rl_json_path_init(rl_json_path *path, char *text, size_t cap) {
    assert(cap >= sizeof "...");
    *path = (rl_json_path){.text = text, .cap = cap};
    text[0] = '\0';
}

/* A cut must not leave half of a UTF-8 sequence in front of the dots. */
static void cut(rl_json_path *path) {
    size_t len = path->len < path->cap - sizeof "..." ? path->len : path->cap - sizeof "...";
    while (len > 0 && ((unsigned char)path->text[len] & 0xC0) == 0x80)
        len--;
    memcpy(path->text + len, "...", sizeof "...");
    path->len = len + 3;
    path->is_cut = true;
}

static void append(rl_json_path *path, rl_slice bytes) {
    if (path->is_cut || bytes.len == 0)
        return;
    size_t room = path->cap - 1 - path->len;
    size_t len = bytes.len < room ? bytes.len : room;
    memcpy(path->text + path->len, bytes.ptr, len);
    path->len += len;
    path->text[path->len] = '\0';
    if (len < bytes.len)
        cut(path);
}

static bool is_word(rl_slice key) {
    for (size_t i = 0; i < key.len; i++) {
        char ch = key.ptr[i];
        bool is_letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (unsigned char)ch >= 0x80;
        if (!is_letter && !(ch >= '0' && ch <= '9') && ch != '_' && ch != '-' && ch != '$')
            return false;
    }
    return key.len > 0;
}

void rl_json_path_key(rl_json_path *path, rl_slice key) {
    if (is_word(key)) {
        if (path->len > 0)
            append(path, RL_LIT("."));
        append(path, key);
        return;
    }
    append(path, RL_LIT("[\""));
    for (size_t i = 0; i < key.len && !path->is_cut; i++) {
        unsigned char ch = (unsigned char)key.ptr[i];
        append(path, ch < 0x20 || ch == 0x7F ? RL_LIT("?") : rl_slice_of(key.ptr + i, 1));
    }
    append(path, RL_LIT("\"]"));
}

void rl_json_path_index(rl_json_path *path, size_t index) {
    char text[24];
    int len = snprintf(text, sizeof text, "[%zu]", index);
    append(path, rl_slice_of(text, (size_t)len));
}
