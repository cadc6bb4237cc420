/* Pages of streams and of everything, with the server's rules of what is hidden and where a stream
 * ends. */
#include <stdlib.h>
#include <string.h>

#include "store_private.h"

/* What one page may hold of data and metadata; a client that wants more asks for fewer events. */
#define MAX_PAGE_BYTES ((size_t)96 << 20)

void stored_page_clear(struct stored_page *page)
{
	free(page->entries);
	arena_clear(&page->arena);
	*page = (struct stored_page){0};
}

static struct stored_entry *new_entry(struct stored_page *page)
{
	if (page->count == page->size) {
		page->size = page->size ? page->size * 2 : 32;
		page->entries = xreallocarray(page->entries, page->size, sizeof(*page->entries));
	}
	page->entries[page->count] = (struct stored_entry){.has_event = false};
	return &page->entries[page->count++];
}

static struct span column(sqlite3_stmt *row, int place, struct stored_page *page)
{
	struct span bytes = {sqlite3_column_blob(row, place), 0};

	bytes.len = (size_t)sqlite3_column_bytes(row, place);
	page->bytes += bytes.len;
	return bytes.ptr ? arena_copy(&page->arena, bytes) : (struct span){"", 0};
}

/* Data and metadata stand last in a row, so that not asking for them leaves their pages unread. */
static void read_record(
	sqlite3_stmt *row, bool bodies, struct stored_page *page, struct stored_record *record)
{
	*record = (struct stored_record){
		.position = sqlite3_column_int64(row, 0),
		.stream = column(row, 1, page),
		.number = sqlite3_column_int64(row, 2),
		.type = column(row, 4, page),
		.created = sqlite3_column_int64(row, 5),
		.is_json = sqlite3_column_int(row, 6),
		.data = {"", 0},
		.metadata = {"", 0},
	};
	if (sqlite3_column_bytes(row, 3) == EVENT_ID_BYTES)
		memcpy(record->id, sqlite3_column_blob(row, 3), EVENT_ID_BYTES);
	if (!bodies)
		return;
	record->metadata = column(row, 7, page);
	record->data = column(row, 8, page);
}

/* --- What is hidden --- */

static int64_t created_of(struct store *store, struct span stream, int64_t number)
{
	sqlite3_stmt *statement =
		store_statement(store, store_is_computed(stream) ? SQL_LINK_CREATED : SQL_CREATED);
	int64_t created = 0;

	store_bind(statement, 1, stream);
	sqlite3_bind_int64(statement, 2, number);
	if (store_row(store, statement))
		created = sqlite3_column_int64(statement, 0);
	store_done(statement);
	return created;
}

/* The first number young enough, found by halving: times never fall within a stream. */
static int64_t first_younger(
	struct store *store, struct span stream, int64_t low, int64_t last, int64_t max_age_s)
{
	int64_t now = wall_ms(), high = last + 1, oldest;

	if (max_age_s > now / 1000)
		return low;
	oldest = (now - max_age_s * 1000) * 10000;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		if (created_of(store, stream, middle) < oldest)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first number that can be read; last + 1 if everything is hidden. */
static int64_t first_visible(struct store *store, struct stream *stream)
{
	const struct stream_meta *meta = store_meta(store, stream);
	struct span name = {stream->name, stream->name_len};
	int64_t first = 0;

	if (meta->max_count && stream->last >= meta->max_count)
		first = stream->last - meta->max_count + 1;
	if (meta->truncate_before > first)
		first = meta->truncate_before;
	if (meta->max_age_s && first <= stream->last)
		first = first_younger(store, name, first, stream->last, meta->max_age_s);
	return first;
}

static enum read_status status_of(struct store *store, struct stream *stream)
{
	int64_t last = store_last_number(store, (struct span){stream->name, stream->name_len});

