/* The one table of options. */
#include "config_options.h"

#include <ctype.h>
#include <string.h>

#define AT(member) offsetof(struct config, member)
#define TEXT(section, name, standard, meaning) \
	{ \
#section, #name, OPTION_TEXT, AT(section.name), standard, NULL, 0, 0, false, \
			meaning \
	}
#define SECRET(section, name, meaning) \
	{ \
#section, #name, OPTION_TEXT, AT(section.name), "", NULL, 0, 0, true, meaning \
	}
#define LIST(section, name, standard, meaning) \
	{ \
#section, #name, OPTION_LIST, AT(section.name), standard, NULL, 0, 0, false, \
			meaning \
	}
#define NUMBER(section, name, standard, min, max, meaning) \
	{ \
#section, #name, OPTION_NUMBER, AT(section.name), standard, NULL, min, max, false, \
			meaning \
	}
#define SIZE(section, name, standard, min, max, meaning) \
	{ \
#section, #name, OPTION_SIZE, AT(section.name), standard, NULL, min, max, false, \
			meaning \
	}
#define CHOICE(section, name, standard, choices, meaning) \
	{ \
#section, #name, OPTION_CHOICE, AT(section.name), standard, choices, 0, 0, false, \
			meaning \
	}
#define MAP(section, type, standard, meaning) \
	{ \
#section, NULL, type, AT(section), standard, NULL, 0, 0, false, meaning \
	}

