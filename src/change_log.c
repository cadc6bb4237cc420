/* What ends a change comes later than the change: changes wait in row stores until all are read. */
#include "change_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "row_image.h"
#include "row_store.h"
#include "truncates.h"

struct change_log {
	const struct category *category;
	struct row_store *changes; /* sequence -> the change */
	struct row_store *nexts;   /* sequence -> the row's next change, without its image */
	struct row_store *rows;	   /* stream -> the row's last change */
	struct truncates truncates;
	int64_t sequence, from_ms, to_ms;
	struct strbuf origin, image, packed;
};

struct change_log *change_log_new(
	const struct category *category, int64_t memory_bytes, struct error *error)
{
	struct change_log *log = xcalloc(1, sizeof(*log));

	log->category = category;
	log->from_ms = INT64_MIN;
	log->to_ms = INT64_MAX;
	log->changes = row_store_new(memory_bytes / 4, error);
	log->nexts = row_store_new(memory_bytes / 4, error);
	log->rows = row_store_new(memory_bytes / 2, error);
	if (log->changes && log->nexts && log->rows)
		return log;
	change_log_free(log);
	return NULL;
}

void change_log_free(struct change_log *log)
{
	if (!log)
		return;
	row_store_free(log->changes);
	row_store_free(log->nexts);
	row_store_free(log->rows);
	truncates_clear(&log->truncates);
	strbuf_clear(&log->origin);
	strbuf_clear(&log->image);
	strbuf_clear(&log->packed);
	free(log);
}

void change_log_limit(struct change_log *log, int64_t from_ms, int64_t to_ms)
{
	log->from_ms = from_ms;
	log->to_ms = to_ms;
}

/* --- Adding --- */

static bool put(struct change_log *log, struct row_store *store, struct span key,
	const struct row_record *record, struct error *error)
{
	row_record_pack(record, &log->packed);
	return row_store_put(store, key, strbuf_span(&log->packed), error);
}

static bool put_at(struct change_log *log, struct row_store *store, int64_t sequence,
	const struct row_record *record, struct error *error)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRId64, sequence);
	return put(log, store, span_of(key), record, error);
}

static bool put_change(struct change_log *log, const struct row_record *record, struct error *error)
{
	if (record->valid_from < log->from_ms || record->valid_from > log->to_ms)
		return true;
	return put_at(log, log->changes, record->place.sequence, record, error);
}

static bool add_truncate(struct change_log *log, struct row_record *record, struct error *error)
{
	/* Its time ends changes, whatever clock it is of. */
	record->place.ts_ms = record->valid_from;
	truncates_add(&log->truncates, record->origin, &record->place);
	return put_change(log, record, error);
}

/* Each row of a table without key stands for itself. */
static bool add_keyless(struct change_log *log, const struct row_event *event,
	struct row_record *record, struct error *error)
{
	if (row_image_after(category_reader(log->category), event, SPAN_NULL, &log->image) ==
		ROW_LIVES)
		record->image = strbuf_span(&log->image);
	record->lives = record->image.ptr != NULL;
	return put_change(log, record, error);
}

/* The row's change before, none: stream is null. */
static bool get_row(
	struct change_log *log, struct span stream, struct row_record *old, struct error *error)
{
	struct span bytes;

	*old = (struct row_record){.valid_from = INT64_MIN};
	if (!row_store_get(log->rows, stream, &bytes, error))
		return false;
	if (bytes.ptr)
		row_record_unpack(bytes, old);
	return true;
}

static bool add_keyed(struct change_log *log, const struct row_event *event,
	struct row_record *record, struct error *error)
{
	struct row_record old, link = *record;
	enum row_fate fate;

	if (!get_row(log, event->stream, &old, error))
		return false;
	fate = row_image_after(category_reader(log->category), event,
		old.lives ? old.image : SPAN_NULL, &log->image);
	if (fate == ROW_LIVES)
		record->image = strbuf_span(&log->image);
	else if (fate == ROW_UNTOUCHED && old.lives)
		record->image = old.image;
	record->lives = record->image.ptr != NULL;
	/* Clocks step back; ranges do not. */
	if (record->valid_from < old.valid_from)
		record->valid_from = old.valid_from;
	link.valid_from = record->valid_from;
	if (!put_change(log, record, error))
		return false;
	if (old.stream.ptr && !put_at(log, log->nexts, old.place.sequence, &link, error))
		return false;
	return put(log, log->rows, event->stream, record, error);
}

bool change_log_add(struct change_log *log, const struct row_event *event, struct error *error)
{
	struct row_record record = row_record_of(event, log->sequence++, &log->origin);

	if (record.valid_from < 0)
		record.valid_from = event->seen.kafka_ts;
	if (event->truncate)
		return add_truncate(log, &record, error);
	if (category_is_keyless(log->category, event->stream))
		return add_keyless(log, event, &record, error);
	return add_keyed(log, event, &record, error);
}

/* --- Walking --- */

void change_log_rewind(struct change_log *log)
{
	row_store_rewind(log->changes);
}

static bool get_next(struct change_log *log, const struct row_record *record,
	struct row_record *next, struct error *error)
{
	char key[24];
	struct span bytes;

	*next = (struct row_record){.valid_from = -1};
	snprintf(key, sizeof(key), "%" PRId64, record->place.sequence);
	if (!row_store_get(log->nexts, span_of(key), &bytes, error))
		return false;
	if (bytes.ptr)
		row_record_unpack(bytes, next);
	return true;
}

bool change_log_next(
	struct change_log *log, struct row_record *record, int64_t *valid_to, struct error *error)
{
	const struct change_place *truncate = NULL;
	struct row_record next;
	struct span key, value;

	if (!row_store_next(log->changes, &key, &value, error))
		return false;
	row_record_unpack(value, record);
	if (!get_next(log, record, &next, error))
		return false;
	if (record->lives)
		truncate = truncates_behind(&log->truncates, record->origin, &record->place);
	*valid_to = next.valid_from;
	if (truncate && (!next.stream.ptr || change_place_before(truncate, &next.place)))
		*valid_to =
			truncate->ts_ms > record->valid_from ? truncate->ts_ms : record->valid_from;
	return true;
}
