/* GET of feeds and events: which page is meant, in which form, and how long it may be kept. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "all_filter.h"
#include "api_private.h"

#define DEFAULT_COUNT 20
#define MAX_COUNT 4096
/* Events that a filtered read forward looks at in one page. */
#define SEARCH_WINDOW 1000

/* What a client asked for. */
struct reading {
	struct span stream;  /* as it is read: "$$x" for the metadata of x */
	int64_t from, count; /* from -1: the head */
	enum embed embed;
	bool resolve;
	int64_t poll_s; /* 0: no long poll */
};

/* Enough for a number, a semicolon and a media type's number. */
typedef char etag_text[48];

static const char *make_etag(etag_text text, int64_t number, enum media media)
{
	snprintf(text, sizeof(etag_text), "%" PRId64 ";%s", number, media_etag_number(media));
	return text;
}

static bool is_current(struct call *call, int64_t number)
{
	struct span given = http_header(call->exchange, "If-None-Match");
	etag_text text;

	while (given.len && *given.ptr == '"')
		given.ptr++, given.len--;
	while (given.len && given.ptr[given.len - 1] == '"')
		given.len--;
	return given.len && span_is(given, make_etag(text, number, call->media));
}

static enum embed embed_of(struct call *call, enum embed for_html)
{
	static const struct {
		const char *word;
		enum embed embed;
	} words[] = {
		{"content", EMBED_CONTENT},
		{"rich", EMBED_RICH},
		{"body", EMBED_BODY},
		{"pretty", EMBED_PRETTY},
		{"tryharder", EMBED_TRY_HARDER},
	};
	struct strbuf text = {0};
	enum embed embed = EMBED_NONE;
	size_t i;

	if (call->media == MEDIA_HTML)
		return for_html;
	uri_query(&call->uri, "embed", &text);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (same_word(strbuf_span(&text), words[i].word))
			embed = words[i].embed;
	strbuf_clear(&text);
	return embed;
}

static bool allowed(struct call *call, enum acl_right right, struct span stream)
{
	struct store *store = call->api->options.store;
	struct span owner = stream;

	if (call->caller.unchecked)
		return true;
	if (stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$') {
		owner = (struct span){stream.ptr + 2, stream.len - 2};
		right = ACL_READ_META;
	}
	if (caller_may(&call->caller, right, owner, store_metadata(store, owner),
		    store_last_number(store, stream) >= 0))
		return true;
	answer_denied(call);
	return false;
}

static void answer_invalid(
	struct call *call, const char *before, struct span what, const char *after)
{
	struct strbuf text = {0};

	strbuf_add_text(&text, before);
	strbuf_add_span(&text, what);
	strbuf_add_text(&text, after);
	answer_bad_request(call, text.data);
	strbuf_clear(&text);
}

static bool read_number(struct call *call, struct span text, bool head_allowed, int64_t *number)
{
	*number = -1;
	if (head_allowed && (!text.ptr || span_is(text, "head")))
		return true;
	if (span_to_int64(text, number) && *number >= 0)
		return true;
	answer_invalid(call, "'", text, "' is not valid event number");
	return false;
}

static bool read_count(struct call *call, int64_t *count)
{
	*count = DEFAULT_COUNT;
	if (!call->count.ptr ||
		(span_to_int64(call->count, count) && *count > 0 && *count <= INT32_MAX))
		return true;
	answer_invalid(call, "'", call->count, "' is not valid count. Should be positive integer");
	return false;
}

/* "False" leaves the default standing: so the server reads it. */
static bool read_headers(struct call *call, bool resolve_default, struct reading *reading)
{
	struct span poll = call_header(call, "LongPoll");
	bool ignored;

	if (!call_truth_header(call, "ResolveLinkTos", &reading->resolve)) {
		answer_wrong_header(call, "ResolveLinkTos");
		return false;
	}
	reading->resolve |= resolve_default;
	if (!call_truth_header(call, "RequireLeader", &ignored) ||
		!call_truth_header(call, "RequireMaster", &ignored)) {
		answer_wrong_header(call, "RequireLeader");
		return false;
	}
	if (poll.ptr && (!span_to_int64(poll, &reading->poll_s) || reading->poll_s <= 0 ||
				reading->poll_s > INT32_MAX)) {
		answer_wrong_header(call, "LongPoll");
		return false;
	}
	return true;
}

