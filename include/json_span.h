/* JSON as byte ranges (js_: jansson owns json_): one pass that validates and notes where each value
 * stands, look-ups afterwards; the text is never printed anew. */
#ifndef ROWSTREAM_JSON_SPAN_H
#define ROWSTREAM_JSON_SPAN_H

#include "arena.h"
#include "error.h"
#include "strbuf.h"
#include "util.h"

enum js_type {
	JS_NULL,
	JS_FALSE,
	JS_TRUE,
	JS_NUMBER,
	JS_STRING,
	JS_ARRAY,
	JS_OBJECT,
};

#define JS_NONE UINT32_MAX /* no such node */
#define JS_MAX_DEPTH 512

enum js_flag {
	JS_ESCAPED = 1,	 /* string: holds a backslash, so its bytes are not its characters */
	JS_FRACTION = 2, /* number: holds '.', 'e' or 'E' */
	JS_WIDE = 4,	 /* string: holds bytes that are not ASCII */
};

/* A value. In an object name and value alternate: node n a member's name (JS_STRING), node
 * n + 1 its value. Nodes stand in document order, so a subtree is a range of nodes. */
struct js_node {
	uint32_t start, end; /* bytes [start, end) of the text, quotes and brackets included */
	uint32_t next;	     /* the node behind this one's subtree */
	uint8_t type;	     /* enum js_type */
	uint8_t flags;	     /* enum js_flag */
};

/* Start with {0}; reuse it for text after text; js_doc_clear at the end. The text is borrowed
 * and must outlive the look-ups. */
struct js_doc {
	struct span text;
	struct js_node *nodes;
	uint32_t count, size;
	bool too_deep; /* the last js_parse failed because of the nesting, and only of that */
};

/* Reads one whole JSON text (RFC 8259, white space around it allowed): UTF-8 without BOM, no
 * nesting over max_depth (at most JS_MAX_DEPTH), under 4 GiB. Accepted are escapes of lone
 * surrogates and repeated members: what to do with those is the reader's rule. False sets error
 * (ERROR_REFUSED, with the byte position). The root is node 0. */
bool js_parse(struct js_doc *doc, struct span text, unsigned max_depth, struct error *error);
void js_doc_clear(struct js_doc *doc);

/* The look-ups that every walk makes are inline: a record has dozens of nodes. */

/* The value's bytes as they stand; SPAN_NULL for JS_NONE. */
static inline struct span js_text(const struct js_doc *doc, uint32_t node)
{
	if (node == JS_NONE)
		return SPAN_NULL;
	return (struct span){doc->text.ptr + doc->nodes[node].start,
		doc->nodes[node].end - doc->nodes[node].start};
}

static inline enum js_type js_type_of(const struct js_doc *doc, uint32_t node)
{
	return node == JS_NONE ? JS_NULL : (enum js_type)doc->nodes[node].type;
}

/* True for JS_NONE and for null: the field knows no difference. */
static inline bool js_is_null(const struct js_doc *doc, uint32_t node)
{
	return js_type_of(doc, node) == JS_NULL;
}

/* The value of an object's first member of that name (names with escapes are decoded to compare);
 * JS_NONE if node is no object or has none. */
uint32_t js_member(const struct js_doc *doc, uint32_t object, const char *name);
/* Walks an object's member names or an array's elements. First: JS_NONE when empty or neither.
 * Next: give the parent and the current node (in an object: the name). */
static inline uint32_t js_first(const struct js_doc *doc, uint32_t parent)
{
	if (js_type_of(doc, parent) < JS_ARRAY || doc->nodes[parent].next == parent + 1)
		return JS_NONE;
	return parent + 1;
}

static inline uint32_t js_next(const struct js_doc *doc, uint32_t parent, uint32_t current)
{
	uint32_t value = current + (doc->nodes[parent].type == JS_OBJECT);
	uint32_t next = doc->nodes[value].next;

	return next < doc->nodes[parent].next ? next : JS_NONE;
}

uint32_t js_count(const struct js_doc *doc, uint32_t parent); /* members or elements */

/* The characters of a JS_STRING node as UTF-8, added to out. False for a lone surrogate (out
 * holds what came before). */
bool js_string(const struct js_doc *doc, uint32_t node, struct strbuf *out);
/* The same without a buffer: inside the document's text where it has no escape, else a copy in
 * arena. False for a lone surrogate. */
bool js_string_span(
	const struct js_doc *doc, uint32_t node, struct arena *arena, struct span *characters);
/* True if the string's characters are text. */
bool js_string_is(const struct js_doc *doc, uint32_t node, const char *text);
/* True for an object, here or below, with a member that occurs twice. */
bool js_has_repeated_member(const struct js_doc *doc, uint32_t node);
/* True if a string or a member's name, here or below, is no Unicode text. */
bool js_has_lone_surrogate(const struct js_doc *doc, uint32_t node);

/* Adds the value without the white space between its tokens; strings and numbers as they stand. */
void js_compact(const struct js_doc *doc, uint32_t node, struct strbuf *out);

/* Bytes that EventStoreDB stores at most for this value: it prints JSON anew with an indentation
 * of two spaces (facts: Newtonsoft, Formatting.Indented). Never too low. */
size_t js_stored_bytes(const struct js_doc *doc, uint32_t node);

/* mapping.md, section 5: may this number literal go to the server as a number? False where the
 * server would store another value: a fraction or exponent whose decimal value is not that of
 * the shortest text that reads back to the nearest double, or that is not finite; an integer of
 * more than 380 digits. */
bool js_number_survives(struct span literal);

/* True for UTF-8 without surrogates and overlong forms (RFC 3629). */
bool js_utf8_is_valid(struct span text);

#endif
