/* Counts in buckets that grow with the value: exact to 63, then 32 for each power of two. */
#include "histogram.h"

#define EXACT 64
#define PARTS 32

/* Number of the highest bit of a value from 64 on. */
static int high_bit(uint64_t value)
{
	return 63 - __builtin_clzll(value);
}

static size_t bucket_of(int64_t value)
{
	int shift;

	if (value < EXACT)
		return (size_t)value;
	shift = high_bit((uint64_t)value) - 5;
	return EXACT + (size_t)(shift - 1) * PARTS + (size_t)((value >> shift) - PARTS);
}

static int64_t bucket_end(size_t bucket)
{
	size_t shift;

	if (bucket < EXACT)
		return (int64_t)bucket;
	shift = (bucket - EXACT) / PARTS + 1;
	return (int64_t)((((uint64_t)(PARTS + (bucket - EXACT) % PARTS + 1)) << shift) - 1);
}

void histogram_add(struct histogram *histogram, int64_t value)
{
	if (value < 0)
		value = 0;
	histogram->counts[bucket_of(value)]++;
	histogram->count++;
	if (__builtin_add_overflow(histogram->sum, value, &histogram->sum))
		histogram->sum = INT64_MAX;
	if (value > histogram->largest)
		histogram->largest = value;
}

int64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	double wanted = (double)histogram->count * percent / 100;
	int64_t seen = 0;
	size_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS && histogram->count; i++) {
		seen += histogram->counts[i];
		if ((double)seen >= wanted && seen > 0)
			return bucket_end(i) < histogram->largest ? bucket_end(i)
								  : histogram->largest;
	}
	return 0;
}

int64_t histogram_at_most(const struct histogram *histogram, int64_t limit)
{
	int64_t count = 0;
	size_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS && bucket_end(i) <= limit; i++)
		count += histogram->counts[i];
	return count;
}
