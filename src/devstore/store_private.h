/* Shared by the store's own files and by nothing else. */
#ifndef DEVSTORE_STORE_PRIVATE_H
#define DEVSTORE_STORE_PRIVATE_H

#include <sqlite3.h>
#include <sys/queue.h>

#include "store.h"
#include "table.h"

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_INSERT_EVENT,
	SQL_INSERT_LINK,
	SQL_LAST_EVENT,
	SQL_LAST_LINK,
	SQL_EVENT_ID,
	SQL_EVENT,
	SQL_EVENTS_FORWARD,
	SQL_EVENTS_BACKWARD,
	SQL_LINKS_FORWARD,
	SQL_LINKS_BACKWARD,
	SQL_ALL_FORWARD,
	SQL_ALL_BACKWARD,
	SQL_CREATED,
	SQL_LINK_CREATED,
	SQL_NEXT_STREAM,
	SQL_NEXT_LINK_STREAM,
	SQL_STATEMENTS,
};

/* What is remembered of a stream, existing or not. */
struct stream {
	TAILQ_ENTRY(stream) link;
	int64_t last; /* number of its last event */
	bool meta_known;
	struct stream_meta meta;
	size_t name_len;
	char name[];
};

TAILQ_HEAD(stream_list, stream);

struct id_cache;

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_STATEMENTS];
	struct table streams; /* by name; a bounded cache of what the file says */
	struct stream_list recent;
	struct id_cache *ids;
	int64_t last_position;
	int64_t last_created;
	bool dirty, broken;
	struct error error; /* of the turn: why broken */
};

/* A statement ready to be bound; finish it with store_done. */
sqlite3_stmt *store_statement(struct store *store, enum statement statement);
void store_done(sqlite3_stmt *statement);
void store_bind(sqlite3_stmt *statement, int place, struct span text);
/* Steps a statement that gives no rows, and finishes it. Notes the reason if it fails. */
bool store_run(struct store *store, sqlite3_stmt *statement);
/* One row more? Notes the reason of a failure. */
bool store_row(struct store *store, sqlite3_stmt *statement);
bool store_begin(struct store *store);

struct stream *store_stream(struct store *store, struct span name);
const struct stream_meta *store_meta(struct store *store, struct stream *stream);
void store_forget_all(struct store *store);

bool is_metastream(struct span name);
/* "$$x" is of stream x. */
struct span original_of(struct span metastream);
void add_metastream_of(struct strbuf *out, struct span name);

/* Remembered ids of recent appends, for EXPECT_ANY. */
struct id_cache *id_cache_new(void);
void id_cache_free(struct id_cache *cache);
void id_cache_clear(struct id_cache *cache);
void id_cache_put(
	struct id_cache *cache, const unsigned char *id, struct span stream, int64_t number);
/* The number under which this stream got this id, or -1. */
int64_t id_cache_find(const struct id_cache *cache, const unsigned char *id, struct span stream);
size_t id_cache_count(const struct id_cache *cache);

/* Adds the links that the server's projections would have emitted for an event just written. */
bool store_add_links(struct store *store, struct span stream, int64_t number, int64_t position,
	const struct new_event *event);
/* Fills *link for a row of the links table and its event. */
void store_make_link(struct span link_stream, int64_t number, const struct stored_record *event,
	struct arena *arena, struct stored_record *link);

#endif
