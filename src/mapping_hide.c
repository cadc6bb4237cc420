/* What column rules hide must not leave beside the images either: by the key, by the other key of a
 * move, by a statement, by members that no rule can look into (mapping.md, section 8). */
#include "mapping_internal.h"

#include <string.h>

/* Shorter texts are equal by chance, and tell little. */
#define TELLING_BYTES 6

struct span mapping_column_table(struct mapping *mapping)
{
	if (mapping->change.kind == CHANGE_OUTBOX)
		return span_of(mapping->change.record->topic);
	return mapping_table(mapping);
}

bool mapping_hides(struct mapping *mapping, struct span column)
{
	return columns_hide(mapping->columns) &&
	       columns_rule(mapping->columns, mapping_column_table(mapping), column) != COLUMN_KEPT;
}

static bool hides_member(struct mapping *mapping, const struct js_doc *doc, uint32_t name)
{
	struct strbuf text = {0};
	bool hidden;

	js_string(doc, name, &text);
	hidden = mapping_hides(mapping, strbuf_span(&text));
	strbuf_clear(&text);
	return hidden;
}

/* --- Keys --- */

static bool refuse_key(struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"its key, or the key that its row had or gets, tells a column that is to be "
		"dropped, masked or hashed");
	return false;
}

static bool value_is(const struct js_doc *doc, uint32_t node, struct span text)
{
	struct strbuf characters = {0};
	bool same;

	if (js_type_of(doc, node) != JS_STRING)
		return span_equal(js_text(doc, node), text);
	same = js_string(doc, node, &characters) && span_equal(strbuf_span(&characters), text);
	strbuf_clear(&characters);
	return same;
}

static bool image_tells(
	struct mapping *mapping, const struct js_doc *doc, uint32_t image, struct span text)
{
	uint32_t name;

	if (js_type_of(doc, image) != JS_OBJECT)
		return false;
	for (name = js_first(doc, image); name != JS_NONE; name = js_next(doc, image, name))
		if (value_is(doc, name + 1, text) && hides_member(mapping, doc, name))
			return true;
	return false;
}

/* StringConverter's "Struct{id=1,name=x}": what stands before '=' may be a column's name. */
static bool struct_tells(struct mapping *mapping, struct span text)
{
	size_t start = 0, i;

	if (text.len < 7 || memcmp(text.ptr, "Struct{", 7) != 0)
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] == '{' || text.ptr[i] == ',')
			start = i + 1;
		else if (text.ptr[i] == '=' &&
			 mapping_hides(mapping, (struct span){text.ptr + start, i - start}))
			return true;
	}
	return false;
}

/* Characters of a key that does not say which column's they are. */
static bool text_tells(struct mapping *mapping, struct span text)
{
	const struct change *change = &mapping->change;
	const struct js_doc *doc = &change->value_doc;

	if (struct_tells(mapping, text))
		return true;
	if (text.len < TELLING_BYTES || change->payload == JS_NONE || !change->value_is_json)
		return false;
	if (change->kind == CHANGE_OUTBOX)
		return image_tells(mapping, doc, change->payload, text);
	return image_tells(mapping, doc, change->before, text) ||
	       image_tells(mapping, doc, change->after, text);
}

static bool scalar_tells(struct mapping *mapping, const struct js_doc *doc, uint32_t node)
{
	struct strbuf text = {0};
	bool tells;

	if (js_type_of(doc, node) != JS_STRING)
		return text_tells(mapping, js_text(doc, node));
	js_string(doc, node, &text);
	tells = text_tells(mapping, strbuf_span(&text));
	strbuf_clear(&text);
	return tells;
}

/* A key, or a part of one, that is no object: only its characters are known. */
static bool elements_tell(struct mapping *mapping, const struct js_doc *doc, uint32_t key)
{
	uint32_t node;

	if (js_type_of(doc, key) != JS_ARRAY)
		return scalar_tells(mapping, doc, key);
	for (node = js_first(doc, key); node != JS_NONE; node = js_next(doc, key, node))
		if (scalar_tells(mapping, doc, node))
			return true;
	return false;
}

/* What cannot be read can say anything. */
static bool move_tells(struct mapping *mapping, struct span json)
{
	struct js_doc *doc = &mapping->doc;
	struct error ignored = {0};
	uint32_t name;

	if (!json.ptr)
		return false;
	if (!js_parse(doc, json, JS_MAX_DEPTH, &ignored))
		return true;
	if (js_type_of(doc, 0) != JS_OBJECT)
		return elements_tell(mapping, doc, 0);
	for (name = js_first(doc, 0); name != JS_NONE; name = js_next(doc, 0, name))
		if (hides_member(mapping, doc, name))
			return true;
	return false;
}

static bool check_key(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;
	struct column_image key = {.doc = &change->key_doc,
		.image = change->key,
		.table = mapping_column_table(mapping)};

	if (!change->key_is_json)
		return !text_tells(mapping, change->record->key) || refuse_key(error);
	if (js_type_of(key.doc, key.image) == JS_OBJECT)
		return columns_check_key(mapping->columns, &key, error);
	return change->key == JS_NONE || !elements_tell(mapping, key.doc, key.image) ||
	       refuse_key(error);
}

static bool check_moves(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;

	return (!move_tells(mapping, change->moved_to) &&
		       !move_tells(mapping, change->moved_from)) ||
	       refuse_key(error);
}

