/* Kafka Connect over its REST interface: requests, and answers as C values. */
#include "connect.h"

#include <stdlib.h>
#include <string.h>

#include "http_client.h"
#include "json_span.h"

#define CONNECT_TIMEOUT_MS 5000
/* Connect itself gives up after 90 s, and says so. */
#define REQUEST_TIMEOUT_MS 100000

struct connect {
	struct http_client *http;
	struct http_client_answer answer;
	struct strbuf path, body;
	struct js_doc doc; /* of the last answer; valid if it was JSON */
};

struct connect *connect_new(const struct connect_options *options, struct error *error)
{
	struct http_client_options http_options = {
		.option = "connect.url",
		.url = options->url,
		.username = options->username,
		.password = options->password,
		.ca_file = options->ca_file,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
	};
	struct http_client *http = http_client_new(&http_options, error);
	struct connect *connect;

	if (!http)
		return NULL;
	connect = xcalloc(1, sizeof(*connect));
	connect->http = http;
	return connect;
}

void connect_free(struct connect *connect)
{
	if (!connect)
		return;
	http_client_free(connect->http);
	strbuf_clear(&connect->answer.body);
	strbuf_clear(&connect->path);
	strbuf_clear(&connect->body);
	js_doc_clear(&connect->doc);
	free(connect);
}

const char *connect_address(const struct connect *connect)
{
	return http_client_address(connect->http);
}

void connect_answer_clear(struct connect_answer *answer)
{
	arena_clear(&answer->arena);
	free(answer->plugins);
	free(answer->problems);
	free(answer->known);
	free(answer->tasks);
	free(answer->names);
	connector_clear(&answer->properties);
	*answer = (struct connect_answer){0};
}

/* --- Answers --- */

/* A string's characters; NULL for what is no string. */
static const char *text_of(const struct js_doc *doc, uint32_t node, struct connect_answer *answer)
{
	struct strbuf text = {0};
	const char *copy = NULL;

	if (js_type_of(doc, node) == JS_STRING) {
		js_string(doc, node, &text);
		copy = arena_copy(&answer->arena, text.data ? strbuf_span(&text) : span_of("")).ptr;
	}
	strbuf_clear(&text);
	return copy;
}

static const char *member_text(
	const struct js_doc *doc, uint32_t object, const char *name, struct connect_answer *answer)
{
	return text_of(doc, js_member(doc, object, name), answer);
}

/* Connect's own words, from {"error_code":…,"message":…}; else the answer's first bytes. */
static void fail_of_status(struct connect *connect, const char *what, struct error *error)
{
	struct connect_answer words = {0};
	const char *message = NULL;
	struct span body = strbuf_span(&connect->answer.body);

	if (connect->answer.status == 401 || connect->answer.status == 403)
		message = "look at connect.username and connect.password";
	else
		message = member_text(&connect->doc, 0, "message", &words);
	if (!message && body.len == 0)
		message = "no explanation";
	error_set(error, connect->answer.status == 409 ? ERROR_RETRY : ERROR_REFUSED,
		"%s: HTTP %d: %.*s", what, connect->answer.status,
		message		 ? 600
		: body.len < 200 ? (int)body.len
				 : 200,
		message ? message : body.ptr);
	connect_answer_clear(&words);
}

static enum connect_outcome judge(
	struct connect *connect, const char *what, bool wants_json, struct error *error)
{
	struct error not_json = {0};
	int status = connect->answer.status;
	bool is_json = js_parse(
		&connect->doc, strbuf_span(&connect->answer.body), JS_MAX_DEPTH, &not_json);

	if (!is_json) {
		js_doc_clear(&connect->doc);
		js_parse(&connect->doc, span_of("null"), JS_MAX_DEPTH, &not_json);
	}
	if (status >= 200 && status < 300 && wants_json && !is_json) {
		error_set(error, ERROR_RETRY,
			"%s: HTTP %d, but the answer is no JSON: is this Kafka Connect?", what,
			status);
		return CONNECT_AWAY;
	}
	if (status >= 200 && status < 300)
		return CONNECT_DONE;
	if ((status == 404 || status == 405) &&
		js_member(&connect->doc, 0, "error_code") == JS_NONE) {
		error_set(error, ERROR_RETRY, "%s: HTTP %d, not in Kafka Connect's words", what,
			status);
		return CONNECT_AWAY;
	}
	fail_of_status(connect, what, error);
	if (status == 404 || status == 405)
		return CONNECT_MISSING;
	return status == 409 ? CONNECT_BUSY : CONNECT_REFUSED;
}

