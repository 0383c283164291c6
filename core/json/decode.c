#include "json/decode.h"

#include <assert.h>
#include <math.h>

#include "json/number.h"
#include "json/text.h"

void rl_json_reader_init(rl_json_reader *reader, rl_slice text, const rl_json_limits *limits) {
    assert(limits->max_depth <= RL_JSON_MAX_DEPTH && limits->max_number_len <= RL_NUMBER_READ_CAP);
    reader->start = reader->at = text.len == 0 ? "" : text.ptr;
    reader->end = reader->start + text.len;
    reader->limits = *limits;
    reader->depth = reader->values = 0;
    reader->expects = RL_JSON_EXPECTS_VALUE;
    reader->in_object = false;
    reader->reason = NULL;
    reader->passed = 0;
    reader->failed_at = 0;
}

rl_err rl_json_reject(rl_json_reader *reader, size_t offset, const char *reason) {
    reader->failed_at = offset;
    reader->reason = reason;
    return RL_EINVAL;
}

static __attribute__((cold)) rl_err fail(rl_json_reader *reader, const char *at, const char *reason) {
    return rl_json_reject(reader, (size_t)(at - reader->start),
                          at == reader->end ? "the text ends too early" : reason);
}

static __attribute__((cold)) rl_err fail_limit(rl_json_reader *reader, const char *at, const char *what,
                                               size_t limit) {
    reader->failed_at = (size_t)(at - reader->start);
    reader->reason = what;
    reader->passed = limit;
    return RL_EFULL;
}

static inline bool is_digit(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

static inline void skip_space(rl_json_reader *reader) {
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* ---- strings ---------------------------------------------------------------- */

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char ch) {
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* The four digits of a `\uXXXX` at `at`; -1 when it is none. */
static int code_unit(const char *at, const char *end) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static inline bool is_high_surrogate(int unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static inline bool is_low_surrogate(int unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Pass the escape at *at. */
static rl_err check_escape(rl_json_reader *reader, const char **at) {
    const char *escape = *at;
    if (reader->end - escape < 2)
        return fail(reader, reader->end, "");
    if (escape[1] != 'u') {
        if (escape[1] == '\0' || strchr("\"\\/bfnrt", escape[1]) == NULL)
            return fail(reader, escape, "an unknown escape behind the backslash");
        *at = escape + 2;
        return RL_OK;
    }
    int unit = code_unit(escape, reader->end);
    if (unit < 0)
        return fail(reader, escape, "\\u must be followed by four hexadecimal digits");
    if (is_high_surrogate(unit) && is_low_surrogate(code_unit(escape + 6, reader->end))) {
        *at = escape + 12;
        return RL_OK;
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit))
        return fail(reader, escape, "half of a surrogate pair");
    *at = escape + 6;
    return RL_OK;
}

/* Pass the UTF-8 sequences at *at: they seldom come alone. */
static rl_err check_utf8(rl_json_reader *reader, const char **at) {
    const char *p = *at;
    while (p < reader->end && (unsigned char)*p >= 0x80) {
        size_t len = rl_json_utf8_len(p, (size_t)(reader->end - p));
        if (len == 0)
            return fail(reader, p, "invalid UTF-8");
        p += len;
    }
    *at = p;
    return RL_OK;
}

static rl_err read_string(rl_json_reader *reader, rl_json_token *token) {
    const char *at = reader->at + 1;
    token->is_escaped = false;
    for (;;) {
        at += rl_json_plain_len(at, (size_t)(reader->end - at));
        if (at == reader->end)
            return fail(reader, at, "");
        if (*at == '"')
            break;
        rl_err err;
        if (*at == '\\') {
            token->is_escaped = true;
            err = check_escape(reader, &at);
        } else if ((unsigned char)*at >= 0x80) {
            err = check_utf8(reader, &at);
        } else {
            err = fail(reader, at, "a control character in a string must be escaped");
        }
        if (err != RL_OK)
            return err;
    }
    token->text = rl_slice_of(reader->at + 1, (size_t)(at - reader->at - 1));
    reader->at = at + 1;
    return RL_OK;
}

static size_t put_utf8(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00 >> len & 0xFF) | code);
    return len;
}

/* The character that a one-letter escape stands for. */
static char unescaped(char letter) {
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

size_t rl_json_unescape(rl_slice text, char *out) {
    const char *at = text.ptr;
    const char *end = at + text.len;
    char *to = out;
    for (;;) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t len = (size_t)((escape == NULL ? end : escape) - at);
        memcpy(to, at, len);
        to += len;
        if (escape == NULL)
            return (size_t)(to - out);
        if (escape[1] != 'u') {
            *to++ = unescaped(escape[1]);
            at = escape + 2;
            continue;
        }
        uint32_t code = (uint32_t)code_unit(escape, end);
        at = escape + 6;
        if (is_high_surrogate((int)code)) {
            code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)code_unit(at, end) - 0xDC00);
            at += 6;
        }
        to += put_utf8(code, to);
    }
}

