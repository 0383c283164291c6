/* slip -- see slip.h. */
#include "cli/slip.h"

#include <string.h>

size_t rl_slip_limit(rl_slice written) {
    /* A third of the letters wrong is still a slip; more is another word. */
    return written.len > RL_SLIP_NAME_MOST ? 0 : written.len / 3 + 2;
}

static char folded(char ch) {
    return ch == '-' ? '_' : rl_ascii_lower(ch);
}

/* How many bytes must be put in, left out, changed or swapped with their
 * neighbour to make one name of the other (optimal string alignment). */
size_t rl_slip_distance(rl_slice a, const char *b) {
    size_t rows[3][RL_SLIP_NAME_MOST + 1];
    size_t *before_last = rows[0], *last = rows[1], *row = rows[2];
    size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = folded(a.ptr[i - 1]) == b[j - 1];
            size_t best = last[j - 1] + !same;
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            bool can_swap = i > 1 && j > 1;
            if (can_swap && folded(a.ptr[i - 1]) == b[j - 2] && folded(a.ptr[i - 2]) == b[j - 1] &&
                before_last[j - 2] + 1 < best)
                best = before_last[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = before_last;
        before_last = last;
        last = row;
        row = spare;
    }
    return last[b_len];
}
