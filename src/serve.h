/* The parts of `rowstream serve`: what it keeps of tables, and its answers. */
#ifndef ROWSTREAM_SERVE_H
#define ROWSTREAM_SERVE_H

#include "http_server.h"
#include "reading.h"
#include "table_fold.h"

/* Kept at once; of more, the one that was not asked for the longest goes. */
#define SERVE_TABLES 16
#define SERVE_TABLE_BYTES (INT64_C(32) << 20)

/* A table's rows, folded as far as its category has been read; at_ms >= 0: only changes up to then.
 */
struct served_table {
	TAILQ_ENTRY(served_table) entry;
	char *name;
	int64_t at_ms;
	struct category *category;
	struct table_fold *fold;
	int64_t events;
	bool at_end;
	struct error error; /* it cannot be read (any more) */
};

TAILQ_HEAD(served_list, served_table);

struct serve_names; /* what tables there are */

struct serve {
	struct reading *reading;
	struct served_list tables; /* the one asked for last comes first */
	size_t table_count;
	struct serve_names *names;
};

/* Opens the table if it is not kept; NULL and error (ERROR_FATAL: no temporary file). */
struct served_table *serve_table(
	struct serve *serve, const char *name, int64_t at_ms, struct error *error);
/* Reads on for at most so long, or until its end. */
void serve_table_read(struct served_table *table, int64_t budget_ms);
/* Reads on where a table, or the list of names, is not at its end yet; true if there is more to do.
 */
bool serve_read_on(struct serve *serve, int64_t budget_ms);
void serve_forget(struct serve *serve);

/* fixed: names given by the operator, the only ones then. */
struct serve_names *serve_names_new(struct eventstore *store, const struct text_list *fixed);
void serve_names_free(struct serve_names *names);
/* Reads on in $all; false at its end. */
bool serve_names_read(struct serve_names *names, int64_t budget_ms);
/* {"tables":[{"name","events","href"}],"complete":…} */
void serve_names_json(struct serve_names *names, struct strbuf *out);
/* Changes when the list does. */
int64_t serve_names_version(const struct serve_names *names);

/* Adds text as a part of a path. */
void serve_add_escaped(struct strbuf *out, struct span text);
/* Answers a request; user is a struct serve. */
http_handler serve_answer;

#endif
