/* How many records a second one core maps, files of captures in memory: mapping_apply alone.
 *   bench_mapping [--section-option VALUE]... [--once] FILE...
 * A line a file, tab-separated: records/s, MB/s, us a record, bytes a record, events, file. --once:
 * one round of all files and no clock, for counting instructions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_records.h"
#include "config.h"
#include "mapping.h"
#include "wire.h"

#define TRIES 3
#define TRY_US 400000

static int64_t cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* What callgrind is told to count (tests/bench/instructions.sh): its name matters. */
__attribute__((noinline)) static long map_all(
	struct mapping *mapping, const struct bench_records *records)
{
	long events = 0;
	size_t i;

	for (i = 0; i < records->count; i++) {
		struct event *event = NULL;
		struct error error = {0};
		const char *reason;

		if (mapping_apply(mapping, &records->items[i], &event, &reason, &error) ==
			MAPPING_EVENT)
			events++;
		event_free(event);
	}
	return events;
}

/* Microseconds of CPU that one round takes: the best of several tries, each long enough. */
static double best_us(struct mapping *mapping, const struct bench_records *records)
{
	double best = 0;
	int try;

	for (try = 0; try < TRIES; try++) {
		int64_t from = cpu_us(), took;
		long rounds = 0;

		do {
			map_all(mapping, records);
			rounds++;
			took = cpu_us() - from;
		} while (took < TRY_US);
		if (try == 0 || (double)took / (double)rounds < best)
			best = (double)took / (double)rounds;
	}
	return best;
}

static void measure(struct mapping *mapping, const struct bench_records *records, const char *path)
{
	long events = map_all(mapping, records);
	double us = best_us(mapping, records), count = (double)records->count;

	printf("%.0f\t%.0f\t%.2f\t%.0f\t%ld\t%s\n", count * 1e6 / us, (double)records->bytes / us,
		us / count, (double)records->bytes / count, events, path);
	fflush(stdout);
}

static bool run_file(struct mapping *mapping, const char *path, bool once, struct error *error)
{
	struct bench_records records = {0};
	bool good = bench_records_read(&records, path, error);

	if (good && records.count == 0) {
		error_set(error, ERROR_INPUT, "%s: no records", path);
		good = false;
	}
	if (good && once)
		map_all(mapping, &records);
	else if (good)
		measure(mapping, &records, path);
	bench_records_clear(&records);
	return good;
}

int main(int argc, char **argv)
{
	static bool once;
	static const struct flag own[] = {{.name = "once", .on = &once}, {0}};
	struct error error = {0};
	struct config *config = config_load(&argc, argv, own, &error);
	struct mapping *mapping = config ? wire_mapping(config, &error) : NULL;
	int i;

	for (i = 1; mapping && i < argc && run_file(mapping, argv[i], once, &error); i++)
		;
	mapping_free(mapping);
	config_free(config);
	if (error.kind == ERROR_NONE)
		return 0;
	fprintf(stderr, "bench_mapping: %s\n", error.text);
	return 2;
}
