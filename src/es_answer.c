/* Answers classified, feeds read. */
#include "es_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Headers --- */

static bool header_is(struct span line, const char *name, struct span *value)
{
	size_t len = strlen(name);

	if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0)
		return false;
	*value = (struct span){line.ptr + len + 1, line.len - len - 1};
	while (value->len && (value->ptr[0] == ' ' || value->ptr[0] == '\t'))
		*value = (struct span){value->ptr + 1, value->len - 1};
	while (value->len &&
		(value->ptr[value->len - 1] == ' ' || value->ptr[value->len - 1] == '\t'))
		value->len--;
	return true;
}

static void keep(char *text, size_t size, struct span value)
{
	snprintf(text, size, "%.*s", SPAN_ARG(value));
}

void es_answer_header(struct es_answer *answer, struct span line)
{
	struct span value;

	if (header_is(line, "Location", &value))
		keep(answer->location, sizeof(answer->location), value);
	else if (header_is(line, "ETag", &value))
		keep(answer->etag, sizeof(answer->etag), value);
	else if (header_is(line, "Content-Type", &value))
		keep(answer->content_type, sizeof(answer->content_type), value);
	else if (header_is(line, "ES-Position", &value) ||
		 header_is(line, "Kurrent-Position", &value))
		keep(answer->position, sizeof(answer->position), value);
	else if ((header_is(line, "ES-CurrentVersion", &value) ||
			 header_is(line, "Kurrent-CurrentVersion", &value)) &&
		 !span_to_int64(value, &answer->current_version))
		answer->current_version = ES_NO_VERSION;
}

/* --- Appends --- */

/* The digits at the end of ".../streams/{name}/{number}". */
static bool location_number(const char *location, int64_t *number)
{
	const char *slash = strrchr(location, '/');

	return slash && span_to_int64(span_of(slash + 1), number) && *number >= 0;
}

enum append_outcome es_answer_append(const struct es_answer *answer, int64_t *first_number)
{
	switch (answer->status) {
	case 201:
		return location_number(answer->location, first_number) ? APPEND_WRITTEN
								       : APPEND_UNKNOWN;
	case 400:
		return answer->current_version == ES_NO_VERSION ? APPEND_REFUSED : APPEND_CONFLICT;
	case 401:
	case 403:
		return APPEND_DENIED;
	case 410:
		return APPEND_DELETED;
	case 413:
		return APPEND_TOO_LARGE;
	case 404:
	case 405:
		return APPEND_MISPLACED;
	default:
		return answer->status >= 300 && answer->status < 400 ? APPEND_MISPLACED
								     : APPEND_UNKNOWN;
	}
}

/* --- Feeds --- */

static struct span page_text(struct es_page *page, uint32_t entry, const char *name)
{
	uint32_t node = js_member(&page->doc, entry, name);

	if (node == JS_NONE || js_type_of(&page->doc, node) != JS_STRING)
		return SPAN_NULL;
	if (!(page->doc.nodes[node].flags & JS_ESCAPED)) {
		struct span raw = js_text(&page->doc, node);

		return (struct span){raw.ptr + 1, raw.len - 2};
	}
	strbuf_reset(&page->scratch);
	if (!js_string(&page->doc, node, &page->scratch))
		return SPAN_NULL;
	return arena_copy(&page->arena, strbuf_span(&page->scratch));
}

static bool page_number(
	const struct es_page *page, uint32_t entry, const char *name, int64_t *number)
{
	uint32_t node = js_member(&page->doc, entry, name);

	return node != JS_NONE && js_type_of(&page->doc, node) == JS_NUMBER &&
	       span_to_int64(js_text(&page->doc, node), number);
}

/* A link whose target is gone has no number but in its title, "5@stream". */
static bool title_number(struct es_page *page, uint32_t entry, int64_t *number)
{
	struct span title = page_text(page, entry, "title");
	const char *at = title.ptr ? memchr(title.ptr, '@', title.len) : NULL;

	return at && span_to_int64((struct span){title.ptr, (size_t)(at - title.ptr)}, number);
}