/* --- Answers --- */

static void add_html(struct strbuf *out, struct span json)
{
	strbuf_add_text(out, "\n"
			     "            <!DOCTYPE html>\n"
			     "            <html>\n"
			     "            <head>\n"
			     "            </head>\n"
			     "            <body>\n"
			     "            <script>\n"
			     "                var data = ");
	strbuf_add_span(out, json);
	strbuf_add_text(out,
		"\n"
		"                var newLocation = '/web/index.html#/streams/' + data.streamId\n"
		"                if('positionEventNumber' in data){\n"
		"                    newLocation = newLocation + '/' + "
		"data.positionEventNumber;\n"
		"                }\n"
		"                window.location.replace(newLocation);\n"
		"            </script>\n"
		"            </body>\n"
		"            </html>\n"
		"            ");
}

/* What is put into a page of HTML must not end its script. */
static void add_script_safe(struct strbuf *out, struct span json)
{
	size_t i;

	for (i = 0; i < json.len; i++) {
		if (json.ptr[i] == '<')
			strbuf_add_text(out, "\\u003c");
		else
			strbuf_add_char(out, json.ptr[i]);
	}
}

static void print_html(struct strbuf *out, struct strbuf *json)
{
	struct strbuf safe = {0};

	add_script_safe(&safe, strbuf_span(json));
	add_html(out, strbuf_span(&safe));
	strbuf_clear(&safe);
	strbuf_clear(json);
}

static void print_feed(struct call *call, const struct feed *feed, const struct stored_page *page,
	bool forward, enum embed embed)
{
	struct strbuf *out = &call->exchange->body, json = {0};

	if (media_is_xml(call->media)) {
		feed_print_xml(out, feed, page, forward, embed);
	} else if (call->media == MEDIA_HTML) {
		feed_print_json(&json, feed, page, forward, embed);
		print_html(out, &json);
	} else {
		feed_print_json(out, feed, page, forward, embed);
	}
}

/* Everything but a page that was read. True: answered. */
static bool answer_failure(struct call *call, enum read_status status)
{
	switch (status) {
	case READ_DONE:
		return false;
	case READ_NO_STREAM:
	case READ_NO_EVENT:
		answer_empty(call, 404, "Not Found");
		break;
	case READ_GONE:
		answer_empty(call, 410, "Deleted");
		break;
	case READ_TOO_LARGE:
		answer_empty(call, 500, "Page too large, ask for fewer events");
		break;
	case READ_BROKEN:
		answer_empty(call, 500, "Internal Server Error");
		break;
	}
	return true;
}

/* A count that the server refuses, and a page that the client has already. True: answered. */
static bool answer_early(struct call *call, const struct reading *reading, int64_t last)
{
	if (reading->count > MAX_COUNT) {
		answer_empty(call, 500, "Read size too big, should be less than 4096 items");
		return true;
	}
	if (!is_current(call, last))
		return false;
	answer_empty(call, 304, "Not Modified");
	return true;
}

static void answer_description(struct call *call)
{
	struct span accept = http_header(call->exchange, "Accept");
	bool any = media_accepts_anything(accept);
	struct strbuf *out = &call->exchange->body, escaped = {0};

	http_answer(call->exchange, any ? 406 : 200, "Description Document");
	http_add_header(
		call->exchange, "Content-Type", span_of(media_content_type(MEDIA_DESCRIPTION)));
	uri_escape(&escaped, strbuf_span(&call->stream));
	strbuf_add_text(out, "{\n  \"title\": ");
	strbuf_reset(&call->base);
	strbuf_printf(&call->base, "Description document for '%.*s'",
		SPAN_ARG(strbuf_span(&call->stream)));
	strbuf_add_json(out, strbuf_span(&call->base));
	strbuf_printf(out,
		",\n  \"description\": \"The description document will be presented when no "
		"accept header is present or it was requested\",\n"
		"  \"_links\": {\n"
		"    \"self\": {\n"
		"      \"href\": \"/streams/%s\",\n"
		"      \"supportedContentTypes\": [\n"
		"        \"application/vnd.eventstore.streamdesc+json\"\n"
		"      ]\n    },\n"
		"    \"stream\": {\n"
		"      \"href\": \"/streams/%s\",\n"
		"      \"supportedContentTypes\": [\n"
		"        \"application/atom+xml\",\n"
		"        \"application/vnd.eventstore.atom+json\"\n"
		"      ]\n    },\n"
		"    \"streamSubscription\": null\n  }\n}",
		escaped.data, escaped.data);
	strbuf_clear(&escaped);
}

