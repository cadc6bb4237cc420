/* Rules, streams and types: which event a record becomes, if any (mapping.md). */
#include "mapping_internal.h"

#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

/* --- Opening --- */

static struct pattern_list *list_of(
	const char *const *patterns, size_t count, const char *option, struct error *error)
{
	struct pattern_list *list = pattern_list_new(patterns, count, error);

	if (!list)
		error_context(error, "%s", option);
	return list;
}

static bool open_lists(struct mapping *mapping, struct error *error)
{
	const struct mapping_options *o = &mapping->options;
	const struct {
		struct pattern_list **list;
		const char *const *patterns;
		size_t count;
		const char *option;
	} lists[] = {
		{&mapping->generations, o->generation_topics, o->generation_count, "generation"},
		{&mapping->tables, o->tables, o->table_count, "filter.tables"},
		{&mapping->drop_tables, o->drop_tables, o->drop_table_count, "filter.drop_tables"},
		{&mapping->drop_ops, o->drop_ops, o->drop_op_count, "filter.drop_ops"},
		{&mapping->flattened_topics, o->flattened_topics, o->flattened_topic_count,
			"source.flattened_topics"},
		{&mapping->flattened_fields, o->flattened_fields, o->flattened_field_count,
			"source.flattened_fields"},
		{&mapping->outbox_topics, o->outbox_topics, o->outbox_topic_count,
			"source.outbox_topics"},
	};
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		*lists[i].list = list_of(lists[i].patterns, lists[i].count, lists[i].option, error);
		if (!*lists[i].list)
			return false;
	}
	return true;
}

static bool check_types(const char *types, struct error *error)
{
	static const char *const places[] = {"{op}", "{word}", "{table}", "{schema}", "{db}", NULL};
	const char *at;
	size_t i;

	if (!types[0]) {
		error_set(error, ERROR_INPUT,
			"mapping.event_types: op, words, or a template such as {table}.{word}");
		return false;
	}
	for (at = strchr(types, '{'); at; at = strchr(at + 1, '{')) {
		for (i = 0; places[i]; i++)
			if (strncmp(at, places[i], strlen(places[i])) == 0)
				break;
		if (!places[i]) {
			error_set(error, ERROR_INPUT,
				"mapping.event_types: '%.20s' is no placeholder; there are {op} "
				"{word} {table} {schema} {db}",
				at);
			return false;
		}
	}
	return true;
}

static bool open_template(struct mapping *mapping, struct error *error)
{
	mapping->template = stream_template_new(mapping->options.stream, error);
	if (!mapping->template) {
		error_context(error, "mapping.stream");
		return false;
	}
	if (mapping->options.flattened_topic_count > 0 &&
		stream_template_needs_source(mapping->template)) {
		error_set(error, ERROR_INPUT,
			"mapping.stream: flattened rows (source.flattened_topics) have no {db}, "
			"{schema} or {name}; use {table} or {topic}");
		return false;
	}
	return check_types(mapping->options.event_types, error);
}

struct mapping *mapping_new(const struct mapping_options *options, struct error *error)
{
	struct mapping *mapping = xcalloc(1, sizeof(*mapping));

	mapping->options = *options;
	if (!open_lists(mapping, error) || !open_template(mapping, error) ||
		!(mapping->columns = columns_new(&options->columns, error))) {
		mapping_free(mapping);
		return NULL;
	}
	mapping->rules = (struct change_rules){mapping->flattened_topics, options->flattened_prefix,
		mapping->flattened_fields, mapping->outbox_topics};
	mapping_encode_placeholder(mapping);
	return mapping;
}

static void clear_buffers(struct mapping *mapping)
{
	struct strbuf *buffers[] = {&mapping->stream, &mapping->type, &mapping->type_json,
		&mapping->metadata, &mapping->table, &mapping->key, &mapping->before,
		&mapping->after, &mapping->whole, &mapping->pointers, &mapping->trace,
		&mapping->why, &mapping->placeholder_base64, &mapping->placeholder_hstore};
	size_t i;

	for (i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
		strbuf_clear(buffers[i]);
}

void mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return;
	clear_buffers(mapping);
	pattern_list_free(mapping->generations);
	pattern_list_free(mapping->tables);
	pattern_list_free(mapping->drop_tables);
	pattern_list_free(mapping->drop_ops);
	pattern_list_free(mapping->flattened_topics);
	pattern_list_free(mapping->flattened_fields);
	pattern_list_free(mapping->outbox_topics);
	stream_template_free(mapping->template);
	columns_free(mapping->columns);
	change_clear(&mapping->change);
	js_doc_clear(&mapping->doc);
	free(mapping->data.items);
	free(mapping);
}

