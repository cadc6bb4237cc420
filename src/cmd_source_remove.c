/* rowstream source remove: nothing left of the connector in Kafka Connect. */
#include "cmd_source.h"

#include <poll.h>
#include <string.h>

#define POLL_MS 200

/* --- In Kafka Connect --- */

/* Again while Connect rebalances. MISSING adds no finding. */
static enum connect_outcome act(
	struct source *source, enum connect_action action, int64_t until_ms, struct error *error)
{
	enum connect_outcome outcome;

	while ((outcome = connect_act(source->connect, source->name, action, error)) ==
			CONNECT_BUSY &&
		clock_ms() < until_ms) {
		error_clear(error);
		poll(NULL, 0, POLL_MS);
	}
	if (outcome != CONNECT_MISSING)
		source_is_done(source, outcome, error);
	return outcome;
}

/* Offsets can be deleted only when no task could write them any more. */
static bool await_stopped(struct source *source, int64_t until_ms)
{
	struct error error = {0};

	for (;;) {
		enum connect_outcome outcome =
			connect_status(source->connect, source->name, &source->answer, &error);

		if (outcome != CONNECT_DONE && outcome != CONNECT_BUSY)
			return source_is_done(source, outcome, &error);
		if (outcome == CONNECT_DONE && strcmp(source->answer.state, "STOPPED") == 0 &&
			source->answer.task_count == 0)
			return true;
		error_clear(&error);
		if (clock_ms() >= until_ms) {
			findings_fail(&source->findings, EXIT_UNREACHABLE, "connector",
				"does not stop within %lld s: it is still %s; nothing was deleted, "
				"the same again later",
				(long long)(source->timeout_ms / 1000), source->answer.state);
			return false;
		}
		poll(NULL, 0, POLL_MS);
	}
}

/* Before Kafka 3.6 a connector cannot be stopped, or its offsets not deleted. */
static bool forget_offsets(struct source *source, int64_t until_ms)
{
	struct error error = {0};
	enum connect_outcome outcome = act(source, CONNECT_STOP, until_ms, &error);

	if (outcome == CONNECT_DONE) {
		if (!await_stopped(source, until_ms))
			return false;
		error_clear(&error);
		outcome = act(source, CONNECT_FORGET_OFFSETS, until_ms, &error);
	}
	if (outcome == CONNECT_DONE)
		findings_ok(&source->findings, "offsets",
			"forgotten: a connector of this name begins anew");
	else if (outcome == CONNECT_MISSING)
		findings_warn(&source->findings, "offsets",
			"this Kafka Connect cannot forget them (3.6 and later can): a connector of "
			"this name and topic.prefix will go on where this one was");
	return outcome == CONNECT_DONE || outcome == CONNECT_MISSING;
}

static void remove_connector(struct source *source, int64_t until_ms)
{
	struct error error = {0};

	if (!forget_offsets(source, until_ms))
		return;
	if (act(source, CONNECT_REMOVE, until_ms, &error) == CONNECT_DONE)
		findings_ok(&source->findings, "connector", "'%s' is deleted", source->name);
	else if (error.kind != ERROR_NONE && source->findings.code == EXIT_DONE)
		findings_ok(&source->findings, "connector", "'%s' is gone already", source->name);
}

/* --- In the database and in Kafka --- */

static void report_postgresql(struct source *source, const struct connector_properties *properties)
{
	const char *slot = connector_get(properties, "slot.name");
	const char *publication = connector_get(properties, "publication.name");
	const char *database = connector_get(properties, "database.dbname");

	slot = slot ? slot : "debezium";
	publication = publication ? publication : "dbz_publication";
	if (source->drop_slot) {
		source_drop_slot(source, properties, slot, publication);
		return;
	}
	findings_warn(&source->findings, "database",
		"the slot keeps log for ever until it is dropped: --drop-slot, or in %s: SELECT "
		"pg_drop_replication_slot('%s'); DROP PUBLICATION \"%s\";",
		database ? database : "its database", slot, publication);
}

static void report_leftovers(struct source *source, const struct connector_properties *properties)
{
	const char *class_name = connector_get(properties, "connector.class");
	const char *history = connector_get(properties, "schema.history.internal.kafka.topic");
	const char *prefix = connector_get(properties, "topic.prefix");

	if (class_name && connector_kind_of(class_name) == CONNECTOR_POSTGRESQL)
		report_postgresql(source, properties);
	if (prefix)
		findings_ok(&source->findings, "kafka",
			"topics are left as they are: %s.*%s%s; delete them only if their "
			"'generation' is raised, or nobody reads them any more",
			prefix, history ? ", " : "", history ? history : "");
}

int source_remove(struct source *source)
{
	int64_t until_ms = clock_ms() + source->timeout_ms;
	struct connect_answer present = {0};
	struct error error = {0};
	enum connect_outcome outcome =
		connect_read(source->connect, source->name, &present, &error);

	source_begin(source);
	if (outcome == CONNECT_MISSING)
		findings_ok(&source->findings, "connector", "'%s' is not there", source->name);
	else if (source_is_done(source, outcome, &error))
		remove_connector(source, until_ms);
	if (source->findings.code == EXIT_DONE)
		report_leftovers(source,
			outcome == CONNECT_DONE ? &present.properties : &source->properties);
	findings_end(&source->findings);
	connect_answer_clear(&present);
	return source->findings.code;
}
