/* Sending: which events form a stream's next batch, and what the answer to it means. */
#include "outbox_internal.h"

#include <string.h>

/* Guesses that a row is new: a failed one costs two requests, so a run of failures switches
 * guessing off, and every so often one stream may try whether the weather has changed. */
#define GUESS_MAX_CREDIT 32
#define GUESS_FAILED_COSTS 4
#define GUESS_TRY_EVERY 64
/* Single events refused by this many streams with no success between them are no poison but a
 * proxy or a server that refuses everything. */
#define REFUSALS_ARE_OUTAGE 3
#define OVERSIZED_TRIES 3

static bool may_guess(struct outbox *outbox, const struct event *first)
{
	if (!first->may_create || first->sentinel ||
		outbox->options.on_deleted != ON_DELETED_RECREATE)
		return false;
	return outbox->guess_credit > 0 || ++outbox->guess_pause % GUESS_TRY_EVERY == 0;
}

static void guess_succeeded(struct outbox *outbox)
{
	if (outbox->guess_credit < GUESS_MAX_CREDIT)
		outbox->guess_credit++;
}

static void guess_failed(struct outbox *outbox)
{
	outbox->counts.guesses_failed++;
	outbox->guess_credit -= GUESS_FAILED_COSTS;
	if (outbox->guess_credit < 0)
		outbox->guess_credit = 0;
}

/* What the batch so far leaves behind in the stream: the next event is judged by it. */
struct tail {
	bool known;  /* source and table mean something */
	bool unsent; /* it is an event of the batch, not of the stream */
	struct span source, table, position;
};

/* What has no op is no table's own: the DDL of all tables of a database shares a stream. */
static bool same_origin(const struct tail *tail, const struct event *event)
{
	return !tail->known || (span_equal(tail->source, event->source) &&
				       (!event->op || span_equal(tail->table, event->table)));
}

static void refuse_other_table(
	struct outbox *outbox, struct stream *stream, const struct tail *tail, struct event *event)
{
	stream_refuse(outbox, stream, event,
		"two tables share the stream %s: it holds events of %.*s (source %.*s), this is of "
		"%.*s (source %.*s); keep them apart with mapping.stream, e.g. "
		"'{schema}.{table}-{key}' or '{name}.{table}-{key}', or set "
		"mapping.shared_streams: allow",
		stream->name, SPAN_ARG(tail->table), SPAN_ARG(tail->source), SPAN_ARG(event->table),
		SPAN_ARG(event->source));
}

/* append.md, section 5: a change whose position does not go forward may be one that Debezium
 * sent twice. */
static bool may_be_repeat(
	const struct outbox *outbox, const struct tail *tail, const struct event *event)
{
	return outbox->options.dedupe_source && event->position.ptr && tail->known &&
	       span_equal(tail->source, event->source) && tail->position.ptr &&
	       position_compare(event->position, tail->position) <= 0;
}

/* The op of its own partition's event before it, in the batch or in the stream. Another partition's
 * would not do: two instances see those in different orders, and would judge differently. */
static char op_before(struct stream *stream, const struct event *event)
{
	const struct event *earlier = TAILQ_PREV(event, event_queue, entry);
	const struct checked *checked = stream_checked(stream, event->ticket.feed);

	while (earlier && earlier->ticket.feed != event->ticket.feed)
		earlier = TAILQ_PREV(earlier, event_queue, entry);
	return (char)(earlier ? earlier->op : checked ? checked->op : 0);
}

enum verdict { TAKE, LEAVE_OUT, STOP_BEFORE, CHECK_FIRST, REFUSE };

static enum verdict judge(struct outbox *outbox, struct stream *stream, const struct tail *tail,
	struct event *event, const struct feed *guess_feed)
{
	const struct checked *checked;

	if (guess_feed) {
		if (event->ticket.feed != guess_feed)
			return STOP_BEFORE;
	} else {
		checked = stream_checked(stream, event->ticket.feed);
		if (!checked || (event->offset <= checked->offset && !event->late))
			return CHECK_FIRST;
	}
	if (event->unless_deleted && op_before(stream, event) == 'd')
		return LEAVE_OUT;
	if (!outbox->options.shared_streams && !same_origin(tail, event))
		return REFUSE;
	if (!may_be_repeat(outbox, tail, event))
		return TAKE;
	/* What was judged was judged against the stream, not against a batch before it. */
	if (tail->unsent)
		event->judged = false;
	return tail->unsent ? STOP_BEFORE : event->judged ? TAKE : CHECK_FIRST;
}

static size_t batch_limit(const struct outbox *outbox, const struct stream *stream)
{
	size_t limit = outbox->options.max_batch_events;

	return stream->batch_limit && stream->batch_limit < limit ? stream->batch_limit : limit;
}

/* The first events of the queue that may go together; settles those that need not go at all.
 * Returns how many are in outbox->bodies; 0 with *verdict telling why. */
