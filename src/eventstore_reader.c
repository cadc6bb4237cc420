/* Follows a stream's pages: the one that is being read, and the one behind it on its way. */
#include "eventstore_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eventstore_internal.h"

#define PAGE_EVENTS 500
#define PATIENCE_MS 10000
#define RETRY_MS 250
#define ALL_BEGINNING "00000000000000000000000000000000"

/* A page and its place; its spans point into body. */
struct sheet {
	char position[ES_POSITION_BYTES]; /* where it was asked for */
	struct es_page page;
	struct strbuf body;
	enum read_outcome outcome;
	int status;
	char text[256];
};

struct reader {
	struct eventstore *store;
	char *stream;
	bool backward, resolve, names_only;
	int page_events, long_poll_s, patience_ms, stop_fd;

	struct sheet sheets[2];
	struct sheet *current, *next; /* read; on its way or arrived */
	size_t handed_out;	      /* of current */
	bool in_flight, arrived;      /* next */
	bool at_end;
	bool answered; /* the server said something once */
	bool stopped;
	struct es_slot *slot; /* while in flight */
	char position[ES_POSITION_BYTES];
	enum read_outcome outcome;
};

static bool is_all(const struct reader *reader)
{
	return strcmp(reader->stream, "$all") == 0;
}

static const char *beginning(const struct reader *reader)
{
	if (reader->backward)
		return "head";
	return is_all(reader) ? ALL_BEGINNING : "0";
}

void reader_set_patience(struct eventstore *store, int patience_ms)
{
	store->reader_patience_ms = patience_ms;
}

static int patience(const struct eventstore *store, const struct reader_options *options)
{
	if (options->patience_ms)
		return options->patience_ms;
	return store->reader_patience_ms ? store->reader_patience_ms : PATIENCE_MS;
}

static void clear_sheet(struct sheet *sheet)
{
	es_page_clear(&sheet->page);
	strbuf_clear(&sheet->body);
}

void reader_close(struct reader *reader)
{
	if (!reader)
		return;
	/* What is on its way, a long poll perhaps, is not waited for. */
	if (reader->in_flight)
		reader->slot->user = NULL;
	clear_sheet(&reader->sheets[0]);
	clear_sheet(&reader->sheets[1]);
	free(reader->stream);
	free(reader);
}

/* --- Asking --- */

static void set_target(const struct reader *reader, struct strbuf *target)
{
	eventstore_stream_target(span_of(reader->stream), target);
	strbuf_printf(target, "/%s/%s/%d?embed=%s", reader->next->position,
		reader->backward ? "backward" : "forward", reader->page_events,
		reader->names_only ? "rich" : "body");
}

/* at_end: nothing stands there yet, so the server may hold the answer back until something does. */
static void ask(struct reader *reader, const char *position, bool at_end)
{
	char long_poll[40];
	const char *headers[] = {"Accept: application/vnd.eventstore.atom+json",
		reader->resolve ? "ES-ResolveLinkTos: true" : "ES-ResolveLinkTos: false", NULL,
		NULL};

	if (at_end && reader->long_poll_s > 0) {
		snprintf(long_poll, sizeof(long_poll), "ES-LongPoll: %d", reader->long_poll_s);
		headers[2] = long_poll;
	}
	eventstore_wait_for_room(reader->store);
	snprintf(reader->next->position, sizeof(reader->next->position), "%s", position);
	reader->slot = es_http_take(reader->store->http);
	reader->slot->user = reader;
	reader->slot->kind = ES_KIND_PAGE;
	set_target(reader, &reader->slot->target);
	es_http_call(reader->store->http, reader->slot, "GET", headers);
	reader->in_flight = true;
	reader->arrived = false;
}

struct reader *reader_open(struct eventstore *store, const struct reader_options *options)
{
	struct reader *reader = xcalloc(1, sizeof(*reader));

	reader->store = store;
	reader->stream = xstrdup(options->stream);
	reader->backward = options->backward;
	reader->resolve = options->resolve;
	reader->names_only = options->names_only;
	reader->page_events = options->page_events ? options->page_events : PAGE_EVENTS;
	reader->long_poll_s = options->backward ? 0 : options->long_poll_s;
	reader->patience_ms = patience(store, options);
	reader->stop_fd = options->stop_fd;
	reader->current = &reader->sheets[0];
	reader->next = &reader->sheets[1];
	snprintf(reader->position, sizeof(reader->position), "%s",
		options->from ? options->from : beginning(reader));
	if (options->at_once)
		ask(reader, reader->position, false);
	return reader;
}

void eventstore_page_arrived(struct eventstore *store, struct es_slot *slot)
{
	struct reader *reader = slot->user;
	struct sheet *sheet;
	struct strbuf before;

	if (!reader) {
		es_http_give_back(store->http, slot);
		return;
	}
	sheet = reader->next;
	before = sheet->body;
	sheet->body = slot->answer_body;
	slot->answer_body = before;
	slot->answer.body = strbuf_span(&sheet->body);
	sheet->page.resolved = reader->resolve || is_all(reader);
	sheet->status = slot->answer.status;
	reader->answered |= sheet->status != 0;
	sheet->outcome = es_answer_read(&slot->answer, slot->too_large, &sheet->page);
	if (sheet->status == 0)
		snprintf(sheet->text, sizeof(sheet->text), "%s", slot->error);
	else
		es_answer_text(&slot->answer, "", sheet->text, sizeof(sheet->text));
	es_http_give_back(store->http, slot);
	reader->slot = NULL;
	reader->in_flight = false;
	reader->arrived = true;
}

