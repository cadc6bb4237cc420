/* Partitions come and go, records become events, settlements move watermarks. */
#include "pipeline_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Records read in one turn of the loop, so that answers are looked at in between: mapping them
 * takes about as long as the store is busy with sixteen appends. */
#define READ_PER_TURN 128
/* Frozen batches get this long to be answered when their partition is revoked: well below
 * max.poll.interval.ms (5 minutes), past which the member is thrown out without a word. */
#define REVOKE_TIMEOUT_MS 10000
/* --until-end with nothing assigned: a cooperative rebalance begins with an empty assignment, and
 * what is ours follows in the next one. */
#define NOTHING_ASSIGNED_MS 5000

static struct partition_feed *feed_new(struct pipeline *pipeline, struct kafka_partition *partition)
{
	struct partition_feed *feed = xcalloc(1, sizeof(*feed));

	feed->feed.topic = xstrdup(partition->topic);
	feed->feed.generation = mapping_generation(pipeline->mapping, partition->topic);
	feed->feed.partition = partition->partition;
	feed->partition = partition;
	feed->tally = tally_topic(&pipeline->tally, partition->topic);
	feed->stored = feed->end = -1;
	watermark_init(&feed->mark);
	partition->user = feed;
	TAILQ_INSERT_TAIL(&pipeline->feeds, feed, entry);
	pipeline->feed_count++;
	return feed;
}

static void feed_free(struct pipeline *pipeline, struct partition_feed *feed)
{
	if (pipeline->held_feed == feed)
		pipeline->held_feed = NULL;
	outbox_forget(pipeline->outbox, &feed->feed);
	TAILQ_REMOVE(&pipeline->feeds, feed, entry);
	pipeline->feed_count--;
	if (feed->partition)
		feed->partition->user = NULL;
	watermark_clear(&feed->mark);
	free((char *)feed->feed.topic);
	free(feed);
}

void feeds_drop_all(struct pipeline *pipeline)
{
	struct partition_feed *feed;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry)
		outbox_drop(pipeline->outbox, &feed->feed, true);
}

void feeds_free(struct pipeline *pipeline)
{
	struct partition_feed *feed;

	while ((feed = TAILQ_FIRST(&pipeline->feeds))) {
		feed->partition = NULL;
		feed_free(pipeline, feed);
	}
}

/* --- Assignment: where does reading start? --- */

static const struct pipeline_from *from_of(
	const struct pipeline *pipeline, const struct kafka_partition *partition)
{
	size_t i;

	for (i = 0; i < pipeline->options->from_count; i++) {
		const struct pipeline_from *from = &pipeline->options->from[i];

		if (!from->topic || (from->partition == partition->partition &&
					    strcmp(from->topic, partition->topic) == 0))
			return from;
	}
	return NULL;
}

static int64_t from_offset(
	const struct pipeline_from *from, const struct kafka_partition *partition)
{
	if (from->offset == PIPELINE_LATEST)
		return partition->high;
	return from->offset == PIPELINE_EARLIEST ? partition->low : from->offset;
}

/* Fails with what is lost, and names the way on. */
static void refuse_commit(struct pipeline *pipeline, const struct kafka_partition *partition)
{
	struct error error = {0};

	if (partition->committed < partition->low)
		error_set(&error, ERROR_FATAL,
			"%s/%d: %" PRId64 " records from the committed offset %" PRId64
			" on are gone from Kafka (the log begins at %" PRId64
			"); their changes cannot be had any more; to go on without them: "
			"--from %s:%d:%" PRId64,
			partition->topic, partition->partition,
			partition->low - partition->committed, partition->committed, partition->low,
			partition->topic, partition->partition, partition->low);
	else
		error_set(&error, ERROR_FATAL,
			"%s/%d: the committed offset %" PRId64
			" is beyond the end of the log (%" PRId64
			"): the topic was deleted and created anew since; give it a new text under "
			"'generation' in the configuration and start once with --from "
			"%s:%d:%" PRId64,
			partition->topic, partition->partition, partition->committed,
			partition->high, partition->topic, partition->partition, partition->low);
	pipeline_fail(pipeline, 1, &error);
}

