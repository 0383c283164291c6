#include "json/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* 10^22 is the last power of ten that a double holds exactly, 10^27 the last
 * one for the 64 bits of x87's extended format. */
enum { MAX_DOUBLE_POWER = 22, MAX_LONG_POWER = 27 };

enum { SMALL = 10000 /* integers below it have four digits at most */ };

#if LDBL_MANT_DIG == 64
static const long double long_powers[MAX_LONG_POWER + 1] = {
    1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
    1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
#endif
static const double powers[MAX_DOUBLE_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#if LDBL_MANT_DIG == 64
/* One operation on two exact operands is right to half a unit of the 64 bits,
 * so rounding it once more to 53 can only go astray when the 11 bits that fall
 * away say "just half": then somebody else must decide. */
static bool scale_in_extended(uint64_t digits, int exponent, double *out) {
    if (exponent < -MAX_LONG_POWER || exponent > MAX_LONG_POWER)
        return false;
    long double value = exponent < 0 ? (long double)digits / long_powers[-exponent]
                                     : (long double)digits * long_powers[exponent];
    uint64_t mantissa;
    memcpy(&mantissa, &value, sizeof mantissa);
    uint64_t dropped = mantissa & 0x7FF;
    if (dropped >= 0x3FF && dropped <= 0x401)
        return false;
    *out = (double)value;
    return true;
}
#else
static bool scale_in_extended(uint64_t digits, int exponent, double *out) {
    (void)digits, (void)exponent, (void)out;
    return false;
}
#endif

/* The double nearest to digits * 10^exponent, if it can be had without a
 * bignum: two exact doubles and one operation are rounded once, so right. */
static bool scale(uint64_t digits, int exponent, double *out) {
    if (digits > (uint64_t)RL_NUMBER_MAX_INTEGER || exponent < -MAX_DOUBLE_POWER ||
        exponent > MAX_DOUBLE_POWER)
        return digits != 0 && scale_in_extended(digits, exponent, out);
    *out = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    return true;
}

double rl_number_read(rl_decimal decimal, rl_slice text) {
    double value;
    if (decimal.digits == 0)
        return decimal.is_negative ? -0.0 : 0.0;
    if (!decimal.is_cut && scale(decimal.digits, decimal.exponent, &value))
        return decimal.is_negative ? -value : value;
    char copy[RL_NUMBER_READ_CAP + 1]; /* strtod wants a NUL, which the text has not */
    assert(text.len <= RL_NUMBER_READ_CAP);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return strtod(copy, NULL);
}

static size_t count_digits(uint64_t value) {
    size_t count = 1;
    for (; value >= 10000; value /= 10000)
        count += 4;
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* What most integers of an app are: without a loop. */
static size_t write_small(unsigned value, char *out) {
    if (value >= 1000) {
        memcpy(out, pairs + value / 100 * 2, 2);
        memcpy(out + 2, pairs + value % 100 * 2, 2);
        return 4;
    }
    if (value >= 100) {
        *out = (char)('0' + value / 100);
        memcpy(out + 1, pairs + value % 100 * 2, 2);
        return 3;
    }
    if (value >= 10) {
        memcpy(out, pairs + value * 2, 2);
        return 2;
    }
    *out = (char)('0' + value);
    return 1;
}

/* From the last digit on, two at a time. */
static size_t write_integer(uint64_t value, char *out) {
    size_t len = count_digits(value);
    char *at = out + len;
    for (; value >= 10; value /= 100)
        memcpy(at -= 2, pairs + value % 100 * 2, 2);
    if (at > out)
        *out = (char)('0' + value);
    return len;
}

/* The least of 15, 16 and 17 digits that read back as `value`. A text of 15
 * digits always survives the way through a double, so if `value` came from
 * one, the 15 digits nearest to it are that text (and maybe zeros, which the
 * caller strips); 17 are always enough. */
#if LDBL_MANT_DIG == 64
static bool shortest_in_extended(double value, rl_decimal *out) {
    static const double bounds[] = {1e15, 1e16, 1e17};
    if (value < 1e-10 || value > 1e21) /* the powers below then stay within the table */
        return false;
    int exponent2;
    (void)frexp(value, &exponent2);
    int magnitude = (int)floor((exponent2 - 1) * 0.30102999566398120); /* log10, at most one too low */
    for (int i = 0; i < 3; i++) {
        int exponent = magnitude - 14 - i;
        long double scaled = exponent > 0 ? (long double)value / long_powers[exponent]
                                          : (long double)value * long_powers[-exponent];
        if (roundl(scaled) >= (long double)bounds[i]) {
            magnitude++;
            i--;
            continue;
        }
        *out = (rl_decimal){.digits = (uint64_t)llrintl(scaled), .exponent = exponent};
        double back;
        if (scale(out->digits, exponent, &back) && back == value)
            return true;
    }
    return false;
}
#else
static bool shortest_in_extended(double value, rl_decimal *out) {
    (void)value, (void)out;
    return false;
}
#endif

static rl_decimal shortest(double value) {
    rl_decimal decimal;
    if (shortest_in_extended(value, &decimal))
        return decimal;
    char text[RL_NUMBER_TEXT_CAP];
    /* Below DBL_MIN a double has fewer bits, and a text of 15 digits too many. */
    for (int precision = value < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    decimal = (rl_decimal){.digits = 0};
    const char *at = text;
    for (int after_point = 0; *at != 'e'; at++) {
        if (*at == '.') {
            after_point = 1;
            continue;
        }
        decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
        decimal.exponent -= after_point;
    }
    decimal.exponent += (int)strtol(at + 1, NULL, 10);
    return decimal;
}

/* "12.5e-7" as people write it: one digit, the point, the others, the power. */
static size_t write_scientific(const char *digits, size_t count, int exponent, char *out) {
    int power = exponent + (int)count - 1;
    size_t len = 0;
    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, count - 1);
        len += count - 1;
    }
    out[len++] = 'e';
    out[len++] = power < 0 ? '-' : '+';
    return len + write_integer((uint64_t)abs(power), out + len);
}

static size_t write_positional(const char *digits, size_t count, size_t fraction, char *out) {
    size_t len = 0;
    if (fraction >= count) {
        memcpy(out, "0.", 2);
        len = 2 + (fraction - count);
        memset(out + 2, '0', fraction - count);
    } else {
        size_t whole = count - fraction;
        memcpy(out, digits, whole);
        out[whole] = '.';
        len = whole + 1;
        digits += whole;
        count = fraction;
    }
    memcpy(out + len, digits, count);
    return len + count;
}

static size_t write_fraction(double value, char *out) {
    rl_decimal decimal = shortest(value);
    for (; decimal.digits % 10000 == 0; decimal.exponent += 4)
        decimal.digits /= 10000;
    for (; decimal.digits % 10 == 0; decimal.exponent++)
        decimal.digits /= 10;
    char digits[20];
    size_t count = write_integer(decimal.digits, digits);
    /* Up to five zeros behind the point are still easy to read. */
    if (decimal.exponent < 0 && decimal.exponent >= -(int)count - 5)
        return write_positional(digits, count, (size_t)-decimal.exponent, out);
    return write_scientific(digits, count, decimal.exponent, out);
}

static size_t write_other(double value, char *out) {
    size_t len = 0;
    if (signbit(value)) {
        out[len++] = '-';
        value = -value;
    }
    if (value <= RL_NUMBER_MAX_INTEGER && (double)(int64_t)value == value)
        return len + write_integer((uint64_t)(int64_t)value, out + len);
    return len + write_fraction(value, out + len);
}

size_t rl_number_write(double value, char out[RL_NUMBER_TEXT_CAP]) {
    if (RL_LIKELY(value > 0 && value < SMALL && (double)(unsigned)value == value))
        return write_small((unsigned)value, out);
    return write_other(value, out);
}
