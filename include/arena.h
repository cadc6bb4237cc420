/* Memory for one record's decoded texts: many small pieces, given back all at once. */
#ifndef ROWSTREAM_ARENA_H
#define ROWSTREAM_ARENA_H

#include "util.h"

struct arena_block;

/* Start with {0}. Pieces do not move until reset or clear. */
struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used, size;	    /* of the newest */
};

/* Forgets all pieces and keeps the newest block, so that a loop over records allocates nothing. */
void arena_reset(struct arena *arena);
void arena_clear(struct arena *arena);
/* size bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of text with a NUL behind it (not counted in the span); null stays null. */
struct span arena_copy(struct arena *arena, struct span text);

#endif
