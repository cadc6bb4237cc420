/* The kinds of payloads, told by their schema's name, else by their members. */
#include "change_internal.h"

#include <string.h>

#define HINT \
	"; rows flattened by ExtractNewRecordState need their topic in source.flattened_topics, " \
	"events of an outbox theirs in source.outbox_topics"

/* --- What the payload's members say --- */

enum payload_member {
	PAYLOAD_ADDITIONAL_DATA,
	PAYLOAD_AFTER,
	PAYLOAD_AGGREGATE_TYPE,
	PAYLOAD_BEFORE,
	PAYLOAD_DATA,
	PAYLOAD_DATABASE_NAME,
	PAYLOAD_DATA_COLLECTIONS,
	PAYLOAD_DDL,
	PAYLOAD_EVENT_COUNT,
	PAYLOAD_ID,
	PAYLOAD_KEY,
	PAYLOAD_MESSAGE,
	PAYLOAD_OP,
	PAYLOAD_POSITION,
	PAYLOAD_SCHEMA_NAME,
	PAYLOAD_SOURCE,
	PAYLOAD_SPECVERSION,
	PAYLOAD_STATUS,
	PAYLOAD_TABLE_CHANGES,
	PAYLOAD_TIMESTAMP,
	PAYLOAD_TRANSACTION,
	PAYLOAD_TS_MS,
	PAYLOAD_TS_NS,
	PAYLOAD_TS_US,
	PAYLOAD_TYPE,
	PAYLOAD_VGTID,
	PAYLOAD_COUNT,
};

_Static_assert(PAYLOAD_COUNT <= MEMBERS_MAX, "members are counted in the bits of a word");

#define LONGEST_NAME 16

static const struct member_name *const names_by_length[LONGEST_NAME + 1] = {
	[2] = (const struct member_name[]){{"op", PAYLOAD_OP}, {"id", PAYLOAD_ID}, {0}},
	[3] = (const struct member_name[]){{"ddl", PAYLOAD_DDL}, {"key", PAYLOAD_KEY}, {0}},
	[4] = (const struct member_name[]){{"data", PAYLOAD_DATA}, {"type", PAYLOAD_TYPE}, {0}},
	[5] = (const struct member_name[]){{"ts_ms", PAYLOAD_TS_MS}, {"ts_us", PAYLOAD_TS_US},
		{"ts_ns", PAYLOAD_TS_NS}, {"after", PAYLOAD_AFTER}, {"vgtid", PAYLOAD_VGTID}, {0}},
	[6] = (const struct member_name[]){{"before", PAYLOAD_BEFORE}, {"source", PAYLOAD_SOURCE},
		{"status", PAYLOAD_STATUS}, {0}},
	[7] = (const struct member_name[]){{"message", PAYLOAD_MESSAGE}, {0}},
	[8] = (const struct member_name[]){{"position", PAYLOAD_POSITION}, {0}},
	[9] = (const struct member_name[]){{"timestamp", PAYLOAD_TIMESTAMP}, {0}},
	[10] = (const struct member_name[]){{"schemaName", PAYLOAD_SCHEMA_NAME}, {0}},
	[11] = (const struct member_name[]){{"transaction", PAYLOAD_TRANSACTION},
		{"specversion", PAYLOAD_SPECVERSION}, {"event_count", PAYLOAD_EVENT_COUNT}, {0}},
	[12] = (const struct member_name[]){{"databaseName", PAYLOAD_DATABASE_NAME},
		{"tableChanges", PAYLOAD_TABLE_CHANGES}, {0}},
	[14] = (const struct member_name[]){{"aggregate_type", PAYLOAD_AGGREGATE_TYPE}, {0}},
	[15] = (const struct member_name[]){{"additional_data", PAYLOAD_ADDITIONAL_DATA}, {0}},
	[16] = (const struct member_name[]){{"data_collections", PAYLOAD_DATA_COLLECTIONS}, {0}},
};

