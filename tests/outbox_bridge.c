#include "outbox_bridge.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_settle(void *user, struct event *event, enum settlement how, const char *reason)
{
	struct bridge *bridge = user;
	struct settled *settled;

	bridge->settled =
		xreallocarray(bridge->settled, bridge->count + 1, sizeof(*bridge->settled));
	settled = &bridge->settled[bridge->count++];
	*settled = (struct settled){how, event->offset, event->ticket.feed, ""};
	snprintf(settled->reason, sizeof(settled->reason), "%s", reason ? reason : "");
	event_free(event);
}

const struct outbox_options bridge_options = {
	.max_batch_events = 5,
	.max_batch_bytes = 1 << 20,
	.max_idle_streams = 100,
	.seed = 1,
};

void bridge_open(struct bridge *bridge, const struct outbox_options *options)
{
	struct outbox_options own = *options;

	*bridge = (struct bridge){.now_ms = 1000};
	own.settle = on_settle;
	own.user = bridge;
	bridge->outbox = outbox_new(&own);
}

void bridge_close(struct bridge *bridge)
{
	outbox_free(bridge->outbox);
	free(bridge->settled);
}

static void add_member(struct strbuf *text, const char *name, const char *value)
{
	strbuf_printf(text, ",\"%s\":", name);
	if (value)
		strbuf_add_json(text, span_of(value));
	else
		strbuf_add_text(text, "null");
}

static void metadata_of(const struct made *made, const struct feed *feed, struct strbuf *text)
{
	strbuf_printf(text, "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64, feed->topic,
		feed->partition, made->offset);
	strbuf_printf(text, made->op ? ",\"op\":\"%c\"" : ",\"op\":null", made->op);
	add_member(text, "source", "src");
	add_member(text, "table", made->table ? made->table : "t");
	add_member(text, "position", made->position);
	add_member(text, "txid", "7");
	strbuf_printf(text, ",\"kafka_ts\":%" PRId64, made->kafka_ts);
	if (feed->generation[0])
		add_member(text, "generation", feed->generation);
	strbuf_add_char(text, '}');
}

/* One after the other into event->text, each span set where it lies. */
static void put(struct event *event, struct span *span, size_t *at, const char *text)
{
	if (!text)
		return;
	*span = (struct span){event->text + *at, strlen(text)};
	memcpy(event->text + *at, text, span->len);
	*at += span->len;
}

struct event *bridge_event(const struct made *made, struct feed *feed)
{
	struct event *event = xcalloc(1, sizeof(*event) + 4096);
	struct strbuf body = {0}, metadata = {0};
	size_t at = 0;

	event_id_of_record(span_of(feed->generation), span_of(feed->topic), feed->partition,
		made->offset, event->id);
	metadata_of(made, feed, &metadata);
	strbuf_printf(&body,
		"{\"eventId\":\"%s\",\"eventType\":\"%c\",\"data\":{\"n\":%" PRId64
		"},\"metadata\":",
		event->id, made->op ? made->op : 'D', made->offset);
	put(event, &event->stream, &at, made->stream);
	put(event, &event->source, &at, "src");
	put(event, &event->table, &at, made->table ? made->table : "t");
	put(event, &event->position, &at, made->position);
	put(event, &event->txid, &at, "7");
	strbuf_add_span(&body, strbuf_span(&metadata));
	strbuf_add_char(&body, '}');
	put(event, &event->body, &at, body.data);
	event->metadata =
		(struct span){event->body.ptr + event->body.len - 1 - metadata.len, metadata.len};
	event->data.ptr = strstr(event->body.ptr, "{\"n\":");
	event->data.len = (size_t)(strchr(event->data.ptr, '}') + 1 - event->data.ptr);
	event->ticket.feed = feed;
	event->offset = made->offset;
	event->kafka_ts = made->kafka_ts;
	event->op = made->op;
	event->may_create = made->op == 'c' || made->op == 'r';
	event->unless_deleted = made->unless_deleted;
	event->sentinel = made->sentinel;
	strbuf_clear(&body);
	strbuf_clear(&metadata);
	return event;
}

void bridge_push(
	struct bridge *bridge, struct feed *feed, const char *stream, int64_t offset, char op)
{
	struct made made = {.stream = stream, .offset = offset, .op = op, .kafka_ts = offset};

	outbox_push(bridge->outbox, bridge_event(&made, feed));
}

bool bridge_step(struct bridge *bridge, struct fake_store *store)
{
	struct stored_event events[BRIDGE_PAGE];
	struct outbox_page page = {0};
	struct outbox_work work;
	int64_t first = -1, current = -1;
	int outcome;

	outbox_next(bridge->outbox, bridge->now_ms, &work);
	switch (work.action) {
	case OUTBOX_NOTHING:
		return false;
	case OUTBOX_APPEND:
		outcome = fake_append(store, &work, &first, &current);
		outbox_append_ended(bridge->outbox, work.stream, outcome, first, current, "stub",
			bridge->now_ms);
		break;
	case OUTBOX_READ:
		outcome = fake_read(store, &work, &page, events, BRIDGE_PAGE);
		outbox_read_ended(
			bridge->outbox, work.stream, outcome, &page, "stub", bridge->now_ms);
		break;
	case OUTBOX_PROBE:
		outbox_probed(bridge->outbox, true, "", bridge->now_ms);
		break;
	}
	return true;
}

int bridge_run(struct bridge *bridge, struct fake_store *store)
{
	int requests = 0;

	while (bridge_step(bridge, store))
		ck_assert_int_lt(++requests, 10000);
	return requests;
}

struct outbox_work bridge_next(struct bridge *bridge)
{
	struct outbox_work work;

	outbox_next(bridge->outbox, bridge->now_ms, &work);
	return work;
}

size_t bridge_settled_as(const struct bridge *bridge, enum settlement how)
{
	size_t i, count = 0;

	for (i = 0; i < bridge->count; i++)
		count += bridge->settled[i].how == how;
	return count;
}
