/* What a running bridge tells over HTTP: a page for people, JSON for programs, whether it works. */
#include "pipeline_internal.h"

#include "autoconf.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "status_page.h"

#define LOOK_EVERY_MS 1000
/* Nothing settled for so long, though records wait: something is stuck. */
#define STALLED_MS 60000

/* --- What is known --- */

static uint64_t settled(const struct pipeline *pipeline)
{
	const uint64_t *counts = pipeline->counts;

	return counts[APPENDED] + counts[DUPLICATE] + counts[SKIPPED];
}

int64_t status_next(const struct partition_feed *feed)
{
	int64_t next = feed->partition->committed >= 0 ? feed->partition->committed
						       : feed->partition->start;

	if (feed->mark.committable > next)
		next = feed->mark.committable;
	return feed->stored > next ? feed->stored : next;
}

static int64_t end_of(struct pipeline *pipeline, const struct partition_feed *feed)
{
	int64_t end = kafka_known_end(pipeline->kafka, feed->partition);

	return end >= 0 ? end : feed->end;
}

int64_t status_lag(struct pipeline *pipeline, const struct partition_feed *feed)
{
	int64_t end = end_of(pipeline, feed), next = status_next(feed);

	if (end < 0)
		return -1;
	return end > next ? end - next : 0;
}

static int64_t whole_lag(struct pipeline *pipeline)
{
	const struct partition_feed *feed;
	int64_t lag = 0;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		int64_t one = status_lag(pipeline, feed);

		lag += one > 0 ? one : 0;
	}
	return lag;
}

/* --- Is it ready? --- */

static void add_reason(struct strbuf *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_reason(struct strbuf *out, const char *format, ...)
{
	char text[512];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (out->len)
		strbuf_add_char(out, ',');
	strbuf_add_json(out, span_of(text));
}

static void add_start_reasons(const struct pipeline *pipeline, struct strbuf *out)
{
	if (pipeline->stop != STOP_NONE)
		add_reason(out, "it is stopping%s%s", pipeline->error.text[0] ? ": " : "",
			pipeline->error.text);
	else if (!pipeline->kafka)
		add_reason(out, "EventStoreDB has not been read yet; the log says why");
	else if (!pipeline->assigned_once)
		add_reason(out, "no partition was assigned yet: Kafka does not answer, or the "
				"group is being rebalanced");
}

/* JSON strings, joined by commas; nothing: it is ready. */
static void add_reasons(struct pipeline *pipeline, struct strbuf *out)
{
	int64_t now_ms = clock_ms(), lag = whole_lag(pipeline);
	struct outbox_stats stats;

	add_start_reasons(pipeline, out);
	outbox_stats(pipeline->outbox, &stats);
	if (stats.outage)
		add_reason(out, "EventStoreDB is away since %" PRId64 " s: %s",
			(now_ms - stats.outage_since_ms) / 1000, stats.last_failure);
	if (pipeline->was_registry_outage)
		add_reason(out, "the schema registry is away");
	if (lag > 0 && now_ms - pipeline->status.moved_ms > STALLED_MS)
		add_reason(out,
			"nothing was settled for %" PRId64 " s, though %" PRId64 " records wait",
			(now_ms - pipeline->status.moved_ms) / 1000, lag);
}

static const char *state_of(const struct pipeline *pipeline, bool ready)
{
	if (pipeline->stop != STOP_NONE)
		return "stopping";
	if (!pipeline->kafka || !pipeline->assigned_once)
		return "starting";
	return ready ? "running" : "waiting";
}

/* --- JSON --- */

static void add_number(struct strbuf *out, const char *name, int64_t value)
{
	strbuf_printf(out, ",\"%s\":%" PRId64, name, value);
}

/* For numbers that may be unknown. */
static void add_known(struct strbuf *out, const char *name, int64_t value)
{
	if (value >= 0)
		add_number(out, name, value);
	else
		strbuf_printf(out, ",\"%s\":null", name);
}

static void add_text(struct strbuf *out, const char *name, const char *text)
{
	strbuf_printf(out, ",\"%s\":", name);
	strbuf_add_json(out, span_of(text));
}

static void add_counts(struct strbuf *out, const uint64_t *counts)
{
	size_t i;

	for (i = 0; i < OUTCOMES; i++)
		strbuf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", outcome_names[i], counts[i]);
}

static void add_outbox(const struct pipeline *pipeline, struct strbuf *out)
{
	struct outbox_stats stats;

	outbox_stats(pipeline->outbox, &stats);
	strbuf_printf(out, ",\"waiting\":{\"events\":%zu,\"bytes\":%zu,\"requests\":%zu}",
		stats.events, stats.bytes, stats.in_flight);
	strbuf_printf(out, ",\"streams\":{\"known\":%zu,\"in_trouble\":%zu", stats.streams,
		stats.streams_in_trouble);
	if (stats.streams_in_trouble && stats.trouble_stream) {
		add_text(out, "example", stats.trouble_stream);
		add_text(out, "failure", stats.last_failure);
	}
	strbuf_add_char(out, '}');
}

static void add_delay(const struct histogram *delay_ms, struct strbuf *out)
{
	strbuf_printf(out, ",\"delay_ms\":{\"events\":%" PRId64, delay_ms->count);
	if (delay_ms->count) {
		add_number(out, "p50", histogram_percentile(delay_ms, 50));
		add_number(out, "p99", histogram_percentile(delay_ms, 99));
		add_number(out, "largest", delay_ms->largest);
	}
	strbuf_add_char(out, '}');
}

static void add_partitions(struct pipeline *pipeline, struct strbuf *out)
{
	const struct partition_feed *feed;
	const char *comma = "";

	strbuf_add_text(out, ",\"partitions\":[");
	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		strbuf_printf(out, "%s{\"topic\":", comma);
		strbuf_add_json(out, span_of(feed->feed.topic));
		add_number(out, "partition", feed->feed.partition);
		add_number(out, "next", status_next(feed));
		add_known(out, "end", end_of(pipeline, feed));
		add_known(out, "lag", status_lag(pipeline, feed));
		add_number(out, "unsettled", (int64_t)watermark_pending(&feed->mark));
		strbuf_add_char(out, '}');
		comma = ",";
	}
	strbuf_add_char(out, ']');
}