/* False: stopped. */
static bool wait_for_page(struct reader *reader)
{
	struct es_slot *done;

	if (!reader->in_flight)
		return true;
	done = eventstore_wait_for(reader->store, reader->slot, reader->stop_fd);
	reader->stopped = !done;
	if (done)
		eventstore_page_arrived(reader->store, done);
	return done != NULL;
}

/* Before a page is asked for again. False: stopped. */
static bool pause_before_retry(struct reader *reader)
{
	struct pollfd stop = {.fd = reader->stop_fd, .events = POLLIN};

	es_http_wait(reader->store->http, &stop, reader->stop_fd > 0, RETRY_MS);
	reader->stopped = stop.revents != 0;
	return !reader->stopped;
}

/* --- Failures --- */

/* A server that is starting, overloaded or gone; anything else will be answered the same again. */
static bool is_passing(const struct sheet *sheet)
{
	return sheet->outcome == READ_FAILED &&
	       (sheet->status == 0 || sheet->status == 408 || sheet->status >= 500);
}

static enum reader_step fail(struct reader *reader, struct error *error)
{
	const struct sheet *sheet = reader->next;

	reader->outcome = sheet->outcome;
	reader->arrived = false;
	switch (sheet->outcome) {
	case READ_NO_STREAM:
		error_set(error, ERROR_REFUSED, "stream %s does not exist, or was deleted",
			reader->stream);
		break;
	case READ_DELETED:
		error_set(error, ERROR_REFUSED, "stream %s was deleted for good (tombstoned)",
			reader->stream);
		break;
	default:
		error_set(error, is_passing(sheet) ? ERROR_RETRY : ERROR_REFUSED,
			"stream %s at %s could not be read from %s: %s", reader->stream,
			sheet->position, eventstore_address(reader->store),
			sheet->outcome == READ_TOO_LARGE ? "one event is too large to be kept"
							 : sheet->text);
	}
	return READER_FAILED;
}

/* A page that is too large is asked for again with half of its events. */
static bool ask_for_fewer(struct reader *reader)
{
	char position[ES_POSITION_BYTES];

	if (reader->next->outcome != READ_TOO_LARGE || reader->page_events == 1)
		return false;
	memcpy(position, reader->next->position, sizeof(position));
	reader->page_events /= 2;
	ask(reader, position, false);
	return true;
}

/* Waits for the page until it is there, patience is over or the wait is stopped. A server that does
 * not answer at all, not even once, is more likely a wrong address than one that will be back in a
 * moment. */
static bool get_page(struct reader *reader)
{
	int64_t deadline = clock_ms() + reader->patience_ms;
	char position[ES_POSITION_BYTES];

	for (;;) {
		if (!wait_for_page(reader))
			return false;
		if (reader->next->outcome == READ_PAGE)
			return true;
		if (ask_for_fewer(reader))
			continue;
		if (!is_passing(reader->next) || clock_ms() + RETRY_MS > deadline ||
			(reader->next->status == 0 && !reader->answered))
			return false;
		if (!pause_before_retry(reader))
			return false;
		memcpy(position, reader->next->position, sizeof(position));
		ask(reader, position, false);
	}
}

/* --- Reading --- */

/* The next page becomes the current one, and the one behind it is asked for. */
static void turn_page(struct reader *reader)
{
	struct sheet *sheet = reader->next;
	const char *then = reader->backward ? sheet->page.older : sheet->page.newer;

	reader->next = reader->current;
	reader->current = sheet;
	reader->handed_out = 0;
	reader->arrived = false;
	reader->outcome = READ_PAGE;
	reader->at_end = !then[0];
	snprintf(reader->position, sizeof(reader->position), "%s", sheet->position);
	if (!reader->at_end)
		ask(reader, then, sheet->page.count < (size_t)reader->page_events);
}

/* Entries stand newest first in both directions. */
static const struct stored_event *entry_at(const struct reader *reader, size_t index)
{
	const struct es_page *page = &reader->current->page;

	return &page->events[reader->backward ? index : page->count - 1 - index];
}

static void move_position(struct reader *reader, const struct stored_event *event)
{
	const struct es_page *page = &reader->current->page;
	const char *then = reader->backward ? page->older : page->newer;

	if (reader->handed_out == page->count && then[0])
		snprintf(reader->position, sizeof(reader->position), "%s", then);
	else if (!is_all(reader) && event->number >= 0)
		snprintf(reader->position, sizeof(reader->position), "%" PRId64,
			event->number + (reader->backward ? -1 : 1));
}

enum reader_step reader_next(
	struct reader *reader, const struct stored_event **event, struct error *error)
{
	while (reader->handed_out == reader->current->page.count) {
		if (reader->backward && reader->at_end)
			return READER_END;
		if (!reader->in_flight && !reader->arrived)
			ask(reader, reader->position, reader->at_end);
		if (!get_page(reader))
			return reader->stopped ? READER_STOPPED : fail(reader, error);
		turn_page(reader);
		if (reader->at_end && reader->current->page.count == 0)
			return READER_END;
	}
	*event = entry_at(reader, reader->handed_out++);
	move_position(reader, *event);
	return READER_EVENT;
}

bool reader_is_filled(const struct reader *reader)
{
	return reader->handed_out < reader->current->page.count;
}

enum read_outcome reader_outcome(const struct reader *reader)
{
	return reader->outcome;
}

const char *reader_position(const struct reader *reader)
{
	return reader->position;
}
