/* Reading back: what is in a stream already, and where its next event goes (append.md, section 4).
 */
#include "outbox_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A feed that has events queued: back to where it must be read, and what was seen of it. */
struct wanted {
	const struct feed *feed;
	int64_t first, last; /* offsets queued when the check began: those are judged */
	int64_t highest;     /* of ours in the stream, -1 none */
	char highest_op;
	bool bounded; /* read far enough back */
};

struct check {
	struct wanted *wanted;
	size_t count;
	unsigned pages;	     /* read so far */
	int page_limit;	     /* 0: none; halved where pages are too large */
	int64_t from;	     /* number to read from backward; -1 the head */
	int64_t last_number; /* as the first page tells: later pages do not show what came since */
	bool saw_ours;	     /* the last event of ours is noted in the stream */
	bool saw_start;
	int64_t lowest; /* smallest event number seen, -1 none */
	/* dedupe_source: back to where repeats of queued changes are looked for. */
	struct span repeat_source, repeat_below; /* of queued events; ptr NULL: none */
	bool repeat_bounded;
	bool metadata; /* the stream reads as missing: ask its metadata whether it was deleted */
};

static const int page_sizes[] = {1, 8, 32, 100};

void check_free(struct check *check)
{
	if (check)
		free(check->wanted);
	free(check);
}

static struct wanted *wanted_of(const struct check *check, const struct feed *feed)
{
	size_t i;

	for (i = 0; i < check->count; i++)
		if (check->wanted[i].feed == feed)
			return &check->wanted[i];
	return NULL;
}

/* Changes of a second source in the same stream are not folded: when in doubt, append. */
static void want_position(struct check *check, const struct event *event)
{
	if (!event->position.ptr || !event->source.ptr)
		return;
	if (!check->repeat_source.ptr)
		check->repeat_source = event->source;
	if (span_equal(check->repeat_source, event->source) &&
		(!check->repeat_below.ptr ||
			position_compare(event->position, check->repeat_below) < 0))
		check->repeat_below = event->position;
}

static struct check *check_new(const struct outbox *outbox, struct stream *stream)
{
	struct check *check = xcalloc(1, sizeof(*check));
	struct event *event;

	check->from = check->last_number = check->lowest = -1;
	TAILQ_FOREACH (event, &stream->queue, entry) {
		struct wanted *wanted = wanted_of(check, event->ticket.feed);

		event->found = false;
		event->before_op = 0;
		if (outbox->options.dedupe_source)
			want_position(check, event);
		if (!wanted) {
			check->wanted = xreallocarray(
				check->wanted, check->count + 1, sizeof(*check->wanted));
			wanted = &check->wanted[check->count++];
			*wanted = (struct wanted){
				.feed = event->ticket.feed, .first = event->offset, .highest = -1};
		}
		wanted->last = event->offset;
	}
	check->repeat_bounded = !check->repeat_below.ptr;
	return check;
}

static int page_size(const struct check *check)
{
	const size_t sizes = sizeof(page_sizes) / sizeof(page_sizes[0]);
	int size = page_sizes[check->pages < sizes ? check->pages : sizes - 1];

	return check->page_limit && size > check->page_limit ? check->page_limit : size;
}

void check_take(struct outbox *outbox, struct stream *stream, struct outbox_work *work)
{
	if (!stream->check) {
		stream->check = check_new(outbox, stream);
		outbox->counts.checks++;
	}
	*work = (struct outbox_work){
		.action = OUTBOX_READ,
		.stream = stream,
		.name = stream_name(stream),
		.count = (size_t)page_size(stream->check),
		.from = stream->check->from,
	};
	if (stream->check->metadata) {
		strbuf_reset(&outbox->name);
		strbuf_add_text(&outbox->name, "$$");
		strbuf_add_span(&outbox->name, work->name);
		work->name = strbuf_span(&outbox->name);
		work->count = 1;
		work->from = -1;
	}
}

