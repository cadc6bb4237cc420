/* Records in, offsets stored, partitions come and go; librdkafka is hidden here.
 * Two queues are kept apart: the control queue (rebalances, errors, commits) is polled at every
 * wake and at least once a second, for ever; the data queue is simply not read while the caller
 * is full - that is the whole back-pressure (append.md, sections 7 and 8). */
#ifndef ROWSTREAM_KAFKA_H
#define ROWSTREAM_KAFKA_H

#include "error.h"
#include "record.h"

struct kafka;

struct kafka_property {
	const char *name, *value;
};

struct kafka_options {
	const struct kafka_property *properties; /* the user's, passed to librdkafka as they are */
	size_t property_count;
	const char *const *topics; /* names or ^patterns */
	size_t topic_count;
};

#define KAFKA_NO_OFFSET (-1001)

/* One assigned partition, from KAFKA_ASSIGN until kafka_release. One assignment is one epoch:
 * the same partition assigned again is a new object, and records of the old one never come. */
struct kafka_partition {
	const char *topic;
	int32_t partition;
	int64_t committed; /* next offset to read by the group's commit; KAFKA_NO_OFFSET: none */
	int64_t low,
		high;  /* of the log when assigned; high is the last stable offset; -1 unknown */
	int64_t start; /* in KAFKA_ASSIGN set by the caller: where reading starts */
	void *user;    /* the caller's */
};

enum kafka_kind {
	/* Partitions came. committed, low and high are filled; the caller sets start on each and
	 * calls kafka_start. (May be empty: still call kafka_start.) */
	KAFKA_ASSIGN,
	/* Partitions go. No more records of them come. The caller settles what is in flight (with a
	 * deadline), stores offsets, then calls kafka_release. */
	KAFKA_REVOKE,
	/* Partitions are gone already (session lost): forget at once, store nothing, kafka_release.
	 */
	KAFKA_LOST,
	/* The wanted offset of a partition is not in the log any more (or beyond its end); the
	 * partition stays stopped. offset, partitions[0]. */
	KAFKA_OUT_OF_RANGE,
	/* A topic that we read was deleted, perhaps made anew: going on could skip records. */
	KAFKA_TOPIC_GONE,
	/* The handle is dead (fenced, …): end the process. */
	KAFKA_FATAL,
	/* Authentication, authorization, TLS, connection: retried by the library for ever. A person
	 * should hear of it. */
	KAFKA_TROUBLE,
	/* A commit went through (error.kind NONE) or failed; UNKNOWN_MEMBER_ID and the like mean
	 * "perhaps not ours any more". Per-partition errors are not believed. */
	KAFKA_COMMIT,
};

struct kafka_event {
	enum kafka_kind kind;
	struct kafka_partition **partitions; /* valid until the next kafka_control */
	size_t partition_count;
	int64_t offset;	    /* KAFKA_OUT_OF_RANGE: the wanted one */
	struct error error; /* text for a person, where something is wrong */
};

/* NULL and error (ERROR_INPUT) when librdkafka refuses a property or combination. Subscribes. */
struct kafka *kafka_new(const struct kafka_options *options, struct error *error);

/* Descriptors that become readable when the control or the data queue may have something. Drain
 * with kafka_control / kafka_read until they return 0: an edge, not a level. */
int kafka_control_fd(const struct kafka *kafka);
int kafka_data_fd(const struct kafka *kafka);

/* Next control event: 1, or 0 when there is none now. Blocks for some 100 ms when the broker is
 * asked for committed offsets; for longer, up to some seconds, where it does not answer in that
 * time. */
int kafka_control(struct kafka *kafka, struct kafka_event *event);
/* Reading starts for the partitions of the last KAFKA_ASSIGN. */
void kafka_start(struct kafka *kafka);
/* Ends the last KAFKA_REVOKE or KAFKA_LOST; its partition objects are freed. Stored offsets of a
 * revoke are committed by it. */
void kafka_release(struct kafka *kafka);

/* Next record: 1 (valid until the next kafka_read), or 0 when there is none now; none comes after
 * KAFKA_FATAL. */
int kafka_read(struct kafka *kafka, struct record *record, struct kafka_partition **from);

/* Everything before offset is settled. Committed by the library's timer. An offset that is not
 * above the last one stored for this partition is ignored: they never go back. */
void kafka_store(struct kafka *kafka, struct kafka_partition *partition, int64_t offset);
/* The next offset that the library would read, past control records; -1 unknown. */
int64_t kafka_position(struct kafka *kafka, const struct kafka_partition *partition);

/* The end of the log as the last fetch told it, without asking; -1 unknown. */
int64_t kafka_known_end(struct kafka *kafka, const struct kafka_partition *partition);

/* Starts leaving the group: a KAFKA_REVOKE for what is assigned comes, then kafka_closed() turns
 * true. Keep calling kafka_control. */
void kafka_close(struct kafka *kafka);
bool kafka_closed(const struct kafka *kafka);
/* graceful false: no leaving the group (the broker is away, or it hangs). Even so destroying can
 * hang inside the library after a topic was deleted: the caller sets a deadline that ends the
 * process. */
void kafka_free(struct kafka *kafka, bool graceful);

/* --- For `check`: looks at the cluster without joining the group, which would take partitions
 * away from the bridges that run. --- */

struct kafka_observer;

/* NULL and error (ERROR_INPUT) as kafka_new. */
struct kafka_observer *kafka_observe(const struct kafka_options *options, struct error *error);
void kafka_observer_free(struct kafka_observer *observer);

/* The topics that source.topics matches, from the broker; error_text NULL when all is fine with
 * one. False and error (ERROR_RETRY) if no broker answers within timeout_ms, or all are known not
 * to. */
bool kafka_list_topics(struct kafka_observer *observer, int timeout_ms,
	void (*found)(void *user, const char *topic, int partitions, const char *error_text),
	void *user, struct error *error);

/* Whether the group's coordinator answers and tells us the group's offset of partition 0 of topic.
 * False: error, ERROR_RETRY where nobody answered in time, else ERROR_REFUSED with the broker's
 * reason. */
bool kafka_check_group(
	struct kafka_observer *observer, const char *topic, int timeout_ms, struct error *error);

/* "librdkafka 2.0.2", with its built-in features. */
const char *kafka_library_version(void);

#endif
