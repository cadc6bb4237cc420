/* The frame of the commands that read a store. */
#include "reading.h"

#include <inttypes.h>
#include <string.h>

#include "log.h"
#include "timestamp.h"
#include "wire.h"

/* Work that is over sooner needs no progress line. */
#define QUIET_MS 1000
#define BETWEEN_MS 200

const char *reading_format = "table", *reading_output;

bool reading_start(
	struct reading *reading, const struct command *command, int *argc, char **argv, int *code)
{
	return reading_start_with(reading, command, NULL, argc, argv, code);
}

bool reading_start_with(struct reading *reading, const struct command *command,
	const char *own_format, int *argc, char **argv, int *code)
{
	struct error error = {0};

	*reading = (struct reading){.command = command, .started_ms = clock_ms()};
	*code = EXIT_USAGE;
	reading->config = command_load(command, argc, argv);
	if (!reading->config)
		return false;
	reading->own_format = own_format && strcmp(reading_format, own_format) == 0;
	if (!reading->own_format && !rows_format_of(reading_format, &reading->format))
		error_set(&error, ERROR_INPUT,
			"--format '%s' is not one of table, json, jsonl, csv%s%s", reading_format,
			own_format ? ", " : "", own_format ? own_format : "");
	else
		reading->store = wire_eventstore(reading->config, &error);
	if (reading->store)
		reading->output = output_open(reading_output, &error);
	if (reading->output)
		return true;
	*code = reading_end(reading, &error, EXIT_USAGE);
	return false;
}

struct rows *reading_rows(
	struct reading *reading, const struct rows_column *columns, size_t column_count)
{
	reading->rows =
		rows_new(output_file(reading->output), reading->format, columns, column_count);
	return reading->rows;
}

void reading_count(struct reading *reading)
{
	int64_t now;
	char text[80];

	if (++reading->events % 256 != 0 || !log_is_terminal())
		return;
	now = clock_ms();
	if (now - reading->started_ms < QUIET_MS || now - reading->shown_ms < BETWEEN_MS)
		return;
	reading->shown_ms = now;
	snprintf(text, sizeof(text), "%" PRId64 " events read, %" PRId64 "/s", reading->events,
		reading->events * 1000 / (now - reading->started_ms));
	log_progress(text);
}

int reading_end(struct reading *reading, struct error *error, int code)
{
	bool whole = error->kind == ERROR_NONE;

	log_progress(NULL);
	if (reading->rows)
		rows_end_marked(reading->rows, whole);
	if (reading->output)
		output_close(reading->output, whole, error);
	if (error->kind != ERROR_NONE)
		code = command_fail(reading->command, error);
	eventstore_free(reading->store);
	config_free(reading->config);
	return code;
}

char *reading_stream(int argc, char **argv, struct error *error)
{
	struct strbuf name = {0};

	if (argc < 2) {
		error_set(error, ERROR_INPUT,
			"which row? Give its stream (customers-1001), or table and key "
			"(customers 1001)");
		return NULL;
	}
	strbuf_add_text(&name, argv[1]);
	if (argc > 2)
		strbuf_printf(&name, "-%s", argv[2]);
	return strbuf_steal(&name);
}

void reading_note_gaps(const struct row_walk *walk, const char *stream)
{
	if (row_walk_first_revision(walk) > 0)
		log_text(LOG_WARN,
			"%s: history begins at revision %" PRId64 ": earlier events were removed",
			stream, row_walk_first_revision(walk));
	if (row_walk_foreign(walk) > 0)
		log_text(LOG_WARN,
			"%s: %" PRId64 " events were not written by rowstream and are left out",
			stream, row_walk_foreign(walk));
}

void reading_note_category(const struct category *category, const char *name)
{
	if (category_gone(category) > 0)
		log_text(LOG_WARN,
			"%s: %" PRId64
			" events are gone (their streams were deleted or cut) or may not be read",
			name, category_gone(category));
	if (category_foreign(category) > 0)
		log_text(LOG_WARN,
			"%s: %" PRId64 " events were not written by rowstream and are left out",
			name, category_foreign(category));
}

