/* A growing byte buffer, always NUL-terminated, that may hold any bytes. */
#ifndef ROWSTREAM_STRBUF_H
#define ROWSTREAM_STRBUF_H

#include <stddef.h>

#include "util.h"

/* Start with {0}; clear gives the memory back. data is NULL until something was added. */
struct strbuf {
	char *data;
	size_t len, size;
};

void strbuf_clear(struct strbuf *buf);
/* Empties it and keeps the memory for the next use. */
void strbuf_reset(struct strbuf *buf);
/* Room for more bytes (and the NUL); returns where to write them. The caller adds to len and
 * terminates. */
char *strbuf_reserve(struct strbuf *buf, size_t more);
void strbuf_add(struct strbuf *buf, const void *bytes, size_t len);
void strbuf_add_span(struct strbuf *buf, struct span text);
void strbuf_add_text(struct strbuf *buf, const char *text);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_int(struct strbuf *buf, int64_t value);
void strbuf_printf(struct strbuf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds text as a JSON string with its quotes; bytes >= 0x80 stay as they are (must be UTF-8). */
void strbuf_add_json(struct strbuf *buf, struct span text);
struct span strbuf_span(const struct strbuf *buf);
/* The buffer's memory becomes the caller's; the buffer is empty again. */
char *strbuf_steal(struct strbuf *buf);

#endif
