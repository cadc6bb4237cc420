/* An event read back from a stream: is it ours, and which record was it? (append.md, section 2) */
#ifndef ROWSTREAM_READBACK_H
#define ROWSTREAM_READBACK_H

#include "arena.h"
#include "event.h"
#include "json_span.h"
#include "store_answer.h"

/* What the metadata of an event of ours says; texts decoded, ptr NULL where it has null. Valid
 * until the next readback_parse. */
struct sighting {
	bool ours; /* false: nothing below means anything but number and id */
	int64_t number;
	struct span id;
	struct span topic, generation; /* generation: "" where none */
	int32_t partition;
	int64_t offset;
	int64_t kafka_ts; /* -1 where null */
	char op;	  /* first letter; 0 where null */
	bool late;	  /* written behind later offsets of its partition (on_hole = append) */
	struct span source, table, position, txid;
	struct span data;
};

/* Start with {0}; the memory is reused from event to event. */
struct readback {
	struct js_doc doc;
	struct arena arena;
	struct strbuf scratch;
};

/* stream: the name that was read. A foreign event, a link, broken or missing metadata are no
 * error: ours is false. */
void readback_parse(struct readback *readback, const struct stored_event *event, struct span stream,
	struct sighting *sighting);
/* append.md, section 5: the same change, at another offset. */
bool readback_is_repeat(const struct sighting *sighting, const struct event *event);
/* Whether data, of an event of a stream's metadata, says that the stream was soft-deleted. */
bool readback_says_deleted(struct span data);
void readback_clear(struct readback *readback);

#endif
