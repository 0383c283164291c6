/* histogram -- how long many things took, in little memory: for percentiles.
 *
 *    bucket      0 ... 7 | 8 ... 15 | 16 ... 23 | ...
 *    from (µs)   0 ... 7 | 8 ... 15 | 16 ... 30 | ...     each octave in eight, a bucket no wider than
 *                                                         an eighth of what is in it
 *
 * A percentile read from it is within 1/16 of the true one, up to four minutes; what takes longer counts as that.
 * All zeros is an empty one. */
#ifndef RL_BASE_HISTOGRAM_H
#define RL_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    RL_HISTOGRAM_BITS = 28, /* of the longest, in units of 1,024 ns */
    RL_HISTOGRAM_BUCKETS = (RL_HISTOGRAM_BITS - 2) * 8
};

typedef struct rl_histogram {
    uint64_t count, sum_ns, max_ns;
    uint32_t buckets[RL_HISTOGRAM_BUCKETS];
} rl_histogram;

void rl_histogram_add(rl_histogram *histogram, uint64_t ns);
/* What that share of them, from 0 to 1, took at most; 0 for an empty one. */
uint64_t rl_histogram_quantile(const rl_histogram *histogram, double share);

#endif
