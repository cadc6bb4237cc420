/* rowstream check: everything that a bridge needs, tried without changing anything. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

#include "eventstore.h"
#include "findings.h"
#include "group.h"
#include "json_span.h"
#include "kafka.h"
#include "registry.h"
#include "wire.h"

static struct {
	const char *format;
	int64_t timeout_s;
} options = {.format = "table", .timeout_s = 10};

static const struct flag flags[] = {
	{.name = "format",
		.value = "FORMAT",
		.meaning = "table (default), json, jsonl or csv",
		.text = &options.format},
	{.name = "timeout",
		.value = "SECONDS",
		.meaning = "how long Kafka may take to answer (default: 10)",
		.number = &options.timeout_s},
	{.name = NULL},
};

struct check {
	const struct config *config;
	struct findings findings;
	struct strbuf group_stream;
	char *mapping; /* mapping_describe's text, or NULL */
};

/* --- what needs no network --- */

static void check_configuration(struct check *check)
{
	if (check->config->path)
		findings_ok(&check->findings, "configuration", "%s", check->config->path);
	else
		findings_ok(&check->findings, "configuration",
			"defaults, environment and flags: there is no rowstream.yaml here");
}

static void check_mapping(struct check *check)
{
	struct error error = {0};
	struct mapping *mapping = wire_mapping(check->config, &error);

	if (!mapping) {
		findings_error(&check->findings, "mapping", &error);
		return;
	}
	findings_ok(&check->findings, "mapping", "streams '%s', event types '%s'",
		check->config->mapping.stream, check->config->mapping.event_types);
	check->mapping = mapping_describe(mapping);
	mapping_free(mapping);
}

/* --- Kafka --- */

#define TOPICS_NAMED 5

struct topics {
	struct check *check;
	int count, partitions, bad;
	char *first; /* one to ask for offsets of */
	struct strbuf names;
};

static void found_topic(void *user, const char *topic, int partitions, const char *error_text)
{
	struct topics *topics = user;

	if (error_text) {
		topics->bad++;
		findings_fail(&topics->check->findings, EXIT_REFUSED, "topics", "%s: %s", topic,
			error_text);
		return;
	}
	if (!topics->first)
		topics->first = xstrdup(topic);
	if (topics->count < TOPICS_NAMED)
		strbuf_printf(
			&topics->names, "%s%s (%d)", topics->count ? ", " : "", topic, partitions);
	else if (topics->count == TOPICS_NAMED)
		strbuf_add_text(&topics->names, ", …");
	topics->count++;
	topics->partitions += partitions;
}

static void check_topics(
	struct check *check, struct kafka_observer *observer, struct topics *topics)
{
	const char *servers = config_property(check->config, "bootstrap.servers");
	struct error error = {0};

	if (!kafka_list_topics(
		    observer, (int)options.timeout_s * 1000, found_topic, topics, &error)) {
		error_context(&error, "%s", servers ? servers : "no bootstrap.servers");
		findings_error(&check->findings, "kafka", &error);
		return;
	}
	findings_ok(&check->findings, "kafka", "%s answers", servers ? servers : "the broker");
	if (topics->count)
		findings_ok(&check->findings, "topics", "%d with %d partitions: %s", topics->count,
			topics->partitions, topics->names.data);
	else if (!topics->bad)
		findings_fail(&check->findings, EXIT_REFUSED, "topics",
			"source.topics matches none; are the names right, has the connector "
			"written "
			"anything yet, may this user see them?");
}

static void check_group(struct check *check, struct kafka_observer *observer, const char *topic)
{
	const char *group = config_property(check->config, "group.id");
	struct error error = {0};

	if (kafka_check_group(observer, topic, (int)options.timeout_s * 1000, &error))
		findings_ok(&check->findings, "group", "'%s' may read its committed offsets",
			group ? group : "");
	else
		findings_error(&check->findings, "group", &error);
}

