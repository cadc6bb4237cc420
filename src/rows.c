/* Rows of results as a table, JSON, JSON lines or CSV. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strbuf.h"
#include "terminal.h"

/* So many rows decide how wide a table's columns are; a result of any length flows on. */
#define ROWS_MEASURED 200
#define WIDEST_COLUMN 60 /* a longer cell pushes its own line, not the whole column */
#define GAP "  "

struct rows {
	FILE *out;
	enum rows_format format;
	const struct rows_column *columns;
	size_t column_count;
	bool terminal, color;
	int line_columns; /* where the last column is cut; 0: never */
	bool begun;	  /* the line of names is printed */
	size_t printed;
	/* Tables: cells held back, row after row, as they will be printed. */
	char **held;
	size_t held_count;
	int *widths;
};

bool rows_format_of(const char *name, enum rows_format *format)
{
	static const char *const names[] = {"table", "json", "jsonl", "csv"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*format = (enum rows_format)i;
			return true;
		}
	}
	return false;
}

struct rows *rows_new(
	FILE *out, enum rows_format format, const struct rows_column *columns, size_t column_count)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	int descriptor = fileno(out);
	size_t i;

	rows->out = out;
	rows->format = format;
	rows->columns = columns;
	rows->column_count = column_count;
	rows->terminal = descriptor >= 0 && isatty(descriptor);
	rows->color = descriptor >= 0 && terminal_has_color(descriptor);
	rows->line_columns = descriptor >= 0 ? terminal_width(descriptor) : 0;
	rows->widths = xcalloc(column_count, sizeof(*rows->widths));
	for (i = 0; i < column_count; i++)
		rows->widths[i] = terminal_columns(span_of(columns[i].name));
	return rows;
}

/* JSON text on one line: a server may have indented it. Strings hold no line ends, so these and
 * the white space behind them are between tokens. */
static void add_folded(struct strbuf *out, struct span json)
{
	size_t at = 0, from;

	while (at < json.len) {
		for (from = at; at < json.len && json.ptr[at] != '\n' && json.ptr[at] != '\r';)
			at++;
		strbuf_add(out, json.ptr + from, at - from);
		while (at < json.len && strchr(" \t\r\n", json.ptr[at]) && json.ptr[at])
			at++;
	}
}

/* The cell's text as a person should see it. */
static void add_shown(struct strbuf *out, enum rows_kind kind, struct span cell)
{
	struct strbuf folded = {0};

	if (kind != ROWS_RAW) {
		terminal_add_visible(out, cell);
		return;
	}
	add_folded(&folded, cell);
	terminal_add_visible(out, strbuf_span(&folded));
	strbuf_clear(&folded);
}

/* --- tables --- */

static void pad(struct strbuf *line, int columns)
{
	while (columns-- > 0)
		strbuf_add_char(line, ' ');
}

static const char *color_of_state(const char *text)
{
	return strcmp(text, "ok") == 0	   ? "\033[32m"
	       : strcmp(text, "warn") == 0 ? "\033[33m"
	       : strcmp(text, "FAIL") == 0 ? "\033[31m"
					   : "";
}

static void add_shown_cell(
	const struct rows *rows, size_t column, struct strbuf *line, struct span shown, int room)
{
	bool last = column + 1 == rows->column_count;
	enum rows_kind kind = rows->columns[column].kind;
	const char *color = kind == ROWS_STATE && rows->color ? color_of_state(shown.ptr) : "";

	if (*color) {
		strbuf_printf(line, "%s%s\033[0m", color, shown.ptr);
	} else if (last && kind != ROWS_PROSE && rows->line_columns && room > 1 &&
		   terminal_columns(shown) > room) {
		strbuf_add(line, shown.ptr, terminal_cut(shown, room - 1));
		strbuf_add_text(line, "…");
	} else {
		strbuf_add_span(line, shown);
	}
}

