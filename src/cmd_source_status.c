/* rowstream source status: states of connectors and tasks, and what failed. */
#include "cmd_source.h"

#include <string.h>

static const struct rows_column columns[] = {
	{"result", ROWS_STATE},
	{"connector", ROWS_TEXT},
	{"task", ROWS_NUMBER},
	{"state", ROWS_TEXT},
	{"worker", ROWS_TEXT},
	{"error", ROWS_PROSE},
};

static const char *result_of(const char *state)
{
	return strcmp(state, "RUNNING") == 0  ? "ok"
	       : strcmp(state, "FAILED") == 0 ? "FAIL"
					      : "warn";
}

static struct span or_null(const char *text)
{
	return text ? span_of(text) : SPAN_NULL;
}

/* True if it runs. */
static bool add_row(struct rows *rows, const char *name, struct span task, const char *state,
	const char *worker, const char *trace)
{
	struct strbuf text = {0};

	if (trace)
		source_add_cause(&text, trace);
	rows_add(rows, (struct span[]){span_of(result_of(state)), span_of(name), task,
			       span_of(state), or_null(worker), strbuf_span(&text)});
	strbuf_clear(&text);
	return strcmp(state, "RUNNING") == 0;
}

/* True if it and all its tasks run. */
static bool add_connector(struct rows *rows, const char *name, const struct connect_answer *answer)
{
	bool runs = add_row(rows, name, SPAN_NULL, answer->state, answer->worker, answer->trace);
	struct strbuf id = {0};
	size_t i;

	for (i = 0; i < answer->task_count; i++) {
		const struct connect_task *task = &answer->tasks[i];

		strbuf_reset(&id);
		strbuf_add_int(&id, task->id);
		runs &= add_row(
			rows, name, strbuf_span(&id), task->state, task->worker, task->trace);
	}
	if (!answer->task_count && runs)
		runs = add_row(rows, name, SPAN_NULL, "UNASSIGNED", NULL,
			"it has no task yet; ask again in a moment");
	strbuf_clear(&id);
	return runs;
}

static int status_of(struct source *source, struct rows *rows, const char *name)
{
	struct error error = {0};
	enum connect_outcome outcome =
		connect_status(source->connect, name, &source->answer, &error);

	if (outcome == CONNECT_DONE)
		return add_connector(rows, name, &source->answer) ? EXIT_DONE : EXIT_REFUSED;
	if (outcome == CONNECT_MISSING && !source->all)
		error.kind = ERROR_NONE;
	else if (outcome == CONNECT_MISSING)
		return EXIT_DONE; /* gone since it was listed */
	error_set(&error, ERROR_REFUSED,
		"there is no connector '%s' at %s; rowstream source create makes it", name,
		connect_address(source->connect));
	return command_fail(&cmd_source, &error);
}

static int status_of_all(struct source *source, struct rows *rows)
{
	struct connect_answer list = {0};
	struct error error = {0};
	int code = EXIT_DONE;
	size_t i;

	if (connect_list(source->connect, &list, &error) != CONNECT_DONE)
		code = command_fail(&cmd_source, &error);
	for (i = 0; i < list.name_count && code != EXIT_UNREACHABLE; i++) {
		int one = status_of(source, rows, list.names[i]);

		if (one != EXIT_DONE)
			code = one;
	}
	connect_answer_clear(&list);
	return code;
}

int source_status(struct source *source)
{
	struct rows *rows =
		rows_new(stdout, source->format, columns, sizeof(columns) / sizeof(columns[0]));
	int code =
		source->all ? status_of_all(source, rows) : status_of(source, rows, source->name);

	rows_end(rows);
	return code;
}