/* The record's own topic under another generation: the one before this topic was made anew. */
static void note_position(struct check *check, const struct sighting *sighting)
{
	size_t i;

	for (i = 0; i < check->count; i++) {
		struct wanted *wanted = &check->wanted[i];

		if (wanted->feed->partition != sighting->partition ||
			!span_is(sighting->topic, wanted->feed->topic))
			continue;
		if (!span_is(sighting->generation, wanted->feed->generation)) {
			wanted->bounded = true;
		} else if (!sighting->late) {
			if (sighting->offset > wanted->highest) {
				wanted->highest = sighting->offset;
				wanted->highest_op = sighting->op;
			}
			if (sighting->offset <= wanted->first)
				wanted->bounded = true;
		}
	}
}

/* Newest first, so the first one seen below an event is the one before it. */
static void note_before(struct stream *stream, const struct sighting *sighting)
{
	struct event *event;

	TAILQ_FOREACH (event, &stream->queue, entry) {
		const struct feed *feed = event->ticket.feed;

		if (event->unless_deleted && !event->before_op &&
			event->offset > sighting->offset &&
			feed->partition == sighting->partition &&
			span_is(sighting->topic, feed->topic) &&
			span_is(sighting->generation, feed->generation))
			event->before_op = sighting->op;
	}
}

static void other_record(
	struct outbox *outbox, const struct event *event, const struct sighting *sighting)
{
	const struct feed *feed = event->ticket.feed;

	error_set(&outbox->error, ERROR_FATAL,
		"%s/%d offset %" PRId64
		" is in stream %.*s as another record (Kafka timestamp %" PRId64 ", now %" PRId64
		"): the topic was deleted and created anew since; give it a new "
		"text under 'generation' in the configuration, so that its records get ids of "
		"their "
		"own",
		feed->topic, feed->partition, event->offset, SPAN_ARG(event->stream),
		sighting->kafka_ts, event->kafka_ts);
}

static void match_ids(struct outbox *outbox, struct stream *stream, const struct sighting *sighting)
{
	struct event *event;

	if (sighting->id.len != sizeof(event->id) - 1)
		return;
	TAILQ_FOREACH (event, &stream->queue, entry) {
		if (strncasecmp(event->id, sighting->id.ptr, sighting->id.len) != 0)
			continue;
		event->found = true;
		if (sighting->kafka_ts != event->kafka_ts)
			other_record(outbox, event, sighting);
	}
}

/* append.md, section 5: the same change at another offset. */
static void match_repeats(
	struct check *check, struct stream *stream, const struct sighting *sighting)
{
	struct event *event;

	if (!check->repeat_below.ptr || !sighting->position.ptr ||
		!span_equal(sighting->source, check->repeat_source))
		return;
	if (position_compare(sighting->position, check->repeat_below) < 0)
		check->repeat_bounded = true;
	TAILQ_FOREACH (event, &stream->queue, entry) {
		if (!event->found && !event->sentinel && readback_is_repeat(sighting, event))
			event->found = true;
	}
}

static bool read_far_enough(const struct check *check)
{
	size_t i;

	if (!check->repeat_bounded)
		return false;
	for (i = 0; i < check->count; i++)
		if (!check->wanted[i].bounded)
			return false;
	return true;
}

static void note_page(struct outbox *outbox, struct stream *stream, const struct outbox_page *page)
{
	struct check *check = stream->check;
	size_t i;

	if (check->pages == 0)
		check->last_number = page->last_number;
	for (i = 0; i < page->count; i++) {
		struct sighting sighting;

		readback_parse(&outbox->readback, &page->events[i], stream_name(stream), &sighting);
		if (check->lowest < 0 || sighting.number < check->lowest)
			check->lowest = sighting.number;
		if (!sighting.ours)
			continue;
		if (!check->saw_ours) {
			stream_note_last(
				outbox, stream, sighting.source, sighting.table, sighting.position);
			check->saw_ours = true;
		}
		note_position(check, &sighting);
		note_before(stream, &sighting);
		match_ids(outbox, stream, &sighting);
		match_repeats(check, stream, &sighting);
	}
}

static void settle_sentinel(
	struct outbox *outbox, struct stream *stream, struct event *event, bool may_be_gone)
{
	bool present = event->found || may_be_gone;

	stream_settle(outbox, stream, event, present ? SETTLED_PRESENT : SETTLED_ABSENT, NULL);
}

