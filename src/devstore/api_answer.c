/* The parts that answers are made of, and the headers that requests bring. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api_private.h"

void answer_plain(struct http_exchange *exchange, int status, const char *reason)
{
	http_answer(exchange, status, reason);
	http_add_header(exchange, "Content-Type", span_of(media_content_type(MEDIA_TEXT)));
}

struct span call_header(const struct call *call, const char *name)
{
	char full[64];
	struct span value;

	snprintf(full, sizeof(full), "Kurrent-%s", name);
	value = http_header(call->exchange, full);
	if (value.len)
		return value;
	snprintf(full, sizeof(full), "ES-%s", name);
	value = http_header(call->exchange, full);
	return value.len ? value : SPAN_NULL;
}

bool same_word(struct span text, const char *word)
{
	return text.len == strlen(word) && !strncasecmp(text.ptr, word, text.len);
}

bool call_truth_header(const struct call *call, const char *name, bool *value)
{
	struct span text = call_header(call, name);

	*value = text.ptr && same_word(text, "true");
	return !text.ptr || *value || same_word(text, "false");
}

void answer_empty(struct call *call, int status, const char *reason)
{
	answer_plain(call->exchange, status, reason);
}

void answer_bad_request(struct call *call, const char *text)
{
	http_answer(call->exchange, 400, "Bad Request");
	http_add_header(call->exchange, "Content-Type", span_of("text/plain"));
	strbuf_add_text(&call->exchange->body, text);
}

void answer_wrong_header(struct call *call, const char *name)
{
	char text[96];

	snprintf(text, sizeof(text), "ES-%s header in wrong format.", name);
	answer_bad_request(call, text);
}

void answer_json(struct call *call, int status, const char *reason, struct span json)
{
	http_answer(call->exchange, status, reason);
	http_add_header(call->exchange, "Content-Type", span_of(media_content_type(MEDIA_JSON)));
	strbuf_add_span(&call->exchange->body, json);
}

void answer_denied(struct call *call)
{
	http_answer(call->exchange, 401, "Unauthorized");
}

void answer_ok(struct call *call, enum media media)
{
	http_answer(call->exchange, 200, "OK");
	http_add_header(call->exchange, "Content-Type", span_of(media_content_type(media)));
}

void answer_caching(struct call *call, bool for_ever, int64_t cache_control_s, const char *etag)
{
	char text[64];

	if (for_ever)
		snprintf(text, sizeof(text), "max-age=31536000, private");
	else if (cache_control_s > 0)
		snprintf(text, sizeof(text), "max-age=%" PRId64 ", private", cache_control_s);
	else
		snprintf(text, sizeof(text), "max-age=0, no-cache, must-revalidate");
	http_add_header(call->exchange, "Cache-Control", span_of(text));
	http_add_header(call->exchange, "Vary", span_of("Accept"));
	if (!etag)
		return;
	snprintf(text, sizeof(text), "\"%s\"", etag);
	http_add_header(call->exchange, "ETag", span_of(text));
}

void answer_broken(struct http_exchange *exchange, const struct error *error)
{
	answer_plain(exchange, 500, "Internal Server Error");
	strbuf_printf(
		&exchange->body, "rowstream-devstore: %s; nothing was written\n", error->text);
}
