/* The map is a private, temporary SQLite database: SQLite keeps it in its page cache as long as it
 * fits, and in an unlinked file behind that. */
#include "row_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "natural.h"
#include "strbuf.h"

struct row_store {
	sqlite3 *db;
	sqlite3_stmt *put, *get, *walk;
	struct strbuf value; /* of the last get */
};

static bool fail(const struct row_store *store, struct error *error)
{
	error_set(error, ERROR_FATAL,
		"rows cannot be kept in a temporary file: %s (TMPDIR names its directory)",
		store->db ? sqlite3_errmsg(store->db) : "no memory");
	return false;
}

static int collate(void *none, int a_len, const void *a, int b_len, const void *b)
{
	(void)none;
	return natural_order((struct span){a, (size_t)a_len}, (struct span){b, (size_t)b_len});
}

static bool prepare(struct row_store *store, const char *sql, sqlite3_stmt **statement)
{
	return sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) ==
	       SQLITE_OK;
}

/* The one transaction never ends: what it holds is thrown away with the file. */
static bool set_up(struct row_store *store, int64_t memory_bytes)
{
	char cache[64];

	snprintf(cache, sizeof(cache), "PRAGMA cache_size = -%lld",
		(long long)(memory_bytes < 1024 ? 1 : memory_bytes / 1024));
	return sqlite3_open("", &store->db) == SQLITE_OK &&
	       sqlite3_create_collation(store->db, "natural_order", SQLITE_UTF8, NULL, collate) ==
		       SQLITE_OK &&
	       sqlite3_exec(store->db, cache, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(store->db,
		       "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
		       "CREATE TABLE entries (key TEXT COLLATE natural_order PRIMARY KEY, "
		       "value BLOB NOT NULL) WITHOUT ROWID; BEGIN",
		       NULL, NULL, NULL) == SQLITE_OK &&
	       prepare(store,
		       "INSERT INTO entries VALUES (?1, ?2) "
		       "ON CONFLICT (key) DO UPDATE SET value = ?2",
		       &store->put) &&
	       prepare(store, "SELECT value FROM entries WHERE key = ?1", &store->get) &&
	       prepare(store, "SELECT key, value FROM entries ORDER BY key", &store->walk);
}

struct row_store *row_store_new(int64_t memory_bytes, struct error *error)
{
	struct row_store *store = xcalloc(1, sizeof(*store));

	if (set_up(store, memory_bytes))
		return store;
	fail(store, error);
	row_store_free(store);
	return NULL;
}

void row_store_free(struct row_store *store)
{
	if (!store)
		return;
	sqlite3_finalize(store->put);
	sqlite3_finalize(store->get);
	sqlite3_finalize(store->walk);
	sqlite3_close(store->db);
	strbuf_clear(&store->value);
	free(store);
}

static bool bind(sqlite3_stmt *statement, struct span key)
{
	return sqlite3_bind_text64(statement, 1, key.ptr, key.len, SQLITE_STATIC, SQLITE_UTF8) ==
	       SQLITE_OK;
}

bool row_store_put(struct row_store *store, struct span key, struct span value, struct error *error)
{
	bool good = bind(store->put, key) &&
		    sqlite3_bind_blob64(store->put, 2, value.ptr, value.len, SQLITE_STATIC) ==
			    SQLITE_OK &&
		    sqlite3_step(store->put) == SQLITE_DONE;

	if (!good)
		fail(store, error);
	sqlite3_reset(store->put);
	return good;
}

bool row_store_get(
	struct row_store *store, struct span key, struct span *value, struct error *error)
{
	int step = bind(store->get, key) ? sqlite3_step(store->get) : SQLITE_ERROR;

	*value = SPAN_NULL;
	if (step == SQLITE_ROW) {
		strbuf_reset(&store->value);
		strbuf_add(&store->value, sqlite3_column_blob(store->get, 0),
			(size_t)sqlite3_column_bytes(store->get, 0));
		*value = strbuf_span(&store->value);
	} else if (step != SQLITE_DONE) {
		fail(store, error);
	}
	sqlite3_reset(store->get);
	return step == SQLITE_ROW || step == SQLITE_DONE;
}

void row_store_rewind(struct row_store *store)
{
	sqlite3_reset(store->walk);
}

bool row_store_next(
	struct row_store *store, struct span *key, struct span *value, struct error *error)
{
	int step = sqlite3_step(store->walk);

	if (step == SQLITE_ROW) {
		*key = (struct span){(const char *)sqlite3_column_text(store->walk, 0),
			(size_t)sqlite3_column_bytes(store->walk, 0)};
		*value = (struct span){sqlite3_column_blob(store->walk, 1),
			(size_t)sqlite3_column_bytes(store->walk, 1)};
		return true;
	}
	if (step != SQLITE_DONE)
		fail(store, error);
	sqlite3_reset(store->walk);
	return false;
}

bool row_store_spilled(const struct row_store *store)
{
	int spilled = 0, highest = 0;

	sqlite3_db_status(store->db, SQLITE_DBSTATUS_CACHE_SPILL, &spilled, &highest, 0);
	return spilled > 0;
}
