/* rowstream source check: would this connector run? */
#include "cmd_source.h"

#include <string.h>

/* --- Kafka Connect --- */

static bool check_worker(struct source *source, bool all)
{
	struct error error = {0};

	if (!source_is_done(
		    source, connect_version(source->connect, &source->answer, &error), &error))
		return false;
	if (all)
		findings_ok(&source->findings, "connect", "%s: Kafka Connect %s",
			connect_address(source->connect), source->answer.version);
	return true;
}

/* "PostgresConnector" and "Postgres" are names of io.debezium.….PostgresConnector too. */
static bool is_class(const char *class_name, const char *wanted)
{
	const char *dot = strrchr(class_name, '.');
	const char *name = dot ? dot + 1 : class_name;
	size_t len = strlen(name), suffix = strlen("Connector");

	return strcmp(class_name, wanted) == 0 || strcmp(name, wanted) == 0 ||
	       (len > suffix && strcmp(name + len - suffix, "Connector") == 0 &&
		       strlen(wanted) == len - suffix && strncmp(name, wanted, len - suffix) == 0);
}

static void fail_of_plugin(struct source *source, const char *wanted)
{
	struct strbuf installed = {0};
	size_t i;

	for (i = 0; i < source->answer.plugin_count; i++)
		strbuf_printf(
			&installed, "%s%s", i ? ", " : "", source->answer.plugins[i].class_name);
	findings_fail(&source->findings, EXIT_REFUSED, "plugin",
		"%s is not on the worker; put its plugin archive in a folder of the worker's "
		"plugin.path and restart it. Source connectors there: %.500s",
		wanted, installed.len ? installed.data : "none");
	strbuf_clear(&installed);
}

static bool check_plugin(struct source *source, bool all)
{
	const char *wanted = connector_get(&source->properties, "connector.class");
	struct error error = {0};
	size_t i;

	if (!source_is_done(
		    source, connect_plugins(source->connect, &source->answer, &error), &error))
		return false;
	for (i = 0; i < source->answer.plugin_count; i++) {
		const struct connect_plugin *plugin = &source->answer.plugins[i];

		if (!is_class(plugin->class_name, wanted))
			continue;
		if (all)
			findings_ok(&source->findings, "plugin", "%s %s", plugin->class_name,
				plugin->version ? plugin->version : "");
		return true;
	}
	fail_of_plugin(source, wanted);
	return false;
}

/* --- Properties --- */

/* Errors that follow from the one before say nothing new. */
static void report_problems(struct source *source)
{
	const struct connect_answer *answer = &source->answer;
	struct strbuf text = {0};
	const char *last = "";
	size_t i;

	for (i = 0; i < answer->problem_count; i++) {
		const struct connect_problem *problem = &answer->problems[i];
		const char *advice = connector_advice(problem->text);

		if (strcmp(problem->property, last) == 0)
			continue;
		last = problem->property;
		strbuf_reset(&text);
		strbuf_add_text(&text, problem->text);
		if (advice)
			source_add_advice(&text, advice);
		findings_fail(&source->findings, EXIT_REFUSED, "property", "%s: %s",
			problem->property, text.data ? text.data : "");
	}
	strbuf_clear(&text);
}

static bool is_known(const struct connect_answer *answer, const char *name)
{
	size_t i;

	for (i = 0; i < answer->known_count; i++)
		if (strcmp(answer->known[i], name) == 0)
			return true;
	return false;
}

/* Connect ignores what it does not know, and converters, producers and drivers have properties that
 * it does not list: so only what looks like a slip is told. */
static void report_slips(struct source *source)
{
	size_t i;

	for (i = 0; source->answer.known && i < source->properties.count; i++) {
		const struct connector_property *property = &source->properties.items[i];
		const char *near;

		if (property->reason || is_known(&source->answer, property->name))
			continue;
		near = nearest_name(property->name, source->answer.known);
		if (near)
			findings_warn(&source->findings, "property",
				"%s: the plugin knows no such property; did you mean %s?",
				property->name, near);
	}
}

static void report_recommended(struct source *source)
{
	size_t i, own = 0;

	for (i = 0; i < source->properties.count; i++)
		own += !source->properties.items[i].reason;
	findings_ok(&source->findings, "properties",
		"the plugin takes all %zu: %zu given, %zu "
		"recommended",
		source->properties.count, own, source->properties.count - own);
	for (i = 0; i < source->properties.count; i++) {
		const struct connector_property *property = &source->properties.items[i];

		if (property->reason)
			findings_ok(&source->findings, "recommended", "%s=%s: %s", property->name,
				property->value, property->reason);
	}
}

static void check_properties(struct source *source, bool all)
{
	const char *class_name = connector_get(&source->properties, "connector.class");
	struct error error = {0};

	if (!source_is_done(source,
		    connect_validate(source->connect, class_name, &source->properties,
			    &source->answer, &error),
		    &error))
		return;
	report_problems(source);
	report_slips(source);
	if (all && source->findings.code == EXIT_DONE)
		report_recommended(source);
}

void source_validate(struct source *source, bool all)
{
	if (check_worker(source, all) && check_plugin(source, all))
		check_properties(source, all);
}

/* --- The connector --- */

static void check_connector(struct source *source)
{
	struct error error = {0};
	enum connect_outcome outcome =
		connect_status(source->connect, source->name, &source->answer, &error);

	source->is_missing = outcome == CONNECT_MISSING;
	if (source->is_missing)
		findings_ok(&source->findings, "connector",
			"'%s' is not there yet: rowstream source create", source->name);
	else if (source_is_done(source, outcome, &error))
		findings_ok(&source->findings, "connector",
			"'%s' is there and %s: rowstream source status", source->name,
			source->answer.state);
}

void source_begin(struct source *source)
{
	const char *path = source->config->path;

	findings_begin(&source->findings, stdout, source->format);
	findings_ok(&source->findings, "configuration", "%s, connector '%s'",
		path ? path : "no rowstream.yaml: defaults, environment and flags", source->name);
}

int source_check(struct source *source)
{
	source_begin(source);
	source_validate(source, true);
	if (source->findings.code != EXIT_UNREACHABLE)
		check_connector(source);
	if (source->findings.code != EXIT_UNREACHABLE)
		source_check_database(source);
	findings_end(&source->findings);
	return source->findings.code;
}
