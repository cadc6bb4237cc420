/* A record out of a fuzzer's input: a byte of choices, then key and header, which end with 0xff (no
 * UTF-8 holds it), and the value. */
#ifndef ROWSTREAM_FUZZ_RECORD_H
#define ROWSTREAM_FUZZ_RECORD_H

#include <string.h>

#include "record.h"

enum fuzz_choice {
	FUZZ_KEY = 1,
	FUZZ_VALUE = 2,
	FUZZ_FLATTENED = 4,
	FUZZ_OUTBOX = 8,
	FUZZ_HEADER_MASK = 0x70, /* which name */
	FUZZ_RULES = 0x80,
};

struct fuzz_record {
	uint8_t choices;
	struct header header;
	struct record record;
};

static inline struct span fuzz_take_part(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size ? memchr(*data, 0xff, *size) : NULL;
	size_t len = end ? (size_t)(end - *data) : *size;
	struct span part = {(const char *)*data, len};

	*data += end ? len + 1 : len;
	*size -= end ? len + 1 : len;
	return part;
}

static inline bool fuzz_read_record(struct fuzz_record *input, const uint8_t *data, size_t size)
{
	static const char *const names[] = {"__debezium.newkey", "__debezium.oldkey", "__op",
		"__deleted", "__source_ts_ms", "__txId", "id", "__source_gtid"};
	struct span key;

	if (size == 0)
		return false;
	*input = (struct fuzz_record){.choices = *data++};
	size--;
	input->record = (struct record){.topic = "server.schema.table",
		.offset = 7,
		.timestamp_ms = 1,
		.headers = &input->header};
	key = fuzz_take_part(&data, &size);
	if (input->choices & FUZZ_KEY)
		input->record.key = key;
	input->header.name = span_of(names[(input->choices & FUZZ_HEADER_MASK) >> 4]);
	input->header.value = fuzz_take_part(&data, &size);
	input->record.header_count = input->header.value.len > 0;
	if (input->choices & FUZZ_VALUE)
		input->record.value = (struct span){(const char *)data, size};
	return true;
}

#endif
