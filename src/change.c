/* What a record is: Debezium's envelope and its variants, told by schema name, else by members. */
#include "change_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- Pieces --- */

struct span change_text_of(struct change *change, const struct js_doc *doc, uint32_t node)
{
	struct span text = js_text(doc, node);

	switch (js_type_of(doc, node)) {
	case JS_STRING:
		if (!(doc->nodes[node].flags & JS_ESCAPED))
			return (struct span){text.ptr + 1, text.len - 2};
		strbuf_reset(&change->scratch);
		if (!js_string(doc, node, &change->scratch))
			return SPAN_NULL;
		return arena_copy(&change->arena, strbuf_span(&change->scratch));
	case JS_NUMBER:
	case JS_TRUE:
	case JS_FALSE:
		return text;
	default:
		return SPAN_NULL;
	}
}

uint32_t change_unwrap(const struct js_doc *doc, uint32_t node, uint32_t *schema)
{
	uint32_t first, second;

	*schema = JS_NONE;
	if (node == JS_NONE || js_type_of(doc, node) != JS_OBJECT || js_count(doc, node) != 2)
		return node;
	first = js_member(doc, node, "schema");
	second = js_member(doc, node, "payload");
	if (first == JS_NONE || second == JS_NONE ||
		(js_type_of(doc, first) != JS_OBJECT && !js_is_null(doc, first)))
		return node;
	*schema = js_is_null(doc, first) ? JS_NONE : first;
	return second;
}

struct span change_header(const struct change *change, const char *name)
{
	const struct record *record = change->record;
	size_t i;

	for (i = record->header_count; i > 0; i--)
		if (span_is(record->headers[i - 1].name, name))
			return record->headers[i - 1].value;
	return SPAN_NULL;
}

struct span change_header_json(struct change *change, struct span value)
{
	struct error ignored = {0};
	uint32_t schema, node;

	if (!value.ptr)
		return SPAN_NULL;
	strbuf_reset(&change->scratch);
	if (js_parse(&change->header_doc, value, JS_MAX_DEPTH, &ignored)) {
		node = change_unwrap(&change->header_doc, 0, &schema);
		strbuf_add_span(&change->scratch, js_text(&change->header_doc, node));
	} else if (js_utf8_is_valid(value)) {
		strbuf_add_json(&change->scratch, value);
	} else {
		return SPAN_NULL;
	}
	return arena_copy(&change->arena, strbuf_span(&change->scratch));
}

/* --- The key --- */

static bool has_lone_surrogate(struct change *change, const struct js_doc *doc)
{
	uint32_t node;

	for (node = 0; node < doc->count; node++) {
		if (!(doc->nodes[node].flags & JS_ESCAPED) || doc->nodes[node].type != JS_STRING)
			continue;
		strbuf_reset(&change->scratch);
		if (!js_string(doc, node, &change->scratch))
			return true;
	}
	return false;
}

static bool plain_key(struct change *change, struct error *error)
{
	struct span key = change->record->key;

	change->key_is_json = false;
	if (key.len > 0 && key.ptr[0] == '\0') {
		error_set(error, ERROR_REFUSED,
			"the key is binary, as a schema registry's converter writes it; configure "
			"'registry', or use a JSON converter for keys");
		return false;
	}
	if (!js_utf8_is_valid(key)) {
		error_set(error, ERROR_REFUSED, "the key is neither JSON nor UTF-8 text");
		return false;
	}
	return true;
}

static bool read_key(struct change *change, struct error *error)
{
	struct error ignored = {0};
	uint32_t node;

	change->key = change->key_schema = JS_NONE;
	change->key_is_json = true;
	if (!change->record->key.ptr)
		return true;
	if (!js_parse(&change->key_doc, change->record->key, JS_MAX_DEPTH, &ignored))
		return plain_key(change, error);
	node = change_unwrap(&change->key_doc, 0, &change->key_schema);
	if (has_lone_surrogate(change, &change->key_doc)) {
		error_set(error, ERROR_REFUSED,
			"the key holds half of a surrogate pair, which no text can hold");
		return false;
	}
	if (js_has_repeated_member(&change->key_doc, node)) {
		error_set(error, ERROR_REFUSED, "the key holds a member twice");
		return false;
	}
	if (!js_is_null(&change->key_doc, node))
		change->key = node;
	return true;
}

/* --- The value --- */

