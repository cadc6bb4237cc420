/* An event's data: the payload's bytes as received, with the key before them; built from byte
 * ranges where there is no envelope (mapping.md, sections 1 and 5). */
#include "mapping_internal.h"

#include <string.h>

static void add(struct pieces *pieces, struct span text)
{
	if (text.len == 0)
		return;
	if (pieces->count == pieces->size) {
		pieces->size = pieces->size ? 2 * pieces->size : 64;
		pieces->items = xreallocarray(pieces->items, pieces->size, sizeof(*pieces->items));
	}
	pieces->items[pieces->count++] = text;
	pieces->bytes += text.len;
}

static void add_text(struct pieces *pieces, const char *text)
{
	add(pieces, span_of(text));
}

/* --- Row images under column rules --- */

static bool write_image(struct mapping *mapping, uint32_t image, const char *name,
	struct strbuf *out, struct error *error)
{
	const struct change *change = &mapping->change;
	struct column_image column_image = {
		.doc = &change->value_doc,
		.image = image,
		.schema_doc = &change->value_doc,
		.schema = change_image_schema(change, name),
		.table = mapping_table(mapping),
		.grown = &mapping->grown,
		.is_raw = mapping_is_placeholder,
		.context = mapping,
		.trace = mapping_trace(mapping),
		.where = name,
	};

	strbuf_reset(out);
	if (columns_write(mapping->columns, &column_image, out, error))
		return true;
	error_context(error, "%s", name);
	return false;
}

static bool write_key(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;
	struct column_image key = {
		.doc = &change->key_doc,
		.image = change->key,
		.schema_doc = &change->key_doc,
		.schema = change->key_schema,
		.table = mapping_table(mapping),
		.is_key = true,
		.trace = mapping_trace(mapping),
		.where = "key",
	};

	return columns_write(mapping->columns, &key, &mapping->key, error);
}

/* The key's JSON text in mapping->key; empty: no key. */
static bool key_text(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;

	strbuf_reset(&mapping->key);
	if (!change->key_is_json)
		strbuf_add_json(&mapping->key, change->record->key);
	else if (change->key == JS_NONE)
		return true;
	else if (columns_idle(mapping->columns) || change->kind == CHANGE_OUTBOX ||
		 js_type_of(&change->key_doc, change->key) != JS_OBJECT)
		strbuf_add_span(&mapping->key, js_text(&change->key_doc, change->key));
	else
		return write_key(mapping, error);
	return true;
}

static void add_key(struct mapping *mapping)
{
	if (mapping->key.len == 0)
		return;
	add_text(&mapping->data, "\"key\":");
	add(&mapping->data, strbuf_span(&mapping->key));
}

/* --- Envelopes --- */

/* A value in the payload's bytes and the text in its place. */
struct cut {
	uint32_t node;
	struct span text;
};

#define MAX_CUTS 8

struct cuts {
	struct cut items[MAX_CUTS];
	size_t count;
};

/* In the order of the record's bytes. False: too many, which only a made-up record can have. */
static bool cut(struct cuts *cuts, uint32_t node, struct span text)
{
	size_t at = cuts->count;

	if (at == MAX_CUTS)
		return false;
	for (; at > 0 && cuts->items[at - 1].node > node; at--)
		cuts->items[at] = cuts->items[at - 1];
	cuts->items[at] = (struct cut){node, text};
	cuts->count++;
	return true;
}

/* The payload's bytes from `from` on, with the cuts made. */
static void add_payload(struct mapping *mapping, const char *from, const struct cuts *cuts)
{
	const struct change *change = &mapping->change;
	struct span payload = js_text(&change->value_doc, change->payload);
	size_t i;

	for (i = 0; i < cuts->count; i++) {
		struct span old = js_text(&change->value_doc, cuts->items[i].node);

		add(&mapping->data, (struct span){from, (size_t)(old.ptr - from)});
		add(&mapping->data, cuts->items[i].text);
		from = old.ptr + old.len;
	}
	add(&mapping->data, (struct span){from, (size_t)(payload.ptr + payload.len - from)});
}

