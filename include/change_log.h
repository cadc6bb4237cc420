/* All changes of a table with the time until which each was what the row was. */
#ifndef ROWSTREAM_CHANGE_LOG_H
#define ROWSTREAM_CHANGE_LOG_H

#include "category.h"
#include "row_record.h"

struct change_log;

/* memory_bytes: what changes may take before they go to a temporary file. NULL and error. */
struct change_log *change_log_new(
	const struct category *category, int64_t memory_bytes, struct error *error);
void change_log_free(struct change_log *log);
/* Only changes whose valid_from lies in these milliseconds are handed out; the others are what rows
 * were before, and what ends them. */
void change_log_limit(struct change_log *log, int64_t from_ms, int64_t to_ms);

/* The event that category_next gave last. False and error (ERROR_FATAL): row_store.h. */
bool change_log_add(struct change_log *log, const struct row_event *event, struct error *error);

/* After the last event: walks the changes in the order in which they were added. record: image is
 * the row as the change left it, null after a delete and of a truncate; valid_from is the
 * database's time, Kafka's where the database's is not known, and never less than that of the row's
 * change before. valid_to: valid_from of the row's next change, or the time of the truncate that
 * ended it before that; -1: that is how the row is now, or the row has no key, and so no next
 * change. */
void change_log_rewind(struct change_log *log);
bool change_log_next(
	struct change_log *log, struct row_record *record, int64_t *valid_to, struct error *error);

#endif
