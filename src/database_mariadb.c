/* MariaDB and MySQL by libmariadb. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"

static const char *version(void)
{
	static char text[48];

	snprintf(text, sizeof(text), "libmariadb %s", mysql_get_client_info());
	return text;
}

static void set_up(MYSQL *connection)
{
	unsigned timeout_s = DATABASE_CONNECT_TIMEOUT_S, no = 0;
	/* "localhost" would be a socket file. */
	unsigned protocol = MYSQL_PROTOCOL_TCP;

	mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_options(connection, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
	mysql_options(connection, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* A server could ask for our files. */
	mysql_options(connection, MYSQL_OPT_LOCAL_INFILE, &no);
}

static void *open(const struct database_address *address, struct error *error)
{
	MYSQL *connection = mysql_init(NULL);

	if (!connection) {
		error_set(error, ERROR_FATAL, "libmariadb cannot be set up");
		return NULL;
	}
	set_up(connection);
	if (mysql_real_connect(connection, address->host, address->user, address->password,
		    address->name, address->port ? (unsigned)address->port : 3306, NULL, 0))
		return connection;
	error_set(error, ERROR_RETRY, "%s", mysql_error(connection));
	mysql_close(connection);
	return NULL;
}

static void close_it(void *connection)
{
	mysql_close(connection);
}

static bool query(void *connection, const char *sql,
	void (*row)(void *user, const char *const *cells), void *user, struct error *error)
{
	MYSQL_RES *result;
	MYSQL_ROW cells;

	if (mysql_query(connection, sql) != 0) {
		error_set(error, ERROR_REFUSED, "%s", mysql_error(connection));
		return false;
	}
	result = mysql_store_result(connection);
	if (!result && mysql_field_count(connection)) {
		error_set(error, ERROR_REFUSED, "%s", mysql_error(connection));
		return false;
	}
	while (result && row && (cells = mysql_fetch_row(result)))
		row(user, (const char *const *)cells);
	mysql_free_result(result);
	return true;
}

static void add_literal(void *connection, struct strbuf *sql, const char *text)
{
	size_t len = strlen(text);

	strbuf_add_char(sql, '\'');
	sql->len +=
		mysql_real_escape_string(connection, strbuf_reserve(sql, 2 * len + 1), text, len);
	sql->data[sql->len] = '\0';
	strbuf_add_char(sql, '\'');
}

const struct database_library database_mariadb = {
	version,
	open,
	close_it,
	query,
	add_literal,
};
