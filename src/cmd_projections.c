/* rowstream projections: JavaScript that runs inside the store. */
#include "cmd_projections.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define POLL_MS 200

static struct {
	const char *format, *directory, *partition;
	int64_t timeout_s;
	bool standard, reset, yes;
} options;

static const struct flag flags[] = {
	{.name = "format",
		.value = "FORMAT",
		.meaning = "table (default), json, jsonl or csv",
		.text = &options.format},
	{.name = "dir",
		.value = "DIRECTORY",
		.meaning = "list, deploy: take *.js from there instead of those installed",
		.text = &options.directory},
	{.name = "standard",
		.meaning = "deploy: also switch on $by_category, $by_event_type, "
			   "$by_correlation_id and $streams",
		.on = &options.standard},
	{.name = "reset",
		.meaning = "deploy: let them count from the beginning again",
		.on = &options.reset},
	{.name = "partition",
		.value = "PARTITION",
		.meaning = "state: of this row, table or transaction",
		.text = &options.partition},
	{.name = "timeout",
		.value = "SECONDS",
		.meaning = "how long deploy and remove wait for a projection (default: 60)",
		.number = &options.timeout_s},
	{.name = "yes", .meaning = "remove: really", .on = &options.yes},
	{.name = NULL},
};

static const struct {
	const char *name;
	int (*run)(struct projections *projections);
} subcommands[] = {
	{"list", projections_list},
	{"deploy", projections_deploy},
	{"status", projections_status},
	{"state", projections_state},
	{"remove", projections_remove},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* --- the start --- */

static bool take_options(struct projections *projections, struct error *error)
{
	if (!rows_format_of(options.format, &projections->format))
		error_set(error, ERROR_INPUT, "--format '%s' is not one of table, json, jsonl, csv",
			options.format);
	else if (options.timeout_s < 1 || options.timeout_s > 86400)
		error_set(error, ERROR_INPUT, "--timeout is not a number from 1 to 86400");
	projections->directory = options.directory;
	projections->partition = options.partition;
	projections->timeout_ms = options.timeout_s * 1000;
	projections->standard = options.standard;
	projections->reset = options.reset;
	projections->confirmed = options.yes;
	return error->kind == ERROR_NONE;
}

static int run_subcommand(struct projections *projections, size_t index)
{
	struct error error = {0};
	int code;

	if (take_options(projections, &error))
		projections->store = wire_eventstore(projections->config, &error);
	if (projections->store && projection_list_read(projections->store, &projections->present,
					  &error) == PROJECTION_DONE)
		code = subcommands[index].run(projections);
	else
		code = command_fail(&cmd_projections, &error);
	projection_list_clear(&projections->present);
	eventstore_free(projections->store);
	return code;
}

static int run(int argc, char **argv)
{
	struct projections projections = {0};
	struct error error = {0};
	struct config *config;
	int code;
	size_t i;

	options.format = "table";
	options.directory = PKGDATADIR "/projections";
	options.timeout_s = 60;
	config = command_load(&cmd_projections, &argc, argv);
	if (!config)
		return EXIT_USAGE;
	projections.config = config;
	for (i = 0; argc > 1 && i < SUBCOMMANDS && strcmp(argv[1], subcommands[i].name) != 0; i++)
		;
	projections.names = argv + 2;
	projections.name_count = argc - 2;
	if (argc < 2 || i == SUBCOMMANDS)
		error_set(&error, ERROR_INPUT,
			"wanted is 'projections list', 'projections deploy', 'projections status', "
			"'projections state' or 'projections remove'");
	code = error.kind == ERROR_NONE ? run_subcommand(&projections, i)
					: command_fail(&cmd_projections, &error);
	config_free(config);
	return code;
}

/* --- what they share --- */

char *projections_name(const char *given)
{
	struct strbuf name = {0};

	if (*given != '$' && strncmp(given, PROJECTIONS_PREFIX, strlen(PROJECTIONS_PREFIX)) != 0)
		strbuf_add_text(&name, PROJECTIONS_PREFIX);
	strbuf_add_text(&name, given);
	return strbuf_steal(&name);
}

const struct projection *projections_present(
	const struct projections *projections, const char *name)
{
	size_t i;

	for (i = 0; i < projections->present.count; i++)
		if (strcmp(projections->present.items[i].name, name) == 0)
			return &projections->present.items[i];
	return NULL;
}

void projections_pause(void)
{
	poll(NULL, 0, POLL_MS);
}

void projections_report(struct projections *projections, const char *name,
	enum projection_outcome outcome, const struct error *error)
{
	if (outcome == PROJECTION_MISSING)
		findings_fail(&projections->findings, EXIT_REFUSED, name, "is not there");
	else if (outcome == PROJECTION_TAKEN)
		findings_fail(&projections->findings, EXIT_REFUSED, name,
			"somebody else is changing it; the same again");
	else if (outcome != PROJECTION_DONE)
		findings_error(&projections->findings, name, error);
}

enum projection_outcome projections_read(struct projections *projections, const char *name,
	int64_t until_ms, struct projection *projection)
{
	struct error error = {0};
	enum projection_outcome outcome;

	while ((outcome = projection_read(projections->store, name, projection, &error)) ==
			PROJECTION_BUSY &&
		clock_ms() < until_ms) {
		error_clear(&error);
		projections_pause();
	}
	if (outcome != PROJECTION_DONE && outcome != PROJECTION_MISSING)
		projections_report(projections, name, outcome, &error);
	return outcome;
}

const struct command cmd_projections = {
	.name = "projections",
	.summary = "deploy, watch and remove projections that run inside EventStoreDB",
	.usage = "list|deploy|status|state|remove [-c FILE] [OPTION…] [NAME…]\n"
		 "\n"
		 "list shows the server's projections, and those that could be deployed.\n"
		 "\n"
		 "deploy makes the projections NAME…, or all that are installed, on the server "
		 "under "
		 "names that begin with rowstream-, changes those whose text differs, starts those "
		 "that stand still, and waits until they run. Done twice it changes nothing. A "
		 "changed one goes on with the state that it had, unless --reset. A NAME that "
		 "begins with $ is one of the server's own and is switched on.\n"
		 "\n"
		 "status shows ours, or NAME…, and what made them fault; it exits with 1 when one "
		 "does not run.\n"
		 "\n"
		 "state prints what NAME has computed, with --partition for one row, table or "
		 "transaction.\n"
		 "\n"
		 "remove deletes NAME…, or all of ours, with state and emitted links. Without "
		 "--yes it only says what it would delete.\n"
		 "\n"
		 "Example:\n"
		 "  rowstream projections deploy operations --standard\n"
		 "  rowstream projections state operations",
	.run = run,
	.flags = flags,
	.max_arguments = -1,
};
