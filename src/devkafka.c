/* rowstream-devkafka: an embedded Kafka for tests and the first run. librdkafka's mock cluster as a
 * program, filled with the records of capture files. Not a broker for anybody's data. */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "autoconf.h"
#include "capture.h"
#include "devkafka_port.h"
#include "flags.h"
#include "strbuf.h"
#include "table.h"

/* The mock cluster keeps 5 MiB or 100,000 batches a partition and drops the oldest silently. */
#define PARTITION_BYTES (5u << 20)
#define RECORD_OVERHEAD 64
#define PRODUCE_TIMEOUT_MS 60000

/* A topic of the captures: what must exist before its records come. */
struct topic {
	char *name;
	int32_t partitions; /* the highest partition seen, plus 1 */
	size_t *bytes;	    /* held by each partition */
};

struct devkafka {
	rd_kafka_t *producer;
	rd_kafka_mock_cluster_t *cluster;
	struct table topics;
	int64_t partitions;
	uint64_t produced, failed, moved; /* moved: at another offset than captured */
	char why[256];
};

static const char usage[] =
	"usage: rowstream-devkafka [--port N] [--partitions N] [--control] [FILE…]\n"
	"\n"
	"An embedded Kafka for development and tests: librdkafka's mock cluster on 127.0.0.1,\n"
	"filled with the records of FILE… (JSON lines as kcat -J prints them, plain or gzip) with\n"
	"topic, partition, key, value, headers, tombstones and timestamps as captured. Prints\n"
	"'ready HOST:PORT' on standard output and serves until SIGTERM or SIGINT.\n"
	"\n"
	"It keeps at most 5 MiB a partition, in memory, and knows no retention, transactions or\n"
	"security: it is no place for data.\n"
	"\n"
	"  --port N        listen there (default 0: any free port)\n"
	"  --partitions N  partitions of each topic, where the captures have fewer\n"
	"  --control       read commands from standard input, each answered by a line 'ok …' or\n"
	"                  'error …':\n"
	"                    produce FILE     add the records of a capture file\n"
	"                    down | up        the broker refuses connections, serves again\n"
	"                    rtt MS           delay each answer\n"
	"                    errors KEY CODE… answer the next requests of an API key with errors\n"
	"  --help, --version\n";

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct devkafka *devkafka = opaque;
	int64_t wanted = (int64_t)(intptr_t)message->_private;

	(void)rk;
	devkafka->produced++;
	if (message->err) {
		devkafka->failed++;
		snprintf(
			devkafka->why, sizeof(devkafka->why), "%s", rd_kafka_err2str(message->err));
	} else if (message->offset != wanted) {
		devkafka->moved++;
	}
}

static rd_kafka_t *new_producer(struct devkafka *devkafka, struct error *error)
{
	static const char *const properties[] = {"test.mock.num.brokers", "1", "acks", "all",
		"linger.ms", "5", "queue.buffering.max.messages", "1000000",
		"queue.buffering.max.kbytes", "1048576", "message.max.bytes", "4900000",
		"batch.size", "1000000", "allow.auto.create.topics", "false", NULL};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *const *property;
	rd_kafka_t *rk;
	char why[512];

	for (property = properties; *property; property += 2)
		rd_kafka_conf_set(conf, property[0], property[1], why, sizeof(why));
	rd_kafka_conf_set_opaque(conf, devkafka);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk) {
		error_set(error, ERROR_FATAL, "the mock cluster cannot be started: %s", why);
		rd_kafka_conf_destroy(conf);
	}
	return rk;
}

/* --- Topics --- */

static struct topic *topic_of(struct devkafka *devkafka, const char *name)
{
	struct topic *topic = table_get(&devkafka->topics, span_of(name));

	if (!topic) {
		topic = xcalloc(1, sizeof(*topic));
		topic->name = xstrdup(name);
		table_put(&devkafka->topics, span_of(topic->name), topic);
	}
	return topic;
}

static void grow_topic(struct topic *topic, int32_t partitions)
{
	int32_t i = topic->partitions;

	if (partitions <= i)
		return;
	topic->bytes = xreallocarray(topic->bytes, (size_t)partitions, sizeof(*topic->bytes));
	for (; i < partitions; i++)
		topic->bytes[i] = 0;
	topic->partitions = partitions;
}

