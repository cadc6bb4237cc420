/* JSON as EventStoreDB stores it: read leniently and printed anew, as Newtonsoft.Json does. */
#ifndef DEVSTORE_REPRINT_H
#define DEVSTORE_REPRINT_H

#include "strbuf.h"
#include "util.h"

/* Deeper nesting is refused, counted over a whole request body. */
#define REPRINT_MAX_DEPTH 64

/* A place in JSON text. Every reader below moves it past what it took and returns false at the
 * first thing that is no JSON, even by Newtonsoft's generous rules (facts/esdb-modern.md, 5.1). */
struct reprint {
	const char *at, *end;
	unsigned depth;			/* of open brackets; at most REPRINT_MAX_DEPTH */
	struct reprint_member *members; /* of the objects that are open now, innermost last */
	size_t member_count, member_size;
};

void reprint_start(struct reprint *in, struct span text);
void reprint_clear(struct reprint *in);

/* The next token's first byte, white space and comments skipped; 0 at the end. */
char reprint_peek(struct reprint *in);
/* Takes that byte if it is next. */
bool reprint_take(struct reprint *in, char c);
/* One string's characters, or an unquoted member name's. */
bool reprint_string(struct reprint *in, struct strbuf *out);
bool reprint_name(struct reprint *in, struct strbuf *out);
/* Any value, printed indented by two spaces a level; its first line stands where out ends. */
bool reprint_value(struct reprint *in, unsigned level, struct strbuf *out);
/* Any value, for nothing. */
bool reprint_skip(struct reprint *in);
/* Nothing but white space and comments is left. */
bool reprint_at_end(struct reprint *in);

/* One whole text; false leaves out as it was. */
bool reprint_text(struct span text, unsigned level, struct strbuf *out);
/* The same for an object or array alone. */
bool reprint_container(struct span text, unsigned level, struct strbuf *out);
/* A JSON string of these characters, quotes and escapes as Newtonsoft prints them. */
void reprint_quote(struct strbuf *out, struct span text);

#endif
