/* A chart's figures, and its faces as text and as JSON. */
#include "chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

#define WIDEST_LABEL 40
#define NARROWEST_BAR 10
#define WIDEST_BAR 40

struct chart_row *chart_add(struct chart *chart, struct span label)
{
	struct chart_row *row;

	if (chart->row_count == chart->row_size) {
		chart->row_size = chart->row_size ? 2 * chart->row_size : 16;
		chart->rows = xreallocarray(chart->rows, chart->row_size, sizeof(*chart->rows));
	}
	row = &chart->rows[chart->row_count++];
	*row = (struct chart_row){.label = xstrndup(label.ptr ? label.ptr : "", label.len)};
	return row;
}

int64_t chart_total(const struct chart *chart, const struct chart_row *row)
{
	int64_t total = 0;
	size_t i;

	for (i = 0; i < chart->series_count; i++)
		total += row->values[i];
	return total;
}

void chart_clear(struct chart *chart)
{
	size_t i;

	for (i = 0; i < chart->row_count; i++)
		free(chart->rows[i].label);
	free(chart->rows);
	*chart = (struct chart){0};
}

void chart_add_count(struct strbuf *out, int64_t count)
{
	char digits[24];
	size_t i, len = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, count);

	for (i = 0; i < len; i++) {
		strbuf_add_char(out, digits[i]);
		if ((len - i) % 3 == 1 && i + 1 < len && digits[i] != '-')
			strbuf_add_char(out, ',');
	}
}

/* --- Text --- */

struct text_size {
	int label, count, bar;
	int64_t most;
};

static int count_columns(int64_t count)
{
	struct strbuf text = {0};
	int columns;

	chart_add_count(&text, count);
	columns = (int)text.len;
	strbuf_clear(&text);
	return columns;
}

static int label_columns(const char *label)
{
	struct strbuf visible = {0};
	int columns;

	terminal_add_visible(&visible, span_of(label));
	columns = terminal_columns(strbuf_span(&visible));
	strbuf_clear(&visible);
	return columns;
}

static struct text_size measure(const struct chart *chart, int columns)
{
	struct text_size size = {0};
	size_t i;
	int64_t total;
	int label;

	for (i = 0; i < chart->row_count; i++) {
		total = chart_total(chart, &chart->rows[i]);
		if (total > size.most)
			size.most = total;
		label = label_columns(chart->rows[i].label);
		if (label > size.label)
			size.label = label < WIDEST_LABEL ? label : WIDEST_LABEL;
	}
	size.count = count_columns(size.most);
	size.bar = columns - size.label - size.count - 4;
	if (size.bar > WIDEST_BAR)
		size.bar = WIDEST_BAR;
	if (size.bar < NARROWEST_BAR)
		size.bar = NARROWEST_BAR;
	return size;
}

static void add_repeated(struct strbuf *out, const char *text, int times)
{
	for (; times > 0; times--)
		strbuf_add_text(out, text);
}

/* A value that is not 0 is never drawn as nothing. */
static int bar_length(int64_t value, const struct text_size *size)
{
	int length = size->most ? (int)((double)value / (double)size->most * size->bar + 0.5) : 0;

	return value > 0 && length == 0 ? 1 : length;
}

static void add_breakdown(
	const struct chart *chart, const struct chart_row *row, struct strbuf *out)
{
	const char *between = "  ";
	size_t i;

	if (chart->series_count == 1)
		return;
	for (i = 0; i < chart->series_count; i++) {
		if (!row->values[i])
			continue;
		strbuf_printf(out, "%s%s ", between, chart->series[i]);
		chart_add_count(out, row->values[i]);
		between = ", ";
	}
}

static void add_text_row(const struct chart *chart, const struct chart_row *row,
	const struct text_size *size, bool color, struct strbuf *out)
{
	struct strbuf label = {0};
	int64_t total = chart_total(chart, row);
	int bar = bar_length(total, size);

	terminal_add_visible(&label, span_of(row->label));
	label.len = terminal_cut(strbuf_span(&label), size->label);
	strbuf_add_text(out, "  ");
	strbuf_add_span(out, strbuf_span(&label));
	add_repeated(out, " ", size->label - terminal_columns(strbuf_span(&label)) + 1);
	add_repeated(out, " ", size->count - count_columns(total));
	chart_add_count(out, total);
	strbuf_add_text(out, color ? " \033[36m" : " ");
	add_repeated(out, "█", bar);
	if (color)
		strbuf_add_text(out, "\033[0m");
	if (chart->series_count > 1) {
		add_repeated(out, " ", size->bar - bar);
		add_breakdown(chart, row, out);
	}
	while (out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	strbuf_add_char(out, '\n');
	strbuf_clear(&label);
}

void chart_text(const struct chart *chart, int columns, bool color, struct strbuf *out)
{
	struct text_size size = measure(chart, columns);
	size_t i;

	strbuf_printf(out, "%s%s%s (%s)\n", color ? "\033[1m" : "", chart->title,
		color ? "\033[0m" : "", chart->unit);
	if (!chart->row_count)
		strbuf_add_text(out, "  none\n");
	for (i = 0; i < chart->row_count; i++)
		add_text_row(chart, &chart->rows[i], &size, color, out);
	if (chart->note)
		strbuf_printf(out, "  %s\n", chart->note);
	strbuf_add_char(out, '\n');
}

/* --- JSON --- */

static void add_json_row(const struct chart *chart, const struct chart_row *row, struct strbuf *out)
{
	size_t i;

	strbuf_add_char(out, '{');
	strbuf_add_json(out, span_of(chart->label));
	strbuf_add_char(out, ':');
	strbuf_add_json(out, span_of(row->label));
	for (i = 0; i < chart->series_count; i++) {
		strbuf_add_char(out, ',');
		strbuf_add_json(out, span_of(chart->series[i]));
		strbuf_printf(out, ":%" PRId64, row->values[i]);
	}
	strbuf_add_char(out, '}');
}

void chart_json(const struct chart *chart, struct strbuf *out)
{
	size_t i;

	strbuf_add_text(out, "{\"title\":");
	strbuf_add_json(out, span_of(chart->title));
	strbuf_add_text(out, ",\"unit\":");
	strbuf_add_json(out, span_of(chart->unit));
	strbuf_add_text(out, ",\"rows\":[");
	for (i = 0; i < chart->row_count; i++) {
		if (i)
			strbuf_add_char(out, ',');
		add_json_row(chart, &chart->rows[i], out);
	}
	strbuf_add_text(out, "]}");
}
