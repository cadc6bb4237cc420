/* A message of librdkafka as the rest of the program sees it. */
#include "kafka_internal.h"

static void fill_headers(
	const rd_kafka_message_t *message, struct kafka_headers *memory, struct record *record)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	while (rd_kafka_header_get_all(headers, record->header_count, &name, &value, &size) ==
		RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (record->header_count == memory->size) {
			memory->size = memory->size ? 2 * memory->size : 16;
			memory->items =
				xreallocarray(memory->items, memory->size, sizeof(*memory->items));
		}
		memory->items[record->header_count++] =
			(struct header){span_of(name), {value, value ? size : 0}};
	}
	record->headers = memory->items;
}

void kafka_fill_record(
	const rd_kafka_message_t *message, struct kafka_headers *headers, struct record *record)
{
	rd_kafka_timestamp_type_t type;
	int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);

	*record = (struct record){
		.topic = rd_kafka_topic_name(message->rkt),
		.partition = message->partition,
		.offset = message->offset,
		.timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
		.key = {message->key, message->key ? message->key_len : 0},
		.value = {message->payload, message->payload ? message->len : 0},
	};
	fill_headers(message, headers, record);
}
