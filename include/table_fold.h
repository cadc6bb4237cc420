/* A table's rows, folded from its category's events. */
#ifndef ROWSTREAM_TABLE_FOLD_H
#define ROWSTREAM_TABLE_FOLD_H

#include "category.h"
#include "row_record.h"

struct table_fold;

/* memory_bytes: what rows may take before they go to a temporary file. NULL and error. */
struct table_fold *table_fold_new(
	const struct category *category, int64_t memory_bytes, struct error *error);
void table_fold_free(struct table_fold *fold);

/* The event that category_next gave last. False and error (ERROR_FATAL): row_store.h. */
bool table_fold_add(struct table_fold *fold, const struct row_event *event, struct error *error);

enum fold_choice {
	FOLD_LIVING,
	FOLD_DELETED, /* by a delete, a key's change or a truncate, and not inserted again */
};

/* After the last event: walks the rows in the order of their streams, numbers by value. Record:
 * the last change, with the row's columns; of a row that a truncate ended, op is 't' and place the
 * truncate's, but for texts. Rows of a table without key come once each. False at the end, and on
 * an error. Rewind may be called again and again. */
void table_fold_rewind(struct table_fold *fold, enum fold_choice choice);
bool table_fold_next(struct table_fold *fold, struct row_record *record, struct error *error);

/* After a walk: deletes and updates of keyless rows that were not there as they were told. */
int64_t table_fold_unmatched(const struct table_fold *fold);
/* Rows whose streams do not begin at revision 0 any more. */
int64_t table_fold_cut(const struct table_fold *fold);

#endif
