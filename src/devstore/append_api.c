/* POST and DELETE: from headers and body to the store, and the store's verdict as an answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api_private.h"
#include "event_body.h"

/* .NET's long.Parse: blanks around it, a sign, digits. */
static bool parse_long(struct span text, int64_t *value)
{
	while (text.len && *text.ptr == ' ')
		text.ptr++, text.len--;
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	if (text.len > 1 && *text.ptr == '+' && text.ptr[1] != '-')
		text.ptr++, text.len--;
	return span_to_int64(text, value);
}

/* Headers that every write looks at; false: answered. */
static bool read_write_headers(struct call *call, int64_t *expected)
{
	struct span text = call_header(call, "ExpectedVersion");
	bool leader, master;

	*expected = EXPECT_ANY;
	if (text.ptr && (!parse_long(text, expected) || *expected < EXPECT_EXISTS)) {
		answer_wrong_header(call, "ExpectedVersion");
		return false;
	}
	if (!call_truth_header(call, "RequireLeader", &leader) ||
		!call_truth_header(call, "RequireMaster", &master)) {
		answer_wrong_header(call, "RequireLeader");
		return false;
	}
	return true;
}

static bool allowed(struct call *call, enum acl_right right, struct span stream)
{
	const struct stream_meta *meta;

	if (call->caller.unchecked)
		return true;
	if (stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$') {
		stream = (struct span){stream.ptr + 2, stream.len - 2};
		right = right == ACL_READ ? ACL_READ_META : ACL_WRITE_META;
	}
	meta = store_metadata(call->api->options.store, stream);
	if (caller_may(&call->caller, right, stream, meta, true))
		return true;
	answer_denied(call);
	return false;
}

static void answer_conflict(struct call *call, int64_t current)
{
	char text[32];

	answer_empty(call, 400, "Wrong expected EventNumber");
	snprintf(text, sizeof(text), "%" PRId64, current);
	http_add_header(call->exchange, "ES-CurrentVersion", span_of(text));
	http_add_header(call->exchange, "Kurrent-CurrentVersion", span_of(text));
}

static void answer_created(struct call *call, struct span stream, int64_t first)
{
	struct strbuf location = {0};

	answer_empty(call, 201, "Created");
	strbuf_add_span(&location, strbuf_span(&call->base));
	strbuf_add_text(&location, "/streams/");
	uri_escape(&location, stream);
	strbuf_printf(&location, "/%" PRId64, first);
	http_add_header(call->exchange, "Location", strbuf_span(&location));
	strbuf_clear(&location);
}

/* A broken database gets its answer when the turn ends. */
static void answer_append(struct call *call, struct span stream, const struct append_answer *answer)
{
	switch (answer->status) {
	case APPEND_DONE:
		answer_created(call, stream, answer->first);
		break;
	case APPEND_WRONG_VERSION:
		answer_conflict(call, answer->current);
		break;
	case APPEND_GONE:
		answer_empty(call, 410, "Stream deleted");
		break;
	case APPEND_BROKEN:
		answer_empty(call, 500, "Internal Server Error");
		break;
	}
}

/* -3 passes the server's check of the header and then makes its writer throw; so does the stream
 * named "$$" (in 26.1; 23.10 ends itself): a bare 200, nothing written. */
static bool is_swallowed(struct call *call, struct span stream, int64_t expected)
{
	if (expected != EXPECT_INVALID && !span_is(stream, "$$"))
		return false;
	http_answer(call->exchange, 200, "OK");
	return true;
}

static void append(
	struct call *call, struct span stream, int64_t expected, const struct event_body *body)
{
	struct append_answer answer;

	if (store_is_computed(stream)) {
		answer_bad_request(call, "rowstream-devstore fills this stream with links by "
					 "itself; it cannot be written.");
		return;
	}
	call->api->appends++;
	store_append(
		call->api->options.store, stream, expected, body->events, body->count, &answer);
	answer_append(call, stream, &answer);
}

static bool has_types_inside(enum media media)
{
	return (MEDIA_BIT(media) & (MEDIA_ANY_EVENTS_JSON | MEDIA_ANY_XML_EVENTS |
					   MEDIA_BIT(MEDIA_DESCRIPTION))) != 0;
}

static const char *parse_body(
	struct call *call, struct event_body *body, const unsigned char *id, struct span type)
{
	struct span bytes = call->exchange->request.body;

	if ((MEDIA_BIT(call->body_media) & MEDIA_ANY_EVENTS_JSON) ||
		call->body_media == MEDIA_ATOM_JSON || call->body_media == MEDIA_KURRENT_ATOM_JSON)
		return event_body_parse(body, bytes);
	if (call->body_media == MEDIA_JSON)
		return event_body_single(body, bytes, true, id, type);
	if (call->body_media == MEDIA_RAW || call->body_media == MEDIA_TEXT_XML ||
		call->body_media == MEDIA_APP_XML)
		return event_body_single(body, bytes, false, id, type);
	return "Write request body invalid.";
}

