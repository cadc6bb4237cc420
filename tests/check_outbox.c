/* The append protocol against a store with the real rules: each answer's row by row, then random
 * runs with lost answers, crashes and a second instance, compared to an oracle. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store.h"
#include "outbox.h"
#include "../src/outbox_internal.h"

#define MAX_PAGE 200

/* --- A bridge without Kafka and network --- */

struct settled {
	enum settlement how;
	int64_t offset;
	const struct feed *feed;
	char reason[200];
};

struct bridge {
	struct outbox *outbox;
	struct settled *settled;
	size_t count;
	int64_t now_ms;
};

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

static const struct outbox_options default_options = {
	.max_batch_events = 5,
	.max_batch_bytes = 1 << 20,
	.max_idle_streams = 100,
	.seed = 1,
};

static void bridge_open(struct bridge *bridge, const struct outbox_options *options)
{
	struct outbox_options own = *options;

	*bridge = (struct bridge){.now_ms = 1000};
	own.settle = on_settle;
	own.user = bridge;
	bridge->outbox = outbox_new(&own);
}

static void bridge_close(struct bridge *bridge)
{
	outbox_free(bridge->outbox);
	free(bridge->settled);
}

struct made {
	const char *stream, *table, *position;
	int64_t offset, kafka_ts;
	char op;
	bool unless_deleted, sentinel;
};

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

static struct event *make_event(const struct made *made, struct feed *feed)
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

static void push(
	struct bridge *bridge, struct feed *feed, const char *stream, int64_t offset, char op)
{
	struct made made = {.stream = stream, .offset = offset, .op = op, .kafka_ts = offset};

	outbox_push(bridge->outbox, make_event(&made, feed));
}

/* One request, executed by the store and answered. False: nothing to do now. */
static bool step(struct bridge *bridge, struct fake_store *store)
{
	struct stored_event events[MAX_PAGE];
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
		outcome = fake_read(store, &work, &page, events, MAX_PAGE);
		outbox_read_ended(
			bridge->outbox, work.stream, outcome, &page, "stub", bridge->now_ms);
		break;
	case OUTBOX_PROBE:
		outbox_probed(bridge->outbox, true, "", bridge->now_ms);
		break;
	}
	return true;
}

static int run(struct bridge *bridge, struct fake_store *store)
{
	int requests = 0;

	while (step(bridge, store))
		ck_assert_int_lt(++requests, 10000);
	return requests;
}

/* The next request without executing it. */
static struct outbox_work next(struct bridge *bridge)
{
	struct outbox_work work;

	outbox_next(bridge->outbox, bridge->now_ms, &work);
	return work;
}

static size_t settled_as(const struct bridge *bridge, enum settlement how)
{
	size_t i, count = 0;

	for (i = 0; i < bridge->count; i++)
		count += bridge->settled[i].how == how;
	return count;
}

static struct feed feed_a = {.topic = "s.t", .generation = "", .partition = 0};
static struct feed feed_b = {.topic = "s.t", .generation = "", .partition = 1};

/* --- The answers, row by row --- */

START_TEST(new_row_costs_one_request)
{
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-1", 11, 'u');
	ck_assert_int_eq(run(&bridge, &store), 1);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 2);
	push(&bridge, &feed_a, "t-1", 12, 'd');
	ck_assert_int_eq(run(&bridge, &store), 1);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(an_update_first_is_never_guessed)
{
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'u');
	ck_assert_int_eq(next(&bridge).action, OUTBOX_READ);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(a_restart_adds_nothing)
{
	struct fake_store store = {0};
	struct bridge bridge;
	int round;
	int64_t offset;

	for (round = 0; round < 3; round++) {
		bridge_open(&bridge, &default_options);
		for (offset = 10; offset < 23; offset++)
			push(&bridge, &feed_a, "t-1", offset, offset == 10 ? 'c' : 'u');
		run(&bridge, &store);
		ck_assert_uint_eq(bridge.count, 13);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 13);
		bridge_close(&bridge);
	}
	/* From the middle, by an update: read back, found, nothing written. */
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 15, 'u');
	push(&bridge, &feed_a, "t-1", 23, 'u');
	run(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_DUPLICATE), 1);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 1);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 14);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* A retry is the same batch at the same version, whatever was queued meanwhile. */
