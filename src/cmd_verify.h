/* What the parts of `rowstream verify` share. */
#ifndef ROWSTREAM_CMD_VERIFY_H
#define ROWSTREAM_CMD_VERIFY_H

#include "ledger.h"
#include "reading.h"
#include "record_walk.h"

/* The highest offset of a partition that the store holds beyond what Kafka held at the start. */
struct beyond {
	char *stream; /* NULL: none */
	int64_t revision, offset;
};

struct repair;

struct verify {
	struct reading reading;
	const char *table; /* only streams of this category, or NULL */
	struct record_walk *walk;
	struct ledger *ledger; /* its partitions are the scan's extents */
	struct beyond *beyond; /* one a partition */
	struct group group;
	struct fingerprinter printer;
	struct readback readback;
	int64_t findings, read, total, since_ms, shown_ms;
	int64_t deletions;     /* of streams, told by $all, which holds their events all the same */
	int64_t foreign;       /* events of other writers, in the streams that were read */
	bool by_links;	       /* what the store holds was read by a category's links */
	struct repair *repair; /* NULL: nothing is changed */
};

/* Each does its part; false and error where it cannot. In this order. */
bool verify_enter_records(struct verify *verify, struct error *error);
bool verify_read_store(struct verify *verify, struct error *error);
bool verify_tell_missing(struct verify *verify, struct error *error);

/* --repair. Open: ERROR_REFUSED while the group has members. Push takes the step's event and
 * appends it behind what its stream holds, sooner or later. Finish waits until all are settled:
 * each is a finding, or was repaired. */
bool verify_repair_open(struct verify *verify, struct error *error);
bool verify_repair_push(struct verify *verify, struct record_step *step, struct error *error);
bool verify_repair_finish(struct verify *verify, struct error *error);
void verify_repair_close(struct verify *verify);

/* A finding: what, in which stream and at which revision (-1 none), of which record. */
struct finding {
	const char *what;
	struct span stream;
	int64_t revision;
	size_t index;	/* of the partition */
	int64_t offset; /* of the record */
};

void verify_find(struct verify *verify, const struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for what was a finding and is none any more. */
void verify_tell(struct verify *verify, const struct finding *finding, const char *text);
/* On a terminal, now and then: how far a part is. verify_begin starts one, of total steps or -1. */
void verify_begin(struct verify *verify, int64_t total);
void verify_count(struct verify *verify, const char *what);

#endif
