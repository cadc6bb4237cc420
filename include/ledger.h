/* What Kafka's records should have become, against what the streams hold: for `verify`. Records are
 * entered first, in offset order, 40 bytes each; then stored events are looked up, in any
 * order; then what was not seen is judged. */
#ifndef ROWSTREAM_LEDGER_H
#define ROWSTREAM_LEDGER_H

#include "fingerprint.h"
#include "readback.h"

struct ledger;

/* One partition as Kafka holds it; copied. */
struct ledger_partition {
	const char *topic, *generation;
	int32_t partition;
	int64_t low, high;
	int64_t committed; /* by the bridge's group; -1 nothing */
};

enum ledger_kind {
	LEDGER_EVENT,
	LEDGER_NONE,	  /* becomes no event: skipped by a rule or the operator */
	LEDGER_REFUSED,	  /* the bridge stops at it */
	LEDGER_ELSEWHERE, /* an event of a table that is not compared */
};

/* Sums of one partition. */
struct ledger_sums {
	int64_t records; /* entered */
	int64_t same;	 /* found, and as it should be */
	/* Findings. */
	int64_t missing, doubled, disordered, different, other;
	/* None: beyond the commit and not there yet; a repeated delete that needs no event, folded
	 * repeats too; no event is due; cut off or deleted in the store; in the store, but not in
	 * Kafka any more; not compared. */
	int64_t behind, skipped, none, removed, older, elsewhere;
	int64_t repaired; /* was missing */
};

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);

/* Returns its index: 0, 1, … */
size_t ledger_add(struct ledger *ledger, const struct ledger_partition *partition);
size_t ledger_count(const struct ledger *ledger);
const struct ledger_partition *ledger_partition(const struct ledger *ledger, size_t index);
struct ledger_sums *ledger_sums(struct ledger *ledger, size_t index);

/* Enters a record; offsets of a partition only grow. print: of LEDGER_EVENT, else NULL. deletes:
 * its op is d; unless_deleted: as in struct event. */
void ledger_expect(struct ledger *ledger, size_t index, int64_t offset, enum ledger_kind kind,
	const struct fingerprint *print, bool deletes, bool unless_deleted);

enum ledger_verdict {
	LEDGER_SAME,
	LEDGER_FOREIGN_TOPIC, /* not of the partitions entered, or of another generation */
	LEDGER_OLDER,	      /* Kafka does not hold the record any more */
	LEDGER_NEWER,	      /* written after the partitions were looked at */
	LEDGER_SKIPPED_KIND,  /* of a table that is not compared */
	LEDGER_DOUBLED,	      /* is in this stream at *first already, and at *again */
	LEDGER_MISPLACED,     /* belongs into another stream */
	LEDGER_UNEXPECTED,    /* its record becomes no event */
	LEDGER_DIFFERENT,     /* see *differs */
};

enum ledger_difference { LEDGER_TYPE = 1, LEDGER_DATA = 2, LEDGER_METADATA = 4 };

struct ledger_seen {
	enum ledger_verdict verdict;
	size_t index;	      /* of the partition, unless LEDGER_FOREIGN_TOPIC */
	int64_t first, again; /* LEDGER_DOUBLED: revisions */
	unsigned differs;     /* LEDGER_DIFFERENT: of enum ledger_difference */
};

/* A stored event of ours, at revision of its stream. Counted in the partition's sums, except
 * LEDGER_SAME, which ledger_judge counts. */
void ledger_see(struct ledger *ledger, const struct sighting *sighting, int64_t revision,
	const struct fingerprint *print, struct ledger_seen *seen);

enum ledger_trouble {
	LEDGER_FINE,
	LEDGER_MISSING_FIRST, /* nothing of its partition before it was seen in its stream */
	LEDGER_MISSING,	      /* something before it was seen, and something behind it */
	LEDGER_MISSING_TAIL,  /* nothing behind it was seen, something before it */
	LEDGER_MISSING_ALL,   /* nothing of its partition was seen in its stream */
	LEDGER_DISORDERED,    /* stands before an event of an earlier record */
};

/* After the last ledger_see: looks at each stream's entries. Missing ones are not in the sums yet:
 * whether their stream was cut is not known here. */
void ledger_judge(struct ledger *ledger);
enum ledger_trouble ledger_trouble(
	const struct ledger *ledger, size_t index, int64_t offset, int64_t *revision);
/* The first and behind the last offset with trouble; equal: none. */
void ledger_troubled(const struct ledger *ledger, size_t index, int64_t *from, int64_t *to);

/* For stores that have to be read stream by stream, before ledger_see: whether this record is the
 * first of its stream, over all partitions. */
void ledger_mark_streams(struct ledger *ledger);
bool ledger_begins_stream(const struct ledger *ledger, size_t index, int64_t offset);

#endif