START_TEST(a_retry_does_not_grow)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_work work;
	int64_t first, current;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	work = next(&bridge);
	ck_assert_uint_eq(work.count, 1);
	fake_append(&store, &work, &first, &current); /* written, the answer is lost */
	push(&bridge, &feed_a, "t-1", 11, 'u');
	outbox_append_ended(
		bridge.outbox, work.stream, APPEND_UNKNOWN, -1, -1, "lost", bridge.now_ms);
	ck_assert_int_eq(next(&bridge).action, OUTBOX_NOTHING);
	ck_assert_int_gt(outbox_due_ms(bridge.outbox), bridge.now_ms);
	bridge.now_ms = outbox_due_ms(bridge.outbox);
	work = next(&bridge);
	ck_assert_int_eq(work.action, OUTBOX_APPEND);
	ck_assert_uint_eq(work.count, 1);
	ck_assert_int_eq(work.expected, -1);
	fake_append(&store, &work, &first, &current);
	outbox_append_ended(
		bridge.outbox, work.stream, APPEND_WRITTEN, first, -1, "", bridge.now_ms);
	run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(foreign_events_and_links_are_read_across)
{
	struct fake_store store = {0};
	struct bridge bridge;
	char id[37];

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	run(&bridge, &store);
	bridge_close(&bridge);
	fake_append_foreign(&store, "t-1", "11111111-1111-1111-1111-111111111111", NULL, "{}");
	/* A link whose target carries our id and metadata is not ours: it stands elsewhere. */
	event_id_of_record(span_of(""), span_of("s.t"), 0, 11, id);
	fake_append_foreign(&store, "t-1", id, "other-1",
		"{\"topic\":\"s.t\",\"partition\":0,\"offset\":11,\"kafka_ts\":11,\"op\":\"u\"}");
	/* Our metadata under another id proves nothing. */
	fake_append_foreign(&store, "t-1", "22222222-2222-2222-2222-222222222222", NULL,
		"{\"topic\":\"s.t\",\"partition\":0,\"offset\":99,\"kafka_ts\":99,\"op\":\"u\"}");
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-1", 11, 'u');
	run(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_DUPLICATE), 1);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 1);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 5);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(a_second_partition_is_checked_first)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_stats stats;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	run(&bridge, &store);
	push(&bridge, &feed_b, "t-1", 3, 'u');
	ck_assert_int_eq(next(&bridge).action, OUTBOX_READ);
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_eq(stats.foreign_partitions, 1);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* Offset 11 was jumped over once; 12 is there. */
static void leave_a_hole(struct fake_store *store)
{
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-1", 12, 'u');
	run(&bridge, store);
	bridge_close(&bridge);
}

START_TEST(a_hole_is_refused_and_halts_its_stream)
{
	struct fake_store store = {0};
	struct bridge bridge;

	leave_a_hole(&store);
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 11, 'u');
	push(&bridge, &feed_a, "t-1", 12, 'u');
	push(&bridge, &feed_a, "t-1", 13, 'u');
	run(&bridge, &store);
	ck_assert_uint_eq(bridge.count, 1);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_REFUSED);
	ck_assert_ptr_nonnull(strstr(bridge.settled[0].reason, "on_hole"));
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(a_hole_may_be_filled_late_and_once)
{
	struct outbox_options options = default_options;
	struct fake_store store = {0};
	struct bridge bridge;
	int round;

	options.append_holes = true;
	leave_a_hole(&store);
	for (round = 0; round < 3; round++) {
		bridge_open(&bridge, &options);
		push(&bridge, &feed_a, "t-1", 11, 'u');
		push(&bridge, &feed_a, "t-1", 12, 'u');
		push(&bridge, &feed_a, "t-1", 13, 'u');
		run(&bridge, &store);
		ck_assert_uint_eq(bridge.count, 3);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 4);
		bridge_close(&bridge);
	}
	ck_assert_ptr_nonnull(
		strstr(fake_stream(&store, span_of("t-1"))->events[2].body, ",\"late\":true}}"));
	fake_clear(&store);
}
END_TEST

START_TEST(a_refused_batch_is_halved_down_to_the_one)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct stored_event events[MAX_PAGE];
	int64_t offset;
	int guard = 0;

	bridge_open(&bridge, &default_options);
	for (offset = 10; offset < 15; offset++)
		push(&bridge, &feed_a, "t-1", offset, offset == 10 ? 'c' : 'u');
	while (settled_as(&bridge, SETTLED_REFUSED) == 0) {
		struct outbox_work work = next(&bridge);
		struct outbox_page page = {0};
		int64_t first = -1, current = -1;
		size_t i;
		int outcome;

		ck_assert_int_lt(++guard, 100);
		if (work.action == OUTBOX_READ) {
			outcome = fake_read(&store, &work, &page, events, MAX_PAGE);
			outbox_read_ended(bridge.outbox, work.stream, outcome, &page, "", 1000);
			continue;
		}
		ck_assert_int_eq(work.action, OUTBOX_APPEND);
		for (outcome = APPEND_WRITTEN, i = 0; i < work.count; i++)
			if (strstr(work.bodies[i].ptr, "\"offset\":13,"))
				outcome = APPEND_REFUSED;
		if (outcome == APPEND_WRITTEN)
			outcome = fake_append(&store, &work, &first, &current);
		outbox_append_ended(
			bridge.outbox, work.stream, outcome, first, current, "bad", 1000);
	}
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 3);
	ck_assert_int_eq(bridge.settled[3].offset, 13);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* A proxy that answers 400 to everything must not cost a single record. */
