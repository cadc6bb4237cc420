/* The records of capture files, all in memory, so that a benchmark measures what comes after. */
#ifndef ROWSTREAM_BENCH_RECORDS_H
#define ROWSTREAM_BENCH_RECORDS_H

#include "arena.h"
#include "error.h"
#include "record.h"

/* Start with {0}. Everything that the records point to is in the arena. */
struct bench_records {
	struct record *items;
	size_t count, size;
	size_t bytes; /* keys and values */
	struct arena arena;
};

/* Adds the records of a file. False: error says why. */
bool bench_records_read(struct bench_records *records, const char *path, struct error *error);
void bench_records_clear(struct bench_records *records);

#endif
