/* Reads a stream from end to end, page after page, one page ahead of who reads: for commands.
 * Memory is bounded by two pages, however long the stream. Several readers may be open on one
 * store. */
#ifndef ROWSTREAM_EVENTSTORE_READER_H
#define ROWSTREAM_EVENTSTORE_READER_H

#include "error.h"
#include "eventstore.h"

struct reader;

struct reader_options {
	const char *stream; /* any, "$ce-customers" and "$all" too */
	/* The position to begin at: a revision, or of $all 32 hexadecimal digits. NULL: the
	 * beginning, backward the end. */
	const char *from;
	bool backward;
	bool resolve;	 /* links: their targets instead (a category stream holds links) */
	bool names_only; /* neither data nor metadata */
	bool at_once;	 /* the first page is asked for now, not when it is read */
	int page_events; /* 1 to 4096; 0: 500; fewer where a page is too large to be kept */
	int long_poll_s; /* > 0: at the end wait so long for more before READER_END; forward only */
	int patience_ms; /* how long a store may be away before that is a failure; 0: 10 s */
	int stop_fd;	 /* a descriptor that ends a wait when it becomes readable; 0: none */
};

enum reader_step {
	READER_EVENT,
	READER_END, /* nothing more now; a later call asks again, from the same place */
	READER_FAILED,
	READER_STOPPED, /* stop_fd is readable and nothing was there; the place is kept */
};

/* For all readers opened afterwards that do not say otherwise. */
void reader_set_patience(struct eventstore *store, int patience_ms);

/* Options are copied. Takes one of the store's connections while a page is on its way. */
struct reader *reader_open(struct eventstore *store, const struct reader_options *options);
void reader_close(struct reader *reader);

/* event and its spans live until the next call. Failed: error says what on which stream;
 * ERROR_RETRY: the store is away (patience is over); ERROR_REFUSED: no such stream (see
 * reader_outcome), denied, no EventStoreDB. */
enum reader_step reader_next(
	struct reader *reader, const struct stored_event **event, struct error *error);

/* Whether reader_next has an event at hand, without a wait. */
bool reader_is_filled(const struct reader *reader);
/* Of the last page or failure: READ_NO_STREAM, READ_DELETED … */
enum read_outcome reader_outcome(const struct reader *reader);
/* Where a later reader goes on behind the last event handed out: no event is lost. Of $all it
 * is the page's own beginning until its last event is handed out: the page comes again. */
const char *reader_position(const struct reader *reader);

#endif
