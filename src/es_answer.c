/* Answers classified, feeds read. */
#include "es_answer.h"

#include <ctype.h>
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

void es_answer_reset(struct es_answer *answer)
{
	struct strbuf location = answer->location;

	strbuf_reset(&location);
	*answer = (struct es_answer){.location = location, .current_version = ES_NO_VERSION};
}

void es_answer_clear(struct es_answer *answer)
{
	strbuf_clear(&answer->location);
}

/* "HTTP/1.1 400 Wrong expected EventNumber": what stands behind the second blank. */
static void take_status_line(struct es_answer *answer, struct span line)
{
	const char *space = memchr(line.ptr, ' ', line.len);
	struct span rest;

	es_answer_reset(answer);
	if (!space)
		return;
	rest = (struct span){space + 1, (size_t)(line.ptr + line.len - space - 1)};
	space = memchr(rest.ptr, ' ', rest.len);
	if (space)
		keep(answer->reason, sizeof(answer->reason),
			(struct span){space + 1, (size_t)(rest.ptr + rest.len - space - 1)});
}

static void take_version(struct es_answer *answer, struct span value)
{
	if (!span_to_int64(value, &answer->current_version) || answer->current_version < -1)
		answer->current_version = ES_ODD_VERSION;
}

static void take_location(struct es_answer *answer, struct span value)
{
	strbuf_reset(&answer->location);
	strbuf_add_span(&answer->location, value);
}

bool es_answer_line(struct es_answer *answer, struct span line)
{
	struct span value;

	if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
		take_status_line(answer, line);
		return true;
	}
	if (header_is(line, "Location", &value))
		take_location(answer, value);
	else if (header_is(line, "ETag", &value))
		keep(answer->etag, sizeof(answer->etag), value);
	else if (header_is(line, "Content-Type", &value))
		keep(answer->content_type, sizeof(answer->content_type), value);
	else if (header_is(line, "ES-Position", &value) ||
		 header_is(line, "Kurrent-Position", &value))
		keep(answer->position, sizeof(answer->position), value);
	else if (header_is(line, "ES-CurrentVersion", &value) ||
		 header_is(line, "Kurrent-CurrentVersion", &value))
		take_version(answer, value);
	return false;
}

/* --- Appends --- */

/* The digits at the end of ".../streams/{name}/{number}". A 201 of something else than EventStoreDB
 * has another Location and proves nothing. */
static bool location_number(struct span location, int64_t *number)
{
	const char *slash = location.len ? memrchr(location.ptr, '/', location.len) : NULL;
	size_t before;

	if (!slash)
		return false;
	before = (size_t)(slash - location.ptr);
	return memmem(location.ptr, before, "/streams/", 9) && slash[1] != '-' &&
	       span_to_int64((struct span){slash + 1, location.len - before - 1}, number);
}

