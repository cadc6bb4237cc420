/* An event's end, and the rule for its id. */
#include "event.h"

#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "strbuf.h"

/* 7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11 */
static const uuid_t namespace_of_records = {0x7f, 0x9b, 0x3c, 0x1e, 0x5b, 0x0a, 0x5d, 0x0c, 0x9c,
	0x58, 0x3c, 0x1f, 0x2a, 0x6f, 0x4d, 0x11};

void event_free(struct event *event)
{
	free(event);
}

void event_id_of_record(
	struct span generation, struct span topic, int32_t partition, int64_t offset, char id[37])
{
	struct strbuf name = {0};
	uuid_t uuid;

	strbuf_add_span(&name, generation);
	strbuf_add_char(&name, '/');
	strbuf_add_span(&name, topic);
	strbuf_add_char(&name, '/');
	strbuf_add_int(&name, partition);
	strbuf_add_char(&name, '/');
	strbuf_add_int(&name, offset);
	uuid_generate_sha1(uuid, namespace_of_records, name.data, name.len);
	uuid_unparse_lower(uuid, id);
	strbuf_clear(&name);
}

/* Spans behind the insertion move with it; the body, which holds it, grows. */
static void shift(
	struct span *span, const struct event *from, struct event *to, const char *at, size_t added)
{
	size_t begin;

	if (!span->ptr)
		return;
	begin = (size_t)(span->ptr - from->text);
	if (span->ptr <= at && span->ptr + span->len > at)
		span->len += added;
	else if (span->ptr > at)
		begin += added;
	span->ptr = to->text + begin;
}

static size_t text_bytes(const struct event *event)
{
	const struct span *spans[] = {&event->stream, &event->type, &event->source, &event->table,
		&event->position, &event->txid, &event->data, &event->metadata, &event->body};
	size_t i, bytes = 0;

	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		const char *end = spans[i]->ptr ? spans[i]->ptr + spans[i]->len : event->text;

		if ((size_t)(end - event->text) > bytes)
			bytes = (size_t)(end - event->text);
	}
	return bytes;
}

struct event *event_make_late(struct event *event)
{
	static const char late[] = ",\"late\":true";
	const size_t added = sizeof(late) - 1, bytes = text_bytes(event);
	const char *at = event->metadata.ptr + event->metadata.len - 1; /* its '}' */
	const size_t before = (size_t)(at - event->text);
	struct event *grown = xmalloc(sizeof(*grown) + bytes + added + 1);
	struct span *spans[] = {&grown->stream, &grown->type, &grown->source, &grown->table,
		&grown->position, &grown->txid, &grown->data, &grown->metadata, &grown->body};
	size_t i;

	memcpy(grown, event, sizeof(*grown));
	memcpy(grown->text, event->text, before);
	memcpy(grown->text + before, late, added);
	memcpy(grown->text + before + added, at, bytes - before);
	grown->text[bytes + added] = '\0';
	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		shift(spans[i], event, grown, at, added);
	grown->stored_bytes += added + 8; /* its line and indentation */
	grown->late = true;
	event_free(event);
	return grown;
}
