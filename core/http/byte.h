/* byte -- the classes of bytes that HTTP's grammar is written in. */
#ifndef RL_HTTP_BYTE_H
#define RL_HTTP_BYTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The classes one byte is in, a set of RL_BYTE_*. */
enum {
    RL_BYTE_TOKEN = 1, /* tchar (RFC 9110, 5.6.2) */
    RL_BYTE_DIGIT = 2,
    RL_BYTE_ALPHA = 4,
    RL_BYTE_TARGET = 8, /* what a request target may hold */
    RL_BYTE_NAME = 16,  /* of a reg-name (RFC 3986, 3.2.2), escapes apart; but ',': it could join two Hosts */
    RL_BYTE_VALUE = 32, /* of a field value: anything but control bytes, HTAB apart */
    RL_BYTE_PLAIN = 64, /* of a path, but '%', '.' and '\\': it means nothing but itself */
    RL_BYTE_PATH = 128  /* of a target, but '?' */
};

extern const uint8_t rl_byte_classes[256];

static inline bool rl_byte_is(char byte, unsigned classes) {
    return (rl_byte_classes[(unsigned char)byte] & classes) != 0;
}

/* The first place from `from` on whose byte is of none of `classes`; s.len when all are. */
static inline size_t rl_byte_span(rl_slice s, size_t from, unsigned classes) {
    while (from < s.len && rl_byte_is(s.ptr[from], classes))
        from++;
    return from;
}

/* Every byte of `s` is of one of `classes`. True for the empty slice. */
static inline bool rl_byte_all(rl_slice s, unsigned classes) {
    return rl_byte_span(s, 0, classes) == s.len;
}

/* How many bytes at the front of `s` are visible ASCII or a space. */
size_t rl_byte_visible_len(rl_slice s);
/* As rl_byte_all(s, RL_BYTE_VALUE), faster on long ones. */
bool rl_byte_is_value(rl_slice s);

/* The value of a hex digit, -1 for any other byte. */
static inline int rl_byte_hex(char byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char low = rl_ascii_lower(byte);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

#endif
