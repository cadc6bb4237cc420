/* rowstream table: all rows of a table, as they are or as they were. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "reading.h"
#include "sql_output.h"
#include "table.h"
#include "table_fold.h"
#include "timestamp.h"

static const char *at_text, *dialect_text, *into_text;
static bool deleted;
static int64_t memory_mib = 64;

static const struct flag flags[] = {
	{.name = "at",
		.value = "TIME",
		.meaning = "as it was then, by the database's clock (default: now)",
		.text = &at_text},
	{.name = "deleted", .meaning = "the rows that are gone instead", .on = &deleted},
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
		.meaning = "the table that sql inserts into (default: the rows' own)",
		.text = &into_text},
	{.name = "memory",
		.value = "MIB",
		.meaning = "how much memory rows may take before they go to a temporary file "
			   "(default 64)",
		.number = &memory_mib},
	READING_OUTPUT_FLAG,
	{.name = NULL},
};

static const struct rows_column json_columns[] = {{"stream", ROWS_TEXT}, {"revision", ROWS_NUMBER},
	{"time", ROWS_TEXT}, {"op", ROWS_TEXT}, {"row", ROWS_RAW}};
/* Before the row's own columns, with --deleted. */
static const struct rows_column deleted_columns[] = {{"stream", ROWS_TEXT},
	{"revision", ROWS_NUMBER}, {"deleted", ROWS_TEXT}, {"op", ROWS_TEXT}};
#define FIRST_CELLS 4

struct printing {
	struct reading reading;
	struct table_fold *fold;
	int64_t at_ms;
	/* Columns of all rows, in the order in which rows have them first. */
	struct rows_column *columns;
	struct span *cells;
	size_t first_column, column_count;
	struct table index; /* name -> a column's struct index_entry */
	struct arena arena, row_arena;
	struct js_doc doc;
	struct sql_output sql;
};

struct index_entry {
	size_t column;
};

/* --- Columns --- */

static struct span text_of(const struct js_doc *doc, uint32_t node, struct arena *arena)
{
	struct span text;

	if (js_is_null(doc, node))
		return SPAN_NULL;
	if (js_type_of(doc, node) != JS_STRING || !js_string_span(doc, node, arena, &text))
		return js_text(doc, node);
	return text;
}

static bool parse_row(struct printing *printing, const struct row_record *record)
{
	struct error ignored = {0};

	return record->image.ptr && js_parse(&printing->doc, record->image, JS_MAX_DEPTH, &ignored);
}

static void add_column(struct printing *printing, struct span name)
{
	struct index_entry *entry;

	if (table_get(&printing->index, name))
		return;
	name = arena_copy(&printing->arena, name);
	entry = arena_alloc(&printing->arena, sizeof(*entry));
	entry->column = printing->column_count;
	table_put(&printing->index, name, entry);
	printing->columns = xreallocarray(
		printing->columns, printing->column_count + 1, sizeof(*printing->columns));
	printing->columns[printing->column_count++] = (struct rows_column){name.ptr, ROWS_TEXT};
}

static void begin_columns(struct printing *printing)
{
	printing->first_column = deleted ? FIRST_CELLS : 0;
	printing->column_count = printing->first_column;
	printing->columns = xcalloc(FIRST_CELLS, sizeof(*printing->columns));
	memcpy(printing->columns, deleted_columns, sizeof(deleted_columns));
}

/* Rows of before and behind a change of the schema have different columns. */
static void collect_columns(struct printing *printing, struct error *error)
{
	struct row_record record;
	uint32_t name;

	begin_columns(printing);
	while (table_fold_next(printing->fold, &record, error)) {
		if (!parse_row(printing, &record))
			continue;
		arena_reset(&printing->row_arena);
		for (name = js_first(&printing->doc, 0); name != JS_NONE;
			name = js_next(&printing->doc, 0, name))
			add_column(printing, text_of(&printing->doc, name, &printing->row_arena));
	}
	printing->cells = xcalloc(printing->column_count + 1, sizeof(*printing->cells));
}

/* --- Rows --- */

struct cells_text {
	char revision[24], time[TIMESTAMP_BYTES];
};

/* stream, revision, time, op. */
static void set_first_cells(
	const struct row_record *record, struct cells_text *text, struct span cells[FIRST_CELLS])
{
	snprintf(text->revision, sizeof(text->revision), "%" PRId64, record->revision);
	cells[0] = record->stream;
	cells[1] = span_of(text->revision);
	cells[2] = SPAN_NULL;
	cells[3] = record->op ? (struct span){&record->op, 1} : SPAN_NULL;
	if (record->valid_from >= 0) {
		timestamp_format(record->valid_from, text->time);
		cells[2] = span_of(text->time);
	}
}

static void print_json(struct printing *printing, const struct row_record *record)
{
	struct span cells[FIRST_CELLS + 1];
	struct cells_text text;

	set_first_cells(record, &text, cells);
	cells[FIRST_CELLS] = record->image;
	rows_add(printing->reading.rows, cells);
}

static void print_columns(struct printing *printing, const struct row_record *record)
{
	const struct index_entry *entry;
	struct cells_text text;
	uint32_t name;
	size_t i;

	for (i = 0; i < printing->column_count; i++)
		printing->cells[i] = SPAN_NULL;
	if (deleted)
		set_first_cells(record, &text, printing->cells);
	arena_reset(&printing->row_arena);
	if (parse_row(printing, record)) {
		for (name = js_first(&printing->doc, 0); name != JS_NONE;
			name = js_next(&printing->doc, 0, name)) {
			entry = table_get(&printing->index,
				text_of(&printing->doc, name, &printing->row_arena));
			if (entry)
				printing->cells[entry->column] =
					text_of(&printing->doc, name + 1, &printing->row_arena);
		}
	}
	rows_add(printing->reading.rows, printing->cells);
}

