/* A hash table from byte strings to pointers. */
#ifndef ROWSTREAM_TABLE_H
#define ROWSTREAM_TABLE_H

#include "util.h"

/* Start with {0}. The table owns neither keys nor values: a key must stay where it is, most
 * often inside its own value, for as long as the entry lives. */
struct table {
	struct table_slot *slots;
	size_t count, size; /* size: 0 or a power of two; count: living entries */
	size_t used;	    /* living entries and graves */
};

void table_clear(struct table *table);
void *table_get(const struct table *table, struct span key);
/* Returns the value that stood there before, or NULL. value must not be NULL. */
void *table_put(struct table *table, struct span key, void *value);
/* Returns the value taken out, or NULL. */
void *table_remove(struct table *table, struct span key);
/* Walks all entries: start with *at = 0; NULL at the end. No put between the calls. */
void *table_next(const struct table *table, size_t *at);

#endif
