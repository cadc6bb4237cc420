/* UTF-8 as .NET reads it: what is no character becomes U+FFFD. */
#ifndef DEVSTORE_UTF8_H
#define DEVSTORE_UTF8_H

#include "strbuf.h"
#include "util.h"

/* Length of the character at the start of bytes, 0 if there is none; *broken: how many bytes make
 * up the broken one (at least 1). */
size_t utf8_length(const char *bytes, size_t len, size_t *broken);
bool utf8_valid(struct span text);
void utf8_add(struct strbuf *out, uint32_t code_point);
/* Adds text with U+FFFD in place of whatever is no UTF-8. */
void utf8_add_repaired(struct strbuf *out, struct span text);

#endif
