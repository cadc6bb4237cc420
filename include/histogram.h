/* How long things took: counts of milliseconds in buckets that are at most 3 % wide. */
#ifndef ROWSTREAM_HISTOGRAM_H
#define ROWSTREAM_HISTOGRAM_H

#include "util.h"

#define HISTOGRAM_BUCKETS 1920

/* Start with {0}. */
struct histogram {
	int64_t counts[HISTOGRAM_BUCKETS];
	int64_t count, largest, sum;
};

/* Below 0 counts as 0. */
void histogram_add(struct histogram *histogram, int64_t value);
/* The value that so many percent of all do not exceed, rounded up to its bucket's end; 0 if there
 * is none. */
int64_t histogram_percentile(const struct histogram *histogram, double percent);

/* How many are not above limit, which must be a power of two less 1, or below 64: elsewhere a
 * bucket holds values of both sides. */
int64_t histogram_at_most(const struct histogram *histogram, int64_t limit);

#endif
