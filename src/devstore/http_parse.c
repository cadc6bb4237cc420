/* Strict where it matters for where a request ends; what two servers could read differently is
 * refused. */
#include "http_parse.h"

#include <string.h>
#include <strings.h>

/* Headers a request may have at most, as Kestrel. */
#define MAX_HEADERS 100

static const char *find_line_end(const char *at, const char *end)
{
	return memchr(at, '\n', (size_t)(end - at));
}

static struct span line_of(const char *start, const char *newline)
{
	size_t len = (size_t)(newline - start);

	if (len && start[len - 1] == '\r')
		len--;
	return (struct span){start, len};
}

static bool is_token(struct span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c))
			return false;
	}
	return text.len > 0;
}

static int parse_request_line(struct span line, struct http_head *head)
{
	const char *first = memchr(line.ptr, ' ', line.len), *second;
	const char *end = line.ptr + line.len;

	if (!first)
		return 400;
	second = memchr(first + 1, ' ', (size_t)(end - first - 1));
	if (!second)
		return 400;
	head->method = (struct span){line.ptr, (size_t)(first - line.ptr)};
	head->target = (struct span){first + 1, (size_t)(second - first - 1)};
	if (!is_token(head->method) || !head->target.len || end - second != 9 ||
		memcmp(second, " HTTP/1.", 8) || second[8] < '0' || second[8] > '1')
		return 400;
	head->keep_alive = second[8] == '1';
	return 200;
}

static struct span trimmed(struct span text)
{
	while (text.len && (*text.ptr == ' ' || *text.ptr == '\t'))
		text.ptr++, text.len--;
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

static bool equals_nocase(struct span text, const char *word)
{
	return text.len == strlen(word) && !strncasecmp(text.ptr, word, text.len);
}

static int use_header(struct span name, struct span value, struct http_head *head)
{
	if (equals_nocase(name, "Content-Length")) {
		int64_t length;

		if (!span_to_int64(value, &length) || length < 0 ||
			(head->content_length >= 0 && head->content_length != length))
			return 400;
		head->content_length = length;
	} else if (equals_nocase(name, "Transfer-Encoding")) {
		if (!equals_nocase(value, "chunked") || head->chunked)
			return 501;
		head->chunked = true;
	} else if (equals_nocase(name, "Connection")) {
		if (equals_nocase(value, "close"))
			head->keep_alive = false;
		else if (equals_nocase(value, "keep-alive"))
			head->keep_alive = true;
	} else if (equals_nocase(name, "Expect")) {
		head->expect_continue = equals_nocase(value, "100-continue");
	}
	return 200;
}

static int parse_header(struct span line, struct http_head *head)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct span name, value;

	if (!colon || memchr(line.ptr, 0, line.len))
		return 400;
	name = (struct span){line.ptr, (size_t)(colon - line.ptr)};
	value = (struct span){colon + 1, line.len - name.len - 1};
	return is_token(name) ? use_header(name, trimmed(value), head) : 400;
}

/* Two ways to say where the body ends are one too many. */
static int check_framing(const struct http_head *head)
{
	return head->chunked && head->content_length >= 0 ? 400 : 200;
}

int http_parse_head(struct span bytes, struct http_head *head)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;
	const char *newline = find_line_end(at, end);
	int status, count = 0;

	*head = (struct http_head){.content_length = -1};
	if ((newline ? (size_t)(newline - at) : bytes.len) > HTTP_MAX_REQUEST_LINE)
		return 414;
	if (!newline)
		return 0;
	status = parse_request_line(line_of(at, newline), head);
	head->headers.ptr = at = newline + 1;
	while (status == 200) {
		struct span line;

		newline = find_line_end(at, end);
		if (!newline)
			return bytes.len > HTTP_MAX_HEAD ? 431 : 0;
		line = line_of(at, newline);
		if (!line.len) {
			head->headers.len = (size_t)(at - head->headers.ptr);
			head->len = (size_t)(newline + 1 - bytes.ptr);
			return check_framing(head);
		}
		status = ++count > MAX_HEADERS ? 431 : parse_header(line, head);
		at = newline + 1;
	}
	return status;
}

struct span http_find_header(struct span headers, const char *name)
{
	const char *at = headers.ptr, *end = at + headers.len;
	size_t name_len = strlen(name);

	while (at < end) {
		const char *newline = find_line_end(at, end);
		struct span line = line_of(at, newline ? newline : end);

		if (line.len > name_len && line.ptr[name_len] == ':' &&
			!strncasecmp(line.ptr, name, name_len))
			return trimmed(
				(struct span){line.ptr + name_len + 1, line.len - name_len - 1});
		at = newline ? newline + 1 : end;
	}
	return SPAN_NULL;
}

/* "1a;extension" as a number; false if it is none, or absurd. */
static bool parse_chunk_size(struct span line, uint64_t *size)
{
	size_t i;

	*size = 0;
	for (i = 0; i < line.len && line.ptr[i] != ';'; i++) {
		char c = (char)(line.ptr[i] | 32);

		if (i >= 12)
			return false;
		if (c >= '0' && c <= '9' && line.ptr[i] >= '0')
			*size = *size << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*size = *size << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	return i > 0;
}

static void take_chunk_data(struct http_chunks *chunks, char *bytes, size_t len)
{
	size_t here = len - chunks->read;

	if (here > chunks->left)
		here = (size_t)chunks->left;
	memmove(bytes + chunks->data, bytes + chunks->read, here);
	chunks->data += here;
	chunks->read += here;
	chunks->left -= here;
	if (!chunks->left)
		chunks->state = CHUNK_END;
}

/* One line of the framing; 0 while it is not whole. */
static int take_chunk_line(struct http_chunks *chunks, char *bytes, size_t len)
{
	const char *start = bytes + chunks->read;
	const char *newline = find_line_end(start, bytes + len);
	struct span line;

	if (!newline)
		return len - chunks->read > 1024 ? 400 : 0;
	line = line_of(start, newline);
	chunks->read += (size_t)(newline + 1 - start);
	if (chunks->state == CHUNK_TRAILER)
		return line.len ? 100 : 200;
	if (chunks->state == CHUNK_END) {
		chunks->state = CHUNK_SIZE;
		return line.len ? 400 : 100;
	}
	if (!parse_chunk_size(line, &chunks->left))
		return 400;
	chunks->state = chunks->left ? CHUNK_DATA : CHUNK_TRAILER;
	return 100;
}

int http_parse_chunks(struct http_chunks *chunks, char *bytes, size_t len)
{
	for (;;) {
		int status;

		if (chunks->state == CHUNK_DATA) {
			if (chunks->read == len)
				return 0;
			take_chunk_data(chunks, bytes, len);
			continue;
		}
		status = take_chunk_line(chunks, bytes, len);
		if (status != 100)
			return status;
	}
}
