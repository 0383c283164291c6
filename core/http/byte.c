#include "http/byte.h"

/* One row for 16 bytes, from 0x00 on; each number is the sum of its classes.
 * A target may hold what browsers send: '{', '|' and such are not in RFC 3986's
 * grammar but common in queries, while `"`, '<' and '>' are always escaped. */
const uint8_t rl_byte_classes[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,  32,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
     32, 121,  32,  33, 121,  57, 121, 121, 120, 120, 121, 121, 104, 121,  57, 104,
    123, 123, 123, 123, 123, 123, 123, 123, 123, 123, 104, 120,  32, 120,  32, 104,
    104, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125,
    125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 104,  40, 104, 105, 121,
    105, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125,
    125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 104, 105, 104, 121,   0,
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
 * below 0x20 or 0x7f. A byte behind such a one may be 0x80 without cause (the
 * subtraction borrows), so behind the first hit one has to look again. */
enum { WORD = sizeof(uint64_t) };
static const uint64_t ONES = UINT64_MAX / 255;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rl_byte_visible_len counts from the low end");

static uint64_t load_word(const char *ptr) {
    uint64_t word;
    memcpy(&word, ptr, WORD);
    return word;
}

static uint64_t controls_in(uint64_t word) {
    uint64_t deleted = word ^ (ONES * 0x7f);
    return (((word - ONES * 0x20) & ~word) | ((deleted - ONES) & ~deleted)) & (ONES * 0x80);
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