static void add_topics(const struct pipeline *pipeline, struct strbuf *out)
{
	const struct topic_tally *topic;
	const char *comma = "";

	strbuf_add_text(out, ",\"topics\":[");
	SLIST_FOREACH (topic, &pipeline->tally.topics, entry) {
		strbuf_printf(out, "%s{\"topic\":", comma);
		strbuf_add_json(out, span_of(topic->topic));
		strbuf_add_char(out, ',');
		add_counts(out, topic->counts);
		strbuf_add_char(out, '}');
		comma = ",";
	}
	strbuf_add_char(out, ']');
}

static void add_skips(const struct pipeline *pipeline, struct strbuf *out)
{
	size_t i;

	strbuf_add_text(out, ",\"skipped\":[");
	for (i = 0; i < SKIP_REASONS && pipeline->skips[i].reason; i++) {
		strbuf_add_text(out, i ? ",{\"reason\":" : "{\"reason\":");
		strbuf_add_json(out, span_of(pipeline->skips[i].reason));
		add_number(out, "records", (int64_t)pipeline->skips[i].count);
		strbuf_add_char(out, '}');
	}
	strbuf_add_char(out, ']');
}

static void add_status(struct pipeline *pipeline, struct strbuf *out)
{
	struct strbuf reasons = {0};

	add_reasons(pipeline, &reasons);
	strbuf_printf(out, "{\"version\":\"%s\",\"state\":\"%s\",\"ready\":%s,\"reasons\":[",
		PACKAGE_VERSION, state_of(pipeline, !reasons.len), reasons.len ? "false" : "true");
	strbuf_add_span(out, strbuf_span(&reasons));
	strbuf_add_char(out, ']');
	add_number(out, "uptime_seconds", (clock_ms() - pipeline->started_ms) / 1000);
	add_text(out, "store", eventstore_address(pipeline->store));
	add_text(out, "group_stream", pipeline->group_name.data);
	strbuf_add_text(out, ",\"records\":{");
	add_counts(out, pipeline->counts);
	add_number(out, "in_flight", (int64_t)pipeline->pending);
	strbuf_printf(out, "},\"records_per_second\":%.1f", pipeline->status.rate);
	add_number(out, "lag", whole_lag(pipeline));
	add_outbox(pipeline, out);
	add_delay(&pipeline->tally.delay_ms, out);
	add_partitions(pipeline, out);
	add_topics(pipeline, out);
	add_skips(pipeline, out);
	strbuf_add_text(out, "}\n");
	strbuf_clear(&reasons);
}

