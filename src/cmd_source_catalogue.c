/* rowstream source types --database: types of columns from the database's own catalogue. */
#include "catalogue.h"
#include "cmd_source.h"
#include "database.h"

static const char postgresql_columns[] =
	/* Domains are followed to the type below them. */
	"WITH RECURSIVE columns AS ("
	"SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS modifier"
	" FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped"
	" UNION ALL"
	" SELECT c.attrelid, c.attnum, c.attname, t.typbasetype, t.typtypmod"
	" FROM columns c JOIN pg_catalog.pg_type t ON t.oid = c.type WHERE t.typtype = 'd')"
	" SELECT pg_catalog.current_database(), n.nspname, r.relname, c.attname,"
	" pg_catalog.format_type(c.type, c.modifier)"
	" FROM columns c JOIN pg_catalog.pg_class r ON r.oid = c.attrelid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace"
	" JOIN pg_catalog.pg_type t ON t.oid = c.type"
	" WHERE t.typtype <> 'd' AND r.relkind IN ('r', 'p')"
	" AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
	" ORDER BY n.nspname, r.relname, c.attnum";

static const char binlog_columns[] =
	"SELECT c.table_schema, NULL, c.table_name, c.column_name, c.column_type"
	" FROM information_schema.columns c JOIN information_schema.tables t"
	" ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
	" WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND c.table_schema NOT IN"
	" ('mysql', 'sys', 'performance_schema', 'information_schema')"
	" AND (DATABASE() IS NULL OR c.table_schema = DATABASE())"
	" ORDER BY c.table_schema, c.table_name, c.ordinal_position";

struct columns_read {
	enum connector_kind kind;
	struct catalogue_modes modes;
	struct column_types *types;
	struct strbuf name;
};

/* Cells: database, schema or NULL, table, column, type. */
static void add_column(void *user, const char *const *cells)
{
	struct columns_read *read = user;
	struct semantic semantic;
	int i;

	strbuf_reset(&read->name);
	for (i = 0; i < 4; i++)
		if (cells[i])
			strbuf_printf(&read->name, "%s%s", read->name.len ? "." : "", cells[i]);
	semantic = catalogue_semantic(read->kind, cells[4] ? cells[4] : "", &read->modes);
	column_types_put(read->types, strbuf_span(&read->name), &semantic);
}

/* Of a connector that is configured here, what it will be told; else Debezium's defaults. */
static const char *mode_of(const struct source *source, const char *name)
{
	return connector_get(&source->properties, "connector.class")
		       ? connector_get(&source->properties, name)
		       : NULL;
}

bool source_read_catalogue(
	struct source *source, const char *url, struct column_types *types, struct error *error)
{
	struct database_address address;
	struct database *database = NULL;
	struct columns_read read = {.types = types,
		.modes = {
			.decimal = mode_of(source, "decimal.handling.mode"),
			.time = mode_of(source, "time.precision.mode"),
			.unsigned_bigint = mode_of(source, "bigint.unsigned.handling.mode"),
		}};
	bool ok = false;

	if (database_address_parse(&address, url, error))
		database = database_open(&address, error);
	if (database) {
		read.kind = address.kind;
		ok = database_query(database,
			read.kind == CONNECTOR_POSTGRESQL ? postgresql_columns : binlog_columns,
			add_column, &read, error);
	}
	if (!ok)
		error_context(error, "--database");
	else
		fprintf(stderr,
			"for decimal.handling.mode=%s, time.precision.mode=%s: %zu columns\n",
			read.modes.decimal ? read.modes.decimal : "precise",
			read.modes.time ? read.modes.time : "adaptive", column_types_count(types));
	database_close(database);
	database_address_clear(&address);
	strbuf_clear(&read.name);
	return ok;
}
