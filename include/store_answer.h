/* What a store answered, in the protocol's words and not in a wire's: shared by the edge that
 * classifies answers and the pure modules that decide on them. */
#ifndef ROWSTREAM_STORE_ANSWER_H
#define ROWSTREAM_STORE_ANSWER_H

#include "util.h"

/* append.md, section 3: one row of the table of answers. */
enum append_outcome {
	APPEND_WRITTEN,	  /* 201 with a Location */
	APPEND_CONFLICT,  /* 400 with a current-version header */
	APPEND_REFUSED,	  /* 400 without one */
	APPEND_TOO_LARGE, /* 413: perhaps written all the same */
	APPEND_DENIED,	  /* 401, 403 */
	APPEND_MISPLACED, /* 404, 405, a 3xx that is not followed: AtomPub off, proxy, wrong address
			   */
	APPEND_DELETED,	  /* 410: tombstoned */
	APPEND_UNKNOWN,	  /* anything else: it may be written, it may not */
};

/* An event as a page shows it. The spans are borrowed from the page. */
struct stored_event {
	/* streamId: that of the event itself, of a link's target when resolved. */
	struct span stream;
	/* positionStreamId: the stream that was read, in $all that of a link. */
	struct span read_in;
	/* In the stream that was read (positionEventNumber); -1 for a link, read with its target,
	 * whose target is gone. */
	int64_t number;
	int64_t revision; /* in the event's own stream; another than number for a link's target */
	struct span id, type;
	struct span updated;	    /* when it was written: "2026-11-26T06:15:07.3607414Z" */
	struct span data, metadata; /* the stored texts; ptr NULL when absent or no JSON */
};

enum read_outcome {
	READ_PAGE,	/* 200 */
	READ_NO_STREAM, /* 404 with a Content-Type: never existed, or soft-deleted */
	READ_DELETED,	/* 410 */
	READ_DENIED,
	READ_MISPLACED, /* 404 without a Content-Type, 405, 3xx */
	READ_TOO_LARGE, /* the page is over what is kept in memory: ask for fewer */
	READ_FAILED,	/* anything else, or an answer that is no feed */
};

#endif
