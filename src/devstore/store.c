/* The database file: opening, checking, transactions, and what is remembered of streams. */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_private.h"

/* "Rstm": says whose file this is. */
#define APPLICATION_ID 0x5273746d
#define FORMAT_VERSION 1
/* Of new files. SQLite renumbers pages for a moment where a tree is balanced, and then its commit
 * looks at every page it holds (3.40): half as many pages, and 5 appends a request are a fifth
 * faster. */
#define PAGE_SIZE "PRAGMA page_size = 8192"
#define MAX_CACHED_STREAMS 250000
/* Larger files are searched for damage only when that is asked for: about a second. */
#define MAX_CHECKED_BYTES ((int64_t)512 << 20)

static const char schema[] =
	"CREATE TABLE events (\n"
	"  position INTEGER PRIMARY KEY,\n"
	"  stream TEXT NOT NULL,\n"
	"  number INTEGER NOT NULL,\n"
	"  id BLOB NOT NULL,\n"
	"  type TEXT NOT NULL,\n"
	"  created INTEGER NOT NULL, -- 100 ns since 1970\n"
	"  json INTEGER NOT NULL,\n"
	"  metadata BLOB,\n"
	"  data BLOB);\n"
	"CREATE UNIQUE INDEX events_by_stream ON events (stream, number);\n"
	"-- $ce-, $et-, $bc-, $streams, $category-: filled as events are written\n"
	"CREATE TABLE links (\n"
	"  stream TEXT NOT NULL,\n"
	"  number INTEGER NOT NULL,\n"
	"  position INTEGER NOT NULL,\n"
	"  PRIMARY KEY (stream, number)) WITHOUT ROWID;\n";

#define EVENT_COLUMNS \
	"events.position, events.stream, events.number, events.id, events.type, " \
	"events.created, events.json, events.metadata, events.data "
#define LINKED "FROM links JOIN events ON events.position = links.position "

static const char *const sql[SQL_STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_INSERT_EVENT] = "INSERT INTO events (position, stream, number, id, type, created, "
			     "json, metadata, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SQL_INSERT_LINK] = "INSERT INTO links (stream, number, position) VALUES (?, ?, ?)",
	[SQL_LAST_EVENT] =
		"SELECT number FROM events WHERE stream = ? ORDER BY number DESC LIMIT 1",
	[SQL_LAST_LINK] = "SELECT number FROM links WHERE stream = ? ORDER BY number DESC LIMIT 1",
	[SQL_EVENT_ID] = "SELECT id FROM events WHERE stream = ? AND number = ?",
	[SQL_EVENT] = "SELECT " EVENT_COLUMNS "FROM events WHERE stream = ? AND number = ?",
	[SQL_EVENTS_FORWARD] = "SELECT " EVENT_COLUMNS "FROM events WHERE stream = ? AND number "
			       "BETWEEN ? AND ? ORDER BY number",
	[SQL_EVENTS_BACKWARD] = "SELECT " EVENT_COLUMNS "FROM events WHERE stream = ? AND number "
				"BETWEEN ? AND ? ORDER BY number DESC",
	[SQL_LINKS_FORWARD] =
		"SELECT " EVENT_COLUMNS ", links.number " LINKED "WHERE links.stream = ? AND "
		"links.number BETWEEN ? AND ? ORDER BY links.number",
	[SQL_LINKS_BACKWARD] =
		"SELECT " EVENT_COLUMNS ", links.number " LINKED "WHERE links.stream = ? AND "
		"links.number BETWEEN ? AND ? ORDER BY links.number DESC",
	[SQL_ALL_FORWARD] =
		"SELECT " EVENT_COLUMNS "FROM events WHERE position >= ? ORDER BY position",
	[SQL_ALL_BACKWARD] =
		"SELECT " EVENT_COLUMNS "FROM events WHERE position < ? ORDER BY position DESC",
	[SQL_CREATED] = "SELECT created FROM events WHERE stream = ? AND number = ?",
	[SQL_LINK_CREATED] =
		"SELECT events.created " LINKED "WHERE links.stream = ? AND links.number = ?",
	[SQL_NEXT_STREAM] = "SELECT stream FROM events WHERE stream > ? ORDER BY stream LIMIT 1",
	[SQL_NEXT_LINK_STREAM] =
		"SELECT stream FROM links WHERE stream > ? ORDER BY stream LIMIT 1",
};

