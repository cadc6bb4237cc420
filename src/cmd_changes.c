/* rowstream changes: every change of a table, with the time for which it held. */
#include <inttypes.h>
#include <stdio.h>

#include "change_log.h"
#include "reading.h"
#include "sql_output.h"
#include "timestamp.h"

static const char *from_text, *to_text, *dialect_text, *into_text;
static int64_t memory_mib = 64;

static const struct flag flags[] = {
	{.name = "from",
		.value = "TIME",
		.meaning = "only changes from then on, by the database's clock",
		.text = &from_text},
	{.name = "to", .value = "TIME", .meaning = "only changes up to then", .text = &to_text},
	{.name = "format",
		.value = "FORMAT",
		.meaning = "table (default), json, jsonl, csv or sql",
		.text = &reading_format},
	{.name = "dialect",
		.value = "NAME",
		.meaning = "of sql: postgresql or mariadb (default: the rows' own)",
		.text = &dialect_text},
	{.name = "into",
		.value = "TABLE",
		.meaning = "the table that sql inserts into (default: the rows' own with "
			   "_changes behind it)",
		.text = &into_text},
	{.name = "memory",
		.value = "MIB",
		.meaning = "how much memory changes may take before they go to a temporary file "
			   "(default 64)",
		.number = &memory_mib},
	READING_OUTPUT_FLAG,
	{.name = NULL},
};

static const struct rows_column columns[] = {{"stream", ROWS_TEXT}, {"revision", ROWS_NUMBER},
	{"op", ROWS_TEXT}, {"position", ROWS_TEXT}, {"txid", ROWS_TEXT}, {"valid_from", ROWS_TEXT},
	{"valid_to", ROWS_TEXT}, {"row", ROWS_RAW}};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct printing {
	struct reading reading;
	int64_t from_ms, to_ms;
	struct change_log *log;
	struct sql_output sql;
	struct js_doc doc;
	struct strbuf json;
};

struct cells_text {
	char revision[24], from[TIMESTAMP_BYTES], to[TIMESTAMP_BYTES];
};

static struct span time_text(int64_t ms, char text[TIMESTAMP_BYTES])
{
	if (ms < 0)
		return SPAN_NULL;
	timestamp_format(ms, text);
	return span_of(text);
}

static void set_cells(const struct row_record *record, int64_t valid_to, struct cells_text *text,
	struct span cells[COLUMNS])
{
	snprintf(text->revision, sizeof(text->revision), "%" PRId64, record->revision);
	cells[0] = record->stream;
	cells[1] = span_of(text->revision);
	cells[2] = record->op ? (struct span){&record->op, 1} : SPAN_NULL;
	cells[3] = record->place.position;
	cells[4] = record->txid;
	cells[5] = time_text(record->valid_from, text->from);
	cells[6] = time_text(valid_to, text->to);
	cells[7] = record->image;
}

/* The same as in JSON, so that one rule says what a value becomes. */
static void print_sql(
	struct printing *printing, const struct row_record *record, const struct span *cells)
{
	struct error ignored = {0};
	size_t i;

	strbuf_reset(&printing->json);
	for (i = 0; i < COLUMNS; i++) {
		strbuf_printf(&printing->json, "%c\"%s\":", i ? ',' : '{', columns[i].name);
		if (!cells[i].ptr)
			strbuf_add_text(&printing->json, "null");
		else if (columns[i].kind == ROWS_TEXT)
			strbuf_add_json(&printing->json, cells[i]);
		else
			strbuf_add_span(&printing->json, cells[i]);
	}
	strbuf_add_char(&printing->json, '}');
	if (js_parse(&printing->doc, strbuf_span(&printing->json), JS_MAX_DEPTH, &ignored))
		sql_output_row(&printing->sql, record, &printing->doc);
}