/* An event that is not there though a later one of its row is. */
static bool settle_hole(struct outbox *outbox, struct stream *stream, struct event *event,
	const struct wanted *wanted)
{
	struct event *late, *next = TAILQ_NEXT(event, entry);

	outbox->counts.holes++;
	if (!outbox->options.append_holes) {
		stream_refuse(outbox, stream, event,
			"the stream %s holds offset %" PRId64 " of this partition but not this "
			"one: it was jumped over once (--from, --skip or other rules); set "
			"pipeline.on_hole: append to append it late, or skip it with --skip",
			stream->name, wanted->highest);
		return false;
	}
	TAILQ_REMOVE(&stream->queue, event, entry);
	outbox->bytes -= event_bytes(event);
	late = event_make_late(event);
	outbox->bytes += event_bytes(late);
	if (next)
		TAILQ_INSERT_BEFORE(next, late, entry);
	else
		TAILQ_INSERT_TAIL(&stream->queue, late, entry);
	return true;
}

/* Judges what was queued when the check began. False: the stream is halted. */
static bool settle_queue(struct outbox *outbox, struct stream *stream, bool may_be_gone)
{
	struct event *event = TAILQ_FIRST(&stream->queue), *next;

	for (; event; event = next) {
		const struct wanted *wanted = wanted_of(stream->check, event->ticket.feed);

		next = TAILQ_NEXT(event, entry);
		if (!wanted || event->offset > wanted->last)
			continue;
		event->judged = true;
		if (event->sentinel)
			settle_sentinel(outbox, stream, event, may_be_gone);
		else if (event->found)
			stream_settle(outbox, stream, event, SETTLED_DUPLICATE, NULL);
		else if (event->offset >= wanted->highest || event->late)
			continue;
		else if (event->unless_deleted && event->before_op == 'd')
			stream_settle(outbox, stream, event, SETTLED_SKIPPED, skipped_as_deleted);
		else if (!settle_hole(outbox, stream, event, wanted))
			return false;
	}
	return true;
}

static void finish(struct outbox *outbox, struct stream *stream, bool soft_deleted)
{
	struct check *check = stream->check;
	bool truncated = check->saw_start && check->lowest != 0 && check->last_number >= 0;
	size_t i;

	stream->revision = check->last_number;
	if (soft_deleted) {
		/* Its numbers go on; only a conflict tells where. Without one, -1 is accepted. */
		stream->revision = stream->conflict >= 0 ? stream->conflict : -1;
		outbox->counts.recreated++;
	}
	for (i = 0; i < check->count; i++)
		stream_note_checked(stream, check->wanted[i].feed, check->wanted[i].highest,
			check->wanted[i].highest_op);
	if (settle_queue(outbox, stream, soft_deleted || truncated))
		stream_go_on(outbox, stream);
	check_free(stream->check);
	stream->check = NULL;
	stream->conflict = REVISION_UNKNOWN;
	stream->tries = 0;
}

static void read_later(
	struct outbox *outbox, struct stream *stream, const char *text, int64_t now_ms)
{
	stream->tries += stream->tries < UINT16_MAX;
	outbox_failed(outbox, text, now_ms);
	stream_delay(
		outbox, stream, STREAM_DEFERRED, now_ms + outbox_backoff_ms(outbox, stream->tries));
}

static void page_read(struct outbox *outbox, struct stream *stream, const struct outbox_page *page)
{
	struct check *check = stream->check;

	note_page(outbox, stream, page);
	check->saw_start = page->at_start || check->lowest == 0 || page->count == 0;
	check->pages++;
	if (check->saw_start || read_far_enough(check)) {
		finish(outbox, stream, false);
		return;
	}
	check->from = check->lowest - 1;
	stream_move(outbox, stream, STREAM_CHECKING);
}

static void soft_deleted(struct outbox *outbox, struct stream *stream)
{
	struct event *event;

	switch (outbox->options.on_deleted) {
	case ON_DELETED_RECREATE:
		finish(outbox, stream, true);
		break;
	case ON_DELETED_SKIP:
		while ((event = TAILQ_FIRST(&stream->queue)))
			stream_settle(outbox, stream, event,
				event->sentinel ? SETTLED_PRESENT : SETTLED_SKIPPED,
				"its stream is deleted");
		stream_doubt(outbox, stream);
		break;
	case ON_DELETED_REFUSE:
		stream_refuse(outbox, stream, TAILQ_FIRST(&stream->queue),
			"the stream %s was deleted; set pipeline.on_deleted to recreate or skip",
			stream->name);
		break;
	}
}

