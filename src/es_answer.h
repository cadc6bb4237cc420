/* What an HTTP answer of the store means: status, headers and body become an outcome. Pure; every
 * byte is untrusted. */
#ifndef ROWSTREAM_ES_ANSWER_H
#define ROWSTREAM_ES_ANSWER_H

#include "arena.h"
#include "json_span.h"
#include "store_answer.h"
#include "strbuf.h"

/* Instead of a current version: no such header; one that says none. */
#define ES_NO_VERSION (-2)
#define ES_ODD_VERSION (-3)

/* A revision, or 32 hexadecimal digits of $all, and NUL. */
#define ES_POSITION_BYTES 40

/* The parts of an answer that mean something; texts NUL-terminated, "" where absent. Start with
 * {0}; es_answer_reset before each answer keeps the memory, es_answer_clear gives it back. */
struct es_answer {
	int status; /* 0: none came */
	char reason[128];
	struct strbuf location; /* whole: the number that it ends in is what an append is for */
	char etag[128];
	char content_type[128];
	char position[256];
	int64_t current_version; /* from -1, or one of the two above */
	struct span body;
};

void es_answer_reset(struct es_answer *answer);
void es_answer_clear(struct es_answer *answer);

/* Takes one line of the head, without its end. "HTTP/1.1 400 Wrong expected EventNumber" begins
 * anew and is told with true, "Name: value" adds to it. status is the caller's. */
bool es_answer_line(struct es_answer *answer, struct span line);

/* append.md, section 3. first_number is set for APPEND_WRITTEN. */
enum append_outcome es_answer_append(const struct es_answer *answer, int64_t *first_number);

/* A page of events, newest first. */
struct es_page {
	bool resolved; /* set by the caller: it was read with its links' targets */
	struct stored_event *events;
	size_t count, size;
	int64_t last_number;
	bool at_start;
	/* Where the page begins that comes after this one in time ("previous" in the feed's words)
	 * or before it ("next"); "" where there is none. */
	char newer[ES_POSITION_BYTES], older[ES_POSITION_BYTES];
	struct js_doc doc;
	struct arena arena;
};

/* Start with a zeroed page and use it again and again. READ_PAGE fills it; its spans live until
 * the next call. too_large: the body was cut off, because it was longer than we keep. */
enum read_outcome es_answer_read(
	const struct es_answer *answer, bool too_large, struct es_page *page);
void es_page_clear(struct es_page *page);

/* One line for a person: the status with its reason, what the body says, and cause; where that is
 * "", the one known cause of the status, if it has one. */
void es_answer_text(const struct es_answer *answer, const char *cause, char *text, size_t size);

#endif
