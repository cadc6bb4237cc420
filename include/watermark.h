/* Per partition: which offset may be committed. A ring over the records delivered, in order;
 * the watermark stands before the first one that is not settled. */
#ifndef ROWSTREAM_WATERMARK_H
#define ROWSTREAM_WATERMARK_H

#include <stdbool.h>
#include <stdint.h>

struct watermark_slot;

/* Start with {0}; watermark_clear gives the memory back. Offsets ascend but have gaps
 * (compaction, transaction markers): the ring holds them, no arithmetic does. */
struct watermark {
	struct watermark_slot *slots; /* ring; size is a power of two */
	uint64_t head, tail;	      /* slot numbers: oldest unsettled, next to be given */
	uint64_t size;
	int64_t committable; /* the offset to go on from: last settled without a hole, plus 1; -1
				none */
	int64_t last;	     /* the last offset begun, -1 none */
};

void watermark_init(struct watermark *mark);
void watermark_clear(struct watermark *mark);
/* A record was delivered; returns its slot. The offset must be above all before it. */
uint64_t watermark_begin(struct watermark *mark, int64_t offset);
/* Its record is settled. True if committable moved. */
bool watermark_done(struct watermark *mark, uint64_t slot);
/* Records delivered and not yet committable: the length of the ring in use. */
uint64_t watermark_pending(const struct watermark *mark);
/* The oldest offset that is not settled, or -1. */
int64_t watermark_stuck_at(const struct watermark *mark);

#endif
