/* Carries a row's columns from event to event, and tells how two images differ. */
#include "row_image.h"

#include <stdlib.h>

#include "json_equal.h"

/* --- From event to event --- */

static bool is_placeholder(const struct js_doc *metadata, uint32_t placeholders, struct span column)
{
	uint32_t node;
	struct strbuf name = {0};
	bool found = false;

	for (node = js_first(metadata, placeholders); node != JS_NONE && !found;
		node = js_next(metadata, placeholders, node)) {
		strbuf_reset(&name);
		found = js_type_of(metadata, node) == JS_STRING &&
			js_string(metadata, node, &name) && span_equal(strbuf_span(&name), column);
	}
	strbuf_clear(&name);
	return found;
}

/* The value of after's column that is to be kept from before, or JS_NONE. */
static uint32_t kept_value(const struct js_doc *metadata, uint32_t placeholders,
	const struct js_doc *after, uint32_t name, const struct js_doc *before)
{
	struct strbuf column = {0};
	uint32_t value = JS_NONE;

	if (js_string(after, name, &column) && column.data &&
		is_placeholder(metadata, placeholders, strbuf_span(&column)))
		value = js_member(before, 0, column.data);
	strbuf_clear(&column);
	return value;
}

static bool parse_object(struct js_doc *doc, struct span text)
{
	struct error ignored = {0};

	return text.ptr && js_parse(doc, text, JS_MAX_DEPTH, &ignored) &&
	       js_type_of(doc, 0) == JS_OBJECT;
}

static void merge(const struct row_event_reader *reader, const struct row_event *event,
	const struct js_doc *after, const struct js_doc *before, struct strbuf *out)
{
	uint32_t name, kept;

	strbuf_add_char(out, '{');
	for (name = js_first(after, 0); name != JS_NONE; name = js_next(after, 0, name)) {
		if (out->len > 1)
			strbuf_add_char(out, ',');
		strbuf_add_span(out, js_text(after, name));
		strbuf_add_char(out, ':');
		kept = kept_value(&reader->readback.doc, event->placeholders, after, name, before);
		if (kept == JS_NONE)
			js_compact(after, name + 1, out);
		else
			js_compact(before, kept, out);
	}
	strbuf_add_char(out, '}');
}

enum row_fate row_image_after(const struct row_event_reader *reader, const struct row_event *event,
	struct span before, struct strbuf *out)
{
	struct js_doc old = {0}, new = {0};
	enum row_fate fate = ROW_UNTOUCHED;

	strbuf_reset(out);
	if (event->truncate || (event->is_row && event->seen.op == 'd'))
		return ROW_ENDS;
	if (!event->is_row || !parse_object(&new, event->after))
		goto done;
	fate = ROW_LIVES;
	if (event->placeholders != JS_NONE && parse_object(&old, before))
		merge(reader, event, &new, &old, out);
	else
		js_compact(&new, 0, out);
done:
	js_doc_clear(&old);
	js_doc_clear(&new);
	return fate;
}

/* --- Differences --- */

static struct span compact(struct row_diff *diff, const struct js_doc *doc, uint32_t node)
{
	struct strbuf text = {0};
	struct span copy;

	if (node == JS_NONE)
		return SPAN_NULL;
	js_compact(doc, node, &text);
	copy = arena_copy(&diff->arena, strbuf_span(&text));
	strbuf_clear(&text);
	return copy;
}

static void add_change(struct row_diff *diff, struct span name, uint32_t old, uint32_t new)
{
	if (diff->count == diff->size) {
		diff->size = diff->size ? 2 * diff->size : 16;
		diff->changes = xreallocarray(diff->changes, diff->size, sizeof(*diff->changes));
	}
	diff->changes[diff->count++] = (struct column_change){
		name, compact(diff, &diff->old_doc, old), compact(diff, &diff->new_doc, new)};
}

static struct span column_name(struct row_diff *diff, const struct js_doc *doc, uint32_t node)
{
	struct span name, copy;

	if (!js_string_span(doc, node, &diff->arena, &name))
		name = js_text(doc, node);
	copy = arena_copy(&diff->arena, name); /* js_member wants its NUL */
	return copy;
}

/* An image that is not there has no columns. */
static bool read_image(struct js_doc *doc, struct span image)
{
	return parse_object(doc, image.ptr ? image : span_of("{}"));
}

bool row_diff_make(struct row_diff *diff, struct span old_image, struct span new_image)
{
	struct js_doc *old = &diff->old_doc, *new = &diff->new_doc;
	uint32_t node, other;
	struct span name;

	diff->count = 0;
	arena_reset(&diff->arena);
	if (!read_image(old, old_image) || !read_image(new, new_image))
		return false;
	for (node = js_first(new, 0); node != JS_NONE; node = js_next(new, 0, node)) {
		name = column_name(diff, new, node);
		other = js_member(old, 0, name.ptr);
		if (!js_equal(old, other, new, node + 1))
			add_change(diff, name, other, node + 1);
	}
	for (node = js_first(old, 0); node != JS_NONE; node = js_next(old, 0, node)) {
		name = column_name(diff, old, node);
		if (js_member(new, 0, name.ptr) == JS_NONE)
			add_change(diff, name, node + 1, JS_NONE);
	}
	return true;
}

void row_diff_clear(struct row_diff *diff)
{
	free(diff->changes);
	js_doc_clear(&diff->old_doc);
	js_doc_clear(&diff->new_doc);
	arena_clear(&diff->arena);
	*diff = (struct row_diff){0};
}

static void add_value(struct strbuf *out, const char *name, struct span value)
{
	if (!value.ptr)
		return;
	strbuf_printf(out, ",\"%s\":", name);
	strbuf_add_span(out, value);
}

void column_change_json(const struct column_change *change, struct strbuf *out)
{
	strbuf_add_text(out, "{\"column\":");
	strbuf_add_json(out, change->name);
	add_value(out, "old", change->old_value);
	add_value(out, "new", change->new_value);
	strbuf_add_char(out, '}');
}