static bool cut_image(struct mapping *mapping, uint32_t image, const char *name,
	struct strbuf *room, struct cuts *cuts, struct error *error)
{
	if (js_type_of(&mapping->change.value_doc, image) != JS_OBJECT)
		return true;
	return write_image(mapping, image, name, room, error) &&
	       cut(cuts, image, strbuf_span(room));
}

static bool cut_statements(struct mapping *mapping, struct cuts *cuts, struct error *error)
{
	const struct change *change = &mapping->change;
	const struct js_doc *doc = &change->value_doc;
	uint32_t name;

	for (name = js_first(doc, change->source); name != JS_NONE;
		name = js_next(doc, change->source, name))
		if (mapping_is_statement(mapping, doc, name) &&
			!cut(cuts, name + 1, span_of("\"***\""))) {
			error_set(error, ERROR_REFUSED, "source: a member stands there twice");
			return false;
		}
	return true;
}

static bool make_cuts(struct mapping *mapping, struct cuts *cuts, struct error *error)
{
	const struct change *change = &mapping->change;

	return columns_idle(mapping->columns) ||
	       (cut_image(mapping, change->before, "before", &mapping->before, cuts, error) &&
		       cut_image(mapping, change->after, "after", &mapping->after, cuts, error) &&
		       cut_statements(mapping, cuts, error));
}

static bool envelope_data(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;
	struct span payload = js_text(&change->value_doc, change->payload);
	struct cuts cuts = {.count = 0};

	if (!make_cuts(mapping, &cuts, error))
		return false;
	add_text(&mapping->data, "{");
	add_key(mapping);
	if (mapping->key.len > 0 && js_count(&change->value_doc, change->payload) > 0)
		add_text(&mapping->data, ",");
	add_payload(mapping, payload.ptr + 1, &cuts);
	return true;
}

/* --- Flattened rows --- */

static bool is_added(const struct change *change, uint32_t name)
{
	size_t i;

	for (i = 0; i < change->added_count; i++)
		if (change->added_fields[i] == name)
			return true;
	return false;
}

/* "name":value, as it stands; of a statement that may not leave, only that it was there. */
static void add_member(
	const struct mapping *mapping, const struct js_doc *doc, uint32_t name, struct strbuf *out)
{
	struct span text = js_text(doc, name), value = js_text(doc, name + 1);

	strbuf_add(out, text.ptr, (size_t)(value.ptr - text.ptr));
	if (mapping_is_statement(mapping, doc, name))
		strbuf_add_text(out, "\"***\"");
	else
		strbuf_add_span(out, value);
}

/* An object of the row's members: those that the transform added, or the others. */
static void row_members(const struct mapping *mapping, bool added, struct strbuf *out)
{
	const struct change *change = &mapping->change;
	const struct js_doc *doc = &change->value_doc;
	uint32_t name;
	bool any = false;

	strbuf_reset(out);
	strbuf_add_char(out, '{');
	for (name = js_first(doc, change->payload); name != JS_NONE;
		name = js_next(doc, change->payload, name)) {
		struct span text = js_text(doc, name), value = js_text(doc, name + 1);

		if (is_added(change, name) != added)
			continue;
		if (any)
			strbuf_add_char(out, ',');
		if (added)
			add_member(mapping, doc, name, out);
		else
			strbuf_add(out, text.ptr, (size_t)(value.ptr + value.len - text.ptr));
		any = true;
	}
	strbuf_add_char(out, '}');
}

/* The row's columns, or the fields added to it, under the column rules. Types are those of columns:
 * of the added fields only what is to be hidden is. */
static bool flattened_members(
	struct mapping *mapping, bool added, struct strbuf *out, struct error *error)
{
	struct column_image image = {
		.doc = &mapping->doc,
		.schema_doc = &mapping->change.value_doc,
		.schema = mapping->change.payload_schema,
		.table = mapping_table(mapping),
		.hide_only = added,
		.is_raw = mapping_is_placeholder,
		.context = mapping,
		.grown = &mapping->grown,
		.trace = mapping_trace(mapping),
		.where = added ? "source" : "row",
	};

