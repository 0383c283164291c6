#include "base/record.h"

#include <math.h>
#include <stdio.h>

enum {
    TAIL = 48,        /* kept free for what closes a cut line: quote, mark, brace, newline, colour */
    MSG_WIDTH = 24,   /* readable: where the fields of most lines begin */
    NUMBER_MOST = 24, /* digits, sign and point of any 64-bit number */
    ESCAPE_MOST = 6   /* bytes that one byte may become */
};

/* Where the line grows. After a cut nothing more is taken. */
typedef struct sink {
    char *at;
    char *end; /* TAIL bytes before the true end */
    bool is_cut;
} sink;

static bool has_room(sink *out, size_t len) {
    if (RL_UNLIKELY(out->is_cut || (size_t)(out->end - out->at) < len))
        out->is_cut = true;
    return !out->is_cut;
}

static void put(sink *out, const char *ptr, size_t len) {
    if (!has_room(out, len))
        return;
    memcpy(out->at, ptr, len);
    out->at += len;
}

static void put_slice(sink *out, rl_slice text) {
    put(out, text.ptr, text.len);
}

/* Where room is known to be: after has_room, and for the closing bytes, which
 * TAIL keeps it for. */
static inline void add(sink *out, rl_slice text) {
    memcpy(out->at, text.ptr, text.len);
    out->at += text.len;
}

static void put_digits(sink *out, uint64_t number, unsigned width) {
    char digits[NUMBER_MOST];
    size_t from = sizeof digits;
    do {
        digits[--from] = (char)('0' + number % 10);
        number /= 10;
        width -= width > 0;
    } while (number > 0 || width > 0);
    if (has_room(out, sizeof digits - from))
        while (from < sizeof digits)
            *out->at++ = digits[from++];
}

static void put_int(sink *out, int64_t number) {
    if (number < 0)
        put(out, "-", 1);
    put_digits(out, number < 0 ? -(uint64_t)number : (uint64_t)number, 1);
}

static void put_ms(sink *out, double ms) {
    /* Beyond 2^53 microseconds (285 years) the digits would be noise. */
    if (!(fabs(ms) < 9007199254740.0)) {
        put(out, "null", 4);
        return;
    }
    uint64_t us = (uint64_t)(fabs(ms) * 1000.0 + 0.5);
    if (ms < 0 && us > 0)
        put(out, "-", 1);
    put_digits(out, us / 1000, 1);
    put(out, ".", 1);
    put_digits(out, us % 1000, 3);
}

/* ---- text of strangers ---------------------------------------------------- */

/* ASCII that stands for itself in every format. */
static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

/* Length of the well-formed UTF-8 sequence (RFC 3629) at `ptr`, its code point
 * in *code; 0 when there is none. */
