/* encode -- the pieces of a JSON text that need care, appended to a buf.
 *
 * All else is the caller's, who alone knows the shape. */
#ifndef RL_JSON_ENCODE_H
#define RL_JSON_ENCODE_H

#include "base/buf.h"

/* Append `text` in quotes, escaping what has to be: the quote, the backslash
 * and the control characters. All else stands for itself, U+2028 and `</` too:
 * JSON inside of HTML is the business of whoever puts it there.
 * RL_EINVAL when `text` is not UTF-8: a reader would refuse what we wrote. On
 * any failure `out` is as it was. */
RL_MUST_USE rl_err rl_json_append_string(rl_buf *out, rl_slice text);
/* Append `separator` ('{' or ','), the string `key` and a colon; fails likewise. */
RL_MUST_USE rl_err rl_json_append_key(rl_buf *out, char separator, rl_slice key);
/* Append the shortest text that reads back as `value`; RL_EINVAL when it is
 * infinite or no number, which JSON has no word for. */
RL_MUST_USE rl_err rl_json_append_number(rl_buf *out, double value);

#endif
