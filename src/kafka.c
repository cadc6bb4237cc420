/* The consumer. Rebalances are copied in librdkafka's callback and worked off from the loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "kafka_internal.h"
#include "strbuf.h"
#include "table.h"

/* The broker is asked for offsets in slices, because the loop must go on turning; in longer ones
 * where it needs longer than that to answer. */
#define ASK_SLICE_MS 100
#define LONGEST_ASK_MS 6400
#define SAME_TROUBLE_MS 60000

/* One assignment of one partition; the public part comes first. */
struct assigned {
	struct kafka_partition partition;
	int64_t stored;
	int32_t leader_epoch;
	bool going;	 /* being revoked: its records are not handed out any more */
	struct span key; /* for the table: topic, NUL, partition */
	char text[];
};

struct news {
	TAILQ_ENTRY(news) entry;
	struct kafka_event event;
	struct kafka_partition *partition; /* the event's one, if any */
};

TAILQ_HEAD(news_list, news);

enum rebalance {
	REBALANCE_NONE,
	REBALANCE_ASKING,  /* new partitions: the broker is asked for their offsets */
	REBALANCE_ASSIGN,  /* handed to the caller, who calls kafka_start */
	REBALANCE_REVOKE,  /* to be handed to the caller */
	REBALANCE_RELEASE, /* handed to the caller, who calls kafka_release */
};

struct kafka {
	rd_kafka_t *rk;
	rd_kafka_queue_t *control, *data;
	int control_fd, data_fd;
	struct table partitions; /* of struct assigned */

	enum rebalance rebalance;
	bool lost, cooperative;
	rd_kafka_topic_partition_list_t *changing; /* the partitions of the rebalance */
	bool committed_known;
	int asked; /* partitions of changing whose watermarks are known */
	int ask_ms;
	struct kafka_partition **handed; /* the event's array */
	size_t handed_count;

	rd_kafka_message_t *current;
	struct assigned *recent; /* of the last record: most come in runs */
	struct header *headers;
	size_t headers_size;

	struct news_list news;
	struct news *told;     /* the one that was handed out, freed with the next */
	bool fatal_told, dead; /* dead: no more records */
	char last_trouble[512];
	int64_t last_trouble_ms;
};

/* --- News --- */

static void wake(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one));

	(void)ignored; /* full means that it is readable already */
}

static void calm(int fd)
{
	uint64_t count;
	ssize_t ignored = read(fd, &count, sizeof(count));

	(void)ignored;
}

static struct news *add_news(struct kafka *kafka, enum kafka_kind kind)
{
	struct news *news = xcalloc(1, sizeof(*news));

