/* Errors of Kafka Connect, Debezium and its drivers: what they say, and what to do. */
#include "connector.h"

#include <ctype.h>
#include <string.h>

/* --- Stack traces --- */

/* Behind "io.debezium.DebeziumException: ", which may stand there more than once. */
static struct span without_classes(struct span line)
{
	size_t i = 0, dots = 0;

	while (i < line.len && (isalnum((unsigned char)line.ptr[i]) || line.ptr[i] == '$' ||
				       line.ptr[i] == '_' || line.ptr[i] == '.'))
		dots += line.ptr[i++] == '.';
	if (dots < 2 || i + 2 >= line.len || line.ptr[i] != ':' || line.ptr[i + 1] != ' ')
		return line;
	return without_classes((struct span){line.ptr + i + 2, line.len - i - 2});
}

static struct span line_at(struct span trace, size_t from)
{
	struct span line = {trace.ptr + from, trace.len - from};
	const char *end = line.len ? memchr(line.ptr, '\n', line.len) : NULL;

	if (end)
		line.len = (size_t)(end - line.ptr);
	while (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

void connector_cause(struct span trace, struct strbuf *out)
{
	static const char mark[] = "Caused by: ";
	struct span first = without_classes(line_at(trace, 0)), cause = SPAN_NULL;
	size_t at;

	for (at = 0; at < trace.len; at++) {
		struct span line = line_at(trace, at);

		if (line.len > sizeof(mark) && memcmp(line.ptr, mark, sizeof(mark) - 1) == 0)
			cause = without_classes((struct span){
				line.ptr + sizeof(mark) - 1, line.len - (sizeof(mark) - 1)});
		at += line.len;
		while (at < trace.len && trace.ptr[at] != '\n')
			at++;
	}
	strbuf_add_span(out, first);
	if (cause.len == 0 || (cause.len <= first.len && memcmp(first.ptr + first.len - cause.len,
								 cause.ptr, cause.len) == 0))
		return;
	while (out->len && (out->data[out->len - 1] == '.' || out->data[out->len - 1] == ' '))
		out->data[--out->len] = '\0';
	strbuf_add_text(out, ": ");
	strbuf_add_span(out, cause);
}

/* --- What to do --- */

/* The first whose words stand in the text, in capitals or not. */
static const struct {
	const char *words, *advice;
} advices[] = {
	{"requires wal_level >= logical",
		"ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL"},
	{"wal_level", "set wal_level = logical and restart PostgreSQL"},
	{"must be superuser or replication role",
		"ALTER ROLE … REPLICATION for the connector's user"},
	{"roles LOGIN and REPLICATION", "ALTER ROLE … LOGIN REPLICATION for the connector's user"},
	{"permission denied for database",
		"GRANT CREATE ON DATABASE … to the connector's user, or create the publication "
		"yourself and set publication.autocreate.mode to disabled"},
	{"must be owner of table",
		"only a table's owner can publish it: create the publication as the owner (CREATE "
		"PUBLICATION … FOR TABLE …), name it in publication.name, and set "
		"publication.autocreate.mode to disabled"},
	{"Publication autocreation is disabled",
		"CREATE PUBLICATION … FOR TABLE … with the name in publication.name"},
	{"permission denied for", "GRANT USAGE on the schema and SELECT on the tables to the "
				  "connector's user"},
	{"all replication slots are in use",
		"drop slots that nobody reads (pg_replication_slots), or raise "
		"max_replication_slots"},
	{"is active for PID", "another connector reads this slot: give each a slot.name of its "
			      "own, or remove the other one"},
	{"number of requested standby connections exceeds", "raise max_wal_senders"},
	{"binlog_format", "SET GLOBAL binlog_format = 'ROW', and in the server's file for its "
			  "next start"},
	{"binlog_row_image", "SET GLOBAL binlog_row_image = 'FULL', and in the server's file for "
			     "its next start"},
	{"not configured to use a binlog", "set log_bin and server_id in the server's file and "
					   "restart it"},
	{"Binary logging is not enabled", "set log_bin and server_id in the server's file and "
					  "restart it"},
	{"'LOCK TABLES' privilege", "GRANT RELOAD, LOCK TABLES to the connector's user, or set "
				    "snapshot.locking.mode to none"},
	{"REPLICATION SLAVE", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to the "
			      "connector's user"},
	{"REPLICATION CLIENT", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to the "
			       "connector's user"},
	{"BINLOG MONITOR", "GRANT BINLOG MONITOR, REPLICATION SLAVE ON *.* to the connector's "
			   "user"},
	{"same server_uuid/server_id", "another replica has this database.server.id: set a "
				       "number that nobody else uses"},
	{"no longer available on the server",
		"the database has dropped the log that the connector stopped at: set "
		"snapshot.mode to when_needed for a new snapshot, and keep the log for longer"},
	{"could not find first log file name",
		"the database has dropped the log that the connector stopped at: set "
		"snapshot.mode to when_needed for a new snapshot, and keep the log for longer"},
	{"db history topic or its content is fully or partially missing",
		"set snapshot.mode to recovery once, so that the history is built anew"},
	{"SHOW BINARY LOG STATUS", "this is MariaDB, or an old MySQL: take the connector that is "
				   "made for it"},
	{"Access denied for user", "look at database.user and database.password, and from which "
				   "host the worker may log in"},
	{"password authentication failed", "look at database.user and database.password"},
	{"no pg_hba.conf entry", "let the worker's host in by pg_hba.conf, or set "
				 "database.sslmode"},
	{"Connection refused", "is the database up, are database.hostname and database.port right "
			       "as seen from the Connect worker?"},
	{"refused. Check that the hostname", "is the database up, does it listen on more than "
					     "localhost, are database.hostname and database.port "
					     "right as seen from the Connect worker?"},
	{"The connection attempt failed", "is database.hostname a name that the Connect worker can "
					  "resolve and reach?"},
	{"UnknownHost", "is database.hostname a name that the Connect worker can resolve?"},
	{"Unknown database", "look at the database's name"},
	{"could not be found", "this class is not on the worker: put its archive in a folder of "
			       "its plugin.path and restart it"},
	{"TimeoutException", "can the worker reach Kafka at the addresses in these properties?"},
	{"RecordTooLargeException", "raise producer.override.max.request.size here, and "
				    "message.max.bytes of the broker or max.message.bytes of the "
				    "topic"},
	{"does not exist", "look at the name"},
};

const char *connector_advice(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strcasestr(text, advices[i].words))
			return advices[i].advice;
	return NULL;
}