START_TEST(refusals_of_many_streams_are_an_outage)
{
	struct bridge bridge;
	struct outbox_stats stats;
	char name[16];
	int i;

	bridge_open(&bridge, &default_options);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		push(&bridge, &feed_a, name, 10 + i, 'c');
	}
	for (i = 0; i < 2000; i++) {
		struct outbox_work work = next(&bridge);

		bridge.now_ms += 50;
		if (work.action == OUTBOX_APPEND)
			outbox_append_ended(bridge.outbox, work.stream, APPEND_REFUSED, -1, -1,
				"no", bridge.now_ms);
		else if (work.action == OUTBOX_READ)
			outbox_read_ended(
				bridge.outbox, work.stream, READ_FAILED, NULL, "no", bridge.now_ms);
		else if (work.action == OUTBOX_PROBE)
			outbox_probed(bridge.outbox, false, "no", bridge.now_ms);
	}
	ck_assert_uint_eq(bridge.count, 0);
	outbox_stats(bridge.outbox, &stats);
	ck_assert(stats.outage);
	ck_assert_uint_eq(stats.events, 8);
	bridge_close(&bridge);
}
END_TEST

START_TEST(an_outage_sends_one_request_at_a_time_and_ends_by_itself)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_stats stats;
	char name[16];
	int i, requests = 0;

	bridge_open(&bridge, &default_options);
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		push(&bridge, &feed_a, name, 10 + i, 'c');
	}
	for (i = 0; i < 1000; i++) {
		struct outbox_work work = next(&bridge);

		bridge.now_ms += 10;
		requests += work.action != OUTBOX_NOTHING;
		if (work.action == OUTBOX_APPEND)
			outbox_append_ended(bridge.outbox, work.stream, APPEND_UNKNOWN, -1, -1,
				"refused connection", bridge.now_ms);
		else if (work.action == OUTBOX_PROBE)
			outbox_probed(bridge.outbox, false, "refused connection", bridge.now_ms);
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert(stats.outage);
	ck_assert_str_eq(stats.last_failure, "refused connection");
	ck_assert_int_lt(requests, 200);
	for (i = 0; i < 100000 && bridge.count < 50; i++, bridge.now_ms += 10)
		step(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 50);
	outbox_stats(bridge.outbox, &stats);
	ck_assert(!stats.outage);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(one_stream_in_trouble_is_no_outage)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_stats stats;
	int i;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-denied", 1, 'c');
	for (i = 0; i < 500; i++) {
		struct outbox_work work;
		char name[16];
		int64_t first, current;
		int outcome;

		snprintf(name, sizeof(name), "t-%d", i);
		push(&bridge, &feed_a, name, 10 + i, 'c');
		while ((work = next(&bridge)).action == OUTBOX_APPEND) {
			outcome = APPEND_DENIED;
			if (!span_is(work.name, "t-denied"))
				outcome = fake_append(&store, &work, &first, &current);
			outbox_append_ended(bridge.outbox, work.stream, outcome, first, current,
				"401", bridge.now_ms);
		}
		bridge.now_ms += 100;
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert(!stats.outage);
	ck_assert_uint_eq(stats.streams_in_trouble, 1);
	ck_assert_str_eq(stats.trouble_stream, "t-denied");
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 500);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(two_tables_do_not_share_a_stream)
{
	struct made other = {.stream = "t-1", .table = "u", .offset = 11, .op = 'c', .kafka_ts = 1};
	struct outbox_options options = default_options;
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	outbox_push(bridge.outbox, make_event(&other, &feed_a));
	run(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 1);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_REFUSED), 1);
	ck_assert_ptr_nonnull(strstr(bridge.settled[1].reason, "{schema}.{table}-{key}"));
	bridge_close(&bridge);
	options.shared_streams = true;
	bridge_open(&bridge, &options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	outbox_push(bridge.outbox, make_event(&other, &feed_a));
	run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(ddl_of_two_tables_shares_a_stream)
{
	struct made other = {.stream = "~schema-a:db", .table = "u", .offset = 11, .kafka_ts = 1};
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "~schema-a:db", 10, 0);
	outbox_push(bridge.outbox, make_event(&other, &feed_a));
	run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("~schema-a:db"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(a_delete_too_many_is_left_out)
{
	struct made tombstone = {
		.stream = "t-1", .offset = 12, .op = 'd', .kafka_ts = 12, .unless_deleted = true};
	struct fake_store store = {0};
	struct bridge bridge;
	int round;

	for (round = 0; round < 2; round++) {
		bridge_open(&bridge, &default_options);
		push(&bridge, &feed_a, "t-1", 10, 'c');
		push(&bridge, &feed_a, "t-1", 11, 'd');
		outbox_push(bridge.outbox, make_event(&tombstone, &feed_a));
		run(&bridge, &store);
		ck_assert_uint_eq(settled_as(&bridge, SETTLED_SKIPPED), 1);
		bridge_close(&bridge);
	}
	/* Read again with a later event behind it, it is no hole. */
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 13, 'c');
	run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &default_options);
	outbox_push(bridge.outbox, make_event(&tombstone, &feed_a));
	push(&bridge, &feed_a, "t-1", 13, 'c');
	run(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_SKIPPED), 1);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_DUPLICATE), 1);
	bridge_close(&bridge);
	/* Of a row whose delete was never seen it is all that tells. */
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-2", 20, 'c');
	tombstone.stream = "t-2";
	tombstone.offset = 21;
	outbox_push(bridge.outbox, make_event(&tombstone, &feed_a));
	run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-2"))->count, 2);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* Another partition's event between a delete and its tombstone changes nothing, sent or read back.
 */
