/* decode -- a strict reader of JSON texts (RFC 8259), one token at a time.
 *
 *     {"items": [1, "a"]}
 *     |  |      ||   |  ||
 *     OBJECT    ||   |  |END of the object, then DONE
 *        KEY    ||   |  END of the array
 *           ARRAY|   STRING
 *                NUMBER
 *
 * It owns nothing and allocates nothing: tokens point into the text, and the
 * reader itself is a few words and one bit for each open container. So there is
 * nothing to clean up when the caller is thrown out of its loop by a Lua error.
 *
 * Strict means: valid UTF-8 without a byte order mark, surrogates only as pairs
 * of escapes, numbers by the grammar and within a double's range, one value and
 * nothing behind it. `\u0000` is a character like any other. Duplicate keys are
 * the caller's affair, who has to look keys up anyhow. What a failure means to a
 * human is core/json/error.h's. */
#ifndef RL_JSON_DECODE_H
#define RL_JSON_DECODE_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { RL_JSON_MAX_DEPTH = 512 };

/* What a stranger may make us do. A text of 8 MB of "[]," is legal JSON, and
 * costs hundreds of megabytes once it is a tree. */
typedef struct rl_json_limits {
    size_t max_bytes;
    size_t max_values;     /* of any kind, containers too, keys not */
    size_t max_number_len; /* at most RL_NUMBER_READ_CAP */
    size_t max_depth;      /* at most RL_JSON_MAX_DEPTH */
} rl_json_limits;

#define RL_JSON_LIMITS_DEFAULT                                                                               \
    ((rl_json_limits){                                                                                       \
        .max_bytes = 1 << 20, .max_values = 100000, .max_number_len = 1000, .max_depth = RL_JSON_MAX_DEPTH})

typedef enum rl_json_type {
    RL_JSON_DONE, /* the text is over, and was valid */
    RL_JSON_NULL,
    RL_JSON_FALSE,
    RL_JSON_TRUE,
    RL_JSON_NUMBER,
    RL_JSON_BIGINT, /* an integer that no double can hold for certain: beyond 2^53 */
    RL_JSON_STRING,
    RL_JSON_KEY,
    RL_JSON_ARRAY,
    RL_JSON_OBJECT,
    RL_JSON_END /* of the innermost open container */
} rl_json_type;

typedef struct rl_json_token {
    rl_json_type type;
    bool is_escaped; /* STRING and KEY: `text` needs rl_json_unescape */
    size_t offset;   /* of its first byte in the text */
    rl_slice text;   /* STRING and KEY: what stands between the quotes; NUMBER and BIGINT: as written */
    double number;   /* NUMBER */
} rl_json_token;

typedef enum rl_json_expects {
    RL_JSON_EXPECTS_VALUE,
    RL_JSON_EXPECTS_ITEM_OR_END, /* just behind a [ */
    RL_JSON_EXPECTS_KEY,
    RL_JSON_EXPECTS_KEY_OR_END, /* just behind a { */
    RL_JSON_EXPECTS_MORE        /* behind a value: a comma, or an end */
} rl_json_expects;

typedef struct rl_json_reader {
    const char *start, *at, *end;
    rl_json_limits limits;
    size_t depth, values;
    rl_json_expects expects;
    bool in_object;                           /* the innermost open container is one */
    uint64_t objects[RL_JSON_MAX_DEPTH / 64]; /* bit n: the container at depth n is an object */
    const char *reason;                       /* of the failure: a static text */
    size_t passed;                            /* the limit that was passed, or 0 */
    size_t failed_at;                         /* offset */
} rl_json_reader;

/* Read `text`, which must stay as it is. `limits` is copied. */
void rl_json_reader_init(rl_json_reader *reader, rl_slice text, const rl_json_limits *limits);
/* The next token. RL_EINVAL when the text is no JSON, RL_EFULL when it is past
 * a limit; the reader then says where and why, and may not be used further. */
RL_MUST_USE rl_err rl_json_next(rl_json_reader *reader, rl_json_token *token);
/* Fail at `offset` for a `reason` (static) that only the caller can see, such
 * as a duplicate key; returns RL_EINVAL. */
rl_err rl_json_reject(rl_json_reader *reader, size_t offset, const char *reason);

/* Decode the escapes of a token's `text` at `out`, which has room for text.len
 * bytes. Returns the length, which is never more. */
size_t rl_json_unescape(rl_slice text, char *out);

#endif
