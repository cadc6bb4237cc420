/* What the files of the edge share: kafka.c (the consumer and its news), kafka_rebalance.c
 * (partitions that come and go), kafka_read.c (records and offsets), kafka_conf.c. */
#ifndef ROWSTREAM_KAFKA_INTERNAL_H
#define ROWSTREAM_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <sys/queue.h>

#include "kafka.h"
#include "strbuf.h"
#include "table.h"

/* The broker is asked for offsets in slices, because the loop must go on turning; in longer ones
 * where it needs longer than that to answer. */
#define ASK_SLICE_MS 100

/* Memory for the headers of a record, used again. */
struct kafka_headers {
	struct header *items;
	size_t size;
};

/* One assignment of one partition; the public part comes first. */
struct assigned {
	struct kafka_partition partition;
	int64_t stored;
	int32_t leader_epoch;
	bool going;	 /* being revoked: its records are not handed out any more */
	struct span key; /* for the table: topic, NUL, partition */
	char text[];
};

struct news {
	TAILQ_ENTRY(news) entry;
	struct kafka_event event;
	struct kafka_partition *partition; /* the event's one, if any */
};

TAILQ_HEAD(news_list, news);

enum rebalance {
	REBALANCE_NONE,
	REBALANCE_ASKING,  /* new partitions: the broker is asked for their offsets */
	REBALANCE_ASSIGN,  /* handed to the caller, who calls kafka_start */
	REBALANCE_REVOKE,  /* to be handed to the caller */
	REBALANCE_RELEASE, /* handed to the caller, who calls kafka_release */
};

struct kafka {
	rd_kafka_t *rk;
	rd_kafka_queue_t *control, *data;
	int control_fd, data_fd;
	struct table partitions; /* of struct assigned */

	enum rebalance rebalance;
	bool lost, cooperative;
	rd_kafka_topic_partition_list_t *changing; /* the partitions of the rebalance */
	bool committed_known;
	int asked; /* partitions of changing whose watermarks are known */
	int ask_ms;
	struct kafka_partition **handed; /* the event's array */
	size_t handed_count;

	rd_kafka_message_t *current;
	struct assigned *recent; /* of the last record: most come in runs */
	struct kafka_headers headers;

	struct news_list news;
	struct news *told;     /* the one that was handed out, freed with the next */
	bool fatal_told, dead; /* dead: no more records */
	char last_trouble[512];
	int64_t last_trouble_ms;
};

/* A descriptor that the loop sleeps on becomes readable, or is not any more. */
void kafka_wake(int fd);
void kafka_calm(int fd);

/* Something to be told by kafka_control, which frees it; the caller fills in the event. */
struct news *kafka_add_news(struct kafka *kafka, enum kafka_kind kind);

/* Words of the library that nobody must act on; the same ones are told once a minute. */
void kafka_add_trouble(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text);

/* NULL when it is not ours. */
struct assigned *kafka_assigned(struct kafka *kafka, const char *topic, int32_t partition);

/* librdkafka's callback: only takes note; kafka_take_rebalance goes on with it from the loop, true
 * when the caller has something to do about it. */
void kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *partitions, void *opaque);
bool kafka_take_rebalance(struct kafka *kafka, struct kafka_event *event);
void kafka_decline_assignment(struct kafka *kafka);

/* The message as a record, which borrows everything from it. */
void kafka_fill_record(
	const rd_kafka_message_t *message, struct kafka_headers *headers, struct record *record);

/* low and high (the last stable offset) of the log. Not by rd_kafka_query_watermark_offsets: that
 * of 2.0.2 waits without end, whatever its timeout, for a broker that goes away meanwhile. At most
 * twice timeout_ms. */
rd_kafka_resp_err_t kafka_query_ends(rd_kafka_t *rk, const char *topic, int32_t partition,
	int64_t *low, int64_t *high, int timeout_ms);

/* The user's properties, with ours where he says nothing; callbacks are the caller's. NULL and
 * error (ERROR_INPUT) for a property that librdkafka or our protocol refuses. */
rd_kafka_conf_t *kafka_conf_new(const struct kafka_options *options, struct error *error);

/* A topic or ^pattern as librdkafka takes it: it would be content with a pattern that matches the
 * beginning of a topic, ours match whole ones (pattern.h). Added to out. */
void kafka_add_subscription(struct strbuf *out, const char *topic);

/* librdkafka's words, with what they mean where they mislead. */
const char *kafka_explain(rd_kafka_resp_err_t code);

#endif
