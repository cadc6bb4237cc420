/* /metrics: Prometheus' text format, version 0.0.4. No label holds a stream's name or a key: their
 * number has no bound, and they are row data. */
#include "pipeline_internal.h"

#include "autoconf.h"
#include <inttypes.h>

static const char *const append_names[] = {
	[APPEND_WRITTEN] = "written",
	[APPEND_CONFLICT] = "conflict",
	[APPEND_REFUSED] = "refused",
	[APPEND_TOO_LARGE] = "too_large",
	[APPEND_DENIED] = "denied",
	[APPEND_MISPLACED] = "misplaced",
	[APPEND_DELETED] = "deleted",
	[APPEND_UNKNOWN] = "unknown",
};

static void head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_printf(
		out, "# HELP rowstream_%s %s\n# TYPE rowstream_%s %s\n", name, help, name, type);
}

static void single(
	struct strbuf *out, const char *name, const char *type, const char *help, int64_t value)
{
	head(out, name, type, help);
	strbuf_printf(out, "rowstream_%s %" PRId64 "\n", name, value);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void add_value(struct strbuf *out, struct span text)
{
	size_t i;

	strbuf_add_char(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			strbuf_add_text(out, "\\n");
			continue;
		}
		if (text.ptr[i] == '\\' || text.ptr[i] == '"')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, text.ptr[i]);
	}
	strbuf_add_char(out, '"');
}

/* Values are integers of a unit of which there are per_second in a second; 1: no time. Bounds are
 * those that the histogram can tell exactly. */
static void add_histogram(struct strbuf *out, const char *name, const char *help,
	const struct histogram *histogram, int first_bit, int last_bit, double per_second)
{
	int bit;

	head(out, name, "histogram", help);
	for (bit = first_bit; bit <= last_bit; bit++) {
		int64_t limit = (INT64_C(1) << bit) - 1;

		strbuf_printf(out, "rowstream_%s_bucket{le=\"%.10g\"} %" PRId64 "\n", name,
			(double)limit / per_second, histogram_at_most(histogram, limit));
	}
	strbuf_printf(out,
		"rowstream_%s_bucket{le=\"+Inf\"} %" PRId64 "\nrowstream_%s_sum %.10g\n"
		"rowstream_%s_count %" PRId64 "\n",
		name, histogram->count, name, (double)histogram->sum / per_second, name,
		histogram->count);
}

static void add_records(const struct tally *tally, struct strbuf *out)
{
	const struct topic_tally *topic;
	size_t i;

	head(out, "records_total", "counter", "Records by topic and by what became of them.");
	SLIST_FOREACH (topic, &tally->topics, entry) {
		for (i = 0; i < OUTCOMES; i++) {
			strbuf_add_text(out, "rowstream_records_total{topic=");
			add_value(out, span_of(topic->topic));
			strbuf_printf(out, ",outcome=\"%s\"} %" PRIu64 "\n", outcome_names[i],
				topic->counts[i]);
		}
	}
}

static void add_table(const struct table_tally *table, struct strbuf *out)
{
	size_t i;

	for (i = 0; i < TALLY_OP_COUNT; i++) {
		const char letter[] = {TALLY_OPS[i], '\0'};

		if (!table->ops[i])
			continue;
		strbuf_add_text(out, "rowstream_events_appended_total{table=");
		add_value(out, table->table);
		strbuf_printf(out, ",op=\"%s\"} %" PRIu64 "\n", letter[0] ? letter : "other",
			table->ops[i]);
	}
}

static void add_tables(const struct tally *tally, struct strbuf *out)
{
	const struct table_tally *table;
	size_t at = 0;

	head(out, "events_appended_total", "counter", "Events appended, by table and op.");
	while ((table = table_next(&tally->tables, &at)))
		add_table(table, out);
}

static void add_appends(const struct tally *tally, struct strbuf *out)
{
	size_t i;

	head(out, "append_requests_total", "counter", "Requests to append, by their answer.");
	for (i = 0; i <= APPEND_UNKNOWN; i++)
		strbuf_printf(out, "rowstream_append_requests_total{result=\"%s\"} %" PRIu64 "\n",
			append_names[i], tally->appends[i]);
}

static void add_of_partition(
	struct strbuf *out, const char *name, const struct feed *feed, int64_t value)
{
	strbuf_printf(out, "rowstream_%s{topic=", name);
	add_value(out, span_of(feed->topic));
	strbuf_printf(out, ",partition=\"%d\"} %" PRId64 "\n", feed->partition, value);
}

static void add_partitions(struct pipeline *pipeline, struct strbuf *out)
{
	const struct partition_feed *feed;

	head(out, "lag_records", "gauge", "Offsets between what is settled and the log's end.");
	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		int64_t lag = status_lag(pipeline, feed);

		if (lag >= 0)
			add_of_partition(out, "lag_records", &feed->feed, lag);
	}
	head(out, "watermark_offset", "gauge", "The offset that a restart would go on from.");
	TAILQ_FOREACH (feed, &pipeline->feeds, entry)
		add_of_partition(out, "watermark_offset", &feed->feed, status_next(feed));
}

static void add_outbox(const struct pipeline *pipeline, struct strbuf *out)
{
	struct outbox_stats stats;

	outbox_stats(pipeline->outbox, &stats);
	single(out, "in_flight_events", "gauge", "Events queued or sent.", (int64_t)stats.events);
	single(out, "in_flight_bytes", "gauge", "Their memory.", (int64_t)stats.bytes);
	single(out, "streams_known", "gauge", "Streams whose last revision is remembered.",
		(int64_t)stats.streams);
	single(out, "streams_in_trouble", "gauge", "Streams whose last request failed.",
		(int64_t)stats.streams_in_trouble);
	single(out, "outage", "gauge", "1 while EventStoreDB is away.", stats.outage);
	single(out, "conflicts_total", "counter", "Appends at a version that was not the stream's.",
		(int64_t)stats.conflicts);
	single(out, "resent_total", "counter", "Batches sent again because no answer came.",
		(int64_t)stats.resent);
}

void metrics_add(struct pipeline *pipeline, struct strbuf *out)
{
	const struct tally *tally = &pipeline->tally;

	head(out, "build_info", "gauge", "1, with the version.");
	strbuf_add_text(out, "rowstream_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	add_records(tally, out);
	add_tables(tally, out);
	add_appends(tally, out);
	add_histogram(out, "append_seconds", "From a request to append to its answer.",
		&tally->append_us, 8, 24, 1e6);
	add_histogram(out, "batch_events", "Events in a request.", &tally->batch, 1, 10, 1);
	add_histogram(out, "commit_to_store_seconds",
		"From a change's time in the database to the store's answer.", &tally->delay_ms, 0,
		22, 1e3);
	if (pipeline->kafka)
		add_partitions(pipeline, out);
	add_outbox(pipeline, out);
	single(out, "rebalances_total", "counter", "Assignments of partitions.",
		(int64_t)tally->rebalances);
	head(out, "last_success_timestamp_seconds", "gauge",
		"When EventStoreDB took events last; 0: not since the start.");
	strbuf_printf(out, "rowstream_last_success_timestamp_seconds %.3f\n",
		(double)tally->success_wall_ms / 1e3);
}
