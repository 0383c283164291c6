#include "base/tail.h"

#include <string.h>

void rl_tail_add(rl_tail *tail, const char *line, size_t len) {
    if (len > RL_TAIL_MOST) {
        line += len - RL_TAIL_MOST;
        tail->total += len - RL_TAIL_MOST;
        len = RL_TAIL_MOST;
    }
    size_t at = tail->total % RL_TAIL_MOST, first = len < RL_TAIL_MOST - at ? len : RL_TAIL_MOST - at;
    memcpy(tail->bytes + at, line, first);
    memcpy(tail->bytes, line + first, len - first);
    tail->total += len;
}

size_t rl_tail_copy(const rl_tail *tail, char out[RL_TAIL_MOST]) {
    if (tail->total <= RL_TAIL_MOST) {
        memcpy(out, tail->bytes, (size_t)tail->total);
        return (size_t)tail->total;
    }
    size_t at = tail->total % RL_TAIL_MOST;
    memcpy(out, tail->bytes + at, RL_TAIL_MOST - at);
    memcpy(out + RL_TAIL_MOST - at, tail->bytes, at);
    const char *end = memchr(out, '\n', RL_TAIL_MOST); /* of the line whose beginning is lost */
    size_t lost = end == NULL ? RL_TAIL_MOST : (size_t)(end + 1 - out);
    memmove(out, out + lost, RL_TAIL_MOST - lost);
    return RL_TAIL_MOST - lost;
}
