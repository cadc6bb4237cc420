/* rowstream diff: what happened to a row between two points. */
#include <stdlib.h>

#include "reading.h"

static const struct flag flags[] = {
	READING_FLAGS,
	{.name = NULL},
};

static const struct rows_column columns[] = {
	{"column", ROWS_TEXT}, {"old", ROWS_RAW}, {"new", ROWS_RAW}};

static bool moments(struct reading *reading, const char *stream, char **points,
	struct row_moment both[2], struct error *error)
{
	struct reading_point point;
	int i;

	for (i = 0; i < 2; i++) {
		if (!reading_point_of(NULL, points[i], &point, error) ||
			!reading_moment(reading, stream, &point, &both[i], error))
			return false;
	}
	return true;
}

static struct span image(const struct row_moment *moment)
{
	return moment->lives ? strbuf_span(&moment->row) : SPAN_NULL;
}

/* Returns whether there was a difference: a row that is not there has no columns. */
static bool print_differences(struct reading *reading, const struct row_moment both[2])
{
	struct row_diff diff = {0};
	bool differ;
	size_t i;

	reading_rows(reading, columns, 3);
	row_diff_make(&diff, image(&both[0]), image(&both[1]));
	for (i = 0; i < diff.count; i++)
		rows_add(reading->rows,
			(struct span[]){diff.changes[i].name, diff.changes[i].old_value,
				diff.changes[i].new_value});
	differ = diff.count > 0;
	row_diff_clear(&diff);
	return differ;
}

static int run(int argc, char **argv)
{
	struct reading reading;
	struct row_moment both[2] = {{0}, {0}};
	struct error error = {0};
	char *stream = NULL;
	int code;

	if (!reading_start(&reading, &cmd_diff, &argc, argv, &code))
		return code;
	if (argc < 4)
		error_set(&error, ERROR_INPUT,
			"give the row and two points: rowstream diff customers-1001 17 23");
	else
		stream = reading_stream(argc - 2, argv, &error);
	if (stream && moments(&reading, stream, argv + argc - 2, both, &error))
		code = print_differences(&reading, both) ? EXIT_REFUSED : EXIT_DONE;
	free(stream);
	strbuf_clear(&both[0].row);
	strbuf_clear(&both[1].row);
	return reading_end(&reading, &error, code);
}

const struct command cmd_diff = {
	.name = "diff",
	.summary = "the columns of a row that differ between two points",
	.usage = "STREAM A B | TABLE KEY A B\n"
		 "Prints each column whose value at A is not that at B; exit code 1 if there is "
		 "one, 0 "
		 "if there is none. A row that did not exist at a point has no columns there.\n"
		 "\n"
		 "A point is a revision (up to eight digits) or a time by the database's clock: "
		 "2026-11-26, 2026-11-26T06:15:07.360Z, UTC where it has no zone; or milliseconds "
		 "since 1970.\n"
		 "\n"
		 "  rowstream diff customers 1001 0 4\n"
		 "  rowstream diff customers-1001 2026-11-01 2026-11-26",
	.run = run,
	.flags = flags,
	.max_arguments = 4,
};
