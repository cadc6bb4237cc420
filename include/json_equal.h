/* Do two JSON values say the same? A server prints what it stores anew, so bytes tell nothing. */
#ifndef ROWSTREAM_JSON_EQUAL_H
#define ROWSTREAM_JSON_EQUAL_H

#include "json_span.h"

/* Members in the same order, strings by their characters, numbers by their decimal value. JS_NONE
 * equals only JS_NONE. */
bool js_equal(const struct js_doc *a, uint32_t node_a, const struct js_doc *b, uint32_t node_b);
/* "1.10", "1.1" and "11e-1" are equal. Both must be JSON numbers. */
bool js_numbers_equal(struct span a, struct span b);

/* Adds bytes that are the same for two values exactly where js_equal says that they are equal (both
 * without lone surrogates); nothing for JS_NONE. To be hashed, not to be read. */
void js_canonical(const struct js_doc *doc, uint32_t node, struct strbuf *out);

#endif
