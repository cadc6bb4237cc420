/* Partitions that come and go. A rebalance is copied in librdkafka's callback and worked off from
 * the loop. */
#include <stdlib.h>
#include <string.h>

#include "kafka_internal.h"

#define LONGEST_ASK_MS 6400

/* --- Partitions --- */

static struct span key_of(const char *topic, int32_t partition, struct strbuf *key)
{
	strbuf_reset(key);
	strbuf_add_text(key, topic);
	strbuf_add_char(key, '\0');
	strbuf_add_int(key, partition);
	return strbuf_span(key);
}

struct assigned *kafka_assigned(struct kafka *kafka, const char *topic, int32_t partition)
{
	struct strbuf key = {0};
	struct assigned *assigned = table_get(&kafka->partitions, key_of(topic, partition, &key));

	strbuf_clear(&key);
	return assigned;
}

static struct assigned *assigned_new(struct kafka *kafka, const rd_kafka_topic_partition_t *element)
{
	struct strbuf key = {0};
	struct assigned *assigned;

	key_of(element->topic, element->partition, &key);
	assigned = xcalloc(1, sizeof(*assigned) + key.len);
	memcpy(assigned->text, key.data, key.len);
	assigned->key = (struct span){assigned->text, key.len};
	assigned->partition = (struct kafka_partition){
		.topic = assigned->text,
		.partition = element->partition,
		.committed = element->offset >= 0 ? element->offset : KAFKA_NO_OFFSET,
		.low = -1,
		.high = -1,
	};
	assigned->stored = -1;
	assigned->leader_epoch = -1;
	table_put(&kafka->partitions, assigned->key, assigned);
	strbuf_clear(&key);
	return assigned;
}

static void assigned_free(struct kafka *kafka, struct assigned *assigned)
{
	if (kafka->recent == assigned)
		kafka->recent = NULL;
	table_remove(&kafka->partitions, assigned->key);
	free(assigned);
}

static void hand_out(struct kafka *kafka, struct kafka_event *event, enum kafka_kind kind)
{
	int i;

	free(kafka->handed);
	kafka->handed = xcalloc((size_t)kafka->changing->cnt, sizeof(*kafka->handed));
	kafka->handed_count = 0;
	for (i = 0; i < kafka->changing->cnt; i++) {
		const rd_kafka_topic_partition_t *element = &kafka->changing->elems[i];
		struct assigned *assigned =
			kafka_assigned(kafka, element->topic, element->partition);

		if (assigned)
			kafka->handed[kafka->handed_count++] = &assigned->partition;
	}
	*event = (struct kafka_event){
		.kind = kind, .partitions = kafka->handed, .partition_count = kafka->handed_count};
}

/* --- Assignment --- */

/* A broker that is slow, or far away, would never answer within the first slice. */
static void ask_longer(struct kafka *kafka)
{
	if (kafka->ask_ms < LONGEST_ASK_MS)
		kafka->ask_ms *= 2;
}

/* "No commit" is told without an error; a partition with one (no right, a transaction under way) is
 * asked for again: taking it for none would read everything anew. */
static rd_kafka_resp_err_t partition_error(const rd_kafka_topic_partition_list_t *list)
{
	int i;

	for (i = 0; i < list->cnt; i++)
		if (list->elems[i].err)
			return list->elems[i].err;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool ask_committed(struct kafka *kafka)
{
	rd_kafka_resp_err_t code;
	int i;

	code = rd_kafka_committed(kafka->rk, kafka->changing, kafka->ask_ms);
	if (!code)
		code = partition_error(kafka->changing);
	if (code) {
		ask_longer(kafka);
		if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
			kafka_add_trouble(kafka, code, rd_kafka_err2str(code));
		return false;
	}
	for (i = 0; i < kafka->changing->cnt; i++)
		if (!kafka_assigned(kafka, kafka->changing->elems[i].topic,
			    kafka->changing->elems[i].partition))
			assigned_new(kafka, &kafka->changing->elems[i]);
	kafka->committed_known = true;
	return true;
}

static bool ask_watermarks(struct kafka *kafka, int64_t until_ms)
{
	while (kafka->asked < kafka->changing->cnt && clock_ms() < until_ms) {
		const rd_kafka_topic_partition_t *element = &kafka->changing->elems[kafka->asked];
		struct assigned *assigned =
			kafka_assigned(kafka, element->topic, element->partition);
		int64_t low, high;
		rd_kafka_resp_err_t code;

		code = kafka_query_ends(
			kafka->rk, element->topic, element->partition, &low, &high, kafka->ask_ms);
		if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
			ask_longer(kafka);
			return false;
		}
		/* Anything else (no such partition, no right) will be told when it is fetched. */
		if (!code) {
			assigned->partition.low = low;
			assigned->partition.high = high;
		}
		kafka->asked++;
	}
	return kafka->asked == kafka->changing->cnt;
}

/* True when everything is known that the caller needs to choose where to start. */
static bool ask(struct kafka *kafka)
{
	int64_t until_ms = clock_ms() + ASK_SLICE_MS;

	if ((kafka->committed_known || ask_committed(kafka)) && ask_watermarks(kafka, until_ms))
		return true;
	kafka_wake(kafka->control_fd); /* come back soon */
	return false;
}

