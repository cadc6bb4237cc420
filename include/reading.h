/* What the commands that read a store share: their start, progress, rows and end. */
#ifndef ROWSTREAM_READING_H
#define ROWSTREAM_READING_H

#include "category.h"
#include "command.h"
#include "eventstore_reader.h"
#include "output.h"
#include "row_walk.h"
#include "rows.h"

/* Targets of READING_FLAGS; one command runs in a process. */
extern const char *reading_format, *reading_output;

/* Rows of a command's table of flags. */
#define READING_OUTPUT_FLAG \
	{ \
		.name = "output", .letter = 'o', .value = "FILE", \
		.meaning = "write there instead of to standard output; the file appears " \
			   "when it is whole", \
		.text = &reading_output \
	}
#define READING_FLAGS \
	{.name = "format", \
		.value = "FORMAT", \
		.meaning = "table (default), json, jsonl or csv", \
		.text = &reading_format}, \
		READING_OUTPUT_FLAG

struct reading {
	const struct command *command;
	struct config *config;
	struct eventstore *store;
	struct output *output;
	enum rows_format format;
	bool own_format;   /* the command's own was asked for; format means nothing */
	struct rows *rows; /* after reading_rows */
	int64_t started_ms, shown_ms, events; /* progress */
};

/* Takes the options out of argv and opens the store (nothing is asked of it yet). False: it said
 * why; exit with *code. */
bool reading_start(
	struct reading *reading, const struct command *command, int *argc, char **argv, int *code);
/* The same for a command that has one format more, which it prints itself. */
bool reading_start_with(struct reading *reading, const struct command *command,
	const char *own_format, int *argc, char **argv, int *code);
/* columns must outlive reading_end. */
struct rows *reading_rows(
	struct reading *reading, const struct rows_column *columns, size_t column_count);
/* Counts an event; after a second's work, on a terminal, shows how many there were. */
void reading_count(struct reading *reading);
/* Prints error if it is set, ends rows and output (marked as incomplete then), frees everything
 * but the struct. Returns the exit code: code, or what fits the error. */
int reading_end(struct reading *reading, struct error *error, int code);

/* argv: STREAM, or TABLE and KEY as they stand in the stream's name. malloc'd; NULL and error. */
char *reading_stream(int argc, char **argv, struct error *error);
/* Says on standard error that a stream begins late, or holds events that are not ours. */
void reading_note_gaps(const struct row_walk *walk, const char *stream);
/* The same of a table's events. */
void reading_note_category(const struct category *category, const char *name);
#define READING_WHICH_TABLE \
	"which table? Give what stands before the first - in its streams' names: customers"
/* Sets error (ERROR_INPUT): how times are written. */
void reading_wrong_time(const char *option, const char *text, struct error *error);

/* Which moment of a row is meant: nothing given is now; a revision; a time (is_time); or the last
 * event of a transaction. */
struct reading_point {
	bool given, is_time;
	int64_t revision, ms;
	const char *transaction; /* NULL: none */
};

/* A revision (under nine digits) or a time. text NULL: not given. False and error (ERROR_INPUT);
 * option names it in the message, NULL for an argument. */
bool reading_point_of(
	const char *option, const char *text, struct reading_point *point, struct error *error);

/* A row at a point. Start with {0}; row is the caller's to clear. */
struct row_moment {
	bool lives;
	bool found;		 /* an event stands at or before the point */
	struct strbuf row;	 /* columns, compact JSON, while it lives */
	int64_t revision, ts_ms; /* of the event that made it so, -1 unknown */
	char op;
};

/* False and error: the stream cannot be read, or it holds no such transaction or revision. */
bool reading_moment(struct reading *reading, const char *stream, const struct reading_point *point,
	struct row_moment *moment, struct error *error);
/* Sets error (ERROR_REFUSED): why there is no row at that moment. */
void reading_no_row(const char *stream, const struct row_moment *moment, struct error *error);

#endif