void reading_wrong_time(const char *option, const char *text, struct error *error)
{
	error_set(error, ERROR_INPUT,
		"--%s '%s' is no time: write 2026-11-26, 2026-11-26T06:15:07Z or "
		"2026-11-26T06:15:07.360+02:00 (UTC without a zone)",
		option, text);
}

/* --- Moments --- */

bool reading_point_of(
	const char *option, const char *text, struct reading_point *point, struct error *error)
{
	*point = (struct reading_point){0};
	if (!text)
		return true;
	point->given = true;
	if (strlen(text) < 9 && span_to_int64(span_of(text), &point->revision) &&
		point->revision >= 0)
		return true;
	point->is_time = true;
	if (timestamp_parse(span_of(text), &point->ms))
		return true;
	error_set(error, ERROR_INPUT,
		"%s%s '%s' is neither a revision nor a time: write 17, 2026-11-26, "
		"2026-11-26T06:15:07Z or 2026-11-26T06:15:07.360+02:00 (UTC without a zone)",
		option ? "--" : "point", option ? option : "", text);
	return false;
}

static bool is_of(const struct row_event *event, const char *transaction)
{
	return span_is(event->seen.txid, transaction) || span_is(event->correlation, transaction);
}

/* Is the row, as this event left it, what the point asks for - unless a later event is, too? */
static bool reaches(const struct row_event *event, const struct reading_point *point)
{
	if (!point->given)
		return true;
	if (point->transaction)
		return is_of(event, point->transaction);
	return point->is_time ? event->ts_ms <= point->ms : event->revision <= point->revision;
}

static void take_moment(struct row_moment *moment, const struct row_step *step)
{
	moment->found = true;
	moment->revision = step->event->revision;
	moment->ts_ms = step->event->ts_ms;
	moment->op = step->event->seen.op;
	moment->lives = step->after.ptr != NULL;
	strbuf_reset(&moment->row);
	if (moment->lives)
		strbuf_add_span(&moment->row, step->after);
}

/* What was asked for and is not in the stream. */
static bool is_missing(const struct reading_point *point, const struct row_moment *moment,
	int64_t last_revision, const char *stream, struct error *error)
{
	if (point->transaction && !moment->found)
		error_set(error, ERROR_REFUSED, "%s: no event of transaction %s", stream,
			point->transaction);
	else if (point->given && !point->is_time && !point->transaction &&
		 point->revision > last_revision)
		error_set(error, ERROR_REFUSED,
			"%s: there is no revision %" PRId64 ", the last one is %" PRId64, stream,
			point->revision, last_revision);
	return error->kind != ERROR_NONE;
}

bool reading_moment(struct reading *reading, const char *stream, const struct reading_point *point,
	struct row_moment *moment, struct error *error)
{
	struct row_walk *walk = row_walk_open(reading->store, stream);
	const struct row_step *step;
	int64_t last = -1;
	bool good;

	moment->revision = moment->ts_ms = -1;
	while (row_walk_next(walk, &step, error) == READER_EVENT) {
		reading_count(reading);
		last = step->event->revision;
		/* Clocks step back: it is the stream's order that says which event is the last. */
		if (step->fate != ROW_UNTOUCHED && reaches(step->event, point))
			take_moment(moment, step);
	}
	good = error->kind == ERROR_NONE && !is_missing(point, moment, last, stream, error);
	if (good)
		reading_note_gaps(walk, stream);
	row_walk_close(walk);
	return good;
}

void reading_no_row(const char *stream, const struct row_moment *moment, struct error *error)
{
	char time[TIMESTAMP_BYTES] = "at a time that is not known";

	if (!moment->found) {
		error_set(error, ERROR_REFUSED, "%s: there was no row yet", stream);
		return;
	}
	if (moment->ts_ms >= 0)
		timestamp_format(moment->ts_ms, time);
	error_set(error, ERROR_REFUSED, "%s: there was no row: revision %" PRId64 " deleted it, %s",
		stream, moment->revision, time);
}
