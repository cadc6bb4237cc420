/* The semantic types of columns, gathered to be told by the section `types` where records have no
 * schema blocks (mapping.md, section 8). */
#ifndef ROWSTREAM_COLUMN_TYPES_H
#define ROWSTREAM_COLUMN_TYPES_H

#include "canonical.h"
#include "change.h"

struct column_types;

struct column_types *column_types_new(void);
void column_types_free(struct column_types *types);

/* column: "<db>.<schema>.<table>.<column>". A kind of SEMANTIC_NONE is noted too: a column that
 * needs no type. The last one counts. */
void column_types_put(
	struct column_types *types, struct span column, const struct semantic *semantic);
/* From the schema blocks of a row's key and images. False: it has none. */
bool column_types_read(struct column_types *types, const struct change *change);

struct column_type_found {
	const char *column;
	struct semantic semantic;
	bool changed; /* it had another type before */
};

/* Those that need a type, in the order in which they were seen first; NULL behind the last. */
const struct column_type_found *column_types_next(const struct column_types *types, size_t *at);
size_t column_types_count(const struct column_types *types); /* all columns seen */

#endif