	if (columns_idle(mapping->columns)) {
		row_members(mapping, added, out);
		return true;
	}
	row_members(mapping, added, &mapping->before);
	strbuf_reset(out);
	return js_parse(&mapping->doc, strbuf_span(&mapping->before), JS_MAX_DEPTH, error) &&
	       columns_write(mapping->columns, &image, out, error);
}

static bool flattened_data(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;
	bool deleted = span_is(change->op, "d");

	add_text(&mapping->data, "{");
	add_key(mapping);
	if (mapping->key.len > 0)
		add_text(&mapping->data, ",");
	if (mapping->is_delete) {
		add_text(&mapping->data, "\"before\":null,\"after\":null}");
		return true;
	}
	if (!flattened_members(mapping, false, &mapping->after, error))
		return false;
	add_text(&mapping->data, deleted ? "\"before\":" : "\"after\":");
	add(&mapping->data, strbuf_span(&mapping->after));
	if (change->added_count > 0) {
		if (!flattened_members(mapping, true, &mapping->whole, error))
			return false;
		add_text(&mapping->data, ",\"source\":");
		add(&mapping->data, strbuf_span(&mapping->whole));
	}
	add_text(&mapping->data, "}");
	return true;
}

/* --- CloudEvents --- */

static bool cloudevent_image(struct mapping *mapping, uint32_t image, const char *name,
	struct strbuf *room, struct error *error)
{
	const struct js_doc *doc = &mapping->change.value_doc;

	add_text(&mapping->data, "\"");
	add_text(&mapping->data, name);
	add_text(&mapping->data, "\":");
	if (image == JS_NONE) {
		add_text(&mapping->data, "null");
	} else if (columns_idle(mapping->columns) || js_type_of(doc, image) != JS_OBJECT) {
		add(&mapping->data, js_text(doc, image));
	} else {
		if (!write_image(mapping, image, name, room, error))
			return false;
		add(&mapping->data, strbuf_span(room));
	}
	add_text(&mapping->data, ",");
	return true;
}

/* The envelope around `data`, as it stands, without it. */
static void cloudevent_source(struct mapping *mapping)
{
	const struct change *change = &mapping->change;
	const struct js_doc *doc = &change->value_doc;
	struct strbuf *out = &mapping->whole;
	uint32_t name;

	strbuf_reset(out);
	strbuf_add_char(out, '{');
	for (name = js_first(doc, change->payload); name != JS_NONE;
		name = js_next(doc, change->payload, name)) {
		if (name + 1 == change->ce_data)
			continue;
		if (out->len > 1)
			strbuf_add_char(out, ',');
		add_member(mapping, doc, name, out);
	}
	strbuf_add_char(out, '}');
	add(&mapping->data, strbuf_span(out));
}

static bool cloudevent_data(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;

	add_text(&mapping->data, "{");
	add_key(mapping);
	if (mapping->key.len > 0)
		add_text(&mapping->data, ",");
	if (!cloudevent_image(mapping, change->before, "before", &mapping->before, error) ||
		!cloudevent_image(mapping, change->after, "after", &mapping->after, error))
		return false;
	add_text(&mapping->data, "\"source\":");
	cloudevent_source(mapping);
	add_text(&mapping->data, ",\"op\":");
	add(&mapping->data, js_text(&change->value_doc, js_member(&change->value_doc,
								change->payload, "iodebeziumop")));
	add_text(&mapping->data, "}");
	return true;
}

/* --- Outbox events --- */

/* A JSON string that holds an object is that object. */
static bool holds_object(struct mapping *mapping, uint32_t node)
{
	struct error ignored = {0};

	strbuf_reset(&mapping->before);
	return js_type_of(&mapping->change.value_doc, node) == JS_STRING &&
	       js_string(&mapping->change.value_doc, node, &mapping->before) &&
	       js_parse(&mapping->doc, strbuf_span(&mapping->before), JS_MAX_DEPTH, &ignored) &&
	       js_type_of(&mapping->doc, 0) == JS_OBJECT;
}