/* First pass over a file: its topics, and whether its records will fit. */
static bool survey(struct devkafka *devkafka, const char *path, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int got = -1;

	while (capture && (got = capture_next(capture, &record, error)) > 0) {
		struct topic *topic = topic_of(devkafka, record.topic);
		size_t *bytes;

		if (record.partition >= 1000) {
			error_set(error, ERROR_INPUT, "%s line %ld: partition %d is beyond 999",
				path, capture_line(capture), record.partition);
			got = -1;
			break;
		}
		if (topic->partitions <= record.partition)
			grow_topic(topic, record.partition + 1);
		bytes = &topic->bytes[record.partition];
		*bytes += record.key.len + record.value.len + RECORD_OVERHEAD;
		if (*bytes > PARTITION_BYTES) {
			error_set(error, ERROR_INPUT,
				"%s line %ld: %s partition %d holds more than the 5 MiB that the "
				"mock cluster keeps; spread it over more partitions, or take a "
				"real broker",
				path, capture_line(capture), record.topic, record.partition);
			got = -1;
			break;
		}
	}
	capture_close(capture);
	return got == 0;
}

static bool create_topics(struct devkafka *devkafka, struct error *error)
{
	struct topic *topic;
	size_t at = 0;

	while ((topic = table_next(&devkafka->topics, &at))) {
		rd_kafka_resp_err_t code;

		if (topic->partitions < devkafka->partitions)
			grow_topic(topic, (int32_t)devkafka->partitions);
		code = rd_kafka_mock_topic_create(
			devkafka->cluster, topic->name, topic->partitions, 1);
		if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
			error_set(error, ERROR_FATAL, "topic %s: %s", topic->name,
				rd_kafka_err2str(code));
			return false;
		}
	}
	return true;
}

/* --- Records --- */

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
	struct devkafka *devkafka, const struct record *record, rd_kafka_headers_t *headers)
{
	return rd_kafka_producev(devkafka->producer, RD_KAFKA_V_TOPIC(record->topic),
		RD_KAFKA_V_PARTITION(record->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY((void *)record->key.ptr, record->key.len),
		RD_KAFKA_V_VALUE((void *)record->value.ptr, record->value.len),
		RD_KAFKA_V_TIMESTAMP(record->timestamp_ms < 0 ? 0 : record->timestamp_ms),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)(intptr_t)record->offset),
		RD_KAFKA_V_END);
}

