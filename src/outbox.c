/* Streams, their states and lists, time: what may be sent next. */
#include "outbox_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTAGE_AFTER_MS 3000
/* A refused connection fails at once: do not burn through thousands of streams in three seconds. */
#define OUTAGE_AFTER_FAILURES 64
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 30000
#define PROBE_FIRST_MS 250
#define PROBE_MAX_MS 2000
#define TROUBLE_TRIES 3

struct outbox *outbox_new(const struct outbox_options *options)
{
	struct outbox *outbox = xcalloc(1, sizeof(*outbox));
	int state;

	outbox->options = *options;
	outbox->bodies = xcalloc(options->max_batch_events, sizeof(*outbox->bodies));
	outbox->next_due_ms = -1;
	outbox->seed = options->seed;
	outbox->guess_credit = 16;
	for (state = 0; state < STREAM_STATES; state++)
		TAILQ_INIT(&outbox->lists[state]);
	return outbox;
}

static void stream_free(struct outbox *outbox, struct stream *stream)
{
	struct event *event;

	TAILQ_REMOVE(&outbox->lists[stream->state], stream, entry);
	if (stream->state == STREAM_IDLE)
		outbox->idle--;
	table_remove(&outbox->streams, stream_name(stream));
	while ((event = TAILQ_FIRST(&stream->queue))) {
		TAILQ_REMOVE(&stream->queue, event, entry);
		event_free(event);
	}
	check_free(stream->check);
	free(stream->last_position);
	free(stream);
}

void outbox_free(struct outbox *outbox)
{
	struct stream *stream;
	struct origin *origin;
	size_t at = 0;
	int state;

	if (!outbox)
		return;
	for (state = 0; state < STREAM_STATES; state++)
		while ((stream = TAILQ_FIRST(&outbox->lists[state])))
			stream_free(outbox, stream);
	while ((origin = table_next(&outbox->origins, &at)))
		free(origin);
	table_clear(&outbox->origins);
	table_clear(&outbox->streams);
	readback_clear(&outbox->readback);
	strbuf_clear(&outbox->name);
	free(outbox->bodies);
	free(outbox);
}

void stream_move(struct outbox *outbox, struct stream *stream, enum stream_state state)
{
	TAILQ_REMOVE(&outbox->lists[stream->state], stream, entry);
	outbox->idle -= stream->state == STREAM_IDLE;
	stream->state = state;
	TAILQ_INSERT_TAIL(&outbox->lists[state], stream, entry);
	outbox->idle += state == STREAM_IDLE;
}

static void evict_idle(struct outbox *outbox)
{
	while (outbox->idle > outbox->options.max_idle_streams)
		stream_free(outbox, TAILQ_FIRST(&outbox->lists[STREAM_IDLE]));
}

void stream_go_on(struct outbox *outbox, struct stream *stream)
{
	stream_move(outbox, stream, TAILQ_EMPTY(&stream->queue) ? STREAM_IDLE : STREAM_READY);
	evict_idle(outbox);
}

static void unfreeze(struct outbox *outbox, struct stream *stream)
{
	outbox->frozen -= stream->frozen;
	stream->frozen = 0;
	stream->guess = false;
}

void stream_doubt(struct outbox *outbox, struct stream *stream)
{
	unfreeze(outbox, stream);
	stream->broken = false;
	stream->revision = REVISION_UNKNOWN;
	stream->last_origin = NULL;
	memset(stream->checked, 0, sizeof(stream->checked));
	check_free(stream->check);
	stream->check = NULL;
	if (TAILQ_EMPTY(&stream->queue))
		stream_free(outbox, stream);
	else
		stream_move(outbox, stream, STREAM_CHECKING);
}

void stream_delay(
	struct outbox *outbox, struct stream *stream, enum stream_state state, int64_t due_ms)
{
	stream->due_ms = due_ms;
	if (outbox->next_due_ms < 0 || due_ms < outbox->next_due_ms)
		outbox->next_due_ms = due_ms;
	stream_move(outbox, stream, state);
}

void stream_settle(struct outbox *outbox, struct stream *stream, struct event *event,
	enum settlement how, const char *reason)
{
	TAILQ_REMOVE(&stream->queue, event, entry);
	outbox->events--;
	outbox->bytes -= event_bytes(event);
	outbox->options.settle(outbox->options.user, event, how, reason);
}

void stream_refuse(
	struct outbox *outbox, struct stream *stream, struct event *event, const char *format, ...)
{
	char reason[512];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	unfreeze(outbox, stream);
	stream_move(outbox, stream, STREAM_HALTED);
	stream_settle(outbox, stream, event, SETTLED_REFUSED, reason);
}

struct checked *stream_checked(struct stream *stream, const struct feed *feed)
{
	int i;

