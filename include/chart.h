/* A chart as figures, and its three faces: text with bars, SVG, a JSON object. Pure. */
#ifndef ROWSTREAM_CHART_H
#define ROWSTREAM_CHART_H

#include "strbuf.h"
#include "util.h"

#define CHART_SERIES 8

struct chart_row {
	char *label;		      /* the chart's own */
	int64_t values[CHART_SERIES]; /* stacked, the first one at the axis */
};

/* Start with {0}. Texts are borrowed but for the labels. */
struct chart {
	const char *name;  /* "operations": of its file and JSON member */
	const char *title; /* "Operations by table" */
	const char *label; /* what a row is: "table" */
	const char *unit;  /* what values count: "events", "ms" */
	const char *note;  /* what must be known to read it, or NULL */
	const char *series[CHART_SERIES];
	size_t series_count; /* at least 1 */
	bool in_time;	     /* rows are points in time: columns from left to right */
	struct chart_row *rows;
	size_t row_count, row_size;
};

/* A new row of zeros; label is copied. */
struct chart_row *chart_add(struct chart *chart, struct span label);
int64_t chart_total(const struct chart *chart, const struct chart_row *row);
void chart_clear(struct chart *chart);

/* "1,234,567" */
void chart_add_count(struct strbuf *out, int64_t count);
/* A title, a line a row with its bar, columns: how wide lines may be. */
void chart_text(const struct chart *chart, int columns, bool color, struct strbuf *out);
/* {"title":…,"unit":…,"rows":[{"<label>":…,"<series>":…}]} */
void chart_json(const struct chart *chart, struct strbuf *out);
/* A whole SVG document that follows the reader's light or dark preference, with a tooltip on each
 * bar; embedded: an element for an HTML page that has chart_svg_style. */
void chart_svg(const struct chart *chart, bool embedded, struct strbuf *out);
void chart_svg_style(struct strbuf *out);

#endif
