/* Rows flattened by ExtractNewRecordState (mapping.md, section 1.1): declared, never guessed. */
#include "change_internal.h"

#include <string.h>

/* What an added field says, where it matters. The order of the last four is that in which a txid
 * is looked for. */
enum added {
	ADDED_NOT, /* a column */
	ADDED_OTHER,
	ADDED_OP,
	ADDED_DELETED,
	ADDED_TS_MS,
	ADDED_SOURCE_TX_ID,
	ADDED_TX_ID,
	ADDED_SOURCE_GTID,
	ADDED_GTID,
	ADDED_COUNT,
};

static enum added known_field(struct span name)
{
	static const struct {
		const char *name;
		enum added added;
	} fields[] = {
		{"op", ADDED_OP},
		{"ts_ms", ADDED_OTHER},
		{"ts_us", ADDED_OTHER},
		{"ts_ns", ADDED_OTHER},
		{"db", ADDED_OTHER},
		{"schema", ADDED_OTHER},
		{"table", ADDED_OTHER},
		{"collection", ADDED_OTHER},
		{"name", ADDED_OTHER},
		{"connector", ADDED_OTHER},
		{"version", ADDED_OTHER},
		{"snapshot", ADDED_OTHER},
		{"lsn", ADDED_OTHER},
		{"txId", ADDED_TX_ID},
		{"gtid", ADDED_GTID},
		{"file", ADDED_OTHER},
		{"pos", ADDED_OTHER},
		{"row", ADDED_OTHER},
		{"sequence", ADDED_OTHER},
		{"source_ts_ms", ADDED_TS_MS},
		{"source_txId", ADDED_SOURCE_TX_ID},
		{"source_gtid", ADDED_SOURCE_GTID},
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (span_is(name, fields[i].name))
			return fields[i].added;
	return ADDED_NOT;
}

static bool starts_with(struct span text, const char *start)
{
	size_t len = strlen(start);

	return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

static enum added added_by_name(const struct change_rules *rules, struct span name)
{
	size_t prefix = strlen(rules->flattened_prefix);
	enum added added = ADDED_NOT;

	if (span_is(name, "__deleted"))
		return ADDED_DELETED;
	if (starts_with(name, rules->flattened_prefix)) {
		struct span rest = {name.ptr + prefix, name.len - prefix};

		added = known_field(rest);
		if (added == ADDED_NOT &&
			(starts_with(rest, "source_") || starts_with(rest, "source.") ||
				starts_with(rest, "transaction_")))
			added = ADDED_OTHER;
	}
	if (added == ADDED_NOT && !pattern_list_empty(rules->flattened_fields) &&
		pattern_list_match(rules->flattened_fields, name) >= 0)
		added = ADDED_OTHER;
	return added;
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

/* Notes the added fields of the row; texts by what they say. */
static bool read_fields(struct change *change, const struct change_rules *rules,
	struct span texts[ADDED_COUNT], struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t name;

	for (name = js_first(doc, change->payload); name != JS_NONE;
		name = js_next(doc, change->payload, name)) {
		enum added added = added_by_name(rules, change_text_of(change, doc, name));

		if (added == ADDED_NOT)
			continue;
		note_added(change, name);
		if (added != ADDED_OTHER && !texts[added].ptr &&
			!change_take(change, name + 1, TAKE_STRING | TAKE_NUMBER | TAKE_BOOLEAN,
				&texts[added], error))
			return false;
	}
	return true;
}

/* Headers of the same names count where the row says nothing; of several the last one, as in
 * Kafka's own interface. */
static void read_headers(
	struct change *change, const struct change_rules *rules, struct span texts[ADDED_COUNT])
{
	const struct record *record = change->record;
	size_t i;

	for (i = record->header_count; i > 0; i--) {
		const struct header *header = &record->headers[i - 1];
		enum added added = added_by_name(rules, header->name);

		if (added > ADDED_OTHER && !texts[added].ptr)
			texts[added] = change_header_text(change, header->value);
	}
}

/* The row has no source: its table is the topic's last part. */
static bool read_context(
	struct change *change, const struct span texts[ADDED_COUNT], struct error *error)
{
	const char *dot = strrchr(change->record->topic, '.');
	int i;

	change->form = CHANGE_FLATTENED;
	change->table = span_of(dot ? dot + 1 : change->record->topic);
	if (change->table.len == 0) {
		error_set(error, ERROR_REFUSED,
			"the topic's name ends with a dot, so its last part names no table");
		return false;
	}
	change->ts_ms = texts[ADDED_TS_MS];
	for (i = ADDED_SOURCE_TX_ID; i <= ADDED_GTID && !change->txid.ptr; i++)
		change->txid = texts[i];
	change_read_moves(change);
	return change_check_ms(change->ts_ms, "the added field source_ts_ms", error);
}

/* The op field; else __deleted; else "this is the row now". */
static struct span choose_op(const struct span texts[ADDED_COUNT])
{
	if (texts[ADDED_OP].ptr)
		return texts[ADDED_OP];
	return span_of(span_is(texts[ADDED_DELETED], "true") ? "d" : "u");
}

static bool take_op(struct change *change, struct span op, struct error *error)
{
	if (op.len == 1 && memchr("cudri", op.ptr[0], sizeof("cudri") - 1)) {
		change->kind = CHANGE_ROW;
		change->op = op;
		return true;
	}
	error_set(error, ERROR_REFUSED, "the added field op is none of a row's: c, u, d, r");
	return false;
}

bool change_read_flattened(
	struct change *change, const struct change_rules *rules, struct error *error)
{
	struct span texts[ADDED_COUNT] = {{0}};

	if (js_type_of(&change->value_doc, change->payload) != JS_OBJECT) {
		error_set(error, ERROR_REFUSED,
			"the topic is declared flattened (source.flattened_topics), but the value "
			"is no row: no JSON object");
		return false;
	}
	if (!read_fields(change, rules, texts, error))
		return false;
	read_headers(change, rules, texts);
	if (!take_op(change, choose_op(texts), error) || !read_context(change, texts, error))
		return false;
	if (span_is(change->op, "d"))
		change->before = change->payload;
	else
		change->after = change->payload;
	return true;
}

bool change_read_flattened_tombstone(
	struct change *change, const struct change_rules *rules, struct error *error)
{
	struct span texts[ADDED_COUNT] = {{0}};

	change->op = span_of("d");
	read_headers(change, rules, texts);
	return read_context(change, texts, error);
}
