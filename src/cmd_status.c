/* rowstream status: how a running bridge is, asked at its status address. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "http_client.h"
#include "json_span.h"
#include "rows.h"
#include "terminal.h"

#define TIMEOUT_MS 5000
#define MAX_DEPTH 16
#define HOME_AND_CLEAR "\033[H\033[J"

static const char *format, *address;
static bool watch;
static volatile sig_atomic_t stopped;

static const struct flag flags[] = {
	{.name = "address",
		.value = "ADDRESS:PORT",
		.meaning = "where the bridge tells it (default: status.listen of the "
			   "configuration)",
		.text = &address},
	{.name = "watch", .meaning = "again every second, until Ctrl-C", .on = &watch},
	{.name = "format",
		.value = "FORMAT",
		.meaning = "table (default) or json",
		.text = &format},
	{.name = NULL},
};

static const struct rows_column findings[] = {
	{"result", ROWS_STATE},
	{"what", ROWS_TEXT},
	{"text", ROWS_PROSE},
};

static const struct rows_column partitions[] = {
	{"topic", ROWS_TEXT},
	{"partition", ROWS_NUMBER},
	{"next", ROWS_NUMBER},
	{"end", ROWS_NUMBER},
	{"behind", ROWS_NUMBER},
	{"unsettled", ROWS_NUMBER},
};

/* --- The answer --- */

static uint32_t at(const struct js_doc *doc, uint32_t node, const char *name)
{
	return node == JS_NONE ? JS_NONE : js_member(doc, node, name);
}

static struct span literal(const struct js_doc *doc, uint32_t node, const char *name)
{
	uint32_t member = at(doc, node, name);

	return member == JS_NONE ? span_of("?") : js_text(doc, member);
}

/* As it would be read, into a buffer that is the caller's. */
static struct span words(
	const struct js_doc *doc, uint32_t node, const char *name, struct strbuf *buffer)
{
	uint32_t member = at(doc, node, name);

	strbuf_reset(buffer);
	if (member == JS_NONE || !js_string(doc, member, buffer))
		return span_of("?");
	return strbuf_span(buffer);
}

static void add_finding(
	struct rows *rows, const char *result, const char *what, const struct strbuf *text)
{
	rows_add(rows, (struct span[]){span_of(result), span_of(what), strbuf_span(text)});
}

static void add_bridge(struct rows *rows, const struct js_doc *doc, bool ready)
{
	struct strbuf text = {0}, state = {0}, store = {0}, version = {0};

	words(doc, 0, "state", &state);
	words(doc, 0, "store", &store);
	words(doc, 0, "version", &version);
	strbuf_printf(&text, "%s, up %.*s s, version %s, into %s", state.data,
		SPAN_ARG(literal(doc, 0, "uptime_seconds")), version.data, store.data);
	add_finding(rows, ready ? "ok" : "FAIL", "bridge", &text);
	strbuf_clear(&text);
	strbuf_clear(&state);
	strbuf_clear(&store);
	strbuf_clear(&version);
}

static void add_reasons(struct rows *rows, const struct js_doc *doc)
{
	uint32_t list = js_member(doc, 0, "reasons"), reason;
	struct strbuf text = {0};

	for (reason = js_first(doc, list); reason != JS_NONE; reason = js_next(doc, list, reason)) {
		strbuf_reset(&text);
		if (js_string(doc, reason, &text))
			add_finding(rows, "FAIL", "not ready", &text);
	}
	strbuf_clear(&text);
}

static void add_records(struct rows *rows, const struct js_doc *doc)
{
	static const struct {
		const char *name, *words;
	} outcomes[] = {{"appended", "appended"}, {"duplicate", "there already"},
		{"skipped", "skipped"}, {"refused", "refused"}, {"dropped", "dropped at revoke"},
		{"in_flight", "in flight"}};
	uint32_t records = js_member(doc, 0, "records");
	struct strbuf text = {0};
	size_t i;

	strbuf_printf(&text, "%.*s behind, %.*s settled a second", SPAN_ARG(literal(doc, 0, "lag")),
		SPAN_ARG(literal(doc, 0, "records_per_second")));
	add_finding(rows, "ok", "lag", &text);
	strbuf_reset(&text);
	strbuf_printf(&text, "%.*s delivered", SPAN_ARG(literal(doc, records, "delivered")));
	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		strbuf_printf(&text, "%s %.*s %s", i ? "," : ":",
			SPAN_ARG(literal(doc, records, outcomes[i].name)), outcomes[i].words);
	add_finding(rows, "ok", "records", &text);
	strbuf_clear(&text);
}

static void add_streams(struct rows *rows, const struct js_doc *doc)
{
	uint32_t streams = js_member(doc, 0, "streams"), delay = js_member(doc, 0, "delay_ms");
	struct span troubled = literal(doc, streams, "in_trouble");
	struct strbuf text = {0}, word = {0};
	bool trouble = !span_is(troubled, "0");

	strbuf_printf(&text, "%.*s known, %.*s in trouble",
		SPAN_ARG(literal(doc, streams, "known")), SPAN_ARG(troubled));
	if (trouble) {
		strbuf_printf(
			&text, ", like %.*s", SPAN_ARG(words(doc, streams, "example", &word)));
		strbuf_printf(&text, ": %.*s", SPAN_ARG(words(doc, streams, "failure", &word)));
	}
	add_finding(rows, trouble ? "warn" : "ok", "streams", &text);
	if (at(doc, delay, "p50") != JS_NONE) {
		strbuf_reset(&text);
		strbuf_printf(&text,
			"from database to store, since the start: half within %.*s ms, 99 of 100 "
			"within %.*s ms",
			SPAN_ARG(literal(doc, delay, "p50")), SPAN_ARG(literal(doc, delay, "p99")));
		add_finding(rows, "ok", "delay", &text);
	}
	strbuf_clear(&text);
	strbuf_clear(&word);
}

