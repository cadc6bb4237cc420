/* An idempotent producer of one topic. */
#include "kafka_produce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_internal.h"

#define METADATA_MS 10000
#define SLICE_MS 250

struct kafka_producer {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_resp_err_t failed; /* the first record that will not be acknowledged */
	char trouble[512];
};

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *producer = opaque;

	(void)rk;
	if (message->err && !producer->failed)
		producer->failed = message->err;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_producer *producer = opaque;

	(void)rk;
	/* "All are down" says less than what the last of them said. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && producer->trouble[0])
		return;
	snprintf(producer->trouble, sizeof(producer->trouble), "%s", reason);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error)
{
	char why[512];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return true;
	error_set(error, ERROR_INPUT, "kafka: %s: %s", name, why);
	return false;
}

/* The consumer's properties among the user's are ignored by the library. What makes order and
 * acknowledgement certain stands last: no property may take it back. */
static bool configure(rd_kafka_conf_t *conf, const struct kafka_options *options, bool forever,
	struct error *error)
{
	static const struct kafka_property before[] = {{"bootstrap.servers", "localhost:9092"},
		{"client.id", "rowstream"}, {"message.timeout.ms", "30000"},
		{"socket.keepalive.enable", "true"}};
	static const struct kafka_property after[] = {
		{"enable.idempotence", "true"}, {"acks", "all"}};
	size_t i;

	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (!set(conf, before[i].name, before[i].value, error))
			return false;
	for (i = 0; i < options->property_count; i++)
		if (!set(conf, options->properties[i].name, options->properties[i].value, error))
			return false;
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++)
		if (!set(conf, after[i].name, after[i].value, error))
			return false;
	return !forever || set(conf, "message.timeout.ms", "0", error);
}

static bool open_library(struct kafka_producer *producer, const struct kafka_options *options,
	bool forever, struct error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];

	if (configure(conf, options, forever, error)) {
		rd_kafka_conf_set_opaque(conf, producer);
		rd_kafka_conf_set_error_cb(conf, on_error);
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
		rd_kafka_conf_set_log_cb(conf, NULL);
		producer->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
		if (!producer->rk)
			error_set(error, ERROR_INPUT, "kafka: %s", why);
	}
	if (!producer->rk)
		rd_kafka_conf_destroy(conf);
	return producer->rk != NULL;
}

static rd_kafka_resp_err_t topic_error(const struct rd_kafka_metadata *metadata)
{
	if (metadata->topic_cnt == 0)
		return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	return metadata->topics[0].err;
}

/* A wrong name should not wait until the first record times out. A broker that makes topics by
 * itself has no leader for a new one in its first answers. */
static bool find_topic(struct kafka_producer *producer, const char *name, struct error *error)
{
	int64_t until_ms = clock_ms() + METADATA_MS;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t answer, about_topic = RD_KAFKA_RESP_ERR_NO_ERROR;

	producer->topic = rd_kafka_topic_new(producer->rk, name, NULL);
	if (!producer->topic) {
		error_set(error, ERROR_INPUT, "kafka: topic '%s': %s", name,
			rd_kafka_err2str(rd_kafka_last_error()));
		return false;
	}
	do {
		answer = rd_kafka_metadata(
			producer->rk, 0, producer->topic, &metadata, 4 * SLICE_MS);
		if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) {
			about_topic = topic_error(metadata);
			rd_kafka_metadata_destroy(metadata);
			if (!about_topic)
				return true;
		}
		rd_kafka_poll(producer->rk, SLICE_MS);
	} while (clock_ms() < until_ms);
	if (about_topic)
		error_set(error, ERROR_REFUSED, "kafka: topic '%s': %s", name,
			rd_kafka_err2str(about_topic));
	else
		error_set(error, ERROR_RETRY, "kafka: no broker answers: %s",
			producer->trouble[0] ? producer->trouble : rd_kafka_err2str(answer));
	return false;
}

struct kafka_producer *kafka_producer_new(
	const struct kafka_options *options, const char *topic, bool forever, struct error *error)
{
	struct kafka_producer *producer = xcalloc(1, sizeof(*producer));

	if (open_library(producer, options, forever, error) && find_topic(producer, topic, error))
		return producer;
	kafka_producer_free(producer);
	return NULL;
}

void kafka_producer_free(struct kafka_producer *producer)
{
	if (!producer)
		return;
	if (producer->topic)
		rd_kafka_topic_destroy(producer->topic);
	if (producer->rk) {
		rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_destroy(producer->rk);
	}
	free(producer);
}

/* --- Records --- */

static bool is_away(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
	       code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

static void fail(struct kafka_producer *producer, rd_kafka_resp_err_t code, struct error *error)
{
	const char *hint = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
				   ? "; raise message.max.bytes in the kafka section, and the "
				     "topic's max.message.bytes"
				   : kafka_explain(code);

	error_set(error, is_away(code) ? ERROR_RETRY : ERROR_REFUSED,
		"kafka: topic %s does not take an event: %s%s%s%s",
		rd_kafka_topic_name(producer->topic), rd_kafka_err2str(code), hint,
		is_away(code) && producer->trouble[0] ? "; " : "",
		is_away(code) ? producer->trouble : "");
}

static rd_kafka_headers_t *headers_of(const struct record *record)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
	size_t i;

	for (i = 0; i < record->header_count; i++) {
		const struct header *header = &record->headers[i];

		rd_kafka_header_add(headers, header->name.ptr, (ssize_t)header->name.len,
			header->value.ptr, (ssize_t)header->value.len);
	}
	return headers;
}

static rd_kafka_resp_err_t produce_once(
	struct kafka_producer *producer, const struct record *record, rd_kafka_headers_t *headers)
{
	return rd_kafka_producev(producer->rk, RD_KAFKA_V_RKT(producer->topic),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY((void *)record->key.ptr, record->key.len),
		RD_KAFKA_V_VALUE((void *)record->value.ptr, record->value.len),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

bool kafka_produce(
	struct kafka_producer *producer, const struct record *record, struct error *error)
{
	rd_kafka_headers_t *headers = headers_of(record);
	rd_kafka_resp_err_t code;

	while ((code = produce_once(producer, record, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
		!producer->failed)
		rd_kafka_poll(producer->rk, SLICE_MS);
	if (code)
		rd_kafka_headers_destroy(headers);
	rd_kafka_poll(producer->rk, 0);
	if (producer->failed)
		code = producer->failed;
	if (code)
		fail(producer, code, error);
	return !code;
}

bool kafka_produced(struct kafka_producer *producer, int timeout_ms, struct error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_flush(producer->rk, timeout_ms);

	if (producer->failed)
		fail(producer, producer->failed, error);
	return !code && !producer->failed;
}

const char *kafka_producer_trouble(const struct kafka_producer *producer)
{
	return producer->trouble;
}
