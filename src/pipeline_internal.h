/* What the files of the pipeline share: pipeline.c (the loop), pipeline_feeds.c (partitions and
 * their records), pipeline_avro.c (records in Avro), pipeline_group.c (the group's own stream),
 * pipeline_tally.c (what is counted), pipeline_report.c (what a person sees), pipeline_status.c and
 * pipeline_metrics.c (what is asked over HTTP). */
#ifndef ROWSTREAM_PIPELINE_INTERNAL_H
#define ROWSTREAM_PIPELINE_INTERNAL_H

#include <sys/queue.h>

#include "eventstore.h"
#include "histogram.h"
#include "http_server.h"
#include "kafka.h"
#include "mapping.h"
#include "outbox.h"
#include "pipeline.h"
#include "table.h"
#include "watermark.h"

/* Each record delivered ends as exactly one of the others. */
enum outcome {
	DELIVERED,
	APPENDED,
	DUPLICATE,
	SKIPPED,
	REFUSED,
	DROPPED, /* its partition was revoked before it was settled */
	OUTCOMES,
};

extern const char *const outcome_names[OUTCOMES];

/* Of one topic; it outlives the topic's partitions here. */
struct topic_tally {
	SLIST_ENTRY(topic_tally) entry;
	char *topic;
	uint64_t counts[OUTCOMES];
};

/* The letters that Debezium has, and all else. */
#define TALLY_OPS "cudrtmi"
#define TALLY_OP_COUNT sizeof(TALLY_OPS)

/* Events appended, of one table: "schema.table", "" where the change names none. */
struct table_tally {
	struct span table;
	uint64_t ops[TALLY_OP_COUNT]; /* as in TALLY_OPS; the last one: any other */
	char text[];
};

/* What is counted beside outcomes; since the start. */
struct tally {
	SLIST_HEAD(, topic_tally) topics; /* by name */
	struct table tables;		  /* of struct table_tally */
	struct table_tally *recent;
	struct histogram delay_ms;  /* database to store */
	struct histogram append_us; /* a request, from its start to its answer */
	struct histogram batch;	    /* events a request */
	uint64_t appends[APPEND_UNKNOWN + 1];
	uint64_t rebalances;
	int64_t success_wall_ms; /* when the store took events last: wall_ms; 0 never */
};

/* What is told over HTTP. */
struct status {
	struct http_server *server; /* NULL: nothing is served */
	int64_t looked_ms;	    /* when the numbers below were taken */
	uint64_t settled;	    /* records, then */
	int64_t moved_ms;	    /* when their number changed last */
	double rate;		    /* records settled a second, smoothed */
};

/* Is the record before the committed offset still the one that was committed? (append.md, 7) */
enum sentinel_state {
	SENTINEL_NONE,	  /* nothing to ask, or answered */
	SENTINEL_COMING,  /* the first record may be it */
	SENTINEL_PENDING, /* its stream is being read; records of this feed wait */
};

/* One assignment of one partition. Its outbox half comes first: a ticket's feed is this. */
struct partition_feed {
	struct feed feed;
	TAILQ_ENTRY(partition_feed) entry;
	struct kafka_partition *partition;
	struct topic_tally *tally;
	struct watermark mark;
	enum sentinel_state sentinel;
	int64_t stored;	  /* last offset given to kafka_store */
	int64_t end;	  /* --until-end: done when everything before it is settled */
	uint64_t pending; /* events in the outbox, sentinel included */
	bool leaving;	  /* part of the revoke that is going on */
};

TAILQ_HEAD(feed_list, partition_feed);

enum group_state {
	GROUP_UNREAD,  /* to be read from its head on, at group_due_ms */
	GROUP_PAGING,  /* the next page is to be asked for */
	GROUP_READING, /* a page of it is asked for */
	GROUP_READ,    /* to be decided what has to be written */
	GROUP_WRITING, /* an event of ours is on its way */
	GROUP_READY,
};

enum stop_reason {
	STOP_NONE,
	STOP_END,     /* --until-end reached */
	STOP_SIGNAL,  /* SIGTERM, SIGINT */
	STOP_REFUSAL, /* a record was refused: what was read before it is still sent */
	STOP_ERROR,   /* error says why; exit_code */
};

/* Skipped records by reason; the reasons are few static texts. */
struct skip_reason {
	const char *reason;
	uint64_t count;
};

#define SKIP_REASONS 16

struct pipeline {
	const struct config *config;
	const struct pipeline_options *options;
	struct kafka *kafka; /* NULL until the group's stream was read */
	struct eventstore *store;
	struct mapping *mapping;
	struct outbox *outbox;
	struct registry *registry; /* NULL with twins: none is configured */
	struct twins *twins;
	int signal_fd;
	bool on_terminal; /* standard error is one */