	for (i = 0; i < CHECKED_FEEDS; i++)
		if (stream->checked[i].feed == feed)
			return &stream->checked[i];
	return NULL;
}

/* More feeds than there is room for only cost another reading back. */
void stream_note_checked(struct stream *stream, const struct feed *feed, int64_t offset, char op)
{
	struct checked *checked = stream_checked(stream, feed);

	if (!checked) {
		memmove(stream->checked + 1, stream->checked,
			sizeof(stream->checked) - sizeof(stream->checked[0]));
		checked = &stream->checked[0];
		*checked = (struct checked){feed, offset, op};
	} else if (offset > checked->offset) {
		checked->offset = offset;
		checked->op = op;
	}
}

const struct origin *outbox_origin(struct outbox *outbox, struct span source, struct span table)
{
	struct strbuf key = {0};
	struct origin *origin;

	strbuf_add_span(&key, source);
	strbuf_add_char(&key, source.ptr ? '\0' : '\1'); /* null is not "" */
	strbuf_add_span(&key, table);
	strbuf_add_char(&key, table.ptr ? '\0' : '\1');
	origin = table_get(&outbox->origins, strbuf_span(&key));
	if (!origin) {
		origin = xcalloc(1, sizeof(*origin) + key.len);
		memcpy(origin->text, key.data, key.len);
		origin->key = (struct span){origin->text, key.len};
		if (source.ptr)
			origin->source = (struct span){origin->text, source.len};
		if (table.ptr)
			origin->table = (struct span){origin->text + source.len + 1, table.len};
		table_put(&outbox->origins, origin->key, origin);
	}
	strbuf_clear(&key);
	return origin;
}

void stream_note_last(struct outbox *outbox, struct stream *stream, struct span source,
	struct span table, struct span position)
{
	const struct origin *last = stream->last_origin;

	if (!last || !span_equal(last->source, source) || !span_equal(last->table, table))
		stream->last_origin = outbox_origin(outbox, source, table);
	if (outbox->options.dedupe_source) {
		free(stream->last_position);
		stream->last_position = position.ptr ? xstrndup(position.ptr, position.len) : NULL;
	}
}

static struct stream *stream_new(struct outbox *outbox, struct span name)
{
	struct stream *stream = xcalloc(1, sizeof(*stream) + name.len + 1);

	TAILQ_INIT(&stream->queue);
	stream->revision = stream->conflict = REVISION_UNKNOWN;
	stream->name_len = name.len;
	memcpy(stream->name, name.ptr, name.len);
	stream->state = STREAM_IDLE;
	TAILQ_INSERT_TAIL(&outbox->lists[STREAM_IDLE], stream, entry);
	outbox->idle++;
	table_put(&outbox->streams, stream_name(stream), stream);
	return stream;
}

void outbox_push(struct outbox *outbox, struct event *event)
{
	struct stream *stream = table_get(&outbox->streams, event->stream);

	if (!stream)
		stream = stream_new(outbox, event->stream);
	event->found = false;
	TAILQ_INSERT_TAIL(&stream->queue, event, entry);
	outbox->events++;
	outbox->bytes += event_bytes(event);
	if (stream->state == STREAM_IDLE)
		stream_move(outbox, stream, STREAM_READY);
}

/* Doubles from try to try; the jitter keeps many streams from coming back at once. */
int64_t outbox_backoff_ms(struct outbox *outbox, unsigned tries)
{
	int64_t delay_ms = BACKOFF_FIRST_MS;

	while (tries-- > 1 && delay_ms < BACKOFF_MAX_MS)
		delay_ms *= 2;
	if (delay_ms > BACKOFF_MAX_MS)
		delay_ms = BACKOFF_MAX_MS;
	return delay_ms / 2 + rand_r(&outbox->seed) % (delay_ms / 2 + 1);
}

static void wake_stream(struct outbox *outbox, struct stream *stream)
{
	stream_move(
		outbox, stream, stream->state == STREAM_WAITING ? STREAM_READY : STREAM_CHECKING);
}

/* Delayed streams whose time has come. The lists hold no more streams than were in flight at
 * once, or are in trouble. */
static void wake_due(struct outbox *outbox, int64_t now_ms)
{
	static const enum stream_state delayed[] = {STREAM_WAITING, STREAM_DEFERRED};
	size_t i;

	if (outbox->next_due_ms < 0 || now_ms < outbox->next_due_ms)
		return;
	outbox->next_due_ms = -1;
	for (i = 0; i < sizeof(delayed) / sizeof(delayed[0]); i++) {
		struct stream *stream = TAILQ_FIRST(&outbox->lists[delayed[i]]), *next;

		for (; stream; stream = next) {
			next = TAILQ_NEXT(stream, entry);
			if (stream->due_ms <= now_ms)
				wake_stream(outbox, stream);
			else if (outbox->next_due_ms < 0 || stream->due_ms < outbox->next_due_ms)
				outbox->next_due_ms = stream->due_ms;
		}
	}
}