enum append_outcome es_answer_append(const struct es_answer *answer, int64_t *first_number)
{
	switch (answer->status) {
	case 201:
		return location_number(strbuf_span(&answer->location), first_number)
			       ? APPEND_WRITTEN
			       : APPEND_UNKNOWN;
	case 400:
		if (answer->current_version == ES_ODD_VERSION)
			return APPEND_UNKNOWN;
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
	struct span text;

	if (node == JS_NONE || js_type_of(&page->doc, node) != JS_STRING ||
		!js_string_span(&page->doc, node, &page->arena, &text))
		return SPAN_NULL;
	return text;
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

/* Entries stand newest first: whoever pages by their numbers relies on it. */
static bool entry_number(struct es_page *page, uint32_t entry, int64_t *number)
{
	if (!page_number(page, entry, "positionEventNumber", number) &&
		!title_number(page, entry, number))
		return false;
	return *number >= 0 && (page->count == 0 || *number < page->events[page->count - 1].number);
}

/* Of a page with its links' targets: the title is the target's, so a link whose target is gone has
 * no number at all; and $all has no order of numbers. */
static bool resolved_number(const struct es_page *page, uint32_t entry, int64_t *number)
{
	if (!page_number(page, entry, "positionEventNumber", number))
		*number = -1;
	return *number >= -1;
}

static bool add_entry(struct es_page *page, uint32_t entry)
{
	int64_t number, revision;

	if (page->resolved ? !resolved_number(page, entry, &number)
			   : !entry_number(page, entry, &number))
		return false;
	if (!page_number(page, entry, "eventNumber", &revision))
		revision = number;
	if (page->count == page->size) {
		page->size = page->size ? 2 * page->size : 32;
		page->events = xreallocarray(page->events, page->size, sizeof(*page->events));
	}
	page->events[page->count++] = (struct stored_event){
		.stream = page_text(page, entry, "streamId"),
		.read_in = page_text(page, entry, "positionStreamId"),
		.number = number,
		.revision = revision,
		.updated = page_text(page, entry, "updated"),
		.id = page_text(page, entry, "eventId"),
		.type = page_text(page, entry, "eventType"),
		.data = page_text(page, entry, "data"),
		.metadata = page_text(page, entry, "metaData"),
	};
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
	return number >= 0 ? number : -1;
}

/* From ".../streams/s/812/forward/500" the 812: whatever host the server names, and however it
 * encodes the stream's name, the position is what stands before the direction. */
static void link_position(struct span uri, const char *direction, char position[ES_POSITION_BYTES])
{
	const char *end = NULL, *found = uri.ptr, *start;
	size_t left = uri.len;

	while (left && (found = memmem(found, left, direction, strlen(direction)))) {
		end = found++;
		left = uri.len - (size_t)(found - uri.ptr);
	}
	for (start = end; start && start > uri.ptr && isxdigit((unsigned char)start[-1]);)
		start--;
	if (start && start > uri.ptr && start[-1] == '/' && end - start < ES_POSITION_BYTES)
		snprintf(position, ES_POSITION_BYTES, "%.*s", (int)(end - start), start);
}

/* Returns whether the server names an older page, which it does until it has read past the first
 * event that is not truncated. */
static bool read_links(struct es_page *page)
{
	uint32_t links = js_member(&page->doc, 0, "links"), link, relation;
	bool older = false;

	page->newer[0] = page->older[0] = '\0';
	for (link = js_first(&page->doc, links); link != JS_NONE;
		link = js_next(&page->doc, links, link)) {
		relation = js_member(&page->doc, link, "relation");
		if (js_string_is(&page->doc, relation, "previous")) {
			link_position(page_text(page, link, "uri"), "/forward/", page->newer);
		} else if (js_string_is(&page->doc, relation, "next")) {
			link_position(page_text(page, link, "uri"), "/backward/", page->older);
			older = true;
		}
	}
	return older;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool read_feed(const struct es_answer *answer, struct es_page *page)
{
	struct error ignored = {0};
	uint32_t entries, entry;
	bool older;

	page->count = 0;
	arena_reset(&page->arena);
	if (!js_parse(&page->doc, answer->body, JS_MAX_DEPTH, &ignored))
		return false;
	entries = js_member(&page->doc, 0, "entries");
	if (entries == JS_NONE || js_type_of(&page->doc, entries) != JS_ARRAY)
		return false;
	for (entry = js_first(&page->doc, entries); entry != JS_NONE;
		entry = js_next(&page->doc, entries, entry))
		if (!add_entry(page, entry))
			return false;
	page->last_number =
		larger(etag_number(answer->etag), page->count > 0 ? page->events[0].number : -1);
	older = read_links(page);
	page->at_start = !older || (page->count > 0 && page->events[page->count - 1].number == 0);
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

#define MAX_BODY_TEXT 160

static struct span body_text(const struct es_answer *answer)
{
	struct span body = answer->body;

	if (!body.ptr || strncasecmp(answer->content_type, "text/plain", 10) != 0)
		return SPAN_NULL;
	if (body.len > MAX_BODY_TEXT) {
		/* not inside a character */
		for (body.len = MAX_BODY_TEXT; body.len && (body.ptr[body.len] & 0xc0) == 0x80;)
			body.len--;
	}
	return body;
}

void es_answer_text(const struct es_answer *answer, const char *cause, char *text, size_t size)
{
	struct span body = body_text(answer);
	char *c;

	if (!cause[0])
		cause = cause_of(answer);
	snprintf(text, size, "HTTP %d%s%s%s%.*s%s%s", answer->status, answer->reason[0] ? " " : "",
		answer->reason, body.len ? ": " : "", SPAN_ARG(body), cause[0] ? "; " : "", cause);
	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
			*c = ' ';
}
