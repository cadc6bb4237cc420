/* Reads stored events of ours back into what they say about a row. */
#include "row_event.h"

static struct span text_of(struct row_event_reader *reader, const struct js_doc *doc, uint32_t node)
{
	struct span text;

	if (node == JS_NONE || js_type_of(doc, node) != JS_STRING ||
		!js_string_span(doc, node, &reader->arena, &text))
		return SPAN_NULL;
	return text;
}

/* The server indents what it stores. */
static struct span compact(struct row_event_reader *reader, const struct js_doc *doc, uint32_t node)
{
	if (js_is_null(doc, node))
		return SPAN_NULL;
	strbuf_reset(&reader->scratch);
	js_compact(doc, node, &reader->scratch);
	return arena_copy(&reader->arena, strbuf_span(&reader->scratch));
}

/* MongoDB's images are documents as extended JSON in a string. */
static struct span image_of(struct row_event_reader *reader, const char *name)
{
	uint32_t node = js_member(&reader->data, 0, name);

	if (node != JS_NONE && js_type_of(&reader->data, node) == JS_STRING)
		return text_of(reader, &reader->data, node);
	if (node == JS_NONE || js_type_of(&reader->data, node) != JS_OBJECT)
		return SPAN_NULL;
	return js_text(&reader->data, node);
}

static void read_metadata(struct row_event_reader *reader, struct row_event *row)
{
	const struct js_doc *doc = &reader->readback.doc;
	uint32_t ts = js_member(doc, 0, "ts"), tombstone = js_member(doc, 0, "tombstone");

	if (ts == JS_NONE || js_type_of(doc, ts) != JS_NUMBER ||
		!span_to_int64(js_text(doc, ts), &row->ts_ms))
		row->ts_ms = -1;
	row->tombstone = tombstone != JS_NONE && js_type_of(doc, tombstone) == JS_TRUE;
	row->snapshot = row->seen.op == 'r' || !js_is_null(doc, js_member(doc, 0, "snapshot"));
	row->connector = text_of(reader, doc, js_member(doc, 0, "connector"));
	row->correlation = text_of(reader, doc, js_member(doc, 0, "$correlationId"));
	row->moved_to = compact(reader, doc, js_member(doc, 0, "moved_to"));
	row->moved_from = compact(reader, doc, js_member(doc, 0, "moved_from"));
	row->placeholders = js_member(doc, 0, "placeholders");
}

static void read_data(struct row_event_reader *reader, struct row_event *row)
{
	struct error ignored = {0};

	if (!row->seen.data.ptr || !js_parse(&reader->data, row->seen.data, JS_MAX_DEPTH, &ignored))
		return;
	row->key = compact(reader, &reader->data, js_member(&reader->data, 0, "key"));
	row->before = image_of(reader, "before");
	row->after = image_of(reader, "after");
}

static bool is_row_op(char op)
{
	return op == 'c' || op == 'i' || op == 'u' || op == 'd' || op == 'r';
}

void row_event_read(
	struct row_event_reader *reader, const struct stored_event *event, struct row_event *row)
{
	arena_reset(&reader->arena);
	*row = (struct row_event){.stream = event->stream,
		.type = event->type,
		.updated = event->updated,
		.revision = event->revision,
		.ts_ms = -1,
		.metadata = event->metadata,
		.placeholders = JS_NONE};
	readback_parse(&reader->readback, event, event->stream, &row->seen);
	if (!row->seen.ours)
		return;
	read_metadata(reader, row);
	row->truncate = row->seen.op == 't';
	if (row->truncate || !is_row_op(row->seen.op))
		return;
	read_data(reader, row);
	row->is_row = row->after.ptr || row->before.ptr || row->seen.op == 'd' || row->tombstone;
}

void row_event_reader_clear(struct row_event_reader *reader)
{
	readback_clear(&reader->readback);
	js_doc_clear(&reader->data);
	arena_clear(&reader->arena);
	strbuf_clear(&reader->scratch);
}
