/* Looks at the cluster for `check`: a consumer that never subscribes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_internal.h"
#include "pattern.h"

/* The library does not wait less when it knows already that nobody will answer: it is asked in
 * slices, and its errors are looked at in between. */
#define SLICE_MS 250

struct kafka_observer {
	rd_kafka_t *rk;
	struct pattern_list *topics;
	char trouble[512]; /* what a broker said last, or why it did not */
	rd_kafka_resp_err_t trouble_code;
	bool hopeless; /* no broker can be reached, or none lets us in */
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_observer *observer = opaque;

	(void)rk;
	observer->hopeless |= code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
			      code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
	/* "All are down" says less than what the last of them said. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && observer->trouble[0])
		return;
	snprintf(observer->trouble, sizeof(observer->trouble), "%s", reason);
	observer->trouble_code = (rd_kafka_resp_err_t)code;
}

static rd_kafka_t *open_library(
	struct kafka_observer *observer, const struct kafka_options *options, struct error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_new(options, error);
	rd_kafka_t *rk;
	char why[512];

	if (!conf)
		return NULL;
	rd_kafka_conf_set_opaque(conf, observer);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk) {
		error_set(error, ERROR_INPUT, "kafka: %s", why);
		rd_kafka_conf_destroy(conf);
	}
	return rk;
}

struct kafka_observer *kafka_observe(const struct kafka_options *options, struct error *error)
{
	struct kafka_observer *observer = xcalloc(1, sizeof(*observer));

	observer->topics = pattern_list_new(options->topics, options->topic_count, error);
	if (!observer->topics)
		error_context(error, "source.topics");
	else
		observer->rk = open_library(observer, options, error);
	if (observer->rk)
		return observer;
	kafka_observer_free(observer);
	return NULL;
}

void kafka_observer_free(struct kafka_observer *observer)
{
	if (!observer)
		return;
	if (observer->rk)
		rd_kafka_destroy_flags(observer->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	pattern_list_free(observer->topics);
	free(observer);
}

static bool is_no_answer(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
	       code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

static void fail(struct kafka_observer *observer, rd_kafka_resp_err_t code, struct error *error)
{
	if (!is_no_answer(code))
		error_set(
			error, ERROR_REFUSED, "%s%s", rd_kafka_err2str(code), kafka_explain(code));
	else if (!observer->trouble[0])
		error_set(error, ERROR_RETRY, "no answer; is this the address of a Kafka broker?");
	else
		error_set(error, ERROR_RETRY, "%s%s", observer->trouble,
			observer->trouble_code == RD_KAFKA_RESP_ERR__TRANSPORT
				? "; is the broker up, is bootstrap.servers right?"
				: kafka_explain(observer->trouble_code));
}

/* Whether it is worth asking again; serves the library's errors. */
static bool goes_on(struct kafka_observer *observer, rd_kafka_resp_err_t code, int64_t until_ms)
{
	while (rd_kafka_poll(observer->rk, 0) > 0)
		;
	return is_no_answer(code) && !observer->hopeless && clock_ms() < until_ms;
}

static const struct rd_kafka_metadata *ask_metadata(
	struct kafka_observer *observer, int timeout_ms, struct error *error)
{
	int64_t until_ms = clock_ms() + timeout_ms;
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_resp_err_t code;

	do
		code = rd_kafka_metadata(observer->rk, 1, NULL, &metadata, SLICE_MS);
	while (goes_on(observer, code, until_ms));
	if (code)
		fail(observer, code, error);
	return code ? NULL : metadata;
}

bool kafka_list_topics(struct kafka_observer *observer, int timeout_ms,
	void (*found)(void *user, const char *topic, int partitions, const char *error_text),
	void *user, struct error *error)
{
	const struct rd_kafka_metadata *metadata = ask_metadata(observer, timeout_ms, error);
	int i;

	if (!metadata)
		return false;
	for (i = 0; i < metadata->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];

		if (pattern_list_match(observer->topics, span_of(topic->topic)) >= 0)
			found(user, topic->topic, topic->partition_cnt,
				topic->err ? rd_kafka_err2str(topic->err) : NULL);
	}
	rd_kafka_metadata_destroy(metadata);
	return true;
}

bool kafka_check_group(
	struct kafka_observer *observer, const char *topic, int timeout_ms, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	int64_t until_ms = clock_ms() + timeout_ms;
	rd_kafka_resp_err_t code;

	rd_kafka_topic_partition_list_add(list, topic, 0);
	do
		code = rd_kafka_committed(observer->rk, list, SLICE_MS);
	while (goes_on(observer, code, until_ms));
	if (!code)
		code = list->elems[0].err;
	if (code)
		fail(observer, code, error);
	rd_kafka_topic_partition_list_destroy(list);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *kafka_library_version(void)
{
	static char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char features[160] = "";
	size_t size = sizeof(features);

	rd_kafka_conf_get(conf, "builtin.features", features, &size);
	rd_kafka_conf_destroy(conf);
	snprintf(text, sizeof(text), "librdkafka %s (%s)", rd_kafka_version_str(), features);
	return text;
}