static const struct member_names payload_names = {LONGEST_NAME, names_by_length};

/* --- Rows, truncates, messages --- */

bool change_take_op(struct change *change, struct span op, struct error *error)
{
	char letter = op.len == 1 ? op.ptr[0] : '\0';

	change->op = op;
	switch (letter) {
	case 'i':
		if (!span_is(change->connector, "cassandra"))
			break;
		/* fall through */
	case 'c':
	case 'u':
	case 'd':
	case 'r':
		change->kind = CHANGE_ROW;
		return true;
	case 't':
		change->kind = CHANGE_TRUNCATE;
		return true;
	case 'm':
		change->kind = CHANGE_MESSAGE;
		return true;
	default:
		break;
	}
	/* Not what it says: of a record that is no change it may be a row's column. */
	error_set(error, ERROR_REFUSED, "its op is none that Debezium is known to write");
	return false;
}

/* A row, nothing, or MongoDB's string of extended JSON. */
static bool is_image(const struct change *change, uint32_t node)
{
	switch (js_type_of(&change->value_doc, node)) {
	case JS_NULL:
	case JS_OBJECT:
		return true;
	case JS_STRING:
		return span_is(change->connector, "mongodb");
	default:
		return false;
	}
}

bool change_check_images(const struct change *change, struct error *error)
{
	if (is_image(change, change->before) && is_image(change, change->after))
		return true;
	error_set(error, ERROR_REFUSED, "%s is neither a row (a JSON object) nor null",
		is_image(change, change->before) ? "after" : "before");
	return false;
}

static bool read_transaction_block(struct change *change, uint32_t block, struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	const unsigned kinds = TAKE_STRING | TAKE_NUMBER;

	change->transaction = block;
	if (js_is_null(doc, block))
		return true;
	if (js_type_of(doc, block) != JS_OBJECT)
		error_set(error, ERROR_REFUSED, "transaction is neither an object nor null");
	else if (change_take(change, js_member(doc, block, "id"), kinds, &change->tx_id, error) &&
		 change_take(change, js_member(doc, block, "total_order"), kinds, &change->tx_order,
			 error))
		return true;
	error_context(error, "transaction");
	return false;
}

static bool read_message(struct change *change, uint32_t message, struct error *error)
{
	if (!change_take(change, js_member(&change->value_doc, message, "prefix"), TAKE_STRING,
		    &change->message_prefix, error))
		return false;
	if (!change->message_prefix.ptr)
		error_set(error, ERROR_REFUSED, "a logical message without message.prefix");
	return change->message_prefix.ptr != NULL;
}

static bool read_envelope(struct change *change, const struct members *payload, struct error *error)
{
	struct span op;

	if (payload->node[PAYLOAD_KEY] != JS_NONE) {
		error_set(error, ERROR_REFUSED,
			"the envelope has a member \"key\" of its own, where an event has the "
			"record's key; leave out the transform that adds it");
		return false;
	}
	change->form = CHANGE_ENVELOPE;
	change->before = payload->node[PAYLOAD_BEFORE];
	change->after = payload->node[PAYLOAD_AFTER];
	if (!change_take(change, payload->node[PAYLOAD_OP], TAKE_STRING, &op, error) ||
		!read_transaction_block(change, payload->node[PAYLOAD_TRANSACTION], error) ||
		!change_read_source(change, payload->node[PAYLOAD_SOURCE], error) ||
		!change_take_op(change, op, error) || !change_check_source(change, error))
		return false;
	change_read_moves(change);
	if (change->kind == CHANGE_MESSAGE)
		return read_message(change, payload->node[PAYLOAD_MESSAGE], error);
	return change_check_images(change, error);
}

/* --- The other kinds --- */

