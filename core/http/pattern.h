// pattern -- what a route matches, as it is written, taken apart by segments.
//
//   /users      a static segment
//   /:id        a parameter; text may stand around it: /v:version, /:name.json
//   /*path      a wildcard: last, takes the rest
//
// Names are [A-Za-z_][A-Za-z0-9_]*.
#ifndef RL_HTTP_PATTERN_H
#define RL_HTTP_PATTERN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/* Bytes of one static text: routes are written by hand, and a bound lets
 * matching decode on its stack. */
#define RL_PATTERN_MAX_TEXT 255

typedef enum rl_part_kind {
    RL_PART_STATIC, /* prefix is the text */
    RL_PART_PARAM,
    RL_PART_WILDCARD
} rl_part_kind;

typedef struct rl_part {
    rl_part_kind kind;
    rl_slice prefix, name, suffix; /* borrowed from the pattern */
} rl_part;

/* Take the first segment off `rest`, what is left of a pattern that
 * rl_pattern_check accepted. False at the end. */
bool rl_pattern_next(rl_slice *rest, rl_part *part);

/* RL_EINVAL, with *problem saying why in words that follow the pattern ("has two
 * parameters called id" would), unless `pattern` is one that can match. */
RL_MUST_USE rl_err rl_pattern_check(rl_slice pattern, const char **problem);

#endif
