/* The database behind a connector, asked by us: for its catalogue, and for what a connector needs
 * of it. libpq and libmariadb are hidden here; either may not have been there at configure. */
#ifndef ROWSTREAM_DATABASE_H
#define ROWSTREAM_DATABASE_H

#include "connector.h"
#include "error.h"
#include "strbuf.h"

/* Texts are malloc'd; NULL where nothing was said. */
struct database_address {
	enum connector_kind kind; /* CONNECTOR_MYSQL and CONNECTOR_MARIADB are one protocol */
	char *host, *user, *password, *name;
	int port; /* 0: the usual one */
};

/* "postgresql://user:password@host:port/database", also postgres://, mysql://, mariadb://; parts
 * percent-encoded. False and error (ERROR_INPUT, never with user or password). */
bool database_address_parse(struct database_address *address, const char *url, struct error *error);
/* From a connector's properties. False: it is of another kind, or has no host. */
bool database_address_of_connector(
	struct database_address *address, const struct connector_properties *properties);
void database_address_clear(struct database_address *address);

/* Whether databases of this kind can be asked, and by what: "libpq 15.8". */
bool database_is_built_in(enum connector_kind kind);
const char *database_library_versions(void);

struct database;

/* NULL and error: ERROR_INPUT where it is not built in, ERROR_RETRY where it cannot be reached or
 * lets us not in. */
struct database *database_open(const struct database_address *address, struct error *error);
void database_close(struct database *database);

/* Runs one statement; row gets each row's cells as texts (NULL: null), valid during the call. row
 * may be NULL. False and error (ERROR_REFUSED) in the database's words. */
bool database_query(struct database *database, const char *sql,
	void (*row)(void *user, const char *const *cells), void *user, struct error *error);
/* Adds text as a literal of its SQL, with its quotes. */
void database_add_literal(struct database *database, struct strbuf *sql, const char *text);

#endif