/* --- The whole --- */

static bool is_json(const struct printing *printing)
{
	const struct reading *reading = &printing->reading;

	return !reading->own_format &&
	       (reading->format == ROWS_JSON || reading->format == ROWS_JSONL);
}

static void print_rows(struct printing *printing, struct error *error)
{
	enum fold_choice choice = deleted ? FOLD_DELETED : FOLD_LIVING;
	struct row_record record;

	table_fold_rewind(printing->fold, choice);
	if (!printing->reading.own_format && !is_json(printing)) {
		collect_columns(printing, error);
		reading_rows(&printing->reading, printing->columns, printing->column_count);
		table_fold_rewind(printing->fold, choice);
	}
	while (error->kind == ERROR_NONE && table_fold_next(printing->fold, &record, error)) {
		if (is_json(printing))
			print_json(printing, &record);
		else if (!printing->reading.own_format)
			print_columns(printing, &record);
		else if (parse_row(printing, &record))
			sql_output_row(&printing->sql, &record, &printing->doc);
	}
}

static void fold_events(struct printing *printing, struct category *category, struct error *error)
{
	const struct row_event *event;

	while (category_next(category, &event, error) == READER_EVENT) {
		reading_count(&printing->reading);
		if ((!at_text || event->ts_ms <= printing->at_ms) &&
			!table_fold_add(printing->fold, event, error))
			return;
	}
}

static void say_what_lacks(const struct printing *printing, const char *name)
{
	if (table_fold_cut(printing->fold) > 0)
		log_text(LOG_WARN,
			"%s: of %" PRId64
			" rows the history begins late: earlier events were removed",
			name, table_fold_cut(printing->fold));
	if (table_fold_unmatched(printing->fold) > 0)
		log_text(LOG_WARN,
			"%s: %" PRId64
			" changes of rows without key do not tell which row they changed",
			name, table_fold_unmatched(printing->fold));
}

static void show_table(struct printing *printing, const char *name, struct error *error)
{
	struct category *category = category_open(printing->reading.store, name);

	printing->sql.out = output_file(printing->reading.output);
	if (is_json(printing))
		reading_rows(&printing->reading, json_columns,
			sizeof(json_columns) / sizeof(json_columns[0]));
	printing->fold = table_fold_new(category, memory_mib * 1024 * 1024, error);
	if (printing->fold)
		fold_events(printing, category, error);
	if (error->kind == ERROR_NONE) {
		reading_note_category(category, name);
		print_rows(printing, error);
		say_what_lacks(printing, name);
	}
	if (printing->reading.own_format)
		sql_output_end(&printing->sql, error->kind == ERROR_NONE);
	table_fold_free(printing->fold);
	category_close(category);
}

static bool read_arguments(struct printing *printing, int argc, struct error *error)
{
	if (argc < 2)
		error_set(error, ERROR_INPUT, READING_WHICH_TABLE);
	else if (at_text && !timestamp_parse(span_of(at_text), &printing->at_ms))
		reading_wrong_time("at", at_text, error);
	else if (memory_mib < 1 || memory_mib > 1024 * 1024)
		error_set(error, ERROR_INPUT, "--memory: give 1 to 1048576 MiB");
	return error->kind == ERROR_NONE &&
	       sql_output_init(&printing->sql, dialect_text, into_text, "", error);
}

static void clear(struct printing *printing)
{
	free(printing->columns);
	free(printing->cells);
	table_clear(&printing->index);
	arena_clear(&printing->arena);
	arena_clear(&printing->row_arena);
	js_doc_clear(&printing->doc);
}

static int run(int argc, char **argv)
{
	struct printing printing = {0};
	struct error error = {0};
	int code;

	if (!reading_start_with(&printing.reading, &cmd_table, "sql", &argc, argv, &code))
		return code;
	if (read_arguments(&printing, argc, &error))
		show_table(&printing, argv[1], &error);
	code = reading_end(&printing.reading, &error, EXIT_DONE);
	clear(&printing);
	return code;
}

const struct command cmd_table = {
	.name = "table",
	.summary = "all rows of a table, as they are or as they were",
	.usage =
		"TABLE [--at TIME] [--deleted]\n"
		"Folds the events of all the table's rows, from its category stream $ce-TABLE, "
		"into "
		"the rows that they leave. TABLE is what stands before the first - in the streams' "
		"names. Rows come in the order of their streams, numbers by value. A truncate ends "
		"the rows that changed last before it, by the database's own position. A table "
		"without key is a bag of rows: its updates and deletes are found by the row that "
		"they say was there before.\n"
		"\n"
		"--format sql is a script that inserts the rows again; it is one transaction, so a "
		"script that was cut off changes nothing. CSV and tables have the columns of all "
		"rows; what is null, or not there, is empty (an empty text in CSV is \"\").\n"
		"\n"
		"  rowstream table customers --at 2026-11-26T06:15Z --format csv -o customers.csv\n"
		"  rowstream table customers --format sql --into customers_restored | psql shop",
	.run = run,
	.flags = flags,
	.max_arguments = 1,
};
