#include "vm/config_line.h"

#include <ctype.h>
#include <stdint.h>

typedef struct reader {
    rl_slice text;
    size_t at;
    unsigned line, braces;
} reader;

static char peek(const reader *r, size_t ahead) {
    return r->at + ahead < r->text.len ? r->text.ptr[r->at + ahead] : '\0';
}

static void step(reader *r) {
    r->line += r->text.ptr[r->at++] == '\n';
}

static bool is_word(char ch) {
    return isalnum((unsigned char)ch) || ch == '_';
}

/* The level of the long bracket that opens here, [[ or [=[ and so on; -1: none does. */
static int long_level(const reader *r) {
    int level = 0;
    if (peek(r, 0) != '[')
        return -1;
    while (peek(r, 1 + (size_t)level) == '=')
        level++;
    return peek(r, 1 + (size_t)level) == '[' ? level : -1;
}

static bool closes(const reader *r, int level) {
    if (peek(r, 0) != ']' || peek(r, 1 + (size_t)level) != ']')
        return false;
    for (size_t i = 1; i <= (size_t)level; i++)
        if (peek(r, i) != '=')
            return false;
    return true;
}

static void skip_long(reader *r, int level) {
    while (r->at < r->text.len && !closes(r, level))
        step(r);
}

static void skip_comment(reader *r) {
    r->at += 2;
    int level = long_level(r);
    if (level >= 0) {
        skip_long(r, level);
        return;
    }
    while (r->at < r->text.len && peek(r, 0) != '\n')
        r->at++;
}

/* Moves behind the string that opens here; what it holds. */
static rl_slice skip_string(reader *r) {
    char quote = peek(r, 0);
    size_t from = ++r->at;
    while (r->at < r->text.len && peek(r, 0) != quote) {
        if (peek(r, 0) == '\\' && r->at + 1 < r->text.len)
            step(r);
        step(r);
    }
    rl_slice held = rl_slice_of(r->text.ptr + from, r->at - from);
    if (r->at < r->text.len)
        r->at++;
    return held;
}

static rl_slice skip_word(reader *r) {
    size_t from = r->at;
    while (is_word(peek(r, 0)))
        r->at++;
    return rl_slice_of(r->text.ptr + from, r->at - from);
}

static bool is_assigned(const reader *r) {
    reader ahead = *r;
    while (ahead.at < ahead.text.len && isspace((unsigned char)peek(&ahead, 0)))
        step(&ahead);
    return peek(&ahead, 0) == '=' && peek(&ahead, 1) != '=';
}

/* Moves behind the next thing that is no space; whether it is an assigned name, then `out`. */
static bool next_name(reader *r, rl_slice *out, rl_config_line *where) {
    char ch = peek(r, 0);
    *where = (rl_config_line){.line = r->line, .at = r->at, .braces = r->braces};
    if (is_word(ch)) {
        *out = skip_word(r);
        return is_assigned(r);
    }
    if (ch == '-' && peek(r, 1) == '-') {
        skip_comment(r);
    } else if (ch == '"' || ch == '\'') {
        bool is_index = r->at > 0 && r->text.ptr[r->at - 1] == '[';
        *out = skip_string(r);
        if (is_index && peek(r, 0) == ']') {
            r->at++;
            return is_assigned(r);
        }
    } else if (long_level(r) >= 0) {
        skip_long(r, long_level(r));
    } else {
        r->braces += ch == '{';
        r->braces -= ch == '}' && r->braces > 0;
        step(r);
    }
    return false;
}

/* Whether what `parent` is set to ends at the reader, which has been `inside` its braces or not. */
static bool is_over(const reader *r, const rl_config_line *parent, bool was_inside) {
    if (parent == NULL)
        return false;
    if (was_inside)
        return r->braces <= parent->braces;
    return peek(r, 0) == ',' || peek(r, 0) == ';' || r->braces < parent->braces;
}

rl_config_line rl_config_line_find(rl_slice text, const rl_config_line *parent, rl_slice name) {
    reader r = {.text = text, .line = 1};
    rl_config_line best = {.braces = UINT32_MAX}, where;
    if (parent != NULL) {
        r.at = parent->at;
        r.line = parent->line;
        r.braces = parent->braces;
    }
    bool was_inside = false;
    while (r.at < text.len && !is_over(&r, parent, was_inside)) {
        rl_slice found;
        bool is_inside = parent == NULL || r.braces > parent->braces;
        bool is_name = next_name(&r, &found, &where);
        if (is_name && is_inside && where.braces < best.braces && rl_slice_eq(found, name))
            best = where;
        was_inside |= is_inside;
    }
    return best.line == 0 && parent != NULL ? *parent : best;
}