/* An outbox event's id and type are headers, or members, too. */
static bool check_outbox(struct mapping *mapping, struct error *error)
{
	const char *names[] = {"id", mapping->options.outbox_type};
	size_t i;

	for (i = 0; i < 2 && mapping->change.kind == CHANGE_OUTBOX; i++) {
		if (!mapping_hides(mapping, span_of(names[i])))
			continue;
		error_set(error, ERROR_REFUSED,
			"'%s' is to be dropped, masked or hashed, but the event's %s would tell it",
			names[i], i ? "type" : "id");
		return false;
	}
	return true;
}

/* --- Members beside the images --- */

static bool is_one_of(const struct js_doc *doc, uint32_t name, const char *const *names)
{
	size_t i;

	for (i = 0; names[i]; i++)
		if (js_string_is(doc, name, names[i]))
			return true;
	return false;
}

static bool is_debeziums(const struct js_doc *doc, uint32_t name)
{
	struct span raw = js_text(doc, name);

	return raw.len > 11 && memcmp(raw.ptr, "\"iodebezium", 11) == 0;
}

/* What Debezium writes, which the images apart holds no column; numbers and booleans cannot be
 * told from such. */
static bool is_known(const struct change *change, uint32_t name)
{
	static const char *const envelope[] = {"before", "after", "source", "op", "ts_ms", "ts_us",
		"ts_ns", "transaction", "message", NULL};
	static const char *const cloudevent[] = {"specversion", "id", "source", "type", "time",
		"datacontenttype", "dataschema", "subject", "data", NULL};
	const struct js_doc *doc = &change->value_doc;

	switch (js_type_of(doc, name + 1)) {
	case JS_STRING:
	case JS_ARRAY:
	case JS_OBJECT:
		break;
	default:
		return true;
	}
	if (change->form == CHANGE_CLOUDEVENT)
		return is_one_of(doc, name, cloudevent) || is_debeziums(doc, name);
	return is_one_of(doc, name, envelope);
}

static bool check_members(const struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;
	const struct js_doc *doc = &change->value_doc;
	uint32_t name;

	if (change->kind != CHANGE_ROW && change->kind != CHANGE_TRUNCATE)
		return true;
	if (change->form == CHANGE_FLATTENED)
		return true;
	for (name = js_first(doc, change->payload); name != JS_NONE;
		name = js_next(doc, change->payload, name)) {
		struct span raw = js_text(doc, name);

		if (is_known(change, name))
			continue;
		error_set(error, ERROR_REFUSED,
			"its member %.*s is not Debezium's, and drop_columns, mask_columns and "
			"hash_columns cannot look into it",
			raw.len < 100 ? (int)raw.len : 100, raw.ptr);
		return false;
	}
	return true;
}

/* MongoDB's images and updates are strings: what a rule hides could not be found in them. */
static bool check_images(const struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;

	if (change->form == CHANGE_FLATTENED || !span_is(change->connector, "mongodb"))
		return true;
	error_set(error, ERROR_REFUSED,
		"its images are strings of JSON, in which drop_columns, mask_columns and "
		"hash_columns cannot work");
	return false;
}

bool mapping_is_tight(struct mapping *mapping, struct error *error)
{
	return !columns_hide(mapping->columns) ||
	       (check_images(mapping, error) && check_members(mapping, error) &&
		       check_key(mapping, error) && check_moves(mapping, error) &&
		       check_outbox(mapping, error));
}

/* --- Statements --- */

/* MySQL's and MariaDB's include.query, Oracle's redo_sql: values in the midst of SQL. The name ends
 * so in a source block, a CloudEvent's attributes, and a transform's fields. */
bool mapping_is_statement(const struct mapping *mapping, const struct js_doc *doc, uint32_t name)
{
	static const char *const ends[] = {"query", "redo_sql", "redosql"};
	struct strbuf text = {0};
	bool found = false;
	size_t i;

	if (!columns_hide(mapping->columns) || js_is_null(doc, name + 1))
		return false;
	js_string(doc, name, &text);
	for (i = 0; i < 3 && !found; i++) {
		size_t len = strlen(ends[i]);

		found = text.len >= len && memcmp(text.data + text.len - len, ends[i], len) == 0;
	}
	strbuf_clear(&text);
	return found;
}

/* --- Schema changes --- */

/* "\"db\".\"table\"" is db.table. */
static bool change_is_filtered(struct mapping *mapping, uint32_t change)
{
	const struct js_doc *doc = &mapping->change.value_doc;
	uint32_t id = js_member(doc, change, "id");
	struct strbuf quoted = {0}, name = {0};
	bool filtered;
	size_t i;

	if (js_type_of(doc, id) == JS_STRING)
		js_string(doc, id, &quoted);
	for (i = 0; i < quoted.len; i++)
		if (quoted.data[i] != '"')
			strbuf_add_char(&name, quoted.data[i]);
	filtered = mapping_table_is_filtered(mapping, strbuf_span(&name));
	strbuf_clear(&quoted);
	strbuf_clear(&name);
	return filtered;
}

bool mapping_ddl_is_filtered(struct mapping *mapping)
{
	const struct js_doc *doc = &mapping->change.value_doc;
	uint32_t changes = js_member(doc, mapping->change.payload, "tableChanges"), at;

	for (at = js_first(doc, changes); at != JS_NONE; at = js_next(doc, changes, at))
		if (!change_is_filtered(mapping, at)) {
			strbuf_reset(&mapping->trace);
			return false;
		}
	return js_first(doc, changes) != JS_NONE;
}
