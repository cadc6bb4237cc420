/* Change events as Debezium writes them, made up, for benchmarks: produced to a topic, printed, or
 * told as a plan of what must be in which stream.
 *
 * Record n belongs to one row of one table, says n in its column "n" and when it was produced in
 * "at_us", and goes to the partition of its row. Which row, op and shape depends on n and the
 * workload alone, so that a run can be checked against the plan. */
#include <librdkafka/rdkafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flags.h"
#include "strbuf.h"

#define FLUSH_TIMEOUT_MS 60000
#define UPDATED_ROWS 1000
#define ACCOUNTS 1000
#define HOT_ACCOUNTS 16
#define WIDE_COLUMNS 24
#define WIDE_TEXT \
	"the quick brown fox jumps over the lazy dog, and the dog lets it be; it was warm that " \
	"day, and "

static const char usage[] =
	"usage: bench_produce [OPTION]... BOOTSTRAP NAME WORKLOAD COUNT\n"
	"\n"
	"Workloads: inserts (a new row each), updates (of 1,000 rows), bank (transfers and "
	"updates\n"
	"of accounts, of which 16 are hot), wide (new rows of 3 KB, with schema blocks), small "
	"(new\n"
	"rows, as short as they can be). Topics are NAME.public.rows, .accounts and .transfers.\n"
	"\n"
	"  --partitions N   of each topic, which must exist (32)\n"
	"  --rate N         records a second, steadily (as fast as it goes)\n"
	"  --paced N        after each N records wait for a line on standard input\n"
	"  --print          JSON lines as kcat -J prints them, instead of producing\n"
	"  --plan           lines 'TABLE ROW n', instead of producing\n";

enum workload { INSERTS, UPDATES, BANK, WIDE, SMALL };
static const char *const workload_names[] = {"inserts", "updates", "bank", "wide", "small", NULL};

struct change {
	const char *table;
	int64_t row;
	char op;
};

struct producer {
	enum workload workload;
	const char *name;
	int64_t partitions, rate, paced;
	bool print, plan;
	rd_kafka_t *rk;
	struct strbuf topic, key, value, line, schema;
	int64_t failed;
};

