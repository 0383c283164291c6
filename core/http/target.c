#include "http/target.h"

#include <stdint.h>

/* One segment of a path while its decoded bytes go by. */
typedef struct segment {
    size_t len, dots;
    uint8_t pending;      /* continuation bytes that UTF-8 still wants */
    uint8_t lower, upper; /* what the next of them may be */
} segment;

static const segment no_segment = {0, 0, 0, 0x80, 0xbf};

/* The byte at `at`, its escape undone; *at moves behind it. -1 for a bad escape. */
static int next_byte(rl_slice raw, size_t *at) {
    char byte = raw.ptr[*at];
    if (byte != '%') {
        *at += 1;
        return (unsigned char)byte;
    }
    if (*at + 2 >= raw.len)
        return -1;
    int high = rl_byte_hex(raw.ptr[*at + 1]);
    int low = rl_byte_hex(raw.ptr[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Unicode, table 3-7: the second byte of some sequences has a narrower range,
 * which shuts out overlong forms, surrogates and what is past U+10FFFF. */
static bool start_sequence(segment *seg, unsigned byte) {
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    seg->pending = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    seg->lower = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    seg->upper = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static bool see_byte(segment *seg, unsigned byte) {
    seg->len++;
    if (seg->pending > 0) {
        bool fits = byte >= seg->lower && byte <= seg->upper;
        seg->pending--;
        seg->lower = 0x80;
        seg->upper = 0xbf;
        return fits;
    }
    if (byte == '.')
        seg->dots++;
    if (byte < 0x80)
        return byte != 0 && byte != '\\';
    return start_sequence(seg, byte);
}

static bool is_sound(const segment *seg) {
    bool dot_segment = seg->len == seg->dots && (seg->dots == 1 || seg->dots == 2);
    return seg->pending == 0 && !dot_segment;
}

rl_err rl_target_check_path(rl_slice raw) {
    segment seg = no_segment;
    if (raw.len == 0 || raw.ptr[0] != '/')
        return RL_EINVAL;
    for (size_t at = 1; at < raw.len;) {
        if (raw.ptr[at] == '/') {
            if (!is_sound(&seg))
                return RL_EINVAL;
            seg = no_segment;
            at++;
            continue;
        }
        int byte = next_byte(raw, &at);
        if (byte < 0 || !see_byte(&seg, (unsigned)byte))
            return RL_EINVAL;
    }
    return is_sound(&seg) ? RL_OK : RL_EINVAL;
}

bool rl_target_next_segment(rl_slice *rest, rl_slice *raw_segment) {
    if (rest->len == 0)
        return false;
    const char *from = rest->ptr + 1;
    const char *end = rest->ptr + rest->len;
    const char *slash = memchr(from, '/', (size_t)(end - from));
    if (slash == NULL)
        slash = end;
    *raw_segment = rl_slice_of(from, (size_t)(slash - from));
    *rest = rl_slice_of(slash, (size_t)(end - slash));
    return true;
}

rl_err rl_target_decode(rl_slice raw, char *out, size_t *out_len, bool plus_is_space) {
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        bool plus = plus_is_space && raw.ptr[at] == '+';
        int byte = next_byte(raw, &at);
        if (byte < 0)
            return RL_EINVAL;
        out[len++] = plus ? ' ' : (char)byte;
    }
    *out_len = len;
    return RL_OK;
}

bool rl_query_next(rl_slice *rest, rl_slice *raw_key, rl_slice *raw_value) {
    rl_slice field = {NULL, 0};
    while (field.len == 0) {
        if (rest->len == 0)
            return false;
        const char *amp = memchr(rest->ptr, '&', rest->len);
        size_t len = amp == NULL ? rest->len : (size_t)(amp - rest->ptr);
        size_t taken = amp == NULL ? len : len + 1;
        field = rl_slice_of(rest->ptr, len);
        *rest = rl_slice_of(rest->ptr + taken, rest->len - taken);
    }
    const char *equals = memchr(field.ptr, '=', field.len);
    size_t key_len = equals == NULL ? field.len : (size_t)(equals - field.ptr);
    size_t value_at = equals == NULL ? field.len : key_len + 1;
    *raw_key = rl_slice_of(field.ptr, key_len);
    *raw_value = rl_slice_of(field.ptr + value_at, field.len - value_at);
    return true;
}
