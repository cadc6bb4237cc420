/* Keeps truncates in the source's order. */
#include "truncates.h"

#include <stdlib.h>
#include <string.h>

struct truncate_list {
	struct span origin;
	struct change_place *places; /* ascending */
	size_t count, size;
};

static struct truncate_list *list_of(const struct truncates *truncates, struct span origin)
{
	size_t i;

	for (i = 0; i < truncates->count; i++)
		if (span_equal(truncates->lists[i].origin, origin))
			return &truncates->lists[i];
	return NULL;
}

static struct truncate_list *new_list(struct truncates *truncates, struct span origin)
{
	struct truncate_list *list;

	truncates->lists =
		xreallocarray(truncates->lists, truncates->count + 1, sizeof(*truncates->lists));
	list = &truncates->lists[truncates->count++];
	*list = (struct truncate_list){.origin = arena_copy(&truncates->arena, origin)};
	return list;
}

/* How many of the list's truncates are not behind place. */
static size_t index_behind(const struct truncate_list *list, const struct change_place *place)
{
	size_t low = 0, high = list->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (change_place_before(place, &list->places[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void truncates_add(
	struct truncates *truncates, struct span origin, const struct change_place *place)
{
	struct truncate_list *list = list_of(truncates, origin);
	size_t at;

	if (!list)
		list = new_list(truncates, origin);
	if (list->count == list->size) {
		list->size = list->size ? 2 * list->size : 4;
		list->places = xreallocarray(list->places, list->size, sizeof(*list->places));
	}
	at = index_behind(list, place);
	memmove(list->places + at + 1, list->places + at,
		(list->count - at) * sizeof(*list->places));
	list->count++;
	list->places[at] = *place;
	list->places[at].connector = arena_copy(&truncates->arena, place->connector);
	list->places[at].position = arena_copy(&truncates->arena, place->position);
}

const struct change_place *truncates_behind(
	const struct truncates *truncates, struct span origin, const struct change_place *place)
{
	const struct truncate_list *list = list_of(truncates, origin);
	size_t at = list ? index_behind(list, place) : 0;

	return list && at < list->count ? &list->places[at] : NULL;
}

void truncates_clear(struct truncates *truncates)
{
	size_t i;

	for (i = 0; i < truncates->count; i++)
		free(truncates->lists[i].places);
	free(truncates->lists);
	arena_clear(&truncates->arena);
	*truncates = (struct truncates){0};
}
