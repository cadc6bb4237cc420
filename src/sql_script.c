/* Writes INSERT statements for PostgreSQL and for MariaDB or MySQL. */
#include "sql_script.h"

#include <inttypes.h>
#include <string.h>

bool sql_dialect_of(const char *name, enum sql_dialect *dialect)
{
	bool postgres = strcmp(name, "postgresql") == 0;

	*dialect = postgres ? SQL_POSTGRESQL : SQL_MARIADB;
	return postgres || strcmp(name, "mariadb") == 0 || strcmp(name, "mysql") == 0;
}

/* MariaDB reads backslashes, times and quotes by its session's settings, and gives 0 in a counting
 * column a new number. */
void sql_begin(struct strbuf *out, enum sql_dialect dialect)
{
	if (dialect == SQL_MARIADB)
		strbuf_add_text(out, "SET NAMES utf8mb4, time_zone = '+00:00', "
				     "sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n");
	else
		strbuf_add_text(out, "SET client_encoding = 'UTF8';\nSET TIME ZONE 'UTC';\n");
	strbuf_add_text(out, "START TRANSACTION;\n");
}

void sql_end(struct strbuf *out, bool whole, int64_t rows)
{
	if (whole)
		strbuf_printf(out, "COMMIT;\n-- complete: %" PRId64 " rows\n", rows);
	else
		strbuf_printf(
			out, "ROLLBACK;\n-- incomplete: broken off after %" PRId64 " rows\n", rows);
}

static void add_identifier(struct strbuf *out, enum sql_dialect dialect, struct span name)
{
	char quote = dialect == SQL_MARIADB ? '`' : '"';
	size_t i;

	strbuf_add_char(out, quote);
	for (i = 0; i < name.len; i++) {
		if (name.ptr[i] == quote)
			strbuf_add_char(out, quote);
		strbuf_add_char(out, name.ptr[i]);
	}
	strbuf_add_char(out, quote);
}

/* PostgreSQL's plain literals take a backslash as itself or not, by a setting; E'' never does.
 * Neither takes a NUL byte: it is written so that PostgreSQL refuses it and MariaDB keeps it. */
static void add_literal(struct strbuf *out, enum sql_dialect dialect, struct span text)
{
	bool escaped = memchr(text.ptr, '\\', text.len) || memchr(text.ptr, '\0', text.len);
	size_t i;

	if (escaped && dialect == SQL_POSTGRESQL)
		strbuf_add_char(out, 'E');
	strbuf_add_char(out, '\'');
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\0') {
			strbuf_add_text(out, "\\0");
			continue;
		}
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
			strbuf_add_char(out, text.ptr[i]);
		strbuf_add_char(out, text.ptr[i]);
	}
	strbuf_add_char(out, '\'');
}

/* A string's characters; a lone surrogate is no character, so its escape stands for it. */
static void add_characters(struct strbuf *out, const struct js_doc *doc, uint32_t node)
{
	struct span raw = js_text(doc, node);
	size_t before = out->len;

	if (js_string(doc, node, out))
		return;
	out->len = before;
	strbuf_add(out, raw.ptr + 1, raw.len - 2);
}

static void add_array(struct strbuf *out, const struct js_doc *doc, uint32_t array);

/* Inside an array literal everything but numbers, booleans and arrays is quoted. */
static void add_element(struct strbuf *out, const struct js_doc *doc, uint32_t node)
{
	struct strbuf text = {0};
	size_t i;

	switch (js_type_of(doc, node)) {
	case JS_NULL:
		strbuf_add_text(out, "NULL");
		return;
	case JS_ARRAY:
		add_array(out, doc, node);
		return;
	case JS_STRING:
		add_characters(&text, doc, node);
		break;
	case JS_OBJECT:
		js_compact(doc, node, &text);
		break;
	default:
		strbuf_add_span(out, js_text(doc, node));
		return;
	}
	strbuf_add_char(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, text.data[i]);
	}
	strbuf_add_char(out, '"');
	strbuf_clear(&text);
}

static void add_array(struct strbuf *out, const struct js_doc *doc, uint32_t array)
{
	uint32_t element, first = js_first(doc, array);

	strbuf_add_char(out, '{');
	for (element = first; element != JS_NONE; element = js_next(doc, array, element)) {
		if (element != first)
			strbuf_add_char(out, ',');
		add_element(out, doc, element);
	}
	strbuf_add_char(out, '}');
}

static void add_value(
	struct strbuf *out, enum sql_dialect dialect, const struct js_doc *doc, uint32_t node)
{
	struct strbuf text = {0};

	switch (js_type_of(doc, node)) {
	case JS_NULL:
		strbuf_add_text(out, "NULL");
		return;
	case JS_FALSE:
		strbuf_add_text(out, "FALSE");
		return;
	case JS_TRUE:
		strbuf_add_text(out, "TRUE");
		return;
	case JS_NUMBER:
		strbuf_add_span(out, js_text(doc, node));
		return;
	case JS_STRING:
		add_characters(&text, doc, node);
		break;
	case JS_ARRAY:
		if (dialect == SQL_POSTGRESQL) {
			add_array(&text, doc, node);
			break;
		} /* fall through */
	default:
		js_compact(doc, node, &text);
	}
	add_literal(out, dialect, text.data ? strbuf_span(&text) : span_of(""));
	strbuf_clear(&text);
}

void sql_insert(
	struct strbuf *out, enum sql_dialect dialect, struct span table, const struct js_doc *row)
{
	struct strbuf name = {0};
	uint32_t node, first = js_first(row, 0);

	strbuf_add_text(out, "INSERT INTO ");
	add_identifier(out, dialect, table);
	strbuf_add_text(out, " (");
	for (node = first; node != JS_NONE; node = js_next(row, 0, node)) {
		if (node != first)
			strbuf_add_text(out, ", ");
		strbuf_reset(&name);
		add_characters(&name, row, node);
		add_identifier(out, dialect, strbuf_span(&name));
	}
	strbuf_add_text(out, ") VALUES (");
	for (node = first; node != JS_NONE; node = js_next(row, 0, node)) {
		if (node != first)
			strbuf_add_text(out, ", ");
		add_value(out, dialect, row, node + 1);
	}
	strbuf_add_text(out, ");\n");
	strbuf_clear(&name);
}
