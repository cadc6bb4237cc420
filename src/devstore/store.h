/* Events in SQLite: appended with an expected version, read by stream or in the order they came.
 *
 * One thread, one connection. Writes of a turn share one transaction; nothing that was read or
 * written in a turn may be told to anybody before store_commit said yes. */
#ifndef DEVSTORE_STORE_H
#define DEVSTORE_STORE_H

#include "arena.h"
#include "error.h"
#include "stream_meta.h"
#include "util.h"

struct store;

struct store_options {
	const char *file; /* NULL: in memory */
	bool check_all;	  /* look for damage in all of the file, however large it is */
	bool no_fsync; /* an answered append survives a crash of the process, not of the machine */
};

#define STREAM_NONE (-1)
#define STREAM_DELETED INT64_MAX /* number of a tombstone, and the last number of its stream */

/* Expected versions beside event numbers. */
#define EXPECT_NO_STREAM (-1)
#define EXPECT_ANY (-2)
#define EXPECT_INVALID (-3)
#define EXPECT_EXISTS (-4)

#define EVENT_ID_BYTES 16

struct store *store_open(const struct store_options *options, struct error *error);
void store_close(struct store *store);

/* Ends the turn. False: everything since the last commit is undone, error says why. */
bool store_commit(struct store *store, struct error *error);
/* There is something to commit. */
bool store_is_dirty(const struct store *store);

struct new_event {
	unsigned char id[EVENT_ID_BYTES];
	struct span type, data, metadata;
	bool is_json;
};

enum append_status {
	APPEND_DONE,	      /* written, or found written already */
	APPEND_WRONG_VERSION, /* current is the stream's last number */
	APPEND_GONE,	      /* tombstoned, or soft-deleted with EXPECT_EXISTS */
	APPEND_BROKEN,	      /* the database failed; store_commit will say why */
};

struct append_answer {
	enum append_status status;
	int64_t first;	 /* number of the first event */
	int64_t current; /* APPEND_WRONG_VERSION */
	bool repeated;	 /* all were there before */
};

void store_append(struct store *store, struct span stream, int64_t expected,
	const struct new_event *events, size_t count, struct append_answer *answer);
/* hard: a tombstone, for ever; else metadata that hides all events until the next append. */
void store_delete(struct store *store, struct span stream, int64_t expected, bool hard,
	struct append_answer *answer);

/* An event as it is stored, or a link: type "$>", data "number@stream". */
struct stored_record {
	struct span stream, type, data, metadata;
	int64_t number, position;
	int64_t created; /* 100 ns since 1970 */
	unsigned char id[EVENT_ID_BYTES];
	bool is_json;
};

/* has_link alone: a link whose target is gone. */
struct stored_entry {
	bool has_event, has_link;
	struct stored_record event, link;
};

enum read_status {
	READ_DONE,
	READ_NO_STREAM, /* never written, or soft-deleted */
	READ_NO_EVENT,
	READ_GONE,	/* tombstoned */
	READ_TOO_LARGE, /* more bytes than a page may have */
	READ_BROKEN,
};

/* Start with {0}; a page owns what its entries point to. */
struct stored_page {
	enum read_status status;
	struct stored_entry *entries; /* in the direction of reading */
	size_t count, size, bytes;
	int64_t from; /* where reading began; "head" resolved */
	int64_t max_count;
	int64_t last;		/* the stream's last number; in $all: the last position */
	int64_t next, previous; /* $all: positions to go on at, forward or backward */
	bool is_end;		/* of the stream, in the direction of reading */
	int64_t cache_control_s;
	struct arena arena;
};

void stored_page_clear(struct stored_page *page);

struct read_options {
	bool forward;
	bool resolve; /* links: read their targets */
	bool bodies;  /* data and metadata are wanted too */
};

/* from -1: the head, backward only. */
void store_read_stream(struct store *store, struct span stream, int64_t from, int64_t max_count,
	const struct read_options *options, struct stored_page *page);
/* One event; number -1: the last. */
void store_read_event(struct store *store, struct span stream, int64_t number, bool resolve,
	struct stored_page *page);
/* Everything that clients wrote, by position; from -1: the head. Links that the store computes do
 * not stand here. keep (NULL: all) chooses; search bounds how many are looked at. */
struct all_filter {
	bool (*keep)(const struct stored_record *record, void *user);
	void *user;
	int64_t search;
};
void store_read_all(struct store *store, int64_t from, int64_t max_count,
	const struct read_options *options, const struct all_filter *filter,
	struct stored_page *page);

/* Last number of a stream, STREAM_NONE or STREAM_DELETED. */
int64_t store_last_number(struct store *store, struct span stream);
/* Good until the next call of this module. */
const struct stream_meta *store_metadata(struct store *store, struct span stream);
int64_t store_last_position(const struct store *store);
/* A stream that the store fills with links: $ce-…, $et-…, $bc-…, $streams, $category-…. */
bool store_is_computed(struct span stream);

/* The first name behind after, in byte order: of streams that were written, or of computed ones.
 * False at the end. name keeps its memory. */
bool store_next_name(struct store *store, bool computed, struct span after, struct strbuf *name);

struct store_figures {
	int64_t events, streams, file_bytes;
	size_t cached_streams, cached_ids;
};
void store_figures(struct store *store, struct store_figures *figures);

#endif
