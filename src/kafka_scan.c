/* A consumer that is assigned what it is told to read, and commits nothing. */
#include "kafka_scan.h"

#include <stdlib.h>
#include <string.h>

#include "kafka_internal.h"
#include "pattern.h"

#define SLICE_MS 250
/* How long a broker may stay silent in the middle. */
#define PATIENCE_MS 30000
#define MEMBERS_TIMEOUT_MS 5000

struct kafka_scan {
	rd_kafka_t *rk;
	struct kafka_extent *extents;
	size_t count, recent;
	bool *done;	/* read to its end */
	size_t pending; /* partitions that are not done */
	rd_kafka_message_t *current;
	struct kafka_headers headers;
	char trouble[512]; /* what a broker said last, or why it did not */
	bool hopeless;	   /* no broker can be reached, or none lets us in */
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_scan *scan = opaque;

	(void)rk;
	scan->hopeless |= code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
			  code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
	/* "All are down" says less than what the last of them said. */
	if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !scan->trouble[0])
		snprintf(scan->trouble, sizeof(scan->trouble), "%s", reason);
}

/* Nothing is committed here, and records that retention takes away meanwhile are no failure. */
static bool set_own(rd_kafka_conf_t *conf, struct error *error)
{
	static const struct kafka_property own[] = {{"enable.auto.commit", "false"},
		{"enable.partition.eof", "true"}, {"auto.offset.reset", "earliest"}};
	char why[512];
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (rd_kafka_conf_set(conf, own[i].name, own[i].value, why, sizeof(why)) !=
			RD_KAFKA_CONF_OK) {
			error_set(error, ERROR_INPUT, "kafka: %s: %s", own[i].name, why);
			return false;
		}
	}
	return true;
}

static bool open_library(
	struct kafka_scan *scan, const struct kafka_options *options, struct error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_new(options, error);
	char why[512];

	if (!conf)
		return false;
	if (set_own(conf, error)) {
		rd_kafka_conf_set_opaque(conf, scan);
		rd_kafka_conf_set_error_cb(conf, on_error);
		rd_kafka_conf_set_log_cb(conf, NULL);
		scan->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
		if (!scan->rk)
			error_set(error, ERROR_INPUT, "kafka: %s", why);
	}
	if (!scan->rk)
		rd_kafka_conf_destroy(conf);
	else
		rd_kafka_poll_set_consumer(scan->rk);
	return scan->rk != NULL;
}

/* Whether it is worth asking again; serves the library's callbacks. */
static bool goes_on(struct kafka_scan *scan, rd_kafka_resp_err_t code, int64_t until_ms)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(scan->rk, 0);

	if (message)
		rd_kafka_message_destroy(message);
	return code && !scan->hopeless && clock_ms() < until_ms;
}

static void no_answer(const struct kafka_scan *scan, rd_kafka_resp_err_t code, struct error *error)
{
	error_set(error, ERROR_RETRY, "kafka: no broker answers: %s",
		scan->trouble[0] ? scan->trouble : rd_kafka_err2str(code));
}

/* --- Topics --- */

static void add_extent(struct kafka_scan *scan, const char *topic, int32_t partition)
{
	scan->extents = xreallocarray(scan->extents, scan->count + 1, sizeof(*scan->extents));
	scan->extents[scan->count++] = (struct kafka_extent){
		.topic = xstrdup(topic), .partition = partition, .committed = KAFKA_NO_OFFSET};
}