static bool commit_is_valid(const struct kafka_partition *partition)
{
	return partition->committed != KAFKA_NO_OFFSET &&
	       (partition->low < 0 || partition->committed >= partition->low) &&
	       (partition->high < 0 || partition->committed <= partition->high);
}

static void refuse_from(struct pipeline *pipeline, const struct kafka_partition *partition)
{
	struct error error = {0};

	error_set(&error, ERROR_INPUT,
		"--from: %s/%d has a valid commit at offset %" PRId64
		"; leave --from out to go on from there, or add --force to start elsewhere",
		partition->topic, partition->partition, partition->committed);
	pipeline_fail(pipeline, 2, &error);
}

/* Sets partition->start; the feed expects a sentinel where the record before the commit is still
 * there. False: the pipeline stops. */
static bool choose_start(struct pipeline *pipeline, struct partition_feed *feed)
{
	struct kafka_partition *partition = feed->partition;
	const struct pipeline_from *from = from_of(pipeline, partition);
	bool valid = commit_is_valid(partition);

	if (from && valid && !pipeline->options->force) {
		refuse_from(pipeline, partition);
		return false;
	}
	if (from) {
		partition->start = from_offset(from, partition);
	} else if (partition->committed == KAFKA_NO_OFFSET) {
		partition->start = partition->low >= 0 ? partition->low : 0;
	} else if (!valid) {
		refuse_commit(pipeline, partition);
		return false;
	} else {
		partition->start = partition->committed;
		if (partition->committed > 0 && partition->committed > partition->low) {
			partition->start--;
			feed->sentinel = SENTINEL_COMING;
		}
	}
	feed->end = partition->high;
	return true;
}

/* While stopping: the library wants its answer, but nothing is read any more. */
static void assigned_too_late(struct pipeline *pipeline, const struct kafka_event *event)
{
	size_t i;

	for (i = 0; i < event->partition_count; i++) {
		struct kafka_partition *partition = event->partitions[i];

		partition->user = NULL;
		partition->start = partition->committed >= 0 ? partition->committed : 0;
	}
	kafka_start(pipeline->kafka);
}

static void assigned(struct pipeline *pipeline, const struct kafka_event *event)
{
	size_t i;

	if (pipeline->stop != STOP_NONE) {
		assigned_too_late(pipeline, event);
		return;
	}
	pipeline->assigned_once = true;
	pipeline->tally.rebalances++;
	pipeline->assigned_ms = clock_ms();
	for (i = 0; i < event->partition_count; i++) {
		struct partition_feed *feed = feed_new(pipeline, event->partitions[i]);

		if (!choose_start(pipeline, feed))
			return;
		log_line(LOG_INFO, "assigned", "topic", feed->feed.topic, "partition",
			log_number(feed->feed.partition), "offset",
			log_number(feed->sentinel == SENTINEL_COMING ? feed->partition->start + 1
								     : feed->partition->start),
			"end", log_number(feed->end), NULL);
	}
	/* Another instance may have skipped a record or changed the mapping meanwhile. */
	pipeline->starting = true;
	group_read_again(pipeline);
}

void feeds_start(struct pipeline *pipeline)
{
	if (!pipeline->starting)
		return;
	pipeline->starting = false;
	pipeline->data_ready = true;
	kafka_start(pipeline->kafka);
}

/* --- Revoke and loss --- */

static void store_offset(struct pipeline *pipeline, struct partition_feed *feed, int64_t offset)
{
	if (offset <= feed->stored)
		return;
	kafka_store(pipeline->kafka, feed->partition, offset);
	feed->stored = offset;
}