static void check_kafka(struct check *check)
{
	struct topics topics = {.check = check};
	struct error error = {0};
	struct kafka_observer *observer = wire_kafka_observer(check->config, &error);

	if (observer)
		check_topics(check, observer, &topics);
	else
		findings_error(&check->findings, "kafka", &error);
	if (topics.first)
		check_group(check, observer, topics.first);
	kafka_observer_free(observer);
	free(topics.first);
	strbuf_clear(&topics.names);
}

/* --- EventStoreDB --- */

#define GROUP_PAGE 100

static const char denied[] = "wrong user or password, or no right; a server that has just started "
			     "says this for a moment too";
static const char misplaced[] = "AtomPub is switched off, a proxy is in between, or eventstore.url "
				"is not this server's";

/* Some servers want credentials even for /info. */
static int status_of_info(struct eventstore *store)
{
	struct eventstore_answer answer;
	struct error error = {0};
	int status = 0;

	if (eventstore_call(store, "GET", "/info", NULL, SPAN_NULL, &answer, &error))
		status = answer.status;
	eventstore_answer_clear(&answer);
	return status;
}

/* False: nothing more can be tried. */
static bool check_store(struct check *check, struct eventstore *store)
{
	struct eventstore_info info;
	struct error error = {0};

	if (!eventstore_info(store, &info, &error)) {
		if (status_of_info(store) == 401)
			findings_fail(&check->findings, EXIT_UNREACHABLE, "eventstore",
				"%s/info: HTTP 401: %s", eventstore_address(store), denied);
		else
			findings_fail(&check->findings, EXIT_UNREACHABLE, "eventstore",
				"%s; is it up, are address and tls in eventstore.url right?",
				error.text);
		return false;
	}
	findings_ok(&check->findings, "eventstore", "%s: version %s, %s", eventstore_address(store),
		info.version, info.state);
	if (info.atom_pub == 0)
		findings_fail(&check->findings, EXIT_REFUSED, "eventstore",
			"AtomPub over HTTP is switched off; start the server with "
			"--enable-atom-pub-over-http (EnableAtomPubOverHttp: true)");
	return info.atom_pub != 0;
}

static void await(struct eventstore *store, struct eventstore_result *result)
{
	while (!eventstore_finished(store, result))
		eventstore_wait(store, NULL, 0, 1000);
}

/* Reads the group's stream backward until its newest mapping is known, or to its start. */
static void read_group(struct check *check, struct eventstore *store, struct group *group,
	struct eventstore_result *result)
{
	int64_t from = -1;
	size_t i;

	do {
		eventstore_read_backward(
			store, strbuf_span(&check->group_stream), from, GROUP_PAGE, NULL);
		await(store, result);
		for (i = 0; result->read == READ_PAGE && i < result->event_count; i++)
			group_note(group, &result->events[i]);
		if (result->read == READ_PAGE && result->event_count)
			from = result->events[result->event_count - 1].number - 1;
	} while (result->read == READ_PAGE && result->event_count && !result->at_start &&
		 !group->mapping && from >= 0);
}

static void compare_mapping(struct check *check, const struct group *group)
{
	struct strbuf difference = {0};

	if (!group->mapping || !check->mapping)
		return;
	group_difference(group->mapping, check->mapping, &difference);
	if (difference.len)
		findings_fail(&check->findings, EXIT_USAGE, "mapping",
			"differs from the one that this group has written with: %.600s; if that is "
			"wanted, start once with --accept-mapping-change",
			difference.data);
	else
		findings_ok(
			&check->findings, "mapping", "the one that this group has written with");
	strbuf_clear(&difference);
}