START_TEST(a_delete_too_many_is_judged_by_its_own_partition)
{
	struct made tombstone = {
		.stream = "t-1", .offset = 12, .op = 'd', .kafka_ts = 12, .unless_deleted = true};
	struct fake_store store = {0};
	struct bridge bridge;
	int round;

	for (round = 0; round < 3; round++) {
		bridge_open(&bridge, &default_options);
		push(&bridge, &feed_a, "t-1", 10, 'c');
		push(&bridge, &feed_a, "t-1", 11, 'd');
		push(&bridge, &feed_b, "t-1", 5, 'u');
		if (round == 1)
			run(&bridge, &store);
		outbox_push(bridge.outbox, make_event(&tombstone, &feed_a));
		run(&bridge, &store);
		ck_assert_uint_eq(settled_as(&bridge, SETTLED_SKIPPED), 1);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 3);
		bridge_close(&bridge);
	}
	fake_clear(&store);
}
END_TEST

START_TEST(another_record_under_our_id_stops_everything)
{
	struct made again = {.stream = "t-1", .offset = 10, .op = 'u', .kafka_ts = 777};
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &default_options);
	outbox_push(bridge.outbox, make_event(&again, &feed_a));
	run(&bridge, &store);
	ck_assert_ptr_nonnull(outbox_error(bridge.outbox));
	ck_assert_ptr_nonnull(strstr(outbox_error(bridge.outbox)->text, "generation"));
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(an_older_generation_ends_the_reading)
{
	struct feed again = {.topic = "s.t", .generation = "2", .partition = 0};
	struct fake_store store = {0};
	struct bridge bridge;
	int64_t offset;

	bridge_open(&bridge, &default_options);
	for (offset = 0; offset < 60; offset++)
		push(&bridge, &feed_a, "t-1", offset, offset ? 'u' : 'c');
	run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &default_options);
	push(&bridge, &again, "t-1", 0, 'u');
	ck_assert_int_eq(run(&bridge, &store), 2); /* one page of one event, one append */
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 61);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(truncated_streams_go_on_where_they_are)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct fake_stream *stream;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-1", 11, 'u');
	run(&bridge, &store);
	bridge_close(&bridge);
	stream = fake_stream(&store, span_of("t-1"));
	stream->truncate_before = 2; /* all of it expired: the page is empty, the ETag says 1 */
	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 12, 'u');
	run(&bridge, &store);
	ck_assert_uint_eq(stream->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

static void delete_softly(struct fake_store *store)
{
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-1", 11, 'd');
	run(&bridge, store);
	bridge_close(&bridge);
	fake_stream(store, span_of("t-1"))->soft_deleted = true;
}

START_TEST(soft_deleted_streams_follow_the_policy)
{
	static const struct {
		enum on_deleted policy;
		enum settlement how;
		size_t count;
	} cases[] = {
		{ON_DELETED_RECREATE, SETTLED_APPENDED, 3},
		{ON_DELETED_SKIP, SETTLED_SKIPPED, 2},
		{ON_DELETED_REFUSE, SETTLED_REFUSED, 2},
	};
	struct outbox_options options = default_options;
	const char ops[] = "cu";
	size_t i;

	for (i = 0; i < 6; i++) {
		struct fake_store store = {0};
		struct bridge bridge;

		delete_softly(&store);
		options.on_deleted = cases[i % 3].policy;
		bridge_open(&bridge, &options);
		push(&bridge, &feed_a, "t-1", 12, ops[i / 3]);
		run(&bridge, &store);
		ck_assert_uint_eq(bridge.count, 1);
		ck_assert_int_eq(bridge.settled[0].how, cases[i % 3].how);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, cases[i % 3].count);
		bridge_close(&bridge);
		fake_clear(&store);
	}
}
END_TEST