/* --- Streams --- */

static struct read_options options_for(const struct reading *reading, bool forward)
{
	return (struct read_options){
		.forward = forward,
		.resolve = reading->resolve,
		.bodies = reading->embed == EMBED_CONTENT || reading->embed >= EMBED_BODY,
	};
}

static void answer_page(struct call *call, const struct reading *reading,
	const struct stored_page *page, bool forward)
{
	bool at_head = !forward && reading->from < 0;
	bool full = forward ? page->last - page->from + 1 >= page->max_count
			    : page->last >= page->from && !at_head;
	etag_text etag, feed_etag;
	struct feed feed;

	answer_ok(call, call->media);
	answer_caching(call, full, page->cache_control_s,
		full ? NULL : make_etag(etag, page->last, call->media));
	feed_of_stream(&feed, call->base.data, reading->stream, page, forward, at_head,
		make_etag(feed_etag, page->last, MEDIA_ATOM_JSON));
	print_feed(call, &feed, page, forward, reading->embed);
	feed_clear(&feed);
}

static bool must_wait(struct call *call, const struct reading *reading, int64_t last)
{
	return reading->poll_s && !call->polled && last != STREAM_DELETED && last < reading->from;
}

static void read_page(struct call *call, const struct reading *reading, bool forward)
{
	struct read_options options = options_for(reading, forward);
	struct store *store = call->api->options.store;
	int64_t last = store_last_number(store, reading->stream);
	struct stored_page page = {.count = 0};

	if (!allowed(call, ACL_READ, reading->stream))
		return;
	if (must_wait(call, reading, last)) {
		api_park_poll(call, last + 1, reading->poll_s);
		return;
	}
	if (answer_early(call, reading, last))
		return;
	call->api->reads++;
	store_read_stream(store, reading->stream, reading->from, reading->count, &options, &page);
	if (!answer_failure(call, page.status))
		answer_page(call, reading, &page, forward);
	stored_page_clear(&page);
}

static void read_backward(struct call *call, struct span stream, bool resolve_default)
{
	struct reading reading = {.stream = stream};

	if (call->media == MEDIA_DESCRIPTION) {
		answer_description(call);
		return;
	}
	reading.embed = embed_of(call, EMBED_PRETTY);
	if (read_number(call, call->event, true, &reading.from) &&
		read_count(call, &reading.count) && read_headers(call, resolve_default, &reading)) {
		reading.poll_s = 0;
		read_page(call, &reading, false);
	}
}

static void read_forward(struct call *call, struct span stream, bool resolve_default)
{
	struct reading reading = {.stream = stream};

	/* The server answers a forward read without Accept with the description, and 200. */
	if (call->media == MEDIA_DESCRIPTION) {
		answer_description(call);
		call->exchange->status = 200;
		strbuf_reset(&call->exchange->reason);
		strbuf_add_text(&call->exchange->reason, "OK");
		return;
	}
	reading.embed = embed_of(call, EMBED_PRETTY);
	if (read_number(call, call->event, false, &reading.from) &&
		read_count(call, &reading.count) && read_headers(call, resolve_default, &reading))
		read_page(call, &reading, true);
}

void handle_read_backward(struct call *call)
{
	read_backward(call, strbuf_span(&call->stream), true);
}

