/* The ring of delivered records of one partition. */
#include "watermark.h"

#include <stdlib.h>

#include "util.h"

struct watermark_slot {
	int64_t offset;
	bool done;
};

#define FIRST_SIZE 64

static struct watermark_slot *slot_of(const struct watermark *mark, uint64_t slot)
{
	return &mark->slots[slot & (mark->size - 1)];
}

void watermark_init(struct watermark *mark)
{
	*mark = (struct watermark){.committable = -1, .last = -1};
}

void watermark_clear(struct watermark *mark)
{
	free(mark->slots);
	watermark_init(mark);
}

static void grow(struct watermark *mark)
{
	struct watermark old = *mark;
	uint64_t slot;

	mark->size = old.size ? 2 * old.size : FIRST_SIZE;
	mark->slots = xcalloc(mark->size, sizeof(*mark->slots));
	for (slot = old.head; slot != old.tail; slot++)
		*slot_of(mark, slot) = *slot_of(&old, slot);
	free(old.slots);
}

uint64_t watermark_begin(struct watermark *mark, int64_t offset)
{
	if (mark->tail - mark->head == mark->size)
		grow(mark);
	*slot_of(mark, mark->tail) = (struct watermark_slot){.offset = offset};
	mark->last = offset;
	return mark->tail++;
}

bool watermark_done(struct watermark *mark, uint64_t slot)
{
	uint64_t head = mark->head;

	slot_of(mark, slot)->done = true;
	while (mark->head != mark->tail && slot_of(mark, mark->head)->done)
		mark->committable = slot_of(mark, mark->head++)->offset + 1;
	return mark->head != head;
}

uint64_t watermark_pending(const struct watermark *mark)
{
	return mark->tail - mark->head;
}

int64_t watermark_stuck_at(const struct watermark *mark)
{
	return mark->head == mark->tail ? -1 : slot_of(mark, mark->head)->offset;
}