	if (last == STREAM_DELETED)
		return READ_GONE;
	if (last < 0 || store_meta(store, stream)->truncate_before == STREAM_DELETED)
		return READ_NO_STREAM;
	return READ_DONE;
}

/* --- Links --- */

static bool split_link(struct span data, int64_t *number, struct span *stream)
{
	const char *at = memchr(data.ptr, '@', data.len);
	size_t digits;

	if (!at)
		return false;
	digits = (size_t)(at - data.ptr);
	*stream = (struct span){at + 1, data.len - digits - 1};
	return stream->len && span_to_int64((struct span){data.ptr, digits}, number);
}

static bool read_target(struct store *store, struct span stream_name, int64_t number, bool bodies,
	struct stored_page *page, struct stored_record *record)
{
	struct stream *stream = store_stream(store, stream_name);
	sqlite3_stmt *statement = store_statement(store, SQL_EVENT);
	bool found;

	if (status_of(store, stream) != READ_DONE || number < first_visible(store, stream))
		return false;
	store_bind(statement, 1, stream_name);
	sqlite3_bind_int64(statement, 2, number);
	found = store_row(store, statement);
	if (found)
		read_record(statement, bodies, page, record);
	store_done(statement);
	return found;
}

static bool is_link(const struct stored_record *record)
{
	return span_is(record->type, "$>");
}

/* A link that a client wrote itself. */
static void resolve_written_link(
	struct store *store, bool bodies, struct stored_page *page, struct stored_entry *entry)
{
	struct span stream;
	int64_t number;

