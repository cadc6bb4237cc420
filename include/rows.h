/* Rows of results in the format that `--format` asks for: table, json, jsonl or csv. */
#ifndef ROWSTREAM_ROWS_H
#define ROWSTREAM_ROWS_H

#include <stdio.h>

#include "util.h"

/* Tables are aligned; on a terminal the last column is cut where the
 * line would wrap. JSON is one array, JSONL one object a line, CSV has a line of names. */
enum rows_format { ROWS_TABLE, ROWS_JSON, ROWS_JSONL, ROWS_CSV };

enum rows_kind {
	ROWS_TEXT,
	ROWS_NUMBER, /* right-aligned; a number in JSON if the cell is one */
	ROWS_RAW,    /* the cell is JSON text: as it is inside JSON, as text elsewhere */
	ROWS_STATE,  /* "ok", "warn", "FAIL": in colour on a terminal */
	ROWS_PROSE,  /* text that must be read whole: never cut */
};

struct rows_column {
	const char *name; /* "offset"; JSON member and column heading */
	enum rows_kind kind;
};

struct rows;

/* "table", "json", "jsonl", "csv". */
bool rows_format_of(const char *name, enum rows_format *format);
/* columns must outlive it. */
struct rows *rows_new(
	FILE *out, enum rows_format format, const struct rows_column *columns, size_t column_count);
/* One cell a column; ptr NULL: null in JSON, empty elsewhere (in CSV an empty text is ""). Copied.
 */
void rows_add(struct rows *rows, const struct span *cells);
/* Prints what was held back to align a table; later rows keep these widths. */
void rows_flush(struct rows *rows);
/* Flushes, closes the JSON array and frees. */
void rows_end(struct rows *rows);
/* The same for results that may break off: the last JSON line is {"complete":true,"rows":N} or
 * {"complete":false,…}, and an array that is not whole stays open, so that no parser takes it. */
void rows_end_marked(struct rows *rows, bool complete);

#endif