static bool add_entry(struct es_page *page, uint32_t entry)
{
	struct stored_event *event;
	int64_t number;

	if (!page_number(page, entry, "positionEventNumber", &number) &&
		!title_number(page, entry, &number))
		return false;
	if (page->count == page->size) {
		page->size = page->size ? 2 * page->size : 32;
		page->events = xreallocarray(page->events, page->size, sizeof(*page->events));
	}
	event = &page->events[page->count++];
	*event = (struct stored_event){
		.stream = page_text(page, entry, "streamId"),
		.number = number,
		.id = page_text(page, entry, "eventId"),
		.type = page_text(page, entry, "eventType"),
		.data = page_text(page, entry, "data"),
		.metadata = page_text(page, entry, "metaData"),
	};
	if (number > page->last_number)
		page->last_number = number;
	return true;
}

/* "6;-1625630651", with or without quotes: the stream's last number, known even when every event
 * of it is truncated. */
static int64_t etag_number(const char *etag)
{
	const char *from = etag + (etag[0] == '"');
	const char *end = strchr(from, ';');
	int64_t number;

	if (!end || !span_to_int64((struct span){from, (size_t)(end - from)}, &number))
		return -1;
	return number;
}

static bool has_older(struct es_page *page)
{
	uint32_t links = js_member(&page->doc, 0, "links"), link;

	for (link = js_first(&page->doc, links); link != JS_NONE;
		link = js_next(&page->doc, links, link))
		if (js_string_is(&page->doc, js_member(&page->doc, link, "relation"), "next"))
			return true;
	return false;
}

static bool read_feed(const struct es_answer *answer, struct es_page *page)
{
	struct error ignored = {0};
	uint32_t entries, entry;

	page->count = 0;
	page->last_number = -1;
	arena_reset(&page->arena);
	if (!js_parse(&page->doc, answer->body, JS_MAX_DEPTH, &ignored))
		return false;
	entries = js_member(&page->doc, 0, "entries");
	if (js_type_of(&page->doc, entries) != JS_ARRAY)
		return false;
	for (entry = js_first(&page->doc, entries); entry != JS_NONE;
		entry = js_next(&page->doc, entries, entry))
		if (!add_entry(page, entry))
			return false;
	if (etag_number(answer->etag) > page->last_number)
		page->last_number = etag_number(answer->etag);
	page->at_start = !has_older(page);
	return true;
}

enum read_outcome es_answer_read(
	const struct es_answer *answer, bool too_large, struct es_page *page)
{
	if (too_large)
		return READ_TOO_LARGE;
	switch (answer->status) {
	case 200:
		return read_feed(answer, page) ? READ_PAGE : READ_FAILED;
	case 401:
	case 403:
		return READ_DENIED;
	case 404:
		/* Of a missing stream it has a Content-Type; where AtomPub is off it has none. */
		return answer->content_type[0] ? READ_NO_STREAM : READ_MISPLACED;
	case 405:
		return READ_MISPLACED;
	case 410:
		return READ_DELETED;
	default:
		return answer->status >= 300 && answer->status < 400 ? READ_MISPLACED : READ_FAILED;
	}
}

void es_page_clear(struct es_page *page)
{
	free(page->events);
	js_doc_clear(&page->doc);
	arena_clear(&page->arena);
	strbuf_clear(&page->scratch);
	*page = (struct es_page){0};
}

/* --- For a person --- */

static const char *cause_of(const struct es_answer *answer)
{
	switch (answer->status) {
	case 401:
	case 403:
		return "the user, its password or its rights on this stream";
	case 404:
		return answer->content_type[0]
			       ? ""
			       : "AtomPub is switched off on the server "
				 "(--enable-atom-pub-over-http), or this is no EventStoreDB";
	case 405:
		return "this address does not take appends: no EventStoreDB, or a proxy";
	default:
		return answer->status >= 300 && answer->status < 400
			       ? "a redirect that is not followed: wrong scheme or a proxy"
			       : "";
	}
}

static struct span body_text(const struct es_answer *answer)
{
	struct span body = answer->body;

	if (!body.ptr || strncasecmp(answer->content_type, "text/plain", 10) != 0)
		return SPAN_NULL;
	if (body.len > 160)
		body.len = 160;
	return body;
}

void es_answer_text(const struct es_answer *answer, char *text, size_t size)
{
	struct span body = body_text(answer);
	const char *cause = cause_of(answer);
	char *c;

	snprintf(text, size, "HTTP %d%s%s%s%.*s%s%s", answer->status, answer->reason[0] ? " " : "",
		answer->reason, body.len ? ": " : "", SPAN_ARG(body), cause[0] ? "; " : "", cause);
	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
			*c = ' ';
}
