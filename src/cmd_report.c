/* rowstream report: what the events of a store say together, as tables, SVG or one HTML page. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reading.h"
#include "report.h"
#include "terminal.h"
#include "timestamp.h"

#define PLAIN_COLUMNS 100

static const char *table_name, *svg_directory, *html_path;

static const struct flag flags[] = {
	{.name = "table",
		.value = "CATEGORY",
		.meaning = "only this table's streams, by their category (default: all, by $all)",
		.text = &table_name},
	{.name = "svg",
		.value = "DIR",
		.meaning = "write each chart as an SVG file into this directory",
		.text = &svg_directory},
	{.name = "html",
		.value = "FILE",
		.meaning = "write all charts as one HTML page that needs nothing else",
		.text = &html_path},
	{.name = "format",
		.value = "FORMAT",
		.meaning = "of standard output: table (default) or json",
		.text = &reading_format},
	{.name = NULL},
};

/* --- Reading --- */

/* The server's own events (of links there are as many as of events) and the bridges' are not
 * "foreign". */
static bool is_bookkeeping(struct span stream)
{
	static const char bridges[] = "~rowstream-";

	return stream.len && (stream.ptr[0] == '$' || (stream.len >= sizeof(bridges) - 1 &&
							      memcmp(stream.ptr, bridges,
								      sizeof(bridges) - 1) == 0));
}

static bool read_events(struct reading *reading, struct report *report, struct error *error)
{
	struct strbuf stream = {0};
	struct reader_options options = {.resolve = true, .page_events = 1000};
	struct row_event_reader events = {0};
	const struct stored_event *stored;
	struct row_event event;
	struct reader *reader;

	strbuf_printf(&stream, "%s%s", table_name ? "$ce-" : "$all", table_name ? table_name : "");
	options.stream = stream.data;
	reader = reader_open(reading->store, &options);
	while (reader_next(reader, &stored, error) == READER_EVENT) {
		reading_count(reading);
		if (is_bookkeeping(stored->stream))
			continue;
		row_event_read(&events, stored, &event);
		report_add(report, &event);
	}
	if (error->kind == ERROR_REFUSED && table_name && reader_outcome(reader) == READ_NO_STREAM)
		error_context(error,
			"--table %s: is that the category of its streams, and does $by_category "
			"run?",
			table_name);
	reader_close(reader);
	row_event_reader_clear(&events);
	strbuf_clear(&stream);
	return error->kind == ERROR_NONE;
}

/* --- Faces --- */

static void add_summary(const struct report_figures *figures, struct strbuf *out)
{
	char from[TIMESTAMP_BYTES], to[TIMESTAMP_BYTES];

	chart_add_count(out, figures->events);
	strbuf_add_text(out, " events, ");
	chart_add_count(out, figures->transactions);
	strbuf_add_text(out, " transactions");
	if (figures->first_ms >= 0) {
		timestamp_format(figures->first_ms, from);
		timestamp_format(figures->last_ms, to);
		strbuf_printf(out, ", changes from %s to %s", from, to);
	}
	if (figures->foreign) {
		strbuf_add_text(out, "; ");
		chart_add_count(out, figures->foreign);
		strbuf_add_text(out, " events were not written by rowstream");
	}
}

static void add_text(
	const struct report_figures *figures, const struct chart *charts, struct strbuf *out)
{
	int columns = terminal_width(STDOUT_FILENO);
	size_t i;

	add_summary(figures, out);
	strbuf_add_text(out, "\n\n");
	for (i = 0; i < REPORT_CHARTS; i++)
		chart_text(&charts[i], columns ? columns : PLAIN_COLUMNS,
			terminal_has_color(STDOUT_FILENO), out);
}

static void add_json(
	const struct report_figures *figures, const struct chart *charts, struct strbuf *out)
{
	size_t i;

	strbuf_printf(out,
		"{\"events\":%" PRId64 ",\"transactions\":%" PRId64 ",\"foreign\":%" PRId64
		",\"charts\":{",
		figures->events, figures->transactions, figures->foreign);
	for (i = 0; i < REPORT_CHARTS; i++) {
		strbuf_printf(out, "%s\"%s\":", i ? "," : "", charts[i].name);
		chart_json(&charts[i], out);
	}
	strbuf_add_text(out, "}}\n");
}