START_TEST(tombstoned_streams_are_refused_or_skipped)
{
	struct outbox_options options = default_options;
	struct fake_store store = {0};
	struct bridge bridge;

	fake_stream(&store, span_of("t-1"))->tombstoned = true;
	bridge_open(&bridge, &options);
	push(&bridge, &feed_a, "t-1", 12, 'u');
	run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_REFUSED);
	bridge_close(&bridge);
	options.on_deleted = ON_DELETED_SKIP;
	bridge_open(&bridge, &options);
	push(&bridge, &feed_a, "t-1", 12, 'c');
	push(&bridge, &feed_a, "t-1", 13, 'u');
	run(&bridge, &store);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_SKIPPED), 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(sentinels_are_looked_for_and_never_sent)
{
	struct made sentinel = {
		.stream = "t-1", .offset = 10, .op = 'c', .kafka_ts = 10, .sentinel = true};
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &default_options);
	outbox_push(bridge.outbox, make_event(&sentinel, &feed_a));
	run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_ABSENT);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &default_options);
	outbox_push(bridge.outbox, make_event(&sentinel, &feed_a));
	run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_PRESENT);
	bridge_close(&bridge);
	/* Deleted, it cannot tell any more. */
	fake_stream(&store, span_of("t-1"))->soft_deleted = true;
	bridge_open(&bridge, &default_options);
	outbox_push(bridge.outbox, make_event(&sentinel, &feed_a));
	run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_PRESENT);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 1);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(a_revoke_drops_what_was_never_sent)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_work work;
	struct outbox_stats stats;

	bridge_open(&bridge, &default_options);
	push(&bridge, &feed_a, "t-1", 10, 'c');
	push(&bridge, &feed_a, "t-2", 11, 'c');
	work = next(&bridge);
	push(&bridge, &feed_a, "t-1", 12, 'u');
	outbox_drop(bridge.outbox, &feed_a, false);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_DROPPED), 2);
	outbox_append_ended(bridge.outbox, work.stream, APPEND_WRITTEN, 0, -1, "", 1000);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 1);
	outbox_forget(bridge.outbox, &feed_a);
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_eq(stats.streams, 0);
	/* Lost while on the wire: whatever is answered then is no news of ours. */
	push(&bridge, &feed_a, "t-3", 13, 'c');
	work = next(&bridge);
	outbox_drop(bridge.outbox, &feed_a, true);
	outbox_forget(bridge.outbox, &feed_a);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_DROPPED), 3);
	push(&bridge, &feed_b, "t-3", 1, 'u');
	outbox_append_ended(bridge.outbox, work.stream, APPEND_WRITTEN, 0, -1, "", 1000);
	ck_assert_int_eq(next(&bridge).action, OUTBOX_READ);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(idle_streams_are_forgotten_in_time)
{
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_stats stats;
	char name[32];
	int i;

	bridge_open(&bridge, &default_options);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		push(&bridge, &feed_a, name, i, 'c');
		run(&bridge, &store);
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_le(stats.streams, default_options.max_idle_streams + 1);
	ck_assert_uint_eq(stats.events, 0);
	ck_assert_uint_eq(stats.bytes, 0);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(guessing_stops_while_guesses_fail)
{
	struct outbox_options options = default_options;
	struct fake_store store = {0};
	struct bridge bridge;
	struct outbox_stats stats;
	char name[32];
	int i;

	options.max_idle_streams = 0;
	for (i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		fake_append_foreign(
			&store, name, "11111111-1111-1111-1111-111111111111", NULL, "{}");
	}
	bridge_open(&bridge, &options);
	for (i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		push(&bridge, &feed_a, name, i, 'r');
		run(&bridge, &store);
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_eq(settled_as(&bridge, SETTLED_APPENDED), 400);
	ck_assert_uint_lt(stats.guesses_failed, 20);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* --- dedupe = source --- */

static void push_at(struct bridge *bridge, int64_t offset, char op, const char *position)
{
	struct made made = {.stream = "t-1",
		.offset = offset,
		.op = op,
		.kafka_ts = offset,
		.position = position};

	outbox_push(bridge->outbox, make_event(&made, &feed_a));
}

START_TEST(positions_compare_part_by_part)
{
	static const struct {
		const char *smaller, *larger;
	} cases[] = {
		{"9:10", "10:1"},
		{"10:9", "10:10"},
		{":5", "1:5"},
		{"1:mysql-bin.000009:4:0", "1:mysql-bin.000010:4:0"},
		{"1:mysql-bin.999999:4:0", "1:mysql-bin.1000000:4:0"},
		{"31274784:31275032", "31274784:31275040"},
		{"00000025:00000d98:00a2", "00000025:00000d98:00a3"},
		{"1:2", "1:2:0"},
		{"007", "8"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span a = span_of(cases[i].smaller), b = span_of(cases[i].larger);

		ck_assert_msg(position_compare(a, b) < 0, "%s", cases[i].smaller);
		ck_assert_msg(position_compare(b, a) > 0, "%s", cases[i].smaller);
		ck_assert_int_eq(position_compare(a, a), 0);
	}
}
END_TEST

/* Three changes, then the last two again at new offsets: in one queue, one after the other, or by
 * a bridge that has just started. data is {"n":offset} here, so key and images are absent in all:
 * what tells changes apart is position, transaction and op. */
START_TEST(repeats_of_the_source_are_folded)
{
	struct outbox_options options = default_options;
	int variant;

	options.dedupe_source = true;
	for (variant = 0; variant < 3; variant++) {
		struct fake_store store = {0};
		struct bridge bridge;

		bridge_open(&bridge, &options);
		push_at(&bridge, 1, 'c', "5:10");
		push_at(&bridge, 2, 'u', "5:20");
		push_at(&bridge, 3, 'u', "5:30");
		if (variant > 0)
			run(&bridge, &store);
		if (variant == 2) {
			bridge_close(&bridge);
			bridge_open(&bridge, &options);
		}
		push_at(&bridge, 4, 'u', "5:20");
		push_at(&bridge, 5, 'u', "5:30");
		push_at(&bridge, 6, 'd', "5:30"); /* the same position, another op: no repeat */
		push_at(&bridge, 7, 'u', "5:40");
		run(&bridge, &store);
		ck_assert_msg(settled_as(&bridge, SETTLED_DUPLICATE) == 2, "variant %d", variant);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 5);
		bridge_close(&bridge);
		fake_clear(&store);
	}
}
END_TEST

START_TEST(without_a_position_nothing_is_folded)
{
	struct outbox_options options = default_options;
	struct fake_store store = {0};
	struct bridge bridge;

	options.dedupe_source = true;
	bridge_open(&bridge, &options);
	push_at(&bridge, 1, 'r', NULL);
	push_at(&bridge, 2, 'r', NULL);
	run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

/* --- Random runs: two instances, two partitions, lost answers, crashes --- */

#define ROWS 6
#define RECORDS 60

struct flight {
	struct outbox_work work;
	char name[64];
	int bridge;
	unsigned epoch; /* of the bridge: answers to a crashed one reach nobody */
	bool executed;
	enum append_outcome outcome;
	int64_t first, current;
	struct span bodies[8];
};

struct instance {
	struct bridge bridge;
	struct feed feeds[2];
	bool owns[2];
	int64_t next[2]; /* offset to deliver */
	unsigned epoch;
};

struct world {
	struct fake_store store;
	struct instance instances[2];
	int64_t committed[2];
	struct flight flights[8];
	size_t flight_count;
	unsigned seed;
	uint64_t lost_after, crashes, moved, zombies;
};

static unsigned dice(struct world *world, unsigned sides)
{
	return (unsigned)rand_r(&world->seed) % sides;
}

/* Row r lives in partition r % 2, but the last row is fed by both. */
static const char *row_of(int partition, int64_t offset)
{
	static const char *const names[] = {"t-0", "t-1", "t-2", "t-3", "t-4", "t-5"};
	unsigned mixed = (unsigned)offset * 2654435761u;

	if (mixed % 5 == 0)
		return names[ROWS - 1];
	return names[(mixed >> 8) % 2 * 2 + (unsigned)partition];
}

static char op_of(int64_t offset)
{
	return offset % 11 == 0 ? 'c' : offset % 7 == 0 ? 'd' : 'u';
}

static void open_instance(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	struct outbox_options options = default_options;
	int p;

	options.seed = world->seed;
	bridge_open(&instance->bridge, &options);
	for (p = 0; p < 2; p++)
		instance->feeds[p] =
			(struct feed){.topic = "s.t", .generation = "", .partition = p};
	instance->owns[0] = instance->owns[1] = false;
	instance->epoch++;
}

static void assign(struct world *world, int which, int partition)
{
	struct instance *instance = &world->instances[which];

	/* A zombie learns that it had lost the partition before it gets it again. */
	outbox_drop(instance->bridge.outbox, &instance->feeds[partition], true);
	outbox_forget(instance->bridge.outbox, &instance->feeds[partition]);
	instance->owns[partition] = true;
	instance->next[partition] = world->committed[partition];
}

/* Everything settled up to here, without a gap. Only an owner commits: Kafka fences the others. */
static void commit(struct world *world)
{
	int i, p;

	for (i = 0; i < 2; i++)
		for (p = 0; p < 2; p++) {
			struct instance *instance = &world->instances[i];
			int64_t at = world->committed[p];
			size_t k;
			bool again = true;

			if (!instance->owns[p])
				continue;
			while (again)
				for (again = false, k = 0; k < instance->bridge.count; k++) {
					struct settled *s = &instance->bridge.settled[k];

					if (s->feed == &instance->feeds[p] && s->offset == at &&
						s->how != SETTLED_DROPPED) {
						at++;
						again = true;
						break;
					}
				}
			world->committed[p] = at;
		}
}

static void crash(struct world *world, int which)
{
	world->crashes++;
	bridge_close(&world->instances[which].bridge);
	open_instance(world, which);
}

/* The partition moves; half of the time the old owner does not notice and stays a zombie. */
static void rebalance(struct world *world, int partition)
{
	int from = world->instances[0].owns[partition] ? 0 : 1;
	struct instance *old = &world->instances[from];

	world->moved++;
	if (!old->owns[partition]) {
		assign(world, (int)dice(world, 2), partition);
		return;
	}
	old->owns[partition] = false;
	if (dice(world, 2)) {
		outbox_drop(old->bridge.outbox, &old->feeds[partition], true);
		outbox_forget(old->bridge.outbox, &old->feeds[partition]);
	} else {
		world->zombies++;
	}
	assign(world, 1 - from, partition);
}

static void deliver(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	int p = (int)dice(world, 2);
	int64_t offset = instance->next[p];

	if (!instance->owns[p] || offset >= RECORDS)
		return;
	instance->next[p]++;
	push(&instance->bridge, &instance->feeds[p], row_of(p, offset), offset, op_of(offset));
}

static void send(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	struct flight *flight = &world->flights[world->flight_count];
	struct outbox_work *work = &flight->work;
	size_t i;

	if (world->flight_count == 8)
		return;
	*flight = (struct flight){.bridge = which, .epoch = instance->epoch};
	outbox_next(instance->bridge.outbox, instance->bridge.now_ms, work);
	if (work->action == OUTBOX_NOTHING)
		return;
	snprintf(flight->name, sizeof(flight->name), "%.*s", SPAN_ARG(work->name));
	work->name = span_of(flight->name);
	for (i = 0; work->action == OUTBOX_APPEND && i < work->count; i++)
		flight->bodies[i] = (struct span){
			xstrndup(work->bodies[i].ptr, work->bodies[i].len), work->bodies[i].len};
	work->bodies = flight->bodies;
	world->flight_count++;
}

static void answer_append(struct world *world, struct flight *flight, struct bridge *bridge)
{
	int64_t now_ms = bridge->now_ms;

	if (dice(world, 4) == 0) {
		world->lost_after += flight->executed;
		outbox_append_ended(bridge->outbox, flight->work.stream, APPEND_UNKNOWN, -1, -1,
			"lost", now_ms);
		/* The request may still be on its way and be executed later: 20.10 does that. */
		return;
	}
	if (!flight->executed)
		flight->outcome =
			fake_append(&world->store, &flight->work, &flight->first, &flight->current);
	flight->executed = true;
	outbox_append_ended(bridge->outbox, flight->work.stream, flight->outcome, flight->first,
		flight->current, "", now_ms);
}

static void answer_other(struct world *world, struct flight *flight, struct bridge *bridge)
{
	struct stored_event events[MAX_PAGE];
	struct outbox_page page = {0};
	enum read_outcome outcome = READ_FAILED;

	if (flight->work.action == OUTBOX_PROBE) {
		outbox_probed(bridge->outbox, dice(world, 2), "", bridge->now_ms);
		return;
	}
	if (dice(world, 5))
		outcome = fake_read(&world->store, &flight->work, &page, events, MAX_PAGE);
	outbox_read_ended(
		bridge->outbox, flight->work.stream, outcome, &page, "lost", bridge->now_ms);
}

static void land(struct world *world, size_t at)
{
	struct flight flight = world->flights[at];
	struct instance *instance = &world->instances[flight.bridge];
	bool reaches = flight.epoch == instance->epoch;
	size_t i;

	world->flights[at] = world->flights[--world->flight_count];
	flight.work.bodies = flight.bodies;
	flight.work.name = span_of(flight.name);
	if (reaches && flight.work.action == OUTBOX_APPEND)
		answer_append(world, &flight, &instance->bridge);
	else if (reaches)
		answer_other(world, &flight, &instance->bridge);
	/* Sent by a crashed bridge, or answered as lost: it may still be written, or never. */
	if (flight.work.action == OUTBOX_APPEND) {
		if (!flight.executed && dice(world, 2))
			fake_append(&world->store, &flight.work, &flight.first, &flight.current);
		for (i = 0; i < flight.work.count; i++)
			free((char *)flight.bodies[i].ptr);
	}
}

static void happen(struct world *world, bool faults)
{
	int which = (int)dice(world, 2);
	struct instance *instance = &world->instances[which];
	unsigned what = dice(world, faults ? 100 : 90);

	instance->bridge.now_ms += dice(world, 100);
	if (what < 30) {
		deliver(world, which);
	} else if (what < 60) {
		send(world, which);
	} else if (what < 88) {
		if (world->flight_count > 0) {
			size_t at = dice(world, (unsigned)world->flight_count);

			/* Executed at once, answered later: a zombie's append can come between. */
			if (!world->flights[at].executed &&
				world->flights[at].work.action == OUTBOX_APPEND && dice(world, 2)) {
				struct flight *flight = &world->flights[at];

				flight->work.bodies = flight->bodies;
				flight->work.name = span_of(flight->name);
				flight->outcome = fake_append(&world->store, &flight->work,
					&flight->first, &flight->current);
				flight->executed = true;
			} else {
				land(world, at);
			}
		}
	} else if (what < 90) {
		commit(world);
	} else if (what < 92) {
		crash(world, which);
	} else if (what < 95) {
		rebalance(world, (int)dice(world, 2));
	}
}

/* Each partition's events once each, in offset order, every one of them. */
static void compare_to_oracle(struct world *world, unsigned seed)
{
	int64_t expected_next[ROWS][2] = {{0}};
	size_t found = 0;
	int row;

	for (row = 0; row < ROWS; row++) {
		char name[16];
		struct fake_stream *stream;
		size_t i;

		snprintf(name, sizeof(name), "t-%d", row);
		stream = fake_stream(&world->store, span_of(name));
		for (i = 0; i < stream->count; i++) {
			const struct js_doc *doc = &stream->events[i].doc;
			uint32_t metadata = js_member(doc, 0, "metadata");
			int64_t p = -1, offset = -1;

			span_to_int64(js_text(doc, js_member(doc, metadata, "partition")), &p);
			span_to_int64(js_text(doc, js_member(doc, metadata, "offset")), &offset);
			ck_assert_msg(offset >= expected_next[row][p],
				"seed %u: %s has %" PRId64 " of partition %" PRId64
				" twice or out of order",
				seed, name, offset, p);
			ck_assert_str_eq(row_of((int)p, offset), name);
			expected_next[row][p] = offset + 1;
			found++;
		}
	}
	ck_assert_msg(found == 2 * RECORDS, "seed %u: %zu events instead of %d", seed, found,
		2 * RECORDS);
}

START_TEST(random_runs_leave_every_event_once_and_in_order)
{
	static uint64_t lost_after, crashes, moved, zombies;
	unsigned seed, first = (unsigned)_i * 200 + 1;

	for (seed = first; seed < first + 200; seed++) {
		struct world world = {.seed = seed};
		int i;

		open_instance(&world, 0);
		open_instance(&world, 1);
		for (i = 0; i < 3000; i++)
			happen(&world, true);
		/* The faults stop; each partition has an owner again. */
		for (i = 0; i < 2; i++)
			if (!world.instances[0].owns[i] && !world.instances[1].owns[i])
				assign(&world, 0, i);
		for (i = 0;
			i < 400000 && (world.committed[0] < RECORDS ||
					      world.committed[1] < RECORDS || world.flight_count);
			i++)
			happen(&world, false);
		ck_assert_msg(world.committed[0] == RECORDS && world.committed[1] == RECORDS,
			"seed %u: no progress, committed %" PRId64 " and %" PRId64, seed,
			world.committed[0], world.committed[1]);
		for (i = 0; i < 2; i++)
			ck_assert_msg(!outbox_error(world.instances[i].bridge.outbox) &&
					      settled_as(&world.instances[i].bridge,
						      SETTLED_REFUSED) == 0,
				"seed %u: refused", seed);
		compare_to_oracle(&world, seed);
		lost_after += world.lost_after;
		crashes += world.crashes;
		moved += world.moved;
		zombies += world.zombies;
		for (i = 0; i < 2; i++)
			bridge_close(&world.instances[i].bridge);
		while (world.flight_count > 0)
			land(&world, 0);
		fake_clear(&world.store);
	}
	/* A campaign whose faults never hit proves nothing. */
	ck_assert(lost_after > 0 && crashes > 0 && moved > 0 && zombies > 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *rows = tcase_create("rows"), *random = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_test(rows, new_row_costs_one_request);
	tcase_add_test(rows, an_update_first_is_never_guessed);
	tcase_add_test(rows, a_restart_adds_nothing);
	tcase_add_test(rows, a_retry_does_not_grow);
	tcase_add_test(rows, foreign_events_and_links_are_read_across);
	tcase_add_test(rows, a_second_partition_is_checked_first);
	tcase_add_test(rows, a_hole_is_refused_and_halts_its_stream);
	tcase_add_test(rows, a_hole_may_be_filled_late_and_once);
	tcase_add_test(rows, a_refused_batch_is_halved_down_to_the_one);
	tcase_add_test(rows, refusals_of_many_streams_are_an_outage);
	tcase_add_test(rows, an_outage_sends_one_request_at_a_time_and_ends_by_itself);
	tcase_add_test(rows, one_stream_in_trouble_is_no_outage);
	tcase_add_test(rows, two_tables_do_not_share_a_stream);
	tcase_add_test(rows, ddl_of_two_tables_shares_a_stream);
	tcase_add_test(rows, a_delete_too_many_is_left_out);
	tcase_add_test(rows, a_delete_too_many_is_judged_by_its_own_partition);
	tcase_add_test(rows, another_record_under_our_id_stops_everything);
	tcase_add_test(rows, an_older_generation_ends_the_reading);
	tcase_add_test(rows, truncated_streams_go_on_where_they_are);
	tcase_add_test(rows, soft_deleted_streams_follow_the_policy);
	tcase_add_test(rows, tombstoned_streams_are_refused_or_skipped);
	tcase_add_test(rows, sentinels_are_looked_for_and_never_sent);
	tcase_add_test(rows, a_revoke_drops_what_was_never_sent);
	tcase_add_test(rows, idle_streams_are_forgotten_in_time);
	tcase_add_test(rows, guessing_stops_while_guesses_fail);
	tcase_add_test(rows, positions_compare_part_by_part);
	tcase_add_test(rows, repeats_of_the_source_are_folded);
	tcase_add_test(rows, without_a_position_nothing_is_folded);
	tcase_add_loop_test(random, random_runs_leave_every_event_once_and_in_order, 0, 5);
	tcase_set_timeout(random, 120);
	suite_add_tcase(suite, rows);
	suite_add_tcase(suite, random);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