/* ---- numbers ---------------------------------------------------------------- */

/* Add the run of digits at `at` to `decimal`; returns its end. */
static const char *scan_digits(rl_decimal *decimal, const char *at, const char *end) {
    for (; is_digit(at, end); at++) {
        if (decimal->digits >= 1000000000000000000u) /* 19 digits, and any 20th might overflow */
            decimal->is_cut = true;
        else
            decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
    }
    return at;
}

/* The end of the exponent at `at`, or NULL when there are no digits. */
static const char *scan_exponent(rl_decimal *decimal, const char *at, const char *end) {
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, end))
        return NULL;
    int exponent = 0;
    for (; is_digit(at, end); at++)
        if (exponent < 100000) /* beyond any double, whatever the digits before it */
            exponent = exponent * 10 + (*at - '0');
    decimal->exponent += is_negative ? -exponent : exponent;
    return at;
}

static rl_err read_number(rl_json_reader *reader, rl_json_token *token) {
    const char *end = reader->end;
    const char *at = reader->at;
    rl_decimal decimal = {.is_negative = *at == '-'};
    at += decimal.is_negative;
    if (!is_digit(at, end))
        return fail(reader, at, "a minus sign must be followed by a digit");
    if (*at == '0' && is_digit(at + 1, end))
        return fail(reader, reader->at, "a number may not begin with 0");
    at = scan_digits(&decimal, at, end);
    bool is_integer = true;
    if (at < end && *at == '.') {
        is_integer = false;
        const char *fraction = at + 1;
        if (!is_digit(fraction, end))
            return fail(reader, fraction, "a decimal point must be followed by a digit");
        at = scan_digits(&decimal, fraction, end);
        decimal.exponent -= (int)(at - fraction < 100000 ? at - fraction : 100000);
    }
    if (at < end && (*at | 0x20) == 'e') {
        is_integer = false;
        const char *exponent = at + 1;
        at = scan_exponent(&decimal, exponent, end);
        if (at == NULL)
            return fail(reader, exponent, "an exponent must have a digit");
    }
    token->text = rl_slice_of(reader->at, (size_t)(at - reader->at));
    if (token->text.len > reader->limits.max_number_len)
        return fail_limit(reader, reader->at, "a number longer", reader->limits.max_number_len);
    token->type = RL_JSON_NUMBER;
    if (is_integer && (decimal.is_cut || decimal.digits > (uint64_t)RL_NUMBER_MAX_INTEGER)) {
        token->type = RL_JSON_BIGINT;
    } else {
        token->number = rl_number_read(decimal, token->text);
        if (isinf(token->number))
            return fail(reader, reader->at, "a number beyond what a double can hold");
    }
    reader->at = at;
    return RL_OK;
}

/* ---- structure -------------------------------------------------------------- */

static rl_err read_word(rl_json_reader *reader, rl_json_token *token, rl_json_type type, rl_slice word) {
    if (!rl_slice_has_prefix(rl_slice_of(reader->at, (size_t)(reader->end - reader->at)), word))
        return fail(reader, reader->at, "expected a value");
    token->type = type;
    reader->at += word.len;
    return RL_OK;
}

static rl_err open_container(rl_json_reader *reader, rl_json_token *token, bool is_object) {
    size_t depth = reader->depth;
    if (depth == reader->limits.max_depth)
        return fail_limit(reader, reader->at, "deeper nesting", depth);
    uint64_t bit = (uint64_t)1 << depth % 64;
    if (is_object)
        reader->objects[depth / 64] |= bit;
    else
        reader->objects[depth / 64] &= ~bit;
    reader->depth = depth + 1;
    reader->in_object = is_object;
    reader->expects = is_object ? RL_JSON_EXPECTS_KEY_OR_END : RL_JSON_EXPECTS_ITEM_OR_END;
    token->type = is_object ? RL_JSON_OBJECT : RL_JSON_ARRAY;
    reader->at++;
    return RL_OK;
}

