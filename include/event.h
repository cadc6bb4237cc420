/* One event on its way from the mapping to its stream. */
#ifndef ROWSTREAM_EVENT_H
#define ROWSTREAM_EVENT_H

#include <sys/queue.h>

#include "util.h"

/* One assignment of one partition, as far as its events need it; the pipeline owns it. Events of
 * one feed come in offset order. */
struct feed {
	const char *topic, *generation;
	int32_t partition;
};

/* Where the record of an event stood: what settles it needs. The pipeline fills and reads it,
 * the outbox carries it. */
struct ticket {
	struct feed *feed;
	uint64_t slot; /* of the watermark */
};

/* Made by mapping_apply in one allocation; all spans point into text. Freed with event_free. */
struct event {
	TAILQ_ENTRY(event) entry; /* the outbox's queue of its stream */
	struct ticket ticket;
	int64_t offset;	  /* of the record */
	int64_t kafka_ts; /* the record's timestamp in ms, as in the metadata */
	int64_t ts_ms;	  /* the change's time in the database, -1 unknown */
	char id[37];	  /* UUID text in lower case, NUL-terminated */
	char op; /* the change's op letter; 0 where it has none (outbox, transaction, ddl) */
	bool may_create;     /* op c or r: an unknown stream may be tried at expected version -1 */
	bool unless_deleted; /* append only if its partition's event before it is no d */
	bool sentinel;	     /* the record before the committed offset: must be there, never sent */
	/* The outbox's: seen in the stream while reading back; not a repeat of an earlier change;
	 * written behind later offsets (on_hole = append). */
	bool found, judged, late;
	char before_op; /* the outbox's: op of its feed's event before it in the stream, 0 not seen
			 */

	struct span stream, type;
	/* Decoded texts for comparisons, as the metadata has them; ptr NULL where that has null. */
	struct span source, table, position, txid;
	struct span data, metadata; /* JSON texts, inside body */
	struct span body;	    /* {"eventId":…,"eventType":…,"data":…,"metadata":…} */
	size_t stored_bytes; /* upper bound of data and metadata as the server will store them */
	char text[];
};

TAILQ_HEAD(event_queue, event);

void event_free(struct event *event);
/* The same event with `"late":true` as its metadata's last member; takes event. */
struct event *event_make_late(struct event *event);

/* The id rule (mapping.md, section 4): UUID version 5 in Rowstream's namespace over
 * "<generation>/<topic>/<partition>/<offset>", lower case. generation "" is the default. */
void event_id_of_record(
	struct span generation, struct span topic, int32_t partition, int64_t offset, char id[37]);

#endif
