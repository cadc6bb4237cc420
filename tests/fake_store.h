/* A store in memory with the real server's rules (facts tried on 23.10.6): explicit expected
 * versions, repeats recognised by their ids at exactly their numbers, soft deletes. For tests of
 * the outbox, which knows stores only by their answers. */
#ifndef ROWSTREAM_FAKE_STORE_H
#define ROWSTREAM_FAKE_STORE_H

#include "json_span.h"
#include "outbox.h"
#include "table.h"

struct fake_event {
	char *body;
	struct js_doc doc;
	struct span stream_id; /* ptr NULL: the stream it stands in; else a link's target */
	char id[37];
};

struct fake_stream {
	char *name;
	struct fake_event *events;
	size_t count;
	size_t truncate_before; /* $tb */
	bool soft_deleted, tombstoned;
};

struct fake_store {
	struct table streams;
};

struct fake_stream *fake_stream(struct fake_store *store, struct span name);
/* Appends as POST /streams/… with ES-ExpectedVersion does. */
enum append_outcome fake_append(struct fake_store *store, const struct outbox_work *work,
	int64_t *first_number, int64_t *current_version);
/* Somebody else's event, or a link when stream_id is not NULL. */
void fake_append_foreign(struct fake_store *store, const char *stream, const char *id,
	const char *stream_id, const char *metadata);
enum read_outcome fake_read(struct fake_store *store, const struct outbox_work *work,
	struct outbox_page *page, struct stored_event *events, size_t max);
void fake_clear(struct fake_store *store);

#endif
