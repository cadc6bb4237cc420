/* Splitting and decoding of request targets. */
#include "uri.h"

#include <string.h>
#include <strings.h>

#include "utf8.h"

static bool is_plain(struct span target)
{
	size_t i;

	for (i = 0; i < target.len; i++)
		if ((unsigned char)target.ptr[i] <= ' ' || (unsigned char)target.ptr[i] >= 0x7f)
			return false;
	return true;
}

bool uri_split(struct span target, struct uri *uri)
{
	const char *at = target.ptr, *end, *mark;

	*uri = (struct uri){0};
	if (!target.len || target.ptr[0] != '/' || !is_plain(target))
		return false;
	end = target.ptr + target.len;
	uri->query = (struct span){end, 0};
	mark = memchr(target.ptr, '?', target.len);
	if (mark) {
		uri->query = (struct span){mark + 1, (size_t)(end - mark - 1)};
		end = mark;
	}
	uri->path = (struct span){target.ptr, (size_t)(end - target.ptr)};
	while (at < end) {
		const char *start = ++at;

		while (at < end && *at != '/')
			at++;
		if (at == start && at == end && uri->count) {
			uri->trailing_slash = true;
			break;
		}
		if (uri->count >= URI_MAX_SEGMENTS) {
			uri->count = URI_MAX_SEGMENTS + 1;
			return true;
		}
		uri->segments[uri->count++] = (struct span){start, (size_t)(at - start)};
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that "%XX" at text stands for, or -1. */
static int escaped_byte(const char *text, size_t len)
{
	int high, low;

	if (len < 3 || text[0] != '%')
		return -1;
	high = hex_digit(text[1]);
	low = hex_digit(text[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A run of "%XX" is decoded where its bytes are characters; other bytes stay as they were sent. */
static size_t decode_run(struct span text, struct strbuf *out)
{
	char bytes[4];
	size_t count = 0, len, broken;

	while (count < sizeof(bytes) && count * 3 < text.len) {
		int byte = escaped_byte(text.ptr + count * 3, text.len - count * 3);

		if (byte < 0)
			break;
		bytes[count++] = (char)byte;
	}
	if (!count)
		return 0;
	len = utf8_length(bytes, count, &broken);
	if (!len) {
		strbuf_add(out, text.ptr, 3);
		return 3;
	}
	strbuf_add(out, bytes, len);
	return len * 3;
}

static void decode_once(struct span text, struct strbuf *out)
{
	size_t at = 0;

	while (at < text.len) {
		size_t taken = decode_run((struct span){text.ptr + at, text.len - at}, out);

		if (!taken) {
			strbuf_add_char(out, text.ptr[at]);
			taken = 1;
		}
		at += taken;
	}
}

bool uri_decode(struct span segment, struct strbuf *out)
{
	struct strbuf once = {0};
	size_t start = out->len;

	decode_once(segment, &once);
	decode_once(strbuf_span(&once), out);
	strbuf_clear(&once);
	return out->len == start || !memchr(out->data + start, 0, out->len - start);
}

void uri_escape(struct strbuf *out, struct span text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.' || c == '_' || c == '~')
			strbuf_add_char(out, (char)c);
		else
			strbuf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

static void decode_query_value(struct span value, struct strbuf *out)
{
	struct strbuf spaced = {0};
	size_t i;

	for (i = 0; i < value.len; i++)
		strbuf_add_char(&spaced, (char)(value.ptr[i] == '+' ? ' ' : value.ptr[i]));
	decode_once(strbuf_span(&spaced), out);
	strbuf_clear(&spaced);
}

bool uri_query(const struct uri *uri, const char *name, struct strbuf *out)
{
	const char *at = uri->query.ptr, *end = at + uri->query.len;
	size_t name_len = strlen(name);

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const char *equals;

		if (!stop)
			stop = end;
		equals = memchr(at, '=', (size_t)(stop - at));
		if (!equals)
			equals = stop;
		if ((size_t)(equals - at) == name_len && !strncasecmp(at, name, name_len)) {
			const char *value = equals < stop ? equals + 1 : stop;

			decode_query_value((struct span){value, (size_t)(stop - value)}, out);
			return true;
		}
		at = stop + 1;
	}
	return false;
}