/* Numbers that look random and are the same in each run (splitmix64). */
static uint64_t scatter(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

static struct change change_of(enum workload workload, int64_t n)
{
	uint64_t chance = scatter((uint64_t)n);

	switch (workload) {
	case UPDATES:
		return (struct change){"rows", (int64_t)(chance % UPDATED_ROWS), 'u'};
	case BANK:
		if (n % 3 == 0)
			return (struct change){"transfers", n / 3, 'c'};
		return (struct change){"accounts",
			(int64_t)((chance >> 8) % (chance % 5 ? HOT_ACCOUNTS : ACCOUNTS)), 'u'};
	default:
		return (struct change){"rows", n, 'c'};
	}
}

/* --- Their texts --- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void add_fields(struct strbuf *out, const char *side)
{
	int i;

	strbuf_add_text(out, "{\"type\":\"struct\",\"fields\":["
			     "{\"type\":\"int64\",\"optional\":false,\"field\":\"id\"},"
			     "{\"type\":\"int64\",\"optional\":false,\"field\":\"n\"},"
			     "{\"type\":\"int64\",\"optional\":false,\"field\":\"at_us\"}");
	for (i = 0; i < WIDE_COLUMNS; i++)
		strbuf_printf(
			out, ",{\"type\":\"string\",\"optional\":true,\"field\":\"column_%d\"}", i);
	strbuf_printf(out,
		"],\"optional\":true,\"name\":\"bench.public.rows.Value\",\"field\":\"%s\"}", side);
}

static void make_schema(struct strbuf *out)
{
	strbuf_add_text(out, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
	add_fields(out, "before");
	strbuf_add_char(out, ',');
	add_fields(out, "after");
	strbuf_add_text(out,
		",{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},"
		"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ms\"}],\"optional\":false,"
		"\"name\":\"bench.public.rows.Envelope\",\"version\":2},\"payload\":");
}

static void add_row(struct producer *producer, const struct change *change, int64_t n)
{
	struct strbuf *value = &producer->value;
	int i;

	strbuf_printf(value, "{\"id\":%" PRId64 ",\"n\":%" PRId64 ",\"at_us\":%" PRId64,
		change->row, n, now_us());
	for (i = 0; producer->workload == WIDE && i < WIDE_COLUMNS; i++)
		strbuf_printf(value, ",\"column_%d\":\"%d " WIDE_TEXT "\"", i, i);
	if (producer->workload != WIDE && producer->workload != SMALL)
		strbuf_add_text(value, ",\"customer\":4,\"balance\":\"NBE=\",\"limit_\":null,"
				       "\"state\":\"open\"");
	strbuf_add_char(value, '}');
}

static void add_source(struct producer *producer, const struct change *change, int64_t n)
{
	bool small = producer->workload == SMALL;

	strbuf_printf(&producer->value,
		"{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"%s\",%s"
		"\"db\":\"bank\",\"schema\":\"public\",\"table\":\"%s\",\"lsn\":%" PRId64 "%s}",
		producer->name,
		small ? ""
		      : "\"ts_ms\":1795268470002,\"snapshot\":null,"
			"\"sequence\":\"[null,\\\"83786704\\\"]\",\"ts_us\":1795268470002432,"
			"\"ts_ns\":1795268470002432000,\"txId\":1510,",
		change->table, 83786704 + 56 * n,
		small ? "" : ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null");
}

/* Fills topic, key and value. */
static void make_record(struct producer *producer, const struct change *change, int64_t n)
{
	struct strbuf *value = &producer->value;

	strbuf_reset(&producer->topic);
	strbuf_reset(&producer->key);
	strbuf_reset(value);
	strbuf_printf(&producer->topic, "%s.public.%s", producer->name, change->table);
	strbuf_printf(&producer->key, "{\"id\":%" PRId64 "}", change->row);
	if (producer->workload == WIDE)
		strbuf_add_span(value, strbuf_span(&producer->schema));
	strbuf_add_text(value, "{\"before\":null,\"after\":");
	add_row(producer, change, n);
	strbuf_add_text(value, ",\"source\":");
	add_source(producer, change, n);
	strbuf_printf(value, ",\"op\":\"%c\",\"ts_ms\":1795268470225%s}", change->op,
		producer->workload == SMALL ? ""
					    : ",\"transaction\":null,\"ts_us\":1795268470225643,"
					      "\"ts_ns\":1795268470225643605");
	if (producer->workload == WIDE)
		strbuf_add_char(value, '}');
}

/* --- Where they go --- */

static void print_record(struct producer *producer, int32_t partition, int64_t n)
{
	struct strbuf *line = &producer->line;

	strbuf_reset(line);
	strbuf_printf(line, "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64 ",\"key\":",
		producer->topic.data, partition, n);
	strbuf_add_json(line, strbuf_span(&producer->key));
	strbuf_add_text(line, ",\"payload\":");
	strbuf_add_json(line, strbuf_span(&producer->value));
	strbuf_add_text(line, "}\n");
	fwrite(line->data, 1, line->len, stdout);
}

static void produce_record(struct producer *producer, int32_t partition)
{
	rd_kafka_resp_err_t code;

	while ((code = rd_kafka_producev(producer->rk, RD_KAFKA_V_TOPIC(producer->topic.data),
			RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(producer->key.data, producer->key.len),
			RD_KAFKA_V_VALUE(producer->value.data, producer->value.len),
			RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(producer->rk, 100);
	producer->failed += code != RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_poll(producer->rk, 0);
}

static void emit(struct producer *producer, int64_t n)
{
	struct change change = change_of(producer->workload, n);
	int32_t partition = (int32_t)(change.row % producer->partitions);

	if (producer->plan) {
		printf("%s %" PRId64 " %" PRId64 "\n", change.table, change.row, n);
		return;
	}
	make_record(producer, &change, n);
	if (producer->print)
		print_record(producer, partition, n);
	else
		produce_record(producer, partition);
}

/* Until it is record n's turn. False: nobody permits it any more. */
static bool wait_for_turn(struct producer *producer, int64_t n, int64_t start_ns)
{
	char permit[16];

	if (producer->paced && n > 0 && n % producer->paced == 0) {
		rd_kafka_flush(producer->rk, FLUSH_TIMEOUT_MS);
		return fgets(permit, sizeof(permit), stdin) != NULL;
	}
	if (producer->rate) {
		int64_t at = start_ns + n * INT64_C(1000000000) / producer->rate;
		struct timespec until = {at / 1000000000, at % 1000000000};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	return true;
}

static void emit_all(struct producer *producer, int64_t count)
{
	struct timespec now;
	int64_t n, start_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	start_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	for (n = 0; n < count && wait_for_turn(producer, n, start_ns); n++)
		emit(producer, n);
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct producer *producer = opaque;

	(void)rk;
	producer->failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *new_producer(struct producer *producer, const char *bootstrap)
{
	const char *const properties[] = {"bootstrap.servers", bootstrap, "linger.ms",
		producer->rate ? "0" : "5", "queue.buffering.max.messages", "1000000",
		"queue.buffering.max.kbytes", "262144", NULL};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *const *property;
	char why[512];
	rd_kafka_t *rk;

	for (property = properties; *property; property += 2)
		rd_kafka_conf_set(conf, property[0], property[1], NULL, 0);
	rd_kafka_conf_set_opaque(conf, producer);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk) {
		fprintf(stderr, "bench_produce: %s\n", why);
		exit(2);
	}
	return rk;
}

static int run(struct producer *producer, const char *bootstrap, int64_t count)
{
	if (producer->workload == WIDE)
		make_schema(&producer->schema);
	if (!producer->print && !producer->plan)
		producer->rk = new_producer(producer, bootstrap);
	emit_all(producer, count);
	if (producer->rk) {
		rd_kafka_flush(producer->rk, FLUSH_TIMEOUT_MS);
		producer->failed += rd_kafka_outq_len(producer->rk);
		rd_kafka_destroy(producer->rk);
	}
	strbuf_clear(&producer->topic);
	strbuf_clear(&producer->key);
	strbuf_clear(&producer->value);
	strbuf_clear(&producer->line);
	strbuf_clear(&producer->schema);
	if (producer->failed)
		fprintf(stderr, "bench_produce: %" PRId64 " records were not taken\n",
			producer->failed);
	return producer->failed != 0;
}

static bool find_workload(const char *name, enum workload *workload)
{
	size_t i;

	for (i = 0; workload_names[i]; i++)
		if (strcmp(workload_names[i], name) == 0) {
			*workload = (enum workload)i;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static struct producer producer = {.partitions = 32};
	static const struct flag own[] = {
		{.name = "partitions", .value = "N", .number = &producer.partitions},
		{.name = "rate", .value = "N", .number = &producer.rate},
		{.name = "paced", .value = "N", .number = &producer.paced},
		{.name = "print", .on = &producer.print},
		{.name = "plan", .on = &producer.plan},
		{0},
	};
	static const struct flag *const tables[] = {own};
	struct error error = {0};
	int64_t count;

	if (!flags_take(tables, 1, &argc, argv, &error) || argc != 5 ||
		!find_workload(argv[3], &producer.workload) ||
		!span_to_int64(span_of(argv[4]), &count) || producer.partitions < 1) {
		fprintf(stderr, "%s%s%s", error.kind ? error.text : "", error.kind ? "\n" : "",
			usage);
		return 2;
	}
	producer.name = argv[2];
	return run(&producer, argv[1], count);
}
