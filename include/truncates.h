/* The truncates of a table: each ends the rows that changed last before it. */
#ifndef ROWSTREAM_TRUNCATES_H
#define ROWSTREAM_TRUNCATES_H

#include "arena.h"
#include "source_position.h"

struct truncate_list;

/* Start with {0}. */
struct truncates {
	struct truncate_list *lists; /* one an origin */
	size_t count;
	struct arena arena;
};

/* Copies. origin: source name and table, as of the rows. In any order. */
void truncates_add(
	struct truncates *truncates, struct span origin, const struct change_place *place);
/* The first one behind a change of the same origin's row; NULL: none. */
const struct change_place *truncates_behind(
	const struct truncates *truncates, struct span origin, const struct change_place *place);
void truncates_clear(struct truncates *truncates);

#endif