/* --- Statements --- */

sqlite3_stmt *store_statement(struct store *store, enum statement statement)
{
	return store->statements[statement];
}

void store_done(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

void store_bind(sqlite3_stmt *statement, int place, struct span text)
{
	sqlite3_bind_text64(
		statement, place, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void note_failure(struct store *store)
{
	store->broken = true;
	error_set(&store->error, ERROR_FATAL, "the database cannot be used: %s",
		sqlite3_errmsg(store->db));
}

bool store_row(struct store *store, sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	if (result != SQLITE_ROW && result != SQLITE_DONE)
		note_failure(store);
	return result == SQLITE_ROW;
}

bool store_run(struct store *store, sqlite3_stmt *statement)
{
	bool failed_before = store->broken;

	store->broken = false;
	store_row(store, statement);
	store_done(statement);
	if (store->broken)
		return false;
	store->broken = failed_before;
	return true;
}

/* --- Transactions --- */

bool store_begin(struct store *store)
{
	if (store->broken)
		return false;
	if (!store->dirty)
		store->dirty = store_run(store, store_statement(store, SQL_BEGIN));
	return store->dirty;
}

bool store_is_dirty(const struct store *store)
{
	return store->dirty || store->broken;
}

static void read_last_position(struct store *store)
{
	sqlite3_stmt *statement = NULL;

	if (!sqlite3_prepare_v2(store->db,
		    "SELECT position, created FROM events ORDER BY position DESC LIMIT 1", -1,
		    &statement, NULL) &&
		sqlite3_step(statement) == SQLITE_ROW) {
		store->last_position = sqlite3_column_int64(statement, 0);
		store->last_created = sqlite3_column_int64(statement, 1);
	} else {
		store->last_position = 0;
	}
	sqlite3_finalize(statement);
}

/* SQLite may have rolled back by itself already. What the caches say is of the lost turn. */
static void roll_back(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db)) {
		sqlite3_step(store_statement(store, SQL_ROLLBACK));
		store_done(store_statement(store, SQL_ROLLBACK));
	}
	store_forget_all(store);
	read_last_position(store);
}

bool store_commit(struct store *store, struct error *error)
{
	bool ok = !store->broken;

	if (store->dirty && ok)
		ok = store_run(store, store_statement(store, SQL_COMMIT));
	if (!ok) {
		error_set(error, store->error.kind, "%s", store->error.text);
		roll_back(store);
	}
	error_clear(&store->error);
	store->dirty = store->broken = false;
	return ok;
}

/* --- Streams --- */

bool is_metastream(struct span name)
{
	return name.len > 2 && name.ptr[0] == '$' && name.ptr[1] == '$';
}

struct span original_of(struct span metastream)
{
	return (struct span){metastream.ptr + 2, metastream.len - 2};
}

void add_metastream_of(struct strbuf *out, struct span name)
{
	strbuf_add_text(out, "$$");
	strbuf_add_span(out, name);
}

static void free_stream(struct stream *stream)
{
	stream_meta_clear(&stream->meta);
	free(stream);
}

void store_forget_all(struct store *store)
{
	struct stream *stream;

	while ((stream = TAILQ_FIRST(&store->recent))) {
		TAILQ_REMOVE(&store->recent, stream, link);
		free_stream(stream);
	}
	table_clear(&store->streams);
	id_cache_clear(store->ids);
}

static struct span name_of(const struct stream *stream)
{
	return (struct span){stream->name, stream->name_len};
}

static void forget_oldest(struct store *store)
{
	struct stream *oldest = TAILQ_LAST(&store->recent, stream_list);

	TAILQ_REMOVE(&store->recent, oldest, link);
	table_remove(&store->streams, name_of(oldest));
	free_stream(oldest);
}

static int64_t find_last(struct store *store, struct span name)
{
	sqlite3_stmt *statement =
		store_statement(store, store_is_computed(name) ? SQL_LAST_LINK : SQL_LAST_EVENT);
	int64_t last = STREAM_NONE;

	store_bind(statement, 1, name);
	if (store_row(store, statement))
		last = sqlite3_column_int64(statement, 0);
	store_done(statement);
	return last;
}

/* Stays where it is while a handful of other streams are looked up: only the longest unused one of
 * very many is ever forgotten. */
struct stream *store_stream(struct store *store, struct span name)
{
	struct stream *stream = table_get(&store->streams, name);

	if (stream) {
		TAILQ_REMOVE(&store->recent, stream, link);
	} else {
		if (store->streams.count >= MAX_CACHED_STREAMS)
			forget_oldest(store);
		stream = xcalloc(1, sizeof(*stream) + name.len);
		stream->name_len = name.len;
		memcpy(stream->name, name.ptr, name.len);
		stream->last = find_last(store, name);
		table_put(&store->streams, name_of(stream), stream);
	}
	TAILQ_INSERT_HEAD(&store->recent, stream, link);
	return stream;
}

static void load_meta(struct store *store, struct stream *stream)
{
	struct strbuf metastream = {0};
	sqlite3_stmt *statement = store_statement(store, SQL_EVENT);
	int64_t last;

	stream->meta_known = true;
	if (is_metastream(name_of(stream)))
		return;
	add_metastream_of(&metastream, name_of(stream));
	last = store_stream(store, strbuf_span(&metastream))->last;
	if (last >= 0) {
		store_bind(statement, 1, strbuf_span(&metastream));
		sqlite3_bind_int64(statement, 2, last);
		if (store_row(store, statement) && sqlite3_column_int(statement, 6))
			stream_meta_parse(
				&stream->meta, (struct span){sqlite3_column_blob(statement, 8),
						       (size_t)sqlite3_column_bytes(statement, 8)});
		store_done(statement);
	}
	strbuf_clear(&metastream);
}

const struct stream_meta *store_meta(struct store *store, struct stream *stream)
{
	if (!stream->meta_known)
		load_meta(store, stream);
	return &stream->meta;
}

const struct stream_meta *store_metadata(struct store *store, struct span stream)
{
	return store_meta(store, store_stream(store, stream));
}

/* The metastream of a tombstoned stream is gone with it. */
int64_t store_last_number(struct store *store, struct span stream)
{
	if (is_metastream(stream) &&
		store_stream(store, original_of(stream))->last == STREAM_DELETED)
		return STREAM_DELETED;
	return store_stream(store, stream)->last;
}

int64_t store_last_position(const struct store *store)
{
	return store->last_position;
}

bool store_is_computed(struct span stream)
{
	static const char *const prefixes[] = {"$ce-", "$et-", "$bc-", "$category-"};
	size_t i;

	if (!stream.len || stream.ptr[0] != '$')
		return false;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i]);

		if (stream.len > len && !memcmp(stream.ptr, prefixes[i], len))
			return true;
	}
	return span_is(stream, "$streams");
}

