/* rowstream history: one row's life, event by event. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "reading.h"
#include "row_walk.h"
#include "timestamp.h"

static const char *from_text, *to_text;
static struct text_list only_columns;

static const struct flag flags[] = {
	{.name = "from",
		.value = "POINT",
		.meaning = "the first revision, or a time in the database: 17, 2026-11-26T06:15Z",
		.text = &from_text},
	{.name = "to", .value = "POINT", .meaning = "the last one", .text = &to_text},
	{.name = "columns",
		.value = "NAME",
		.meaning = "only changes of this column; may be given again",
		.list = &only_columns},
	READING_FLAGS,
	{.name = NULL},
};

static const struct rows_column columns[] = {{"revision", ROWS_NUMBER}, {"time", ROWS_TEXT},
	{"op", ROWS_TEXT}, {"txid", ROWS_TEXT}, {"topic", ROWS_TEXT}, {"partition", ROWS_NUMBER},
	{"offset", ROWS_NUMBER}, {"changes", ROWS_RAW}};

/* For a person the changes are words and stand last, for a program they are JSON. */
static const struct rows_column table_columns[] = {{"revision", ROWS_NUMBER}, {"time", ROWS_TEXT},
	{"op", ROWS_TEXT}, {"txid", ROWS_TEXT}, {"kafka", ROWS_TEXT}, {"changes", ROWS_TEXT}};

struct history {
	struct reading reading;
	struct reading_point from, to;
	struct row_diff diff;
	struct strbuf changes, kafka;
	bool as_table;
};

/* --- What changed --- */

static bool is_wanted(const struct column_change *change)
{
	size_t i;

	for (i = 0; i < only_columns.count; i++)
		if (span_is(change->name, only_columns.items[i]))
			return true;
	return only_columns.count == 0;
}

static void add_words(struct strbuf *out, const struct column_change *change)
{
	if (out->len)
		strbuf_add_text(out, ", ");
	strbuf_add_span(out, change->name);
	strbuf_add_text(out, ": ");
	if (change->old_value.ptr)
		strbuf_add_span(out, change->old_value);
	if (change->old_value.ptr && change->new_value.ptr)
		strbuf_add_text(out, " -> ");
	if (change->new_value.ptr)
		strbuf_add_span(out, change->new_value);
	else
		strbuf_add_text(out, " -> (no such column)");
}

static void add_json(struct strbuf *out, const struct column_change *change)
{
	if (out->len > 1)
		strbuf_add_char(out, ',');
	column_change_json(change, out);
}

/* Returns how many changes there were of the columns that are wanted. */
static size_t describe_changes(struct history *history, const struct row_step *step)
{
	size_t i, wanted = 0;

	strbuf_reset(&history->changes);
	if (!history->as_table)
		strbuf_add_char(&history->changes, '[');
	/* A row that ends has no new values: its last ones stand in the step before. */
	if (step->fate == ROW_LIVES && row_diff_make(&history->diff, step->before, step->after)) {
		for (i = 0; i < history->diff.count; i++) {
			if (!is_wanted(&history->diff.changes[i]))
				continue;
			wanted++;
			if (history->as_table)
				add_words(&history->changes, &history->diff.changes[i]);
			else
				add_json(&history->changes, &history->diff.changes[i]);
		}
	}
	if (!history->as_table)
		strbuf_add_char(&history->changes, ']');
	return wanted;
}

static void add_moves(struct history *history, const struct row_event *event)
{
	struct span key = event->moved_to.ptr ? event->moved_to : event->moved_from;

	if (!key.ptr || !history->as_table)
		return;
	strbuf_printf(&history->changes, "%s(%s ", history->changes.len ? " " : "",
		event->moved_to.ptr ? "moved to" : "came from");
	strbuf_add_span(&history->changes, key);
	strbuf_add_char(&history->changes, ')');
}

/* --- Rows --- */