static void print_partitions(const struct js_doc *doc)
{
	static const char *const numbers[] = {"partition", "next", "end", "lag", "unsettled"};
	uint32_t list = js_member(doc, 0, "partitions"), one;
	struct strbuf topic = {0};
	struct rows *rows = rows_new(stdout, ROWS_TABLE, partitions, 6);

	for (one = js_first(doc, list); one != JS_NONE; one = js_next(doc, list, one)) {
		struct span cells[6] = {words(doc, one, "topic", &topic)};
		size_t i;

		for (i = 0; i < 5; i++)
			cells[i + 1] = literal(doc, one, numbers[i]);
		rows_add(rows, cells);
	}
	rows_end(rows);
	strbuf_clear(&topic);
}

/* --- One look --- */

static void print_table(const struct js_doc *doc, bool ready)
{
	struct rows *rows = rows_new(stdout, ROWS_TABLE, findings, 3);

	add_bridge(rows, doc, ready);
	add_reasons(rows, doc);
	add_records(rows, doc);
	add_streams(rows, doc);
	rows_end(rows);
	putchar('\n');
	print_partitions(doc);
}

/* Prints it; returns the exit code. */
static int show(const struct http_client *client, const struct http_client_answer *answer,
	struct error *error)
{
	struct js_doc doc = {0};
	uint32_t ready;
	bool is_ready = false, ours;

	ours = answer->status == 200 &&
	       js_parse(&doc, strbuf_span(&answer->body), MAX_DEPTH, NULL) &&
	       (ready = at(&doc, 0, "ready")) != JS_NONE && at(&doc, 0, "records") != JS_NONE;
	if (!ours) {
		error_set(error, ERROR_REFUSED,
			"%s answers, but not as a running bridge does (HTTP %d): is it the "
			"status.listen of a 'rowstream run'?",
			http_client_address(client), answer->status);
	} else {
		is_ready = js_type_of(&doc, ready) == JS_TRUE;
		if (watch && terminal_is(STDOUT_FILENO))
			fputs(HOME_AND_CLEAR, stdout);
		if (strcmp(format, "json") == 0)
			fwrite(answer->body.data, 1, answer->body.len, stdout);
		else
			print_table(&doc, is_ready);
		fflush(stdout);
	}
	js_doc_clear(&doc);
	return is_ready ? EXIT_DONE : EXIT_REFUSED;
}

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int look(struct http_client *client, struct error *error)
{
	static const struct timespec second = {.tv_sec = 1};
	struct http_client_answer answer = {0};
	int code = EXIT_UNREACHABLE;

	if (watch)
		sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	do {
		if (!http_client_call(client, "GET", "/status.json", "application/json", SPAN_NULL,
			    &answer, error))
			break;
		code = show(client, &answer, error);
	} while (watch && !stopped && error->kind == ERROR_NONE &&
		 (nanosleep(&second, NULL) == 0 || !stopped) && !stopped);
	strbuf_clear(&answer.body);
	return code;
}

static struct http_client *open_client(const struct config *config, struct error *error)
{
	struct http_client_options options = {
		.option = "status.listen",
		.connect_timeout_ms = TIMEOUT_MS,
		.request_timeout_ms = TIMEOUT_MS,
	};
	struct http_client *client = NULL;
	struct strbuf url = {0};

	if (!address)
		address = config->status.listen;
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) {
		error_set(error, ERROR_INPUT, "--format %s: wanted is table or json", format);
	} else if (!address[0]) {
		error_set(error, ERROR_INPUT,
			"status.listen is not set, so the bridge tells nothing; set it, like "
			"status: {listen: '127.0.0.1:9464'}, or give --address");
	} else {
		strbuf_printf(&url, "http://%s", address);
		options.url = url.data;
		client = http_client_new(&options, error);
	}
	strbuf_clear(&url);
	return client;
}

static int run(int argc, char **argv)
{
	struct error error = {0};
	struct http_client *client;
	struct config *config;
	int code;

	format = "table";
	config = command_load(&cmd_status, &argc, argv);
	if (!config)
		return EXIT_USAGE;
	client = open_client(config, &error);
	code = client ? look(client, &error) : EXIT_USAGE;
	if (error.kind != ERROR_NONE)
		code = command_fail(&cmd_status, &error);
	http_client_free(client);
	config_free(config);
	return code;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how a running bridge is: lag, rates, what is in trouble",
	.usage =
		"[-c FILE] [--address ADDRESS:PORT] [--watch]\n"
		"Asks a running bridge at its status address (status.listen), where a browser "
		"finds the same as a page, Prometheus /metrics, and a supervisor /health and "
		"/ready.\n"
		"\n"
		"  rowstream status -c rowstream.yaml\n"
		"  rowstream status --address 127.0.0.1:9464 --watch\n"
		"\n"
		"The exit code is 0 when the bridge is ready, 1 when it is not, 3 when it does not "
		"answer.",
	.run = run,
	.flags = flags,
	.max_arguments = 0,
};