static rl_err close_container(rl_json_reader *reader, rl_json_token *token) {
    size_t depth = --reader->depth;
    reader->in_object = depth > 0 && (reader->objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1) != 0;
    reader->expects = RL_JSON_EXPECTS_MORE;
    token->type = RL_JSON_END;
    reader->at++;
    return RL_OK;
}

static rl_err fail_value(rl_json_reader *reader) {
    rl_slice rest = rl_slice_of(reader->at, (size_t)(reader->end - reader->at));
    if (reader->at == reader->start && rl_slice_has_prefix(rest, RL_LIT("\xEF\xBB\xBF")))
        return fail(reader, reader->at, "a byte order mark is not allowed");
    return fail(reader, reader->at, "expected a value");
}

static rl_err read_value(rl_json_reader *reader, rl_json_token *token) {
    reader->expects = RL_JSON_EXPECTS_VALUE; /* a failure's path then counts this value */
    if (reader->at == reader->end)
        return fail(reader, reader->at, "");
    if (++reader->values > reader->limits.max_values)
        return fail_limit(reader, reader->at, "more values", reader->limits.max_values);
    rl_err err;
    switch (*reader->at) {
    case '{': return open_container(reader, token, true);
    case '[': return open_container(reader, token, false);
    case '"':
        token->type = RL_JSON_STRING;
        err = read_string(reader, token);
        break;
    case 'n': err = read_word(reader, token, RL_JSON_NULL, RL_LIT("null")); break;
    case 't': err = read_word(reader, token, RL_JSON_TRUE, RL_LIT("true")); break;
    case 'f': err = read_word(reader, token, RL_JSON_FALSE, RL_LIT("false")); break;
    default:
        if (*reader->at != '-' && !is_digit(reader->at, reader->end))
            return fail_value(reader);
        err = read_number(reader, token);
    }
    if (err == RL_OK)
        reader->expects = RL_JSON_EXPECTS_MORE;
    return err;
}

/* The key and the colon behind it. */
static rl_err read_key(rl_json_reader *reader, rl_json_token *token) {
    if (reader->at == reader->end || *reader->at != '"')
        return fail(reader, reader->at, "expected a key in double quotes");
    token->type = RL_JSON_KEY;
    rl_err err = read_string(reader, token);
    if (err != RL_OK)
        return err;
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return fail(reader, reader->at, "expected a colon behind the key");
    reader->at++;
    reader->expects = RL_JSON_EXPECTS_VALUE;
    return RL_OK;
}

/* Behind a value: the next one, the container's end, or the text's. */
static rl_err read_more(rl_json_reader *reader, rl_json_token *token) {
    if (reader->depth == 0) {
        if (reader->at < reader->end)
            return fail(reader, reader->at, "nothing may follow the value");
        token->type = RL_JSON_DONE;
        return RL_OK;
    }
    char ch = '\0';
    if (reader->at < reader->end)
        ch = *reader->at;
    if (ch == (reader->in_object ? '}' : ']'))
        return close_container(reader, token);
    if (ch != ',')
        return fail(reader, reader->at,
                    reader->in_object ? "expected a comma or }" : "expected a comma or ]");
    reader->at++;
    skip_space(reader);
    token->offset = (size_t)(reader->at - reader->start);
    if (!reader->in_object)
        return read_value(reader, token);
    reader->expects = RL_JSON_EXPECTS_KEY;
    return read_key(reader, token);
}

rl_err rl_json_next(rl_json_reader *reader, rl_json_token *token) {
    if (RL_UNLIKELY((size_t)(reader->end - reader->start) > reader->limits.max_bytes))
        return fail_limit(reader, reader->start, "more bytes", reader->limits.max_bytes);
    skip_space(reader);
    token->offset = (size_t)(reader->at - reader->start);
    char closing = reader->expects == RL_JSON_EXPECTS_ITEM_OR_END ? ']' : '}';
    switch (reader->expects) {
    case RL_JSON_EXPECTS_MORE: return read_more(reader, token);
    case RL_JSON_EXPECTS_KEY: return read_key(reader, token);
    case RL_JSON_EXPECTS_VALUE: return read_value(reader, token);
    case RL_JSON_EXPECTS_ITEM_OR_END:
    case RL_JSON_EXPECTS_KEY_OR_END: break;
    }
    if (reader->at < reader->end && *reader->at == closing)
        return close_container(reader, token);
    return reader->in_object ? read_key(reader, token) : read_value(reader, token);
}