/* The request to connect->path. */
static enum connect_outcome call(struct connect *connect, const char *method, struct span body,
	bool wants_json, struct error *error)
{
	struct strbuf what = {0};
	enum connect_outcome outcome = CONNECT_AWAY;

	strbuf_printf(&what, "%s %s%s", method, connect_address(connect), connect->path.data);
	if (http_client_call(connect->http, method, connect->path.data, "application/json", body,
		    &connect->answer, error))
		outcome = judge(connect, what.data, wants_json, error);
	strbuf_clear(&what);
	return outcome;
}

static enum connect_outcome get(struct connect *connect, struct error *error)
{
	return call(connect, "GET", SPAN_NULL, true, error);
}

static void set_path(
	struct connect *connect, const char *before, const char *name, const char *behind)
{
	strbuf_reset(&connect->path);
	strbuf_add_text(&connect->path, before);
	http_client_add_name(&connect->path, span_of(name));
	strbuf_add_text(&connect->path, behind);
}

/* --- The worker --- */

enum connect_outcome connect_version(
	struct connect *connect, struct connect_answer *answer, struct error *error)
{
	enum connect_outcome outcome;

	connect_answer_clear(answer);
	set_path(connect, "/", "", "");
	outcome = get(connect, error);
	if (outcome != CONNECT_DONE)
		return outcome;
	answer->version = member_text(&connect->doc, 0, "version", answer);
	if (answer->version)
		return CONNECT_DONE;
	error_set(error, ERROR_RETRY, "%s tells no version: is this Kafka Connect?",
		connect_address(connect));
	return CONNECT_AWAY;
}

enum connect_outcome connect_plugins(
	struct connect *connect, struct connect_answer *answer, struct error *error)
{
	const struct js_doc *doc = &connect->doc;
	enum connect_outcome outcome;
	uint32_t at;

	connect_answer_clear(answer);
	set_path(connect, "/connector-plugins", "", "");
	outcome = get(connect, error);
	if (outcome != CONNECT_DONE)
		return outcome;
	for (at = js_first(doc, 0); at != JS_NONE; at = js_next(doc, 0, at)) {
		const char *class_name = member_text(doc, at, "class", answer);

		if (!class_name || !js_string_is(doc, js_member(doc, at, "type"), "source"))
			continue;
		answer->plugins = xreallocarray(
			answer->plugins, answer->plugin_count + 1, sizeof(*answer->plugins));
		answer->plugins[answer->plugin_count++] = (struct connect_plugin){
			class_name, member_text(doc, at, "version", answer)};
	}
	return CONNECT_DONE;
}

enum connect_outcome connect_list(
	struct connect *connect, struct connect_answer *answer, struct error *error)
{
	const struct js_doc *doc = &connect->doc;
	enum connect_outcome outcome;
	uint32_t at;

	connect_answer_clear(answer);
	set_path(connect, "/connectors", "", "");
	outcome = get(connect, error);
	if (outcome != CONNECT_DONE)
		return outcome;
	for (at = js_first(doc, 0); at != JS_NONE; at = js_next(doc, 0, at)) {
		const char *name = text_of(doc, at, answer);

		if (!name)
			continue;
		answer->names = xreallocarray(
			answer->names, answer->name_count + 1, sizeof(*answer->names));
		answer->names[answer->name_count++] = name;
	}
	return CONNECT_DONE;
}

/* --- One connector --- */

static void add_properties(struct strbuf *out, const struct connector_properties *properties)
{
	size_t i;

	strbuf_add_char(out, '{');
	for (i = 0; i < properties->count; i++) {
		strbuf_add_text(out, i ? "," : "");
		strbuf_add_json(out, span_of(properties->items[i].name));
		strbuf_add_char(out, ':');
		strbuf_add_json(out, span_of(properties->items[i].value));
	}
	strbuf_add_char(out, '}');
}

static void add_problems(const struct js_doc *doc, uint32_t value, struct connect_answer *answer)
{
	uint32_t errors = js_member(doc, value, "errors"), at;
	const char *property = member_text(doc, value, "name", answer);

	if (!property)
		return;
	answer->known =
		xreallocarray(answer->known, answer->known_count + 2, sizeof(*answer->known));
	answer->known[answer->known_count++] = property;
	answer->known[answer->known_count] = NULL;
	for (at = js_first(doc, errors); at != JS_NONE; at = js_next(doc, errors, at)) {
		const char *text = text_of(doc, at, answer);

		answer->problems = xreallocarray(
			answer->problems, answer->problem_count + 1, sizeof(*answer->problems));
		answer->problems[answer->problem_count++] =
			(struct connect_problem){property, text ? text : "invalid"};
	}
}

