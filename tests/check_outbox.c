/* The append protocol against a store with the real rules: each answer's row by row. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox_bridge.h"
#include "../src/outbox_internal.h"

static struct feed feed_a = {.topic = "s.t", .generation = "", .partition = 0};
static struct feed feed_b = {.topic = "s.t", .generation = "", .partition = 1};

/* --- The answers, row by row --- */

START_TEST(new_row_costs_one_request)
{
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
	ck_assert_int_eq(bridge_run(&bridge, &store), 1);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 2);
	bridge_push(&bridge, &feed_a, "t-1", 12, 'd');
	ck_assert_int_eq(bridge_run(&bridge, &store), 1);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(an_update_first_is_never_guessed)
{
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'u');
	ck_assert_int_eq(bridge_next(&bridge).action, OUTBOX_READ);
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
		bridge_open(&bridge, &bridge_options);
		for (offset = 10; offset < 23; offset++)
			bridge_push(&bridge, &feed_a, "t-1", offset, offset == 10 ? 'c' : 'u');
		bridge_run(&bridge, &store);
		ck_assert_uint_eq(bridge.count, 13);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 13);
		bridge_close(&bridge);
	}
	/* From the middle, by an update: read back, found, nothing written. */
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 15, 'u');
	bridge_push(&bridge, &feed_a, "t-1", 23, 'u');
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_DUPLICATE), 1);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 1);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	work = bridge_next(&bridge);
	ck_assert_uint_eq(work.count, 1);
	fake_append(&store, &work, &first, &current); /* written, the answer is lost */
	bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
	outbox_append_ended(
		bridge.outbox, work.stream, APPEND_UNKNOWN, -1, -1, "lost", bridge.now_ms);
	ck_assert_int_eq(bridge_next(&bridge).action, OUTBOX_NOTHING);
	ck_assert_int_gt(outbox_due_ms(bridge.outbox), bridge.now_ms);
	bridge.now_ms = outbox_due_ms(bridge.outbox);
	work = bridge_next(&bridge);
	ck_assert_int_eq(work.action, OUTBOX_APPEND);
	ck_assert_uint_eq(work.count, 1);
	ck_assert_int_eq(work.expected, -1);
	fake_append(&store, &work, &first, &current);
	outbox_append_ended(
		bridge.outbox, work.stream, APPEND_WRITTEN, first, -1, "", bridge.now_ms);
	bridge_run(&bridge, &store);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	fake_append_foreign(&store, "t-1", "11111111-1111-1111-1111-111111111111", NULL, "{}");
	/* A link whose target carries our id and metadata is not ours: it stands elsewhere. */
	event_id_of_record(span_of(""), span_of("s.t"), 0, 11, id);
	fake_append_foreign(&store, "t-1", id, "other-1",
		"{\"topic\":\"s.t\",\"partition\":0,\"offset\":11,\"kafka_ts\":11,\"op\":\"u\"}");
	/* Our metadata under another id proves nothing. */
	fake_append_foreign(&store, "t-1", "22222222-2222-2222-2222-222222222222", NULL,
		"{\"topic\":\"s.t\",\"partition\":0,\"offset\":99,\"kafka_ts\":99,\"op\":\"u\"}");
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_DUPLICATE), 1);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 1);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_run(&bridge, &store);
	bridge_push(&bridge, &feed_b, "t-1", 3, 'u');
	ck_assert_int_eq(bridge_next(&bridge).action, OUTBOX_READ);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
	bridge_run(&bridge, store);
	bridge_close(&bridge);
}

