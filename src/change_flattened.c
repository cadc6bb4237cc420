/* Rows flattened by ExtractNewRecordState (mapping.md, section 1.1): declared, never guessed. */
#include "change_internal.h"

#include <string.h>

static const char *const known_fields[] = {"op", "ts_ms", "ts_us", "ts_ns", "db", "schema", "table",
	"collection", "name", "connector", "version", "snapshot", "lsn", "txId", "gtid", "file",
	"pos", "row", "sequence"};

struct span change_topic_table(const struct record *record)
{
	const char *dot = strrchr(record->topic, '.');

	return span_of(dot ? dot + 1 : record->topic);
}

static bool starts_with(struct span text, const char *start)
{
	size_t len = strlen(start);

	return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

static bool is_added(const struct change_rules *rules, struct span name)
{
	size_t prefix = strlen(rules->flattened_prefix), i;

	if (span_is(name, "__deleted") || pattern_list_match(rules->flattened_fields, name) >= 0)
		return true;
	if (!starts_with(name, rules->flattened_prefix))
		return false;
	name = (struct span){name.ptr + prefix, name.len - prefix};
	if (starts_with(name, "source_") || starts_with(name, "source.") ||
		starts_with(name, "transaction_"))
		return true;
	for (i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++)
		if (span_is(name, known_fields[i]))
			return true;
	return false;
}

static void note_added(struct change *change, uint32_t name)
{
	if (change->added_count == change->added_size) {
		change->added_size = change->added_size ? 2 * change->added_size : 16;
		change->added_fields = xreallocarray(
			change->added_fields, change->added_size, sizeof(*change->added_fields));
	}
	change->added_fields[change->added_count++] = name;
}

static void find_added(struct change *change, const struct change_rules *rules)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t name;

	for (name = js_first(doc, change->payload); name != JS_NONE;
		name = js_next(doc, change->payload, name))
		if (is_added(rules, change_text_of(change, doc, name)))
			note_added(change, name);
}

/* A header's value as text: bare, or as its converter wrote it. */
static struct span header_text(struct change *change, const char *name)
{
	struct span value = change_header(change, name);
	struct error ignored = {0};
	uint32_t schema, node;

	if (!value.ptr || !js_parse(&change->header_doc, value, JS_MAX_DEPTH, &ignored))
		return value;
	node = change_unwrap(&change->header_doc, 0, &schema);
	return change_text_of(change, &change->header_doc, node);
}

/* "<prefix><name>" among the added fields, else among the record's headers. */
static struct span added_text(
	struct change *change, const struct change_rules *rules, const char *name)
{
	const struct js_doc *doc = &change->value_doc;
	char text[128];
	size_t i, len = strlen(rules->flattened_prefix) + strlen(name);

	if (len >= sizeof(text))
		return SPAN_NULL;
	memcpy(text, rules->flattened_prefix, len - strlen(name));
	memcpy(text + len - strlen(name), name, strlen(name) + 1);
	for (i = 0; i < change->added_count; i++)
		if (js_string_is(doc, change->added_fields[i], text))
			return change_text_of(change, doc, change->added_fields[i] + 1);
	return header_text(change, text);
}

static struct span deleted_text(struct change *change)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t node = js_member(doc, change->payload, "__deleted");

	return node != JS_NONE ? change_text_of(change, doc, node)
			       : header_text(change, "__deleted");
}

static bool choose_op(struct change *change, const struct change_rules *rules, struct error *error)
{
	change->op = added_text(change, rules, "op");
	if (!change->op.ptr)
		change->op = span_of(span_is(deleted_text(change), "true") ? "d" : "u");
	if (change->op.len == 1 && strchr("cudr", change->op.ptr[0]) && change->op.ptr[0])
		return true;
	error_set(error, ERROR_REFUSED, "the added field %sop says '%.*s', which is no op of a row",
		rules->flattened_prefix, SPAN_ARG(change->op));
	return false;
}

bool change_read_flattened(
	struct change *change, const struct change_rules *rules, struct error *error)
{
	static const char *const txid_fields[] = {"source_txId", "txId", "source_gtid", "gtid"};
	size_t i;

	change->form = CHANGE_FLATTENED;
	change->kind = CHANGE_ROW;
	if (js_type_of(&change->value_doc, change->payload) != JS_OBJECT) {
		error_set(error, ERROR_REFUSED,
			"the topic is declared flattened, but the value is no row (no JSON "
			"object)");
		return false;
	}
	change->table = change_topic_table(change->record);
	find_added(change, rules);
	if (!choose_op(change, rules, error))
		return false;
	if (span_is(change->op, "d"))
		change->before = change->payload;
	else
		change->after = change->payload;
	change->ts_ms = added_text(change, rules, "source_ts_ms");
	for (i = 0; i < sizeof(txid_fields) / sizeof(txid_fields[0]) && !change->txid.ptr; i++)
		change->txid = added_text(change, rules, txid_fields[i]);
	change->moved_to = change_header_json(change, change_header(change, "__debezium.newkey"));
	change->moved_from = change_header_json(change, change_header(change, "__debezium.oldkey"));
	return true;
}
