/* The consumer: opened and closed, what it tells. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kafka_internal.h"

#define SAME_TROUBLE_MS 60000

/* --- News --- */

void kafka_wake(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one));

	(void)ignored; /* full means that it is readable already */
}

void kafka_calm(int fd)
{
	uint64_t count;
	ssize_t ignored = read(fd, &count, sizeof(count));

	(void)ignored;
}

struct news *kafka_add_news(struct kafka *kafka, enum kafka_kind kind)
{
	struct news *news = xcalloc(1, sizeof(*news));

	news->event.kind = kind;
	TAILQ_INSERT_TAIL(&kafka->news, news, entry);
	kafka_wake(kafka->control_fd);
	return news;
}

/* The library puts times and counts into its words. */
static bool same_but_for_numbers(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "0123456789");
		b += strspn(b, "0123456789");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

void kafka_add_trouble(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text)
{
	int64_t now_ms = clock_ms();

	if (same_but_for_numbers(kafka->last_trouble, text) &&
		now_ms - kafka->last_trouble_ms < SAME_TROUBLE_MS)
		return;
	snprintf(kafka->last_trouble, sizeof(kafka->last_trouble), "%s", text);
	kafka->last_trouble_ms = now_ms;
	error_set(&kafka_add_news(kafka, KAFKA_TROUBLE)->event.error, ERROR_RETRY, "%s%s", text,
		kafka_explain(code));
}

/* --- Callbacks: they run inside our own polls, on our own thread --- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka *kafka = opaque;
	bool gone = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
		    code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;

	(void)rk;
	if (gone && kafka->partitions.count > 0)
		error_set(&kafka_add_news(kafka, KAFKA_TOPIC_GONE)->event.error, ERROR_FATAL, "%s",
			reason);
	else if (code != RD_KAFKA_RESP_ERR__FATAL)
		kafka_add_trouble(kafka, (rd_kafka_resp_err_t)code, reason);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct kafka *kafka = opaque;

	(void)rk;
	(void)offsets;
	if (code == RD_KAFKA_RESP_ERR__NO_OFFSET)
		return;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		error_set(&kafka_add_news(kafka, KAFKA_COMMIT)->event.error, ERROR_RETRY, "%s",
			rd_kafka_err2str(code));
	else
		kafka_add_news(kafka, KAFKA_COMMIT);
}

/* --- Opening --- */

static bool subscribe(struct kafka *kafka, const struct kafka_options *options, struct error *error)
{
	rd_kafka_topic_partition_list_t *topics =
		rd_kafka_topic_partition_list_new((int)options->topic_count);
	struct strbuf whole = {0};
	rd_kafka_resp_err_t code;
	size_t i;

	for (i = 0; i < options->topic_count; i++) {
		strbuf_reset(&whole);
		kafka_add_subscription(&whole, options->topics[i]);
		rd_kafka_topic_partition_list_add(topics, whole.data, RD_KAFKA_PARTITION_UA);
	}
	code = rd_kafka_subscribe(kafka->rk, topics);
	strbuf_clear(&whole);
	rd_kafka_topic_partition_list_destroy(topics);
	if (code)
		error_set(error, ERROR_INPUT, "source.topics: %s", rd_kafka_err2str(code));
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void watch_queues(struct kafka *kafka)
{
	static const uint64_t one = 1;

	rd_kafka_poll_set_consumer(kafka->rk);
	kafka->control = rd_kafka_queue_get_consumer(kafka->rk);
	kafka->data = rd_kafka_queue_new(kafka->rk);
	rd_kafka_queue_io_event_enable(kafka->control, kafka->control_fd, &one, sizeof(one));
	rd_kafka_queue_io_event_enable(kafka->data, kafka->data_fd, &one, sizeof(one));
}

struct kafka *kafka_new(const struct kafka_options *options, struct error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_new(options, error);
	struct kafka *kafka;
	char why[512];

	if (!conf)
		return NULL;
	kafka = xcalloc(1, sizeof(*kafka));
	TAILQ_INIT(&kafka->news);
	kafka->control_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	kafka->data_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
	rd_kafka_conf_set_rebalance_cb(conf, kafka_on_rebalance);
	/* What matters of the log comes through error_cb too; the rest speaks to its authors. */
	rd_kafka_conf_set_log_cb(conf, NULL);
	kafka->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!kafka->rk) {
		error_set(error, ERROR_INPUT, "kafka: %s", why);
		rd_kafka_conf_destroy(conf);
		kafka_free(kafka, false);
		return NULL;
	}
	watch_queues(kafka);
	if (!subscribe(kafka, options, error)) {
		kafka_free(kafka, false);
		return NULL;
	}
	return kafka;
}

