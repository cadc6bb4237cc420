/* Where a partition begins and ends. */
#include "kafka_internal.h"

static rd_kafka_resp_err_t query(rd_kafka_t *rk, const char *topic, int32_t partition,
	int64_t which, int64_t *offset, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *element =
		rd_kafka_topic_partition_list_add(list, topic, partition);
	rd_kafka_resp_err_t code;

	element->offset = which;
	code = rd_kafka_offsets_for_times(rk, list, timeout_ms);
	if (!code)
		code = element->err;
	*offset = element->offset;
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

rd_kafka_resp_err_t kafka_query_ends(rd_kafka_t *rk, const char *topic, int32_t partition,
	int64_t *low, int64_t *high, int timeout_ms)
{
	rd_kafka_resp_err_t code =
		query(rk, topic, partition, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms);

	return code ? code : query(rk, topic, partition, RD_KAFKA_OFFSET_END, high, timeout_ms);
}
