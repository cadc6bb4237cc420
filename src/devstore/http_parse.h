/* The syntax of HTTP/1.1 requests: heads and chunked bodies. Pure. */
#ifndef DEVSTORE_HTTP_PARSE_H
#define DEVSTORE_HTTP_PARSE_H

#include "util.h"

#define HTTP_MAX_REQUEST_LINE 8192
#define HTTP_MAX_HEAD (HTTP_MAX_REQUEST_LINE + 32768)

struct http_head {
	struct span method, target, headers;
	size_t len; /* of the whole head, blank line included */
	bool keep_alive, chunked, expect_continue;
	int64_t content_length; /* -1: none given */
};

/* The head at the start of bytes. 0: more bytes are needed; 200: *head is filled; another status:
 * what to answer before the connection is closed. */
int http_parse_head(struct span bytes, struct http_head *head);
/* The value of the first header of that name in head lines, or SPAN_NULL. */
struct span http_find_header(struct span headers, const char *name);

/* Takes a chunked body apart where it lies: data moves to the front of the buffer. Start with
 * {0}. */
struct http_chunks {
	size_t data;   /* bytes of body found so far, at the start of the buffer */
	size_t read;   /* bytes of the buffer that are done with */
	uint64_t left; /* of the current chunk */
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } state;
};

/* 0: more bytes are needed; 200: whole, chunks->read says where the next request starts; 400. */
int http_parse_chunks(struct http_chunks *chunks, char *bytes, size_t len);

#endif
