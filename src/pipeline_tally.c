/* What is counted while records flow, for /metrics and the status page. */
#include "pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

const char *const outcome_names[OUTCOMES] = {
	"delivered", "appended", "duplicate", "skipped", "refused", "dropped"};

void tally_init(struct tally *tally)
{
	SLIST_INIT(&tally->topics);
}

void tally_clear(struct tally *tally)
{
	struct topic_tally *topic;
	struct table_tally *table;
	size_t at = 0;

	while ((topic = SLIST_FIRST(&tally->topics))) {
		SLIST_REMOVE_HEAD(&tally->topics, entry);
		free(topic->topic);
		free(topic);
	}
	while ((table = table_next(&tally->tables, &at)))
		free(table);
	table_clear(&tally->tables);
}

struct topic_tally *tally_topic(struct tally *tally, const char *topic)
{
	struct topic_tally *found, *before = NULL;

	SLIST_FOREACH (found, &tally->topics, entry) {
		int order = strcmp(found->topic, topic);

		if (order == 0)
			return found;
		if (order > 0)
			break;
		before = found;
	}
	found = xcalloc(1, sizeof(*found));
	found->topic = xstrdup(topic);
	if (before)
		SLIST_INSERT_AFTER(before, found, entry);
	else
		SLIST_INSERT_HEAD(&tally->topics, found, entry);
	return found;
}

void tally_outcome(struct pipeline *pipeline, struct partition_feed *feed, enum outcome outcome)
{
	pipeline->counts[outcome]++;
	feed->tally->counts[outcome]++;
}

/* Events come in runs of one table. Those without one are counted under "". */
static struct table_tally *table_of(struct tally *tally, struct span table)
{
	struct table_tally *found = tally->recent;

	if (!table.ptr)
		table = span_of("");
	if (found && span_equal(found->table, table))
		return found;
	found = table_get(&tally->tables, table);
	if (!found) {
		found = xcalloc(1, sizeof(*found) + table.len + 1);
		if (table.len)
			memcpy(found->text, table.ptr, table.len);
		found->table = (struct span){found->text, table.len};
		table_put(&tally->tables, found->table, found);
	}
	tally->recent = found;
	return found;
}

void tally_appended(struct tally *tally, const struct event *event, int64_t now_wall_ms)
{
	const char *op = event->op ? strchr(TALLY_OPS, event->op) : NULL;

	table_of(tally, event->table)->ops[op ? (size_t)(op - TALLY_OPS) : TALLY_OP_COUNT - 1]++;
	if (event->ts_ms >= 0)
		histogram_add(&tally->delay_ms, now_wall_ms - event->ts_ms);
}

void tally_request(struct tally *tally, const struct eventstore_result *result, int64_t now_wall_ms)
{
	if (result->kind != EVENTSTORE_APPEND)
		return;
	tally->appends[result->append]++;
	histogram_add(&tally->append_us, (int64_t)(result->seconds * 1e6));
	if (result->append == APPEND_WRITTEN)
		tally->success_wall_ms = now_wall_ms;
}