static void wake_all(struct outbox *outbox)
{
	struct stream *stream;

	while ((stream = TAILQ_FIRST(&outbox->lists[STREAM_WAITING])))
		wake_stream(outbox, stream);
	while ((stream = TAILQ_FIRST(&outbox->lists[STREAM_DEFERRED])))
		wake_stream(outbox, stream);
	outbox->next_due_ms = -1;
}

void outbox_works(struct outbox *outbox, int64_t now_ms)
{
	outbox->failures = 0;
	outbox->streams_refused = 0;
	if (outbox->outage) {
		outbox->outage = false;
		wake_all(outbox);
	}
}

static void schedule_probe(struct outbox *outbox, int64_t now_ms)
{
	int64_t delay_ms = PROBE_FIRST_MS;
	unsigned tries = outbox->probe_tries++;

	while (tries-- > 0 && delay_ms < PROBE_MAX_MS)
		delay_ms *= 2;
	outbox->probe_due_ms = now_ms + delay_ms;
	outbox->probe_worked = false;
}

void outbox_failed(struct outbox *outbox, const char *text, int64_t now_ms)
{
	snprintf(outbox->last_failure, sizeof(outbox->last_failure), "%s", text ? text : "");
	if (outbox->failures++ == 0)
		outbox->first_failure_ms = now_ms;
	if (outbox->outage) {
		schedule_probe(outbox, now_ms);
	} else if (now_ms - outbox->first_failure_ms >= OUTAGE_AFTER_MS ||
		   outbox->failures >= OUTAGE_AFTER_FAILURES) {
		outbox->outage = true;
		outbox->outage_since_ms = outbox->first_failure_ms;
		outbox->probe_tries = 0;
		schedule_probe(outbox, now_ms);
	}
}

static void take(struct outbox *outbox, struct stream *stream, enum stream_state state)
{
	stream_move(outbox, stream, state);
	outbox->in_flight++;
}

/* Batches first: they are what is waited for. A stream that has nothing to send after all has
 * been moved on by batch_take. */
static bool next_of_stream(struct outbox *outbox, struct outbox_work *work)
{
	struct stream *stream, *next;

	for (stream = TAILQ_FIRST(&outbox->lists[STREAM_READY]); stream; stream = next) {
		next = TAILQ_NEXT(stream, entry);
		if (outbox->stopped && !stream->frozen)
			continue;
		if (batch_take(outbox, stream, work)) {
			take(outbox, stream, STREAM_SENDING);
			return true;
		}
		/* It may have been freed or moved; the list's head is what is left to do. */
		next = TAILQ_FIRST(&outbox->lists[STREAM_READY]);
	}
	stream = TAILQ_FIRST(&outbox->lists[STREAM_CHECKING]);
	if (!stream || outbox->stopped)
		return false;
	check_take(outbox, stream, work);
	take(outbox, stream, STREAM_READING);
	return true;
}

/* One request at a time; a batch only after a harmless read went through, and of a different
 * stream each time: failed ones went to the tail of their list. */
static void next_of_outage(struct outbox *outbox, int64_t now_ms, struct outbox_work *work)
{
	if (outbox->in_flight > 0 || now_ms < outbox->probe_due_ms)
		return;
	if (!outbox->probe_worked) {
		work->action = OUTBOX_PROBE;
		outbox->probing = true;
		outbox->in_flight++;
		return;
	}
	if (TAILQ_EMPTY(&outbox->lists[STREAM_READY]) &&
		TAILQ_EMPTY(&outbox->lists[STREAM_CHECKING])) {
		if (!TAILQ_EMPTY(&outbox->lists[STREAM_WAITING]))
			wake_stream(outbox, TAILQ_FIRST(&outbox->lists[STREAM_WAITING]));
		else if (!TAILQ_EMPTY(&outbox->lists[STREAM_DEFERRED]))
			wake_stream(outbox, TAILQ_FIRST(&outbox->lists[STREAM_DEFERRED]));
	}
	/* Nothing of ours to try with: the probe is all the proof there can be. */
	if (!next_of_stream(outbox, work))
		outbox_works(outbox, now_ms);
}

void outbox_next(struct outbox *outbox, int64_t now_ms, struct outbox_work *work)
{
	*work = (struct outbox_work){.action = OUTBOX_NOTHING};
	if (outbox->outage) {
		next_of_outage(outbox, now_ms, work);
	} else {
		wake_due(outbox, now_ms);
		next_of_stream(outbox, work);
	}
}

