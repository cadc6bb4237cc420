/* Requests and answers of /projections and /projection/{name}; tests/transcripts has recorded ones
 * of EventStoreDB 23.10.6 and KurrentDB 26.1.0. */
#include "eventstore_projections.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json_span.h"

void projection_clear(struct projection *projection)
{
	free(projection->name);
	free(projection->status);
	free(projection->reason);
	free(projection->mode);
	free(projection->position);
	*projection = (struct projection){0};
}

void projection_list_clear(struct projection_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		projection_clear(&list->items[i]);
	free(list->items);
	*list = (struct projection_list){0};
}

bool projection_runs(const struct projection *projection)
{
	return strncmp(projection->status, "Running", strlen("Running")) == 0;
}

bool projection_faulted(const struct projection *projection)
{
	return strncmp(projection->status, "Faulted", strlen("Faulted")) == 0;
}

bool projection_stopped(const struct projection *projection)
{
	return projection_faulted(projection) || strstr(projection->status, "Stopped") ||
	       strncmp(projection->status, "Aborted", strlen("Aborted")) == 0;
}

/* --- Requests --- */

static void add_encoded(struct strbuf *target, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (; *text; text++)
		if (strchr(plain, *text))
			strbuf_add_char(target, *text);
		else
			strbuf_printf(target, "%%%02X", (unsigned char)*text);
}

static void add_projection(struct strbuf *target, const char *name, const char *rest)
{
	strbuf_add_text(target, "/projection/");
	add_encoded(target, name);
	strbuf_add_text(target, rest);
}

/* The answer's first words, for a person. */
static void fail_with(const struct eventstore_answer *answer, const char *what, struct error *error)
{
	if (answer->status == 401 || answer->status == 403)
		error_set(error, ERROR_RETRY,
			"%s: HTTP %d: wrong user or password, or no right: projections need a "
			"user in $admins or $ops; a server that has just started says this for a "
			"moment too",
			what, answer->status);
	else
		error_set(error, answer->status == 503 ? ERROR_RETRY : ERROR_REFUSED,
			"%s: HTTP %d%s%.400s", what, answer->status, answer->body_len ? ": " : "",
			answer->body_len ? answer->body : "");
}

static enum projection_outcome outcome_of(
	const struct eventstore_answer *answer, const char *what, struct error *error)
{
	switch (answer->status) {
	case 200:
	case 201:
	case 204:
		return PROJECTION_DONE;
	case 404:
		return PROJECTION_MISSING;
	case 409:
		return PROJECTION_TAKEN;
	}
	fail_with(answer, what, error);
	/* A deletion that comes before the projection stands still is answered 500. */
	if (answer->status == 503 || (answer->status == 500 && answer->body &&
					     strstr(answer->body, "hasn't been stopped")))
		return PROJECTION_BUSY;
	return PROJECTION_FAILED;
}

/* target is cleared. The answer is the caller's to clear. */
static enum projection_outcome ask(struct eventstore *store, const char *method,
	struct strbuf *target, struct span body, struct eventstore_answer *answer,
	struct error *error)
{
	/* The engine takes any Content-Type, but none at all is refused. */
	static const char *const headers[] = {
		"Accept: application/json", "Content-Type: application/json", NULL};
	enum projection_outcome outcome = PROJECTION_FAILED;
	struct strbuf what = {0};

	strbuf_printf(&what, "%s %s%.*s", method, eventstore_address(store),
		(int)strcspn(target->data, "?"), target->data);
	if (eventstore_call(store, method, target->data, headers, body, answer, error))
		outcome = outcome_of(answer, what.data, error);
	strbuf_clear(&what);
	strbuf_clear(target);
	return outcome;
}

static enum projection_outcome tell(struct eventstore *store, const char *method,
	struct strbuf *target, struct span body, struct error *error)
{
	struct eventstore_answer answer;
	enum projection_outcome outcome = ask(store, method, target, body, &answer, error);

	eventstore_answer_clear(&answer);
	return outcome;
}

/* --- What it answers --- */

static bool parse(struct js_doc *doc, const struct eventstore_answer *answer, struct error *error)
{
	struct error reason = {0};

	if (js_parse(doc, (struct span){answer->body, answer->body_len}, JS_MAX_DEPTH, &reason))
		return true;
	error_set(error, ERROR_REFUSED,
		"the answer about projections is no JSON (%.200s): is this EventStoreDB, or a "
		"proxy in between?",
		reason.text);
	return false;
}

static char *text_of(const struct js_doc *doc, uint32_t object, const char *name)
{
	uint32_t node = js_member(doc, object, name);
	struct strbuf text = {0};

	if (js_type_of(doc, node) == JS_STRING)
		js_string(doc, node, &text);
	return text.data ? strbuf_steal(&text) : xstrdup("");
}

static double number_of(const struct js_doc *doc, uint32_t object, const char *name)
{
	struct span literal = js_text(doc, js_member(doc, object, name));
	char digits[64];

	if (!literal.ptr || literal.len >= sizeof(digits))
		return 0;
	memcpy(digits, literal.ptr, literal.len);
	digits[literal.len] = '\0';
	return strtod(digits, NULL);
}

static void take(const struct js_doc *doc, uint32_t node, struct projection *projection)
{
	double events = number_of(doc, node, "eventsProcessedAfterRestart");

	projection->name = text_of(doc, node, "name");
	projection->status = text_of(doc, node, "status");
	projection->reason = text_of(doc, node, "stateReason");
	projection->mode = text_of(doc, node, "mode");
	projection->position = text_of(doc, node, "position");
	projection->progress = number_of(doc, node, "progress");
	projection->events = events >= 0 && events < 9e15 ? (int64_t)events : 0;
}

