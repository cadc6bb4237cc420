/* Folds a category's events into rows: one a stream; of a table without key one an image. */
#include "table_fold.h"

#include <stdlib.h>

#include "row_image.h"
#include "row_store.h"
#include "truncates.h"

struct table_fold {
	const struct category *category;
	struct row_store *rows;
	struct truncates truncates;
	int64_t sequence, cut;
	int64_t blind; /* changes of keyless rows that do not say which row */
	int64_t owed;  /* of the walk: rows taken away that never were there */

	struct strbuf origin, image, key, packed;
	struct js_doc doc;

	enum fold_choice choice;
	struct row_record record; /* of the walk */
	int64_t repeats;	  /* how often record is still to be handed out */
};

struct table_fold *table_fold_new(
	const struct category *category, int64_t memory_bytes, struct error *error)
{
	struct table_fold *fold = xcalloc(1, sizeof(*fold));

	fold->category = category;
	fold->rows = row_store_new(memory_bytes, error);
	if (fold->rows)
		return fold;
	free(fold);
	return NULL;
}

void table_fold_free(struct table_fold *fold)
{
	if (!fold)
		return;
	row_store_free(fold->rows);
	truncates_clear(&fold->truncates);
	strbuf_clear(&fold->origin);
	strbuf_clear(&fold->image);
	strbuf_clear(&fold->key);
	strbuf_clear(&fold->packed);
	js_doc_clear(&fold->doc);
	free(fold);
}

/* --- Adding --- */

static bool get(
	struct table_fold *fold, struct span key, struct row_record *record, struct error *error)
{
	struct span bytes;

	*record = (struct row_record){0};
	if (!row_store_get(fold->rows, key, &bytes, error))
		return false;
	if (bytes.ptr)
		row_record_unpack(bytes, record);
	return true;
}

static bool put(struct table_fold *fold, struct span key, const struct row_record *record,
	struct error *error)
{
	row_record_pack(record, &fold->packed);
	return row_store_put(fold->rows, key, strbuf_span(&fold->packed), error);
}

/* Adds an image that the store keeps, indented, without that. False: it is none. */
static bool compact(struct table_fold *fold, struct span image)
{
	struct error ignored = {0};

	strbuf_reset(&fold->image);
	if (!image.ptr || !js_parse(&fold->doc, image, JS_MAX_DEPTH, &ignored) ||
		js_type_of(&fold->doc, 0) != JS_OBJECT)
		return false;
	js_compact(&fold->doc, 0, &fold->image);
	return true;
}

/* What is known of a deleted row is what it was before. */
static struct span last_image(
	struct table_fold *fold, const struct row_record *old, const struct row_event *event)
{
	if (old->image.ptr)
		return old->image;
	return compact(fold, event->before) ? strbuf_span(&fold->image) : SPAN_NULL;
}

static bool add_keyed(struct table_fold *fold, const struct row_event *event, struct error *error)
{
	struct row_record old, record = row_record_of(event, fold->sequence++, &fold->origin);
	enum row_fate fate;

	if (!get(fold, event->stream, &old, error))
		return false;
	fate = row_image_after(category_reader(fold->category), event,
		old.lives ? old.image : SPAN_NULL, &fold->image);
	if (fate == ROW_UNTOUCHED)
		return true;
	if (!old.stream.ptr && event->revision > 0)
		fold->cut++;
	record.lives = fate == ROW_LIVES;
	record.image = record.lives ? strbuf_span(&fold->image) : last_image(fold, &old, event);
	return put(fold, event->stream, &record, error);
}

/* A row without key is its columns: many may be equal. The key sorts behind those of keys. */
static struct span keyless_key(struct table_fold *fold, const struct row_record *record)
{
	strbuf_reset(&fold->key);
	strbuf_printf(&fold->key, "~~~");
	strbuf_add_span(&fold->key, record->origin);
	strbuf_add_char(&fold->key, '\n');
	strbuf_add_span(&fold->key, strbuf_span(&fold->image));
	return strbuf_span(&fold->key);
}

/* Adds `by` rows of the columns in fold->image; takes them away below 0. Partitions are read one
 * after the other, so a row may go before it comes: counts below 0 are kept. */
static bool add_equal_rows(
	struct table_fold *fold, struct row_record record, int64_t by, struct error *error)
{
	struct span key = keyless_key(fold, &record);
	struct row_record old;

	if (!get(fold, key, &old, error))
		return false;
	record.count = by;
	if (old.stream.ptr && !truncates_behind(&fold->truncates, old.origin, &old.place))
		record.count += old.count;
	record.lives = record.count > 0;
	record.image = strbuf_span(&fold->image);
	return put(fold, key, &record, error);
}

static bool add_keyless(struct table_fold *fold, const struct row_event *event, struct error *error)
{
	struct row_record record = row_record_of(event, fold->sequence++, &fold->origin);
	bool is_new = event->seen.op != 'u' && event->seen.op != 'd';

	if (truncates_behind(&fold->truncates, record.origin, &record.place))
		return true;
	if (!is_new && !event->before.ptr)
		fold->blind++;
	if (!is_new && compact(fold, event->before) && !add_equal_rows(fold, record, -1, error))
		return false;
	if (event->seen.op != 'd' && compact(fold, event->after))
		return add_equal_rows(fold, record, 1, error);
	return true;
}

bool table_fold_add(struct table_fold *fold, const struct row_event *event, struct error *error)
{
	struct row_record record;

	if (event->truncate) {
		record = row_record_of(event, fold->sequence++, &fold->origin);
		truncates_add(&fold->truncates, record.origin, &record.place);
		return true;
	}
	if (category_is_keyless(fold->category, event->stream))
		return add_keyless(fold, event, error);
	return add_keyed(fold, event, error);
}

/* --- Walking --- */

void table_fold_rewind(struct table_fold *fold, enum fold_choice choice)
{
	fold->choice = choice;
	fold->repeats = 0;
	fold->owed = 0;
	row_store_rewind(fold->rows);
}

/* Takes the row into the walk if it is one of those chosen. */
static void take(struct table_fold *fold)
{
	struct row_record *record = &fold->record;
	const struct change_place *truncate =
		truncates_behind(&fold->truncates, record->origin, &record->place);

	if (!truncate && record->count < 0)
		fold->owed -= record->count;
	if (record->count <= 0 || (record->lives && !truncate) != (fold->choice == FOLD_LIVING))
		return;
	if (record->lives && truncate) {
		record->op = 't';
		record->place.ts_ms = truncate->ts_ms;
		record->valid_from = truncate->ts_ms;
	}
	fold->repeats = record->count;
}

bool table_fold_next(struct table_fold *fold, struct row_record *record, struct error *error)
{
	struct span key, value;

	while (fold->repeats == 0) {
		if (!row_store_next(fold->rows, &key, &value, error))
			return false;
		row_record_unpack(value, &fold->record);
		take(fold);
	}
	fold->repeats--;
	*record = fold->record;
	return true;
}

int64_t table_fold_unmatched(const struct table_fold *fold)
{
	return fold->blind + fold->owed;
}

int64_t table_fold_cut(const struct table_fold *fold)
{
	return fold->cut;
}