/* The members of an outbox event's data are columns of a table called like its topic. */
static bool hide_members(struct mapping *mapping, struct error *error)
{
	struct column_image image = {
		.doc = &mapping->doc,
		.schema_doc = &mapping->doc,
		.schema = JS_NONE,
		.table = mapping_column_table(mapping),
		.hide_only = true,
		.grown = &mapping->grown,
		.trace = mapping_trace(mapping),
		.where = "data",
	};
	struct strbuf joined = {0};
	bool good;
	size_t i;

	for (i = 0; i < mapping->data.count; i++)
		strbuf_add_span(&joined, mapping->data.items[i]);
	strbuf_reset(&mapping->whole);
	good = js_parse(&mapping->doc, strbuf_span(&joined), JS_MAX_DEPTH, error) &&
	       columns_write(mapping->columns, &image, &mapping->whole, error);
	mapping->data.count = mapping->data.bytes = 0;
	add(&mapping->data, strbuf_span(&mapping->whole));
	strbuf_clear(&joined);
	return good;
}

static void outbox_pieces(struct mapping *mapping)
{
	const struct change *change = &mapping->change;

	if (change->payload != JS_NONE && change->value_is_json) {
		if (js_type_of(&change->value_doc, change->payload) == JS_OBJECT) {
			add(&mapping->data, js_text(&change->value_doc, change->payload));
			return;
		}
		if (holds_object(mapping, change->payload)) {
			mapping->grown = js_stored_bytes(&mapping->doc, 0);
			add(&mapping->data, js_text(&mapping->doc, 0));
			return;
		}
	}
	add_text(&mapping->data, "{\"payload\":");
	if (!change->value_is_json) {
		strbuf_reset(&mapping->after);
		strbuf_add_json(&mapping->after, change->record->value);
		add(&mapping->data, strbuf_span(&mapping->after));
	} else if (change->payload == JS_NONE) {
		add_text(&mapping->data, "null");
	} else {
		add(&mapping->data, js_text(&change->value_doc, change->payload));
	}
	add_text(&mapping->data, "}");
}

static bool outbox_data(struct mapping *mapping, struct error *error)
{
	outbox_pieces(mapping);
	return !columns_hide(mapping->columns) || hide_members(mapping, error);
}

/* --- Numbers that the store would damage --- */

static bool is_damaged(const struct js_doc *doc, uint32_t node)
{
	const struct js_node *n = &doc->nodes[node];

	if (n->type != JS_NUMBER || (!(n->flags & JS_FRACTION) && n->end - n->start <= 380))
		return false;
	return !js_number_survives(js_text(doc, node));
}

static bool any_damaged(const struct js_doc *doc)
{
	uint32_t node;

	for (node = 0; node < doc->count; node++)
		if (is_damaged(doc, node))
			return true;
	return false;
}

struct rewriter {
	const struct js_doc *doc;
	struct strbuf *out, *pointers, path;
	const char *from; /* bytes before it are written */
};

/* RFC 6901: '~' and '/' of a name are escaped. */
static void push_name(struct rewriter *rewriter, uint32_t name)
{
	struct strbuf text = {0};
	size_t i;

	strbuf_add_char(&rewriter->path, '/');
	if (!js_string(rewriter->doc, name, &text))
		strbuf_add_text(&text, "\xef\xbf\xbd"); /* what the store makes of it, too */
	for (i = 0; i < text.len; i++) {
		if (text.data[i] == '~')
			strbuf_add_text(&rewriter->path, "~0");
		else if (text.data[i] == '/')
			strbuf_add_text(&rewriter->path, "~1");
		else
			strbuf_add_char(&rewriter->path, text.data[i]);
	}
	strbuf_clear(&text);
}

static void quote_number(struct rewriter *rewriter, uint32_t node)
{
	struct span literal = js_text(rewriter->doc, node);

	strbuf_add(rewriter->out, rewriter->from, (size_t)(literal.ptr - rewriter->from));
	strbuf_add_json(rewriter->out, literal);
	rewriter->from = literal.ptr + literal.len;
	if (rewriter->pointers->len > 0)
		strbuf_add_char(rewriter->pointers, ',');
	strbuf_add_json(rewriter->pointers, strbuf_span(&rewriter->path));
}