const struct change *mapping_last_change(const struct mapping *mapping)
{
	return &mapping->change;
}

const char *mapping_generation(const struct mapping *mapping, const char *topic)
{
	int at = pattern_list_empty(mapping->generations)
			 ? -1
			 : pattern_list_match(mapping->generations, span_of(topic));

	return at < 0 ? "" : mapping->options.generations[at];
}

/* --- Streams --- */

static bool keyless_stream(struct mapping *mapping, struct error *error)
{
	if (mapping->options.keyless_refuse && mapping->change.kind != CHANGE_TRUNCATE) {
		error_set(error, ERROR_REFUSED,
			"the row has no key (mapping.keyless is refuse); give the table a primary "
			"key, or its topic message.key.columns");
		return false;
	}
	mapping->is_keyless = true;
	stream_of_table(mapping->template, &mapping->change, &mapping->stream);
	return true;
}

static bool row_stream(struct mapping *mapping, struct error *error)
{
	switch (stream_of_row(mapping->template, &mapping->change, &mapping->stream, error)) {
	case KEY_RENDERED:
		return true;
	case KEY_ABSENT:
		return keyless_stream(mapping, error);
	default:
		return false;
	}
}

static bool outbox_stream(struct mapping *mapping, struct error *error)
{
	const struct record *record = mapping->change.record;
	const char *dot = strrchr(record->topic, '.');
	enum key_result result;
	size_t len;

	strbuf_reset(&mapping->stream);
	stream_name_escape(span_of(dot ? dot + 1 : record->topic), false, &mapping->stream);
	strbuf_add_char(&mapping->stream, '-');
	len = mapping->stream.len;
	result = stream_key(&mapping->change, &mapping->stream, error);
	if (result == KEY_ABSENT) {
		mapping->is_keyless = true;
		mapping->stream.len = len;
		strbuf_printf(&mapping->stream, "~partition:%d", (int)record->partition);
	}
	stream_name_limit(&mapping->stream);
	return result != KEY_REFUSED;
}

/* "~message-<prefix>" and its like: no table's name begins so, since escapes are upper-case. */
static void own_stream(struct mapping *mapping, const char *start, struct span name,
	const char *between, struct span rest)
{
	strbuf_reset(&mapping->stream);
	strbuf_add_text(&mapping->stream, start);
	stream_name_escape(name, true, &mapping->stream);
	strbuf_add_text(&mapping->stream, between);
	stream_name_escape(rest, true, &mapping->stream);
	stream_name_limit(&mapping->stream);
}

static bool choose_stream(struct mapping *mapping, struct error *error)
{
	const struct change *change = &mapping->change;

	switch (change->kind) {
	case CHANGE_OUTBOX:
		return outbox_stream(mapping, error);
	case CHANGE_TRUNCATE:
		return keyless_stream(mapping, error);
	case CHANGE_MESSAGE:
		own_stream(mapping, "~message-", change->message_prefix, "", SPAN_NULL);
		return true;
	case CHANGE_TRANSACTION:
		own_stream(mapping, "~transaction-", mapping_topic_prefix(change->record), ":",
			mapping_transaction(mapping));
		return true;
	case CHANGE_SCHEMA:
		own_stream(mapping, "~schema-", change->name, ":", change->db);
		return true;
	default:
		return row_stream(mapping, error);
	}
}

/* --- Types --- */

static const char *word_of(struct span op)
{
	static const char *const words[] = {"c", "Insert", "i", "Insert", "u", "Update", "d",
		"Delete", "r", "Snapshot", "t", "Truncate", "m", "Message", NULL};
	size_t i;

	for (i = 0; words[i]; i += 2)
		if (span_is(op, words[i]))
			return words[i + 1];
	return "";
}