static int by_topic(const void *a, const void *b)
{
	const struct kafka_extent *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static bool is_there(const struct kafka_scan *scan, const char *topic)
{
	size_t i;

	for (i = 0; i < scan->count; i++)
		if (strcmp(scan->extents[i].topic, topic) == 0)
			return true;
	return false;
}

static bool add_topics(struct kafka_scan *scan, const struct pattern_list *wanted,
	const struct rd_kafka_metadata *metadata, struct error *error)
{
	int i, j;

	for (i = 0; i < metadata->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];

		if (pattern_list_match(wanted, span_of(topic->topic)) < 0)
			continue;
		if (topic->err) {
			error_set(error, ERROR_REFUSED, "kafka: topic %s: %s%s", topic->topic,
				rd_kafka_err2str(topic->err), kafka_explain(topic->err));
			return false;
		}
		for (j = 0; j < topic->partition_cnt; j++)
			add_extent(scan, topic->topic, topic->partitions[j].id);
	}
	if (scan->count)
		qsort(scan->extents, scan->count, sizeof(*scan->extents), by_topic);
	return true;
}

static bool all_named_are_there(
	const struct kafka_scan *scan, const struct kafka_options *options, struct error *error)
{
	size_t i;

	for (i = 0; i < options->topic_count; i++) {
		if (options->topics[i][0] == '^' || is_there(scan, options->topics[i]))
			continue;
		error_set(error, ERROR_REFUSED,
			"kafka: there is no topic '%s', or this user may not see it",
			options->topics[i]);
		return false;
	}
	if (scan->count)
		return true;
	error_set(error, ERROR_REFUSED,
		"kafka: source.topics matches no topic; are the names right, may this user see "
		"them?");
	return false;
}

static bool find_topics(struct kafka_scan *scan, const struct kafka_options *options,
	int64_t until_ms, struct error *error)
{
	struct pattern_list *wanted =
		pattern_list_new(options->topics, options->topic_count, error);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;

	if (!wanted) {
		error_context(error, "source.topics");
		return false;
	}
	do
		code = rd_kafka_metadata(scan->rk, 1, NULL, &metadata, SLICE_MS);
	while (goes_on(scan, code, until_ms));
	if (code) {
		no_answer(scan, code, error);
	} else {
		if (add_topics(scan, wanted, metadata, error))
			all_named_are_there(scan, options, error);
		rd_kafka_metadata_destroy(metadata);
	}
	pattern_list_free(wanted);
	return error->kind == ERROR_NONE;
}

/* --- Offsets --- */

/* RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END of count extents; NULL and error. All of a
 * broker in one request; and unlike rd_kafka_query_watermark_offsets (2.0.2), this does not wait
 * without end for a broker that goes away meanwhile. */
static rd_kafka_topic_partition_list_t *ask_offsets(struct kafka_scan *scan,
	const struct kafka_extent *extents, size_t count, int64_t which, int64_t until_ms,
	struct error *error)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	rd_kafka_resp_err_t code;
	size_t i;

	for (i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, extents[i].topic, extents[i].partition);
	do {
		for (i = 0; i < count; i++)
			list->elems[i].offset = which;
		code = rd_kafka_offsets_for_times(scan->rk, list, 4 * SLICE_MS);
		for (i = 0; !code && i < count; i++)
			code = list->elems[i].err;
	} while (goes_on(scan, code, until_ms));
	if (!code)
		return list;
	rd_kafka_topic_partition_list_destroy(list);
	error_set(error, ERROR_RETRY,
		"kafka: where the partitions begin and end is not told: %s%s%s",
		rd_kafka_err2str(code), scan->trouble[0] ? "; " : "", scan->trouble);
	return NULL;
}

static bool find_ends(struct kafka_scan *scan, int64_t until_ms, struct error *error)
{
	rd_kafka_topic_partition_list_t *low, *high = NULL;
	size_t i;

	low = ask_offsets(
		scan, scan->extents, scan->count, RD_KAFKA_OFFSET_BEGINNING, until_ms, error);
	if (low)
		high = ask_offsets(
			scan, scan->extents, scan->count, RD_KAFKA_OFFSET_END, until_ms, error);
	for (i = 0; high && i < scan->count; i++) {
		struct kafka_extent *extent = &scan->extents[i];

		extent->from = extent->low = low->elems[i].offset;
		extent->to = extent->high = high->elems[i].offset;
	}
	if (low)
		rd_kafka_topic_partition_list_destroy(low);
	if (high)
		rd_kafka_topic_partition_list_destroy(high);
	return high != NULL;
}