static void print_step(struct history *history, const struct row_step *step)
{
	const struct row_event *event = step->event;
	char revision[24], time[TIMESTAMP_BYTES], offset[24], partition[16];
	struct span when = SPAN_NULL, op = {&event->seen.op, event->seen.op ? 1 : 0};

	if (event->ts_ms >= 0) {
		timestamp_format(event->ts_ms, time);
		when = span_of(time);
	}
	snprintf(revision, sizeof(revision), "%lld", (long long)event->revision);
	snprintf(partition, sizeof(partition), "%d", (int)event->seen.partition);
	snprintf(offset, sizeof(offset), "%lld", (long long)event->seen.offset);
	if (!history->as_table) {
		rows_add(history->reading.rows,
			(struct span[]){span_of(revision), when, op, event->seen.txid,
				event->seen.topic, span_of(partition), span_of(offset),
				strbuf_span(&history->changes)});
		return;
	}
	strbuf_reset(&history->kafka);
	strbuf_printf(
		&history->kafka, "%.*s/%s@%s", SPAN_ARG(event->seen.topic), partition, offset);
	rows_add(history->reading.rows,
		(struct span[]){span_of(revision), when, op, event->seen.txid,
			strbuf_span(&history->kafka), strbuf_span(&history->changes)});
}

static bool is_before(const struct row_event *event, const struct reading_point *point)
{
	return point->is_time ? event->ts_ms < point->ms : event->revision < point->revision;
}

static bool is_behind(const struct row_event *event, const struct reading_point *point)
{
	return point->is_time ? event->ts_ms > point->ms : event->revision > point->revision;
}

static void show_step(struct history *history, const struct row_step *step)
{
	size_t wanted;

	if ((history->from.given && is_before(step->event, &history->from)) ||
		(history->to.given && is_behind(step->event, &history->to)))
		return;
	wanted = describe_changes(history, step);
	if (only_columns.count && !wanted && step->fate == ROW_LIVES)
		return;
	add_moves(history, step->event);
	print_step(history, step);
}

static void walk_history(struct history *history, const char *stream, struct error *error)
{
	struct row_walk *walk = row_walk_open(history->reading.store, stream);
	const struct row_step *step;

	while (row_walk_next(walk, &step, error) == READER_EVENT) {
		reading_count(&history->reading);
		show_step(history, step);
	}
	reading_note_gaps(walk, stream);
	row_walk_close(walk);
}

static int run(int argc, char **argv)
{
	struct history history = {0};
	struct error error = {0};
	int code;
	char *stream;

	if (!reading_start(&history.reading, &cmd_history, &argc, argv, &code))
		return code;
	stream = reading_stream(argc, argv, &error);
	if (stream && reading_point_of("from", from_text, &history.from, &error) &&
		reading_point_of("to", to_text, &history.to, &error)) {
		history.as_table = history.reading.format == ROWS_TABLE;
		if (history.as_table)
			reading_rows(&history.reading, table_columns,
				sizeof(table_columns) / sizeof(table_columns[0]));
		else
			reading_rows(
				&history.reading, columns, sizeof(columns) / sizeof(columns[0]));
		walk_history(&history, stream, &error);
	}
	free(stream);
	row_diff_clear(&history.diff);
	strbuf_clear(&history.changes);
	strbuf_clear(&history.kafka);
	text_list_clear(&only_columns);
	return reading_end(&history.reading, &error, EXIT_DONE);
}

const struct command cmd_history = {
	.name = "history",
	.summary = "a row's life: when, in which transaction, which columns changed",
	.usage = "STREAM | TABLE KEY [--from POINT] [--to POINT]\n"
		 "Shows every event of a row's stream, oldest first: its revision, the time in the "
		 "database, op, transaction, Kafka position, and each column that changed, old -> "
		 "new. TABLE and KEY are as they stand in the stream's name: 'customers 1001' is "
		 "the "
		 "stream customers-1001.\n"
		 "\n"
		 "A POINT is a revision (up to eight digits) or a time: 2026-11-26, "
		 "2026-11-26T06:15:07.360Z, UTC where it has no zone; or milliseconds since 1970.\n"
		 "\n"
		 "  rowstream history customers 1001\n"
		 "  rowstream history customers-1001 --columns email --format jsonl",
	.run = run,
	.flags = flags,
	.max_arguments = 2,
};