void handle_read_forward(struct call *call)
{
	read_forward(call, strbuf_span(&call->stream), true);
}

/* --- Single events --- */

static void print_event(struct call *call, const struct stored_entry *entry, enum embed embed)
{
	struct strbuf *out = &call->exchange->body, json = {0};

	switch (call->media) {
	case MEDIA_ATOM_JSON:
	case MEDIA_KURRENT_ATOM_JSON:
		feed_print_entry_json(out, call->base.data, entry, embed);
		break;
	case MEDIA_ATOM_XML:
		feed_print_entry_xml(out, call->base.data, entry);
		break;
	case MEDIA_HTML:
		feed_print_entry_json(&json, call->base.data, entry, embed);
		print_html(out, &json);
		break;
	case MEDIA_JSON:
		feed_print_data_json(out, &entry->event, 0);
		break;
	case MEDIA_TEXT_XML:
	case MEDIA_APP_XML:
		feed_print_data_xml(out, &entry->event);
		break;
	case MEDIA_EVENT_XML:
		feed_print_event_xml(out, &entry->event);
		break;
	case MEDIA_RAW:
		strbuf_add_span(out, entry->event.data);
		break;
	default:
		feed_print_event_json(out, &entry->event, 0);
		break;
	}
}

/* An event that is not there still gets an empty object in the form that was asked for. */
static void add_empty(struct call *call)
{
	if (media_is_json(call->media))
		strbuf_add_text(&call->exchange->body, "{}");
}

/* Metadata that a stream has not got is empty, as long as the stream itself is there. */
static bool is_empty_metadata(struct call *call, struct span metastream, enum read_status status)
{
	int64_t last;

	if (status != READ_NO_STREAM && status != READ_NO_EVENT)
		return false;
	last = store_last_number(
		call->api->options.store, (struct span){metastream.ptr + 2, metastream.len - 2});
	return last != STREAM_NONE && last != STREAM_DELETED;
}

static void read_event(struct call *call, const struct reading *reading, bool is_metadata)
{
	struct store *store = call->api->options.store;
	struct stored_page page = {.count = 0};
	bool at_head = reading->from < 0, empty;
	etag_text etag;

	if (!allowed(call, ACL_READ, reading->stream))
		return;
	call->api->reads++;
	store_read_event(store, reading->stream, reading->from, reading->resolve, &page);
	if (page.status == READ_DONE && !page.entries[0].has_event)
		page.status = READ_NO_EVENT;
	empty = is_metadata && is_empty_metadata(call, reading->stream, page.status);
	if (!empty && answer_failure(call, page.status)) {
		add_empty(call);
	} else {
		answer_ok(call, call->media);
		answer_caching(call, !at_head, page.cache_control_s,
			at_head && !empty ? make_etag(etag, page.from, call->media) : NULL);
		if (empty)
			add_empty(call);
		else
			print_event(call, &page.entries[0], reading->embed);
	}
	stored_page_clear(&page);
}

void handle_read_event(struct call *call)
{
	struct reading reading = {.stream = strbuf_span(&call->stream)};

	reading.embed = embed_of(call, EMBED_TRY_HARDER);
	if (read_number(call, call->event, true, &reading.from) &&
		read_headers(call, true, &reading))
		read_event(call, &reading, false);
}

/* --- Metadata: the stream "$$<name>" --- */

/* False: answered. */
static bool name_metastream(struct call *call, struct strbuf *name)
{
	if (call->stream.len >= 2 && !memcmp(call->stream.data, "$$", 2)) {
		answer_bad_request(
			call, "Stream must be non-empty string and should not be metastream");
		return false;
	}
	strbuf_add_text(name, "$$");
	strbuf_add_span(name, strbuf_span(&call->stream));
	return true;
}

void handle_read_metadata(struct call *call)
{
	struct reading reading = {.embed = embed_of(call, EMBED_TRY_HARDER)};
	struct strbuf name = {0};

	if (name_metastream(call, &name) && read_number(call, call->event, true, &reading.from) &&
		read_headers(call, false, &reading)) {
		reading.stream = strbuf_span(&name);
		read_event(call, &reading, true);
	}
	strbuf_clear(&name);
}