static bool find_commits(struct kafka_scan *scan, int64_t until_ms, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)scan->count);
	rd_kafka_resp_err_t code;
	size_t i;

	for (i = 0; i < scan->count; i++)
		rd_kafka_topic_partition_list_add(
			list, scan->extents[i].topic, scan->extents[i].partition);
	do {
		code = rd_kafka_committed(scan->rk, list, 4 * SLICE_MS);
		for (i = 0; !code && i < scan->count; i++)
			code = list->elems[i].err;
	} while (goes_on(scan, code, until_ms));
	for (i = 0; !code && i < scan->count; i++)
		if (list->elems[i].offset >= 0)
			scan->extents[i].committed = list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
	if (code)
		error_set(error, ERROR_RETRY, "kafka: the group's committed offsets: %s%s",
			rd_kafka_err2str(code), kafka_explain(code));
	return !code;
}

struct kafka_scan *kafka_scan_new(
	const struct kafka_options *options, int timeout_ms, struct error *error)
{
	struct kafka_scan *scan = xcalloc(1, sizeof(*scan));
	int64_t until_ms = clock_ms() + timeout_ms;

	if (open_library(scan, options, error) && find_topics(scan, options, until_ms, error) &&
		find_commits(scan, until_ms, error) && find_ends(scan, until_ms, error)) {
		scan->done = xcalloc(scan->count, sizeof(*scan->done));
		return scan;
	}
	kafka_scan_free(scan);
	return NULL;
}

static void drop_current(struct kafka_scan *scan)
{
	if (scan->current)
		rd_kafka_message_destroy(scan->current);
	scan->current = NULL;
}

void kafka_scan_free(struct kafka_scan *scan)
{
	size_t i;

	if (!scan)
		return;
	drop_current(scan);
	if (scan->rk)
		rd_kafka_destroy_flags(scan->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	for (i = 0; i < scan->count; i++)
		free((char *)scan->extents[i].topic);
	free(scan->extents);
	free(scan->done);
	free(scan->headers.items);
	free(scan);
}

struct kafka_extent *kafka_scan_extents(struct kafka_scan *scan, size_t *count)
{
	*count = scan->count;
	return scan->extents;
}

int64_t kafka_scan_end(struct kafka_scan *scan, size_t extent, struct error *error)
{
	rd_kafka_topic_partition_list_t *list;
	int64_t end;

	scan->hopeless = false;
	list = ask_offsets(scan, &scan->extents[extent], 1, RD_KAFKA_OFFSET_END,
		clock_ms() + PATIENCE_MS, error);
	if (!list)
		return -1;
	end = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return end;
}

/* --- The group --- */

bool kafka_scan_members(
	struct kafka_scan *scan, const char *group, int *members, struct error *error)
{
	const struct rd_kafka_group_list *list = NULL;
	rd_kafka_resp_err_t code = rd_kafka_list_groups(scan->rk, group, &list, MEMBERS_TIMEOUT_MS);
	int i;

	*members = 0;
	for (i = 0; !code && i < list->group_cnt; i++) {
		code = list->groups[i].err;
		*members += list->groups[i].member_cnt;
	}
	if (list)
		rd_kafka_group_list_destroy(list);
	if (code)
		error_set(error, ERROR_RETRY, "kafka: the members of group %s: %s%s", group,
			rd_kafka_err2str(code), kafka_explain(code));
	return !code;
}

/* --- Records --- */

bool kafka_scan_start(struct kafka_scan *scan, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)scan->count);
	rd_kafka_resp_err_t code;
	size_t i;

	drop_current(scan);
	scan->pending = 0;
	for (i = 0; i < scan->count; i++) {
		const struct kafka_extent *extent = &scan->extents[i];

		scan->done[i] = extent->from >= extent->to;
		if (scan->done[i])
			continue;
		scan->pending++;
		rd_kafka_topic_partition_list_add(list, extent->topic, extent->partition)->offset =
			extent->from;
	}
	code = rd_kafka_assign(scan->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code)
		error_set(error, ERROR_FATAL, "kafka: %s", rd_kafka_err2str(code));
	return !code;
}

