#include "http/byte.h"

/* One row for 16 bytes, from 0x00 on; each number is the sum of its classes.
 * A target may hold what browsers send: '{', '|' and such are not in RFC 3986's
 * grammar but common in queries, while `"`, '<' and '>' are always escaped. */
const uint8_t rl_byte_classes[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,  32,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
     32, 249,  32,  33, 249, 169, 249, 249, 248, 248, 249, 249, 232, 249, 185, 232,
    251, 251, 251, 251, 251, 251, 251, 251, 251, 251, 232, 248,  32, 248,  32,  40,
    232, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253,
    253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 232, 168, 232, 233, 249,
    233, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253,
    253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 232, 233, 232, 249,   0,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,
     32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32,  32
};

/* Eight bytes at a time: each of a word's bytes is 0x80 in the result when it is
 * below 0x20 (less 0x20 it is negative) or 0x7f (one more is 0x80). A byte behind
 * such a one, or behind 0xff, may be 0x80 without cause, as it was borrowed from or
 * carried to: so a hit in a value is looked at again. */
enum { WORD = sizeof(uint64_t) };
static const uint64_t ONES = UINT64_MAX / 255;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rl_byte_visible_len counts from the low end");

static uint64_t load_word(const char *ptr) {
    uint64_t word;
    memcpy(&word, ptr, WORD);
    return word;
}

static uint64_t controls_in(uint64_t word) {
    return ((word - ONES * 0x20) | (word + ONES)) & ~word & (ONES * 0x80);
}

size_t rl_byte_visible_len(rl_slice s) {
    size_t len = 0;
    for (; s.len - len >= WORD; len += WORD) {
        uint64_t word = load_word(s.ptr + len);
        uint64_t hits = controls_in(word) | (word & (ONES * 0x80));
        if (hits != 0) /* the first one is exact; little-endian, it is the lowest */
            return len + (size_t)__builtin_ctzll(hits) / 8;
    }
    while (len < s.len && s.ptr[len] >= 0x20 && s.ptr[len] < 0x7f)
        len++;
    return len;
}

static bool is_word_value(const char *ptr) {
    return controls_in(load_word(ptr)) == 0 || rl_byte_all(rl_slice_of(ptr, WORD), RL_BYTE_VALUE);
}

bool rl_byte_is_value(rl_slice s) {
    if (s.len < WORD)
        return rl_byte_all(s, RL_BYTE_VALUE);
    for (size_t at = 0; at + WORD < s.len; at += WORD)
        if (!is_word_value(s.ptr + at))
            return false;
    return is_word_value(s.ptr + s.len - WORD); /* the last one may overlap */
}