void handle_read_metadata_backward(struct call *call)
{
	struct strbuf name = {0};

	if (name_metastream(call, &name))
		read_backward(call, strbuf_span(&name), false);
	strbuf_clear(&name);
}

void handle_read_metadata_forward(struct call *call)
{
	struct strbuf name = {0};

	if (name_metastream(call, &name))
		read_forward(call, strbuf_span(&name), false);
	strbuf_clear(&name);
}

/* --- $all --- */

static bool read_position(struct call *call, bool head_allowed, int64_t *position)
{
	char half[17];
	char *end;
	bool ok;

	*position = -1;
	if (head_allowed && (!call->event.ptr || span_is(call->event, "head")))
		return true;
	ok = call->event.len == 32;
	if (ok) {
		memcpy(half, call->event.ptr, 16);
		half[16] = '\0';
		*position = (int64_t)strtoull(half, &end, 16);
		ok = !*end && *position >= 0;
	}
	if (!ok)
		answer_invalid(call, "Invalid position argument: ", call->event, "");
	return ok;
}

static void answer_all(struct call *call, const struct reading *reading,
	const struct stored_page *page, bool forward)
{
	bool full = forward ? (int64_t)page->count == reading->count
			    : reading->from >= 0 && reading->from <= page->last;
	etag_text etag;
	struct feed feed;

	answer_ok(call, call->media);
	answer_caching(call, full, page->cache_control_s,
		full ? NULL : make_etag(etag, page->last, call->media));
	feed_of_all(&feed, call->base.data, call->filtered ? "%24all/filtered" : "%24all", page,
		forward);
	print_feed(call, &feed, page, forward, reading->embed);
	feed_clear(&feed);
}

static void read_all(struct call *call, const struct reading *reading, bool forward,
	struct all_filter_spec *spec)
{
	struct read_options options = options_for(reading, forward);
	struct all_filter filter = {.keep = all_filter_keep,
		.user = spec,
		.search = forward ? SEARCH_WINDOW : reading->count};
	struct store *store = call->api->options.store;
	int64_t last = store_last_position(store);
	struct stored_page page = {.count = 0};

	if (!allowed(call, ACL_READ, span_of("$all")))
		return;
	if (forward && reading->poll_s && !call->polled && last < reading->from) {
		api_park_poll(call, last + 1, reading->poll_s);
		return;
	}
	if (answer_early(call, reading, last))
		return;
	call->api->reads++;
	store_read_all(
		store, reading->from, reading->count, &options, spec ? &filter : NULL, &page);
	if (!answer_failure(call, page.status))
		answer_all(call, reading, &page, forward);
	stored_page_clear(&page);
}

static void read_filtered(struct call *call, const struct reading *reading, bool forward)
{
	struct all_filter_spec spec;
	const char *wrong = all_filter_parse(&spec, &call->uri);

	if (wrong) {
		answer_bad_request(call, wrong);
		return;
	}
	read_all(call, reading, forward, &spec);
	all_filter_clear(&spec);
}

static bool read_all_request(struct call *call, bool forward, struct reading *reading)
{
	if (call->media == MEDIA_DESCRIPTION) {
		strbuf_reset(&call->stream);
		strbuf_add_text(&call->stream, "$all");
		answer_description(call);
		return false;
	}
	reading->embed = embed_of(call, EMBED_PRETTY);
	return read_position(call, !forward, &reading->from) && read_count(call, &reading->count) &&
	       read_headers(call, false, reading);
}

void handle_all_backward(struct call *call)
{
	struct reading reading = {.count = 0};

	if (!read_all_request(call, false, &reading))
		return;
	if (call->filtered)
		read_filtered(call, &reading, false);
	else
		read_all(call, &reading, false, NULL);
}

void handle_all_forward(struct call *call)
{
	struct reading reading = {.count = 0};

	if (!read_all_request(call, true, &reading))
		return;
	if (call->filtered)
		read_filtered(call, &reading, true);
	else
		read_all(call, &reading, true, NULL);
}