static bool is_of(const struct kafka_extent *extent, const rd_kafka_message_t *message)
{
	return extent->partition == message->partition &&
	       strcmp(extent->topic, rd_kafka_topic_name(message->rkt)) == 0;
}

/* count: of no partition. */
static size_t extent_of(struct kafka_scan *scan, const rd_kafka_message_t *message)
{
	size_t i = scan->recent;

	if (!message->rkt)
		return scan->count;
	if (!is_of(&scan->extents[i], message))
		for (i = 0; i < scan->count && !is_of(&scan->extents[i], message); i++)
			;
	scan->recent = i < scan->count ? i : 0;
	return i;
}

/* What a partition that is done still has is not fetched any more. Not by pausing it: a resume that
 * overtakes the next assignment would go on from where it was paused. */
static void end_partition(struct kafka_scan *scan, size_t i)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_error_t *ignored;

	if (scan->done[i])
		return;
	scan->done[i] = true;
	scan->pending--;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, scan->extents[i].topic, scan->extents[i].partition);
	ignored = rd_kafka_incremental_unassign(scan->rk, list);
	if (ignored)
		rd_kafka_error_destroy(ignored);
	rd_kafka_topic_partition_list_destroy(list);
}

static bool is_passing(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__TRANSPORT ||
	       code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
	       code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__RESOLVE;
}

/* Not a record: an end, or trouble. False: the error is final. */
static bool take_news(
	struct kafka_scan *scan, const rd_kafka_message_t *message, size_t i, struct error *error)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (i < scan->count)
			end_partition(scan, i);
		return true;
	}
	snprintf(scan->trouble, sizeof(scan->trouble), "%s", rd_kafka_message_errstr(message));
	if (is_passing(message->err))
		return true;
	error_set(error, ERROR_REFUSED, "kafka: %s/%d at offset %lld: %s%s",
		i < scan->count ? scan->extents[i].topic : "?", (int)message->partition,
		(long long)message->offset, scan->trouble, kafka_explain(message->err));
	return false;
}

/* True: a record of a partition that wants it. */
static bool take_record(struct kafka_scan *scan, size_t i)
{
	int64_t offset = scan->current->offset;

	if (i == scan->count || scan->done[i])
		return false;
	if (offset + 1 >= scan->extents[i].to)
		end_partition(scan, i);
	return offset >= scan->extents[i].from && offset < scan->extents[i].to;
}

enum kafka_scan_step kafka_scan_next(
	struct kafka_scan *scan, struct record *record, size_t *extent, struct error *error)
{
	int64_t until_ms = clock_ms() + PATIENCE_MS;

	while (scan->pending > 0) {
		drop_current(scan);
		scan->current = rd_kafka_consumer_poll(scan->rk, SLICE_MS);
		if ((!scan->current || scan->current->err) && clock_ms() > until_ms) {
			no_answer(scan, RD_KAFKA_RESP_ERR__TIMED_OUT, error);
			return KAFKA_SCAN_FAILED;
		}
		if (!scan->current)
			continue;
		*extent = extent_of(scan, scan->current);
		if (scan->current->err) {
			if (!take_news(scan, scan->current, *extent, error))
				return KAFKA_SCAN_FAILED;
		} else if (take_record(scan, *extent)) {
			kafka_fill_record(scan->current, &scan->headers, record);
			return KAFKA_SCAN_RECORD;
		}
	}
	return KAFKA_SCAN_END;
}
