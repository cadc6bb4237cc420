/* Text for manual pages, in man(7). */
#ifndef ROWSTREAM_MAN_H
#define ROWSTREAM_MAN_H

#include "strbuf.h"

/* Adds one line of text so that troff prints it as it stands; no line end is added. */
void man_add(struct strbuf *out, const char *text);

#endif
