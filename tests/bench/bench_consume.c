/* How fast a bare librdkafka consumer reads a topic: no group, no mapping, no store.
 *   bench_consume BOOTSTRAP TOPIC COUNT
 * Prints records a second from the first record to the COUNTth. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "util.h"

#define IDLE_TIMEOUT_MS 30000
#define BATCH 1000

static rd_kafka_t *new_consumer(const char *bootstrap)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "bench-consume", NULL, 0);
	rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk) {
		fprintf(stderr, "bench_consume: %s\n", why);
		exit(2);
	}
	rd_kafka_poll_set_consumer(rk);
	return rk;
}

/* All partitions from their beginning, without a group. False: no such topic. */
static bool assign_all(rd_kafka_t *rk, const char *name)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	const struct rd_kafka_metadata *known;
	rd_kafka_topic_partition_list_t *list;
	int i, count = 0;

	if (rd_kafka_metadata(rk, 0, topic, &known, IDLE_TIMEOUT_MS) == 0) {
		count = known->topics[0].partition_cnt;
		list = rd_kafka_topic_partition_list_new(count);
		for (i = 0; i < count; i++)
			rd_kafka_topic_partition_list_add(list, name, i)->offset =
				RD_KAFKA_OFFSET_BEGINNING;
		rd_kafka_assign(rk, list);
		rd_kafka_topic_partition_list_destroy(list);
		rd_kafka_metadata_destroy(known);
	}
	rd_kafka_topic_destroy(topic);
	return count > 0;
}

static long take(rd_kafka_queue_t *queue)
{
	rd_kafka_message_t *messages[BATCH];
	ssize_t i, got = rd_kafka_consume_batch_queue(queue, IDLE_TIMEOUT_MS, messages, BATCH);
	long records = 0;

	for (i = 0; i < got; i++) {
		records += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_message_destroy(messages[i]);
	}
	return got > 0 ? records : -1;
}

int main(int argc, char **argv)
{
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 0, seen = 0, first = 0, got;
	rd_kafka_queue_t *queue;
	int64_t from = 0;
	rd_kafka_t *rk;

	if (count < 1) {
		fprintf(stderr, "usage: bench_consume BOOTSTRAP TOPIC COUNT\n");
		return 2;
	}
	rk = new_consumer(argv[1]);
	queue = rd_kafka_queue_get_consumer(rk);
	if (!assign_all(rk, argv[2])) {
		fprintf(stderr, "bench_consume: no topic %s at %s\n", argv[2], argv[1]);
		return 1;
	}
	while (seen < count) {
		got = take(queue);
		if (got < 0) {
			fprintf(stderr, "bench_consume: %ld of %ld records came\n", seen, count);
			return 1;
		}
		if (!from) {
			from = clock_us();
			first = got;
		}
		seen += got;
	}
	printf("%.0f\n", (double)(seen - first) * 1e6 / (double)(clock_us() - from + 1));
	rd_kafka_queue_destroy(queue);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return 0;
}
