/* rowstream show: a row as it was. */
#include <inttypes.h>
#include <stdlib.h>

#include "reading.h"
#include "timestamp.h"

static const char *at_text, *tx_text;
static int64_t revision = -1;

static const struct flag flags[] = {
	{.name = "at",
		.value = "TIME",
		.meaning = "as it was then, by the database's clock (default: now)",
		.text = &at_text},
	{.name = "revision",
		.value = "N",
		.meaning = "as it was after this revision",
		.number = &revision},
	{.name = "tx",
		.value = "ID",
		.meaning = "as this transaction left it: its txid, or its $correlationId",
		.text = &tx_text},
	READING_FLAGS,
	{.name = NULL},
};

static const struct rows_column table_columns[] = {{"column", ROWS_TEXT}, {"value", ROWS_RAW}};
static const struct rows_column columns[] = {
	{"revision", ROWS_NUMBER}, {"time", ROWS_TEXT}, {"op", ROWS_TEXT}, {"row", ROWS_RAW}};

static void print_columns(struct reading *reading, const struct row_moment *moment)
{
	struct row_diff diff = {0};
	size_t i;

	reading_rows(reading, table_columns, 2);
	if (row_diff_make(&diff, SPAN_NULL, strbuf_span(&moment->row)))
		for (i = 0; i < diff.count; i++)
			rows_add(reading->rows,
				(struct span[]){diff.changes[i].name, diff.changes[i].new_value});
	row_diff_clear(&diff);
}

static void print_row(struct reading *reading, const struct row_moment *moment)
{
	char number[24], time[TIMESTAMP_BYTES];
	struct span when = SPAN_NULL;

	if (reading->format == ROWS_TABLE) {
		print_columns(reading, moment);
		return;
	}
	snprintf(number, sizeof(number), "%" PRId64, moment->revision);
	if (moment->ts_ms >= 0) {
		timestamp_format(moment->ts_ms, time);
		when = span_of(time);
	}
	reading_rows(reading, columns, sizeof(columns) / sizeof(columns[0]));
	rows_add(reading->rows, (struct span[]){span_of(number), when, {&moment->op, 1},
					strbuf_span(&moment->row)});
}

/* At most one of the three options. */
static bool point_of_options(struct reading_point *point, struct error *error)
{
	int given = (at_text != NULL) + (tx_text != NULL) + (revision >= 0);

	*point = (struct reading_point){
		.given = given > 0, .revision = revision, .transaction = tx_text};
	if (given > 1)
		error_set(error, ERROR_INPUT, "--at, --revision and --tx: give one of them");
	else if (at_text && timestamp_parse(span_of(at_text), &point->ms))
		point->is_time = true;
	else if (at_text)
		reading_wrong_time("at", at_text, error);
	return error->kind == ERROR_NONE;
}

static int run(int argc, char **argv)
{
	struct reading reading;
	struct reading_point point;
	struct row_moment moment = {0};
	struct error error = {0};
	char *stream;
	int code;

	if (!reading_start(&reading, &cmd_show, &argc, argv, &code))
		return code;
	stream = reading_stream(argc, argv, &error);
	if (stream && point_of_options(&point, &error) &&
		reading_moment(&reading, stream, &point, &moment, &error)) {
		if (moment.lives)
			print_row(&reading, &moment);
		else
			reading_no_row(stream, &moment, &error);
	}
	free(stream);
	strbuf_clear(&moment.row);
	return reading_end(&reading, &error, EXIT_DONE);
}

const struct command cmd_show = {
	.name = "show",
	.summary = "a row as it is, or as it was at a time, a revision, a transaction",
	.usage =
		"STREAM | TABLE KEY [--at TIME | --revision N | --tx ID]\n"
		"Rebuilds the row from its events, oldest first, up to the last one that the point "
		"covers. TABLE and KEY are as they stand in the stream's name. A row that did not "
		"exist then is said so, and the exit code is 1.\n"
		"\n"
		"  rowstream show customers 1001 --at 2026-11-26T06:15Z\n"
		"  rowstream show customers-1001 --tx 571 --format json",
	.run = run,
	.flags = flags,
	.max_arguments = 2,
};