static void revoked(struct pipeline *pipeline, const struct kafka_event *event, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < event->partition_count; i++) {
		struct partition_feed *feed = event->partitions[i]->user;

		if (!feed)
			continue;
		feed->leaving = true;
		if (pipeline->held_feed == feed)
			pipeline->held_feed = NULL;
		outbox_drop(pipeline->outbox, &feed->feed, event->kind == KAFKA_LOST);
	}
	log_line(event->kind == KAFKA_LOST ? LOG_WARN : LOG_INFO,
		event->kind == KAFKA_LOST ? "partitions lost" : "partitions revoked", "partitions",
		log_number((long long)event->partition_count), "error",
		event->error.kind != ERROR_NONE ? event->error.text : NULL, NULL);
	pipeline->starting = false; /* what was assigned and not started is in this list */
	pipeline->revoking = true;
	pipeline->revoke_deadline_ms = now_ms + REVOKE_TIMEOUT_MS;
	if (event->kind == KAFKA_LOST)
		pipeline->revoke_deadline_ms = now_ms;
	feeds_finish_revoke(pipeline, now_ms);
}

static bool leaving_pending(const struct pipeline *pipeline)
{
	const struct partition_feed *feed;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		if (feed->leaving && feed->pending > 0)
			return true;
	}
	return false;
}

/* Ends a revoke when nothing of it is in flight, or its time is up. */
void feeds_finish_revoke(struct pipeline *pipeline, int64_t now_ms)
{
	struct partition_feed *feed, *next;

	if (!pipeline->revoking ||
		(leaving_pending(pipeline) && now_ms < pipeline->revoke_deadline_ms &&
			!pipeline->hurry))
		return;
	for (feed = TAILQ_FIRST(&pipeline->feeds); feed; feed = next) {
		next = TAILQ_NEXT(feed, entry);
		if (!feed->leaving)
			continue;
		outbox_drop(pipeline->outbox, &feed->feed, true);
		store_offset(pipeline, feed, feed->mark.committable);
		feed_free(pipeline, feed);
	}
	pipeline->revoking = false;
	kafka_release(pipeline->kafka);
}

/* --- What else Kafka tells --- */

static void topic_gone(struct pipeline *pipeline, const struct kafka_event *event)
{
	struct error error = {0};

	error_set(&error, ERROR_FATAL,
		"%s: a topic that was being read is gone, perhaps created anew; going on could "
		"skip "
		"records silently; start again when the topic is there, with a new text under "
		"'generation' if it was created anew",
		event->error.text);
	pipeline_fail(pipeline, 1, &error);
}

static void out_of_range(struct pipeline *pipeline, const struct kafka_event *event)
{
	const struct kafka_partition *partition = event->partitions[0];
	struct error error = {0};

	error_set(&error, ERROR_FATAL,
		"%s/%d: offset %" PRId64 " is not in the log any more (it holds %" PRId64
		" to %" PRId64
		"): records were removed before they were read, or the topic was created anew; "
		"start again to see what is missing and how to go on",
		partition->topic, partition->partition, event->offset, partition->low,
		partition->high);
	pipeline_fail(pipeline, 1, &error);
}

void feeds_control(struct pipeline *pipeline, const struct kafka_event *event, int64_t now_ms)
{
	switch (event->kind) {
	case KAFKA_ASSIGN:
		assigned(pipeline, event);
		break;
	case KAFKA_REVOKE:
	case KAFKA_LOST:
		revoked(pipeline, event, now_ms);
		break;
	case KAFKA_OUT_OF_RANGE:
		out_of_range(pipeline, event);
		break;
	case KAFKA_TOPIC_GONE:
		topic_gone(pipeline, event);
		break;
	case KAFKA_FATAL:
		pipeline_fail(pipeline, 1, &event->error);
		break;
	case KAFKA_TROUBLE:
		log_line(LOG_WARN, "kafka", "error", event->error.text, NULL);
		break;
	case KAFKA_COMMIT:
		if (event->error.kind != ERROR_NONE)
			log_line(LOG_INFO, "commit failed", "error", event->error.text, NULL);
		break;
	}
}

