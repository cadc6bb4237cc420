/* rowstream source: the connector in Kafka Connect that writes the topics. */
#include "cmd_source.h"

#include <string.h>

static struct {
	const char *format;
	int64_t timeout_s;
	bool all, drop_slot;
	const char *database;
	struct text_list schema_files;
} options;

static const struct flag flags[] = {
	{.name = "format",
		.value = "FORMAT",
		.meaning = "of check, create, status, remove: table (default), json, jsonl or csv",
		.text = &options.format},
	{.name = "timeout",
		.value = "SECONDS",
		.meaning = "how long create and remove wait for Kafka Connect (default: 60)",
		.number = &options.timeout_s},
	{.name = "all", .meaning = "status of every connector there", .on = &options.all},
	{.name = "drop-slot",
		.meaning = "remove: also drop PostgreSQL's slot and publication",
		.on = &options.drop_slot},
	{.name = "database",
		.value = "URL",
		.meaning = "types: of this database's own columns, postgresql://user@host/database "
			   "or mariadb://user@host",
		.text = &options.database},
	{.name = "schemas",
		.value = "FILE",
		.meaning = "types: schemas of records in Avro, as for 'rowstream map'",
		.list = &options.schema_files},
	{.name = NULL},
};

static const struct {
	const char *name;
	int (*run)(struct source *source);
	bool needs_connect, needs_class;
} subcommands[] = {
	{"check", source_check, true, true},
	{"create", source_create, true, true},
	{"status", source_status, true, false},
	{"remove", source_remove, true, false},
	{"types", source_types, false, false},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* --- the start --- */

static bool take_options(struct source *source, struct error *error)
{
	if (!rows_format_of(options.format, &source->format))
		error_set(error, ERROR_INPUT, "--format '%s' is not one of table, json, jsonl, csv",
			options.format);
	else if (options.timeout_s < 1 || options.timeout_s > 3600)
		error_set(error, ERROR_INPUT, "--timeout is not a number from 1 to 3600");
	else if (!*source->config->connect.name)
		error_set(error, ERROR_INPUT, "connect.name is empty: the connector needs a name");
	source->timeout_ms = options.timeout_s * 1000;
	source->all = options.all;
	source->drop_slot = options.drop_slot;
	source->database = options.database;
	return error->kind == ERROR_NONE;
}

static bool take_properties(struct source *source, bool needs_class, struct error *error)
{
	const struct text_map *given = &source->config->connector;
	const char *brokers = config_property(source->config, "bootstrap.servers");
	size_t i;

	for (i = 0; i < given->count; i++)
		connector_set(&source->properties, given->names[i], given->values[i], NULL);
	/* Connect takes it from the address, and answers with it among the others. */
	connector_set(&source->properties, "name", source->name, NULL);
	connector_recommend(&source->properties, source->name, brokers ? brokers : "");
	if (!needs_class || connector_get(&source->properties, "connector.class"))
		return true;
	error_set(error, ERROR_INPUT,
		"connector.class is not set in the section 'connector'; it is something like "
		"io.debezium.connector.postgresql.PostgresConnector");
	return false;
}

static bool open_connect(struct source *source, struct error *error)
{
	struct connect_options connect_options = {
		.url = source->config->connect.url,
		.username = source->config->connect.username,
		.password = source->config->connect.password,
		.ca_file = source->config->connect.ca_file,
	};

	source->connect = connect_new(&connect_options, error);
	return source->connect != NULL;
}

static void take_files(
	struct source *source, bool may_have, int argc, char **argv, struct error *error)
{
	source->files = argv;
	source->file_count = argc;
	source->schema_files = &options.schema_files;
	if (argc > 0 && !may_have)
		error_set(error, ERROR_INPUT, "unexpected argument '%s'", argv[0]);
}

static int run_subcommand(struct source *source, size_t index)
{
	struct error error = {0};
	int code;

	source->name = source->config->connect.name;
	if (take_options(source, &error) &&
		take_properties(source, subcommands[index].needs_class, &error) &&
		(!subcommands[index].needs_connect || open_connect(source, &error)))
		code = subcommands[index].run(source);
	else
		code = command_fail(&cmd_source, &error);
	connect_free(source->connect);
	connect_answer_clear(&source->answer);
	connector_clear(&source->properties);
	return code;
}

static int run(int argc, char **argv)
{
	struct source source = {0};
	struct error error = {0};
	struct config *config;
	int code;
	size_t i;

	options.format = "table";
	options.timeout_s = 60;
	config = command_load(&cmd_source, &argc, argv);
	if (!config)
		return EXIT_USAGE;
	source.config = config;
	for (i = 0; argc > 1 && i < SUBCOMMANDS && strcmp(argv[1], subcommands[i].name) != 0; i++)
		;
	if (argc < 2 || i == SUBCOMMANDS)
		error_set(&error, ERROR_INPUT,
			"wanted is 'source check', 'source create', 'source status', 'source "
			"remove' or 'source types'");
	else
		take_files(&source, !subcommands[i].needs_connect, argc - 2, argv + 2, &error);
	code = error.kind == ERROR_NONE ? run_subcommand(&source, i)
					: command_fail(&cmd_source, &error);
	text_list_clear(&options.schema_files);
	config_free(config);
	return code;
}

/* --- what they share --- */

bool source_is_done(struct source *source, enum connect_outcome outcome, const struct error *error)
{
	if (outcome == CONNECT_DONE)
		return true;
	if (outcome == CONNECT_AWAY)
		findings_fail(&source->findings, EXIT_UNREACHABLE, "connect",
			"%s; is Kafka Connect up, is connect.url right?", error->text);
	else
		findings_error(&source->findings, "connect", error);
	return false;
}

void source_add_advice(struct strbuf *out, const char *advice)
{
	while (out->len && (out->data[out->len - 1] == '.' || out->data[out->len - 1] == ' '))
		out->data[--out->len] = '\0';
	strbuf_printf(out, "; %s", advice);
}

void source_add_cause(struct strbuf *out, const char *trace)
{
	const char *advice;

	connector_cause(span_of(trace), out);
	advice = connector_advice(trace);
	if (advice)
		source_add_advice(out, advice);
}

const struct command cmd_source = {
	.name = "source",
	.summary = "check, create, watch and remove the Debezium connector in Kafka Connect",
	.usage = "check|create|status|remove|types [-c FILE] [OPTION…] [FILE…]\n"
		 "\n"
		 "check tries the properties of the section 'connector', and those that we "
		 "recommend where it says nothing, on Kafka Connect and the database, and says "
		 "what to do about what is wrong. It changes nothing.\n"
		 "\n"
		 "create makes the connector of that name, or gives it these properties, and waits "
		 "until it runs or says why it does not. Done twice it changes nothing.\n"
		 "\n"
		 "status shows the connector, its task, and what failed.\n"
		 "\n"
		 "remove stops the connector, makes Kafka Connect forget how far it was, deletes "
		 "it, and says how to drop what it leaves in the database.\n"
		 "\n"
		 "types reads records that have schema blocks, as 'rowstream map' reads them, and "
		 "prints the section 'types' for the same tables without: mapping.values = "
		 "canonical "
		 "needs it there.\n"
		 "\n"
		 "Example:\n"
		 "  connect: {url: 'http://localhost:8083', name: shop}\n"
		 "  connector:\n"
		 "    connector.class: io.debezium.connector.postgresql.PostgresConnector\n"
		 "    database.hostname: db\n"
		 "    database.user: debezium\n"
		 "    database.password: ${file:/run/secrets/database}\n"
		 "    database.dbname: shop",
	.run = run,
	.flags = flags,
	.max_arguments = -1,
};
