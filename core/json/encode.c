#include "json/encode.h"

#include <math.h>

#include "json/number.h"
#include "json/text.h"

static rl_err append_escape(rl_buf *out, unsigned char ch) {
    static const char letters[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";
    char letter = ch < 0x20 ? letters[ch] : (char)ch;
    if (letter != '\0')
        return rl_buf_append(out, rl_slice_of((char[]){'\\', letter}, 2));
    return rl_buf_append(out, rl_slice_of((char[]){'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]}, 6));
}

/* The number of bytes from `at` on that may stand in a string as they are, in
 * *len; RL_EINVAL where they are not UTF-8. */
static rl_err measure_run(const char *at, const char *end, size_t *len) {
    const char *p = at;
    for (;;) {
        p += rl_json_plain_len(p, (size_t)(end - p));
        if (p == end || (unsigned char)*p < 0x80)
            break;
        size_t sequence = rl_json_utf8_len(p, (size_t)(end - p));
        if (sequence == 0)
            return RL_EINVAL;
        p += sequence;
    }
    *len = (size_t)(p - at);
    return RL_OK;
}

/* The rest of a string from its first escape on, but for the closing quote. */
static rl_err append_escaped(rl_buf *out, const char *at, const char *end) {
    while (at < end) {
        size_t run;
        rl_err err = append_escape(out, (unsigned char)*at++);
        if (err == RL_OK)
            err = measure_run(at, end, &run);
        if (err == RL_OK)
            err = rl_buf_append(out, rl_slice_of(at, run));
        if (err != RL_OK)
            return err;
        at += run;
    }
    return RL_OK;
}

/* `before`, the bytes of `text` with its escapes, `behind`. */
static rl_err append_text(rl_buf *out, rl_slice before, rl_slice text, rl_slice behind) {
    size_t run = 0;
    const char *end = text.len == 0 ? NULL : text.ptr + text.len;
    if (text.len > 0 && measure_run(text.ptr, end, &run) != RL_OK)
        return RL_EINVAL;
    char *room;
    size_t begin = rl_buf_len(out);
    rl_err err = rl_buf_reserve(out, before.len + run + behind.len, &room);
    if (err != RL_OK)
        return err;
    memcpy(room, before.ptr, before.len);
    if (run > 0)
        memcpy(room + before.len, text.ptr, run);
    if (RL_LIKELY(run == text.len)) {
        memcpy(room + before.len + run, behind.ptr, behind.len);
        rl_buf_commit(out, before.len + run + behind.len);
        return RL_OK;
    }
    rl_buf_commit(out, before.len + run);
    err = append_escaped(out, text.ptr + run, end);
    if (err == RL_OK)
        err = rl_buf_append(out, behind);
    if (err != RL_OK)
        rl_buf_truncate(out, begin);
    return err;
}

rl_err rl_json_append_string(rl_buf *out, rl_slice text) {
    return append_text(out, RL_LIT("\""), text, RL_LIT("\""));
}

rl_err rl_json_append_key(rl_buf *out, char separator, rl_slice key) {
    return append_text(out, rl_slice_of((char[]){separator, '"'}, 2), key, RL_LIT("\":"));
}

rl_err rl_json_append_number(rl_buf *out, double value) {
    if (!isfinite(value))
        return RL_EINVAL;
    char *room, text[RL_NUMBER_TEXT_CAP];
    if (RL_LIKELY(rl_buf_reserve(out, sizeof text, &room) == RL_OK)) {
        rl_buf_commit(out, rl_number_write(value, room));
        return RL_OK;
    }
    return rl_buf_append(out, rl_slice_of(text, rl_number_write(value, text)));
}