static void print_changes(struct printing *printing, struct error *error)
{
	struct span cells[COLUMNS];
	struct row_record record;
	struct cells_text text;
	int64_t valid_to;

	change_log_rewind(printing->log);
	while (change_log_next(printing->log, &record, &valid_to, error)) {
		set_cells(&record, valid_to, &text, cells);
		if (printing->reading.own_format)
			print_sql(printing, &record, cells);
		else
			rows_add(printing->reading.rows, cells);
	}
}

static void read_changes(struct printing *printing, struct category *category, struct error *error)
{
	const struct row_event *event;

	while (category_next(category, &event, error) == READER_EVENT) {
		reading_count(&printing->reading);
		if (!change_log_add(printing->log, event, error))
			return;
	}
}

static void show_changes(struct printing *printing, const char *name, struct error *error)
{
	struct category *category = category_open(printing->reading.store, name);

	printing->sql.out = output_file(printing->reading.output);
	if (!printing->reading.own_format)
		reading_rows(&printing->reading, columns, COLUMNS);
	printing->log = change_log_new(category, memory_mib * 1024 * 1024, error);
	if (printing->log) {
		change_log_limit(printing->log, printing->from_ms, printing->to_ms);
		read_changes(printing, category, error);
	}
	if (error->kind == ERROR_NONE) {
		reading_note_category(category, name);
		print_changes(printing, error);
	}
	if (printing->reading.own_format)
		sql_output_end(&printing->sql, error->kind == ERROR_NONE);
	change_log_free(printing->log);
	category_close(category);
}

static bool read_arguments(struct printing *printing, int argc, struct error *error)
{
	printing->from_ms = INT64_MIN;
	printing->to_ms = INT64_MAX;
	if (argc < 2)
		error_set(error, ERROR_INPUT, READING_WHICH_TABLE);
	else if (from_text && !timestamp_parse(span_of(from_text), &printing->from_ms))
		reading_wrong_time("from", from_text, error);
	else if (to_text && !timestamp_parse(span_of(to_text), &printing->to_ms))
		reading_wrong_time("to", to_text, error);
	else if (memory_mib < 1 || memory_mib > 1024 * 1024)
		error_set(error, ERROR_INPUT, "--memory: give 1 to 1048576 MiB");
	return error->kind == ERROR_NONE &&
	       sql_output_init(&printing->sql, dialect_text, into_text, "_changes", error);
}

static int run(int argc, char **argv)
{
	struct printing printing = {0};
	struct error error = {0};
	int code;

	if (!reading_start_with(&printing.reading, &cmd_changes, "sql", &argc, argv, &code))
		return code;
	if (read_arguments(&printing, argc, &error))
		show_changes(&printing, argv[1], &error);
	code = reading_end(&printing.reading, &error, EXIT_DONE);
	js_doc_clear(&printing.doc);
	strbuf_clear(&printing.json);
	return code;
}

const struct command cmd_changes = {
	.name = "changes",
	.summary = "every change of a table, in order, with the time for which it held",
	.usage = "TABLE [--from TIME] [--to TIME]\n"
		 "Prints all changes of the table's rows, from its category stream $ce-TABLE, in "
		 "the "
		 "order in which the store has them: stream, revision, op, the database's position "
		 "and transaction, valid_from, valid_to and the row as the change left it (none "
		 "after a delete). TABLE is what stands before the first - in the streams' names.\n"
		 "\n"
		 "valid_from is the database's time, valid_to that of the row's next change, or of "
		 "a "
		 "truncate before it; empty: that is how the row is now. The ranges of a row have "
		 "no "
		 "gaps: where a clock was set back, a change begins when the one before it did. "
		 "Rows "
		 "of a table without key have no next change.\n"
		 "\n"
		 "  rowstream changes customers --format csv -o customers-history.csv\n"
		 "  rowstream changes customers --from 2026-11-01 --format jsonl",
	.run = run,
	.flags = flags,
	.max_arguments = 1,
};
