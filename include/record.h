/* A Kafka record as it was received: borrowed bytes, nothing interpreted. */
#ifndef ROWSTREAM_RECORD_H
#define ROWSTREAM_RECORD_H

#include "util.h"

struct header {
	struct span name;
	struct span value; /* ptr NULL: a null header value */
};

/* Everything belongs to who gave the record and lives as long as he says (kafka_read,
 * capture_next). Untrusted bytes throughout. */
struct record {
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* the record's Kafka timestamp; -1 where it has none */
	struct span key;      /* ptr NULL: no key; len 0 with a ptr: an empty key */
	struct span value;    /* ptr NULL: a tombstone */
	const struct header *headers;
	size_t header_count;
};

#endif
