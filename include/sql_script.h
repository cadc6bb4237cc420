/* Rows as an SQL script that inserts them again. */
#ifndef ROWSTREAM_SQL_SCRIPT_H
#define ROWSTREAM_SQL_SCRIPT_H

#include "json_span.h"

enum sql_dialect { SQL_POSTGRESQL, SQL_MARIADB };

/* "postgresql", "mariadb". */
bool sql_dialect_of(const char *name, enum sql_dialect *dialect);

/* One transaction: begin, any number of inserts, end. Without its end (the program was killed) the
 * script changes nothing: the database rolls back. */
void sql_begin(struct strbuf *out, enum sql_dialect dialect);
/* Says what went wrong and rolls back unless whole. */
void sql_end(struct strbuf *out, bool whole, int64_t rows);

/* INSERT of one row, a JSON object of columns. table is one name. Texts are quoted; numbers and
 * booleans stand as they are; objects are their JSON text; arrays, which only PostgreSQL's array
 * columns have, are array literals in its dialect and JSON text in the other. */
void sql_insert(
	struct strbuf *out, enum sql_dialect dialect, struct span table, const struct js_doc *row);

#endif