static void check_read(struct check *check, struct eventstore *store)
{
	struct span stream = strbuf_span(&check->group_stream);
	struct eventstore_result result;
	struct group group = {0};

	read_group(check, store, &group, &result);
	switch (result.read) {
	case READ_PAGE:
		findings_ok(&check->findings, "read", "of %s, the group's own stream", stream.ptr);
		compare_mapping(check, &group);
		break;
	case READ_NO_STREAM:
		findings_ok(&check->findings, "read",
			"of %s, the group's own stream, which is not there yet", stream.ptr);
		break;
	case READ_DENIED:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "read", "of %s: HTTP %d: %s",
			stream.ptr, result.status, denied);
		break;
	case READ_DELETED:
		findings_fail(&check->findings, EXIT_REFUSED, "read",
			"of %s: it was deleted for good; take another kafka.group.id", stream.ptr);
		break;
	case READ_MISPLACED:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "read", "of %s: %s: %s",
			stream.ptr, result.text, misplaced);
		break;
	default:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "read", "of %s: %s", stream.ptr,
			result.text);
	}
	group_clear(&group);
}

/* No stream is that long: the server refuses the version, if it lets us in at all, and nothing is
 * written. */
#define IMPOSSIBLE_VERSION (1 << 30)

static void check_append(struct check *check, struct eventstore *store)
{
	struct span stream = strbuf_span(&check->group_stream);
	struct span event = span_of("{\"eventId\":\"2d3b1a7e-7d0c-4a60-9a52-6f0f7e1c9b11\","
				    "\"eventType\":\"check\",\"data\":{},\"metadata\":{}}");
	struct eventstore_result result;

	eventstore_append(store, stream, IMPOSSIBLE_VERSION, &event, 1, NULL);
	await(store, &result);
	switch (result.append) {
	case APPEND_CONFLICT:
		findings_ok(&check->findings, "append",
			"to %s would be taken (tried at a version that cannot be, nothing was "
			"written)",
			stream.ptr);
		break;
	case APPEND_DENIED:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "append", "to %s: HTTP %d: %s",
			stream.ptr, result.status, denied);
		break;
	case APPEND_DELETED:
		findings_fail(&check->findings, EXIT_REFUSED, "append",
			"to %s: it was deleted for good; take another kafka.group.id", stream.ptr);
		break;
	case APPEND_WRITTEN:
		findings_fail(&check->findings, EXIT_REFUSED, "append",
			"to %s was taken at a version that cannot be: this is not how EventStoreDB "
			"answers, something is in between",
			stream.ptr);
		break;
	case APPEND_MISPLACED:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "append", "to %s: %s: %s",
			stream.ptr, result.text, misplaced);
		break;
	default:
		findings_fail(&check->findings, EXIT_UNREACHABLE, "append", "to %s: %s", stream.ptr,
			result.text);
	}
}

/* --- projections: readers need them, the bridge does not --- */

static void add_projection(
	const struct js_doc *doc, uint32_t node, struct strbuf *running, struct strbuf *stopped)
{
	static const char *const names[] = {
		"$by_category", "$by_event_type", "$streams", "$by_correlation_id", NULL};
	uint32_t name = js_member(doc, node, "name"), status = js_member(doc, node, "status");
	const char *const *known;
	struct strbuf *list;

	if (name == JS_NONE || status == JS_NONE)
		return;
	for (known = names; *known && !js_string_is(doc, name, *known); known++)
		;
	if (!*known)
		return;
	list = js_string_is(doc, status, "Running") ? running : stopped;
	strbuf_printf(list, "%s%s", list->len ? ", " : "", *known);
}

