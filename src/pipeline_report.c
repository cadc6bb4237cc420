/* What a person sees of a run: a progress line, a summary a minute, totals that add up. */
#include "pipeline_internal.h"

#include "autoconf.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

#define PROGRESS_EVERY_MS 250
#define SUMMARY_EVERY_MS 60000

void report_skip(struct pipeline *pipeline, const char *reason)
{
	size_t i;

	for (i = 0; i < SKIP_REASONS; i++) {
		struct skip_reason *skip = &pipeline->skips[i];

		if (!skip->reason)
			skip->reason = reason;
		if (skip->reason == reason || strcmp(skip->reason, reason) == 0) {
			skip->count++;
			return;
		}
	}
}

void report_start(const struct pipeline *pipeline)
{
	log_line(LOG_INFO, "start", "version", PACKAGE_VERSION, "store",
		eventstore_address(pipeline->store), "stream", pipeline->group_name.data, NULL);
}

/* Records behind the end of the log as it was when the partition was assigned: a hint for the
 * progress line, not a metric. */
static int64_t left_to_read(const struct pipeline *pipeline)
{
	const struct partition_feed *feed;
	int64_t left = 0;

	TAILQ_FOREACH (feed, &pipeline->feeds, entry) {
		int64_t at = feed->mark.last >= 0 ? feed->mark.last + 1 : feed->partition->start;

		if (feed->end > at)
			left += feed->end - at;
	}
	return left;
}

static void progress(struct pipeline *pipeline, int64_t now_ms)
{
	const uint64_t *counts = pipeline->counts;
	int64_t elapsed_ms = now_ms - pipeline->last_progress_ms;
	struct outbox_stats stats;
	char line[256];
	double rate;

	if (!pipeline->on_terminal || elapsed_ms < PROGRESS_EVERY_MS)
		return;
	rate = (double)(counts[DELIVERED] - pipeline->last_delivered) * 1000 / (double)elapsed_ms;
	pipeline->rate = 0.7 * pipeline->rate + 0.3 * rate;
	pipeline->last_delivered = counts[DELIVERED];
	pipeline->last_progress_ms = now_ms;
	outbox_stats(pipeline->outbox, &stats);
	snprintf(line, sizeof(line),
		"%" PRIu64 " records: %" PRIu64 " appended, %" PRIu64 " there already, %" PRIu64
		" skipped, %zu waiting; %.0f/s, %" PRId64 " to read%s",
		counts[DELIVERED], counts[APPENDED], counts[DUPLICATE], counts[SKIPPED],
		stats.events, pipeline->rate, left_to_read(pipeline),
		stats.outage ? "; EventStoreDB is away" : "");
	log_progress(line);
}

static void log_counts(const struct pipeline *pipeline, const char *message)
{
	const uint64_t *counts = pipeline->counts;

	log_line(LOG_INFO, message, outcome_names[DELIVERED],
		log_number((long long)counts[DELIVERED]), outcome_names[APPENDED],
		log_number((long long)counts[APPENDED]), outcome_names[DUPLICATE],
		log_number((long long)counts[DUPLICATE]), outcome_names[SKIPPED],
		log_number((long long)counts[SKIPPED]), outcome_names[REFUSED],
		log_number((long long)counts[REFUSED]), outcome_names[DROPPED],
		log_number((long long)counts[DROPPED]), "in_flight",
		log_number((long long)pipeline->pending), NULL);
}

static void outage(struct pipeline *pipeline, const struct outbox_stats *stats, int64_t now_ms)
{
	if (stats->outage && !pipeline->was_outage)
		log_line(LOG_WARN, "outage begins", "address", eventstore_address(pipeline->store),
			"error", stats->last_failure, "waiting",
			log_number((long long)stats->events), NULL);
	else if (!stats->outage && pipeline->was_outage)
		log_line(LOG_WARN, "outage ends", "address", eventstore_address(pipeline->store),
			"seconds", log_number((long long)(now_ms - stats->outage_since_ms) / 1000),
			NULL);
	pipeline->was_outage = stats->outage;
}

static void trouble(struct pipeline *pipeline, const struct outbox_stats *stats)
{
	if (stats->streams_in_trouble > pipeline->was_in_trouble && !stats->outage)
		log_line(LOG_WARN, "stream in trouble, tried again until it works", "stream",
			stats->trouble_stream, "streams",
			log_number((long long)stats->streams_in_trouble), "error",
			stats->last_failure, NULL);
	pipeline->was_in_trouble = stats->streams_in_trouble;
	if (stats->foreign_partitions > 0 && !pipeline->foreign_warned) {
		log_line(LOG_WARN,
			"a stream is fed by a second partition: the partition count or the bytes "
			"of "
			"its key have changed; order between the partitions is not known",
			NULL);
		pipeline->foreign_warned = true;
	}
}

void report_turn(struct pipeline *pipeline, int64_t now_ms)
{
	struct outbox_stats stats;

	progress(pipeline, now_ms);
	if (now_ms - pipeline->last_tick_ms < PROGRESS_EVERY_MS)
		return;
	pipeline->last_tick_ms = now_ms;
	outbox_stats(pipeline->outbox, &stats);
	outage(pipeline, &stats, now_ms);
	trouble(pipeline, &stats);
	if (now_ms - pipeline->last_summary_ms < SUMMARY_EVERY_MS)
		return;
	pipeline->last_summary_ms = now_ms;
	log_counts(pipeline, "summary");
}

static void log_protocol(const struct pipeline *pipeline)
{
	struct outbox_stats stats;

	outbox_stats(pipeline->outbox, &stats);
	log_line(LOG_INFO, "protocol", "batches", log_number((long long)stats.batches), "guesses",
		log_number((long long)stats.guesses), "guesses_failed",
		log_number((long long)stats.guesses_failed), "checks",
		log_number((long long)stats.checks), "conflicts",
		log_number((long long)stats.conflicts), "resent",
		log_number((long long)stats.resent), "holes", log_number((long long)stats.holes),
		"recreated", log_number((long long)stats.recreated), NULL);
}

void report_end(struct pipeline *pipeline)
{
	size_t i;

	log_progress(NULL);
	for (i = 0; i < SKIP_REASONS && pipeline->skips[i].reason; i++)
		log_line(LOG_INFO, "skipped", "reason", pipeline->skips[i].reason, "records",
			log_number((long long)pipeline->skips[i].count), NULL);
	log_protocol(pipeline);
	log_counts(pipeline, "totals");
}