START_TEST(a_hole_is_refused_and_halts_its_stream)
{
	struct fake_store store = {0};
	struct bridge bridge;

	leave_a_hole(&store);
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
	bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
	bridge_push(&bridge, &feed_a, "t-1", 13, 'u');
	bridge_run(&bridge, &store);
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
	struct outbox_options options = bridge_options;
	struct fake_store store = {0};
	struct bridge bridge;
	int round;

	options.append_holes = true;
	leave_a_hole(&store);
	for (round = 0; round < 3; round++) {
		bridge_open(&bridge, &options);
		bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
		bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
		bridge_push(&bridge, &feed_a, "t-1", 13, 'u');
		bridge_run(&bridge, &store);
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
	struct stored_event events[BRIDGE_PAGE];
	int64_t offset;
	int guard = 0;

	bridge_open(&bridge, &bridge_options);
	for (offset = 10; offset < 15; offset++)
		bridge_push(&bridge, &feed_a, "t-1", offset, offset == 10 ? 'c' : 'u');
	while (bridge_settled_as(&bridge, SETTLED_REFUSED) == 0) {
		struct outbox_work work = bridge_next(&bridge);
		struct outbox_page page = {0};
		int64_t first = -1, current = -1;
		size_t i;
		int outcome;

		ck_assert_int_lt(++guard, 100);
		if (work.action == OUTBOX_READ) {
			outcome = fake_read(&store, &work, &page, events, BRIDGE_PAGE);
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
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 3);
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

	bridge_open(&bridge, &bridge_options);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		bridge_push(&bridge, &feed_a, name, 10 + i, 'c');
	}
	for (i = 0; i < 2000; i++) {
		struct outbox_work work = bridge_next(&bridge);

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

	bridge_open(&bridge, &bridge_options);
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		bridge_push(&bridge, &feed_a, name, 10 + i, 'c');
	}
	for (i = 0; i < 1000; i++) {
		struct outbox_work work = bridge_next(&bridge);

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
		bridge_step(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 50);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-denied", 1, 'c');
	for (i = 0; i < 500; i++) {
		struct outbox_work work;
		char name[16];
		int64_t first, current;
		int outcome;

		snprintf(name, sizeof(name), "t-%d", i);
		bridge_push(&bridge, &feed_a, name, 10 + i, 'c');
		while ((work = bridge_next(&bridge)).action == OUTBOX_APPEND) {
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
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 500);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(two_tables_do_not_share_a_stream)
{
	struct made other = {.stream = "t-1", .table = "u", .offset = 11, .op = 'c', .kafka_ts = 1};
	struct outbox_options options = bridge_options;
	struct fake_store store = {0};
	struct bridge bridge;

	bridge_open(&bridge, &options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	outbox_push(bridge.outbox, bridge_event(&other, &feed_a));
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 1);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_REFUSED), 1);
	ck_assert_ptr_nonnull(strstr(bridge.settled[1].reason, "{schema}.{table}-{key}"));
	bridge_close(&bridge);
	options.shared_streams = true;
	bridge_open(&bridge, &options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	outbox_push(bridge.outbox, bridge_event(&other, &feed_a));
	bridge_run(&bridge, &store);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "~schema-a:db", 10, 0);
	outbox_push(bridge.outbox, bridge_event(&other, &feed_a));
	bridge_run(&bridge, &store);
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
		bridge_open(&bridge, &bridge_options);
		bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
		bridge_push(&bridge, &feed_a, "t-1", 11, 'd');
		outbox_push(bridge.outbox, bridge_event(&tombstone, &feed_a));
		bridge_run(&bridge, &store);
		ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_SKIPPED), 1);
		bridge_close(&bridge);
	}
	/* Read again with a later event behind it, it is no hole. */
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 13, 'c');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &bridge_options);
	outbox_push(bridge.outbox, bridge_event(&tombstone, &feed_a));
	bridge_push(&bridge, &feed_a, "t-1", 13, 'c');
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_SKIPPED), 1);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_DUPLICATE), 1);
	bridge_close(&bridge);
	/* Of a row whose delete was never seen it is all that tells. */
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-2", 20, 'c');
	tombstone.stream = "t-2";
	tombstone.offset = 21;
	outbox_push(bridge.outbox, bridge_event(&tombstone, &feed_a));
	bridge_run(&bridge, &store);
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
		bridge_open(&bridge, &bridge_options);
		bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
		bridge_push(&bridge, &feed_a, "t-1", 11, 'd');
		bridge_push(&bridge, &feed_b, "t-1", 5, 'u');
		if (round == 1)
			bridge_run(&bridge, &store);
		outbox_push(bridge.outbox, bridge_event(&tombstone, &feed_a));
		bridge_run(&bridge, &store);
		ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_SKIPPED), 1);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &bridge_options);
	outbox_push(bridge.outbox, bridge_event(&again, &feed_a));
	bridge_run(&bridge, &store);
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

	bridge_open(&bridge, &bridge_options);
	for (offset = 0; offset < 60; offset++)
		bridge_push(&bridge, &feed_a, "t-1", offset, offset ? 'u' : 'c');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &again, "t-1", 0, 'u');
	ck_assert_int_eq(bridge_run(&bridge, &store), 2); /* one page of one event, one append */
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 11, 'u');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	stream = fake_stream(&store, span_of("t-1"));
	stream->truncate_before = 2; /* all of it expired: the page is empty, the ETag says 1 */
	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(stream->count, 3);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