static void report_projections(struct check *check, struct span body)
{
	struct strbuf running = {0}, stopped = {0};
	struct js_doc doc = {0};
	struct error error = {0};
	uint32_t list, at;

	if (js_parse(&doc, body, JS_MAX_DEPTH, &error)) {
		list = js_member(&doc, 0, "projections");
		for (at = js_first(&doc, list); at != JS_NONE; at = js_next(&doc, list, at))
			add_projection(&doc, at, &running, &stopped);
	}
	if (stopped.len)
		findings_warn(&check->findings, "projections",
			"not running: %s; readers of $ce- and $et- streams need them: rowstream "
			"projections deploy --standard",
			stopped.data);
	if (running.len)
		findings_ok(&check->findings, "projections", "running: %s", running.data);
	if (!running.len && !stopped.len)
		findings_warn(&check->findings, "projections",
			"the system's are not there; readers of $ce- and $et- streams need a "
			"server "
			"with --run-projections=System");
	strbuf_clear(&running);
	strbuf_clear(&stopped);
	js_doc_clear(&doc);
}

static void check_projections(struct check *check, struct eventstore *store)
{
	static const char *const accept[] = {"Accept: application/json", NULL};
	struct eventstore_answer answer;
	struct error error = {0};

	if (!eventstore_call(store, "GET", "/projections/any", accept, SPAN_NULL, &answer, &error))
		findings_warn(&check->findings, "projections", "%s", error.text);
	else if (answer.status == 200)
		report_projections(check, (struct span){answer.body, answer.body_len});
	else
		findings_warn(&check->findings, "projections", "GET /projections/any: HTTP %d: %s",
			answer.status,
			answer.status == 401 ? "this user may not see them"
					     : "this server has none");
	eventstore_answer_clear(&answer);
}

static void check_eventstore(struct check *check)
{
	struct error error = {0};
	struct eventstore *store = wire_eventstore(check->config, &error);
	const char *group = config_property(check->config, "group.id");

	if (!store) {
		findings_error(&check->findings, "eventstore", &error);
		return;
	}
	group_stream(group ? group : "", &check->group_stream);
	if (check_store(check, store)) {
		check_read(check, store);
		check_append(check, store);
		check_projections(check, store);
	}
	eventstore_free(store);
}

/* --- the schema registry: where one is configured --- */

static void check_registry(struct check *check)
{
	struct error error = {0};
	struct registry *registry;

	if (!*check->config->registry.url)
		return;
	registry = wire_registry(check->config, &error);
	if (registry && registry_check(registry, &error))
		findings_ok(&check->findings, "registry", "%s", registry_address(registry));
	else
		findings_error(&check->findings, "registry", &error);
	registry_free(registry);
}

/* --- */

static int run(int argc, char **argv)
{
	struct config *config = command_load(&cmd_check, &argc, argv);
	struct check check = {.config = config};
	enum rows_format format;
	struct error error = {0};

	if (!config)
		return EXIT_USAGE;
	if (!rows_format_of(options.format, &format))
		error_set(&error, ERROR_INPUT,
			"--format '%s' is not one of table, json, jsonl, csv", options.format);
	else if (options.timeout_s < 1 || options.timeout_s > 3600)
		error_set(&error, ERROR_INPUT, "--timeout is not a number from 1 to 3600");
	if (error.kind != ERROR_NONE) {
		config_free(config);
		return command_fail(&cmd_check, &error);
	}
	findings_begin(&check.findings, stdout, format);
	check_configuration(&check);
	check_mapping(&check);
	check_kafka(&check);
	check_eventstore(&check);
	check_registry(&check);
	findings_end(&check.findings);
	strbuf_clear(&check.group_stream);
	free(check.mapping);
	config_free(config);
	return check.findings.code;
}

const struct command cmd_check = {
	.name = "check",
	.summary = "try configuration, Kafka and EventStoreDB, and say what to do",
	.usage = "[-c FILE]\n"
		 "\n"
		 "One line for each thing that a bridge needs, with ok, warn or FAIL. Nothing is "
		 "changed: the consumer group is not joined, and the right to append is tried at a "
		 "version that the group's own stream cannot have.\n"
		 "\n"
		 "Exit code: 0 when nothing failed, 2 for a wrong configuration, 3 for a server "
		 "that "
		 "cannot be reached or does not let us in, 1 for anything else that failed.",
	.run = run,
	.flags = flags,
};
