/* Reads a table: its category stream, in which the store links the events of all its rows. */
#ifndef ROWSTREAM_CATEGORY_H
#define ROWSTREAM_CATEGORY_H

#include "eventstore_reader.h"
#include "row_event.h"

struct category;

/* name: what stands before the first "-" in the streams' names: "customers". */
struct category *category_open(struct eventstore *store, const char *name);
void category_close(struct category *category);

/* The category's next event of ours that changes a row or truncates the table, in the order in
 * which the store wrote them. Spans live until the next call. Failed, beside what reader_next says:
 * ERROR_REFUSED where there is no such category, or none of its events could be read or is ours. */
enum reader_step category_next(
	struct category *category, const struct row_event **event, struct error *error);

/* For row_image_after: what read the last event. */
const struct row_event_reader *category_reader(const struct category *category);
/* True for the stream of the table's keyless rows and truncates, "customers-~partition:0". */
bool category_is_keyless(const struct category *category, struct span stream);
/* Events of other writers, and links whose event is gone: deleted or cut streams. */
int64_t category_foreign(const struct category *category);
int64_t category_gone(const struct category *category);

#endif
