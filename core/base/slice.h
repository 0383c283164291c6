/* slice -- bytes that somebody else owns.
 *
 * A slice parameter is always borrowed: it lives as long as its owner says,
 * and may hold any byte, NUL too. `ptr` may be NULL only when `len` is 0. */
#ifndef RL_BASE_SLICE_H
#define RL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct rl_slice {
    const char *ptr;
    size_t len;
} rl_slice;

/* A slice over a string literal, its length known to the compiler. */
#define RL_LIT(text) ((rl_slice){"" text, sizeof(text) - 1})

static inline rl_slice rl_slice_of(const char *ptr, size_t len) {
    return (rl_slice){ptr, len};
}

static inline rl_slice rl_slice_str(const char *text) {
    return (rl_slice){text, strlen(text)};
}

static inline bool rl_slice_eq(rl_slice a, rl_slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII lower case; bytes outside A-Z stay. */
static inline char rl_ascii_lower(char ch) {
    return ch >= 'A' && ch <= 'Z' ? (char)(ch | 0x20) : ch;
}

/* Equal but for ASCII case, as HTTP compares field names (RFC 9110, 5.1). */
static inline bool rl_slice_ieq(rl_slice a, rl_slice b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.ptr[i] != b.ptr[i] && rl_ascii_lower(a.ptr[i]) != rl_ascii_lower(b.ptr[i]))
            return false;
    return true;
}

static inline bool rl_slice_has_prefix(rl_slice s, rl_slice prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* `s` without the spaces and tabs around it (OWS, RFC 9110, 5.6.3). */
static inline rl_slice rl_slice_trim(rl_slice s) {
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

#endif
