/* The store in memory that the outbox's tests talk to. */
#include "fake_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_stream *fake_stream(struct fake_store *store, struct span name)
{
	struct fake_stream *stream = table_get(&store->streams, name);

	if (!stream) {
		stream = xcalloc(1, sizeof(*stream));
		stream->name = xstrndup(name.ptr, name.len);
		table_put(&store->streams, span_of(stream->name), stream);
	}
	return stream;
}

static struct fake_event parse_body(struct span body)
{
	struct fake_event event = {.body = xstrndup(body.ptr, body.len)};
	struct error error = {0};
	struct span id;

	if (!js_parse(&event.doc, span_of(event.body), 64, &error)) {
		fprintf(stderr, "the outbox sent no JSON: %s\n%s\n", error.text, event.body);
		abort();
	}
	id = js_text(&event.doc, js_member(&event.doc, 0, "eventId"));
	snprintf(event.id, sizeof(event.id), "%.*s", (int)id.len - 2, id.ptr + 1);
	return event;
}

static void free_event(struct fake_event *event)
{
	js_doc_clear(&event->doc);
	free(event->body);
}

static void add(struct fake_stream *stream, struct fake_event event)
{
	stream->events = xreallocarray(stream->events, stream->count + 1, sizeof(*stream->events));
	stream->events[stream->count++] = event;
}

/* Every id at exactly its number, or it is no repeat. */
static bool is_repeat(
	const struct fake_stream *stream, const struct fake_event *batch, size_t count, size_t at)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (at + i >= stream->count || strcmp(stream->events[at + i].id, batch[i].id) != 0)
			return false;
	return true;
}

static enum append_outcome decide(struct fake_stream *stream, const struct fake_event *batch,
	size_t count, int64_t expected, int64_t *first_number)
{
	int64_t last = (int64_t)stream->count - 1;

	if (stream->tombstoned)
		return APPEND_DELETED;
	if (expected < last && is_repeat(stream, batch, count, (size_t)(expected + 1))) {
		*first_number = expected + 1;
		return APPEND_WRITTEN;
	}
	if (expected != last && !(expected == -1 && stream->soft_deleted))
		return APPEND_CONFLICT;
	*first_number = last + 1;
	return APPEND_UNKNOWN; /* to be written by the caller */
}

enum append_outcome fake_append(struct fake_store *store, const struct outbox_work *work,
	int64_t *first_number, int64_t *current_version)
{
	struct fake_stream *stream = fake_stream(store, work->name);
	struct fake_event *batch = xcalloc(work->count, sizeof(*batch));
	enum append_outcome outcome;
	size_t i;

	for (i = 0; i < work->count; i++)
		batch[i] = parse_body(work->bodies[i]);
	*current_version = (int64_t)stream->count - 1;
	outcome = decide(stream, batch, work->count, work->expected, first_number);
	if (outcome == APPEND_UNKNOWN && stream->soft_deleted) {
		stream->soft_deleted = false;
		stream->truncate_before = stream->count;
	}
	for (i = 0; i < work->count; i++) {
		if (outcome == APPEND_UNKNOWN)
			add(stream, batch[i]);
		else
			free_event(&batch[i]);
	}
	free(batch);
	return outcome == APPEND_UNKNOWN ? APPEND_WRITTEN : outcome;
}

void fake_append_foreign(struct fake_store *store, const char *stream, const char *id,
	const char *stream_id, const char *metadata)
{
	struct strbuf body = {0};
	struct fake_event event;

	strbuf_printf(&body, "{\"eventId\":\"%s\",\"eventType\":\"c\",\"data\":{},\"metadata\":%s}",
		id, metadata);
	event = parse_body(strbuf_span(&body));
	event.stream_id = span_of(stream_id);
	add(fake_stream(store, span_of(stream)), event);
	strbuf_clear(&body);
}

static enum read_outcome read_metadata(
	const struct fake_stream *stream, struct outbox_page *page, struct stored_event *events)
{
	if (!stream->soft_deleted)
		return READ_NO_STREAM;
	events[0] = (struct stored_event){
		.data = span_of("{\"$tb\":9223372036854775807}"), .type = span_of("$metadata")};
	*page = (struct outbox_page){events, 1, 0, true};
	return READ_PAGE;
}

enum read_outcome fake_read(struct fake_store *store, const struct outbox_work *work,
	struct outbox_page *page, struct stored_event *events, size_t max)
{
	bool metadata = work->name.len > 2 && memcmp(work->name.ptr, "$$", 2) == 0;
	struct span name =
		metadata ? (struct span){work->name.ptr + 2, work->name.len - 2} : work->name;
	struct fake_stream *stream = fake_stream(store, name);
	int64_t at = work->from < 0 ? (int64_t)stream->count - 1 : work->from;

	if (metadata)
		return read_metadata(stream, page, events);
	if (stream->tombstoned)
		return READ_DELETED;
	if (stream->count == 0 || stream->soft_deleted)
		return READ_NO_STREAM;
	*page = (struct outbox_page){.events = events, .last_number = (int64_t)stream->count - 1};
	for (; at >= (int64_t)stream->truncate_before && page->count < work->count &&
		page->count < max;
		at--) {
		struct fake_event *event = &stream->events[at];

		events[page->count++] = (struct stored_event){
			.stream = event->stream_id.ptr ? event->stream_id : name,
			.number = at,
			.id = span_of(event->id),
			.type = span_of("c"),
			.data = js_text(&event->doc, js_member(&event->doc, 0, "data")),
			.metadata = js_text(&event->doc, js_member(&event->doc, 0, "metadata")),
		};
	}
	page->at_start = at < (int64_t)stream->truncate_before;
	return READ_PAGE;
}

void fake_clear(struct fake_store *store)
{
	struct fake_stream *stream;
	size_t at = 0, i;

	while ((stream = table_next(&store->streams, &at))) {
		for (i = 0; i < stream->count; i++)
			free_event(&stream->events[i]);
		free(stream->events);
		free(stream->name);
		free(stream);
	}
	table_clear(&store->streams);
}