static struct span placeholder_value(
	const struct mapping *mapping, struct span name, struct span op)
{
	const struct change *change = &mapping->change;

	if (span_is(name, "op"))
		return op;
	if (span_is(name, "word"))
		return span_of(word_of(op));
	if (span_is(name, "table"))
		return change->table;
	return span_is(name, "schema") ? change->schema : change->db;
}

static void type_of_template(struct mapping *mapping, struct span op)
{
	const char *at = mapping->options.event_types;

	while (*at) {
		size_t plain = strcspn(at, "{"), name;

		strbuf_add(&mapping->type, at, plain);
		at += plain;
		if (!*at)
			break;
		name = strcspn(at, "}");
		strbuf_add_span(&mapping->type,
			placeholder_value(mapping, (struct span){at + 1, name - 1}, op));
		at += name + 1;
	}
}

/* A header's or member's text, else the topic's last part. */
static void outbox_type(struct mapping *mapping)
{
	struct change *change = &mapping->change;
	const struct record *record = change->record;
	const char *dot = strrchr(record->topic, '.');
	struct span type = SPAN_NULL;
	size_t i;

	for (i = 0; i < record->header_count; i++)
		if (span_is(record->headers[i].name, mapping->options.outbox_type) &&
			js_utf8_is_valid(record->headers[i].value))
			type = record->headers[i].value;
	mapping->type_from = type.ptr ? "header" : "member";
	if (!type.ptr && change->payload != JS_NONE && change->value_is_json)
		type = change_text_of(change, &change->value_doc,
			js_member(
				&change->value_doc, change->payload, mapping->options.outbox_type));
	if (type.len == 0)
		mapping->type_from = "topic's last part, for want of";
	strbuf_add_span(&mapping->type, type.len ? type : span_of(dot ? dot + 1 : record->topic));
}

static void choose_type(struct mapping *mapping)
{
	struct span op = mapping_op(mapping);

	strbuf_reset(&mapping->type);
	if (mapping->change.kind == CHANGE_OUTBOX)
		outbox_type(mapping);
	else if (mapping->change.kind == CHANGE_SCHEMA)
		strbuf_add_text(&mapping->type, "ddl");
	else if (mapping->change.kind == CHANGE_TRANSACTION)
		strbuf_add_span(&mapping->type, mapping->change.op);
	else if (strcmp(mapping->options.event_types, "op") == 0)
		strbuf_add_span(&mapping->type, op);
	else if (strcmp(mapping->options.event_types, "words") == 0)
		strbuf_add_text(&mapping->type, word_of(op));
	else
		type_of_template(mapping, op);
}

/* --- What becomes nothing --- */

bool mapping_table_is_filtered(struct mapping *mapping, struct span table)
{
	int at;

	if (!pattern_list_empty(mapping->tables) &&
		pattern_list_match(mapping->tables, table) < 0) {
		mapping_trace_filter(mapping, "filter.tables", "(none of them)");
		return true;
	}
	at = pattern_list_match(mapping->drop_tables, table);
	if (at >= 0)
		mapping_trace_filter(
			mapping, "filter.drop_tables", mapping->options.drop_tables[at]);
	return at >= 0;
}

static const char *filtered(struct mapping *mapping)
{
	struct span op = mapping_op(mapping);
	const struct change *change = &mapping->change;
	int at = pattern_list_match(mapping->drop_ops, op);

	if (at >= 0) {
		mapping_trace_filter(mapping, "filter.drop_ops", mapping->options.drop_ops[at]);
		return "filtered";
	}
	if (change->kind != CHANGE_ROW && change->kind != CHANGE_TRUNCATE && !mapping->is_delete)
		return NULL;
	if (pattern_list_empty(mapping->tables) && pattern_list_empty(mapping->drop_tables))
		return NULL;
	return mapping_table_is_filtered(mapping, mapping_table(mapping)) ? "filtered" : NULL;
}

static const char *skipped(struct mapping *mapping)
{
	mapping->is_delete = mapping->is_keyless = false;
	switch (mapping->change.kind) {
	case CHANGE_TOMBSTONE:
		mapping->is_delete = mapping->change.flattened;
		return mapping->is_delete ? filtered(mapping) : "tombstone";
	case CHANGE_HEARTBEAT:
		return "heartbeat";
	case CHANGE_NOTIFICATION:
		return "notification";
	case CHANGE_TRANSACTION:
		return mapping->options.append_transactions ? NULL : "transaction";
	case CHANGE_SCHEMA:
		if (!mapping->options.append_schema_changes)
			return "schema change";
		return mapping_ddl_is_filtered(mapping) ? "filtered" : NULL;
	case CHANGE_OUTBOX:
		return NULL;
	default:
		return filtered(mapping);
	}
}

