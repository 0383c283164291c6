#include "base/histogram.h"

enum { EIGHTHS = 8, UNIT_SHIFT = 10 };

static uint32_t bucket_of(uint64_t ns) {
    uint64_t units = ns >> UNIT_SHIFT;
    if (units < EIGHTHS)
        return (uint32_t)units;
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(units); /* four at least */
    if (bits > RL_HISTOGRAM_BITS)
        return RL_HISTOGRAM_BUCKETS - 1;
    return (bits - 3) * EIGHTHS + (uint32_t)(units >> (bits - 4)) % EIGHTHS;
}

/* In the middle of it. */
static uint64_t ns_of(uint32_t bucket) {
    if (bucket < EIGHTHS)
        return ((uint64_t)bucket << UNIT_SHIFT) + (1 << UNIT_SHIFT) / 2;
    uint32_t bits = bucket / EIGHTHS + 3;
    uint64_t width = 1ull << (bits - 4 + UNIT_SHIFT);
    return (EIGHTHS + bucket % EIGHTHS) * width + width / 2;
}

void rl_histogram_add(rl_histogram *histogram, uint64_t ns) {
    histogram->count++;
    histogram->sum_ns += ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t rl_histogram_quantile(const rl_histogram *histogram, double share) {
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < RL_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen == 0 || (double)seen < wanted)
            continue;
        uint64_t ns = ns_of(i);
        return ns < histogram->max_ns ? ns : histogram->max_ns; /* the last one is where all that was longer is, too */
    }
    return histogram->max_ns;
}
