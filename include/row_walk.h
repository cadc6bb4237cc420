/* A row's stream from its beginning: every event with the row as it was before and after it. */
#ifndef ROWSTREAM_ROW_WALK_H
#define ROWSTREAM_ROW_WALK_H

#include "eventstore_reader.h"
#include "row_image.h"

struct row_walk;

/* What one event did. Spans live until the next row_walk_next. */
struct row_step {
	const struct row_event *event;
	enum row_fate fate;
	struct span before, after; /* the row's columns, compact JSON; ptr NULL: there was no row */
};

struct row_walk *row_walk_open(struct eventstore *store, const char *stream);
void row_walk_close(struct row_walk *walk);

/* The stream's next event of ours, oldest first. READER_END: that was the last. Failed, beside
 * what reader_next says: ERROR_REFUSED where no event of the stream is ours. */
enum reader_step row_walk_next(
	struct row_walk *walk, const struct row_step **step, struct error *error);

/* Of the first event that is still there; over 0: earlier ones were removed ($maxCount, $maxAge,
 * $tb). -1: none yet. */
int64_t row_walk_first_revision(const struct row_walk *walk);
int64_t row_walk_foreign(const struct row_walk *walk); /* events not written by us, passed over */

#endif
