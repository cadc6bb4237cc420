/* rowstream projections list, status, state: what is there and what it computed. */
#include "cmd_projections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_span.h"
#include "log.h"

/* --- list and status --- */

static const struct rows_column columns[] = {
	{"result", ROWS_STATE},
	{"name", ROWS_TEXT},
	{"status", ROWS_TEXT},
	{"progress", ROWS_NUMBER},
	{"events", ROWS_NUMBER},
	{"position", ROWS_TEXT},
	{"reason", ROWS_PROSE},
};

static const char *result_of(const struct projection *projection)
{
	return projection_runs(projection)	? "ok"
	       : projection_faulted(projection) ? "FAIL"
						: "warn";
}

static void add_row(struct rows *rows, const struct projection *projection)
{
	struct strbuf progress = {0}, events = {0};

	strbuf_printf(&progress, "%.1f", projection->progress);
	strbuf_add_int(&events, projection->events);
	rows_add(rows,
		(struct span[]){span_of(result_of(projection)), span_of(projection->name),
			span_of(projection->status), strbuf_span(&progress), strbuf_span(&events),
			span_of(projection->position), span_of(projection->reason)});
	strbuf_clear(&progress);
	strbuf_clear(&events);
}

static void add_absent(struct rows *rows, const char *result, const char *name, const char *status)
{
	rows_add(rows, (struct span[]){span_of(result), span_of(name), span_of(status), SPAN_NULL,
			       SPAN_NULL, SPAN_NULL, SPAN_NULL});
}

static struct rows *begin(struct projections *projections)
{
	return rows_new(stdout, projections->format, columns, sizeof(columns) / sizeof(columns[0]));
}

int projections_list(struct projections *projections)
{
	struct projection_files files = {0};
	struct error error = {0};
	struct rows *rows = begin(projections);
	size_t i;

	for (i = 0; i < projections->present.count; i++)
		add_row(rows, &projections->present.items[i]);
	if (!projection_files_read(projections->directory, &files, &error))
		log_text(LOG_WARN, "%s", error.text);
	for (i = 0; i < files.count; i++)
		if (!projections_present(projections, files.items[i].name))
			add_absent(rows, "warn", files.items[i].name, "not deployed");
	rows_end(rows);
	projection_files_clear(&files);
	return EXIT_DONE;
}

static bool add_named(struct projections *projections, struct rows *rows, const char *name)
{
	const struct projection *projection = projections_present(projections, name);

	if (projection)
		add_row(rows, projection);
	else
		add_absent(rows, "FAIL", name, "not there");
	return projection && projection_runs(projection);
}

int projections_status(struct projections *projections)
{
	struct rows *rows = begin(projections);
	bool good = true;
	size_t i;
	int n;

	for (n = 0; n < projections->name_count; n++) {
		char *name = projections_name(projections->names[n]);

		good &= add_named(projections, rows, name);
		free(name);
	}
	for (i = 0; projections->name_count == 0 && i < projections->present.count; i++) {
		const char *name = projections->present.items[i].name;

		if (strncmp(name, PROJECTIONS_PREFIX, strlen(PROJECTIONS_PREFIX)) == 0)
			good &= add_named(projections, rows, name);
	}
	rows_end(rows);
	return good ? EXIT_DONE : EXIT_REFUSED;
}

/* --- state --- */

static const struct rows_column member_columns[] = {
	{"member", ROWS_TEXT},
	{"value", ROWS_RAW},
};

static const struct rows_column state_columns[] = {
	{"name", ROWS_TEXT},
	{"partition", ROWS_TEXT},
	{"position", ROWS_RAW},
	{"state", ROWS_RAW},
};

/* A line for each value that is no object with members: the members' names, then the value. */
static void add_members(
	struct rows *rows, const struct js_doc *doc, uint32_t node, struct strbuf *path)
{
	size_t len = path->len;
	uint32_t at;

	if (js_type_of(doc, node) != JS_OBJECT || js_first(doc, node) == JS_NONE) {
		struct strbuf value = {0};

		js_compact(doc, node, &value);
		rows_add(rows, (struct span[]){strbuf_span(path), strbuf_span(&value)});
		strbuf_clear(&value);
		return;
	}
	for (at = js_first(doc, node); at != JS_NONE; at = js_next(doc, node, at)) {
		if (len)
			strbuf_add_text(path, " > ");
		js_string(doc, at, path);
		add_members(rows, doc, at + 1, path);
		path->len = len;
		if (path->data) /* not after a first name of no characters */
			path->data[len] = '\0';
	}
}

static void print_state(struct projections *projections, const char *name, const struct js_doc *doc,
	const char *position)
{
	struct strbuf text = {0};
	struct rows *rows;

	if (projections->format == ROWS_TABLE) {
		rows = rows_new(stdout, ROWS_TABLE, member_columns, 2);
		add_members(rows, doc, 0, &text);
	} else {
		rows = rows_new(stdout, projections->format, state_columns, 4);
		js_compact(doc, 0, &text);
		rows_add(rows,
			(struct span[]){span_of(name),
				projections->partition ? span_of(projections->partition)
						       : SPAN_NULL,
				position ? span_of(position) : SPAN_NULL, strbuf_span(&text)});
	}
	rows_end(rows);
	strbuf_clear(&text);
}

static bool parse_state(struct projections *projections, const char *name,
	const struct strbuf *text, struct js_doc *doc, struct error *error)
{
	if (text->len == 0 && projections->partition)
		error_set(error, ERROR_REFUSED, "%s has no partition '%s' (yet)", name,
			projections->partition);
	else if (text->len == 0)
		error_set(error, ERROR_REFUSED,
			"%s has no state of its own: it has seen nothing yet, or keeps one for "
			"each partition: --partition names a row's stream, a table "
			"('dbserver1/inventory.customers') or a transaction",
			name);
	return error->kind == ERROR_NONE && js_parse(doc, strbuf_span(text), JS_MAX_DEPTH, error);
}

/* Of one that was never started the engine would leave the question without an answer. */
static bool has_state(const struct projections *projections, const char *name, struct error *error)
{
	const struct projection *present = projections_present(projections, name);

	if (!present)
		error_set(error, ERROR_REFUSED, "there is no projection '%s' on the server", name);
	else if (projection_faulted(present) && !*present->position)
		error_set(error, ERROR_REFUSED, "%s: %s: %.800s", name, present->status,
			present->reason);
	else if (projection_faulted(present))
		log_text(LOG_WARN, "%s: %s: %.800s", name, present->status, present->reason);
	return error->kind == ERROR_NONE;
}

int projections_state(struct projections *projections)
{
	struct strbuf text = {0};
	struct js_doc doc = {0};
	struct error error = {0};
	char *name, *position = NULL;
	int code = EXIT_DONE;

	if (projections->name_count != 1) {
		error_set(&error, ERROR_INPUT, "the state of which one? projections state NAME");
		return command_fail(&cmd_projections, &error);
	}
	name = projections_name(projections->names[0]);
	if (has_state(projections, name, &error) &&
		projection_state(projections->store, name, projections->partition, &text, &position,
			&error) == PROJECTION_MISSING)
		error_set(&error, ERROR_REFUSED, "there is no projection '%s' any more", name);
	if (error.kind == ERROR_NONE && parse_state(projections, name, &text, &doc, &error))
		print_state(projections, name, &doc, position);
	if (error.kind != ERROR_NONE)
		code = command_fail(&cmd_projections, &error);
	js_doc_clear(&doc);
	strbuf_clear(&text);
	free(position);
	free(name);
	return code;
}
