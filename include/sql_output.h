/* A command's rows as an SQL script, to a file. */
#ifndef ROWSTREAM_SQL_OUTPUT_H
#define ROWSTREAM_SQL_OUTPUT_H

#include <stdio.h>

#include "row_record.h"
#include "sql_script.h"

struct sql_output {
	FILE *out;
	bool given; /* dialect is what was asked for, not the first row's own */
	enum sql_dialect dialect;
	const char *into; /* the table; NULL: the rows' own, with suffix behind it */
	const char *suffix;
	int64_t rows;
	struct strbuf text, table;
};

/* --dialect and --into as they were given, NULL where not. False and error (ERROR_INPUT). */
bool sql_output_init(struct sql_output *output, const char *dialect, const char *into,
	const char *suffix, struct error *error);
/* row: the columns; record: whose row it is. */
void sql_output_row(
	struct sql_output *output, const struct row_record *record, const struct js_doc *row);
void sql_output_end(struct sql_output *output, bool whole);

#endif
