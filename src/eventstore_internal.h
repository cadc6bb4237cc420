/* What the parts of the store's edge share: the state behind `struct eventstore`. */
#ifndef ROWSTREAM_EVENTSTORE_INTERNAL_H
#define ROWSTREAM_EVENTSTORE_INTERNAL_H

#include "es_http.h"
#include "eventstore.h"

/* Beside enum eventstore_kind: the request of a reader, who is slot->user. */
#define ES_KIND_PAGE 100

struct eventstore {
	struct es_http *http;
	struct es_page page;
	int reader_patience_ms; /* 0: a reader's own default */
	struct strbuf body;	/* of the answer that eventstore_finished handed out last */
};

/* Moves the network on until slot is done; pages that arrive meanwhile go to their readers. NULL:
 * stop_fd (0: none) became readable first. */
struct es_slot *eventstore_wait_for(
	struct eventstore *store, const struct es_slot *slot, int stop_fd);
/* The same until a slot is free. */
void eventstore_wait_for_room(struct eventstore *store);
/* Hands a slot of ES_KIND_PAGE that is done to its reader, if that is still there, and gives it
 * back. */
void eventstore_page_arrived(struct eventstore *store, struct es_slot *slot);

#endif