#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* clang-format off */
const struct option config_options[] = {
	MAP(kafka, OPTION_PROPERTIES, "{bootstrap.servers: 'localhost:9092', group.id: rowstream}",
		"Any property of librdkafka, passed to it as it is."),

	LIST(source, topics, "[]",
		"Topics to read: names, or patterns (regular expressions that begin with ^)."),
	LIST(source, flattened_topics, "[]",
		"Topics whose rows were flattened by ExtractNewRecordState: names or patterns."),
	TEXT(source, flattened_prefix, "__",
		"What that transform puts before the fields it adds (its add.fields.prefix)."),
	LIST(source, flattened_fields, "[]",
		"Further fields that it adds, by exact name."),
	LIST(source, outbox_topics, "[]",
		"Topics written by the outbox EventRouter: names or patterns."),
	TEXT(source, outbox_type, "eventType",
		"Header or member that holds the type of an outbox event."),
	TEXT(source, unavailable_value, "__debezium_unavailable_value",
		"What the connector writes for a column that it was not given "
		"(its unavailable.value.placeholder)."),

	MAP(generation, OPTION_MAP, "{}",
		"A text for a topic (name or pattern) that was deleted and created again: event ids "
		"depend on it. The first match counts."),

	TEXT(eventstore, url, "esdb://admin:changeit@localhost:2113?tls=false",
		"Connection string of EventStoreDB or KurrentDB."),
	TEXT(eventstore, username, "",
		"User, where the connection string has none."),
	SECRET(eventstore, password,
		"That user's password."),
	NUMBER(eventstore, connections, "16", 1, 1024,
		"Requests in flight at most."),
	NUMBER(eventstore, connect_timeout_ms, "5000", 10, 600000,
		"How long a connection may take, in milliseconds."),
	NUMBER(eventstore, request_timeout_ms, "30000", 10, 600000,
		"How long an answer may take, in milliseconds. What got none is tried again."),

	TEXT(mapping, stream, "{table}-{key}",
		"Name of a row's stream; of {table} {schema} {db} {name} {topic} {partition} {key}."),
	TEXT(mapping, event_types, "op",
		"op: c u d r t m; words: Insert Update Delete Snapshot Truncate Message; else a "
		"template of {op} {word} {table} {schema} {db}."),
	CHOICE(mapping, values, "debezium", "debezium canonical",
		"Row values as Debezium wrote them, or decimals and times as readable text."),
	CHOICE(mapping, keyless, "append", "append refuse",
		"Rows without a key go to a stream of their table and partition, or are refused."),
	CHOICE(mapping, transactions, "skip", "skip append",
		"Records that begin and end transactions."),
	CHOICE(mapping, schema_changes, "skip", "skip append",
		"Records of schema changes (DDL)."),
	CHOICE(mapping, shared_streams, "refuse", "refuse allow",
		"Whether rows of two tables may share a stream."),

	MAP(types, OPTION_MAP, "{}",
		"Types of columns that the records do not tell, for values: canonical; "
		"bank.public.accounts.balance: decimal(2). The first match counts."),

	LIST(filter, tables, "['*']",
		"Tables to take: patterns over <db>.<schema>.<table>, with * or as ^ patterns."),
	LIST(filter, drop_tables, "[]",
		"Tables to leave out."),
	LIST(filter, drop_ops, "[]",
		"Operations to leave out: c u d r t m."),
	LIST(filter, drop_columns, "[]",
		"Columns to leave out: patterns over <db>.<schema>.<table>.<column>."),
	LIST(filter, mask_columns, "[]",
		"Columns whose values become ***."),
	LIST(filter, hash_columns, "[]",
		"Columns whose values become their SHA-256, in hexadecimal digits."),
	SECRET(filter, hash_salt,
		"What is hashed before each value."),

	NUMBER(pipeline, max_batch_events, "500", 1, 4096,
		"Events in one append at most."),
	SIZE(pipeline, max_batch_bytes, "4MiB", 1, 24 * MIB,
		"Bytes in one append at most. A single larger event goes alone."),
	SIZE(pipeline, max_event_bytes, "4MiB", 1, 24 * MIB,
		"The largest event, as the server stores it; its own limit is 4MiB unless "
		"configured otherwise there. A larger one is refused."),
	SIZE(pipeline, max_in_flight_bytes, "16MiB", 1, 64 * GIB,
		"Memory for events that are not appended yet, beside the Kafka library's own queue."),
	NUMBER(pipeline, max_uncommitted_records, "1000000", 1, 1000000000,
		"Records of a partition that may wait behind one that cannot be appended."),
	CHOICE(pipeline, on_refusal, "stop", "stop",
		"What to do about a record that cannot become an event, or that the server refuses."),
	CHOICE(pipeline, on_hole, "refuse", "refuse append",
		"What to do about an event that is missing where a later one of its row is there."),
	CHOICE(pipeline, on_deleted, "recreate", "recreate skip refuse",
		"What to do about events of a stream that was deleted."),
	CHOICE(pipeline, dedupe, "offset", "offset source",
		"What tells that two events are one: the record's offset, or also the position in the "
		"database's log, so that what Debezium sent twice is folded."),
	NUMBER(pipeline, shutdown_timeout_ms, "30000", 0, 3600000,
		"How long SIGTERM waits for what is in flight, in milliseconds."),

	TEXT(registry, url, "",
		"Where schemas of topics in Avro are asked for, like http://registry:8081 or, for "
		"Apicurio, http://registry:8080/apis/ccompat/v7; docs/avro.md."),
	TEXT(registry, username, "",
		"User there."),
	SECRET(registry, password,
		"That user's password."),
	TEXT(registry, ca_file, "",
		"Certificates to trust there, instead of the system's."),

	TEXT(connect, url, "http://localhost:8083",
		"Address of Kafka Connect's REST interface, for the command source."),
	TEXT(connect, username, "",
		"User there."),
	SECRET(connect, password,
		"That user's password."),
	TEXT(connect, ca_file, "",
		"Certificates to trust there, instead of the system's."),
	TEXT(connect, name, "rowstream",
		"Name of the connector."),

	MAP(connector, OPTION_PROPERTIES, "{}",
		"Any property of the connector, passed to Kafka Connect as it is; what we recommend "
		"is filled in where nothing is said (docs/debezium.md)."),

	TEXT(status, listen, "",
		"Address of /metrics, /health, /ready and a page for people, like 127.0.0.1:9464. "
		"Nothing is served without it."),

	CHOICE(log, level, "info", "error warn info debug",
		"The least that is logged."),
	CHOICE(log, format, "auto", "auto text key-value json",
		"auto: text on a terminal, key-value elsewhere."),
};
/* clang-format on */
const size_t config_option_count = sizeof(config_options) / sizeof(config_options[0]);