static bool read_transaction(
	struct change *change, const struct members *payload, struct error *error)
{
	change->kind = CHANGE_TRANSACTION;
	if (!change_take(change, payload->node[PAYLOAD_STATUS], TAKE_STRING, &change->op, error) ||
		!change_take(change, payload->node[PAYLOAD_ID], TAKE_STRING | TAKE_NUMBER,
			&change->tx_id, error) ||
		!change_take_ms(change, payload->node[PAYLOAD_TS_MS], &change->ts_ms, error))
		return false;
	if ((span_is(change->op, "BEGIN") || span_is(change->op, "END")) && change->tx_id.ptr)
		return true;
	error_set(error, ERROR_REFUSED,
		"a transaction record without id, or with a status other than BEGIN and END");
	return false;
}

static bool read_schema_change(
	struct change *change, const struct members *payload, struct error *error)
{
	change->kind = CHANGE_SCHEMA;
	return change_read_source(change, payload->node[PAYLOAD_SOURCE], error) &&
	       change_check_source(change, error) &&
	       (change->db.ptr || change_take(change, payload->node[PAYLOAD_DATABASE_NAME],
					  TAKE_STRING, &change->db, error));
}

static bool read_history(struct change *change, const struct members *payload, struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"the connector's own schema history, which tells of no changes; leave its topic "
		"out of source.topics");
	return false;
}

static bool read_heartbeat(
	struct change *change, const struct members *payload, struct error *error)
{
	change->kind = CHANGE_HEARTBEAT;
	return true;
}

static bool read_notification(
	struct change *change, const struct members *payload, struct error *error)
{
	change->kind = CHANGE_NOTIFICATION;
	return true;
}

static bool read_attributes(
	struct change *change, const struct members *payload, struct error *error)
{
	return change_read_cloudevent(change, payload->node[PAYLOAD_DATA], error);
}

/* --- Classification --- */

#define BIT(name) MEMBER_BIT(PAYLOAD_##name)
#define TS (BIT(TS_MS) | BIT(TS_US) | BIT(TS_NS))

/* A record of another kind that was taken for one of these would be lost, or written to a stream
 * that is not its own. So, without a schema's name, kinds that become nothing must have all the
 * members that Debezium writes, and no other: a table may own columns of any name. */
