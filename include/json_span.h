/* JSON as byte ranges: one pass that validates and notes where each value stands, look-ups
 * afterwards; the text is never printed anew. */
#ifndef ROWSTREAM_JSON_SPAN_H
#define ROWSTREAM_JSON_SPAN_H

#include "error.h"
#include "strbuf.h"
#include "util.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

#define JSON_NONE UINT32_MAX /* no such node */
#define JSON_MAX_DEPTH 512

enum json_flag {
	JSON_ESCAPED = 1,  /* string: holds a backslash, so its bytes are not its characters */
	JSON_FRACTION = 2, /* number: holds '.', 'e' or 'E' */
};

/* A value. In an object name and value alternate: node n a member's name (JSON_STRING), node
 * n + 1 its value. Nodes stand in document order, so a subtree is a range of nodes. */
struct json_node {
	uint32_t start, end; /* bytes [start, end) of the text, quotes and brackets included */
	uint32_t next;	     /* the node behind this one's subtree */
	uint8_t type;	     /* enum json_type */
	uint8_t flags;	     /* enum json_flag */
};

/* Start with {0}; reuse it for text after text; json_doc_clear at the end. The text is borrowed
 * and must outlive the look-ups. */
struct json_doc {
	struct span text;
	struct json_node *nodes;
	uint32_t count, size;
};

/* Reads one whole JSON text (RFC 8259, white space around it allowed): UTF-8 without BOM, no
 * nesting over max_depth (at most JSON_MAX_DEPTH), under 4 GiB. Accepted are escapes of lone
 * surrogates and repeated members: what to do with those is the reader's rule. False sets error
 * (ERROR_REFUSED, with the byte position). The root is node 0. */
bool json_parse(struct json_doc *doc, struct span text, unsigned max_depth, struct error *error);
void json_doc_clear(struct json_doc *doc);

/* The value's bytes as they stand; SPAN_NULL for JSON_NONE. */
struct span json_text(const struct json_doc *doc, uint32_t node);
enum json_type json_type_of(const struct json_doc *doc, uint32_t node);
/* True for JSON_NONE and for null: the field knows no difference. */
bool json_is_null(const struct json_doc *doc, uint32_t node);

/* The value of an object's first member of that name (names with escapes are decoded to compare);
 * JSON_NONE if node is no object or has none. */
uint32_t json_member(const struct json_doc *doc, uint32_t object, const char *name);
/* Walks an object's member names or an array's elements. First: JSON_NONE when empty or neither.
 * Next: give the parent and the current node (in an object: the name). */
uint32_t json_first(const struct json_doc *doc, uint32_t parent);
uint32_t json_next(const struct json_doc *doc, uint32_t parent, uint32_t current);
uint32_t json_count(const struct json_doc *doc, uint32_t parent); /* members or elements */

/* The characters of a JSON_STRING node as UTF-8, added to out. False for a lone surrogate (out
 * holds what came before). */
bool json_string(const struct json_doc *doc, uint32_t node, struct strbuf *out);
/* True if the string's characters are text. */
bool json_string_is(const struct json_doc *doc, uint32_t node, const char *text);
/* True for an object, here or below, with a member that occurs twice. */
bool json_has_repeated_member(const struct json_doc *doc, uint32_t node);

/* Adds the value without the white space between its tokens; strings and numbers as they stand. */
void json_compact(const struct json_doc *doc, uint32_t node, struct strbuf *out);

/* Bytes that EventStoreDB stores at most for this value: it prints JSON anew with an indentation
 * of two spaces (facts: Newtonsoft, Formatting.Indented). Never too low. */
size_t json_stored_bytes(const struct json_doc *doc, uint32_t node);

/* mapping.md, section 5: may this number literal go to the server as a number? False where the
 * server would store another value: a fraction or exponent whose decimal value is not that of
 * the shortest text that reads back to the nearest double, or that is not finite; an integer of
 * more than 380 digits. */
bool json_number_survives(struct span literal);

#endif
