/* Links: what the server's system projections write behind every event, written here with it. */
#include <string.h>

#include "reprint.h"
#include "store_private.h"

/* The part of a name before its first '-', which must not stand first; null for system streams. */
static struct span category_of(struct span stream)
{
	const char *dash = memchr(stream.ptr, '-', stream.len);

	if (!dash || dash == stream.ptr || stream.ptr[0] == '$')
		return SPAN_NULL;
	return (struct span){stream.ptr, (size_t)(dash - stream.ptr)};
}

/* The stream that an event deletes, softly or for ever; null for any other event. */
static struct span deleted_stream(struct span stream, struct span type, struct span data)
{
	struct stream_meta meta;
	bool hides_all;

	if (span_is(type, "$streamDeleted"))
		return stream;
	if (!is_metastream(stream) || !span_is(type, "$metadata"))
		return SPAN_NULL;
	stream_meta_parse(&meta, data);
	hides_all = meta.truncate_before == STREAM_DELETED;
	stream_meta_clear(&meta);
	return hides_all ? original_of(stream) : SPAN_NULL;
}

/* Adds the text of a top-level member "$correlationId"; false if there is none. */
static bool find_correlation(struct span metadata, struct strbuf *out)
{
	struct strbuf name = {0};
	struct reprint in;
	bool found = false, ok;

	if (!metadata.len || !memmem(metadata.ptr, metadata.len, "$correlationId", 14))
		return false;
	reprint_start(&in, metadata);
	ok = reprint_take(&in, '{');
	while (ok && !found && reprint_peek(&in) != '}') {
		strbuf_reset(&name);
		ok = reprint_name(&in, &name) && reprint_take(&in, ':');
		found = ok && span_is(strbuf_span(&name), "$correlationId");
		if (found)
			found = reprint_peek(&in) == '"' && reprint_string(&in, out);
		else
			ok = ok && reprint_skip(&in) && reprint_take(&in, ',');
	}
	reprint_clear(&in);
	strbuf_clear(&name);
	return found;
}

static bool add_link(struct store *store, const char *prefix, struct span rest, int64_t position)
{
	sqlite3_stmt *insert = store_statement(store, SQL_INSERT_LINK);
	struct strbuf name = {0};
	struct stream *stream;
	bool ok;

	strbuf_add_text(&name, prefix);
	strbuf_add_span(&name, rest);
	stream = store_stream(store, strbuf_span(&name));
	store_bind(insert, 1, strbuf_span(&name));
	sqlite3_bind_int64(insert, 2, stream->last + 1);
	sqlite3_bind_int64(insert, 3, position);
	ok = store_run(store, insert);
	if (ok)
		stream->last++;
	strbuf_clear(&name);
	return ok;
}

bool store_add_links(struct store *store, struct span stream, int64_t number, int64_t position,
	const struct new_event *event)
{
	struct span deleted = deleted_stream(stream, event->type, event->data);
	struct span category = category_of(deleted.ptr ? deleted : stream);
	struct strbuf correlation = {0};
	bool ok = true;

	if (number == 0) {
		ok = add_link(store, "$streams", SPAN_NULL, position);
		if (ok && category_of(stream).ptr)
			ok = add_link(store, "$category-", category_of(stream), position);
	}
	if (ok && category.ptr)
		ok = add_link(store, "$ce-", category, position);
	if (ok && !span_is(event->type, "$>"))
		ok = add_link(
			store, "$et-", deleted.ptr ? span_of("$deleted") : event->type, position);
	if (ok && find_correlation(event->metadata, &correlation))
		ok = add_link(store, "$bc-", strbuf_span(&correlation), position);
	strbuf_clear(&correlation);
	return ok;
}

/* --- Links as events --- */

static void add_id(struct strbuf *out, const unsigned char *id)
{
	int i;

	for (i = 0; i < EVENT_ID_BYTES; i++)
		strbuf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
}

/* An id of its own that is the same on every reading. */
static void make_link_id(struct span stream, int64_t number, unsigned char *id)
{
	uint64_t halves[2] = {0xcbf29ce484222325u ^ (uint64_t)number, 0x9e3779b97f4a7c15u};
	size_t i;

	for (i = 0; i < stream.len; i++) {
		halves[0] = (halves[0] ^ (unsigned char)stream.ptr[i]) * 0x100000001b3u;
		halves[1] = (halves[1] + halves[0]) * 0xbf58476d1ce4e5b9u;
	}
	halves[1] ^= halves[0] >> 29;
	memcpy(id, halves, EVENT_ID_BYTES);
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
}

/* "$v" names the projection that would have written the link. */
static const char *projection_of(struct span link_stream)
{
	switch (link_stream.ptr[1]) {
	case 'c':
		return link_stream.ptr[2] == 'e' ? "3:-1:1:4" : "2:-1:1:4";
	case 'e':
		return "4:-1:1:4";
	case 'b':
		return "5:-1:1:4";
	default:
		return "1:-1:1:4";
	}
}

static void add_link_metadata(
	struct strbuf *out, struct span link_stream, const struct stored_record *event)
{
	struct span deleted = deleted_stream(event->stream, event->type, event->data);
	struct strbuf correlation = {0};
	bool is_category = link_stream.len > 4 && !memcmp(link_stream.ptr, "$ce-", 4);

	strbuf_printf(out, "{\"$v\":\"%s\",\"$c\":%lld,\"$p\":%lld", projection_of(link_stream),
		(long long)event->position, (long long)event->position);
	if (is_category) {
		strbuf_add_text(out, ",\"$o\":");
		reprint_quote(out, deleted.ptr ? deleted : event->stream);
	}
	if (deleted.ptr)
		strbuf_add_text(out, ",\"$deleted\":-1");
	strbuf_add_text(out, ",\"$causedBy\":\"");
	add_id(out, event->id);
	strbuf_add_char(out, '"');
	if (find_correlation(event->metadata, &correlation)) {
		strbuf_add_text(out, ",\"$correlationId\":");
		reprint_quote(out, strbuf_span(&correlation));
	}
	strbuf_add_char(out, '}');
	strbuf_clear(&correlation);
}

/* $category-… holds names of streams, everything else holds links. */
void store_make_link(struct span link_stream, int64_t number, const struct stored_record *event,
	struct arena *arena, struct stored_record *link)
{
	bool is_reference = link_stream.len > 10 && !memcmp(link_stream.ptr, "$category-", 10);
	struct strbuf data = {0}, metadata = {0};

	if (!is_reference) {
		strbuf_add_int(&data, event->number);
		strbuf_add_char(&data, '@');
	}
	strbuf_add_span(&data, event->stream);
	add_link_metadata(&metadata, link_stream, event);
	*link = (struct stored_record){
		.stream = arena_copy(arena, link_stream),
		.type = span_of(is_reference ? "$@" : "$>"),
		.data = arena_copy(arena, strbuf_span(&data)),
		.metadata = arena_copy(arena, strbuf_span(&metadata)),
		.number = number,
		.position = event->position,
		.created = event->created,
	};
	make_link_id(link_stream, number, link->id);
	strbuf_clear(&data);
	strbuf_clear(&metadata);
}