static size_t decode_utf8(const unsigned char *ptr, size_t left, uint32_t *code) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = ptr[0] >= 0xf0 ? 4 : ptr[0] >= 0xe0 ? 3 : 2;
    if (ptr[0] < 0xc2 || ptr[0] > 0xf4 || len > left)
        return 0;
    uint32_t value = ptr[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((ptr[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (ptr[i] & 0x3fu);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return len;
}

/* C1 controls, line separators and what reorders the text around it: a terminal
 * or a viewer would obey them. */
static bool is_obeyed(uint32_t code) {
    return code <= 0x9f || code == 0x61c || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void put_code(sink *out, uint32_t code) {
    char text[8];
    put(out, text, (size_t)snprintf(text, sizeof text, "\\u%04x", (unsigned)code));
}

static void put_ascii_escape(sink *out, unsigned char ch) {
    switch (ch) {
    case '"': put(out, "\\\"", 2); break;
    case '\\': put(out, "\\\\", 2); break;
    case '\n': put(out, "\\n", 2); break;
    case '\r': put(out, "\\r", 2); break;
    case '\t': put(out, "\\t", 2); break;
    default: put_code(out, ch);
    }
}

/* One sequence that is not plain ASCII; returns how many bytes it took. JSON
 * has no escape for a byte, so there an invalid one becomes U+FFFD. */
static size_t put_special(sink *out, const unsigned char *ptr, size_t left, rl_log_format format) {
    if (ptr[0] < 0x80) {
        put_ascii_escape(out, ptr[0]);
        return 1;
    }
    uint32_t code = 0;
    size_t len = decode_utf8(ptr, left, &code);
    if (len > 0 && !is_obeyed(code)) {
        put(out, (const char *)ptr, len);
    } else if (len > 0) {
        put_code(out, code);
    } else if (format == RL_LOG_JSON) {
        put_code(out, 0xfffd);
    } else {
        char text[8];
        put(out, text, (size_t)snprintf(text, sizeof text, "\\x%02x", ptr[0]));
    }
    return len > 0 ? len : 1;
}

/* Whether one of eight bytes may not be plain. Bytewise arithmetic on a word:
 * (w - n) & ~w shows in its high bits which bytes are below n. */
static bool may_be_special(uint64_t word) {
    const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\', del = word ^ ones * 0x7f;
    uint64_t found = (word - ones * ' ') & ~word;
    found |= ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((del - ones) & ~del);
    return ((found | word) & highs) != 0;
}

/* Copies plain bytes up to `stop` as long as they come; eight at once, since
 * this is where a line spends its time. */
static const unsigned char *copy_plain(sink *out, const unsigned char *at, const unsigned char *stop) {
    char *to = out->at;
    for (uint64_t word; stop - at >= 8; at += 8, to += 8) {
        memcpy(&word, at, 8);
        if (may_be_special(word))
            break;
        memcpy(to, &word, 8);
    }
    while (at < stop && plain[*at])
        *to++ = (char)*at++;
    out->at = to;
    return at;
}

static void put_escaped(sink *out, rl_slice text, rl_log_format format) {
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    while (at < end && !out->is_cut) {
        size_t room = (size_t)(out->end - out->at);
        const unsigned char *stop = (size_t)(end - at) < room ? end : at + room;
        at = copy_plain(out, at, stop);
        if (at < stop)
            at += put_special(out, at, (size_t)(end - at), format);
        else
            out->is_cut = at < end;
    }
}

static void put_quoted(sink *out, rl_slice text, rl_log_format format) {
    if (!has_room(out, 1))
        return;
    *out->at++ = '"';
    put_escaped(out, text, format);
    add(out, RL_LIT("\""));
}

/* ---- time ----------------------------------------------------------------- */

typedef struct civil {
    unsigned year, month, day;
} civil;

/* The Gregorian date of a day counted from 1970-01-01. Counting years from
 * March puts the leap day last, so that month lengths follow one formula. Some
 * divisions are cheaper than a cached text, which threads would have to share. */
static civil civil_of(uint64_t days) {
    uint64_t from_march_0 = days + 719468; /* days from 0000-03-01 to 1970-01-01 */
    uint64_t era = from_march_0 / 146097;  /* of 400 years */
    unsigned of_era = (unsigned)(from_march_0 % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153; /* 0 is March */
    return (civil){
        .year = (unsigned)era * 400 + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

static void put_clock(sink *out, uint64_t unix_ms) {
    uint64_t s = unix_ms / 1000 % 86400;
    put_digits(out, s / 3600, 2);
    put(out, ":", 1);
    put_digits(out, s / 60 % 60, 2);
    put(out, ":", 1);
    put_digits(out, s % 60, 2);
    put(out, ".", 1);
    put_digits(out, unix_ms % 1000, 3);
}

static void put_time(sink *out, uint64_t unix_ms) {
    civil date = civil_of(unix_ms / 86400000);
    put_digits(out, date.year, 4);
    put(out, "-", 1);
    put_digits(out, date.month, 2);
    put(out, "-", 1);
    put_digits(out, date.day, 2);
    put(out, "T", 1);
    put_clock(out, unix_ms);
    put(out, "Z", 1);
}

/* ---- JSON ----------------------------------------------------------------- */

static void put_number_or_bool(sink *out, const rl_log_field *field) {
    if (field->type == RL_LOG_INT)
        put_int(out, field->as.integer);
    else if (field->type == RL_LOG_MS)
        put_ms(out, field->as.ms);
    else
        put_slice(out, field->as.boolean ? RL_LIT("true") : RL_LIT("false"));
}

static bool is_text(const rl_log_field *field) {
    return field->type == RL_LOG_STR || field->type == RL_LOG_TEXT;
}

static void put_json_field(sink *out, const rl_log_field *field) {
    /* All or nothing, so that a cut never leaves half a number or a lone key. */
    if (!has_room(out, field->key.len * ESCAPE_MOST + 6 + NUMBER_MOST))
        return;
    add(out, RL_LIT(",\""));
    put_escaped(out, field->key, RL_LOG_JSON);
    add(out, RL_LIT("\":"));
    if (is_text(field))
        put_quoted(out, field->as.str, RL_LOG_JSON);
    else
        put_number_or_bool(out, field);
}

static void write_json(const rl_record *record, sink *out) {
    put_slice(out, RL_LIT("{\"time\":\""));
    put_time(out, (uint64_t)record->unix_ms);
    put_slice(out, RL_LIT("\",\"level\":\""));
    put_slice(out, rl_slice_str(rl_log_level_name(record->level)));
    put_slice(out, RL_LIT("\",\"msg\":"));
    put_quoted(out, rl_slice_str(record->msg), RL_LOG_JSON);
    for (size_t i = 0; i < record->count; i++)
        put_json_field(out, &record->fields[i]);
    if (out->is_cut)
        add(out, RL_LIT(",\"cut\":true"));
    add(out, RL_LIT("}\n"));
}

/* ---- readable ------------------------------------------------------------- */

static void put_colour(sink *out, const rl_record *record, const char *code) {
    if (record->coloured)
        put_slice(out, rl_slice_str(code));
}

static bool needs_quotes(rl_slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (!plain[(unsigned char)text.ptr[i]] || text.ptr[i] == ' ')
            return true;
    return text.len == 0;
}

static void put_readable_field(sink *out, const rl_record *record, const rl_log_field *field) {
    if (!has_room(out, field->key.len * ESCAPE_MOST + 12 + NUMBER_MOST))
        return;
    put(out, " ", 1);
    put_colour(out, record, "\033[2m");
    put_escaped(out, field->key, RL_LOG_READABLE);
    put(out, "=", 1);
    put_colour(out, record, "\033[0m");
    if (!is_text(field))
        put_number_or_bool(out, field);
    else if (needs_quotes(field->as.str))
        put_quoted(out, field->as.str, RL_LOG_READABLE);
    else
        put_slice(out, field->as.str);
}

/* A line of code as it was written: no quote closes anything here. */
static void put_line_below(sink *out, const char *at, const char *stop) {
    while (at < stop) {
        const char *from = at;
        while (at < stop && *at != '"' && *at != '\t')
            at++;
        put_escaped(out, rl_slice_of(from, (size_t)(at - from)), RL_LOG_READABLE);
        for (; at < stop && (*at == '"' || *at == '\t'); at++)
            put_slice(out, *at == '"' ? RL_LIT("\"") : RL_LIT("  "));
    }
}

/* The bar before every line of the text is what keeps it from passing for a
 * line of the log. */
static void put_text_below(sink *out, rl_slice text) {
    const char *end = text.ptr + text.len;
    for (const char *at = text.ptr; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        put_slice(out, RL_LIT("\n    | "));
        put_line_below(out, at, stop);
        at = newline == NULL ? end : newline + 1;
    }
}

static void write_readable(const rl_record *record, sink *out) {
    static const char *const colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    put_colour(out, record, "\033[2m");
    put_clock(out, (uint64_t)(record->unix_ms + record->utc_offset_s * INT64_C(1000)));
    put_colour(out, record, "\033[0m");
    put(out, " ", 1);
    put_colour(out, record, colours[record->level]);
    rl_slice level = rl_slice_str(rl_log_level_name(record->level));
    put_slice(out, level);
    put_colour(out, record, "\033[0m");
    put(out, "      ", 6 - level.len);
    const char *msg_at = out->at;
    put_escaped(out, rl_slice_str(record->msg), RL_LOG_READABLE);
    while (record->count > 0 && out->at - msg_at < MSG_WIDTH)
        put(out, " ", 1);
    for (size_t i = 0; i < record->count; i++)
        if (record->fields[i].type != RL_LOG_TEXT)
            put_readable_field(out, record, &record->fields[i]);
    for (size_t i = 0; i < record->count; i++)
        if (record->fields[i].type == RL_LOG_TEXT)
            put_text_below(out, record->fields[i].as.str);
    if (out->is_cut)
        add(out, record->coloured ? RL_LIT("\033[0m (cut)") : RL_LIT(" (cut)"));
    add(out, RL_LIT("\n"));
}

size_t rl_record_write(const rl_record *record, char out[RL_LOG_LINE_MOST]) {
    sink to = {.at = out, .end = out + RL_LOG_LINE_MOST - TAIL};
    if (record->format == RL_LOG_JSON)
        write_json(record, &to);
    else
        write_readable(record, &to);
    return (size_t)(to.at - out);
}
