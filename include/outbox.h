/* What may be sent next, to which stream, at which expected version, and what an answer means:
 * the append protocol (append.md, sections 2 to 5 and 8). Pure: no descriptor, no clock.
 *
 * Each stream is in exactly one state; the functions on the arrows are outbox.c's:
 *
 *                 push                take_append
 *        IDLE ───────────► READY ───────────────────► SENDING ──── written ───► READY / IDLE
 *                          ▲ │ ▲                       │   │
 *                     wake │ │ └───── settle_check ──┐ │   └─ failed (doubt) ─► WAITING
 *       WAITING ───────────┘ │ unknown, not checked  │ │ conflict, refused batch
 *                            ▼                       │ ▼
 *       DEFERRED ─ wake ─► CHECKING ── take_read ─► READING ─── failed ───────► DEFERRED
 *
 *       HALTED: an event of it was refused; nothing behind it may go out.
 */
#ifndef ROWSTREAM_OUTBOX_H
#define ROWSTREAM_OUTBOX_H

#include "error.h"
#include "event.h"
#include "store_answer.h"

struct outbox;
struct stream;

enum on_deleted { ON_DELETED_RECREATE, ON_DELETED_SKIP, ON_DELETED_REFUSE };

/* What became of an event. delivered = the sum of all, at every moment (with those in flight). */
enum settlement {
	SETTLED_APPENDED,
	SETTLED_DUPLICATE, /* was there already */
	SETTLED_SKIPPED,   /* by a rule: a delete too many, a deleted stream */
	SETTLED_REFUSED,   /* never taken: its stream is halted */
	SETTLED_DROPPED,   /* its partition went away before it was sent */
	SETTLED_PRESENT,   /* a sentinel: there, or its stream cannot tell any more */
	SETTLED_ABSENT,	   /* a sentinel that is not in its stream */
};

struct outbox_options {
	size_t max_batch_events, max_batch_bytes;
	size_t max_idle_streams; /* remembered without anything queued */
	bool shared_streams;	 /* true: two tables may share a stream's name */
	bool append_holes;
	bool dedupe_source;
	enum on_deleted on_deleted;
	unsigned seed; /* of the back-off's jitter */
	/* The one thing that comes back. event is the callee's now (event_free); reason is a
	 * sentence where the settlement needs one, or NULL. */
	void (*settle)(void *user, struct event *event, enum settlement how, const char *reason);
	void *user;
};

struct outbox *outbox_new(const struct outbox_options *options);
void outbox_free(struct outbox *outbox); /* what is queued is freed, not settled */

/* Takes the event. Events of one feed are pushed in offset order. */
void outbox_push(struct outbox *outbox, struct event *event);

enum outbox_action {
	OUTBOX_NOTHING, /* nothing may be sent now */
	OUTBOX_APPEND,
	OUTBOX_READ,
	OUTBOX_PROBE, /* outage: read something harmless, tell outbox_probed */
};

/* One request to be made. Spans and arrays are valid until the next outbox call. */
struct outbox_work {
	enum outbox_action action;
	struct stream *stream; /* give it back with the answer */
	struct span name;
	int64_t expected;	   /* APPEND: number of the stream's last event, -1 none */
	const struct span *bodies; /* APPEND */
	size_t count;		   /* APPEND: bodies; READ: events at most, backward */
	int64_t from;		   /* READ: -1 the head */
};

void outbox_next(struct outbox *outbox, int64_t now_ms, struct outbox_work *work);
/* When outbox_next should be asked again though nothing happened; -1 never. */
int64_t outbox_due_ms(const struct outbox *outbox);

void outbox_append_ended(struct outbox *outbox, struct stream *stream, enum append_outcome outcome,
	int64_t first_number, int64_t current_version, const char *text, int64_t now_ms);

struct outbox_page {
	const struct stored_event *events; /* newest first */
	size_t count;
	int64_t last_number; /* of the stream as far as the answer tells, -1 unknown */
	bool at_start;	     /* nothing older is left to read */
};

void outbox_read_ended(struct outbox *outbox, struct stream *stream, enum read_outcome outcome,
	const struct outbox_page *page, const char *text, int64_t now_ms);
void outbox_probed(struct outbox *outbox, bool works, const char *text, int64_t now_ms);

/* The partition goes: its events that were never sent are settled as dropped, those of frozen
 * batches too when in_flight_too (no time is left, or the partition is lost). */
void outbox_drop(struct outbox *outbox, const struct feed *feed, bool in_flight_too);
/* Forgets what is known of the feed: no pointer to it is kept. After outbox_drop with
 * in_flight_too, or when nothing of it is left. */
void outbox_forget(struct outbox *outbox, const struct feed *feed);
/* From now on nothing new is sent: only batches that are frozen already go on. */
void outbox_stop(struct outbox *outbox);

struct outbox_stats {
	size_t events, bytes; /* held, queued or in flight */
	size_t halted;	      /* events behind a refused one: not sent any more */
	size_t frozen;	      /* events of frozen batches: sent at least once, not settled */
	size_t in_flight;     /* requests */
	size_t streams, streams_in_trouble;
	bool outage;
	int64_t outage_since_ms;
	uint64_t batches, guesses, guesses_failed, checks, conflicts, resent, refused_batches,
		holes, recreated, foreign_partitions;
	const char *last_failure;   /* the last failed request's words, "" none */
	const char *trouble_stream; /* a stream in trouble, or NULL */
};

/* Memory held by events, about; cheap, for back-pressure. */
size_t outbox_bytes(const struct outbox *outbox);
void outbox_stats(const struct outbox *outbox, struct outbox_stats *stats);
/* Set when the process must not go on: an id is there for another record (generation). */
const struct error *outbox_error(const struct outbox *outbox);

#endif