/* --- Records --- */

static bool any_ring_full(struct pipeline *pipeline)
{
	struct partition_feed *feed;
	struct outbox_stats stats;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		if (watermark_pending(&feed->mark) <
			(uint64_t)pipeline->config->pipeline.max_uncommitted_records)
			continue;
		if (!pipeline->uncommitted_warned) {
			outbox_stats(pipeline->outbox, &stats);
			log_line(LOG_WARN, "reading stops: max_uncommitted_records reached",
				"topic", feed->feed.topic, "partition",
				log_number(feed->feed.partition), "offset",
				log_number(watermark_stuck_at(&feed->mark)), "stream",
				stats.trouble_stream, "error", stats.last_failure, NULL);
			pipeline->uncommitted_warned = true;
		}
		return true;
	}
	pipeline->uncommitted_warned = false;
	return false;
}

static bool may_take(const struct pipeline *pipeline)
{
	return pipeline->stop == STOP_NONE && !pipeline->held_feed &&
	       outbox_bytes(pipeline->outbox) < pipeline->config->pipeline.max_in_flight_bytes;
}

bool feeds_have_room(struct pipeline *pipeline)
{
	return pipeline->kafka && !pipeline->starting && !TAILQ_EMPTY(&pipeline->feeds) &&
	       may_take(pipeline) && !any_ring_full(pipeline);
}

static void record_refused(struct pipeline *pipeline, struct partition_feed *feed,
	const struct record *record, const struct error *why)
{
	struct error error = {0};

	error_set(&error, ERROR_REFUSED,
		"%s/%d offset %" PRId64 " is refused: %s (to go past exactly this record: run "
		"--skip %s:%d:%" PRId64 ")",
		record->topic, record->partition, record->offset, why->text, record->topic,
		record->partition, record->offset);
	tally_outcome(pipeline, feed, REFUSED);
	pipeline_fail(pipeline, 1, &error);
}

static void settle_at_once(
	struct pipeline *pipeline, struct partition_feed *feed, uint64_t slot, const char *reason)
{
	tally_outcome(pipeline, feed, SKIPPED);
	report_skip(pipeline, reason);
	watermark_done(&feed->mark, slot);
}

static bool too_large(
	const struct pipeline *pipeline, const struct event *event, struct error *error)
{
	size_t limit = pipeline->config->pipeline.max_event_bytes;

	if (event->stored_bytes <= limit)
		return false;
	error_set(error, ERROR_REFUSED,
		"its event takes up to %zu bytes in the store, over pipeline.max_event_bytes (%zu)",
		event->stored_bytes, limit);
	return true;
}

static void push(struct pipeline *pipeline, struct partition_feed *feed, struct event *event)
{
	event->ticket.feed = &feed->feed;
	feed->pending++;
	pipeline->pending += !event->sentinel;
	outbox_push(pipeline->outbox, event);
}

static void take_record(
	struct pipeline *pipeline, struct partition_feed *feed, const struct record *record)
{
	struct error error = {0};
	struct event *event = NULL;
	const char *reason = NULL;
	uint64_t slot;

	/* The library may hand a record out again around a rebalance. */
	if (record->offset <= feed->mark.last)
		return;
	tally_outcome(pipeline, feed, DELIVERED);
	slot = watermark_begin(&feed->mark, record->offset);
	if (group_skips(&pipeline->group, record->topic, record->partition, record->offset)) {
		log_line(LOG_WARN, "skipped by the operator", "topic", record->topic, "partition",
			log_number(record->partition), "offset", log_number(record->offset), NULL);
		settle_at_once(pipeline, feed, slot, "by the operator");
		return;
	}
	switch (avro_apply(pipeline, record, &event, &reason, &error)) {
	case MAPPING_EVENT:
		if (too_large(pipeline, event, &error)) {
			event_free(event);
			record_refused(pipeline, feed, record, &error);
			return;
		}
		event->ticket.slot = slot;
		push(pipeline, feed, event);
		return;
	case MAPPING_SKIPPED:
		settle_at_once(pipeline, feed, slot, reason);
		return;
	case MAPPING_REFUSED:
		record_refused(pipeline, feed, record, &error);
		return;
	}
}