/* Adds one cell with its padding; used: the columns of the line so far. */
static void add_cell(
	const struct rows *rows, size_t column, const char *text, struct strbuf *line, int *used)
{
	struct span shown = span_of(text);
	bool last = column + 1 == rows->column_count;
	int wide = terminal_columns(shown), rest = rows->widths[column] - wide;

	if (rows->columns[column].kind == ROWS_NUMBER)
		pad(line, rest);
	add_shown_cell(rows, column, line, shown, rows->line_columns - *used);
	if (last)
		return;
	if (rows->columns[column].kind != ROWS_NUMBER)
		pad(line, rest);
	strbuf_add_text(line, GAP);
	*used += wide + (rest > 0 ? rest : 0) + (int)strlen(GAP);
}

static void print_line(
	const struct rows *rows, const char *const *cells, const char *before, const char *after)
{
	struct strbuf line = {0};
	int used = 0;
	size_t i;

	for (i = 0; i < rows->column_count; i++)
		add_cell(rows, i, cells[i], &line, &used);
	while (line.len && line.data[line.len - 1] == ' ')
		line.data[--line.len] = '\0';
	fprintf(rows->out, "%s%s%s\n", before, line.data ? line.data : "", after);
	strbuf_clear(&line);
}

static void print_names(const struct rows *rows)
{
	const char **names = xcalloc(rows->column_count, sizeof(*names));
	size_t i;

	for (i = 0; i < rows->column_count; i++)
		names[i] = rows->columns[i].name;
	print_line(rows, names, rows->color ? "\033[1m" : "", rows->color ? "\033[0m" : "");
	free(names);
}

static void hold(struct rows *rows, const struct span *cells)
{
	struct strbuf text = {0};
	size_t i;

	rows->held = xreallocarray(
		rows->held, (rows->held_count + 1) * rows->column_count, sizeof(*rows->held));
	for (i = 0; i < rows->column_count; i++) {
		int wide;

		add_shown(&text, rows->columns[i].kind, cells[i]);
		wide = terminal_columns(strbuf_span(&text));
		if (!rows->begun && wide > rows->widths[i])
			rows->widths[i] = wide < WIDEST_COLUMN ? wide : WIDEST_COLUMN;
		rows->held[rows->held_count * rows->column_count + i] = strbuf_steal(&text);
	}
	rows->held_count++;
}

void rows_flush(struct rows *rows)
{
	size_t i, cells = rows->held_count * rows->column_count;

	if (rows->format == ROWS_TABLE && !rows->begun) {
		rows->begun = true;
		print_names(rows);
	}
	for (i = 0; i < rows->held_count; i++)
		print_line(rows, (const char *const *)rows->held + i * rows->column_count, "", "");
	for (i = 0; i < cells; i++)
		free(rows->held[i]);
	rows->held_count = 0;
	fflush(rows->out);
}

/* --- JSON --- */

