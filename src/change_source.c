/* The source block: who wrote a change, when, in which transaction and where in its log; the same
 * from the attributes of a CloudEvent. */
#include "change_internal.h"

#include <string.h>

enum source_member {
	SOURCE_CHANGE_LSN,
	SOURCE_COLLECTION,
	SOURCE_COMMIT_LSN,
	SOURCE_COMMIT_SCN,
	SOURCE_CONNECTOR,
	SOURCE_BEGIN_LSN,
	SOURCE_DB,
	SOURCE_EVENT_SERIAL_NO,
	SOURCE_FILE,
	SOURCE_GTID,
	SOURCE_KEYSPACE,
	SOURCE_LSID,
	SOURCE_LSN,
	SOURCE_NAME,
	SOURCE_ORD,
	SOURCE_POS,
	SOURCE_ROW,
	SOURCE_RS_ID,
	SOURCE_SCHEMA,
	SOURCE_SCN,
	SOURCE_SEQUENCE,
	SOURCE_SERVER_ID,
	SOURCE_SERVER_TRANSACTION_ID,
	SOURCE_SNAPSHOT,
	SOURCE_SSN,
	SOURCE_TABLE,
	SOURCE_TS_MS,
	SOURCE_TX_ID,
	SOURCE_TXN_NUMBER,
	SOURCE_VGTID,
	SOURCE_NONE,
};

_Static_assert(SOURCE_NONE < MEMBERS_MAX, "members are counted in the bits of a word");

#define LONGEST_NAME 21

static const struct member_name *const names_by_length[LONGEST_NAME + 1] = {
	[2] = (const struct member_name[]){{"db", SOURCE_DB}, {0}},
	[3] = (const struct member_name[]){{"lsn", SOURCE_LSN}, {"pos", SOURCE_POS},
		{"row", SOURCE_ROW}, {"scn", SOURCE_SCN}, {"ssn", SOURCE_SSN}, {"ord", SOURCE_ORD},
		{0}},
	[4] = (const struct member_name[]){{"name", SOURCE_NAME}, {"txId", SOURCE_TX_ID},
		{"gtid", SOURCE_GTID}, {"file", SOURCE_FILE}, {"lsid", SOURCE_LSID}, {0}},
	[5] = (const struct member_name[]){{"ts_ms", SOURCE_TS_MS}, {"table", SOURCE_TABLE},
		{"rs_id", SOURCE_RS_ID}, {"vgtid", SOURCE_VGTID}, {0}},
	[6] = (const struct member_name[]){{"schema", SOURCE_SCHEMA}, {0}},
	[8] = (const struct member_name[]){{"snapshot", SOURCE_SNAPSHOT},
		{"sequence", SOURCE_SEQUENCE}, {"keyspace", SOURCE_KEYSPACE}, {0}},
	[9] = (const struct member_name[]){{"connector", SOURCE_CONNECTOR},
		{"server_id", SOURCE_SERVER_ID}, {"txnNumber", SOURCE_TXN_NUMBER},
		{"begin_lsn", SOURCE_BEGIN_LSN}, {0}},
	[10] = (const struct member_name[]){{"collection", SOURCE_COLLECTION},
		{"commit_lsn", SOURCE_COMMIT_LSN}, {"change_lsn", SOURCE_CHANGE_LSN},
		{"commit_scn", SOURCE_COMMIT_SCN}, {0}},
	[15] = (const struct member_name[]){{"event_serial_no", SOURCE_EVENT_SERIAL_NO}, {0}},
	[21] = (const struct member_name[]){{"server_transaction_id", SOURCE_SERVER_TRANSACTION_ID},
		{0}},
};

static const struct member_names source_names = {LONGEST_NAME, names_by_length};

/* --- Transactions and positions (mapping.md, section 6) --- */

#define PARTS 4

struct connector {
	const char *name;
	enum source_member txid[PARTS];	    /* joined with ':', null if one is */
	enum source_member position[PARTS]; /* joined with ':', a null part empty */
};

#define NO_PARTS SOURCE_NONE, SOURCE_NONE, SOURCE_NONE, SOURCE_NONE