/* Some records prove nothing: they may have left no event when they were committed. */
static bool proves_nothing(
	const struct pipeline *pipeline, const struct record *record, const struct event *event)
{
	return event->unless_deleted || pipeline->config->pipeline.dedupe == DEDUPE_SOURCE ||
	       pipeline->config->pipeline.on_deleted == ON_DELETED_SKIP ||
	       pipeline->mapping_accepted ||
	       (pipeline->group.mappings > 1 &&
		       record->timestamp_ms <= pipeline->group.mapping_ms) ||
	       group_skips(&pipeline->group, record->topic, record->partition, record->offset);
}

/* The record before the committed offset: its event must be in its stream. */
static void take_sentinel(
	struct pipeline *pipeline, struct partition_feed *feed, const struct record *record)
{
	struct error ignored = {0};
	struct event *event = NULL;
	const char *reason;

	feed->sentinel = SENTINEL_NONE;
	if (avro_apply(pipeline, record, &event, &reason, &ignored) != MAPPING_EVENT)
		return;
	if (proves_nothing(pipeline, record, event)) {
		event_free(event);
		return;
	}
	event->sentinel = true;
	feed->sentinel = SENTINEL_PENDING;
	push(pipeline, feed, event);
}

static void take(
	struct pipeline *pipeline, struct partition_feed *feed, const struct record *record)
{
	bool first = feed->sentinel == SENTINEL_COMING;

	if (first && record->offset < feed->partition->committed) {
		take_sentinel(pipeline, feed, record);
		return;
	}
	if (first)
		feed->sentinel = SENTINEL_NONE; /* it was compacted away */
	take_record(pipeline, feed, record);
}

/* Not yet: its feed's sentinel is not answered, or its schema is not there. */
static bool must_wait(const struct pipeline *pipeline, const struct partition_feed *feed,
	const struct record *record)
{
	return feed->sentinel == SENTINEL_PENDING || avro_must_wait(pipeline, record);
}

/* A record that must wait is held, and everything behind it: kafka_read is not called until then,
 * so the record stays valid. */
static void take_held(struct pipeline *pipeline)
{
	struct partition_feed *feed = pipeline->held_feed;

	if (!feed || must_wait(pipeline, feed, &pipeline->held) || pipeline->stop != STOP_NONE)
		return;
	pipeline->held_feed = NULL;
	take(pipeline, feed, &pipeline->held);
}

void feeds_read(struct pipeline *pipeline)
{
	struct kafka_partition *from;
	struct partition_feed *feed;
	int i;

	take_held(pipeline);
	if (!pipeline->data_ready || !feeds_have_room(pipeline))
		return;
	for (i = 0; i < READ_PER_TURN && may_take(pipeline); i++) {
		if (!kafka_read(pipeline->kafka, &pipeline->held, &from)) {
			pipeline->data_ready = false;
			return;
		}
		feed = from->user;
		if (!feed || feed->leaving)
			continue;
		if (must_wait(pipeline, feed, &pipeline->held))
			pipeline->held_feed = feed;
		else
			take(pipeline, feed, &pipeline->held);
	}
}

/* --- Settlements --- */

static void sentinel_absent(struct pipeline *pipeline, const struct event *event)
{
	const struct feed *feed = event->ticket.feed;
	struct error error = {0};

	error_set(&error, ERROR_FATAL,
		"%s/%d: offset %" PRId64
		" was committed, but its event is not in stream %.*s: this is "
		"not the topic that was committed (deleted and created anew?) or not the store; if "
		"the topic was created anew, give it a new text under 'generation' in the "
		"configuration and start once with --from %s:%d:0 --force",
		feed->topic, feed->partition, event->offset, SPAN_ARG(event->stream), feed->topic,
		feed->partition);
	pipeline_fail(pipeline, 1, &error);
}