static void add_html(
	const struct report_figures *figures, const struct chart *charts, struct strbuf *out)
{
	size_t i;

	strbuf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			     "<meta name=\"viewport\" content=\"width=device-width\">"
			     "<title>Rowstream report</title><style>");
	chart_svg_style(out);
	strbuf_add_text(out,
		"body{font:15px system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;"
		"color:#1c1f24;background:#fff}svg{max-width:100%;height:auto;margin:1em 0}"
		"p{color:#626973}@media(prefers-color-scheme:dark){body{color:#e4e7ec;"
		"background:#16181d}p{color:#9aa2ae}}</style></head><body>\n"
		"<h1>Rowstream report</h1>\n<p>");
	add_summary(figures, out);
	strbuf_add_text(out, "</p>\n");
	for (i = 0; i < REPORT_CHARTS; i++) {
		chart_svg(&charts[i], true, out);
		if (charts[i].note)
			strbuf_printf(out, "\n<p>%s</p>", charts[i].note);
		strbuf_add_char(out, '\n');
	}
	strbuf_add_text(out, "</body></html>\n");
}

/* --- Writing --- */

static bool write_whole(const char *path, const struct strbuf *text, struct error *error)
{
	struct output *output = output_open(path, error);

	if (!output)
		return false;
	fwrite(text->data, 1, text->len, output_file(output));
	return output_close(output, true, error);
}

static bool write_svgs(const struct chart *charts, struct error *error)
{
	struct strbuf path = {0}, svg = {0};
	size_t i;

	if (mkdir(svg_directory, 0777) != 0 && errno != EEXIST)
		error_set(error, ERROR_INPUT, "--svg %s cannot be made: %s", svg_directory,
			strerror(errno));
	for (i = 0; i < REPORT_CHARTS && error->kind == ERROR_NONE; i++) {
		strbuf_reset(&path);
		strbuf_reset(&svg);
		strbuf_printf(&path, "%s/%s.svg", svg_directory, charts[i].name);
		chart_svg(&charts[i], false, &svg);
		write_whole(path.data, &svg, error);
	}
	strbuf_clear(&path);
	strbuf_clear(&svg);
	return error->kind == ERROR_NONE;
}

static void write_report(const struct reading *reading, struct report *report, struct error *error)
{
	struct chart charts[REPORT_CHARTS];
	struct report_figures figures;
	struct strbuf text = {0};
	size_t i;

	report_charts(report, charts);
	figures = report_figures(report);
	if (svg_directory && !write_svgs(charts, error))
		goto done;
	if (html_path) {
		add_html(&figures, charts, &text);
		if (!write_whole(html_path, &text, error))
			goto done;
		strbuf_reset(&text);
	}
	if (reading->format == ROWS_JSON)
		add_json(&figures, charts, &text);
	else
		add_text(&figures, charts, &text);
	fwrite(text.data, 1, text.len, output_file(reading->output));
done:
	for (i = 0; i < REPORT_CHARTS; i++)
		chart_clear(&charts[i]);
	strbuf_clear(&text);
}

static int run(int argc, char **argv)
{
	struct reading reading;
	struct report *report;
	struct error error = {0};
	int code;

	if (!reading_start(&reading, &cmd_report, &argc, argv, &code))
		return code;
	if (reading.format != ROWS_TABLE && reading.format != ROWS_JSON)
		error_set(&error, ERROR_INPUT, "--format '%s' is not one of table, json",
			reading_format);
	report = report_new();
	if (error.kind == ERROR_NONE && read_events(&reading, report, &error))
		write_report(&reading, report, &error);
	report_free(report);
	return reading_end(&reading, &error, EXIT_DONE);
}

const struct command cmd_report = {
	.name = "report",
	.summary = "operation mix, rows per transaction, churn, hottest rows, delays",
	.usage =
		"[--table CATEGORY] [--svg DIR] [--html FILE]\n"
		"Reads all events once and adds them up: operations by table, rows per "
		"transaction, "
		"changes in time, the rows with most events, and how long changes took from the "
		"database to Kafka and to the store. All tables are read by $all, for which a user "
		"needs rights; one table by its category, which needs the projection "
		"$by_category.\n"
		"\n"
		"  rowstream report --html report.html\n"
		"  rowstream report --table customers --format json",
	.run = run,
	.flags = flags,
	.max_arguments = 0,
};