static void rewrite(struct rewriter *rewriter, uint32_t node)
{
	const struct js_doc *doc = rewriter->doc;
	bool object = js_type_of(doc, node) == JS_OBJECT;
	size_t path_len = rewriter->path.len;
	uint32_t child;
	int64_t index = 0;

	if (is_damaged(doc, node))
		quote_number(rewriter, node);
	for (child = js_first(doc, node); child != JS_NONE;
		child = js_next(doc, node, child), index++) {
		if (object) {
			push_name(rewriter, child);
		} else {
			strbuf_add_char(&rewriter->path, '/');
			strbuf_add_int(&rewriter->path, index);
		}
		rewrite(rewriter, child + object);
		rewriter->path.len = path_len;
	}
}

/* The data is joined, read again and written with such numbers as strings. */
static bool stringify(struct mapping *mapping, struct error *error)
{
	struct strbuf joined = {0};
	struct rewriter rewriter = {
		.doc = &mapping->doc, .out = &mapping->whole, .pointers = &mapping->pointers};
	bool good;
	size_t i;

	for (i = 0; i < mapping->data.count; i++)
		strbuf_add_span(&joined, mapping->data.items[i]);
	good = js_parse(&mapping->doc, strbuf_span(&joined), JS_MAX_DEPTH, error);
	if (good) {
		strbuf_reset(&mapping->whole);
		rewriter.from = joined.data;
		rewrite(&rewriter, 0);
		strbuf_add(&mapping->whole, rewriter.from,
			(size_t)(joined.data + joined.len - rewriter.from));
		mapping->data.count = mapping->data.bytes = 0;
		add(&mapping->data, strbuf_span(&mapping->whole));
	}
	strbuf_clear(&rewriter.path);
	strbuf_clear(&joined);
	return good;
}

/* --- All of it --- */

static bool build(struct mapping *mapping, struct error *error)
{
	if (mapping->change.kind == CHANGE_OUTBOX)
		return outbox_data(mapping, error);
	if (mapping->change.form == CHANGE_FLATTENED)
		return flattened_data(mapping, error);
	if (mapping->change.form == CHANGE_CLOUDEVENT)
		return cloudevent_data(mapping, error);
	return envelope_data(mapping, error);
}

static bool needs_care(const struct mapping *mapping)
{
	const struct change *change = &mapping->change;

	if (change->kind == CHANGE_OUTBOX)
		return mapping->data.count == 1 || change->payload != JS_NONE;
	/* Without a value or a key, its document is still that of a record before. */
	return (change->payload != JS_NONE && any_damaged(&change->value_doc)) ||
	       (change->key_is_json && change->key != JS_NONE && any_damaged(&change->key_doc));
}

bool mapping_data(struct mapping *mapping, struct error *error)
{
	mapping->data.count = mapping->data.bytes = mapping->grown = 0;
	strbuf_reset(&mapping->pointers);
	if (!mapping_is_tight(mapping, error) || !key_text(mapping, error) ||
		!build(mapping, error))
		return false;
	return !needs_care(mapping) || stringify(mapping, error);
}

/* Exact but for a few bytes of an envelope; a little more of what is built. */
size_t mapping_stored_bytes(const struct mapping *mapping)
{
	const struct change *change = &mapping->change;
	size_t bytes = 64 + mapping->grown + mapping->pointers.len, commas = 0, i;

	if (change->payload != JS_NONE && change->value_is_json)
		bytes +=
			js_stored_bytes(&change->value_doc, change->payload) +
			(change->form == CHANGE_ENVELOPE ? 0 : 4 * (size_t)change->value_doc.count);
	else
		bytes += 6 * mapping->data.bytes;
	if (mapping->key.len > 0)
		bytes += mapping->key.len + 6 * (size_t)change->key_doc.count;
	for (i = 0; i < mapping->metadata.len; i++)
		commas += mapping->metadata.data[i] == ',';
	return bytes + mapping->metadata.len + 8 * (commas + 2);
}
