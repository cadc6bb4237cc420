/* The growing byte buffer. */
#include "strbuf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_clear(struct strbuf *buf)
{
	free(buf->data);
	*buf = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

char *strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t want = buf->len + more + 1;

	if (want > buf->size) {
		buf->size = want < 2 * buf->size ? 2 * buf->size : want < 64 ? 64 : want;
		buf->data = xrealloc(buf->data, buf->size);
	}
	return buf->data + buf->len;
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
	char *at = strbuf_reserve(buf, len);

	if (len)
		memcpy(at, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void strbuf_add_span(struct strbuf *buf, struct span text)
{
	strbuf_add(buf, text.ptr, text.len);
}

void strbuf_add_text(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buf, char c)
{
	char *at = strbuf_reserve(buf, 1);

	at[0] = c;
	at[1] = '\0';
	buf->len++;
}

void strbuf_add_int(struct strbuf *buf, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (value < 0)
		*--at = '-';
	strbuf_add(buf, at, (size_t)(digits + sizeof(digits) - at));
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len > 0) {
		vsnprintf(strbuf_reserve(buf, (size_t)len), (size_t)len + 1, format, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

static void add_json_escape(struct strbuf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_for[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	const char *pair;

	for (pair = short_for; *pair; pair += 2) {
		if ((unsigned char)*pair == c) {
			strbuf_add(buf, (char[]){'\\', pair[1]}, 2);
			return;
		}
	}
	strbuf_add(buf, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void strbuf_add_json(struct strbuf *buf, struct span text)
{
	size_t from = 0, i;

	strbuf_reserve(buf, text.len + 2);
	strbuf_add_char(buf, '"');
	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		strbuf_add(buf, text.ptr + from, i - from);
		add_json_escape(buf, c);
		from = i + 1;
	}
	if (text.len > from)
		strbuf_add(buf, text.ptr + from, text.len - from);
	strbuf_add_char(buf, '"');
}

struct span strbuf_span(const struct strbuf *buf)
{
	return (struct span){buf->data ? buf->data : "", buf->len};
}

char *strbuf_steal(struct strbuf *buf)
{
	char *data = buf->data ? buf->data : xstrdup("");

	*buf = (struct strbuf){0};
	return data;
}
