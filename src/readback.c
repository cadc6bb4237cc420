/* Reads the metadata of stored events back and tells ours from foreign ones. */
#include "readback.h"

#include <string.h>
#include <strings.h>

#include "event.h"
#include "json_equal.h"

static struct span text_member(struct readback *readback, uint32_t object, const char *name)
{
	uint32_t node = js_member(&readback->doc, object, name);

	if (js_is_null(&readback->doc, node) || js_type_of(&readback->doc, node) != JS_STRING)
		return SPAN_NULL;
	strbuf_reset(&readback->scratch);
	if (!js_string(&readback->doc, node, &readback->scratch))
		return SPAN_NULL;
	return arena_copy(&readback->arena, strbuf_span(&readback->scratch));
}

static bool number_member(struct readback *readback, const char *name, int64_t *value)
{
	uint32_t node = js_member(&readback->doc, 0, name);

	return node != JS_NONE && js_type_of(&readback->doc, node) == JS_NUMBER &&
	       span_to_int64(js_text(&readback->doc, node), value);
}

static bool read_position(struct readback *readback, struct sighting *sighting)
{
	int64_t partition;

	sighting->topic = text_member(readback, 0, "topic");
	sighting->generation = text_member(readback, 0, "generation");
	if (!sighting->generation.ptr)
		sighting->generation = (struct span){"", 0};
	if (!sighting->topic.ptr || !number_member(readback, "partition", &partition) ||
		!number_member(readback, "offset", &sighting->offset))
		return false;
	if (partition < 0 || partition > INT32_MAX || sighting->offset < 0)
		return false;
	sighting->partition = (int32_t)partition;
	return true;
}

static bool same_id(struct span id, const char *text)
{
	return id.ptr && id.len == strlen(text) && strncasecmp(id.ptr, text, id.len) == 0;
}

/* A foreign event or link may carry our type; only an id that follows from the metadata proves
 * that we wrote it. An outbox event brings its id with it, in a header that the metadata keeps. */
static bool id_proves_it(struct readback *readback, const struct sighting *sighting)
{
	char id[37];
	uint32_t headers;
	struct span header_id;

	event_id_of_record(
		sighting->generation, sighting->topic, sighting->partition, sighting->offset, id);
	if (same_id(sighting->id, id))
		return true;
	headers = js_member(&readback->doc, 0, "headers");
	if (js_is_null(&readback->doc, headers))
		return false;
	header_id = text_member(readback, headers, "id");
	return header_id.ptr && header_id.len == sighting->id.len &&
	       strncasecmp(header_id.ptr, sighting->id.ptr, header_id.len) == 0;
}

static void read_rest(struct readback *readback, struct sighting *sighting)
{
	struct span op = text_member(readback, 0, "op");
	uint32_t late = js_member(&readback->doc, 0, "late");

	sighting->op = (char)(op.len ? op.ptr[0] : 0);
	sighting->late = late != JS_NONE && js_type_of(&readback->doc, late) == JS_TRUE;
	if (!number_member(readback, "kafka_ts", &sighting->kafka_ts))
		sighting->kafka_ts = -1;
	sighting->source = text_member(readback, 0, "source");
	sighting->table = text_member(readback, 0, "table");
	sighting->position = text_member(readback, 0, "position");
	sighting->txid = text_member(readback, 0, "txid");
}

void readback_parse(struct readback *readback, const struct stored_event *event, struct span stream,
	struct sighting *sighting)
{
	struct error ignored = {0};

	arena_reset(&readback->arena);
	*sighting =
		(struct sighting){.number = event->number, .id = event->id, .data = event->data};
	if (!event->id.ptr || !event->metadata.ptr || !span_equal(event->stream, stream))
		return;
	if (!js_parse(&readback->doc, event->metadata, JS_MAX_DEPTH, &ignored) ||
		js_type_of(&readback->doc, 0) != JS_OBJECT)
		return;
	if (!read_position(readback, sighting) || !id_proves_it(readback, sighting))
		return;
	sighting->ours = true;
	read_rest(readback, sighting);
}

static bool same_images(const struct sighting *sighting, const struct event *event)
{
	static const char *const members[] = {"key", "before", "after"};
	struct js_doc a = {0}, b = {0};
	struct error ignored = {0};
	bool same;
	size_t i;

	same = sighting->data.ptr && js_parse(&a, event->data, JS_MAX_DEPTH, &ignored) &&
	       js_parse(&b, sighting->data, JS_MAX_DEPTH, &ignored);
	for (i = 0; same && i < sizeof(members) / sizeof(members[0]); i++)
		same = js_equal(&a, js_member(&a, 0, members[i]), &b, js_member(&b, 0, members[i]));
	js_doc_clear(&a);
	js_doc_clear(&b);
	return same;
}

bool readback_is_repeat(const struct sighting *sighting, const struct event *event)
{
	return event->op == sighting->op && span_equal(event->source, sighting->source) &&
	       span_equal(event->position, sighting->position) &&
	       span_equal(event->txid, sighting->txid) && same_images(sighting, event);
}

/* The metadata of a soft-deleted stream says {"$tb":9223372036854775807}. */
bool readback_says_deleted(struct span data)
{
	struct js_doc doc = {0};
	struct error ignored = {0};
	int64_t before = 0;
	bool deleted;

	deleted = data.ptr && js_parse(&doc, data, 64, &ignored) &&
		  span_to_int64(js_text(&doc, js_member(&doc, 0, "$tb")), &before) &&
		  before == INT64_MAX;
	js_doc_clear(&doc);
	return deleted;
}

void readback_clear(struct readback *readback)
{
	js_doc_clear(&readback->doc);
	arena_clear(&readback->arena);
	strbuf_clear(&readback->scratch);
}