static void refused(struct pipeline *pipeline, const struct event *event, const char *reason)
{
	const struct feed *feed = event->ticket.feed;
	struct record record = {
		.topic = feed->topic, .partition = feed->partition, .offset = event->offset};
	struct error why = {0};

	error_set(&why, ERROR_REFUSED, "%s", reason);
	record_refused(pipeline, (struct partition_feed *)event->ticket.feed, &record, &why);
}

void feeds_settle(void *user, struct event *event, enum settlement how, const char *reason)
{
	struct pipeline *pipeline = user;
	struct partition_feed *feed = (struct partition_feed *)event->ticket.feed;

	feed->pending--;
	pipeline->pending -= !event->sentinel;
	switch (how) {
	case SETTLED_APPENDED:
		tally_outcome(pipeline, feed, APPENDED);
		tally_appended(&pipeline->tally, event, pipeline->now_wall_ms);
		break;
	case SETTLED_DUPLICATE:
		tally_outcome(pipeline, feed, DUPLICATE);
		break;
	case SETTLED_SKIPPED:
		tally_outcome(pipeline, feed, SKIPPED);
		report_skip(pipeline, reason);
		break;
	case SETTLED_REFUSED:
		refused(pipeline, event, reason);
		break;
	case SETTLED_DROPPED:
		if (!event->sentinel)
			tally_outcome(pipeline, feed, DROPPED);
		break;
	case SETTLED_PRESENT:
		feed->sentinel = SENTINEL_NONE;
		break;
	case SETTLED_ABSENT:
		sentinel_absent(pipeline, event);
		break;
	}
	if (how == SETTLED_APPENDED || how == SETTLED_DUPLICATE || how == SETTLED_SKIPPED)
		watermark_done(&feed->mark, event->ticket.slot);
	event_free(event);
}

/* --- Offsets --- */

/* Past control records and aborted transactions, so that lag reaches 0. */
static void store_position(struct pipeline *pipeline, struct partition_feed *feed)
{
	int64_t position;

	if (watermark_pending(&feed->mark) > 0 || feed->sentinel != SENTINEL_NONE ||
		pipeline->data_ready || pipeline->held_feed)
		return;
	position = kafka_position(pipeline->kafka, feed->partition);
	if (position > feed->mark.committable && position > feed->partition->committed)
		store_offset(pipeline, feed, position);
}

void feeds_store_offsets(struct pipeline *pipeline, bool positions_too)
{
	struct partition_feed *feed;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		if (feed->leaving)
			continue;
		store_offset(pipeline, feed, feed->mark.committable);
		if (positions_too)
			store_position(pipeline, feed);
	}
}

/* Reading has come to the end seen at the start and everything before it is settled. */
static bool feed_at_end(struct pipeline *pipeline, struct partition_feed *feed)
{
	int64_t position;

	if (feed->pending > 0 || watermark_pending(&feed->mark) > 0)
		return false;
	if (feed->partition->start >= feed->end || feed->mark.last + 1 >= feed->end)
		return feed->sentinel != SENTINEL_PENDING;
	position = kafka_position(pipeline->kafka, feed->partition);
	return position >= feed->end;
}

bool feeds_at_end(struct pipeline *pipeline, int64_t now_ms)
{
	struct partition_feed *feed;

	if (!pipeline->assigned_once || pipeline->starting || pipeline->revoking ||
		pipeline->held_feed)
		return false;
	if (TAILQ_EMPTY(&pipeline->feeds))
		return now_ms - pipeline->assigned_ms >= NOTHING_ASSIGNED_MS;
	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		if (!feed_at_end(pipeline, feed))
			return false;
	}
	return true;
}
