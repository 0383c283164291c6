/* target -- paths and queries, taken apart before they are decoded.
 *
 *   /users/caf%C3%A9%2Fbar/?a=1&b=x+y
 *    |-1-| |-----2-------||3|             segments; 3 is empty
 *
 * A raw path is split at '/' first and each segment decoded once afterwards, so
 * that an encoded slash stays inside its segment. Nothing is ever rewritten:
 * what another reader could understand otherwise is refused. */
#ifndef RL_HTTP_TARGET_H
#define RL_HTTP_TARGET_H

#include "base/err.h"
#include "base/slice.h"
#include "http/byte.h"

/* Most paths: sound, and without an escape, whatever their segments are. */
static inline bool rl_target_is_plain(rl_slice raw) {
    return raw.len > 0 && raw.ptr[0] == '/' && rl_byte_all(raw, RL_BYTE_PLAIN);
}

/* RL_EINVAL unless `raw` begins with '/' and every segment of it is sound:
 * whole escapes, valid UTF-8, no NUL, no backslash, neither "." nor "..",
 * encoded or not. */
RL_MUST_USE rl_err rl_target_check_path(rl_slice raw);

/* Take the first segment off `rest`, which is empty or begins with '/'. False
 * when nothing is left. "/a/" has the segments "a" and "". */
bool rl_target_next_segment(rl_slice *rest, rl_slice *raw_segment);

/* Decode percent escapes of `raw` into `out`, which has room for raw.len bytes;
 * with `plus_is_space`, '+' too, as forms and queries have it. The bytes may be
 * anything. RL_EINVAL on an escape that is not two hex digits. */
RL_MUST_USE rl_err rl_target_decode(rl_slice raw, char *out, size_t *out_len, bool plus_is_space);

/* Take the next `key=value` of a query (or a urlencoded form) off `rest`, both
 * raw and borrowed from it; empty fields are passed over, a missing '=' means
 * an empty value. False at the end. Callers count what they take: a stranger
 * chose how many there are. */
bool rl_query_next(rl_slice *rest, rl_slice *raw_key, rl_slice *raw_value);

#endif