static void take_list(const struct js_doc *doc, struct projection_list *list)
{
	uint32_t array = js_member(doc, 0, "projections"), at;

	list->items = xcalloc(js_count(doc, array) + 1, sizeof(*list->items));
	for (at = js_first(doc, array); at != JS_NONE; at = js_next(doc, array, at))
		take(doc, at, &list->items[list->count++]);
}

enum projection_outcome projection_list_read(
	struct eventstore *store, struct projection_list *list, struct error *error)
{
	struct strbuf target = {0};
	struct eventstore_answer answer;
	struct js_doc doc = {0};
	enum projection_outcome outcome;

	strbuf_add_text(&target, "/projections/all-non-transient");
	outcome = ask(store, "GET", &target, SPAN_NULL, &answer, error);
	if (answer.status == 404 || answer.status == 501) {
		error_clear(error);
		error_set(error, ERROR_REFUSED,
			"%s runs no projections (HTTP %d): EventStoreDB needs "
			"--run-projections=All; "
			"rowstream-devstore has no engine",
			eventstore_address(store), answer.status);
		outcome = PROJECTION_FAILED;
	}
	if (outcome == PROJECTION_DONE && parse(&doc, &answer, error))
		take_list(&doc, list);
	else if (outcome == PROJECTION_DONE)
		outcome = PROJECTION_FAILED;
	js_doc_clear(&doc);
	eventstore_answer_clear(&answer);
	return outcome;
}

enum projection_outcome projection_read(struct eventstore *store, const char *name,
	struct projection *projection, struct error *error)
{
	struct strbuf target = {0};
	struct eventstore_answer answer;
	struct js_doc doc = {0};
	enum projection_outcome outcome;

	add_projection(&target, name, "");
	outcome = ask(store, "GET", &target, SPAN_NULL, &answer, error);
	if (outcome == PROJECTION_DONE && parse(&doc, &answer, error))
		take(&doc, 0, projection);
	else if (outcome == PROJECTION_DONE)
		outcome = PROJECTION_FAILED;
	js_doc_clear(&doc);
	eventstore_answer_clear(&answer);
	return outcome;
}

enum projection_outcome projection_read_source(struct eventstore *store, const char *name,
	struct strbuf *source, bool *emits, struct error *error)
{
	struct strbuf target = {0};
	struct eventstore_answer answer;
	struct js_doc doc = {0};
	enum projection_outcome outcome;

	add_projection(&target, name, "/query?config=yes");
	outcome = ask(store, "GET", &target, SPAN_NULL, &answer, error);
	if (outcome == PROJECTION_DONE && parse(&doc, &answer, error)) {
		char *text = text_of(&doc, 0, "query");

		strbuf_add_text(source, text);
		*emits = js_type_of(&doc, js_member(&doc, 0, "emitEnabled")) == JS_TRUE;
		free(text);
	} else if (outcome == PROJECTION_DONE) {
		outcome = PROJECTION_FAILED;
	}
	js_doc_clear(&doc);
	eventstore_answer_clear(&answer);
	return outcome;
}

enum projection_outcome projection_state(struct eventstore *store, const char *name,
	const char *partition, struct strbuf *state, char **position, struct error *error)
{
	struct strbuf target = {0};
	struct eventstore_answer answer;
	enum projection_outcome outcome;

	add_projection(&target, name, "/state");
	if (partition) {
		strbuf_add_text(&target, "?partition=");
		add_encoded(&target, partition);
	}
	outcome = ask(store, "GET", &target, SPAN_NULL, &answer, error);
	if (outcome == PROJECTION_DONE) {
		strbuf_add(state, answer.body, answer.body_len);
		*position = answer.position ? xstrdup(answer.position) : NULL;
	}
	eventstore_answer_clear(&answer);
	return outcome;
}

/* --- What changes something --- */

enum projection_outcome projection_create(struct eventstore *store, const char *name,
	struct span source, bool emits, struct error *error)
{
	struct strbuf target = {0};

	strbuf_add_text(&target, "/projections/continuous?name=");
	add_encoded(&target, name);
	strbuf_printf(&target, "&enabled=yes&emit=%s%s", emits ? "yes" : "no",
		emits ? "&trackemittedstreams=yes" : "");
	return tell(store, "POST", &target, source, error);
}

enum projection_outcome projection_update(struct eventstore *store, const char *name,
	struct span source, bool emits, struct error *error)
{
	struct strbuf target = {0};

	add_projection(&target, name, emits ? "/query?emit=yes" : "/query?emit=no");
	return tell(store, "PUT", &target, source, error);
}

enum projection_outcome projection_command(
	struct eventstore *store, const char *name, const char *command, struct error *error)
{
	struct strbuf target = {0};

	add_projection(&target, name, "/command/");
	strbuf_add_text(&target, command);
	return tell(store, "POST", &target, span_of(""), error);
}

enum projection_outcome projection_delete(
	struct eventstore *store, const char *name, struct error *error)
{
	struct strbuf target = {0};

	add_projection(&target, name,
		"?deleteStateStream=yes&deleteCheckpointStream=yes&deleteEmittedStreams=yes");
	return tell(store, "DELETE", &target, SPAN_NULL, error);
}

enum projection_outcome projection_delete_partitions(
	struct eventstore *store, const char *name, struct error *error)
{
	struct strbuf stream = {0}, target = {0};
	enum projection_outcome outcome;

	strbuf_printf(&stream, "$projections-%s-partitions", name);
	eventstore_stream_target(strbuf_span(&stream), &target);
	outcome = tell(store, "DELETE", &target, SPAN_NULL, error);
	strbuf_clear(&stream);
	return outcome;
}