/* --- Answers --- */

static void answer_ready(struct pipeline *pipeline, struct http_reply *reply)
{
	struct strbuf reasons = {0};

	add_reasons(pipeline, &reasons);
	reply->status = reasons.len ? 503 : 200;
	strbuf_printf(&reply->body, "{\"ready\":%s,\"reasons\":[", reasons.len ? "false" : "true");
	strbuf_add_span(&reply->body, strbuf_span(&reasons));
	strbuf_add_text(&reply->body, "]}\n");
	strbuf_clear(&reasons);
}

static void answer_metrics(struct pipeline *pipeline, struct http_reply *reply)
{
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_add(pipeline, &reply->body);
}

static void answer_page(struct http_reply *reply)
{
	reply->content_type = "text/html; charset=utf-8";
	strbuf_add(&reply->body, status_page, status_page_len);
}

static void answer(void *user, const struct http_request *request, struct http_reply *reply)
{
	struct pipeline *pipeline = user;
	const char *path = http_request_path(request);

	if (strcmp(path, "/") == 0) {
		answer_page(reply);
	} else if (strcmp(path, "/status.json") == 0) {
		add_status(pipeline, &reply->body);
	} else if (strcmp(path, "/metrics") == 0) {
		answer_metrics(pipeline, reply);
	} else if (strcmp(path, "/ready") == 0) {
		answer_ready(pipeline, reply);
	} else if (strcmp(path, "/health") == 0) {
		/* The loop itself answers: that it does is the proof. */
		strbuf_add_text(&reply->body, "{\"healthy\":true}\n");
	} else {
		reply->status = 404;
		strbuf_add_text(&reply->body,
			"{\"error\":\"here are / /status.json /metrics /ready /health\"}\n");
	}
}

bool status_open(struct pipeline *pipeline, struct error *error)
{
	const char *address = pipeline->config->status.listen;
	struct error why = {0};

	pipeline->status.moved_ms = pipeline->status.looked_ms = clock_ms();
	if (!address[0])
		return true;
	pipeline->status.server = http_server_new(address, answer, pipeline, &why);
	if (!pipeline->status.server) {
		error_set(error, why.kind, "status.listen: %s", why.text);
		return false;
	}
	log_line(LOG_INFO, "status", "address", http_server_address(pipeline->status.server), NULL);
	return true;
}

void status_close(struct pipeline *pipeline)
{
	http_server_free(pipeline->status.server);
	pipeline->status.server = NULL;
}

static void look(struct pipeline *pipeline, int64_t now_ms)
{
	struct status *status = &pipeline->status;
	int64_t elapsed_ms = now_ms - status->looked_ms;
	uint64_t now_settled = settled(pipeline);

	if (elapsed_ms < LOOK_EVERY_MS)
		return;
	status->rate = 0.5 * status->rate +
		       0.5 * (double)(now_settled - status->settled) * 1000 / (double)elapsed_ms;
	if (now_settled != status->settled || whole_lag(pipeline) == 0)
		status->moved_ms = now_ms;
	status->settled = now_settled;
	status->looked_ms = now_ms;
}

void status_turn(struct pipeline *pipeline, int64_t now_ms)
{
	if (!pipeline->status.server)
		return;
	look(pipeline, now_ms);
	http_server_run(pipeline->status.server, 0);
}
