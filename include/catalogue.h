/* What a database's catalogue says of a column, as Debezium will write it. */
#ifndef ROWSTREAM_CATALOGUE_H
#define ROWSTREAM_CATALOGUE_H

#include "canonical.h"
#include "connector.h"

/* The properties of the connector that decide how values are written, as Debezium names their
 * values; NULL: its default. */
struct catalogue_modes {
	const char *decimal;	     /* decimal.handling.mode */
	const char *time;	     /* time.precision.mode */
	const char *unsigned_bigint; /* bigint.unsigned.handling.mode */
};

/* From a column's type as the database prints it: "numeric(12,2)[]", "timestamp(3) without time
 * zone" (PostgreSQL's format_type), "decimal(12,2) unsigned", "datetime(6)" (MySQL's and MariaDB's
 * COLUMN_TYPE). SEMANTIC_NONE: such values come as they are to be read. */
struct semantic catalogue_semantic(
	enum connector_kind kind, const char *type, const struct catalogue_modes *modes);

#endif
