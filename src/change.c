/* What a record is: its key and value, wrappers taken off, and by which rules it is read. */
#include "change_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- The key --- */

/* A schema registry's converter writes a zero byte and the schema's id before its bytes. */
static bool refuse_framed(const char *what, struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"the %s is binary, as a schema registry's converter writes it; configure "
		"'registry' (docs/avro.md), or use JsonConverter in the connector",
		what);
	return false;
}

/* A key that is no JSON is a string of its bytes. */
static bool read_plain_key(struct change *change, struct error *error)
{
	struct span key = change->record->key;

	change->key_is_json = false;
	if (key.len > 0 && key.ptr[0] == '\0')
		return refuse_framed("key", error);
	if (js_utf8_is_valid(key))
		return true;
	error_set(error, ERROR_REFUSED, "the key is neither JSON nor UTF-8 text");
	return false;
}

static bool read_key(struct change *change, struct error *error)
{
	struct js_doc *doc = &change->key_doc;
	struct error why = {0};
	uint32_t key;

	change->key_is_json = true;
	if (!change->record->key.ptr)
		return true;
	if (!js_parse(doc, change->record->key, JS_MAX_DEPTH, &why)) {
		if (!doc->too_deep)
			return read_plain_key(change, error);
		error_set(error, ERROR_REFUSED, "the key is %s", why.text);
		return false;
	}
	key = change_unwrap(doc, 0, &change->key_schema);
	if (js_has_lone_surrogate(doc, key)) {
		error_set(error, ERROR_REFUSED,
			"the key holds half of a surrogate pair, which no name can");
		return false;
	}
	if (js_has_repeated_member(doc, key)) {
		error_set(error, ERROR_REFUSED, "the key holds a member twice");
		return false;
	}
	if (!js_is_null(doc, key))
		change->key = key;
	return true;
}

/* --- The value --- */

static bool refuse_value(struct span value, const struct error *why, struct error *error)
{
	/* Zero and a four-byte id, or one and a sixteen-byte one. */
	if (value.len > 5 && (unsigned char)value.ptr[0] <= 1)
		return refuse_framed("value", error);
	error_set(error, ERROR_REFUSED, "the value is %s", why->text);
	return false;
}

static bool read_value(struct change *change, struct error *error)
{
	struct span value = change->record->value;
	struct error why = {0};
	uint32_t payload;

	change->value_is_json = true;
	if (!value.ptr)
		return true;
	if (!js_parse(&change->value_doc, value, JS_MAX_DEPTH, &why)) {
		change->value_is_json = false;
		if (change->kind != CHANGE_OUTBOX || change->value_doc.too_deep)
			return refuse_value(value, &why, error);
		if (js_utf8_is_valid(value))
			return true;
		error_set(error, ERROR_REFUSED, "the value is neither JSON nor UTF-8 text");
		return false;
	}
	payload = change_unwrap(&change->value_doc, 0, &change->payload_schema);
	if (!js_is_null(&change->value_doc, payload))
		change->payload = payload;
	return true;
}

/* --- The record --- */

/* Everything but the memory that is kept from record to record. */
static void start(struct change *change, const struct record *record)
{
	struct change kept = *change;

	*change = (struct change){
		.record = record,
		.key_doc = kept.key_doc,
		.value_doc = kept.value_doc,
		.header_doc = kept.header_doc,
		.added_fields = kept.added_fields,
		.added_size = kept.added_size,
		.arena = kept.arena,
		.scratch = kept.scratch,
		.key = JS_NONE,
		.key_schema = JS_NONE,
		.payload = JS_NONE,
		.payload_schema = JS_NONE,
		.before = JS_NONE,
		.after = JS_NONE,
		.source = JS_NONE,
		.transaction = JS_NONE,
		.image_schema = JS_NONE,
		.ce_data = JS_NONE,
	};
	arena_reset(&change->arena);
}

static bool topic_is_in(const struct pattern_list *list, const struct record *record)
{
	return !pattern_list_empty(list) && pattern_list_match(list, span_of(record->topic)) >= 0;
}

bool change_decode(struct change *change, const struct record *record,
	const struct change_rules *rules, struct error *error)
{
	start(change, record);
	if (topic_is_in(rules->outbox_topics, record))
		change->kind = CHANGE_OUTBOX;
	else
		change->flattened = topic_is_in(rules->flattened_topics, record);
	if (!read_key(change, error) || !read_value(change, error))
		return false;
	if (change->kind == CHANGE_OUTBOX)
		return true;
	if (change->payload == JS_NONE) {
		change->kind = CHANGE_TOMBSTONE;
		return !change->flattened || change_read_flattened_tombstone(change, rules, error);
	}
	/* What a schema names is no row: the transform passes it on as it is. */
	if (change->flattened && !change_is_named(change))
		return change_read_flattened(change, rules, error);
	return change_classify(change, error);
}

void change_add_table(const struct change *change, struct strbuf *out)
{
	const struct span parts[] = {change->db, change->schema, change->table};
	size_t i, begin = out->len;

	for (i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		if (out->len > begin)
			strbuf_add_char(out, '.');
		strbuf_add_span(out, parts[i]);
	}
}

/* The schema of a member of the envelope: its fields' entry of that name. */
static uint32_t field_schema(const struct js_doc *doc, uint32_t schema, const char *name)
{
	uint32_t fields = js_member(doc, schema, "fields"), field;

	for (field = js_first(doc, fields); field != JS_NONE; field = js_next(doc, fields, field))
		if (js_string_is(doc, js_member(doc, field, "field"), name))
			return field;
	return JS_NONE;
}

/* A flattened row's schema is the payload's own. */
uint32_t change_image_schema(const struct change *change, const char *name)
{
	if (change->form == CHANGE_FLATTENED)
		return change->payload_schema;
	if (change->form == CHANGE_CLOUDEVENT)
		return field_schema(&change->value_doc, change->image_schema, name);
	return field_schema(&change->value_doc, change->payload_schema, name);
}

void change_clear(struct change *change)
{
	js_doc_clear(&change->key_doc);
	js_doc_clear(&change->value_doc);
	js_doc_clear(&change->header_doc);
	free(change->added_fields);
	arena_clear(&change->arena);
	strbuf_clear(&change->scratch);
	*change = (struct change){0};
}

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[] = {"row", "truncate", "message", "tombstone", "heartbeat",
		"notification", "transaction", "schema change", "outbox"};

	return names[kind];
}
