/* What each library must do for database.c. */
#ifndef ROWSTREAM_DATABASE_INTERNAL_H
#define ROWSTREAM_DATABASE_INTERNAL_H

#include "database.h"

#define DATABASE_CONNECT_TIMEOUT_S 10

struct database_library {
	const char *(*version)(void);
	void *(*open)(const struct database_address *address, struct error *error);
	void (*close)(void *connection);
	bool (*query)(void *connection, const char *sql,
		void (*row)(void *user, const char *const *cells), void *user, struct error *error);
	void (*add_literal)(void *connection, struct strbuf *sql, const char *text);
};

extern const struct database_library database_postgresql, database_mariadb;

#endif
