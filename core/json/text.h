/* text -- what the bytes inside a JSON string may be (RFC 8259, 7 and 8.1).
 *
 * Reader and writer look for the same four kinds of byte, because they are all
 * that may not stand in a string as themselves: the quote, the backslash, a
 * control character, and the first byte of a longer UTF-8 sequence, which has
 * to be proved valid. Runs of anything else are skipped eight bytes at a time. */
#ifndef RL_JSON_TEXT_H
#define RL_JSON_TEXT_H

#include <stdint.h>

#include "base/slice.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lowest byte of a word must be the first");

/* The high bit of each byte of `word` that is special. Flags above the lowest
 * one may be false, as a subtraction borrows; the lowest never is. */
static inline uint64_t rl_json_special_bits(uint64_t word) {
    const uint64_t each = 0x0101010101010101u;
    uint64_t quote = (word ^ each * '"') - each;
    uint64_t backslash = (word ^ each * '\\') - each;
    uint64_t control = word - each * 0x20;
    return (quote | backslash | control | word) & each * 0x80;
}

/* How many of the `len` bytes at `ptr` come before the first special one. */
static inline size_t rl_json_plain_len(const char *ptr, size_t len) {
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, ptr + i, sizeof word);
        uint64_t special = rl_json_special_bits(word);
        if (special != 0)
            return i + (size_t)__builtin_ctzll(special) / 8;
    }
    for (; i < len; i++) {
        unsigned char ch = (unsigned char)ptr[i];
        if (ch < 0x20 || ch >= 0x80 || ch == '"' || ch == '\\')
            break;
    }
    return i;
}

static inline bool rl_json_is_continuation(const char *ptr) {
    return ((unsigned char)*ptr & 0xC0) == 0x80;
}

/* The length of the UTF-8 sequence of two to four bytes at `ptr`, or 0 when it
 * is none: cut short, overlong, a surrogate, beyond U+10FFFF (RFC 3629, 4). */
static inline size_t rl_json_utf8_len(const char *ptr, size_t len) {
    unsigned char first = (unsigned char)ptr[0];
    unsigned char second = len < 2 ? 0 : (unsigned char)ptr[1];
    if (first < 0xC2 || first > 0xF4 || (second & 0xC0) != 0x80)
        return 0;
    if (first < 0xE0)
        return 2;
    if (len < 3 || !rl_json_is_continuation(ptr + 2))
        return 0;
    if (first < 0xF0)
        return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3;
    if (len < 4 || !rl_json_is_continuation(ptr + 3))
        return 0;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
}

#endif