	if (!split_link(entry->event.data, &number, &stream))
		return;
	entry->link = entry->event;
	entry->has_link = true;
	entry->has_event = read_target(store, stream, number, bodies, page, &entry->event);
}

/* The event of a computed link's row is its target already; only whether it may be seen is to be
 * found out. */
static void take_link_row(struct store *store, sqlite3_stmt *row, struct span stream,
	const struct read_options *options, struct stored_page *page)
{
	struct stored_entry *entry = new_entry(page);
	struct stored_record link;
	struct stream *target;

	/* The link's own metadata needs the event's. */
	read_record(row, options->bodies, page, &entry->event);
	store_make_link(stream, sqlite3_column_int64(row, 9), &entry->event, &page->arena, &link);
	entry->has_event = true;
	if (!options->resolve || !is_link(&link)) {
		entry->event = link;
		return;
	}
	target = store_stream(store, entry->event.stream);
	entry->link = link;
	entry->has_link = true;
	entry->has_event = status_of(store, target) == READ_DONE &&
			   entry->event.number >= first_visible(store, target);
}

static void take_row(struct store *store, sqlite3_stmt *row, struct span stream,
	const struct read_options *options, struct stored_page *page)
{
	struct stored_entry *entry;

	if (store_is_computed(stream)) {
		take_link_row(store, row, stream, options, page);
		return;
	}
	entry = new_entry(page);
	entry->has_event = true;
	read_record(row, options->bodies, page, &entry->event);
	if (options->resolve && is_link(&entry->event))
		resolve_written_link(store, options->bodies, page, entry);
}

/* --- Streams --- */

static enum statement statement_for(struct span stream, bool forward)
{
	if (store_is_computed(stream))
		return forward ? SQL_LINKS_FORWARD : SQL_LINKS_BACKWARD;
	return forward ? SQL_EVENTS_FORWARD : SQL_EVENTS_BACKWARD;
}

static void read_rows(struct store *store, struct span stream, int64_t low, int64_t high,
	const struct read_options *options, struct stored_page *page)
{
	sqlite3_stmt *statement = store_statement(store, statement_for(stream, options->forward));

	store_bind(statement, 1, stream);
	sqlite3_bind_int64(statement, 2, low);
	sqlite3_bind_int64(statement, 3, high);
	while (page->bytes <= MAX_PAGE_BYTES && store_row(store, statement))
		take_row(store, statement, stream, options, page);
	store_done(statement);
	if (page->bytes > MAX_PAGE_BYTES)
		page->status = READ_TOO_LARGE;
	if (store->broken)
		page->status = READ_BROKEN;
}

static int64_t add_clamped(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void read_forward(struct store *store, struct stream *stream,
	const struct read_options *options, struct stored_page *page)
{
	int64_t end = add_clamped(page->from, page->max_count - 1);
	int64_t first = first_visible(store, stream);

	page->is_end = end >= page->last;
	if (end < first && first <= page->last) {
		page->is_end = false;
		return;
	}
	if (page->from > first)
		first = page->from;
	if (first <= page->last)
		read_rows(store, (struct span){stream->name, stream->name_len}, first, end, options,
			page);
}

static void read_backward(struct store *store, struct stream *stream,
	const struct read_options *options, struct stored_page *page)
{
	int64_t low = page->from - page->max_count + 1;
	int64_t first = first_visible(store, stream);

	page->is_end = low <= first;
	if (page->is_end)
		low = first;
	if (page->from >= first)
		read_rows(store, (struct span){stream->name, stream->name_len}, low, page->from,
			options, page);
}

void store_read_stream(struct store *store, struct span stream_name, int64_t from,
	int64_t max_count, const struct read_options *options, struct stored_page *page)
{
	struct stream *stream = store_stream(store, stream_name);

	page->status = status_of(store, stream);
	page->last = stream->last;
	page->max_count = max_count;
	page->from = from < 0 ? stream->last : from;
	page->cache_control_s = store_meta(store, stream)->cache_control_s;
	if (page->status != READ_DONE)
		return;
	if (options->forward)
		read_forward(store, stream, options, page);
	else
		read_backward(store, stream, options, page);
}

void store_read_event(struct store *store, struct span stream_name, int64_t number, bool resolve,
	struct stored_page *page)
{
	struct read_options options = {.forward = true, .resolve = resolve, .bodies = true};
	struct stream *stream = store_stream(store, stream_name);

	page->status = status_of(store, stream);
	page->last = stream->last;
	page->from = number < 0 ? stream->last : number;
	page->cache_control_s = store_meta(store, stream)->cache_control_s;
	if (page->status != READ_DONE)
		return;
	if (page->from >= first_visible(store, stream))
		read_rows(store, stream_name, page->from, page->from, &options, page);
	if (page->status == READ_DONE && !page->count)
		page->status = READ_NO_EVENT;
}

/* --- Everything --- */

static bool take_from_all(struct store *store, sqlite3_stmt *row,
	const struct read_options *options, const struct all_filter *filter,
	struct stored_page *page)
{
	struct stored_entry *entry = new_entry(page);

	entry->has_event = true;
	read_record(row, options->bodies, page, &entry->event);
	if (options->forward)
		page->next = entry->event.position + 1;
	else
		page->next = entry->event.position;
	if (filter && filter->keep && !filter->keep(&entry->event, filter->user)) {
		page->count--;
		return false;
	}
	if (options->resolve && is_link(&entry->event))
		resolve_written_link(store, options->bodies, page, entry);
	return true;
}

void store_read_all(struct store *store, int64_t from, int64_t max_count,
	const struct read_options *options, const struct all_filter *filter,
	struct stored_page *page)
{
	sqlite3_stmt *statement =
		store_statement(store, options->forward ? SQL_ALL_FORWARD : SQL_ALL_BACKWARD);
	int64_t end = store->last_position + 1, looked = 0;
	int64_t search = filter && filter->search > max_count ? filter->search : max_count;

	page->status = READ_DONE;
	page->last = store->last_position;
	page->max_count = max_count;
	page->from = from < 0 || from > end ? end : from;
	page->next = page->from;
	page->previous = page->from;
	page->cache_control_s = store_metadata(store, span_of("$all"))->cache_control_s;
	sqlite3_bind_int64(statement, 1, page->from);
	page->is_end = true;
	while (page->bytes <= MAX_PAGE_BYTES && store_row(store, statement)) {
		if (looked++ == search || (int64_t)page->count == max_count) {
			page->is_end = false;
			break;
		}
		take_from_all(store, statement, options, filter, page);
	}
	store_done(statement);
	if (page->bytes > MAX_PAGE_BYTES)
		page->status = READ_TOO_LARGE;
	if (store->broken)
		page->status = READ_BROKEN;
}
