/* Data and metadata go through reprint: what is stored is what Newtonsoft prints. */
#include "event_body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reprint.h"
#include "utf8.h"

#define INVALID "Write request body invalid."

void event_body_clear(struct event_body *body)
{
	free(body->events);
	arena_clear(&body->arena);
	*body = (struct event_body){0};
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool event_id_parse(struct span text, unsigned char *id)
{
	bool dashed = text.len >= 36;
	size_t at = 0, i;

	if (text.len == 38 && ((text.ptr[0] == '{' && text.ptr[37] == '}') ||
				      (text.ptr[0] == '(' && text.ptr[37] == ')')))
		text = (struct span){text.ptr + 1, 36};
	if (text.len != (dashed ? 36 : 32))
		return false;
	for (i = 0; i < EVENT_ID_BYTES; i++) {
		int high, low;

		if (dashed && (i == 4 || i == 6 || i == 8 || i == 10) && text.ptr[at++] != '-')
			return false;
		high = hex(text.ptr[at]);
		low = hex(text.ptr[at + 1]);
		if (high < 0 || low < 0)
			return false;
		id[i] = (unsigned char)(high << 4 | low);
		at += 2;
	}
	return true;
}

void event_id_add(struct strbuf *out, const unsigned char *id)
{
	static const char digits[] = "0123456789abcdef";
	char *at = strbuf_reserve(out, 36);
	int i;

	for (i = 0; i < EVENT_ID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[id[i] >> 4];
		*at++ = digits[id[i] & 15];
	}
	*at = '\0';
	out->len += 36;
}

bool event_id_is_nil(const unsigned char *id)
{
	static const unsigned char nil[EVENT_ID_BYTES];

	return !memcmp(id, nil, EVENT_ID_BYTES);
}

/* An event while its object is read. Of members that come twice the last one counts. */
struct draft {
	unsigned char id[EVENT_ID_BYTES];
	struct strbuf type, data, metadata, name, text;
	bool data_json, metadata_json;
};

static void draft_clear(struct draft *draft)
{
	strbuf_clear(&draft->type);
	strbuf_clear(&draft->data);
	strbuf_clear(&draft->metadata);
	strbuf_clear(&draft->name);
	strbuf_clear(&draft->text);
}

static void draft_reset(struct draft *draft)
{
	memset(draft->id, 0, sizeof(draft->id));
	strbuf_reset(&draft->type);
	strbuf_reset(&draft->data);
	strbuf_reset(&draft->metadata);
	draft->data_json = draft->metadata_json = false;
}

static bool read_id(struct reprint *in, struct draft *draft)
{
	char next = reprint_peek(in);

	strbuf_reset(&draft->text);
	return (next == '"' || next == '\'') && reprint_string(in, &draft->text) &&
	       event_id_parse(strbuf_span(&draft->text), draft->id);
}

/* A number becomes its text; null leaves the type empty, which is told later. */
static bool read_type(struct reprint *in, struct draft *draft)
{
	char next = reprint_peek(in);

	strbuf_reset(&draft->type);
	if (next == '"' || next == '\'')
		return reprint_string(in, &draft->type);
	if (next == '{' || next == '[' || !reprint_value(in, 0, &draft->type))
		return false;
	if (next == 'n')
		strbuf_reset(&draft->type);
	return true;
}

/* Objects and arrays are stored printed anew, also when they come as the text of a string; other
 * strings are stored as they are; numbers, truth values and null as nothing. */
static bool read_content(struct reprint *in, struct draft *draft, struct strbuf *out, bool *is_json)
{
	char next = reprint_peek(in);

	strbuf_reset(out);
	*is_json = next == '{' || next == '[';
	if (*is_json)
		return reprint_value(in, 0, out);
	if (next != '"' && next != '\'')
		return reprint_skip(in);
	strbuf_reset(&draft->text);
	if (!reprint_string(in, &draft->text))
		return false;
	*is_json = reprint_container(strbuf_span(&draft->text), 0, out);
	if (!*is_json)
		strbuf_add_span(out, strbuf_span(&draft->text));
	return true;
}

static bool name_is(const struct draft *draft, const char *name)
{
	return draft->name.len == strlen(name) &&
	       !strncasecmp(draft->name.data, name, draft->name.len);
}

static bool read_member(struct reprint *in, struct draft *draft)
{
	strbuf_reset(&draft->name);
	if (!reprint_name(in, &draft->name) || !reprint_take(in, ':'))
		return false;
	if (name_is(draft, "eventId"))
		return read_id(in, draft);
	if (name_is(draft, "eventType"))
		return read_type(in, draft);
	if (name_is(draft, "data"))
		return read_content(in, draft, &draft->data, &draft->data_json);
	if (name_is(draft, "metadata"))
		return read_content(in, draft, &draft->metadata, &draft->metadata_json);
	return reprint_skip(in);
}

static bool read_object(struct reprint *in, struct draft *draft)
{
	draft_reset(draft);
	if (!reprint_take(in, '{'))
		return false;
	in->depth++;
	while (!reprint_take(in, '}')) {
		if (!read_member(in, draft))
			return false;
		if (!reprint_take(in, ',') && reprint_peek(in) != '}')
			return false;
	}
	in->depth--;
	return true;
}

static struct new_event *new_event(struct event_body *body)
{
	if (body->count == body->size) {
		body->size = body->size ? body->size * 2 : 8;
		body->events = xreallocarray(body->events, body->size, sizeof(*body->events));
	}
	return &body->events[body->count++];
}

static void keep(struct event_body *body, const struct draft *draft)
{
	struct new_event *event = new_event(body);

	*event = (struct new_event){
		.type = arena_copy(&body->arena, strbuf_span(&draft->type)),
		.data = arena_copy(&body->arena, strbuf_span(&draft->data)),
		.metadata = arena_copy(&body->arena, strbuf_span(&draft->metadata)),
		.is_json = draft->data_json || draft->metadata_json,
	};
	memcpy(event->id, draft->id, EVENT_ID_BYTES);
}

static const char *check(const struct new_event *event)
{
	if (event_id_is_nil(event->id))
		return "Empty eventId provided. (Parameter 'eventId')";
	if (!event->type.len)
		return "Empty eventType provided. (Parameter 'eventType')";
	if (event->data.len + event->metadata.len + 2 * event->type.len > RECORD_MAX_BYTES)
		return "Record is too big. (Parameter 'data')";
	return NULL;
}

/* The server reads all of the JSON before it looks at any event. */
static const char *check_all(const struct event_body *body, bool has_null)
{
	size_t i;

	for (i = 0; i < body->count; i++) {
		const char *wrong = check(&body->events[i]);

		if (wrong)
			return wrong;
	}
	if (has_null)
		return "Object reference not set to an instance of an object.";
	return body->count ? NULL : INVALID;
}

static bool read_null(struct reprint *in)
{
	if (reprint_peek(in) != 'n' || in->end - in->at < 4 || memcmp(in->at, "null", 4))
		return false;
	in->at += 4;
	return true;
}

static bool read_array(
	struct reprint *in, struct event_body *body, struct draft *draft, bool *has_null)
{
	if (!reprint_take(in, '['))
		return false;
	in->depth++;
	while (!reprint_take(in, ']')) {
		if (read_null(in))
			*has_null = true;
		else if (read_object(in, draft))
			keep(body, draft);
		else
			return false;
		if (!reprint_take(in, ',') && reprint_peek(in) != ']')
			return false;
	}
	return reprint_at_end(in);
}

const char *event_body_parse(struct event_body *body, struct span json)
{
	struct reprint in;
	struct draft draft = {.data_json = false};
	bool has_null = false, ok;

	reprint_start(&in, json);
	ok = read_array(&in, body, &draft, &has_null);
	reprint_clear(&in);
	draft_clear(&draft);
	return ok ? check_all(body, has_null) : INVALID;
}

const char *event_body_single(struct event_body *body, struct span bytes, bool is_json,
	const unsigned char *id, struct span type)
{
	struct strbuf text = {0};
	struct new_event *event = new_event(body);

	if (is_json)
		utf8_add_repaired(&text, bytes);
	*event = (struct new_event){
		.type = arena_copy(&body->arena, type),
		.data = arena_copy(&body->arena, is_json ? strbuf_span(&text) : bytes),
		.metadata = {"", 0},
		.is_json = is_json,
	};
	memcpy(event->id, id, EVENT_ID_BYTES);
	strbuf_clear(&text);
	return check(event);
}

bool event_body_too_large(const struct event_body *body)
{
	size_t i;

	for (i = 0; i < body->count; i++)
		if (body->events[i].data.len + body->events[i].metadata.len > EVENT_MAX_BYTES)
			return true;
	return false;
}