static const struct connector connectors[] = {
	{"postgresql", {SOURCE_TX_ID, SOURCE_NONE}, {NO_PARTS}},
	{"mysql", {SOURCE_GTID, SOURCE_NONE},
		{SOURCE_SERVER_ID, SOURCE_FILE, SOURCE_POS, SOURCE_ROW}},
	{"mariadb", {SOURCE_GTID, SOURCE_NONE},
		{SOURCE_SERVER_ID, SOURCE_FILE, SOURCE_POS, SOURCE_ROW}},
	{"sqlserver", {SOURCE_COMMIT_LSN, SOURCE_NONE},
		{SOURCE_COMMIT_LSN, SOURCE_CHANGE_LSN, SOURCE_EVENT_SERIAL_NO, SOURCE_NONE}},
	{"db2", {SOURCE_COMMIT_LSN, SOURCE_NONE},
		{SOURCE_COMMIT_LSN, SOURCE_CHANGE_LSN, SOURCE_NONE}},
	{"oracle", {SOURCE_TX_ID, SOURCE_NONE},
		{SOURCE_COMMIT_SCN, SOURCE_SCN, SOURCE_RS_ID, SOURCE_SSN}},
	{"mongodb", {SOURCE_LSID, SOURCE_TXN_NUMBER, SOURCE_NONE},
		{SOURCE_TS_MS, SOURCE_ORD, SOURCE_NONE}},
	{"informix", {SOURCE_BEGIN_LSN, SOURCE_TX_ID, SOURCE_NONE},
		{SOURCE_COMMIT_LSN, SOURCE_CHANGE_LSN, SOURCE_NONE}},
	{"spanner", {SOURCE_SERVER_TRANSACTION_ID, SOURCE_NONE}, {NO_PARTS}},
	{"vitess", {SOURCE_VGTID, SOURCE_NONE}, {NO_PARTS}},
};

/* "a:b:c"; null when all parts are, and, if all must be there, when one is. */
static struct span join(struct change *change, const struct span *parts, size_t count, bool all)
{
	size_t len = count, found = 0, i;
	char *text, *at;

