/* Reads what topics hold, from one offset to another, without joining the group: for `verify`. */
#ifndef ROWSTREAM_KAFKA_SCAN_H
#define ROWSTREAM_KAFKA_SCAN_H

#include "kafka.h"

struct kafka_scan;

/* One partition. */
struct kafka_extent {
	const char *topic;
	int32_t partition;
	int64_t low, high; /* of the log when it was looked at; high is the last stable offset */
	int64_t committed; /* the group's next offset; KAFKA_NO_OFFSET: none */
	int64_t from, to;  /* what kafka_scan_start reads, set by the caller; equal: nothing */
};

/* Finds the topics' partitions and where they begin and end. NULL and error: ERROR_INPUT, a
 * property is refused; ERROR_RETRY, no broker answers within timeout_ms; ERROR_REFUSED, a topic
 * that is named is not there, or no pattern matches one. */
struct kafka_scan *kafka_scan_new(
	const struct kafka_options *options, int timeout_ms, struct error *error);
void kafka_scan_free(struct kafka_scan *scan);

/* By topic and partition. */
struct kafka_extent *kafka_scan_extents(struct kafka_scan *scan, size_t *count);

/* Begins to read every partition's from up to its to; again, whatever was read before. */
bool kafka_scan_start(struct kafka_scan *scan, struct error *error);

enum kafka_scan_step { KAFKA_SCAN_RECORD, KAFKA_SCAN_END, KAFKA_SCAN_FAILED };

/* The next record (valid until the next call) and its partition's index; partitions come in any
 * order, a partition's records in theirs. Failed: error; ERROR_RETRY: the broker went away. */
enum kafka_scan_step kafka_scan_next(
	struct kafka_scan *scan, struct record *record, size_t *extent, struct error *error);

/* How many consumers the group has now. False: that cannot be told, error says why. */
bool kafka_scan_members(
	struct kafka_scan *scan, const char *group, int *members, struct error *error);

/* The partition's end now; -1 and error (ERROR_RETRY): the broker does not say. */
int64_t kafka_scan_end(struct kafka_scan *scan, size_t extent, struct error *error);

#endif