static size_t collect(struct outbox *outbox, struct stream *stream, struct tail *tail,
	const struct feed *guess_feed, enum verdict *verdict)
{
	struct event *event = TAILQ_FIRST(&stream->queue), *next;
	size_t count = 0, bytes = 0, limit = batch_limit(outbox, stream);

	for (*verdict = TAKE; event && count < limit; event = next) {
		next = TAILQ_NEXT(event, entry);
		*verdict = judge(outbox, stream, tail, event, guess_feed);
		if (*verdict == LEAVE_OUT) {
			stream_settle(outbox, stream, event, SETTLED_SKIPPED, skipped_as_deleted);
			continue;
		}
		bytes += event->body.len + 1;
		if (*verdict != TAKE || (count > 0 && bytes > outbox->options.max_batch_bytes))
			break;
		outbox->bodies[count++] = event->body;
		*tail = (struct tail){true, true, event->source, event->table, event->position};
	}
	return count;
}

static struct tail tail_of(const struct stream *stream)
{
	const struct origin *origin = stream->last_origin;

	return (struct tail){
		.known = origin != NULL,
		.source = origin ? origin->source : SPAN_NULL,
		.table = origin ? origin->table : SPAN_NULL,
		.position = span_of(stream->last_position),
	};
}

static void fill_work(struct outbox *outbox, struct stream *stream, struct outbox_work *work)
{
	*work = (struct outbox_work){
		.action = OUTBOX_APPEND,
		.stream = stream,
		.name = stream_name(stream),
		.expected = stream->expected,
		.bodies = outbox->bodies,
		.count = stream->frozen,
	};
}

/* A retry sends the same events at the same expected version, however many were queued since. */
static void take_frozen(struct outbox *outbox, struct stream *stream, struct outbox_work *work)
{
	struct event *event = TAILQ_FIRST(&stream->queue);
	size_t i;

	for (i = 0; i < stream->frozen; i++, event = TAILQ_NEXT(event, entry))
		outbox->bodies[i] = event->body;
	outbox->counts.resent++;
	fill_work(outbox, stream, work);
}

static void nothing_to_take(
	struct outbox *outbox, struct stream *stream, enum verdict verdict, const struct tail *tail)
{
	struct event *first = TAILQ_FIRST(&stream->queue);

	if (verdict == REFUSE) {
		refuse_other_table(outbox, stream, tail, first);
	} else if (first && (verdict == CHECK_FIRST || verdict == STOP_BEFORE)) {
		if (stream->checked[0].feed && !stream_checked(stream, first->ticket.feed))
			outbox->counts.foreign_partitions++;
		stream_doubt(outbox, stream);
	} else {
		stream_go_on(outbox, stream);
	}
}

bool batch_take(struct outbox *outbox, struct stream *stream, struct outbox_work *work)
{
	struct event *first = TAILQ_FIRST(&stream->queue);
	struct tail tail = tail_of(stream);
	const struct feed *guess_feed = NULL;
	enum verdict verdict;
	size_t count;

	if (stream->frozen) {
		take_frozen(outbox, stream, work);
		return true;
	}
	if (stream->revision == REVISION_UNKNOWN) {
		if (!may_guess(outbox, first)) {
			stream_doubt(outbox, stream);
			return false;
		}
		guess_feed = first->ticket.feed;
	}
	count = collect(outbox, stream, &tail, guess_feed, &verdict);
	if (count == 0) {
		nothing_to_take(outbox, stream, verdict, &tail);
		return false;
	}
	outbox->counts.batches++;
	outbox->counts.guesses += guess_feed != NULL;
	stream->guess = guess_feed != NULL;
	stream->expected = guess_feed ? -1 : stream->revision;
	stream->frozen = count;
	outbox->frozen += count;
	fill_work(outbox, stream, work);
	return true;
}

static void settle_frozen(struct outbox *outbox, struct stream *stream, enum settlement how)
{
	while (stream->frozen > 0) {
		struct event *event = TAILQ_FIRST(&stream->queue);

		stream->frozen--;
		outbox->frozen--;
		stream_note_checked(
			stream, event->ticket.feed, event->late ? -1 : event->offset, event->op);
		stream_note_last(outbox, stream, event->source, event->table, event->position);
		stream_settle(outbox, stream, event, how, NULL);
	}
}

static void written(struct outbox *outbox, struct stream *stream, int64_t first_number)
{
	int64_t last = first_number + (int64_t)stream->frozen - 1;

	/* At -1 a higher number is a soft-deleted stream that goes on; anywhere else it means that
	 * something answered for the store. */
	if (first_number != stream->expected + 1) {
		if (stream->expected != -1 || first_number < 0) {
			stream_doubt(outbox, stream);
			return;
		}
		outbox->counts.recreated++;
	}
	if (stream->guess)
		guess_succeeded(outbox);
	stream->guess = false;
	stream->tries = 0;
	stream->refusals = stream->oversized = 0;
	stream->conflict = REVISION_UNKNOWN;
	stream->batch_limit = (uint16_t)(stream->batch_limit * 2);
	stream->revision = last;
	settle_frozen(outbox, stream, SETTLED_APPENDED);
	stream_go_on(outbox, stream);
}

