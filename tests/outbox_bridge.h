/* A bridge without Kafka and network: an outbox whose requests a store in memory answers. */
#ifndef ROWSTREAM_OUTBOX_BRIDGE_H
#define ROWSTREAM_OUTBOX_BRIDGE_H

#include "fake_store.h"
#include "outbox.h"

struct settled {
	enum settlement how;
	int64_t offset;
	const struct feed *feed;
	char reason[200];
};

struct bridge {
	struct outbox *outbox;
	struct settled *settled;
	size_t count;
	int64_t now_ms;
};

#define BRIDGE_PAGE 200 /* events that a page holds at most */

extern const struct outbox_options bridge_options;

void bridge_open(struct bridge *bridge, const struct outbox_options *options);
void bridge_close(struct bridge *bridge);

struct made {
	const char *stream, *table, *position;
	int64_t offset, kafka_ts;
	char op;
	bool unless_deleted, sentinel;
};

struct event *bridge_event(const struct made *made, struct feed *feed);
void bridge_push(
	struct bridge *bridge, struct feed *feed, const char *stream, int64_t offset, char op);
/* One request, executed by the store and answered. False: nothing to do now. */
bool bridge_step(struct bridge *bridge, struct fake_store *store);
/* Until there is nothing to do; the number of requests. */
int bridge_run(struct bridge *bridge, struct fake_store *store);
/* The next request without executing it. */
struct outbox_work bridge_next(struct bridge *bridge);
size_t bridge_settled_as(const struct bridge *bridge, enum settlement how);

#endif
