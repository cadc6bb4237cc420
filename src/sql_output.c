/* Rows as a script, in the dialect and for the table that they say themselves or that was asked
 * for. */
#include "sql_output.h"

bool sql_output_init(struct sql_output *output, const char *dialect, const char *into,
	const char *suffix, struct error *error)
{
	*output = (struct sql_output){.given = dialect, .into = into, .suffix = suffix};
	if (!dialect || sql_dialect_of(dialect, &output->dialect))
		return true;
	error_set(error, ERROR_INPUT, "--dialect '%s' is neither postgresql nor mariadb", dialect);
	return false;
}

/* The origin ends with the table as metadata has it, db.schema.table or db.table. The script is
 * run where the rows are wanted, so the table's own name is enough. */
static void set_table(struct sql_output *output, const struct row_record *record)
{
	struct span name = record->origin;
	size_t at = name.len;

	strbuf_reset(&output->table);
	if (output->into) {
		strbuf_add_text(&output->table, output->into);
		return;
	}
	while (at > 0 && name.ptr[at - 1] != '.' && name.ptr[at - 1] != '\n')
		at--;
	strbuf_add(&output->table, name.ptr + at, name.len - at);
	strbuf_add_text(&output->table, output->suffix);
}

static void flush(struct sql_output *output)
{
	fwrite(output->text.data, 1, output->text.len, output->out);
	strbuf_reset(&output->text);
}

void sql_output_row(
	struct sql_output *output, const struct row_record *record, const struct js_doc *row)
{
	struct span connector = record->place.connector;
	bool mysql = span_is(connector, "mysql") || span_is(connector, "mariadb");

	if (output->rows++ == 0) {
		if (!output->given)
			output->dialect = mysql ? SQL_MARIADB : SQL_POSTGRESQL;
		sql_begin(&output->text, output->dialect);
	}
	set_table(output, record);
	sql_insert(&output->text, output->dialect, strbuf_span(&output->table), row);
	flush(output);
}

void sql_output_end(struct sql_output *output, bool whole)
{
	if (output->rows == 0)
		sql_begin(&output->text, output->dialect);
	sql_end(&output->text, whole, output->rows);
	flush(output);
	strbuf_clear(&output->text);
	strbuf_clear(&output->table);
}