static void post(struct call *call, struct span stream, int64_t expected, const unsigned char *id,
	struct span type)
{
	struct event_body body = {.count = 0};
	const char *wrong;

	if (is_swallowed(call, stream, expected))
		return;
	wrong = parse_body(call, &body, id, type);
	if (wrong)
		answer_bad_request(call, wrong);
	else if (event_body_too_large(&body))
		http_answer(call->exchange, 413, "Too large events received. Limit is 4mb");
	else
		append(call, stream, expected, &body);
	event_body_clear(&body);
}

/* The id in a header; nil if there is none. False: answered. */
static bool read_id(struct call *call, unsigned char *id)
{
	struct span text = call_header(call, "EventId");

	memset(id, 0, EVENT_ID_BYTES);
	if (!text.ptr || (event_id_parse(text, id) && !event_id_is_nil(id)))
		return true;
	answer_wrong_header(call, "EventId");
	return false;
}

/* Sends the client to a place where its single event has an id, so that it can repeat it. */
static void answer_incoming(struct call *call)
{
	unsigned char id[EVENT_ID_BYTES];
	struct strbuf location = {0};
	FILE *random = fopen("/dev/urandom", "rb");

	if (!random || fread(id, sizeof(id), 1, random) != 1)
		memset(id, 0x5a, sizeof(id));
	if (random)
		fclose(random);
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
	strbuf_add_span(&location, strbuf_span(&call->base));
	strbuf_add_span(&location, call->uri.path);
	strbuf_add_text(&location, "/incoming/");
	event_id_add(&location, id);
	http_answer(call->exchange, 307, "Temporary Redirect");
	http_add_header(call->exchange, "Content-Type", span_of("text/plain"));
	http_add_header(call->exchange, "Location", strbuf_span(&location));
	strbuf_add_text(&call->exchange->body, "Forwarding to idempotent URI");
	strbuf_clear(&location);
}

void handle_append(struct call *call)
{
	struct span stream = strbuf_span(&call->stream), type = call_header(call, "EventType");
	unsigned char id[EVENT_ID_BYTES];
	int64_t expected;

	if (!allowed(call, ACL_WRITE, stream))
		return;
	if (!has_types_inside(call->body_media) && !type.ptr) {
		answer_bad_request(call, "Must include an event type with the request either in "
					 "body or as ES-EventType header.");
		return;
	}
	if (!read_id(call, id))
		return;
	if (!has_types_inside(call->body_media) && event_id_is_nil(id)) {
		answer_incoming(call);
		return;
	}
	if (read_write_headers(call, &expected))
		post(call, stream, expected, id, type);
}

void handle_append_incoming(struct call *call)
{
	struct span stream = strbuf_span(&call->stream), type = call_header(call, "EventType");
	unsigned char id[EVENT_ID_BYTES];
	int64_t expected;

	if (!allowed(call, ACL_WRITE, stream))
		return;
	if (!event_id_parse(call->event, id))
		answer_bad_request(call, "Invalid request. Unable to parse guid");
	else if (read_write_headers(call, &expected))
		post(call, stream, expected, id, type);
}

void handle_append_metadata(struct call *call)
{
	struct span type = call_header(call, "EventType");
	unsigned char id[EVENT_ID_BYTES];
	struct strbuf metastream = {0};
	int64_t expected;

	strbuf_add_text(&metastream, "$$");
	strbuf_add_span(&metastream, strbuf_span(&call->stream));
	if (!allowed(call, ACL_WRITE_META, strbuf_span(&metastream)))
		;
	else if (call->stream.len >= 2 && !memcmp(call->stream.data, "$$", 2))
		answer_bad_request(call, "Invalid request. Stream must be non-empty string and "
					 "should not be metastream");
	else if (!read_id(call, id))
		;
	else if (type.ptr && !span_is(type, "$metadata"))
		answer_bad_request(
			call, "Bad Request. You should not include an event type for metadata.");
	else if (read_write_headers(call, &expected))
		post(call, strbuf_span(&metastream), expected, id, span_of("$metadata"));
	strbuf_clear(&metastream);
}

static void delete_stream(struct call *call, struct span stream, int64_t expected, bool hard)
{
	struct append_answer answer;

	if (is_swallowed(call, stream, expected))
		return;
	if (store_is_computed(stream)) {
		answer_bad_request(call, "rowstream-devstore fills this stream with links by "
					 "itself; it cannot be deleted.");
		return;
	}
	store_delete(call->api->options.store, stream, expected, hard, &answer);
	if (answer.status == APPEND_DONE)
		answer_empty(call, 204, "Stream deleted");
	else
		answer_append(call, stream, &answer);
}

void handle_delete(struct call *call)
{
	struct span stream = strbuf_span(&call->stream);
	int64_t expected;
	bool hard;

	if (!allowed(call, ACL_DELETE, stream))
		return;
	if (!read_write_headers(call, &expected))
		return;
	if (!call_truth_header(call, "HardDelete", &hard))
		answer_wrong_header(call, "HardDelete");
	else
		delete_stream(call, stream, expected, hard);
}
