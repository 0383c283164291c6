/* number -- decimal text from and to doubles, exactly.
 *
 * Exactly: reading gives the double nearest to the text, writing the shortest
 * text that reads back as the same double. Neither is left to the C library
 * where that can be avoided, for it takes a microsecond where ours takes tens
 * of nanoseconds; where it is asked, the decimal point is the "C" locale's,
 * which nobody in a Rille process may change. */
#ifndef RL_JSON_NUMBER_H
#define RL_JSON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    RL_NUMBER_TEXT_CAP = 32,   /* room that every written number fits in */
    RL_NUMBER_READ_CAP = 1000, /* the longest number that is read */
};

/* The largest integer up to which a double holds every integer. */
#define RL_NUMBER_MAX_INTEGER 9007199254740992.0

/* What a scanner has found of a number: `digits` times 10 to the `exponent`. */
typedef struct rl_decimal {
    uint64_t digits; /* the first 19 significant ones */
    int exponent;
    bool is_cut; /* there were more than 19 */
    bool is_negative;
} rl_decimal;

/* The double nearest to `decimal`, which was scanned from `text` (at most
 * RL_NUMBER_READ_CAP bytes of RFC 8259's number grammar). May be infinite. */
double rl_number_read(rl_decimal decimal, rl_slice text);

/* Write finite `value` at `out`, without a NUL; returns the length. Integers up
 * to 2^53 have neither point nor exponent, and larger ones have an exponent: a
 * reader that guards its integers can tell them from a bigint. */
size_t rl_number_write(double value, char out[RL_NUMBER_TEXT_CAP]);

#endif