/* RFC 8259's number. */
static bool is_number(struct span text)
{
	size_t i = text.len && text.ptr[0] == '-';
	size_t digits = 0;

	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		digits++;
	if (!digits || (digits > 1 && text.ptr[i - digits] == '0'))
		return false;
	if (i < text.len && text.ptr[i] == '.') {
		for (digits = 0, i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
			digits++;
	}
	return digits && i == text.len;
}

/* As strbuf_add_json, but bytes that are no UTF-8 become text too. */
static void add_string(struct strbuf *line, struct span text)
{
	struct strbuf visible = {0};

	if (terminal_is_utf8(text)) {
		strbuf_add_json(line, text);
		return;
	}
	terminal_add_visible(&visible, text);
	strbuf_add_json(line, strbuf_span(&visible));
	strbuf_clear(&visible);
}

static void add_json_cell(struct strbuf *line, enum rows_kind kind, struct span cell)
{
	if (!cell.ptr)
		strbuf_add_text(line, "null");
	else if (kind == ROWS_RAW)
		add_folded(line, cell);
	else if (kind == ROWS_NUMBER && is_number(cell))
		strbuf_add_span(line, cell);
	else
		add_string(line, cell);
}

static void print_json(struct rows *rows, const struct span *cells)
{
	struct strbuf line = {0}, shown = {0};
	size_t i;

	for (i = 0; i < rows->column_count; i++) {
		strbuf_add_char(&line, i ? ',' : '{');
		strbuf_add_json(&line, span_of(rows->columns[i].name));
		strbuf_add_char(&line, ':');
		add_json_cell(&line, rows->columns[i].kind, cells[i]);
	}
	strbuf_add_char(&line, '}');
	if (rows->format == ROWS_JSON)
		fputs(rows->printed ? ",\n" : "[\n", rows->out);
	terminal_add_visible_json(&shown, strbuf_span(&line));
	fwrite(shown.data, 1, shown.len, rows->out);
	if (rows->format == ROWS_JSONL)
		fputc('\n', rows->out);
	strbuf_clear(&line);
	strbuf_clear(&shown);
}

/* --- CSV (RFC 4180, lines end with \n) --- */

static void add_csv_cell(struct strbuf *line, struct span cell)
{
	size_t i;

	if (!cell.len ||
		(!memchr(cell.ptr, ',', cell.len) && !memchr(cell.ptr, '"', cell.len) &&
			!memchr(cell.ptr, '\n', cell.len) && !memchr(cell.ptr, '\r', cell.len))) {
		strbuf_add_span(line, cell);
		return;
	}
	strbuf_add_char(line, '"');
	for (i = 0; i < cell.len; i++) {
		if (cell.ptr[i] == '"')
			strbuf_add_char(line, '"');
		strbuf_add_char(line, cell.ptr[i]);
	}
	strbuf_add_char(line, '"');
}

static void print_csv(const struct rows *rows, const struct span *cells)
{
	struct strbuf line = {0}, shown = {0};
	size_t i;

	for (i = 0; i < rows->column_count; i++) {
		/* In a file the bytes are the data; on a terminal they must not drive it. */
		strbuf_reset(&shown);
		if (rows->terminal)
			add_shown(&shown, rows->columns[i].kind, cells[i]);
		else if (rows->columns[i].kind == ROWS_RAW)
			add_folded(&shown, cells[i]);
		else
			strbuf_add_span(&shown, cells[i]);
		if (i)
			strbuf_add_char(&line, ',');
		/* As databases read it: "" is an empty text, nothing is null. */
		if (cells[i].ptr && cells[i].len == 0)
			strbuf_add_text(&line, "\"\"");
		else
			add_csv_cell(&line, strbuf_span(&shown));
	}
	strbuf_add_char(&line, '\n');
	fwrite(line.data, 1, line.len, rows->out);
	strbuf_clear(&line);
	strbuf_clear(&shown);
}

static void print_csv_names(struct rows *rows)
{
	struct span *names = xcalloc(rows->column_count, sizeof(*names));
	size_t i;

	for (i = 0; i < rows->column_count; i++)
		names[i] = span_of(rows->columns[i].name);
	print_csv(rows, names);
	free(names);
	rows->begun = true;
}

/* --- --- */

void rows_add(struct rows *rows, const struct span *cells)
{
	switch (rows->format) {
	case ROWS_TABLE:
		hold(rows, cells);
		if (rows->begun || rows->held_count == ROWS_MEASURED)
			rows_flush(rows);
		break;
	case ROWS_CSV:
		if (!rows->begun)
			print_csv_names(rows);
		print_csv(rows, cells);
		break;
	default:
		print_json(rows, cells);
	}
	rows->printed++;
}

static void free_rows(struct rows *rows)
{
	rows_flush(rows);
	free(rows->held);
	free(rows->widths);
	free(rows);
}

void rows_end(struct rows *rows)
{
	if (!rows)
		return;
	if (rows->format == ROWS_CSV && !rows->begun)
		print_csv_names(rows);
	if (rows->format == ROWS_JSON)
		fputs(rows->printed ? "\n]\n" : "[]\n", rows->out);
	free_rows(rows);
}

void rows_end_marked(struct rows *rows, bool complete)
{
	if (rows->format == ROWS_JSONL)
		fprintf(rows->out, "{\"complete\":%s,\"rows\":%zu}\n", complete ? "true" : "false",
			rows->printed);
	if (complete)
		rows_end(rows);
	else
		free_rows(rows);
}
