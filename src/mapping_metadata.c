/* An event's metadata: its members in the order of mapping.md, section 6. */
#include "mapping_internal.h"

#include <string.h>

static void add_name(struct strbuf *out, const char *name)
{
	strbuf_add_text(out, out->len > 1 ? ",\"" : "\"");
	strbuf_add_text(out, name);
	strbuf_add_text(out, "\":");
}

static void add_text(struct strbuf *out, const char *name, struct span value)
{
	add_name(out, name);
	if (value.ptr)
		strbuf_add_json(out, value);
	else
		strbuf_add_text(out, "null");
}

static void add_number(struct strbuf *out, const char *name, int64_t value)
{
	add_name(out, name);
	strbuf_add_int(out, value);
}

/* A literal of the record where it is an integer; null else. */
static void add_literal(struct strbuf *out, const char *name, struct span value)
{
	int64_t number;

	add_name(out, name);
	if (value.ptr && span_to_int64(value, &number))
		strbuf_add_int(out, number);
	else
		strbuf_add_text(out, "null");
}

struct span mapping_op(const struct mapping *mapping)
{
	const struct change *change = &mapping->change;

	if (mapping->is_delete)
		return (struct span){"d", 1};
	if (change->kind == CHANGE_ROW || change->kind == CHANGE_TRUNCATE ||
		change->kind == CHANGE_MESSAGE)
		return change->op;
	return SPAN_NULL;
}

struct span mapping_table(struct mapping *mapping)
{
	strbuf_reset(&mapping->table);
	change_add_table(&mapping->change, &mapping->table);
	return mapping->table.len ? strbuf_span(&mapping->table) : SPAN_NULL;
}

struct span mapping_topic_prefix(const struct record *record)
{
	const char *dot = strrchr(record->topic, '.');

	return (struct span){
		record->topic, dot ? (size_t)(dot - record->topic) : strlen(record->topic)};
}

/* PostgreSQL's "<txid>:<lsn>": the ids of one transaction differ behind the ':' (BEGIN, rows and
 * END each have their own). Two numbers and nothing else: SQL Server's have two colons, GTIDs
 * dashes. */
struct span mapping_transaction(const struct mapping *mapping)
{
	struct span id = mapping->change.tx_id;
	size_t digits = 0, i;

	while (digits < id.len && id.ptr[digits] >= '0' && id.ptr[digits] <= '9')
		digits++;
	if (digits == 0 || digits + 1 >= id.len || id.ptr[digits] != ':')
		return id;
	for (i = digits + 1; i < id.len; i++)
		if (id.ptr[i] < '0' || id.ptr[i] > '9')
			return id;
	id.len = digits;
	return id;
}

/* A GTID is unique by itself: "<uuid>:<n>" of MySQL, "<domain>-<server>-<n>" of MariaDB. */
static bool is_gtid(struct span text)
{
	size_t i, dashes = 0;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		dashes += c == '-';
		if (c == '=' || c == ',')
			return false;
	}
	return dashes == 2 || dashes == 4;
}

/* A transaction record does not say whose it is; a row does. */
static bool may_be_gtid(const struct change *change)
{
	return change->kind == CHANGE_TRANSACTION || span_is(change->connector, "mysql") ||
	       span_is(change->connector, "mariadb");
}

static void add_correlation(
	const struct change *change, struct strbuf *out, struct span name, struct span txid)
{
	struct strbuf whole = {0};

	if (!name.ptr || !txid.ptr)
		return;
	if (may_be_gtid(change) && is_gtid(txid)) {
		add_text(out, "$correlationId", txid);
		return;
	}
	strbuf_add_span(&whole, name);
	strbuf_add_char(&whole, ':');
	strbuf_add_span(&whole, txid);
	add_text(out, "$correlationId", strbuf_span(&whole));
	strbuf_clear(&whole);
}

static void add_required(struct mapping *mapping, struct strbuf *out)
{
	const struct change *change = &mapping->change;
	const struct record *record = change->record;
	bool outbox = change->kind == CHANGE_OUTBOX, tx = change->kind == CHANGE_TRANSACTION;
	struct span txid = tx ? mapping_transaction(mapping) : change->txid;
	struct span name = tx ? mapping_topic_prefix(record) : change->name;

	add_text(out, "topic", span_of(record->topic));
	add_number(out, "partition", record->partition);
	add_number(out, "offset", record->offset);
	add_text(out, "op", mapping_op(mapping));
	if (outbox && record->timestamp_ms >= 0)
		add_number(out, "ts", record->timestamp_ms);
	else
		add_literal(out, "ts", change->ts_ms);
	add_text(out, "txid", txid);
	add_correlation(change, out, name, txid);
	add_text(out, "connector", change->connector);
	add_text(out, "source", name);
	add_text(out, "table", outbox ? SPAN_NULL : mapping_table(mapping));
	add_text(out, "position", change->position);
	if (record->timestamp_ms >= 0)
		add_number(out, "kafka_ts", record->timestamp_ms);
	else
		add_text(out, "kafka_ts", SPAN_NULL);
}

