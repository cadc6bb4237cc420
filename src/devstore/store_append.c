/* Appends and deletes: the server's checks of expected versions and its recognition of repeats
 * (facts/esdb-http.md, section 2), and the rows they write. */
#include <string.h>
#include <time.h>

#include "store_private.h"

#define TYPE_DELETED "$streamDeleted"
#define TYPE_METADATA "$metadata"

/* What to do about an append. */
enum decision {
	DECISION_WRITE,
	DECISION_REPEAT,
	DECISION_WRONG_VERSION,
	DECISION_GONE,
};

/* A tombstone's number has no successor; it is never asked for in earnest. */
static int64_t next_number(const struct stream *stream)
{
	return stream->last == STREAM_DELETED ? STREAM_DELETED : stream->last + 1;
}

static bool is_soft_deleted(struct store *store, struct stream *stream)
{
	return store_meta(store, stream)->truncate_before == STREAM_DELETED;
}

static struct span name_of(const struct stream *stream)
{
	return (struct span){stream->name, stream->name_len};
}

/* Recognised by memory alone: all ids known for this stream is a repeat, the first known and a
 * later one not is a conflict, the first unknown is new, whatever follows. */
static enum decision check_by_memory(struct store *store, const struct stream *stream,
	const struct new_event *events, size_t count, int64_t *first)
{
	size_t i;

	for (i = 0; i < count; i++) {
		int64_t number = id_cache_find(store->ids, events[i].id, name_of(stream));

		if (number < 0)
			return i ? DECISION_WRONG_VERSION : DECISION_WRITE;
		if (!i)
			*first = number;
	}
	return count ? DECISION_REPEAT : DECISION_WRITE;
}

static bool has_id(
	struct store *store, const struct stream *stream, int64_t number, const unsigned char *id)
{
	sqlite3_stmt *statement = store_statement(store, SQL_EVENT_ID);
	bool same = false;

	store_bind(statement, 1, name_of(stream));
	sqlite3_bind_int64(statement, 2, number);
	if (store_row(store, statement))
		same = sqlite3_column_bytes(statement, 0) == EVENT_ID_BYTES &&
		       !memcmp(sqlite3_column_blob(statement, 0), id, EVENT_ID_BYTES);
	store_done(statement);
	return same;
}

/* Recognised at the exact numbers, of any age. */
static enum decision check_by_number(struct store *store, struct stream *stream, int64_t expected,
	const struct new_event *events, size_t count, int64_t *first)
{
	size_t i;

	for (i = 0; i < count; i++) {
		int64_t number = expected + 1 + (int64_t)i;

		if (number <= stream->last && has_id(store, stream, number, events[i].id))
			continue;
		if (!i && expected == EXPECT_NO_STREAM && is_soft_deleted(store, stream))
			return DECISION_WRITE;
		return DECISION_WRONG_VERSION;
	}
	*first = expected + 1;
	return DECISION_REPEAT;
}

static bool has_metadata(struct store *store, const struct stream *stream)
{
	struct strbuf metastream = {0};
	bool found;

	add_metastream_of(&metastream, name_of(stream));
	found = store_stream(store, strbuf_span(&metastream))->last >= 0;
	strbuf_clear(&metastream);
	return found;
}

static enum decision decide(struct store *store, struct stream *stream, int64_t expected,
	const struct new_event *events, size_t count, int64_t *first)
{
	if (store_last_number(store, name_of(stream)) == STREAM_DELETED)
		return DECISION_GONE;
	if (expected == EXPECT_EXISTS) {
		if (is_soft_deleted(store, stream))
			return DECISION_GONE;
		if (stream->last < 0 && !has_metadata(store, stream))
			return DECISION_WRONG_VERSION;
	}
	if (expected == EXPECT_ANY || expected == EXPECT_EXISTS)
		return check_by_memory(store, stream, events, count, first);
	if (expected > stream->last)
		return DECISION_WRONG_VERSION;
	if (expected == stream->last)
		return DECISION_WRITE;
	return check_by_number(store, stream, expected, events, count, first);
}

/* Never twice the same, so that $maxAge can look for a time by halving. */
static int64_t now_ticks(struct store *store)
{
	struct timespec now;
	int64_t ticks;

	clock_gettime(CLOCK_REALTIME, &now);
	ticks = (int64_t)now.tv_sec * 10000000 + now.tv_nsec / 100;
	store->last_created = ticks > store->last_created ? ticks : store->last_created + 1;
	return store->last_created;
}

static void bind_blob(sqlite3_stmt *statement, int place, struct span bytes)
{
	if (bytes.len)
		sqlite3_bind_blob64(statement, place, bytes.ptr, bytes.len, SQLITE_STATIC);
}

static bool write_event(
	struct store *store, struct stream *stream, int64_t number, const struct new_event *event)
{
	sqlite3_stmt *insert = store_statement(store, SQL_INSERT_EVENT);
	int64_t position = store->last_position + 1;

	sqlite3_bind_int64(insert, 1, position);
	store_bind(insert, 2, name_of(stream));
	sqlite3_bind_int64(insert, 3, number);
	sqlite3_bind_blob(insert, 4, event->id, EVENT_ID_BYTES, SQLITE_STATIC);
	store_bind(insert, 5, event->type);
	sqlite3_bind_int64(insert, 6, now_ticks(store));
	sqlite3_bind_int(insert, 7, event->is_json);
	bind_blob(insert, 8, event->metadata);
	bind_blob(insert, 9, event->data);
	if (!store_run(store, insert))
		return false;
	store->last_position = position;
	stream->last = number;
	id_cache_put(store->ids, event->id, name_of(stream), number);
	return store_add_links(store, name_of(stream), number, position, event);
}