/* --- The event --- */

static void put(struct span *span, char **at, struct span text)
{
	if (!text.ptr) {
		*span = SPAN_NULL;
		return;
	}
	memcpy(*at, text.ptr, text.len);
	*span = (struct span){*at, text.len};
	*at += text.len;
}

static void put_literal(char **at, const char *text)
{
	size_t len = strlen(text);

	memcpy(*at, text, len);
	*at += len;
}

static void put_body(struct mapping *mapping, struct event *event, struct span type, char *at)
{
	char *begin = at;
	size_t i;

	put_literal(&at, "{\"eventId\":\"");
	put_literal(&at, event->id);
	put_literal(&at, "\",\"eventType\":");
	memcpy(at, type.ptr, type.len);
	at += type.len;
	put_literal(&at, ",\"data\":");
	event->data = (struct span){at, mapping->data.bytes};
	for (i = 0; i < mapping->data.count; i++) {
		memcpy(at, mapping->data.items[i].ptr, mapping->data.items[i].len);
		at += mapping->data.items[i].len;
	}
	put_literal(&at, ",\"metadata\":");
	put(&event->metadata, &at, strbuf_span(&mapping->metadata));
	put_literal(&at, "}");
	*at = '\0';
	event->body = (struct span){begin, (size_t)(at - begin)};
}

/* The outbox row's own id, where the header holds a UUID; readback.c finds it in the metadata. */
static void set_outbox_id(const struct record *record, struct event *event)
{
	struct span value = SPAN_NULL;
	char text[37];
	uuid_t uuid;
	size_t i;

	for (i = 0; i < record->header_count; i++)
		if (span_is(record->headers[i].name, "id"))
			value = record->headers[i].value;
	if (value.len != 36)
		return;
	memcpy(text, value.ptr, 36);
	text[36] = '\0';
	if (uuid_parse(text, uuid) == 0 && !uuid_is_null(uuid))
		uuid_unparse_lower(uuid, event->id);
}

static void set_id(struct mapping *mapping, struct event *event)
{
	const struct record *record = mapping->change.record;

	event_id_of_record(span_of(mapping_generation(mapping, record->topic)),
		span_of(record->topic), record->partition, record->offset, event->id);
	if (mapping->change.kind == CHANGE_OUTBOX)
		set_outbox_id(record, event);
}

static struct event *make_event(struct mapping *mapping)
{
	const struct change *change = &mapping->change;
	const struct record *record = change->record;
	struct span op = mapping_op(mapping);
	bool outbox = change->kind == CHANGE_OUTBOX, tx = change->kind == CHANGE_TRANSACTION;
	struct span table = outbox ? SPAN_NULL : mapping_table(mapping);
	struct span name = tx ? mapping_topic_prefix(record) : change->name;
	struct span txid = tx ? mapping_transaction(mapping) : change->txid;
	struct event *event;
	char *at;

	strbuf_reset(&mapping->type_json);
	strbuf_add_json(&mapping->type_json, strbuf_span(&mapping->type));
	event = xmalloc(sizeof(*event) + mapping->stream.len + mapping->type.len + name.len +
			table.len + change->position.len + txid.len + mapping->type_json.len +
			mapping->data.bytes + mapping->metadata.len + 128);
	memset(event, 0, sizeof(*event));
	event->offset = record->offset;
	event->kafka_ts = record->timestamp_ms;
	if (!span_to_int64(change->ts_ms, &event->ts_ms))
		event->ts_ms = -1;
	event->op = (char)(op.len ? op.ptr[0] : 0);
	event->may_create = event->op == 'c' || event->op == 'r' || event->op == 'i';
	event->unless_deleted = mapping->is_delete;
	set_id(mapping, event);
	at = event->text;
	put(&event->stream, &at, strbuf_span(&mapping->stream));
	put(&event->type, &at, strbuf_span(&mapping->type));
	put(&event->source, &at, name);
	put(&event->table, &at, table);
	put(&event->position, &at, change->position);
	put(&event->txid, &at, txid);
	put_body(mapping, event, strbuf_span(&mapping->type_json), at);
	return event;
}