enum connect_outcome connect_validate(struct connect *connect, const char *class_name,
	const struct connector_properties *properties, struct connect_answer *answer,
	struct error *error)
{
	const struct js_doc *doc = &connect->doc;
	enum connect_outcome outcome;
	uint32_t configs, at;

	connect_answer_clear(answer);
	set_path(connect, "/connector-plugins/", class_name, "/config/validate");
	strbuf_reset(&connect->body);
	add_properties(&connect->body, properties);
	outcome = call(connect, "PUT", strbuf_span(&connect->body), true, error);
	if (outcome != CONNECT_DONE)
		return outcome;
	configs = js_member(doc, 0, "configs");
	for (at = js_first(doc, configs); at != JS_NONE; at = js_next(doc, configs, at))
		add_problems(doc, js_member(doc, at, "value"), answer);
	return CONNECT_DONE;
}

enum connect_outcome connect_read(struct connect *connect, const char *name,
	struct connect_answer *answer, struct error *error)
{
	const struct js_doc *doc = &connect->doc;
	enum connect_outcome outcome;
	uint32_t at;

	connect_answer_clear(answer);
	set_path(connect, "/connectors/", name, "/config");
	outcome = get(connect, error);
	if (outcome != CONNECT_DONE || js_type_of(doc, 0) != JS_OBJECT)
		return outcome;
	for (at = js_first(doc, 0); at != JS_NONE; at = js_next(doc, 0, at)) {
		const char *property = text_of(doc, at, answer);
		const char *value = text_of(doc, at + 1, answer);

		if (property && value)
			connector_set(&answer->properties, property, value, NULL);
	}
	return CONNECT_DONE;
}

static void add_task(const struct js_doc *doc, uint32_t node, struct connect_answer *answer)
{
	struct connect_task task = {
		.state = member_text(doc, node, "state", answer),
		.worker = member_text(doc, node, "worker_id", answer),
		.trace = member_text(doc, node, "trace", answer),
	};

	span_to_int64(js_text(doc, js_member(doc, node, "id")), &task.id);
	if (!task.state)
		task.state = "UNKNOWN";
	answer->tasks =
		xreallocarray(answer->tasks, answer->task_count + 1, sizeof(*answer->tasks));
	answer->tasks[answer->task_count++] = task;
}

enum connect_outcome connect_status(struct connect *connect, const char *name,
	struct connect_answer *answer, struct error *error)
{
	const struct js_doc *doc = &connect->doc;
	enum connect_outcome outcome;
	uint32_t connector, tasks, at;

	connect_answer_clear(answer);
	set_path(connect, "/connectors/", name, "/status");
	outcome = get(connect, error);
	if (outcome != CONNECT_DONE)
		return outcome;
	connector = js_member(doc, 0, "connector");
	answer->state = member_text(doc, connector, "state", answer);
	answer->worker = member_text(doc, connector, "worker_id", answer);
	answer->trace = member_text(doc, connector, "trace", answer);
	if (!answer->state)
		answer->state = "UNKNOWN";
	tasks = js_member(doc, 0, "tasks");
	for (at = js_first(doc, tasks); at != JS_NONE; at = js_next(doc, tasks, at))
		add_task(doc, at, answer);
	return CONNECT_DONE;
}

enum connect_outcome connect_write(struct connect *connect, const char *name,
	const struct connector_properties *properties, struct error *error)
{
	set_path(connect, "/connectors/", name, "/config");
	strbuf_reset(&connect->body);
	add_properties(&connect->body, properties);
	return call(connect, "PUT", strbuf_span(&connect->body), false, error);
}

enum connect_outcome connect_act(
	struct connect *connect, const char *name, enum connect_action action, struct error *error)
{
	static const struct {
		const char *method, *behind;
	} requests[] = {
		[CONNECT_STOP] = {"PUT", "/stop"},
		[CONNECT_RESUME] = {"PUT", "/resume"},
		[CONNECT_RESTART_FAILED] = {"POST", "/restart?includeTasks=true&onlyFailed=true"},
		[CONNECT_FORGET_OFFSETS] = {"DELETE", "/offsets"},
		[CONNECT_REMOVE] = {"DELETE", ""},
	};

	set_path(connect, "/connectors/", name, requests[action].behind);
	return call(connect, requests[action].method, SPAN_NULL, false, error);
}