static void delete_softly(struct fake_store *store)
{
	struct bridge bridge;

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 11, 'd');
	bridge_run(&bridge, store);
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
	struct outbox_options options = bridge_options;
	const char ops[] = "cu";
	size_t i;

	for (i = 0; i < 6; i++) {
		struct fake_store store = {0};
		struct bridge bridge;

		delete_softly(&store);
		options.on_deleted = cases[i % 3].policy;
		bridge_open(&bridge, &options);
		bridge_push(&bridge, &feed_a, "t-1", 12, ops[i / 3]);
		bridge_run(&bridge, &store);
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
	struct outbox_options options = bridge_options;
	struct fake_store store = {0};
	struct bridge bridge;

	fake_stream(&store, span_of("t-1"))->tombstoned = true;
	bridge_open(&bridge, &options);
	bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
	bridge_run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_REFUSED);
	bridge_close(&bridge);
	options.on_deleted = ON_DELETED_SKIP;
	bridge_open(&bridge, &options);
	bridge_push(&bridge, &feed_a, "t-1", 12, 'c');
	bridge_push(&bridge, &feed_a, "t-1", 13, 'u');
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_SKIPPED), 2);
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

	bridge_open(&bridge, &bridge_options);
	outbox_push(bridge.outbox, bridge_event(&sentinel, &feed_a));
	bridge_run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_ABSENT);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_run(&bridge, &store);
	bridge_close(&bridge);
	bridge_open(&bridge, &bridge_options);
	outbox_push(bridge.outbox, bridge_event(&sentinel, &feed_a));
	bridge_run(&bridge, &store);
	ck_assert_int_eq(bridge.settled[0].how, SETTLED_PRESENT);
	bridge_close(&bridge);
	/* Deleted, it cannot tell any more. */
	fake_stream(&store, span_of("t-1"))->soft_deleted = true;
	bridge_open(&bridge, &bridge_options);
	outbox_push(bridge.outbox, bridge_event(&sentinel, &feed_a));
	bridge_run(&bridge, &store);
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

	bridge_open(&bridge, &bridge_options);
	bridge_push(&bridge, &feed_a, "t-1", 10, 'c');
	bridge_push(&bridge, &feed_a, "t-2", 11, 'c');
	work = bridge_next(&bridge);
	bridge_push(&bridge, &feed_a, "t-1", 12, 'u');
	outbox_drop(bridge.outbox, &feed_a, false);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_DROPPED), 2);
	outbox_append_ended(bridge.outbox, work.stream, APPEND_WRITTEN, 0, -1, "", 1000);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 1);
	outbox_forget(bridge.outbox, &feed_a);
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_eq(stats.streams, 0);
	/* Lost while on the wire: whatever is answered then is no news of ours. */
	bridge_push(&bridge, &feed_a, "t-3", 13, 'c');
	work = bridge_next(&bridge);
	outbox_drop(bridge.outbox, &feed_a, true);
	outbox_forget(bridge.outbox, &feed_a);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_DROPPED), 3);
	bridge_push(&bridge, &feed_b, "t-3", 1, 'u');
	outbox_append_ended(bridge.outbox, work.stream, APPEND_WRITTEN, 0, -1, "", 1000);
	ck_assert_int_eq(bridge_next(&bridge).action, OUTBOX_READ);
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

	bridge_open(&bridge, &bridge_options);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t-%d", i);
		bridge_push(&bridge, &feed_a, name, i, 'c');
		bridge_run(&bridge, &store);
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_le(stats.streams, bridge_options.max_idle_streams + 1);
	ck_assert_uint_eq(stats.events, 0);
	ck_assert_uint_eq(stats.bytes, 0);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

START_TEST(guessing_stops_while_guesses_fail)
{
	struct outbox_options options = bridge_options;
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
		bridge_push(&bridge, &feed_a, name, i, 'r');
		bridge_run(&bridge, &store);
	}
	outbox_stats(bridge.outbox, &stats);
	ck_assert_uint_eq(bridge_settled_as(&bridge, SETTLED_APPENDED), 400);
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

	outbox_push(bridge->outbox, bridge_event(&made, &feed_a));
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
	struct outbox_options options = bridge_options;
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
			bridge_run(&bridge, &store);
		if (variant == 2) {
			bridge_close(&bridge);
			bridge_open(&bridge, &options);
		}
		push_at(&bridge, 4, 'u', "5:20");
		push_at(&bridge, 5, 'u', "5:30");
		push_at(&bridge, 6, 'd', "5:30"); /* the same position, another op: no repeat */
		push_at(&bridge, 7, 'u', "5:40");
		bridge_run(&bridge, &store);
		ck_assert_msg(
			bridge_settled_as(&bridge, SETTLED_DUPLICATE) == 2, "variant %d", variant);
		ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 5);
		bridge_close(&bridge);
		fake_clear(&store);
	}
}
END_TEST

START_TEST(without_a_position_nothing_is_folded)
{
	struct outbox_options options = bridge_options;
	struct fake_store store = {0};
	struct bridge bridge;

	options.dedupe_source = true;
	bridge_open(&bridge, &options);
	push_at(&bridge, 1, 'r', NULL);
	push_at(&bridge, 2, 'r', NULL);
	bridge_run(&bridge, &store);
	ck_assert_uint_eq(fake_stream(&store, span_of("t-1"))->count, 2);
	bridge_close(&bridge);
	fake_clear(&store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *rows = tcase_create("rows");
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
	suite_add_tcase(suite, rows);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
