#include "http/lines.h"

static bool is_token(rl_slice name) {
    static const char punctuation[] = "!#$%&'*+-.^_`|~";
    if (name.len == 0)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        bool alnum = (ch >= '0' && ch <= '9') || (rl_ascii_lower(ch) >= 'a' && rl_ascii_lower(ch) <= 'z');
        if (!alnum && (ch == '\0' || strchr(punctuation, ch) == NULL))
            return false;
    }
    return true;
}

static bool is_value(rl_slice value) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char ch = (unsigned char)value.ptr[i];
        if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
            return false;
    }
    return true;
}

/* What frames the message is the server's business alone. */
static bool is_reserved(rl_slice name) {
    const rl_slice reserved[] = {RL_LIT("content-length"), RL_LIT("transfer-encoding"), RL_LIT("connection"),
                                 RL_LIT("keep-alive"),     RL_LIT("date"),              RL_LIT("upgrade"),
                                 RL_LIT("trailer")};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (rl_slice_ieq(name, reserved[i]))
            return true;
    return false;
}

rl_err rl_lines_append(rl_buf *lines, rl_slice name, rl_slice value, const char **why) {
    *why = !is_token(name)     ? "a header's name may hold letters, digits and -_.!#$%&'*+^`|~ only"
           : is_reserved(name) ? "this header is set by the server itself"
           : !is_value(value)  ? "a header's value may not hold control characters such as line breaks"
                               : NULL;
    if (*why != NULL)
        return RL_EINVAL;
    char *room;
    size_t len = name.len + 2 + value.len + 2;
    rl_err err = rl_buf_reserve(lines, len, &room);
    if (err != RL_OK) {
        *why = "the response's headers are too long";
        return err;
    }
    memcpy(room, name.ptr, name.len);
    memcpy(room + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(room + name.len + 2, value.ptr, value.len);
    memcpy(room + len - 2, "\r\n", 2);
    rl_buf_commit(lines, len);
    return RL_OK;
}

static bool is_called(rl_slice line, rl_slice name) {
    return line.len > name.len && line.ptr[name.len] == ':' && rl_slice_ieq(rl_slice_of(line.ptr, name.len), name);
}

/* The line that begins at offset `at`; every line has its end. */
static rl_slice line_at(rl_slice lines, size_t at) {
    const char *end = memchr(lines.ptr + at, '\n', lines.len - at);
    return rl_slice_of(lines.ptr + at, (size_t)(end + 1 - lines.ptr) - at);
}

bool rl_lines_next(rl_slice lines, rl_slice name, size_t *at, rl_slice *value) {
    while (*at < lines.len) {
        rl_slice line = line_at(lines, *at);
        *at += line.len;
        if (!is_called(line, name))
            continue;
        size_t before = name.len + 1, end = sizeof "\r\n" - 1;
        *value = rl_slice_trim(rl_slice_of(line.ptr + before, line.len - before - end));
        return true;
    }
    return false;
}

bool rl_lines_have(const rl_buf *lines, rl_slice name) {
    rl_slice value;
    return rl_lines_next(rl_buf_live(lines), name, &(size_t){0}, &value);
}

void rl_lines_remove(rl_buf *lines, rl_slice name) {
    size_t at = 0;
    while (at < rl_buf_len(lines)) {
        rl_slice line = line_at(rl_buf_live(lines), at);
        if (!is_called(line, name)) {
            at += line.len;
            continue;
        }
        char *hole = lines->base + lines->head + at;
        size_t len = rl_buf_len(lines);
        memmove(hole, hole + line.len, len - at - line.len);
        rl_buf_truncate(lines, len - line.len);
    }
}
