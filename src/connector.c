/* Properties of a connector: the operator's, and what we recommend beside them. */
#include "connector.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_CONVERTER "org.apache.kafka.connect.json.JsonConverter"

/* PostgreSQL cuts longer names of slots and publications. */
#define MAX_SLOT_NAME 63

enum connector_kind connector_kind_of(const char *class_name)
{
	const char *dot = strrchr(class_name, '.');
	const char *name = dot ? dot + 1 : class_name;

	if (strncasecmp(name, "Postgres", 8) == 0)
		return CONNECTOR_POSTGRESQL;
	if (strncasecmp(name, "MySql", 5) == 0)
		return CONNECTOR_MYSQL;
	return strncasecmp(name, "MariaDb", 7) == 0 ? CONNECTOR_MARIADB : CONNECTOR_OTHER;
}

static struct connector_property *property_of(
	const struct connector_properties *properties, const char *name)
{
	size_t i;

	for (i = 0; i < properties->count; i++)
		if (strcmp(properties->items[i].name, name) == 0)
			return &properties->items[i];
	return NULL;
}

const char *connector_get(const struct connector_properties *properties, const char *name)
{
	const struct connector_property *property = property_of(properties, name);

	return property ? property->value : NULL;
}

void connector_set(struct connector_properties *properties, const char *name, const char *value,
	const char *reason)
{
	struct connector_property *property = property_of(properties, name);

	if (property) {
		free(property->value);
	} else {
		properties->items = xreallocarray(
			properties->items, properties->count + 1, sizeof(*properties->items));
		property = &properties->items[properties->count++];
		property->name = xstrdup(name);
	}
	property->value = xstrdup(value);
	property->reason = reason;
}

void connector_clear(struct connector_properties *properties)
{
	size_t i;

	for (i = 0; i < properties->count; i++) {
		free(properties->items[i].name);
		free(properties->items[i].value);
	}
	free(properties->items);
	*properties = (struct connector_properties){0};
}

/* --- What we recommend --- */

#define OF(kind) (1u << (kind))
#define POSTGRESQL OF(CONNECTOR_POSTGRESQL)
#define BINLOG (OF(CONNECTOR_MYSQL) | OF(CONNECTOR_MARIADB))
#define RELATIONAL (POSTGRESQL | BINLOG)
#define ALL (RELATIONAL | OF(CONNECTOR_OTHER))

struct recommendation {
	unsigned kinds;
	const char *converter; /* only with the JSON converter as this property's value */
	const char *name;
	const char *value; /* {name} {slot} {server-id} {history} {brokers}: made from the name */
	const char *reason;
};

/* A converter comes before what depends on it. */
static const struct recommendation recommendations[] = {
	{ALL, NULL, "topic.prefix", "{name}", "topics are called after the connector"},
	{ALL, NULL, "key.converter", JSON_CONVERTER, "whatever the worker's own default is"},
	{ALL, NULL, "value.converter", JSON_CONVERTER, "whatever the worker's own default is"},
	{ALL, "key.converter", "key.converter.schemas.enable", "false",
		"a schema in each key makes it many times larger"},
	{ALL, "value.converter", "value.converter.schemas.enable", "false",
		"a schema in each record makes it many times larger"},
	{ALL, "key.converter", "key.converter.replace.null.with.default", "false",
		"NULL stays NULL; else a row's key is a value that it does not have"},
	{ALL, "value.converter", "value.converter.replace.null.with.default", "false",
		"NULL stays NULL; else a column's default stands in its place"},
	{RELATIONAL, NULL, "decimal.handling.mode", "string",
		"decimals as text that keeps every digit, in keys too"},
	{RELATIONAL, NULL, "time.precision.mode", "isostring", "dates and times as readable text"},
	{RELATIONAL, NULL, "skipped.operations", "none", "else a TRUNCATE is never heard of"},
	{RELATIONAL, NULL, "extended.headers.enabled", "false",
		"headers that nobody reads, in each record"},
	{RELATIONAL, NULL, "heartbeat.interval.ms", "10000",
		"the position in the log moves on while the tables are quiet, and the database can "
		"drop old log"},
	{ALL, NULL, "topic.creation.default.replication.factor", "-1",
		"Connect makes the topics, with the broker's default, also where brokers make "
		"none"},
	{ALL, NULL, "topic.creation.default.partitions", "-1", "the broker's default"},
	{ALL, NULL, "topic.creation.default.cleanup.policy", "delete",
		"compaction would drop changes that nobody has read yet"},
	{POSTGRESQL, NULL, "plugin.name", "pgoutput", "every PostgreSQL has it"},
	{POSTGRESQL, NULL, "slot.name", "{slot}", "one slot for each connector"},
	{POSTGRESQL, NULL, "publication.name", "{slot}", "one publication for each connector"},
	{POSTGRESQL, NULL, "publication.autocreate.mode", "filtered",
		"only the tables that are captured; all tables would need a superuser"},
	{BINLOG, NULL, "database.server.id", "{server-id}",
		"must differ from that of every other replica; made from the connector's name"},
	{BINLOG, NULL, "schema.history.internal.kafka.bootstrap.servers", "{brokers}",
		"kafka.bootstrap.servers; the worker must reach it by that address"},
	{BINLOG, NULL, "schema.history.internal.kafka.topic", "{history}",
		"one for each connector: a shared one mixes their tables up"},
};

#define RECOMMENDATIONS (sizeof(recommendations) / sizeof(recommendations[0]))

static void add_slot_name(struct strbuf *out, const char *name)
{
	size_t i;

	strbuf_add_text(out, "rowstream");
	if (strcmp(name, "rowstream") == 0)
		return;
	strbuf_add_char(out, '_');
	for (i = 0; name[i] && out->len < MAX_SLOT_NAME; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		strbuf_add_char(out, (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_');
	}
}

/* FNV-1a, in a range that people who number their servers by hand seldom use. */
static int64_t server_id_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return 1000000000 + hash % 1000000000;
}

static void add_value(struct strbuf *out, const char *value, const char *name, const char *brokers)
{
	if (strcmp(value, "{name}") == 0)
		strbuf_add_text(out, name);
	else if (strcmp(value, "{slot}") == 0)
		add_slot_name(out, name);
	else if (strcmp(value, "{server-id}") == 0)
		strbuf_add_int(out, server_id_of(name));
	else if (strcmp(value, "{history}") == 0)
		strbuf_printf(out, "__debezium-schema-history.%s", name);
	else if (strcmp(value, "{brokers}") == 0)
		strbuf_add_text(out, brokers);
	else
		strbuf_add_text(out, value);
}

static bool has_json(const struct connector_properties *properties, const char *converter)
{
	const char *value = connector_get(properties, converter);

	return value && (strcmp(value, JSON_CONVERTER) == 0 || strcmp(value, "JsonConverter") == 0);
}

void connector_recommend(
	struct connector_properties *properties, const char *name, const char *bootstrap_servers)
{
	const char *class_name = connector_get(properties, "connector.class");
	unsigned kind = OF(connector_kind_of(class_name ? class_name : ""));
	struct strbuf value = {0};
	size_t i;

	for (i = 0; i < RECOMMENDATIONS; i++) {
		const struct recommendation *one = &recommendations[i];

		if (!(one->kinds & kind) || connector_get(properties, one->name) ||
			(one->converter && !has_json(properties, one->converter)))
			continue;
		strbuf_reset(&value);
		add_value(&value, one->value, name, bootstrap_servers);
		connector_set(properties, one->name, value.data, one->reason);
	}
	strbuf_clear(&value);
}
