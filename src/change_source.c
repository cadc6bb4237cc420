/* The source block: who wrote the change, when, in which transaction and where in its log; the same
 * from the attributes of a CloudEvent. */
#include "change_internal.h"

#include <string.h>

/* Parts of a position or transaction id: names in source, "" ends; joined with ':'. */
#define MAX_PARTS 4

struct connector {
	const char *name;
	const char *txid[MAX_PARTS];	 /* all must be there */
	const char *position[MAX_PARTS]; /* a null part is empty */
};

/* mapping.md, section 6. PostgreSQL's position and MySQL's transaction have rules of their own. */
static const struct connector connectors[] = {
	{"postgresql", {"txId"}, {0}},
	{"mysql", {"gtid"}, {"server_id", "file", "pos", "row"}},
	{"mariadb", {"gtid"}, {"server_id", "file", "pos", "row"}},
	{"sqlserver", {"commit_lsn"}, {"commit_lsn", "change_lsn", "event_serial_no"}},
	{"db2", {"commit_lsn"}, {"commit_lsn", "change_lsn"}},
	{"oracle", {"txId"}, {"commit_scn", "scn", "rs_id", "ssn"}},
	{"mongodb", {"lsid", "txnNumber"}, {"ts_ms", "ord"}},
	{"informix", {"begin_lsn", "txId"}, {"commit_lsn", "change_lsn"}},
	{"spanner", {"server_transaction_id"}, {0}},
	{"vitess", {"vgtid"}, {0}},
};

/* The attribute of a CloudEvent: "iodebezium" and the name without underscores. */
static uint32_t attribute(const struct change *change, const char *name)
{
	char text[64] = "iodebezium";
	size_t at = strlen(text);

	for (; *name && at < sizeof(text) - 1; name++)
		if (*name != '_')
			text[at++] = *name;
	text[at] = '\0';
	return js_member(&change->value_doc, change->payload, text);
}

static struct span value_of(struct change *change, const char *name)
{
	uint32_t node = change->form == CHANGE_CLOUDEVENT
				? attribute(change, name)
				: js_member(&change->value_doc, change->source, name);

	return change_text_of(change, &change->value_doc, node);
}

static const struct connector *connector_of(const struct change *change)
{
	size_t i;

	for (i = 0; i < sizeof(connectors) / sizeof(connectors[0]); i++)
		if (span_is(change->connector, connectors[i].name))
			return &connectors[i];
	return NULL;
}

/* The values joined with ':'. all: null if one is; else null only if every one is. */
static struct span join(struct change *change, const char *const names[MAX_PARTS], bool all)
{
	struct strbuf joined = {0};
	struct span result = SPAN_NULL;
	size_t i, found = 0;

	for (i = 0; i < MAX_PARTS && names[i]; i++) {
		struct span value = value_of(change, names[i]);

		found += value.ptr != NULL;
		if (i)
			strbuf_add_char(&joined, ':');
		strbuf_add_span(&joined, value);
	}
	if (found > 0 && (!all || found == i))
		result = i == 1 ? value_of(change, names[0])
				: arena_copy(&change->arena, strbuf_span(&joined));
	strbuf_clear(&joined);
	return result;
}

/* `sequence` is a JSON array inside a string: the commit before, and the change's own place. */
static struct span postgresql_position(struct change *change)
{
	struct span sequence = value_of(change, "sequence"), result = SPAN_NULL;
	struct error ignored = {0};
	struct strbuf joined = {0};
	uint32_t first, second;

	if (!sequence.ptr || !value_of(change, "lsn").ptr ||
		!js_parse(&change->header_doc, sequence, 2, &ignored) ||
		js_count(&change->header_doc, 0) != 2)
		return SPAN_NULL;
	first = js_first(&change->header_doc, 0);
	second = js_next(&change->header_doc, 0, first);
	strbuf_add_span(&joined, change_text_of(change, &change->header_doc, first));
	strbuf_add_char(&joined, ':');
	strbuf_add_span(&joined, change_text_of(change, &change->header_doc, second));
	result = arena_copy(&change->arena, strbuf_span(&joined));
	strbuf_clear(&joined);
	return result;
}

static void read_transaction(struct change *change)
{
	if (change->form == CHANGE_CLOUDEVENT) {
		change->tx_id = change_text_of(change, &change->value_doc,
			js_member(&change->value_doc, change->payload, "iodebeziumtxid"));
		change->tx_order = value_of(change, "tx_total_order");
		return;
	}
	change->tx_id = change_text_of(change, &change->value_doc,
		js_member(&change->value_doc, change->transaction, "id"));
	change->tx_order = change_text_of(change, &change->value_doc,
		js_member(&change->value_doc, change->transaction, "total_order"));
}

static void read_place(struct change *change)
{
	const struct connector *connector = connector_of(change);

	if (!connector)
		return;
	change->txid = join(change, connector->txid, true);
	change->position = join(change, connector->position, false);
	if (connector == &connectors[0])
		change->position = postgresql_position(change);
	if (!change->txid.ptr && strcmp(connector->txid[0], "gtid") == 0)
		change->txid = change->tx_id;
}

static struct span first_of(struct span a, struct span b)
{
	return a.ptr ? a : b;
}

void change_read_source(struct change *change)
{
	struct span snapshot;

	change->connector = value_of(change, "connector");
	change->name = value_of(change, "name");
	change->db = value_of(change, "db");
	change->schema = value_of(change, "schema");
	change->table = first_of(value_of(change, "table"), value_of(change, "collection"));
	change->ts_ms = value_of(change, "ts_ms");
	snapshot = value_of(change, "snapshot");
	if (!span_is(snapshot, "false"))
		change->snapshot = snapshot;
	read_transaction(change);
	read_place(change);
}