int64_t outbox_due_ms(const struct outbox *outbox)
{
	if (outbox->outage)
		return outbox->in_flight > 0 ? -1 : outbox->probe_due_ms;
	return outbox->next_due_ms;
}

void outbox_probed(struct outbox *outbox, bool works, const char *text, int64_t now_ms)
{
	outbox->in_flight--;
	outbox->probing = false;
	if (!outbox->outage)
		return;
	if (works)
		outbox->probe_worked = true;
	else
		outbox_failed(outbox, text, now_ms);
}

static void drop_events(
	struct outbox *outbox, struct stream *stream, const struct feed *feed, bool in_flight_too)
{
	struct event *event = TAILQ_FIRST(&stream->queue), *next;
	size_t frozen = stream->frozen, at;

	for (at = 0; event; event = next, at++) {
		next = TAILQ_NEXT(event, entry);
		if (event->ticket.feed != feed || (at < frozen && !in_flight_too))
			continue;
		if (at < frozen) {
			stream->broken = true;
			stream->frozen--;
			outbox->frozen--;
		}
		stream_settle(outbox, stream, event, SETTLED_DROPPED, NULL);
	}
}

static bool on_the_wire(const struct stream *stream)
{
	return stream->state == STREAM_SENDING || stream->state == STREAM_READING;
}

void outbox_drop(struct outbox *outbox, const struct feed *feed, bool in_flight_too)
{
	int state;

	for (state = 0; state < STREAM_STATES; state++) {
		struct stream *stream = TAILQ_FIRST(&outbox->lists[state]), *next;

		/* Many, and nothing is queued in them. */
		if (state == STREAM_IDLE)
			continue;
		for (; stream; stream = next) {
			next = TAILQ_NEXT(stream, entry);
			drop_events(outbox, stream, feed, in_flight_too);
			if (on_the_wire(stream))
				continue;
			if (stream->broken)
				stream_doubt(outbox, stream);
			else if (TAILQ_EMPTY(&stream->queue))
				stream_free(outbox, stream);
		}
	}
}

static void forget_in(struct outbox *outbox, struct stream *stream, const struct feed *feed)
{
	struct checked *checked = stream_checked(stream, feed);

	if (on_the_wire(stream)) {
		/* A check in progress may name the feed: start it anew when its page comes. */
		stream->broken = stream->broken || stream->state == STREAM_READING;
		check_free(stream->check);
		stream->check = NULL;
	} else if (stream->check) {
		check_free(stream->check);
		stream->check = NULL;
	}
	if (!checked)
		return;
	*checked = (struct checked){0};
	if (stream->state == STREAM_IDLE)
		stream_free(outbox, stream);
}

void outbox_forget(struct outbox *outbox, const struct feed *feed)
{
	int state;

	for (state = 0; state < STREAM_STATES; state++) {
		struct stream *stream = TAILQ_FIRST(&outbox->lists[state]), *next;

		for (; stream; stream = next) {
			next = TAILQ_NEXT(stream, entry);
			forget_in(outbox, stream, feed);
		}
	}
}

void outbox_stop(struct outbox *outbox)
{
	outbox->stopped = true;
}

static void count_trouble(
	const struct outbox *outbox, enum stream_state state, struct outbox_stats *stats)
{
	const struct stream *stream;

	TAILQ_FOREACH (stream, &outbox->lists[state], entry) {
		if (stream->tries < TROUBLE_TRIES && state != STREAM_HALTED)
			continue;
		stats->streams_in_trouble++;
		if (!stats->trouble_stream)
			stats->trouble_stream = stream->name;
	}
}

static size_t count_halted(const struct outbox *outbox)
{
	const struct stream *stream;
	const struct event *event;
	size_t count = 0;

	TAILQ_FOREACH (stream, &outbox->lists[STREAM_HALTED], entry)
		TAILQ_FOREACH (event, &stream->queue, entry)
			count++;
	return count;
}

size_t outbox_bytes(const struct outbox *outbox)
{
	return outbox->bytes;
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *stats)
{
	*stats = outbox->counts;
	stats->events = outbox->events;
	stats->bytes = outbox->bytes;
	stats->halted = count_halted(outbox);
	stats->frozen = outbox->frozen;
	stats->in_flight = outbox->in_flight;
	stats->streams = outbox->streams.count;
	stats->outage = outbox->outage;
	stats->outage_since_ms = outbox->outage_since_ms;
	stats->last_failure = outbox->last_failure;
	count_trouble(outbox, STREAM_WAITING, stats);
	count_trouble(outbox, STREAM_DEFERRED, stats);
	count_trouble(outbox, STREAM_HALTED, stats);
}

const struct error *outbox_error(const struct outbox *outbox)
{
	return outbox->error.kind == ERROR_NONE ? NULL : &outbox->error;
}
