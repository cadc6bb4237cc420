/* The group's own stream: its events read and written. */
#include "group.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "json_span.h"
#include "stream_name.h"

#define MAX_DEPTH 16

/* A namespace beside that of records (mapping.md, section 4): no id of theirs meets one of these.
 */
static void id_over(struct span text, char id[37])
{
	static const uuid_t namespace = {0x7f, 0x9b, 0x3c, 0x1e, 0x5b, 0x0a, 0x5d, 0x0c, 0x9c, 0x58,
		0x3c, 0x1f, 0x2a, 0x6f, 0x4d, 0x12};
	uuid_t uuid;

	uuid_generate_sha1(uuid, namespace, text.ptr, text.len);
	uuid_unparse_lower(uuid, id);
}

void group_clear(struct group *group)
{
	size_t i;

	for (i = 0; i < group->skip_count; i++)
		free(group->skips[i].topic);
	free(group->skips);
	free(group->mapping);
	*group = (struct group){0};
}

void group_stream(const char *group_id, struct strbuf *out)
{
	strbuf_add_text(out, "~rowstream-");
	stream_name_escape(span_of(group_id), true, out);
}

static bool int_member(const struct js_doc *doc, const char *name, int64_t *value)
{
	return span_to_int64(js_text(doc, js_member(doc, 0, name)), value);
}

static char *text_member(const struct js_doc *doc, const char *name)
{
	uint32_t node = js_member(doc, 0, name);
	struct strbuf text = {0};

	if (node == JS_NONE || js_type_of(doc, node) != JS_STRING || !js_string(doc, node, &text)) {
		strbuf_clear(&text);
		return NULL;
	}
	return strbuf_steal(&text);
}

static void note_mapping(struct group *group, const struct js_doc *doc)
{
	group->mappings++;
	if (group->mapping)
		return;
	group->mapping = text_member(doc, "mapping");
	if (!int_member(doc, "time", &group->mapping_ms))
		group->mapping_ms = 0;
}

static void note_skip(struct group *group, const struct js_doc *doc)
{
	struct group_skip skip = {.topic = text_member(doc, "topic")};
	int64_t partition;

	if (!skip.topic || !int_member(doc, "partition", &partition) ||
		!int_member(doc, "offset", &skip.offset) || partition < 0 ||
		partition > INT32_MAX) {
		free(skip.topic);
		return;
	}
	skip.partition = (int32_t)partition;
	group->skips = xreallocarray(group->skips, group->skip_count + 1, sizeof(*group->skips));
	group->skips[group->skip_count++] = skip;
}

void group_note(struct group *group, const struct stored_event *event)
{
	struct js_doc doc = {0};
	struct error ignored = {0};

	if (event->data.ptr && js_parse(&doc, event->data, MAX_DEPTH, &ignored)) {
		if (span_is(event->type, "mapping"))
			note_mapping(group, &doc);
		else if (span_is(event->type, "skipped"))
			note_skip(group, &doc);
	}
	js_doc_clear(&doc);
}

bool group_skips(const struct group *group, const char *topic, int32_t partition, int64_t offset)
{
	size_t i;

	for (i = 0; i < group->skip_count; i++) {
		const struct group_skip *skip = &group->skips[i];

		if (skip->offset == offset && skip->partition == partition &&
			strcmp(skip->topic, topic) == 0)
			return true;
	}
	return false;
}

static void begin_event(struct strbuf *out, const char *type, struct span identity)
{
	char id[37];

	id_over(identity, id);
	strbuf_printf(out, "{\"eventId\":\"%s\",\"eventType\":\"%s\",\"data\":{", id, type);
}

static void end_event(struct strbuf *out, int64_t now_ms)
{
	strbuf_printf(out, "\"time\":%" PRId64 "},\"metadata\":{}}", now_ms);
}

static void add_fingerprint(struct strbuf *out, const char *description)
{
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE];
	size_t i;

	sha256_init(&sha);
	sha256_update(&sha, strlen(description), (const uint8_t *)description);
	sha256_digest(&sha, sizeof(digest), digest);
	for (i = 0; i < sizeof(digest); i++)
		strbuf_printf(out, "%02x", digest[i]);
}

void group_mapping_event(
	const char *description, int64_t expected, int64_t now_ms, struct strbuf *out)
{
	struct strbuf identity = {0};

	strbuf_printf(&identity, "mapping/%" PRId64 "/%s", expected, description);
	begin_event(out, "mapping", strbuf_span(&identity));
	strbuf_add_text(out, "\"fingerprint\":\"");
	add_fingerprint(out, description);
	strbuf_add_text(out, "\",\"mapping\":");
	strbuf_add_json(out, span_of(description));
	strbuf_add_char(out, ',');
	end_event(out, now_ms);
	strbuf_clear(&identity);
}

void group_skip_event(
	const struct group_skip *skip, const char *reason, int64_t now_ms, struct strbuf *out)
{
	struct strbuf identity = {0};

	strbuf_printf(&identity, "skipped/%s/%" PRId32 "/%" PRId64, skip->topic, skip->partition,
		skip->offset);
	begin_event(out, "skipped", strbuf_span(&identity));
	strbuf_add_text(out, "\"topic\":");
	strbuf_add_json(out, span_of(skip->topic));
	strbuf_printf(out,
		",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"reason\":", skip->partition,
		skip->offset);
	strbuf_add_json(out, span_of(reason));
	strbuf_add_char(out, ',');
	end_event(out, now_ms);
	strbuf_clear(&identity);
}

static struct span next_line(const char **text)
{
	const char *end = strchr(*text, '\n');
	struct span line = {*text, end ? (size_t)(end - *text) : strlen(*text)};

	*text += line.len + (end != NULL);
	return line;
}

void group_difference(const char *before, const char *after, struct strbuf *out)
{
	size_t start = out->len;

	while (*before || *after) {
		struct span was = next_line(&before), is = next_line(&after);

		if (span_equal(was, is))
			continue;
		strbuf_printf(out, "%swas '%.*s', is '%.*s'", out->len > start ? "; " : "",
			SPAN_ARG(was), SPAN_ARG(is));
	}
}