static bool produce(struct devkafka *devkafka, const struct record *record, struct error *error)
{
	rd_kafka_headers_t *headers = headers_of(record);
	rd_kafka_resp_err_t code;

	while ((code = produce_once(devkafka, record, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(devkafka->producer, 100);
	if (code) {
		rd_kafka_headers_destroy(headers);
		error_set(error, ERROR_INPUT, "%s partition %d offset %lld: %s", record->topic,
			record->partition, (long long)record->offset, rd_kafka_err2str(code));
	}
	rd_kafka_poll(devkafka->producer, 0);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool produce_file(struct devkafka *devkafka, const char *path, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	const struct rd_kafka_metadata *known;
	struct record record;
	int got = -1;

	/* Asked for once: topics that the producer meets unknown cost it up to a second each. */
	if (rd_kafka_metadata(devkafka->producer, 1, NULL, &known, PRODUCE_TIMEOUT_MS) == 0)
		rd_kafka_metadata_destroy(known);
	while (capture && (got = capture_next(capture, &record, error)) > 0)
		if (!produce(devkafka, &record, error)) {
			got = -1;
			break;
		}
	capture_close(capture);
	if (got < 0)
		return false;
	if (rd_kafka_flush(devkafka->producer, PRODUCE_TIMEOUT_MS) || devkafka->failed) {
		error_set(error, ERROR_FATAL, "%s: not all records were taken: %s", path,
			devkafka->failed ? devkafka->why : "time is up");
		return false;
	}
	return true;
}

static bool load(struct devkafka *devkafka, const char *path, struct error *error)
{
	uint64_t moved = devkafka->moved;

	if (!survey(devkafka, path, error) || !create_topics(devkafka, error) ||
		!produce_file(devkafka, path, error))
		return false;
	if (devkafka->moved > moved)
		fprintf(stderr,
			"rowstream-devkafka: %s: %llu records stand at other offsets than "
			"captured (the capture has gaps, or the topic held records before)\n",
			path, (unsigned long long)(devkafka->moved - moved));
	return true;
}

/* --- Control --- */

static void push_errors(struct devkafka *devkafka, char *arguments)
{
	rd_kafka_resp_err_t codes[64];
	char *end = arguments;
	long key = strtol(arguments, &end, 10);
	size_t count = 0;

	while (*end && count < 64)
		codes[count++] = (rd_kafka_resp_err_t)strtol(end, &end, 10);
	rd_kafka_mock_push_request_errors_array(devkafka->cluster, (int16_t)key, count, codes);
}

static bool command(struct devkafka *devkafka, char *line, struct error *error)
{
	char *space = strchr(line, ' ');
	char *rest = space ? space + 1 : line + strlen(line);

	if (space)
		*space = '\0';
	if (strcmp(line, "produce") == 0)
		return load(devkafka, rest, error);
	if (strcmp(line, "down") == 0)
		rd_kafka_mock_broker_set_down(devkafka->cluster, 1);
	else if (strcmp(line, "up") == 0)
		rd_kafka_mock_broker_set_up(devkafka->cluster, 1);
	else if (strcmp(line, "rtt") == 0)
		rd_kafka_mock_broker_set_rtt(devkafka->cluster, 1, (int)strtol(rest, NULL, 10));
	else if (strcmp(line, "errors") == 0)
		push_errors(devkafka, rest);
	else
		error_set(error, ERROR_INPUT, "no command '%s'", line);
	return error->kind == ERROR_NONE;
}

static void answer(struct devkafka *devkafka, char *line)
{
	struct error error = {0};

	if (command(devkafka, line, &error))
		printf("ok\n");
	else
		printf("error %s\n", error.text);
	fflush(stdout);
}

/* Whole lines of standard input; false at its end. */
static bool take_commands(struct devkafka *devkafka, struct strbuf *input)
{
	char *newline;
	ssize_t got = read(STDIN_FILENO, strbuf_reserve(input, 4096), 4096);

	if (got <= 0)
		return false;
	input->len += (size_t)got;
	input->data[input->len] = '\0';
	while ((newline = memchr(input->data, '\n', input->len))) {
		size_t used = (size_t)(newline - input->data) + 1;

		*newline = '\0';
		answer(devkafka, input->data);
		memmove(input->data, input->data + used, input->len - used + 1);
		input->len -= used;
	}
	return true;
}

static void serve(struct devkafka *devkafka, int signals, bool control)
{
	struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
		{.fd = control ? STDIN_FILENO : -1, .events = POLLIN}};
	struct strbuf input = {0};

	while (!(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents && !take_commands(devkafka, &input))
			fds[1].fd = -1;
	}
	strbuf_clear(&input);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void close_all(struct devkafka *devkafka)
{
	struct topic *topic;
	size_t at = 0;

	if (devkafka->producer)
		rd_kafka_destroy(devkafka->producer);
	while ((topic = table_next(&devkafka->topics, &at))) {
		free(topic->name);
		free(topic->bytes);
		free(topic);
	}
	table_clear(&devkafka->topics);
}

static int run(struct devkafka *devkafka, int argc, char **argv, bool control)
{
	struct error error = {0};
	int signals = open_signals(), i;

	devkafka->producer = new_producer(devkafka, &error);
	if (devkafka->producer)
		devkafka->cluster = rd_kafka_handle_mock_cluster(devkafka->producer);
	for (i = 1; error.kind == ERROR_NONE && i < argc; i++)
		load(devkafka, argv[i], &error);
	if (error.kind != ERROR_NONE) {
		fprintf(stderr, "rowstream-devkafka: %s\n", error.text);
		return error.kind == ERROR_INPUT ? 2 : 1;
	}
	printf("ready %s\n", rd_kafka_mock_cluster_bootstraps(devkafka->cluster));
	fflush(stdout);
	serve(devkafka, signals, control);
	return 0;
}

int main(int argc, char **argv)
{
	static bool help, version, control;
	static int64_t port, partitions = 1;
	static const struct flag own[] = {
		{.name = "help", .letter = 'h', .on = &help},
		{.name = "version", .on = &version},
		{.name = "control", .on = &control},
		{.name = "port", .value = "N", .number = &port},
		{.name = "partitions", .value = "N", .number = &partitions},
		{0},
	};
	static const struct flag *const tables[] = {own};
	struct devkafka devkafka = {0};
	struct error error = {0};
	int code;

	if (!flags_take(tables, 1, &argc, argv, &error)) {
		fprintf(stderr, "rowstream-devkafka: %s\n", error.text);
		return 2;
	}
	if (help || version) {
		if (help)
			fputs(usage, stdout);
		else
			printf("rowstream-devkafka %s\nlibrdkafka %s\n", PACKAGE_VERSION,
				rd_kafka_version_str());
		return 0;
	}
	if (port < 0 || port > 65535 || partitions < 1 || partitions > 1000) {
		fprintf(stderr,
			"rowstream-devkafka: --port is 0 to 65535, --partitions 1 to 1000\n");
		return 2;
	}
	devkafka_port = (unsigned short)port;
	devkafka.partitions = partitions;
	code = run(&devkafka, argc, argv, control);
	close_all(&devkafka);
	return code;
}
