/* A chart as SVG: bars from left to right, or columns where rows are points in time. */
#include <string.h>

#include "chart.h"
#include "terminal.h"

/* Pixels. */
#define WIDTH 860
#define MARGIN 16
#define TITLE_HEIGHT 34
#define LEGEND_LINE 20
#define ROW_HEIGHT 24
#define BAR_HEIGHT 16
#define LABEL_WIDTH 280
#define COUNT_WIDTH 100
#define PLOT_HEIGHT 220
#define WIDEST_COLUMN 60
#define AXIS_HEIGHT 22
#define GAP 2 /* between stacked parts */
#define LONGEST_LABEL 36
#define LONGEST_LEGEND 28
#define TIME_LABEL_WIDTH 125

void chart_svg_style(struct strbuf *out)
{
	/* Hues that stay apart for the colour-blind, in an order in which neighbours differ. */
	static const char *const light[CHART_SERIES] = {"#2f6fb5", "#d9822b", "#3f9461", "#b04a72",
		"#7a62b3", "#8c8a2c", "#3b98a8", "#8a8f98"};
	static const char *const dark[CHART_SERIES] = {"#6aa6e8", "#f0a35a", "#6cc08d", "#de82a6",
		"#a993e0", "#c2bf5c", "#6cc6d6", "#a3a8b2"};
	size_t i;

	strbuf_add_text(out, ".c{font:13px system-ui,sans-serif;background:#fff}"
			     ".c text{fill:#1c1f24}.c .t{font-weight:600;font-size:15px}"
			     ".c .m{fill:#626973}.c .e{text-anchor:end}.c .x{stroke:#c9ced6}");
	for (i = 0; i < CHART_SERIES; i++)
		strbuf_printf(out, ".s%zu{fill:%s}", i, light[i]);
	strbuf_add_text(out, "@media(prefers-color-scheme:dark){.c{background:#16181d}"
			     ".c text{fill:#e4e7ec}.c .m{fill:#9aa2ae}.c .x{stroke:#3d434d}");
	for (i = 0; i < CHART_SERIES; i++)
		strbuf_printf(out, ".s%zu{fill:%s}", i, dark[i]);
	strbuf_add_char(out, '}');
}

static void add_escaped(struct strbuf *out, struct span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		switch (text.ptr[i]) {
		case '<':
			strbuf_add_text(out, "&lt;");
			break;
		case '&':
			strbuf_add_text(out, "&amp;");
			break;
		case '"':
			strbuf_add_text(out, "&quot;");
			break;
		default:
			strbuf_add_char(out, text.ptr[i]);
		}
	}
}

/* Control bytes are no XML: they are made visible. longest: in columns, 0 for whole. */
static void add_label(struct strbuf *out, const char *label, int longest)
{
	struct strbuf visible = {0};
	struct span shown;

	terminal_add_visible(&visible, span_of(label));
	shown = strbuf_span(&visible);
	if (longest && terminal_columns(shown) > longest) {
		shown.len = terminal_cut(shown, longest - 1);
		add_escaped(out, shown);
		strbuf_add_text(out, "…");
	} else {
		add_escaped(out, shown);
	}
	strbuf_clear(&visible);
}

static int64_t largest(const struct chart *chart)
{
	int64_t most = 1, total;
	size_t i;

	for (i = 0; i < chart->row_count; i++) {
		total = chart_total(chart, &chart->rows[i]);
		if (total > most)
			most = total;
	}
	return most;
}

static void begin(const struct chart *chart, bool embedded, int height, struct strbuf *out)
{
	strbuf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"c\" viewBox=\"0 0 %d %d\" "
		"width=\"%d\" height=\"%d\" role=\"img\">",
		WIDTH, height, WIDTH, height);
	if (!embedded) {
		strbuf_add_text(out, "<style>");
		chart_svg_style(out);
		strbuf_add_text(out, "</style>");
	}
	strbuf_add_text(out, "<title>");
	add_escaped(out, span_of(chart->title));
	strbuf_printf(out, "</title><text class=\"t\" x=\"%d\" y=\"%d\">", MARGIN, MARGIN + 8);
	add_escaped(out, span_of(chart->title));
	strbuf_add_text(out, " <tspan class=\"m\" font-weight=\"400\">(");
	add_escaped(out, span_of(chart->unit));
	strbuf_add_text(out, ")</tspan></text>");
}

static int legend_width(const char *name)
{
	int columns = terminal_columns(span_of(name));

	return 34 + 8 * (columns < LONGEST_LEGEND ? columns : LONGEST_LEGEND);
}

static void add_legend_entry(
	const struct chart *chart, size_t series, int x, int y, struct strbuf *out)
{
	strbuf_printf(out,
		"<rect class=\"s%zu\" x=\"%d\" y=\"%d\" width=\"11\" height=\"11\" rx=\"2\"/>"
		"<text x=\"%d\" y=\"%d\">",
		series, x, y, x + 16, y + 10);
	add_label(out, chart->series[series], LONGEST_LEGEND);
	strbuf_add_text(out, "</text>");
}