static bool first_is_sentinel(const struct stream *stream)
{
	const struct event *event = TAILQ_FIRST(&stream->queue);

	return event && event->sentinel;
}

/* Never there, or soft-deleted: who must know asks the stream's metadata. */
static void no_stream(struct outbox *outbox, struct stream *stream)
{
	struct check *check = stream->check;

	if (outbox->options.on_deleted != ON_DELETED_RECREATE || first_is_sentinel(stream) ||
		stream->conflict >= 0) {
		check->metadata = true;
		stream_move(outbox, stream, STREAM_CHECKING);
		return;
	}
	finish(outbox, stream, false);
}

static void metadata_read(struct outbox *outbox, struct stream *stream, enum read_outcome outcome,
	const struct outbox_page *page)
{
	if (outcome == READ_PAGE && page->count > 0 &&
		readback_says_deleted(page->events[0].data)) {
		soft_deleted(outbox, stream);
	} else {
		/* The read lags behind the conflict, or what it named is gone with its leader: -1
		 * is tried, and another conflict only leads back here. */
		finish(outbox, stream, false);
	}
}

static void smaller_page(struct outbox *outbox, struct stream *stream, int64_t now_ms)
{
	struct check *check = stream->check;
	int size = page_size(check);

	if (size == 1) {
		read_later(outbox, stream, "a single event of the stream is too large to be read",
			now_ms);
		return;
	}
	check->page_limit = size / 2;
	stream_move(outbox, stream, STREAM_CHECKING);
}

void outbox_read_ended(struct outbox *outbox, struct stream *stream, enum read_outcome outcome,
	const struct outbox_page *page, const char *text, int64_t now_ms)
{
	bool answered = outcome == READ_PAGE || outcome == READ_NO_STREAM ||
			outcome == READ_DELETED || outcome == READ_TOO_LARGE;

	outbox->in_flight--;
	if (answered)
		outbox_works(outbox, now_ms);
	if (stream->broken || !stream->check || TAILQ_EMPTY(&stream->queue))
		stream_doubt(outbox, stream);
	else if (!answered)
		read_later(outbox, stream, text, now_ms);
	else if (stream->check->metadata)
		metadata_read(outbox, stream, outcome, page);
	else if (outcome == READ_PAGE)
		page_read(outbox, stream, page);
	else if (outcome == READ_NO_STREAM)
		no_stream(outbox, stream);
	else if (outcome == READ_TOO_LARGE)
		smaller_page(outbox, stream, now_ms);
	else
		stream_deleted(outbox, stream);
}

static bool is_digit(const struct span *text)
{
	return text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9';
}

/* Cuts the run of digits off text's front, without leading zeros. */
static struct span take_digits(struct span *text)
{
	struct span run;

	while (text->len > 1 && text->ptr[0] == '0' && text->ptr[1] >= '0' && text->ptr[1] <= '9')
		*text = (struct span){text->ptr + 1, text->len - 1};
	run = (struct span){text->ptr, 0};
	while (is_digit(text)) {
		run.len++;
		*text = (struct span){text->ptr + 1, text->len - 1};
	}
	return run;
}

static int compare_digits(struct span *a, struct span *b)
{
	struct span x = take_digits(a), y = take_digits(b);

	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return memcmp(x.ptr, y.ptr, x.len);
}

int position_compare(struct span a, struct span b)
{
	while (a.len && b.len) {
		int order;

		if (is_digit(&a) && is_digit(&b)) {
			order = compare_digits(&a, &b);
		} else {
			/* ':' ends a part: an empty or shorter part comes first. */
			unsigned char x = a.ptr[0] == ':' ? 0 : (unsigned char)a.ptr[0];
			unsigned char y = b.ptr[0] == ':' ? 0 : (unsigned char)b.ptr[0];

			order = (x > y) - (x < y);
			a = (struct span){a.ptr + 1, a.len - 1};
			b = (struct span){b.ptr + 1, b.len - 1};
		}
		if (order)
			return order < 0 ? -1 : 1;
	}
	return (a.len > 0) - (b.len > 0);
}