static void retry_later(
	struct outbox *outbox, struct stream *stream, const char *text, int64_t now_ms)
{
	stream->tries += stream->tries < UINT16_MAX;
	outbox_failed(outbox, text, now_ms);
	stream_delay(
		outbox, stream, STREAM_WAITING, now_ms + outbox_backoff_ms(outbox, stream->tries));
}

/* Whatever was refused may be there all the same: read first, then less at a time. */
static void halve(struct outbox *outbox, struct stream *stream)
{
	outbox->counts.refused_batches++;
	stream->batch_limit = (uint16_t)(stream->frozen / 2);
	stream_doubt(outbox, stream);
}

static void refused(struct outbox *outbox, struct stream *stream, const char *text, int64_t now_ms)
{
	struct event *event = TAILQ_FIRST(&stream->queue);

	if (stream->frozen > 1) {
		halve(outbox, stream);
		return;
	}
	if (stream->refusals == 0)
		outbox->streams_refused++;
	stream->refusals += stream->refusals < UINT8_MAX;
	stream->batch_limit = 1;
	if (outbox->streams_refused >= REFUSALS_ARE_OUTAGE) {
		retry_later(outbox, stream, text, now_ms);
	} else if (stream->refusals < 2) {
		stream_doubt(outbox, stream);
	} else {
		stream_refuse(outbox, stream, event, "EventStoreDB refuses the event: %s", text);
	}
}

/* 413 does not promise that nothing was written, and what was shows up to a second later. */
static void too_large(
	struct outbox *outbox, struct stream *stream, const char *text, int64_t now_ms)
{
	struct event *event = TAILQ_FIRST(&stream->queue);

	if (stream->frozen > 1) {
		halve(outbox, stream);
	} else if (stream->oversized == OVERSIZED_TRIES) {
		stream_refuse(outbox, stream, event,
			"the event is too large for the store (%zu bytes at most as it will be "
			"stored): %s",
			event->stored_bytes, text);
	} else {
		int64_t delay_ms = 1000 << stream->oversized++;

		stream->batch_limit = 1;
		stream_doubt(outbox, stream);
		stream_delay(outbox, stream, STREAM_DEFERRED, now_ms + delay_ms);
	}
}

void stream_deleted(struct outbox *outbox, struct stream *stream)
{
	struct event *event;

	outbox->frozen -= stream->frozen;
	stream->frozen = 0;
	if (outbox->options.on_deleted != ON_DELETED_SKIP) {
		event = TAILQ_FIRST(&stream->queue);
		if (event)
			stream_refuse(outbox, stream, event,
				"the stream %s was deleted for good (tombstoned); set "
				"pipeline.on_deleted: skip if its changes are not wanted any more",
				stream->name);
		return;
	}
	while ((event = TAILQ_FIRST(&stream->queue)))
		stream_settle(outbox, stream, event,
			event->sentinel ? SETTLED_PRESENT : SETTLED_SKIPPED,
			"its stream is deleted");
	stream_doubt(outbox, stream);
}

static void conflict(struct outbox *outbox, struct stream *stream, int64_t current_version)
{
	outbox->counts.conflicts++;
	if (stream->guess)
		guess_failed(outbox);
	stream->conflict = current_version;
	stream_doubt(outbox, stream);
}

void outbox_append_ended(struct outbox *outbox, struct stream *stream, enum append_outcome outcome,
	int64_t first_number, int64_t current_version, const char *text, int64_t now_ms)
{
	outbox->in_flight--;
	if (outcome == APPEND_WRITTEN || outcome == APPEND_CONFLICT || outcome == APPEND_DELETED)
		outbox_works(outbox, now_ms);
	if (stream->broken) {
		stream_doubt(outbox, stream);
		return;
	}
	switch (outcome) {
	case APPEND_WRITTEN:
		written(outbox, stream, first_number);
		break;
	case APPEND_CONFLICT:
		conflict(outbox, stream, current_version);
		break;
	case APPEND_REFUSED:
		refused(outbox, stream, text, now_ms);
		break;
	case APPEND_TOO_LARGE:
		too_large(outbox, stream, text, now_ms);
		break;
	case APPEND_DELETED:
		stream_deleted(outbox, stream);
		break;
	case APPEND_DENIED:
	case APPEND_MISPLACED:
	case APPEND_UNKNOWN:
		retry_later(outbox, stream, text, now_ms);
		break;
	}
}