static bool no_json(const struct record *record, const struct error *why, struct error *error)
{
	bool framed = record->value.len > 5 && (unsigned char)record->value.ptr[0] <= 1;

	error_set(error, ERROR_REFUSED, "the value is %s%s",
		framed ? "binary, as a schema registry's converter writes it; configure "
			 "'registry', "
			 "or use a JSON converter"
		       : why->text,
		framed ? "" : "; change events are expected as JSON");
	return false;
}

static bool read_value(struct change *change, struct error *error)
{
	const struct record *record = change->record;
	struct error why = {0};
	uint32_t node;

	change->payload = change->payload_schema = JS_NONE;
	change->value_is_json = true;
	if (!record->value.ptr)
		return true;
	if (!js_parse(&change->value_doc, record->value, JS_MAX_DEPTH, &why)) {
		change->value_is_json = false;
		if (change->kind != CHANGE_OUTBOX)
			return no_json(record, &why, error);
		if (js_utf8_is_valid(record->value))
			return true;
		error_set(error, ERROR_REFUSED, "the value is neither JSON nor UTF-8 text");
		return false;
	}
	node = change_unwrap(&change->value_doc, 0, &change->payload_schema);
	if (!js_is_null(&change->value_doc, node))
		change->payload = node;
	return true;
}

/* --- Kinds --- */

static uint32_t member(const struct change *change, const char *name)
{
	return js_member(&change->value_doc, change->payload, name);
}

static bool has(const struct change *change, const char *name)
{
	return member(change, name) != JS_NONE;
}

static bool image_is_good(const struct change *change, uint32_t image)
{
	enum js_type type = js_type_of(&change->value_doc, image);

	return image == JS_NONE || type == JS_NULL || type == JS_OBJECT ||
	       type == JS_STRING; /* MongoDB's are strings of extended JSON */
}

static bool is_one_of(struct span text, const char *letters)
{
	return text.len == 1 && strchr(letters, text.ptr[0]) && text.ptr[0] != '\0';
}

static bool kind_of_op(struct change *change, struct error *error)
{
	if (is_one_of(change->op, "cudr") ||
		(span_is(change->op, "i") && span_is(change->connector, "cassandra"))) {
		change->kind = CHANGE_ROW;
	} else if (span_is(change->op, "t")) {
		change->kind = CHANGE_TRUNCATE;
	} else if (span_is(change->op, "m")) {
		change->kind = CHANGE_MESSAGE;
	} else {
		error_set(error, ERROR_REFUSED, "op '%.*s' is not known", SPAN_ARG(change->op));
		return false;
	}
	if (!image_is_good(change, change->before) || !image_is_good(change, change->after)) {
		error_set(error, ERROR_REFUSED, "'before' or 'after' is neither a row nor null");
		return false;
	}
	return true;
}

static bool read_message(struct change *change, struct error *error)
{
	uint32_t message = member(change, "message");

	change->message_prefix = change_text_of(
		change, &change->value_doc, js_member(&change->value_doc, message, "prefix"));
	if (!change->message_prefix.ptr)
		error_set(error, ERROR_REFUSED, "a logical message without message.prefix");
	return change->message_prefix.ptr != NULL;
}

static void read_moves(struct change *change)
{
	change->moved_to = change_header_json(change, change_header(change, "__debezium.newkey"));
	change->moved_from = change_header_json(change, change_header(change, "__debezium.oldkey"));
}

static bool read_envelope(struct change *change, struct error *error)
{
	change->form = CHANGE_ENVELOPE;
	change->source = member(change, "source");
	change->before = member(change, "before");
	change->after = member(change, "after");
	change->transaction = member(change, "transaction");
	if (js_type_of(&change->value_doc, member(change, "op")) != JS_STRING ||
		js_type_of(&change->value_doc, change->source) != JS_OBJECT) {
		error_set(error, ERROR_REFUSED, "'op' is no text, or 'source' is no object");
		return false;
	}
	change->op = change_text_of(change, &change->value_doc, member(change, "op"));
	change_read_source(change);
	if (!kind_of_op(change, error))
		return false;
	read_moves(change);
	return change->kind != CHANGE_MESSAGE || read_message(change, error);
}