static bool is_hidden(struct mapping *mapping, uint32_t name)
{
	struct strbuf text = {0};
	bool hidden;

	if (!columns_hide(mapping->columns))
		return false;
	js_string(&mapping->change.value_doc, name, &text);
	hidden = mapping_hides(mapping, strbuf_span(&text));
	strbuf_clear(&text);
	return hidden;
}

static void add_placeholders(struct mapping *mapping, struct strbuf *out)
{
	const struct js_doc *doc = &mapping->change.value_doc;
	uint32_t image = mapping->change.after, name;
	bool any = false;

	for (name = js_first(doc, image); name != JS_NONE; name = js_next(doc, image, name)) {
		if (!mapping_is_placeholder(mapping, doc, name + 1) || is_hidden(mapping, name))
			continue;
		if (any)
			strbuf_add_char(out, ',');
		else
			strbuf_add_text(out, ",\"placeholders\":[");
		strbuf_add_span(out, js_text(doc, name));
		any = true;
	}
	if (any)
		strbuf_add_char(out, ']');
}

static void add_json(struct strbuf *out, const char *name, struct span json)
{
	if (!json.ptr)
		return;
	add_name(out, name);
	strbuf_add_span(out, json);
}

/* All but Debezium's own; the id is among them, because it proves whose event this is. */
static bool comes_again(const struct record *record, size_t at)
{
	size_t i;

	for (i = at + 1; i < record->header_count; i++)
		if (span_equal(record->headers[i].name, record->headers[at].name))
			return true;
	return false;
}

/* Headers are columns of the outbox like its data's members. */
static void add_header_value(
	struct mapping *mapping, enum column_rule rule, struct span value, struct strbuf *out)
{
	if (value.ptr && js_utf8_is_valid(value))
		columns_write_text(mapping->columns, rule, value, out);
	else
		strbuf_add_text(out, "null");
}

/* Of a name that occurs twice the last one, as a server would keep it. */
static void add_headers(struct mapping *mapping, struct strbuf *out)
{
	const struct record *record = mapping->change.record;
	bool any = false;
	size_t i;

	for (i = 0; i < record->header_count; i++) {
		const struct header *header = &record->headers[i];
		enum column_rule rule =
			columns_rule(mapping->columns, mapping_column_table(mapping), header->name);

		if (rule == COLUMN_DROPPED ||
			(header->name.len >= 11 &&
				memcmp(header->name.ptr, "__debezium.", 11) == 0) ||
			!js_utf8_is_valid(header->name) || comes_again(record, i))
			continue;
		strbuf_add_text(out, any ? "," : ",\"headers\":{");
		strbuf_add_json(out, header->name);
		strbuf_add_char(out, ':');
		add_header_value(mapping, rule, header->value, out);
		any = true;
	}
	if (any)
		strbuf_add_char(out, '}');
}

static void add_optional(struct mapping *mapping, struct strbuf *out)
{
	const struct change *change = &mapping->change;
	const char *generation = mapping_generation(mapping, change->record->topic);

	if (generation[0])
		add_text(out, "generation", span_of(generation));
	if (change->snapshot.ptr)
		add_text(out, "snapshot", change->snapshot);
	add_json(out, "moved_to", change->moved_to);
	add_json(out, "moved_from", change->moved_from);
	if (change->kind == CHANGE_ROW)
		add_placeholders(mapping, out);
	if (change->tx_order.ptr)
		add_literal(out, "tx_order", change->tx_order);
	if (mapping->is_delete)
		strbuf_add_text(out, ",\"tombstone\":true");
	if (mapping->pointers.len > 0) {
		strbuf_add_text(out, ",\"stringified\":[");
		strbuf_add_span(out, strbuf_span(&mapping->pointers));
		strbuf_add_char(out, ']');
	}
	if (change->kind == CHANGE_OUTBOX)
		add_headers(mapping, out);
}

void mapping_metadata(struct mapping *mapping)
{
	strbuf_reset(&mapping->metadata);
	strbuf_add_char(&mapping->metadata, '{');
	add_required(mapping, &mapping->metadata);
	add_optional(mapping, &mapping->metadata);
	strbuf_add_char(&mapping->metadata, '}');
}
