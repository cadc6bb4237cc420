/* What a stored event of ours says about its row: metadata and images, as byte ranges of the stored
 * texts (mapping.md, sections 5 and 6). */
#ifndef ROWSTREAM_ROW_EVENT_H
#define ROWSTREAM_ROW_EVENT_H

#include "readback.h"

/* Values are JSON texts, the images as the store keeps them (indented); ptr NULL where absent or
 * null. */
struct row_event {
	struct sighting
		seen; /* seen.ours false: nothing below means anything but stream to updated */
	struct span stream, type,
		updated; /* as in struct stored_event; number and id are in seen */
	int64_t revision;
	int64_t ts_ms;	/* when it happened in the database; -1 unknown */
	bool is_row;	/* op c, i, u, d or r, and an image or a tombstone: it changes a row */
	bool truncate;	/* op t: ends all rows of its table that changed before it */
	bool tombstone; /* a flattened topic's delete without an image */
	bool snapshot;	/* read by a snapshot, not changed */
	struct span connector, correlation; /* decoded texts */
	struct span key, before, after;	    /* before, after: objects, a MongoDB image decoded */
	struct span moved_to, moved_from;   /* the row's other key, where an update changed it */
	struct span metadata;
	uint32_t placeholders; /* node in reader->readback.doc: names of columns of after that an
				* update left alone and that were not sent; JS_NONE: none */
};

/* Start with {0}; the memory is reused from event to event. */
struct row_event_reader {
	struct readback readback; /* its doc: the metadata */
	struct js_doc data;
	struct arena arena;
	struct strbuf scratch;
};

/* A foreign or broken event is no error: seen.ours is false. Spans live until the next call and as
 * long as the event's own. */
void row_event_read(
	struct row_event_reader *reader, const struct stored_event *event, struct row_event *row);
void row_event_reader_clear(struct row_event_reader *reader);

#endif