	news->event.kind = kind;
	TAILQ_INSERT_TAIL(&kafka->news, news, entry);
	wake(kafka->control_fd);
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

static void add_trouble(struct kafka *kafka, rd_kafka_resp_err_t code, const char *text)
{
	int64_t now_ms = clock_ms();

	if (same_but_for_numbers(kafka->last_trouble, text) &&
		now_ms - kafka->last_trouble_ms < SAME_TROUBLE_MS)
		return;
	snprintf(kafka->last_trouble, sizeof(kafka->last_trouble), "%s", text);
	kafka->last_trouble_ms = now_ms;
	error_set(&add_news(kafka, KAFKA_TROUBLE)->event.error, ERROR_RETRY, "%s%s", text,
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
		error_set(
			&add_news(kafka, KAFKA_TOPIC_GONE)->event.error, ERROR_FATAL, "%s", reason);
	else if (code != RD_KAFKA_RESP_ERR__FATAL)
		add_trouble(kafka, (rd_kafka_resp_err_t)code, reason);
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
		error_set(&add_news(kafka, KAFKA_COMMIT)->event.error, ERROR_RETRY, "%s",
			rd_kafka_err2str(code));
	else
		add_news(kafka, KAFKA_COMMIT);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
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
	wake(kafka->control_fd);
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
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
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

/* --- Partitions --- */

static struct span key_of(const char *topic, int32_t partition, struct strbuf *key)
{
	strbuf_reset(key);
	strbuf_add_text(key, topic);
	strbuf_add_char(key, '\0');
	strbuf_add_int(key, partition);
	return strbuf_span(key);
}

static struct assigned *assigned_of(struct kafka *kafka, const char *topic, int32_t partition)
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
		struct assigned *assigned = assigned_of(kafka, element->topic, element->partition);

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
			add_trouble(kafka, code, rd_kafka_err2str(code));
		return false;
	}
	for (i = 0; i < kafka->changing->cnt; i++)
		if (!assigned_of(kafka, kafka->changing->elems[i].topic,
			    kafka->changing->elems[i].partition))
			assigned_new(kafka, &kafka->changing->elems[i]);
	kafka->committed_known = true;
	return true;
}

static bool ask_watermarks(struct kafka *kafka, int64_t until_ms)
{
	while (kafka->asked < kafka->changing->cnt && clock_ms() < until_ms) {
		const rd_kafka_topic_partition_t *element = &kafka->changing->elems[kafka->asked];
		struct assigned *assigned = assigned_of(kafka, element->topic, element->partition);
		int64_t low, high;
		rd_kafka_resp_err_t code;

		code = rd_kafka_query_watermark_offsets(kafka->rk, element->topic,
			element->partition, &low, &high, 5 * kafka->ask_ms);
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
	wake(kafka->control_fd); /* come back soon */
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
		add_trouble(kafka, rd_kafka_error_code(error), rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
	} else if (code) {
		add_trouble(kafka, code, rd_kafka_err2str(code));
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
		struct assigned *assigned = assigned_of(kafka, element->topic, element->partition);

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
		struct assigned *assigned = assigned_of(kafka, kafka->changing->elems[i].topic,
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

/* --- The control queue --- */

static void message_of_control(struct kafka *kafka, rd_kafka_message_t *message)
{
	if (message->err && message->err != RD_KAFKA_RESP_ERR__FATAL)
		add_trouble(kafka, message->err, rd_kafka_message_errstr(message));
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

static bool take_rebalance(struct kafka *kafka, struct kafka_event *event)
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

int kafka_control(struct kafka *kafka, struct kafka_event *event)
{
	rd_kafka_message_t *message;

	calm(kafka->control_fd);
	while ((message = rd_kafka_consume_queue(kafka->control, 0)))
		message_of_control(kafka, message);
	/* Rebalances last: an error that came before them may end everything. */
	return take_fatal(kafka, event) || take_news(kafka, event) || take_rebalance(kafka, event);
}

/* --- Records --- */

static struct assigned *owner_of(struct kafka *kafka, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);
	struct assigned *recent = kafka->recent;

	if (!recent || recent->partition.partition != message->partition ||
		strcmp(recent->partition.topic, topic) != 0)
		kafka->recent = assigned_of(kafka, topic, message->partition);
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
		error_set(&add_news(kafka, KAFKA_FATAL)->event.error, ERROR_FATAL,
			"kafka: %s partition %d offset %lld: %s; the library would go on past it",
			message->rkt ? rd_kafka_topic_name(message->rkt) : "?",
			(int)message->partition, (long long)message->offset,
			rd_kafka_message_errstr(message));
		return;
	}
	if (message->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || !assigned) {
		add_trouble(kafka, message->err, rd_kafka_message_errstr(message));
		return;
	}
	rd_kafka_query_watermark_offsets(kafka->rk, assigned->partition.topic, message->partition,
		&assigned->partition.low, &assigned->partition.high, 10 * ASK_SLICE_MS);
	news = add_news(kafka, KAFKA_OUT_OF_RANGE);
	news->event.offset = message->offset;
	news->partition = &assigned->partition;
	error_set(&news->event.error, ERROR_FATAL, "%s", rd_kafka_message_errstr(message));
}

static void fill_headers(
	struct kafka *kafka, const rd_kafka_message_t *message, struct record *record)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	while (rd_kafka_header_get_all(headers, record->header_count, &name, &value, &size) ==
		RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (record->header_count == kafka->headers_size) {
			kafka->headers_size = kafka->headers_size ? 2 * kafka->headers_size : 16;
			kafka->headers = xreallocarray(
				kafka->headers, kafka->headers_size, sizeof(*kafka->headers));
		}
		kafka->headers[record->header_count++] =
			(struct header){span_of(name), {value, value ? size : 0}};
	}
	record->headers = kafka->headers;
}

static void fill_record(
	struct kafka *kafka, const rd_kafka_message_t *message, struct record *record)
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
	fill_headers(kafka, message, record);
}

/* One at a time: before 2.1.0 a batch counts records as read that a rebalance then throws away. */
static rd_kafka_message_t *next_message(struct kafka *kafka)
{
	rd_kafka_message_t *message = rd_kafka_consume_queue(kafka->data, 0);

	if (message)
		return message;
	/* Calmed first, asked again after: what came in between must not be slept on. */
	calm(kafka->data_fd);
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
		fill_record(kafka, kafka->current, record);
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

/* --- Closing --- */

/* The library waits for the answer to an assignment before it lets go of the group. */
static void decline_assignment(struct kafka *kafka)
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

void kafka_close(struct kafka *kafka)
{
	rd_kafka_error_t *error;

	decline_assignment(kafka);
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
	free(kafka->headers);
	close(kafka->control_fd);
	close(kafka->data_fd);
	free(kafka);
}
