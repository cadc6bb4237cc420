/* PostgreSQL by libpq. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"

static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "libpq %d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
	return text;
}

/* libpq's messages end with a line end, and may have several lines. */
static void fail(const PGconn *connection, enum error_kind kind, struct error *error)
{
	char *text = xstrdup(PQerrorMessage(connection)), *at;
	size_t len = strlen(text);

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	for (at = text; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	error_set(error, kind, "%s", text);
	free(text);
}

static void ignore_notice(void *user, const char *text)
{
}

static void *open(const struct database_address *address, struct error *error)
{
	char port[16], timeout[16];
	const char *const names[] = {"host", "port", "user", "password", "dbname",
		"connect_timeout", "application_name", "client_encoding", NULL};
	const char *const values[] = {address->host, port, address->user, address->password,
		address->name, timeout, "rowstream", "UTF8", NULL};
	PGconn *connection;

	snprintf(port, sizeof(port), "%d", address->port ? address->port : 5432);
	snprintf(timeout, sizeof(timeout), "%d", DATABASE_CONNECT_TIMEOUT_S);
	connection = PQconnectdbParams(names, values, 0);
	if (PQstatus(connection) == CONNECTION_OK) {
		PQsetNoticeProcessor(connection, ignore_notice, NULL);
		return connection;
	}
	fail(connection, ERROR_RETRY, error);
	PQfinish(connection);
	return NULL;
}

static void close_it(void *connection)
{
	PQfinish(connection);
}

static void give_rows(
	const PGresult *result, void (*row)(void *user, const char *const *cells), void *user)
{
	int columns = PQnfields(result), i, at;
	const char **cells = xcalloc((size_t)columns + 1, sizeof(*cells));

	for (i = 0; i < PQntuples(result); i++) {
		for (at = 0; at < columns; at++)
			cells[at] = PQgetisnull(result, i, at) ? NULL : PQgetvalue(result, i, at);
		row(user, cells);
	}
	free(cells);
}

static bool query(void *connection, const char *sql,
	void (*row)(void *user, const char *const *cells), void *user, struct error *error)
{
	PGresult *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);
	bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;

	if (!ok)
		fail(connection, ERROR_REFUSED, error);
	else if (row)
		give_rows(result, row, user);
	PQclear(result);
	return ok;
}

static void add_literal(void *connection, struct strbuf *sql, const char *text)
{
	char *literal = PQescapeLiteral(connection, text, strlen(text));

	/* NULL for what is no UTF-8: then nothing of it may reach the server. */
	strbuf_add_text(sql, literal ? literal : "NULL");
	PQfreemem(literal);
}

const struct database_library database_postgresql = {
	version,
	open,
	close_it,
	query,
	add_literal,
};