/* What was remembered of the stream that a metastream belongs to holds no longer. */
static void forget_metadata(struct store *store, const struct stream *stream)
{
	struct stream *original;

	if (!is_metastream(name_of(stream)))
		return;
	original = store_stream(store, original_of(name_of(stream)));
	stream_meta_clear(&original->meta);
	original->meta_known = false;
}

static void make_id(unsigned char *id)
{
	sqlite3_randomness(EVENT_ID_BYTES, id);
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
}

static bool write_metadata(struct store *store, struct span stream, struct span json)
{
	struct strbuf name = {0};
	struct new_event event = {.type = span_of(TYPE_METADATA), .data = json, .is_json = true};
	struct stream *metastream;
	bool ok;

	make_id(event.id);
	add_metastream_of(&name, stream);
	metastream = store_stream(store, strbuf_span(&name));
	/* Whoever has tombstoned a metastream by its own name has no metadata any more. */
	ok = metastream->last == STREAM_DELETED ||
	     write_event(store, metastream, metastream->last + 1, &event);
	forget_metadata(store, metastream);
	strbuf_clear(&name);
	return ok;
}

static void add_last_metadata(struct store *store, struct span stream, struct strbuf *out)
{
	sqlite3_stmt *statement = store_statement(store, SQL_EVENT);
	struct strbuf name = {0};

	add_metastream_of(&name, stream);
	store_bind(statement, 1, strbuf_span(&name));
	sqlite3_bind_int64(statement, 2, store_stream(store, strbuf_span(&name))->last);
	if (store_row(store, statement))
		strbuf_add(out, sqlite3_column_blob(statement, 8),
			(size_t)sqlite3_column_bytes(statement, 8));
	store_done(statement);
	strbuf_clear(&name);
}

/* A soft-deleted stream that is written to lives again from its next number on; the rest of its
 * metadata stays as it is. */
static bool undelete(struct store *store, struct span stream, int64_t from)
{
	struct strbuf old = {0}, changed = {0};
	bool ok = true;

	add_last_metadata(store, stream, &old);
	if (stream_meta_set_truncate_before(strbuf_span(&old), from, &changed))
		ok = write_metadata(store, stream, strbuf_span(&changed));
	strbuf_clear(&old);
	strbuf_clear(&changed);
	return ok;
}

static bool write_all(
	struct store *store, struct stream *stream, const struct new_event *events, size_t count)
{
	struct span name = name_of(stream);
	struct span original = is_metastream(name) ? original_of(name) : name;
	struct stream *revived = store_stream(store, original);
	bool was_deleted = is_soft_deleted(store, revived);
	int64_t alive_from = next_number(revived);
	size_t i;

	if (!store_begin(store))
		return false;
	for (i = 0; i < count; i++)
		if (!write_event(store, stream, stream->last + 1, &events[i]))
			return false;
	forget_metadata(store, stream);
	return !was_deleted || undelete(store, original, alive_from);
}

static void answer_for(
	enum decision decision, const struct stream *stream, struct append_answer *answer)
{
	answer->repeated = decision == DECISION_REPEAT;
	answer->current = stream->last;
	if (decision == DECISION_WRONG_VERSION)
		answer->status = APPEND_WRONG_VERSION;
	else if (decision == DECISION_GONE)
		answer->status = APPEND_GONE;
}

void store_append(struct store *store, struct span stream_name, int64_t expected,
	const struct new_event *events, size_t count, struct append_answer *answer)
{
	struct stream *stream = store_stream(store, stream_name);
	enum decision decision;

	*answer = (struct append_answer){.status = APPEND_DONE, .first = next_number(stream)};
	decision = decide(store, stream, expected, events, count, &answer->first);
	if (decision == DECISION_WRITE)
		write_all(store, stream, events, count);
	else
		answer_for(decision, stream, answer);
	if (store->broken)
		answer->status = APPEND_BROKEN;
}

static void write_delete(struct store *store, struct stream *stream, bool hard)
{
	static const char hidden[] = "{\"$tb\":9223372036854775807}";
	struct new_event tombstone = {.type = span_of(TYPE_DELETED)};

	if (!store_begin(store))
		return;
	make_id(tombstone.id);
	if (hard)
		write_event(store, stream, STREAM_DELETED, &tombstone);
	else
		write_metadata(store, name_of(stream), span_of(hidden));
}

void store_delete(struct store *store, struct span stream_name, int64_t expected, bool hard,
	struct append_answer *answer)
{
	struct stream *stream = store_stream(store, stream_name);
	/* An id that nobody has: a delete is never recognised as a repeat. */
	struct new_event unknown = {.is_json = false};
	enum decision decision;
	int64_t first;

	*answer = (struct append_answer){.status = APPEND_DONE};
	make_id(unknown.id);
	decision = decide(store, stream, expected, &unknown, 1, &first);
	if (decision == DECISION_WRITE && !hard && stream->last < 0 && !has_metadata(store, stream))
		decision = DECISION_WRONG_VERSION;
	if (decision == DECISION_WRITE)
		write_delete(store, stream, hard);
	else
		answer_for(decision, stream, answer);
	if (store->broken)
		answer->status = APPEND_BROKEN;
}