int kafka_control_fd(const struct kafka *kafka)
{
	return kafka->control_fd;
}

int kafka_data_fd(const struct kafka *kafka)
{
	return kafka->data_fd;
}

/* --- The control queue --- */

static void message_of_control(struct kafka *kafka, rd_kafka_message_t *message)
{
	if (message->err && message->err != RD_KAFKA_RESP_ERR__FATAL)
		kafka_add_trouble(kafka, message->err, rd_kafka_message_errstr(message));
	rd_kafka_message_destroy(message);
}

static bool take_news(struct kafka *kafka, struct kafka_event *event)
{
	struct news *news = TAILQ_FIRST(&kafka->news);

	free(kafka->told);
	kafka->told = news;
	if (!news)
		return false;
	TAILQ_REMOVE(&kafka->news, news, entry);
	*event = news->event;
	if (news->partition) {
		event->partitions = &news->partition;
		event->partition_count = 1;
	}
	return true;
}

static bool take_fatal(struct kafka *kafka, struct kafka_event *event)
{
	char why[512];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka->rk, why, sizeof(why));

	if (!code || kafka->fatal_told)
		return false;
	kafka->fatal_told = kafka->dead = true;
	*event = (struct kafka_event){.kind = KAFKA_FATAL};
	error_set(&event->error, ERROR_FATAL, "kafka: %s: %s", rd_kafka_err2name(code), why);
	return true;
}

int kafka_control(struct kafka *kafka, struct kafka_event *event)
{
	rd_kafka_message_t *message;

	kafka_calm(kafka->control_fd);
	while ((message = rd_kafka_consume_queue(kafka->control, 0)))
		message_of_control(kafka, message);
	/* Rebalances last: an error that came before them may end everything. */
	return take_fatal(kafka, event) || take_news(kafka, event) ||
	       kafka_take_rebalance(kafka, event);
}

/* --- Closing --- */

void kafka_close(struct kafka *kafka)
{
	rd_kafka_error_t *error;

	kafka_decline_assignment(kafka);
	error = rd_kafka_consumer_close_queue(kafka->rk, kafka->control);
	if (error)
		rd_kafka_error_destroy(error);
}

bool kafka_closed(const struct kafka *kafka)
{
	return rd_kafka_consumer_closed(kafka->rk);
}

static void free_messages(struct kafka *kafka)
{
	if (kafka->current)
		rd_kafka_message_destroy(kafka->current);
}

/* Everything that was taken from the library goes back first, or destroying waits for it. */
static void free_library(struct kafka *kafka, bool graceful)
{
	free_messages(kafka);
	if (kafka->changing)
		rd_kafka_topic_partition_list_destroy(kafka->changing);
	if (kafka->control) {
		rd_kafka_queue_io_event_enable(kafka->control, -1, NULL, 0);
		rd_kafka_queue_destroy(kafka->control);
	}
	if (kafka->data) {
		rd_kafka_queue_io_event_enable(kafka->data, -1, NULL, 0);
		rd_kafka_queue_destroy(kafka->data);
	}
	rd_kafka_destroy_flags(kafka->rk, graceful ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_free(struct kafka *kafka, bool graceful)
{
	struct kafka_event event;
	struct assigned *assigned;
	size_t at = 0;

	if (!kafka)
		return;
	if (kafka->rk)
		free_library(kafka, graceful);
	while (take_news(kafka, &event))
		;
	free(kafka->told);
	while ((assigned = table_next(&kafka->partitions, &at)))
		free(assigned);
	table_clear(&kafka->partitions);
	free(kafka->handed);
	free(kafka->headers.items);
	close(kafka->control_fd);
	close(kafka->data_fd);
	free(kafka);
}
