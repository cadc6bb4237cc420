/* What an HTTP answer of the store means: status, headers and body become an outcome. Pure; every
 * byte is untrusted. */
#ifndef ROWSTREAM_ES_ANSWER_H
#define ROWSTREAM_ES_ANSWER_H

#include "arena.h"
#include "json_span.h"
#include "store_answer.h"

#define ES_NO_VERSION (-2)

/* The parts of an answer that mean something; texts NUL-terminated, "" where absent. */
struct es_answer {
	int status; /* 0: none came */
	char reason[128];
	char location[1024];
	char etag[128];
	char content_type[128];
	char position[256];
	int64_t current_version; /* ES_NO_VERSION: no such header */
	struct span body;
};

/* Takes one header line ("Name: value", without its end) into answer. */
void es_answer_header(struct es_answer *answer, struct span line);

/* append.md, section 3. first_number is set for APPEND_WRITTEN. */
enum append_outcome es_answer_append(const struct es_answer *answer, int64_t *first_number);

/* A page of events, newest first. */
struct es_page {
	struct stored_event *events;
	size_t count, size;
	int64_t last_number;
	bool at_start;
	struct js_doc doc;
	struct arena arena;
	struct strbuf scratch;
};

/* Start with a zeroed page and use it again and again. READ_PAGE fills it; its spans live until
 * the next call. too_large: the body was cut off, because it was longer than we keep. */
enum read_outcome es_answer_read(
	const struct es_answer *answer, bool too_large, struct es_page *page);
void es_page_clear(struct es_page *page);

/* One line for a person: the status with its reason, what the body says, and for statuses that
 * have one known cause the cause. */
void es_answer_text(const struct es_answer *answer, char *text, size_t size);

#endif
