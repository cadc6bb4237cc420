/* An ordered map of byte strings that may grow larger than memory: what does not fit goes to a
 * temporary file that no other process sees and that is gone when this one ends, however it
 * ends. */
#ifndef ROWSTREAM_ROW_STORE_H
#define ROWSTREAM_ROW_STORE_H

#include "error.h"
#include "util.h"

struct row_store;

/* memory_bytes: what is kept in memory, about; the file is made in SQLITE_TMPDIR, TMPDIR or
 * /var/tmp when that is full. NULL and error (ERROR_FATAL). */
struct row_store *row_store_new(int64_t memory_bytes, struct error *error);
void row_store_free(struct row_store *store);

/* False and error (ERROR_FATAL): the temporary file cannot be written (a full disk) or read; the
 * store is of no more use. */
bool row_store_put(
	struct row_store *store, struct span key, struct span value, struct error *error);
/* value: ptr NULL if there is none; it lives until the next row_store_get. */
bool row_store_get(
	struct row_store *store, struct span key, struct span *value, struct error *error);

/* Walks all entries in natural order (natural.h) from the first one, no put meanwhile; key and
 * value live until the next call of these two. row_store_next: false at the end and on an error. */
void row_store_rewind(struct row_store *store);
bool row_store_next(
	struct row_store *store, struct span *key, struct span *value, struct error *error);

bool row_store_spilled(const struct row_store *store); /* something is in the file */

#endif