/* Returns its height; out NULL: that only. One series needs none. */
static int add_legend(const struct chart *chart, struct strbuf *out)
{
	int x = MARGIN, y = TITLE_HEIGHT + 5, width;
	size_t i;

	if (chart->series_count == 1)
		return 0;
	for (i = 0; i < chart->series_count; i++) {
		width = legend_width(chart->series[i]);
		if (x > MARGIN && x + width > WIDTH - MARGIN) {
			x = MARGIN;
			y += LEGEND_LINE;
		}
		if (out)
			add_legend_entry(chart, i, x, y, out);
		x += width;
	}
	return y + LEGEND_LINE - TITLE_HEIGHT;
}

/* A part of a bar, with what it says as a tooltip. */
static void add_part(const struct chart *chart, const struct chart_row *row, size_t series,
	double x, double y, double width, double height, struct strbuf *out)
{
	strbuf_printf(out,
		"<rect class=\"s%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"rx=\"2\"><title>",
		series, x, y, width, height);
	add_label(out, row->label, 0);
	if (chart->series_count > 1) {
		strbuf_add_text(out, ", ");
		add_label(out, chart->series[series], 0);
	}
	strbuf_add_text(out, ": ");
	chart_add_count(out, row->values[series]);
	strbuf_add_text(out, "</title></rect>");
}

static double at_least(double length, double least)
{
	return length > least ? length : least;
}

/* --- Bars --- */

static void add_bar(const struct chart *chart, const struct chart_row *row, int y, double scale,
	struct strbuf *out)
{
	double x = MARGIN + LABEL_WIDTH, length;
	size_t i;

	strbuf_printf(
		out, "<text class=\"e\" x=\"%d\" y=\"%d\">", MARGIN + LABEL_WIDTH - 10, y + 13);
	add_label(out, row->label, LONGEST_LABEL);
	strbuf_add_text(out, "</text>");
	for (i = 0; i < chart->series_count; i++) {
		if (!row->values[i])
			continue;
		length = at_least((double)row->values[i] * scale, GAP + 1);
		add_part(chart, row, i, x, y, length - GAP, BAR_HEIGHT, out);
		x += length;
	}
	strbuf_printf(out, "<text class=\"m\" x=\"%.1f\" y=\"%d\">", x + 6, y + 13);
	chart_add_count(out, chart_total(chart, row));
	strbuf_add_text(out, "</text>");
}

static void bars(const struct chart *chart, bool embedded, struct strbuf *out)
{
	int top = TITLE_HEIGHT + add_legend(chart, NULL);
	double room = WIDTH - 2 * MARGIN - LABEL_WIDTH - COUNT_WIDTH;
	double scale = room / (double)largest(chart);
	size_t i;

	begin(chart, embedded, top + MARGIN + ROW_HEIGHT * (int)chart->row_count, out);
	add_legend(chart, out);
	for (i = 0; i < chart->row_count; i++)
		add_bar(chart, &chart->rows[i], top + 6 + ROW_HEIGHT * (int)i, scale, out);
	strbuf_add_text(out, "</svg>");
}

/* --- Columns --- */

static void add_column(const struct chart *chart, const struct chart_row *row, double x,
	double width, int floor, double scale, struct strbuf *out)
{
	double y = floor, height;
	size_t i;

	for (i = 0; i < chart->series_count; i++) {
		if (!row->values[i])
			continue;
		height = at_least((double)row->values[i] * scale, 1.5);
		y -= height;
		add_part(chart, row, i, x, y, width, at_least(height - 1, 1), out);
	}
}

static void add_axis(const struct chart *chart, double step, int top, int floor, struct strbuf *out)
{
	size_t i, every = (size_t)(TIME_LABEL_WIDTH / step) + 1;

	strbuf_printf(out,
		"<line class=\"x\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
		"<text class=\"m\" x=\"%d\" y=\"%d\">",
		MARGIN, floor, WIDTH - MARGIN, floor, MARGIN, top + 10);
	chart_add_count(out, largest(chart));
	strbuf_add_text(out, "</text>");
	for (i = 0; i < chart->row_count; i += every) {
		strbuf_printf(out, "<text class=\"m\" x=\"%.1f\" y=\"%d\">",
			MARGIN + step * (double)i, floor + 16);
		add_label(out, chart->rows[i].label, 0);
		strbuf_add_text(out, "</text>");
	}
}

static void columns(const struct chart *chart, bool embedded, struct strbuf *out)
{
	int top = TITLE_HEIGHT + add_legend(chart, NULL);
	int floor = top + PLOT_HEIGHT;
	double step = (double)(WIDTH - 2 * MARGIN) / (double)chart->row_count;
	double scale = (PLOT_HEIGHT - 18) / (double)largest(chart);
	size_t i;

	if (step > WIDEST_COLUMN)
		step = WIDEST_COLUMN;
	begin(chart, embedded, floor + AXIS_HEIGHT, out);
	add_legend(chart, out);
	add_axis(chart, step, top, floor, out);
	for (i = 0; i < chart->row_count; i++)
		add_column(chart, &chart->rows[i], MARGIN + step * (double)i,
			at_least(step - GAP, 1), floor, scale, out);
	strbuf_add_text(out, "</svg>");
}

void chart_svg(const struct chart *chart, bool embedded, struct strbuf *out)
{
	if (chart->in_time && chart->row_count)
		columns(chart, embedded, out);
	else
		bars(chart, embedded, out);
}
