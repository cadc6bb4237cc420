/* A few bytes that stand for an event, so that a million of them can be compared with what a store
 * holds: equal for equal events (json_equal.h), different for others but for one chance in
 * 2^32. Against accident, not against forgery. */
#ifndef ROWSTREAM_FINGERPRINT_H
#define ROWSTREAM_FINGERPRINT_H

#include "json_span.h"

struct fingerprint {
	uint64_t stream, data;
	uint32_t metadata, type; /* type: id and type */
};

/* Memory that is used again; start with {0}. */
struct fingerprinter {
	struct js_doc doc;
	struct strbuf text;
};

/* id in any case; metadata without its member "late", which is none of the record's; data and
 * metadata that are absent or no JSON count as absent. */
struct fingerprint fingerprint_of(struct fingerprinter *printer, struct span stream, struct span id,
	struct span type, struct span data, struct span metadata);
uint64_t fingerprint_of_stream(struct span stream);
void fingerprinter_clear(struct fingerprinter *printer);

#endif