const struct config_section config_sections[] = {
	{"kafka", "The consumer. Properties are librdkafka's own."},
	{"source", "The topics, and what cannot be told from their records."},
	{"generation", "Topics that were deleted and created again."},
	{"eventstore", "Where events go."},
	{"mapping", "What a record becomes; docs/mapping.md is its specification."},
	{"types", "Types of columns that records without schema do not tell."},
	{"filter", "What is left out or made unreadable on the way."},
	{"pipeline", "Bounds, and what to do about what is not as it should be."},
	{"registry", "The schema registry, for topics in Avro."},
	{"connect", "Kafka Connect, for the command source. A running bridge does not use it."},
	{"connector", "The Debezium connector that the command source makes."},
	{"status", "What a running bridge tells about itself over HTTP."},
	{"log", "Lines on standard error."},
};
const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

static void add_joined(const struct option *option, char joint, struct strbuf *out)
{
	strbuf_add_text(out, option->section);
	if (option->name) {
		strbuf_add_char(out, joint);
		strbuf_add_text(out, option->name);
	}
}

void option_path(const struct option *option, struct strbuf *out)
{
	add_joined(option, '.', out);
}

void option_flag(const struct option *option, struct strbuf *out)
{
	size_t i = out->len;

	add_joined(option, '-', out);
	for (; i < out->len; i++)
		if (out->data[i] == '_')
			out->data[i] = '-';
}

void option_variable(const struct option *option, struct strbuf *out)
{
	size_t i;

	strbuf_add_text(out, "ROWSTREAM_");
	i = out->len;
	add_joined(option, '_', out);
	for (; i < out->len; i++)
		out->data[i] = (char)toupper((unsigned char)out->data[i]);
}

static void add_size(struct strbuf *out, int64_t bytes)
{
	if (bytes >= MIB && bytes % MIB == 0)
		strbuf_printf(out, "%lldMiB", (long long)(bytes / MIB));
	else
		strbuf_add_int(out, bytes);
}

static void add_choices(struct strbuf *out, const char *choices)
{
	for (; *choices; choices++) {
		if (*choices == ' ')
			strbuf_add_char(out, ',');
		strbuf_add_char(out, *choices);
	}
}

void option_allowed(const struct option *option, struct strbuf *out)
{
	switch (option->type) {
	case OPTION_TEXT:
		strbuf_add_text(out, "a text");
		break;
	case OPTION_NUMBER:
		strbuf_printf(out, "a number from %lld to %lld", (long long)option->min,
			(long long)option->max);
		break;
	case OPTION_SIZE:
		strbuf_add_text(out, "a size like 512KiB, 4MiB or 1GiB, from ");
		add_size(out, option->min);
		strbuf_add_text(out, " to ");
		add_size(out, option->max);
		break;
	case OPTION_CHOICE:
		add_choices(out, option->choices);
		break;
	case OPTION_LIST:
		strbuf_add_text(out, "a list of texts");
		break;
	case OPTION_MAP:
	case OPTION_PROPERTIES:
		strbuf_add_text(out, "a map of names to texts");
	}
}

bool config_property_is_secret(const char *name)
{
	static const char *const parts[] = {
		"password", "secret", "key.pem", "ssl_key", "oauthbearer.config", "jaas", NULL};
	const char *const *part;

	for (part = parts; *part; part++)
		if (strstr(name, *part))
			return true;
	return false;
}
