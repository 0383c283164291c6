/* whole -- all bytes of a body, wherever they lie. */
#ifndef RL_SPEC_HTTP_WHOLE_H
#define RL_SPEC_HTTP_WHOLE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/body.h"

/* NUL-terminated; the caller frees it. */
static inline char *whole(const rl_body *body) {
    char *copy = calloc(1, body->len + 1);
    assert_non_null(copy);
    rl_slice bytes;
    assert_true(rl_body_is_whole(body));
    if (!rl_body_in_memory(body, &bytes))
        assert_int_equal(pread(rl_body_file(body), copy, body->len, 0), (ssize_t)body->len);
    else if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

#endif
