#include "pg/sql.h"

#include <stdlib.h>

enum { WORD_MAX = 31 /* the longest word of the lists below is shorter */ };

typedef enum token { T_END, T_WORD, T_NAME, T_OPEN, T_DOT, T_OTHER } token;

typedef struct scan {
    const char *at, *end;
    char word[WORD_MAX + 1]; /* lower case; cut when longer, and then in no list */
} scan;

/* Sorted, for bsearch. Functions and the keywords that may stand before "(". */
static const char *const harmless[] = {
    "abs", "age", "all", "and", "any", "array", "array_agg", "array_append", "array_cat", "array_length",
    "array_position", "array_prepend", "array_remove", "array_replace", "array_to_json", "array_to_string",
    "as", "asc", "ascii", "avg", "between", "bit", "bit_and", "bit_length", "bit_or", "bool_and", "bool_or",
    "btrim", "by", "cardinality", "case", "cast", "ceil", "ceiling", "char", "char_length", "character",
    "chr", "clock_timestamp", "coalesce", "concat", "concat_ws", "conflict", "count", "cume_dist",
    "current_setting", "current_timestamp", "date", "date_bin", "date_part", "date_trunc", "decimal", "decode", "default",
    "degrees", "dense_rank", "distinct", "div", "else", "encode", "every", "except", "exists", "exp",
    "extract", "filter", "first_value", "float", "floor", "format", "from", "gen_random_uuid",
    "generate_series", "generate_subscripts", "greatest", "group", "having", "host", "in", "initcap",
    "intersect", "interval", "is", "join", "json_agg", "json_array_elements", "json_array_length",
    "json_build_array", "json_build_object", "json_each", "json_each_text", "json_extract_path",
    "json_object", "json_object_agg", "json_populate_recordset", "json_typeof", "jsonb_agg",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array",
    "jsonb_build_object", "jsonb_each", "jsonb_each_text", "jsonb_extract_path", "jsonb_object_agg",
    "jsonb_object_keys", "jsonb_set", "jsonb_strip_nulls", "jsonb_to_recordset", "jsonb_typeof", "lag",
    "last_value", "lateral", "lead", "least", "left", "length", "like", "limit", "ln", "localtimestamp",
    "log", "lower", "lpad", "ltrim", "make_date", "make_interval", "make_timestamp", "make_timestamptz",
    "materialized", "max", "md5", "min", "mod", "mode", "not", "now", "nth_value", "ntile", "nullif",
    "numeric", "octet_length", "offset", "on", "or", "order", "over", "overlay", "partition",
    "percent_rank", "percentile_cont", "percentile_disc", "pg_backend_pid", "pg_is_in_recovery", "pg_sleep",
    "phraseto_tsquery", "pi", "plainto_tsquery", "position", "power", "quote_ident", "quote_literal", "radians", "random",
    "rank", "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
    "regexp_split_to_table", "repeat", "replace", "returning", "reverse", "right", "round", "row",
    "row_number", "row_to_json", "rpad", "rtrim", "select", "set", "setweight", "sha256", "sign", "similar",
    "some", "split_part", "sqrt", "starts_with", "statement_timestamp", "stddev", "string_agg",
    "string_to_array", "strpos", "substr", "substring", "sum", "tablesample", "then", "time", "timestamp",
    "timestamptz", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp", "to_tsquery",
    "to_tsvector", "translate", "trim", "trunc", "ts_headline", "ts_rank", "union", "unnest", "upper",
    "using", "values", "varchar", "variance", "when", "where", "width_bucket", "with", "within",
};

static int compare_words(const void *a, const void *b) {
    return strcmp(a, *(const char *const *)b);
}

static bool is_harmless(const char *word) {
    return bsearch(word, harmless, sizeof harmless / sizeof *harmless, sizeof *harmless, compare_words) !=
           NULL;
}