enum mapping_result mapping_apply(struct mapping *mapping, const struct record *record,
	struct event **event, const char **reason, struct error *error)
{
	strbuf_reset(&mapping->trace);
	if (!change_decode(&mapping->change, record, &mapping->rules, error))
		return MAPPING_REFUSED;
	*reason = skipped(mapping);
	if (*reason)
		return MAPPING_SKIPPED;
	if (!choose_stream(mapping, error) || !mapping_data(mapping, error))
		return MAPPING_REFUSED;
	choose_type(mapping);
	if (mapping->type.len == 0) {
		error_set(error, ERROR_REFUSED,
			"its event type is empty, which no store takes: mapping.event_types names "
			"a part that it does not have, or its topic's name ends in a dot");
		return MAPPING_REFUSED;
	}
	mapping_metadata(mapping);
	*event = make_event(mapping);
	(*event)->stored_bytes = mapping_stored_bytes(mapping);
	return MAPPING_EVENT;
}

/* --- The fingerprint --- */

static void describe_list(
	struct strbuf *out, const char *name, const char *const *items, size_t count)
{
	size_t i;

	strbuf_printf(out, "%s:", name);
	for (i = 0; i < count; i++) {
		strbuf_add_char(out, ' ');
		strbuf_add_json(out, span_of(items[i]));
	}
	strbuf_add_char(out, '\n');
}

static void describe_pairs(struct strbuf *out, const struct mapping_options *o)
{
	size_t i;

	strbuf_add_text(out, "generation:");
	for (i = 0; i < o->generation_count; i++) {
		strbuf_add_char(out, ' ');
		strbuf_add_json(out, span_of(o->generation_topics[i]));
		strbuf_add_char(out, '=');
		strbuf_add_json(out, span_of(o->generations[i]));
	}
	strbuf_add_text(out, "\ntypes:");
	for (i = 0; i < o->columns.type_count; i++) {
		strbuf_add_char(out, ' ');
		strbuf_add_json(out, span_of(o->columns.types[i].pattern));
		strbuf_add_char(out, '=');
		strbuf_add_json(out, span_of(o->columns.types[i].type));
	}
	strbuf_add_char(out, '\n');
}

char *mapping_describe(const struct mapping *mapping)
{
	const struct mapping_options *o = &mapping->options;
	const struct columns_options *c = &o->columns;
	struct strbuf out = {0};

	strbuf_add_text(&out, "mapping_version: 1\n");
	strbuf_printf(&out, "stream: %s\nevent_types: %s\nvalues: %s\nkeyless: %s\n", o->stream,
		o->event_types, c->canonical ? "canonical" : "debezium",
		o->keyless_refuse ? "refuse" : "append");
	strbuf_printf(&out, "transactions: %s\nschema_changes: %s\nunavailable_value: %s\n",
		o->append_transactions ? "append" : "skip",
		o->append_schema_changes ? "append" : "skip", o->unavailable_value);
	describe_pairs(&out, o);
	describe_list(&out, "flattened_topics", o->flattened_topics, o->flattened_topic_count);
	strbuf_printf(&out, "flattened_prefix: %s\n", o->flattened_prefix);
	describe_list(&out, "flattened_fields", o->flattened_fields, o->flattened_field_count);
	describe_list(&out, "outbox_topics", o->outbox_topics, o->outbox_topic_count);
	strbuf_printf(&out, "outbox_type: %s\n", o->outbox_type);
	describe_list(&out, "tables", o->tables, o->table_count);
	describe_list(&out, "drop_tables", o->drop_tables, o->drop_table_count);
	describe_list(&out, "drop_ops", o->drop_ops, o->drop_op_count);
	describe_list(&out, "drop_columns", c->drop, c->drop_count);
	describe_list(&out, "mask_columns", c->mask, c->mask_count);
	describe_list(&out, "hash_columns", c->hash, c->hash_count);
	strbuf_add_text(&out, "hash_salt: ");
	if (c->hash_salt[0]) /* a secret: only whether it is the same one */
		columns_hash(span_of("rowstream"), span_of(c->hash_salt), &out);
	strbuf_add_char(&out, '\n');
	return strbuf_steal(&out);
}