bool store_next_name(struct store *store, bool computed, struct span after, struct strbuf *name)
{
	sqlite3_stmt *statement =
		store_statement(store, computed ? SQL_NEXT_LINK_STREAM : SQL_NEXT_STREAM);
	bool found;

	store_bind(statement, 1, after);
	found = store_row(store, statement);
	if (found) {
		/* after may be this very buffer. */
		strbuf_reset(name);
		strbuf_add(name, sqlite3_column_blob(statement, 0),
			(size_t)sqlite3_column_bytes(statement, 0));
	}
	store_done(statement);
	return found;
}

static int64_t one_number(struct store *store, const char *query)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = 0;

	if (!sqlite3_prepare_v2(store->db, query, -1, &statement, NULL) &&
		sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

static int64_t file_bytes(struct store *store)
{
	return one_number(store, "PRAGMA page_count") * one_number(store, "PRAGMA page_size");
}

void store_figures(struct store *store, struct store_figures *figures)
{
	int64_t streams = store_last_number(store, span_of("$streams")) + 1;

	*figures = (struct store_figures){
		.events = store->last_position,
		.streams = streams,
		.file_bytes = file_bytes(store),
		.cached_streams = store->streams.count,
		.cached_ids = id_cache_count(store->ids),
	};
}

/* --- Opening --- */

static bool execute(struct store *store, const char *text, struct error *error)
{
	if (sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	error_set(error, ERROR_INPUT, "%s", sqlite3_errmsg(store->db));
	return false;
}

/* A whole walk through a large file would keep everybody waiting at every start. */
static bool check_file(struct store *store, bool all, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int result;

	if (!all && file_bytes(store) > MAX_CHECKED_BYTES)
		return true;
	result = sqlite3_prepare_v2(store->db,
		all ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", -1, &statement, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result != SQLITE_ROW)
		error_set(error, ERROR_INPUT, "cannot be checked: %s", sqlite3_errmsg(store->db));
	else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok"))
		error_set(error, ERROR_INPUT, "is damaged: %s",
			(const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return error->kind == ERROR_NONE;
}

static bool set_up(struct store *store, struct error *error)
{
	char text[64];

	if (!execute(store, "BEGIN IMMEDIATE", error) || !execute(store, schema, error))
		return false;
	snprintf(text, sizeof(text), "PRAGMA application_id = %d", APPLICATION_ID);
	if (!execute(store, text, error))
		return false;
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", FORMAT_VERSION);
	return execute(store, text, error) && execute(store, "COMMIT", error);
}

/* Nothing is written before this has said yes: a file of somebody else is left as it is. */
static bool check_owner(struct store *store, bool *is_new, struct error *error)
{
	int64_t owner = one_number(store, "PRAGMA application_id");
	int64_t version = one_number(store, "PRAGMA user_version");

	*is_new = !owner && !one_number(store, "SELECT count(*) FROM sqlite_schema");
	if (*is_new)
		return true;
	if (owner != APPLICATION_ID)
		error_set(error, ERROR_INPUT,
			"is a database of some other program; name a file that does not exist "
			"yet");
	else if (version != FORMAT_VERSION)
		error_set(error, ERROR_INPUT,
			"has format %lld, this program reads format %d; start with a new file",
			(long long)version, FORMAT_VERSION);
	return error->kind == ERROR_NONE;
}

/* Exclusive: the second process on a file is refused, and no shared memory is needed. */
static bool lock_file(struct store *store, const char *file, struct error *error)
{
	int result = sqlite3_open_v2(file, &store->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_exec(store->db,
			"PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema", NULL,
			NULL, NULL);
	if (result == SQLITE_BUSY || result == SQLITE_LOCKED)
		error_set(error, ERROR_INPUT, "is in use by another process");
	else if (result == SQLITE_NOTADB)
		error_set(
			error, ERROR_INPUT, "is no database; name a file that does not exist yet");
	else if (result != SQLITE_OK)
		error_set(error, ERROR_INPUT, "cannot be opened: %s", sqlite3_errmsg(store->db));
	return result == SQLITE_OK;
}

static bool open_file(struct store *store, const struct store_options *options, struct error *error)
{
	bool is_new;

	return lock_file(store, options->file, error) && check_owner(store, &is_new, error) &&
	       execute(store, PAGE_SIZE, error) &&
	       execute(store, "PRAGMA journal_mode = WAL", error) &&
	       (is_new ? set_up(store, error) : check_file(store, options->check_all, error)) &&
	       execute(store,
		       options->no_fsync ? "PRAGMA synchronous = NORMAL"
					 : "PRAGMA synchronous = FULL",
		       error) &&
	       execute(store, "PRAGMA wal_autocheckpoint = 2000", error);
}

static bool open_memory(struct store *store, struct error *error)
{
	if (sqlite3_open(":memory:", &store->db) != SQLITE_OK) {
		error_set(error, ERROR_FATAL, "%s", sqlite3_errmsg(store->db));
		return false;
	}
	return execute(store, PAGE_SIZE, error) && set_up(store, error);
}

static bool prepare_all(struct store *store, struct error *error)
{
	int i;

	for (i = 0; i < SQL_STATEMENTS; i++) {
		if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statements[i], NULL) == SQLITE_OK)
			continue;
		error_set(error, ERROR_INPUT, "has not the tables it should have: %s",
			sqlite3_errmsg(store->db));
		return false;
	}
	return true;
}

struct store *store_open(const struct store_options *options, struct error *error)
{
	struct store *store = xcalloc(1, sizeof(*store));
	bool ok;

	TAILQ_INIT(&store->recent);
	store->ids = id_cache_new();
	ok = options->file ? open_file(store, options, error) : open_memory(store, error);
	ok = ok && execute(store, "PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY", error);
	if (!ok || !prepare_all(store, error)) {
		error_context(error, "--data %s", options->file ? options->file : "in memory");
		store_close(store);
		return NULL;
	}
	read_last_position(store);
	return store;
}

void store_close(struct store *store)
{
	int i;

	if (!store)
		return;
	store_forget_all(store);
	id_cache_free(store->ids);
	for (i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	free(store);
}