static bool is_word_byte(char ch) {
    char low = rl_ascii_lower(ch);
    return (low >= 'a' && low <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '$' ||
           (ch & 0x80) != 0;
}

/* PostgreSQL's comments nest. */
static void skip_block_comment(scan *s) {
    unsigned depth = 0;
    do {
        bool pair = s->end - s->at >= 2;
        if (pair && s->at[0] == '/' && s->at[1] == '*') {
            depth++;
            s->at += 2;
        } else if (pair && s->at[0] == '*' && s->at[1] == '/') {
            depth--;
            s->at += 2;
        } else {
            s->at++;
        }
    } while (depth > 0 && s->at < s->end);
}

static void skip_blanks(scan *s) {
    while (s->at < s->end) {
        bool pair = s->end - s->at >= 2;
        if (strchr(" \t\r\n\f", *s->at) != NULL && *s->at != '\0')
            s->at++;
        else if (pair && s->at[0] == '-' && s->at[1] == '-')
            while (s->at < s->end && *s->at != '\n')
                s->at++;
        else if (pair && s->at[0] == '/' && s->at[1] == '*')
            skip_block_comment(s);
        else
            return;
    }
}

/* Past the closing quote; a doubled one stands for itself, and in an E'' string
 * a backslash takes the next byte with it. */
static void skip_quoted(scan *s, char quote, bool escapes) {
    for (s->at++; s->at < s->end; s->at++) {
        if (escapes && *s->at == '\\' && s->at + 1 < s->end)
            s->at++;
        else if (*s->at == quote && (s->at + 1 == s->end || s->at[1] != quote))
            break;
        else if (*s->at == quote)
            s->at++;
    }
    if (s->at < s->end)
        s->at++;
}

/* $tag$ ... $tag$; a lone $1 is a placeholder and is left to the caller. */
static bool skip_dollar_quoted(scan *s) {
    const char *tag_end = s->at + 1;
    if (tag_end < s->end && *tag_end >= '0' && *tag_end <= '9')
        return false;
    while (tag_end < s->end && *tag_end != '$' && is_word_byte(*tag_end))
        tag_end++;
    if (tag_end == s->end || *tag_end != '$')
        return false;
    size_t len = (size_t)(tag_end + 1 - s->at);
    for (const char *p = tag_end + 1; p + len <= s->end; p++) {
        if (memcmp(p, s->at, len) == 0) {
            s->at = p + len;
            return true;
        }
    }
    s->at = s->end;
    return true;
}

static token take_word(scan *s) {
    size_t len = 0, total = 0;
    for (; s->at < s->end && is_word_byte(*s->at); s->at++, total++)
        if (len < WORD_MAX)
            s->word[len++] = rl_ascii_lower(*s->at);
    s->word[len] = '\0';
    if (total > WORD_MAX)
        s->word[0] = '!'; /* too long for any list: must not match by its beginning */
    return T_WORD;
}

static token next_token(scan *s) {
    skip_blanks(s);
    if (s->at == s->end)
        return T_END;
    char ch = *s->at;
    if (ch == '\'') {
        skip_quoted(s, '\'', false);
        return T_OTHER;
    }
    if ((ch == 'e' || ch == 'E') && s->end - s->at >= 2 && s->at[1] == '\'') {
        s->at++;
        skip_quoted(s, '\'', true);
        return T_OTHER;
    }
    if (ch == '"') {
        skip_quoted(s, '"', false);
        return T_NAME;
    }
    if (ch == '$' && skip_dollar_quoted(s))
        return T_OTHER;
    if (is_word_byte(ch))
        return take_word(s);
    s->at++;
    return ch == '(' ? T_OPEN : ch == '.' ? T_DOT : T_OTHER;
}

static bool is_one_of(const char *word, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static bool is_control(const char *word) {
    static const char *const list[] = {"begin",     "start",   "commit", "end", "rollback",
                                       "savepoint", "release", "abort",  NULL};
    return is_one_of(word, list);
}

static bool is_session_verb(const char *word) {
    static const char *const list[] = {"set",     "reset",      "listen",  "unlisten", "load",
                                       "prepare", "deallocate", "discard", "execute",  NULL};
    return is_one_of(word, list);
}

/* SET LOCAL, SET TRANSACTION, PREPARE TRANSACTION: the word behind a session's verb that takes it back. */
static bool is_of_transaction(const char *word) {
    static const char *const list[] = {"local", "transaction", "constraints", NULL};
    return is_one_of(word, list);
}

static bool is_row_verb(const char *word) {
    static const char *const list[] = {"select", "insert", "update", "delete",
                                       "with",   "values", "table",  NULL};
    return is_one_of(word, list);
}

static bool is_write(const char *word) {
    static const char *const list[] = {"insert", "update", "delete", "merge", "into", NULL};
    return is_one_of(word, list);
}

/* A name after one of these is a table or an alias, and "(" begins its columns. */
static bool names_a_table(const char *word) {
    static const char *const list[] = {"into", "as", "with", "recursive", "table", NULL};
    return is_one_of(word, list);
}

/* What stood in front of a "(". */
typedef struct name {
    char last[WORD_MAX + 1];   /* "" for a quoted name: it is in no list */
    char before[WORD_MAX + 1]; /* the word in front of the whole, dotted name */
    bool dotted;
} name;

static void note_word(name *n, token kind, token previous, const char *word) {
    n->dotted = previous == T_DOT;
    if (!n->dotted)
        memcpy(n->before, n->last, sizeof n->before);
    if (kind == T_NAME)
        n->last[0] = '\0';
    else
        memcpy(n->last, word, sizeof n->last);
}

/* The word before tells a table with its columns from a call. A second CTE with
 * columns looks like a call: the scan errs to the careful side. */
static bool is_harmless_call(const name *n) {
    return names_a_table(n->before) || (!n->dotted && is_harmless(n->last));
}

/* pg_advisory_xact_lock and its like go with the transaction. */
static bool is_session_lock(const name *n) {
    return strncmp(n->last, "pg_advisory_lock", 16) == 0 || strncmp(n->last, "pg_try_advisory_lock", 20) == 0;
}

static void judge_stay(rl_sql_shape *shape, const name *n) {
    static const char *const makers[] = {"create", "replace", "local", "global", "into", NULL};
    bool is_temporary = strcmp(n->last, "temp") == 0 || strcmp(n->last, "temporary") == 0;
    bool is_held = strcmp(n->before, "with") == 0 && strcmp(n->last, "hold") == 0;
    if (is_held || (is_temporary && is_one_of(n->before, makers)))
        shape->stays = true;
    else if (is_session_verb(n->before) && is_of_transaction(n->last))
        shape->stays = false;
    else if (strcmp(n->before, "commit") == 0 && strcmp(n->last, "drop") == 0)
        shape->stays = false;
}

static void judge_word(rl_sql_shape *shape, const name *n) {
    if (is_write(n->last) || strcmp(n->last, "for") == 0)
        shape->reads = false; /* FOR UPDATE takes locks: not to be run again */
    if (strncmp(n->last, "temp", 4) == 0 && strcmp(n->before, "into") == 0)
        shape->plain = false;
}

rl_sql_shape rl_sql_classify(rl_slice sql) {
    scan s = {.at = sql.ptr, .end = sql.ptr + sql.len};
    token kind;
    do
        kind = next_token(&s);
    while (kind == T_OPEN); /* (select ...) union (select ...) */
    if (kind != T_WORD)
        return (rl_sql_shape){0};
    if (is_control(s.word))
        return (rl_sql_shape){.plain = true, .control = true};
    bool rows = is_row_verb(s.word);
    rl_sql_shape shape = {.plain = rows, .reads = rows, .stays = is_session_verb(s.word)};
    name n = {0};
    for (token previous = T_OTHER; kind != T_END; previous = kind, kind = next_token(&s)) {
        bool is_name = kind == T_WORD || kind == T_NAME;
        if (is_name) {
            note_word(&n, kind, previous, s.word);
            judge_word(&shape, &n);
            judge_stay(&shape, &n);
        } else if (kind == T_OPEN && (previous == T_WORD || previous == T_NAME)) {
            shape.plain = shape.plain && is_harmless_call(&n);
            shape.stays = shape.stays || is_session_lock(&n);
        }
    }
    return shape;
}

bool rl_sql_ends_transaction(rl_slice sql) {
    static const char *const enders[] = {"commit", "end", "rollback", "abort", NULL};
    scan s = {.at = sql.ptr, .end = sql.ptr + sql.len};
    if (next_token(&s) != T_WORD || !is_one_of(s.word, enders))
        return false;
    while (next_token(&s) == T_WORD) /* ROLLBACK WORK TO SAVEPOINT a */
        if (strcmp(s.word, "to") == 0)
            return false;
    return true;
}