/* Forwarding comes before the assign: what is fetched must find its way from the start. */
static void forward(struct kafka *kafka, const struct kafka_partition *partition)
{
	rd_kafka_queue_t *queue =
		rd_kafka_queue_get_partition(kafka->rk, partition->topic, partition->partition);

	if (!queue)
		return;
	rd_kafka_queue_forward(queue, kafka->data);
	rd_kafka_queue_destroy(queue);
}

static void end_rebalance(struct kafka *kafka, rd_kafka_error_t *error, rd_kafka_resp_err_t code)
{
	if (error) {
		kafka_add_trouble(kafka, rd_kafka_error_code(error), rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
	} else if (code) {
		kafka_add_trouble(kafka, code, rd_kafka_err2str(code));
	}
	rd_kafka_topic_partition_list_destroy(kafka->changing);
	kafka->changing = NULL;
	kafka->rebalance = REBALANCE_NONE;
}

void kafka_start(struct kafka *kafka)
{
	rd_kafka_error_t *error = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int i;

	if (kafka->rebalance != REBALANCE_ASSIGN)
		return;
	for (i = 0; i < kafka->changing->cnt; i++) {
		rd_kafka_topic_partition_t *element = &kafka->changing->elems[i];
		struct assigned *assigned =
			kafka_assigned(kafka, element->topic, element->partition);

		element->offset = assigned->partition.start;
		forward(kafka, &assigned->partition);
	}
	if (kafka->cooperative)
		error = rd_kafka_incremental_assign(kafka->rk, kafka->changing);
	else
		code = rd_kafka_assign(kafka->rk, kafka->changing);
	end_rebalance(kafka, error, code);
}

/* --- Revoke --- */

static void mark_going(struct kafka *kafka)
{
	int i;

	for (i = 0; i < kafka->changing->cnt; i++) {
		struct assigned *assigned = kafka_assigned(kafka, kafka->changing->elems[i].topic,
			kafka->changing->elems[i].partition);

		if (assigned)
			assigned->going = true;
	}
}

/* What is still to be told of a partition must not outlive it. */
static void drop_news(struct kafka *kafka, const struct kafka_partition *partition)
{
	struct news *news = TAILQ_FIRST(&kafka->news), *next;

	for (; news; news = next) {
		next = TAILQ_NEXT(news, entry);
		if (news->partition != partition)
			continue;
		TAILQ_REMOVE(&kafka->news, news, entry);
		free(news);
	}
}

void kafka_release(struct kafka *kafka)
{
	rd_kafka_error_t *error = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	size_t i;

	if (kafka->rebalance != REBALANCE_RELEASE)
		return;
	if (kafka->cooperative)
		error = rd_kafka_incremental_unassign(kafka->rk, kafka->changing);
	else
		code = rd_kafka_assign(kafka->rk, NULL);
	for (i = 0; i < kafka->handed_count; i++) {
		drop_news(kafka, kafka->handed[i]);
		assigned_free(kafka, (struct assigned *)kafka->handed[i]);
	}
	kafka->handed_count = 0;
	end_rebalance(kafka, error, code);
}

/* --- The rebalance under way --- */

void kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
	struct kafka *kafka = opaque;
	const char *protocol = rd_kafka_rebalance_protocol(rk);

	if (kafka->changing)
		rd_kafka_topic_partition_list_destroy(kafka->changing);
	kafka->changing = rd_kafka_topic_partition_list_copy(partitions);
	kafka->cooperative = protocol && strcmp(protocol, "COOPERATIVE") == 0;
	kafka->lost = rd_kafka_assignment_lost(rk) != 0;
	kafka->committed_known = false;
	kafka->asked = 0;
	kafka->ask_ms = ASK_SLICE_MS;
	kafka->rebalance =
		code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? REBALANCE_ASKING : REBALANCE_REVOKE;
	kafka_wake(kafka->control_fd);
}

bool kafka_take_rebalance(struct kafka *kafka, struct kafka_event *event)
{
	switch (kafka->rebalance) {
	case REBALANCE_ASKING:
		if (!ask(kafka))
			return false;
		kafka->rebalance = REBALANCE_ASSIGN;
		hand_out(kafka, event, KAFKA_ASSIGN);
		return true;
	case REBALANCE_REVOKE:
		mark_going(kafka);
		kafka->rebalance = REBALANCE_RELEASE;
		hand_out(kafka, event, kafka->lost ? KAFKA_LOST : KAFKA_REVOKE);
		return true;
	default:
		return false;
	}
}

/* The library waits for the answer to an assignment before it lets go of the group. */
void kafka_decline_assignment(struct kafka *kafka)
{
	rd_kafka_error_t *error = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (kafka->rebalance != REBALANCE_ASKING && kafka->rebalance != REBALANCE_ASSIGN)
		return;
	if (kafka->cooperative)
		error = rd_kafka_incremental_unassign(kafka->rk, kafka->changing);
	else
		code = rd_kafka_assign(kafka->rk, NULL);
	end_rebalance(kafka, error, code);
}