static const struct shape {
	const char *schema_end; /* of the schema's name, where that tells the kind */
	uint32_t must, may;
	bool others; /* members of other names may stand beside */
	bool (*read)(struct change *, const struct members *, struct error *);
} shapes[] = {
	{"Envelope", BIT(OP) | BIT(SOURCE), UINT32_MAX, true, read_envelope},
	{".MessageValue", BIT(OP) | BIT(SOURCE), UINT32_MAX, true, read_envelope},
	{".TransactionMetadataValue", BIT(STATUS) | BIT(ID),
		BIT(EVENT_COUNT) | BIT(DATA_COLLECTIONS) | TS, false, read_transaction},
	{".SchemaChangeValue", BIT(SOURCE) | BIT(DDL),
		BIT(TABLE_CHANGES) | BIT(DATABASE_NAME) | BIT(SCHEMA_NAME) | TS, false,
		read_schema_change},
	{".SchemaChangeValue", BIT(SOURCE) | BIT(TABLE_CHANGES),
		BIT(DATABASE_NAME) | BIT(SCHEMA_NAME) | TS, false, read_schema_change},
	{NULL, BIT(SOURCE) | BIT(POSITION) | BIT(DDL),
		BIT(TABLE_CHANGES) | BIT(DATABASE_NAME) | BIT(SCHEMA_NAME) | TS, false,
		read_history},
	{".Notification", BIT(ID) | BIT(AGGREGATE_TYPE) | BIT(TYPE) | BIT(ADDITIONAL_DATA),
		BIT(TIMESTAMP), false, read_notification},
	{".Heartbeat", BIT(TS_MS), TS | BIT(VGTID), false, read_heartbeat},
	{NULL, BIT(SPECVERSION) | BIT(DATA), UINT32_MAX, true, read_attributes},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static bool ends_with(struct span text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static struct span schema_name(struct change *change)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t name = js_member(doc, change->payload_schema, "name");

	return js_type_of(doc, name) == JS_STRING ? change_text_of(change, doc, name) : SPAN_NULL;
}

/* Envelopes' names are of the connector's choice, the others are Debezium's own. */
static bool shape_is_named(const struct shape *shape, struct span name)
{
	static const char own[] = "io.debezium.";

	return shape->schema_end && ends_with(name, shape->schema_end) &&
	       (shape == shapes ||
		       (name.len > sizeof(own) && memcmp(name.ptr, own, sizeof(own) - 1) == 0));
}

/* A heartbeat has nothing that a row could not have; its key tells. */
static bool is_heartbeat_key(const struct change *change)
{
	static const char java[] = "Struct{serverName=";
	struct span key = change->record->key;

	if (!change->key_is_json)
		return key.len >= sizeof(java) && memcmp(key.ptr, java, sizeof(java) - 1) == 0;
	return js_type_of(&change->key_doc,
		       js_member(&change->key_doc, change->key, "serverName")) == JS_STRING &&
	       js_count(&change->key_doc, change->key) == 1;
}

static bool fits(
	const struct change *change, const struct shape *shape, const struct members *payload)
{
	const struct js_doc *doc = &change->value_doc;

	if ((payload->present & shape->must) != shape->must)
		return false;
	if (payload->present & ~(shape->must | shape->may) || (payload->others && !shape->others))
		return false;
	if ((shape->must & BIT(SOURCE)) &&
		js_type_of(doc, payload->node[PAYLOAD_SOURCE]) != JS_OBJECT)
		return false;
	if ((shape->must & BIT(OP)) && js_is_null(doc, payload->node[PAYLOAD_OP]))
		return false;
	return shape->read != read_heartbeat || is_heartbeat_key(change);
}

static bool refuse_unknown(const struct change *change, const struct members *payload,
	struct span name, struct error *error)
{
	bool op = payload->present & BIT(OP);

	if (ends_with(name, ".Value"))
		error_set(error, ERROR_REFUSED, "a row without Debezium's envelope (schema %.*s)%s",
			name.len < 200 ? (int)name.len : 200, name.ptr, HINT);
	else if (op && js_type_of(&change->value_doc, payload->node[PAYLOAD_SOURCE]) != JS_OBJECT)
		error_set(error, ERROR_REFUSED, "an op without a source block%s", HINT);
	else
		error_set(error, ERROR_REFUSED, "no event of Debezium that is known here%s", HINT);
	return false;
}

/* NULL: the name tells nothing. */
static const struct shape *shape_of_name(struct span name, const struct members *payload)
{
	const struct shape *shape;

	for (shape = shapes; name.ptr && shape < shapes + SHAPES; shape++)
		if (shape_is_named(shape, name) && (payload->present & shape->must) == shape->must)
			return shape;
	return NULL;
}

bool change_is_named(struct change *change)
{
	struct span name = schema_name(change);
	const struct shape *shape;

	for (shape = shapes; name.ptr && shape < shapes + SHAPES; shape++)
		if (shape_is_named(shape, name))
			return true;
	return false;
}

bool change_classify(struct change *change, struct error *error)
{
	struct span name = schema_name(change);
	const struct shape *shape;
	struct members payload;

	if (js_type_of(&change->value_doc, change->payload) != JS_OBJECT) {
		error_set(error, ERROR_REFUSED, "the value is no JSON object%s", HINT);
		return false;
	}
	if (!change_find_members(change, change->payload, &payload_names, &payload, error))
		return false;
	shape = shape_of_name(name, &payload);
	if (shape)
		return shape->read(change, &payload, error);
	/* ".Value" is a row's own name: that it has columns like an envelope's makes it none. */
	for (shape = shapes; !ends_with(name, ".Value") && shape < shapes + SHAPES; shape++)
		if (fits(change, shape, &payload))
			return shape->read(change, &payload, error);
	return refuse_unknown(change, &payload, name, error);
}