static bool read_cloudevent(struct change *change, struct error *error)
{
	uint32_t inner;

	change->form = CHANGE_CLOUDEVENT;
	change->ce_data = member(change, "data");
	inner = change_unwrap(&change->value_doc, change->ce_data, &change->image_schema);
	change->before = js_member(&change->value_doc, inner, "before");
	change->after = js_member(&change->value_doc, inner, "after");
	change->op = change_text_of(change, &change->value_doc, member(change, "iodebeziumop"));
	if (!change->op.ptr || js_type_of(&change->value_doc, inner) != JS_OBJECT) {
		error_set(error, ERROR_REFUSED,
			"a CloudEvent without iodebeziumop, or with data that is no JSON object "
			"(use JSON for value.converter.data.serializer.type)");
		return false;
	}
	change_read_source(change);
	if (!kind_of_op(change, error))
		return false;
	if (change->kind == CHANGE_MESSAGE) {
		error_set(error, ERROR_REFUSED, "a logical message as a CloudEvent");
		return false;
	}
	read_moves(change);
	return true;
}

static bool read_transaction(struct change *change, struct error *error)
{
	change->kind = CHANGE_TRANSACTION;
	change->op = change_text_of(change, &change->value_doc, member(change, "status"));
	change->tx_id = change_text_of(change, &change->value_doc, member(change, "id"));
	change->ts_ms = change_text_of(change, &change->value_doc, member(change, "ts_ms"));
	if ((span_is(change->op, "BEGIN") || span_is(change->op, "END")) && change->tx_id.ptr)
		return true;
	error_set(error, ERROR_REFUSED,
		"a transaction record whose status is neither BEGIN nor END, or without id");
	return false;
}

static bool read_schema_change(struct change *change, struct error *error)
{
	change->kind = CHANGE_SCHEMA;
	change->source = member(change, "source");
	if (has(change, "position")) {
		error_set(error, ERROR_REFUSED,
			"this is the connector's own schema history, no change events; leave the "
			"topic out of source.topics");
		return false;
	}
	change_read_source(change);
	change->db = change_text_of(change, &change->value_doc, member(change, "databaseName"));
	return true;
}

static bool schema_name_ends(const struct change *change, const char *end)
{
	uint32_t name = js_member(&change->value_doc, change->payload_schema, "name");
	struct span text = js_text(&change->value_doc, name);
	size_t len = strlen(end);

	/* The closing quote stands behind it. */
	return name != JS_NONE && text.len > len + 1 &&
	       memcmp(text.ptr + text.len - 1 - len, end, len) == 0;
}

static bool only_ts_ms(const struct change *change)
{
	uint32_t count = js_count(&change->value_doc, change->payload);

	return has(change, "ts_ms") && (count == 1 || (count == 2 && has(change, "vgtid")));
}

static bool set_kind(struct change *change, enum change_kind kind)
{
	change->kind = kind;
	return true;
}

static bool unknown(struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"no change event of Debezium that is known here; rows flattened by "
		"ExtractNewRecordState need their topic in source.flattened_topics, an outbox's "
		"events theirs in source.outbox_topics, anything else belongs to no topic that is "
		"read");
	return false;
}

static bool classify(struct change *change, struct error *error)
{
	if (js_type_of(&change->value_doc, change->payload) != JS_OBJECT)
		return unknown(error);
	if (schema_name_ends(change, ".Heartbeat"))
		return set_kind(change, CHANGE_HEARTBEAT);
	if (schema_name_ends(change, ".Notification"))
		return set_kind(change, CHANGE_NOTIFICATION);
	if (schema_name_ends(change, ".TransactionMetadataValue"))
		return read_transaction(change, error);
	if (schema_name_ends(change, ".SchemaChangeValue"))
		return read_schema_change(change, error);
	if (has(change, "op") && has(change, "source"))
		return read_envelope(change, error);
	if (has(change, "specversion") && has(change, "iodebeziumop"))
		return read_cloudevent(change, error);
	if (has(change, "ddl") || has(change, "tableChanges"))
		return read_schema_change(change, error);
	if (has(change, "status") && has(change, "id"))
		return read_transaction(change, error);
	if (has(change, "aggregate_type") && has(change, "type"))
		return set_kind(change, CHANGE_NOTIFICATION);
	if (only_ts_ms(change))
		return set_kind(change, CHANGE_HEARTBEAT);
	return unknown(error);
}

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
		if (change->flattened) {
			change->form = CHANGE_FLATTENED;
			change->table = change_topic_table(record);
			read_moves(change);
		}
		return true;
	}
	if (change->flattened)
		return change_read_flattened(change, rules, error);
	return classify(change, error);
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
