/* The records of capture files, all in memory. */
#include "bench_records.h"

#include <stdlib.h>
#include <string.h>

#include "capture.h"

static struct header *copy_headers(struct arena *arena, const struct record *record)
{
	struct header *headers = arena_alloc(arena, (record->header_count + 1) * sizeof(*headers));
	size_t i;

	for (i = 0; i < record->header_count; i++)
		headers[i] = (struct header){arena_copy(arena, record->headers[i].name),
			arena_copy(arena, record->headers[i].value)};
	return headers;
}

static void keep(struct bench_records *records, const struct record *record)
{
	struct record *kept;

	if (records->count == records->size) {
		records->size = records->size ? records->size * 2 : 1024;
		records->items =
			xreallocarray(records->items, records->size, sizeof(*records->items));
	}
	kept = &records->items[records->count++];
	*kept = *record;
	kept->topic = arena_copy(&records->arena, span_of(record->topic)).ptr;
	kept->key = arena_copy(&records->arena, record->key);
	kept->value = arena_copy(&records->arena, record->value);
	kept->headers = copy_headers(&records->arena, record);
	records->bytes += record->key.len + record->value.len;
}

bool bench_records_read(struct bench_records *records, const char *path, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int got = -1;

	while (capture && (got = capture_next(capture, &record, error)) > 0)
		keep(records, &record);
	capture_close(capture);
	return got == 0;
}

void bench_records_clear(struct bench_records *records)
{
	free(records->items);
	arena_clear(&records->arena);
	*records = (struct bench_records){0};
}
