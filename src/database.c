/* The database of a connector: by which library it is asked. */
#include "database.h"

#include <stdio.h>
#include <stdlib.h>

#include "autoconf.h"
#include "database_internal.h"

struct database {
	const struct database_library *library;
	void *connection;
};

/* NULL: not built in. */
static const struct database_library *library_of(enum connector_kind kind)
{
	switch (kind) {
#ifdef WITH_LIBPQ
	case CONNECTOR_POSTGRESQL:
		return &database_postgresql;
#endif
#ifdef WITH_LIBMARIADB
	case CONNECTOR_MYSQL:
	case CONNECTOR_MARIADB:
		return &database_mariadb;
#endif
	default:
		return NULL;
	}
}

bool database_is_built_in(enum connector_kind kind)
{
	return library_of(kind) != NULL;
}

const char *database_library_versions(void)
{
	const struct database_library *postgresql = library_of(CONNECTOR_POSTGRESQL);
	const struct database_library *mariadb = library_of(CONNECTOR_MARIADB);
	static char text[96];

	snprintf(text, sizeof(text), "%s\n%s", postgresql ? postgresql->version() : "without libpq",
		mariadb ? mariadb->version() : "without libmariadb");
	return text;
}

struct database *database_open(const struct database_address *address, struct error *error)
{
	const struct database_library *library = library_of(address->kind);
	struct database *database;
	void *connection;

	if (!library) {
		error_set(error, ERROR_INPUT,
			"this rowstream was built without %s, which this database is asked by",
			address->kind == CONNECTOR_POSTGRESQL ? "libpq" : "libmariadb");
		return NULL;
	}
	connection = library->open(address, error);
	if (!connection)
		return NULL;
	database = xcalloc(1, sizeof(*database));
	*database = (struct database){library, connection};
	return database;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	database->library->close(database->connection);
	free(database);
}

bool database_query(struct database *database, const char *sql,
	void (*row)(void *user, const char *const *cells), void *user, struct error *error)
{
	return database->library->query(database->connection, sql, row, user, error);
}

void database_add_literal(struct database *database, struct strbuf *sql, const char *text)
{
	database->library->add_literal(database->connection, sql, text);
}