	for (i = 0; i < count; i++) {
		found += parts[i].ptr != NULL;
		len += parts[i].len;
	}
	if (found == 0 || (all && found < count))
		return SPAN_NULL;
	if (count == 1)
		return parts[0];
	text = at = arena_alloc(&change->arena, len);
	for (i = 0; i < count; i++) {
		if (i)
			*at++ = ':';
		if (parts[i].len)
			memcpy(at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	return (struct span){text, (size_t)(at - text)};
}

static bool join_members(struct change *change, const struct members *source,
	const enum source_member *members, bool all, struct span *joined, struct error *error)
{
	struct span parts[PARTS];
	size_t count;

	for (count = 0; count < PARTS && members[count] != SOURCE_NONE; count++)
		if (!change_take(change, source->node[members[count]], TAKE_STRING | TAKE_NUMBER,
			    &parts[count], error))
			return false;
	*joined = join(change, parts, count, all);
	return true;
}

/* `sequence` is a JSON array inside a string: the commit before, and the change's own place. */
static bool postgresql_position(
	struct change *change, const struct members *source, struct error *error)
{
	struct js_doc *doc = &change->header_doc;
	struct error ignored = {0};
	struct span sequence, parts[2];
	uint32_t first;

	if (js_is_null(&change->value_doc, source->node[SOURCE_LSN]))
		return true;
	if (!change_take(change, source->node[SOURCE_SEQUENCE], TAKE_STRING, &sequence, error))
		return false;
	if (!sequence.ptr)
		return true;
	if (!js_parse(doc, sequence, 2, &ignored) || js_type_of(doc, 0) != JS_ARRAY ||
		js_count(doc, 0) != 2) {
		error_set(error, ERROR_REFUSED,
			"source.sequence is no array of two positions, which PostgreSQL's is");
		return false;
	}
	first = js_first(doc, 0);
	parts[0] = change_text_of(change, doc, first);
	parts[1] = change_text_of(change, doc, js_next(doc, 0, first));
	change->position = join(change, parts, 2, false);
	return true;
}

static bool read_place(struct change *change, const struct members *source, struct error *error)
{
	const struct connector *connector = connectors;
	size_t i, count = sizeof(connectors) / sizeof(connectors[0]);

	for (i = 0; i < count && !span_is(change->connector, connector->name); i++)
		connector++;
	if (i == count)
		return true;
	if (!join_members(change, source, connector->txid, true, &change->txid, error))
		return false;
	if (connector->txid[0] == SOURCE_GTID && !change->txid.ptr)
		change->txid = change->tx_id;
	if (i == 0)
		return postgresql_position(change, source, error);
	return join_members(change, source, connector->position, false, &change->position, error);
}

/* --- Identity --- */

/* An empty name is none: Debezium writes "" where there is no table, or no database. */
static bool take_name(struct change *change, uint32_t node, struct span *name, struct error *error)
{
	if (!change_take(change, node, TAKE_STRING, name, error))
		return false;
	if (name->len == 0)
		*name = SPAN_NULL;
	return true;
}

static bool take_first_name(struct change *change, uint32_t first, uint32_t second,
	struct span *name, struct error *error)
{
	return take_name(change, first, name, error) &&
	       (name->ptr || take_name(change, second, name, error));
}

static bool take_identity(struct change *change, const struct members *source, struct error *error)
{
	const uint32_t *node = source->node;

	/* A keyspace first: Cassandra's db is the text "NULL". */
	return take_name(change, node[SOURCE_CONNECTOR], &change->connector, error) &&
	       take_name(change, node[SOURCE_NAME], &change->name, error) &&
	       take_first_name(
		       change, node[SOURCE_KEYSPACE], node[SOURCE_DB], &change->db, error) &&
	       take_name(change, node[SOURCE_SCHEMA], &change->schema, error) &&
	       take_first_name(
		       change, node[SOURCE_TABLE], node[SOURCE_COLLECTION], &change->table, error);
}

static bool take_snapshot(struct change *change, const struct members *source, struct error *error)
{
	if (!change_take(change, source->node[SOURCE_SNAPSHOT], TAKE_STRING | TAKE_BOOLEAN,
		    &change->snapshot, error))
		return false;
	if (span_is(change->snapshot, "false"))
		change->snapshot = SPAN_NULL;
	return true;
}

static bool take_source(struct change *change, const struct members *source, struct error *error)
{
	return take_identity(change, source, error) &&
	       change_take_ms(change, source->node[SOURCE_TS_MS], &change->ts_ms, error) &&
	       take_snapshot(change, source, error) && read_place(change, source, error);
}

bool change_read_source(struct change *change, uint32_t object, struct error *error)
{
	struct members source;

	change->source = object;
	if (change_find_members(change, object, &source_names, &source, error) &&
		take_source(change, &source, error))
		return true;
	error_context(error, "source");
	return false;
}

bool change_check_source(const struct change *change, struct error *error)
{
	bool row = change->kind == CHANGE_ROW || change->kind == CHANGE_TRUNCATE;

	if (!change->connector.ptr)
		error_set(error, ERROR_REFUSED,
			"its source names no connector: is it an event of Debezium?");
	else if (row && !change->table.ptr)
		error_set(error, ERROR_REFUSED, "its source names no table");
	return error->kind == ERROR_NONE;
}

/* --- Attributes of a CloudEvent --- */

/* "ts_ms" is the attribute "tsms". */
static bool is_attribute(struct span text, const char *name)
{
	size_t at = 0;

	for (; *name; name++) {
		if (*name == '_')
			continue;
		if (at == text.len || text.ptr[at++] != *name)
			return false;
	}
	return at == text.len;
}

static int attribute_of(struct span text)
{
	const struct member_name *name;
	size_t len;

	for (len = text.len; len <= LONGEST_NAME; len++)
		for (name = names_by_length[len]; name && name->text; name++)
			if (is_attribute(text, name->text))
				return name->index;
	return -1;
}

/* The transaction block's id and order; `txid` is not the source's `txId`. */
static bool take_block(struct change *change, struct span text, uint32_t node, struct error *error)
{
	const unsigned kinds = TAKE_STRING | TAKE_NUMBER;

	if (span_is(text, "txid"))
		return change_take(change, node, kinds, &change->tx_id, error);
	if (span_is(text, "txtotalorder"))
		return change_take(change, node, kinds, &change->tx_order, error);
	return true;
}

bool change_read_attributes(struct change *change, struct error *error)
{
	static const char prefix[] = "iodebezium";
	const size_t prefix_len = sizeof(prefix) - 1;
	const struct js_doc *doc = &change->value_doc;
	struct members source = {.present = 0};
	uint32_t at;
	int i;

	for (i = 0; i < MEMBERS_MAX; i++)
		source.node[i] = JS_NONE;
	for (at = js_first(doc, change->payload); at != JS_NONE;
		at = js_next(doc, change->payload, at)) {
		struct span name = change_text_of(change, doc, at);

		if (name.len < prefix_len || memcmp(name.ptr, prefix, prefix_len) != 0)
			continue;
		name = (struct span){name.ptr + prefix_len, name.len - prefix_len};
		if (!take_block(change, name, at + 1, error))
			return false;
		i = attribute_of(name);
		if (i >= 0)
			source.node[i] = at + 1;
	}
	return take_source(change, &source, error);
}
