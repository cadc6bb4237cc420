/* From the body of an append to events: what the server makes of its batches. Pure. */
#ifndef DEVSTORE_EVENT_BODY_H
#define DEVSTORE_EVENT_BODY_H

#include "arena.h"
#include "store.h"

/* One event's data and metadata, as stored, may have this many bytes. */
#define EVENT_MAX_BYTES ((size_t)4 << 20)
/* Beyond this it is no record at all. */
#define RECORD_MAX_BYTES ((size_t)16 * 1024 * 1024 - 10000)

struct event_body {
	struct new_event *events;
	size_t count, size;
	struct arena arena; /* holds what the events point to */
};

/* Reads "application/vnd.eventstore.events+json". NULL: done; else the server's words for what is
 * wrong with it. Start with {0}, end with event_body_clear in either case. */
const char *event_body_parse(struct event_body *body, struct span json);
/* A single event whose id and type came in headers, its bytes as they are. */
const char *event_body_single(struct event_body *body, struct span bytes, bool is_json,
	const unsigned char *id, struct span type);
void event_body_clear(struct event_body *body);
/* One of the events is larger than EVENT_MAX_BYTES. */
bool event_body_too_large(const struct event_body *body);

/* "…-…-…", with or without dashes, in braces or not, in any case. */
bool event_id_parse(struct span text, unsigned char *id);
void event_id_add(struct strbuf *out, const unsigned char *id);
bool event_id_is_nil(const unsigned char *id);

#endif
