/* What outbox.c (states, lists, time), outbox_batch.c (sending) and outbox_check.c (reading back)
 * share; nobody else includes it. */
#ifndef ROWSTREAM_OUTBOX_INTERNAL_H
#define ROWSTREAM_OUTBOX_INTERNAL_H

#include "outbox.h"
#include "readback.h"
#include "table.h"

#define REVISION_UNKNOWN (-2)
#define CHECKED_FEEDS 2

/* A state is the membership in its list; stream_move is the only way from one to another. */
enum stream_state {
	STREAM_IDLE,	 /* nothing queued; oldest first, evicted from there */
	STREAM_READY,	 /* a batch may be sent: a new one, or the frozen one again */
	STREAM_SENDING,	 /* the frozen batch is on the wire */
	STREAM_WAITING,	 /* the frozen batch goes again at due_ms */
	STREAM_CHECKING, /* has to be read back */
	STREAM_READING,	 /* a page of it is asked for */
	STREAM_DEFERRED, /* is read back at due_ms */
	STREAM_HALTED,	 /* an event was refused; what is queued stays */
	STREAM_STATES,
};

/* Whose row it is; few distinct ones, kept for the outbox's life. */
struct origin {
	struct span source, table, key; /* key: both joined, for the table */
	char text[];
};

/* The last offset of a feed that is known to be in the stream; -1 when it was looked for and
 * nothing was found. */
struct checked {
	const struct feed *feed;
	int64_t offset;
	char op; /* of the event at that offset, 0 none */
};

struct stream {
	TAILQ_ENTRY(stream) entry;
	enum stream_state state;
	struct event_queue queue;
	size_t frozen;	  /* events at the queue's head that were sent and are not answered for */
	int64_t expected; /* of the frozen batch */
	int64_t revision; /* number of the last event, -1 none, or REVISION_UNKNOWN */
	int64_t conflict; /* the current version that a conflict named, or REVISION_UNKNOWN */
	int64_t due_ms;
	struct check *check;		       /* while it is being read back */
	const struct origin *last_origin;      /* of the last event of ours, NULL not known */
	char *last_position;		       /* the same event's; only for dedupe_source */
	struct checked checked[CHECKED_FEEDS]; /* most recent first */
	uint16_t tries;			       /* failures in a row */
	uint16_t batch_limit;		       /* 0: none but the option's */
	uint8_t refusals;		       /* of its first event alone */
	uint8_t oversized;		       /* 413 for its first event alone */
	bool guess;			       /* the frozen batch assumes a new stream */
	bool broken; /* what is on the wire holds events that were dropped since: the answer is
			doubt */
	size_t name_len;
	char name[];
};

TAILQ_HEAD(stream_list, stream);

struct outbox {
	struct outbox_options options;
	struct table streams;
	struct stream_list lists[STREAM_STATES];
	size_t idle;
	struct table origins;
	struct readback readback;
	struct span *bodies;
	struct strbuf name; /* of the work handed out, where it is not the stream's own */

	size_t events, bytes, frozen, in_flight;
	int64_t next_due_ms; /* not later than the first due time of WAITING and DEFERRED; -1 none
			      */
	unsigned seed;
	int guess_credit;
	unsigned guess_pause;
	bool stopped;

	/* Outage: see outbox_failed and outbox_works. */
	bool outage, probing, probe_worked;
	int64_t first_failure_ms, outage_since_ms, probe_due_ms;
	unsigned failures, probe_tries;
	unsigned streams_refused; /* refusals of single events since the last success */
	char last_failure[256];

	struct outbox_stats counts; /* only the counters in it are kept up to date */
	struct error error;
};

static inline struct span stream_name(const struct stream *stream)
{
	return (struct span){stream->name, stream->name_len};
}

static inline size_t event_bytes(const struct event *event)
{
	return sizeof(*event) + event->body.len;
}

/* outbox.c */
void stream_move(struct outbox *outbox, struct stream *stream, enum stream_state state);
/* READY, or IDLE when nothing is queued. */
void stream_go_on(struct outbox *outbox, struct stream *stream);
/* Nothing is believed any more: read back before anything else is sent. */
void stream_doubt(struct outbox *outbox, struct stream *stream);
void stream_delay(
	struct outbox *outbox, struct stream *stream, enum stream_state state, int64_t due_ms);
/* An event leaves the queue and the outbox. */
void stream_settle(struct outbox *outbox, struct stream *stream, struct event *event,
	enum settlement how, const char *reason);
/* Refuses the event, and halts its stream: nothing behind it may overtake it. */
void stream_refuse(struct outbox *outbox, struct stream *stream, struct event *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
struct checked *stream_checked(struct stream *stream, const struct feed *feed);
void stream_note_checked(struct stream *stream, const struct feed *feed, int64_t offset, char op);
void stream_note_last(struct outbox *outbox, struct stream *stream, struct span source,
	struct span table, struct span position);
const struct origin *outbox_origin(struct outbox *outbox, struct span source, struct span table);
/* The other side answered for one of the streams: whatever outage there was is over. */
void outbox_works(struct outbox *outbox, int64_t now_ms);
/* A request failed for a reason that may pass. */
void outbox_failed(struct outbox *outbox, const char *text, int64_t now_ms);
int64_t outbox_backoff_ms(struct outbox *outbox, unsigned tries);

/* The reason of a delete too many. */
static const char skipped_as_deleted[] = "tombstone";

/* outbox_batch.c */
/* Fills work with the stream's next batch. False: nothing to send now; the stream was moved on. */
bool batch_take(struct outbox *outbox, struct stream *stream, struct outbox_work *work);
void stream_deleted(struct outbox *outbox, struct stream *stream);

/* outbox_check.c */
void check_take(struct outbox *outbox, struct stream *stream, struct outbox_work *work);
void check_free(struct check *check);
/* -1, 0, 1 part by part, runs of digits as numbers (append.md, section 5). */
int position_compare(struct span a, struct span b);

#endif