	struct feed_list feeds;
	size_t feed_count;
	uint64_t pending; /* sum over the feeds, without sentinels */
	bool data_ready;  /* the data queue may hold records */
	/* A record of a feed whose sentinel is pending, or that waits for its schema; valid until
	 * kafka_read. */
	struct record held;
	struct partition_feed *held_feed;
	bool wants_schema;	      /* the held record does */
	bool assigned_once, starting; /* starting: kafka_start waits for the group's stream */
	int64_t assigned_ms;
	bool revoking;
	int64_t revoke_deadline_ms;

	char *description; /* of the mapping */
	struct strbuf group_name;
	struct group group;
	enum group_state group_state;
	int64_t group_due_ms, group_revision, group_from;
	unsigned group_tries;
	const char *group_writing; /* what is being written, for the log */
	size_t skips_written;
	bool mapping_accepted; /* this run changed the mapping */

	uint64_t counts[OUTCOMES];
	struct tally tally;
	int64_t now_wall_ms; /* of this turn of the loop */
	struct status status;
	struct skip_reason skips[SKIP_REASONS];
	int64_t started_ms, last_progress_ms, last_summary_ms, last_tick_ms;
	uint64_t last_delivered; /* at the last progress line */
	double rate;		 /* records a second, smoothed */
	bool was_outage, was_registry_outage;
	size_t was_in_trouble;
	bool uncommitted_warned, foreign_warned;

	enum stop_reason stop;
	struct error error;
	int exit_code, signal_code; /* signal_code: 130 or 143, when one cuts the drain short */
	int64_t stop_deadline_ms;
	bool hurry; /* the second signal, or the deadline: what is not settled is left */
};

/* pipeline.c: from now on nothing new is read or sent; the first reason stands. */
void pipeline_stop(struct pipeline *pipeline, enum stop_reason reason, int exit_code);
/* The same for an error that is decided here: context and text are logged by pipeline_run. */
void pipeline_fail(struct pipeline *pipeline, int exit_code, const struct error *error);

/* pipeline_feeds.c */
void feeds_control(struct pipeline *pipeline, const struct kafka_event *event, int64_t now_ms);
/* Records of the data queue, until it is empty or we are full. */
void feeds_read(struct pipeline *pipeline);
bool feeds_have_room(struct pipeline *pipeline);
void feeds_settle(void *user, struct event *event, enum settlement how, const char *reason);
void feeds_store_offsets(struct pipeline *pipeline, bool positions_too);
void feeds_finish_revoke(struct pipeline *pipeline, int64_t now_ms);
void feeds_start(struct pipeline *pipeline);
bool feeds_at_end(struct pipeline *pipeline, int64_t now_ms);
/* Whatever is not settled is given up: counted as dropped, left uncommitted. */
void feeds_drop_all(struct pipeline *pipeline);
void feeds_free(struct pipeline *pipeline);

/* pipeline_avro.c */
bool avro_open(struct pipeline *pipeline, struct error *error);
void avro_close(struct pipeline *pipeline);
/* Its schemas are not there: it is held, and avro_ask asks for them. */
bool avro_must_wait(const struct pipeline *pipeline, const struct record *record);
/* mapping_apply of the record's twin. */
enum mapping_result avro_apply(struct pipeline *pipeline, const struct record *record,
	struct event **event, const char **reason, struct error *error);
/* Before records are read, and behind. */
void avro_take_answers(struct pipeline *pipeline, int64_t now_ms);
void avro_ask(struct pipeline *pipeline, int64_t now_ms);
int avro_fd(const struct pipeline *pipeline); /* to sleep on; -1: nothing */
int64_t avro_due_ms(const struct pipeline *pipeline);

/* pipeline_group.c: its requests carry &pipeline->group as user. */
void group_turn(struct pipeline *pipeline, int64_t now_ms);
void group_result(
	struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms);
void group_read_again(struct pipeline *pipeline);

/* pipeline_tally.c */
void tally_init(struct tally *tally);
void tally_clear(struct tally *tally);
struct topic_tally *tally_topic(struct tally *tally, const char *topic);
void tally_outcome(struct pipeline *pipeline, struct partition_feed *feed, enum outcome outcome);
/* The store took it now. */
void tally_appended(struct tally *tally, const struct event *event, int64_t now_wall_ms);
void tally_request(
	struct tally *tally, const struct eventstore_result *result, int64_t now_wall_ms);

/* pipeline_status.c: opened before the loop. False and error (ERROR_INPUT): cannot listen. */
bool status_open(struct pipeline *pipeline, struct error *error);
void status_close(struct pipeline *pipeline);
void status_turn(struct pipeline *pipeline, int64_t now_ms);
/* The offset that a restart would go on from, and how many are behind it; -1 while the log's end
 * is not known. */
int64_t status_next(const struct partition_feed *feed);
int64_t status_lag(struct pipeline *pipeline, const struct partition_feed *feed);
/* pipeline_metrics.c: adds them in Prometheus' text format. */
void metrics_add(struct pipeline *pipeline, struct strbuf *out);

/* pipeline_report.c */
void report_start(const struct pipeline *pipeline);
void report_turn(struct pipeline *pipeline, int64_t now_ms);
void report_end(struct pipeline *pipeline);
void report_skip(struct pipeline *pipeline, const char *reason);

#endif
