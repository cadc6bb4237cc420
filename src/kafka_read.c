/* Records and the offsets of those that are settled. */
#include <string.h>

#include "kafka_internal.h"

/* --- Records --- */

static struct assigned *owner_of(struct kafka *kafka, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);
	struct assigned *recent = kafka->recent;

	if (!recent || recent->partition.partition != message->partition ||
		strcmp(recent->partition.topic, topic) != 0)
		kafka->recent = kafka_assigned(kafka, topic, message->partition);
	return kafka->recent;
}

/* Records that the library cannot read and steps over: going on would lose them. */
static bool is_passed_over(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
	       code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

/* An error instead of a record: the state of one partition. */
static void message_of_data(struct kafka *kafka, const rd_kafka_message_t *message)
{
	struct assigned *assigned = message->rkt ? owner_of(kafka, message) : NULL;
	struct news *news;

	if (is_passed_over(message->err)) {
		kafka->dead = true;
		error_set(&kafka_add_news(kafka, KAFKA_FATAL)->event.error, ERROR_FATAL,
			"kafka: %s partition %d offset %lld: %s; the library would go on past it",
			message->rkt ? rd_kafka_topic_name(message->rkt) : "?",
			(int)message->partition, (long long)message->offset,
			rd_kafka_message_errstr(message));
		return;
	}
	if (message->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || !assigned) {
		kafka_add_trouble(kafka, message->err, rd_kafka_message_errstr(message));
		return;
	}
	kafka_query_ends(kafka->rk, assigned->partition.topic, message->partition,
		&assigned->partition.low, &assigned->partition.high, 10 * ASK_SLICE_MS);
	news = kafka_add_news(kafka, KAFKA_OUT_OF_RANGE);
	news->event.offset = message->offset;
	news->partition = &assigned->partition;
	error_set(&news->event.error, ERROR_FATAL, "%s", rd_kafka_message_errstr(message));
}

/* One at a time: before 2.1.0 a batch counts records as read that a rebalance then throws away. */
static rd_kafka_message_t *next_message(struct kafka *kafka)
{
	rd_kafka_message_t *message = rd_kafka_consume_queue(kafka->data, 0);

	if (message)
		return message;
	/* Calmed first, asked again after: what came in between must not be slept on. */
	kafka_calm(kafka->data_fd);
	return rd_kafka_consume_queue(kafka->data, 0);
}

int kafka_read(struct kafka *kafka, struct record *record, struct kafka_partition **from)
{
	struct assigned *assigned;

	for (;;) {
		if (kafka->current)
			rd_kafka_message_destroy(kafka->current);
		/* What stands behind a record that could not be read must not be settled. */
		kafka->current = kafka->dead ? NULL : next_message(kafka);
		if (!kafka->current)
			return 0;
		if (kafka->current->err) {
			message_of_data(kafka, kafka->current);
			continue;
		}
		assigned = owner_of(kafka, kafka->current);
		if (!assigned || assigned->going)
			continue;
#if RD_KAFKA_VERSION >= 0x020100ff
		assigned->leader_epoch = rd_kafka_message_leader_epoch(kafka->current);
#endif
		kafka_fill_record(kafka->current, &kafka->headers, record);
		*from = &assigned->partition;
		return 1;
	}
}

/* --- Offsets --- */

void kafka_store(struct kafka *kafka, struct kafka_partition *partition, int64_t offset)
{
	struct assigned *assigned = (struct assigned *)partition;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_topic_partition_t *element;

	/* The library does not guard this at unassign and close. Reading begins one before the
	 * commit at most, unless the operator went further back: then his offsets are the new ones.
	 */
	if (offset <= assigned->stored ||
		(partition->start + 1 >= partition->committed && offset <= partition->committed))
		return;
	list = rd_kafka_topic_partition_list_new(1);
	element = rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
	element->offset = offset;
#if RD_KAFKA_VERSION >= 0x020100ff
	rd_kafka_topic_partition_set_leader_epoch(element, assigned->leader_epoch);
#endif
	/* An error means that the partition is not ours any more: nothing to be done. */
	if (rd_kafka_offsets_store(kafka->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
		assigned->stored = offset;
	rd_kafka_topic_partition_list_destroy(list);
}

int64_t kafka_position(struct kafka *kafka, const struct kafka_partition *partition)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	int64_t position = -1;

	rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
	if (rd_kafka_position(kafka->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		list->elems[0].offset >= 0)
		position = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return position;
}

int64_t kafka_known_end(struct kafka *kafka, const struct kafka_partition *partition)
{
	int64_t low, high;
	rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
		kafka->rk, partition->topic, partition->partition, &low, &high);

	return code || high < 0 ? -1 : high;
}
