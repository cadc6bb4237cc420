/* Reading back: points in time, events of ours, a row carried along, a stream followed by its
 * pages. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "event.h"
#include "eventstore_reader.h"
#include "http_stub.h"
#include "row_image.h"
#include "strbuf.h"
#include "timestamp.h"

/* --- Points in time --- */

START_TEST(times_are_read_as_people_write_them)
{
	static const struct {
		const char *text;
		bool good;
		int64_t ms;
	} cases[] = {
		{"1970-01-01", true, 0},
		{"2026-11-26T06:15:07.360Z", true, INT64_C(1795673707360)},
		{"2026-11-26T06:15:07.36", true, INT64_C(1795673707360)},
		{"2026-11-26 08:15:07.3607414+02:00", true, INT64_C(1795673707360)},
		{"2026-11-26t01:15-05:00", true, INT64_C(1795673700000)},
		{"1969-12-31T23:59:59.999Z", true, -1},
		{"2024-02-29", true, INT64_C(1709164800000)},
		{"1795673707360", true, INT64_C(1795673707360)},
		{"2025-02-29", false, 0},
		{"2026-13-01", false, 0},
		{"2026-11-26T24:00", false, 0},
		{"2026-11-26T06", false, 0},
		{"2026-11-26T06:15:07.Z", false, 0},
		{"2026-11-26T06:15Zx", false, 0},
		{"2026-11-26T06:15+2:00", false, 0},
		{"26-11-26", false, 0},
		{"1999", false, 0},
		{"", false, 0},
	};
	size_t i;
	int64_t ms;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ms = 0;
		ck_assert_msg(timestamp_parse(span_of(cases[i].text), &ms) == cases[i].good, "%s",
			cases[i].text);
		if (cases[i].good)
			ck_assert_msg(ms == cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
	}
}
END_TEST

START_TEST(times_are_written_in_one_form)
{
	char text[TIMESTAMP_BYTES];

	timestamp_format(INT64_C(1795673707360), text);
	ck_assert_str_eq(text, "2026-11-26T06:15:07.360Z");
	timestamp_format(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
	timestamp_format(INT64_MIN, text);
	ck_assert_str_eq(text, "-9223372036854775808");
}
END_TEST

/* --- Events and rows --- */

static char id[37];

/* An event of ours at offset 7 of topic t; more: members of the metadata behind the usual ones. */
static struct stored_event event_of(
	const char *op, const char *data, const char *more, struct strbuf *metadata)
{
	event_id_of_record(span_of(""), span_of("t"), 0, 7, id);
	strbuf_reset(metadata);
	strbuf_printf(metadata,
		"{\"topic\":\"t\",\"partition\":0,\"offset\":7,\"op\":\"%s\",\"ts\":12%s}", op,
		more);
	return (struct stored_event){.stream = span_of("a-1"),
		.number = 3,
		.revision = 3,
		.id = span_of(id),
		.type = span_of(op),
		.data = span_of(data),
		.metadata = strbuf_span(metadata)};
}

static const struct {
	const char *op, *data, *more, *before, *after; /* after NULL: no row */
	enum row_fate fate;
} images[] = {
	{"c", "{\"before\":null,\"after\":{\"a\":1, \"b\":\"x\"}}", "", NULL,
		"{\"a\":1,\"b\":\"x\"}", ROW_LIVES},
	{"u", "{\"after\":{\"a\":1,\"b\":\"__debezium_unavailable_value\"}}",
		",\"placeholders\":[\"b\"]", "{\"a\":0,\"b\":\"long\"}", "{\"a\":1,\"b\":\"long\"}",
		ROW_LIVES},
	{"u", "{\"after\":{\"a\":1,\"\\u0062\":\"__debezium_unavailable_value\"}}",
		",\"placeholders\":[\"b\"]", "{\"b\":[1,\n 2]}", "{\"a\":1,\"\\u0062\":[1,2]}",
		ROW_LIVES},
	/* nothing is known of the value that was not sent */
	{"u", "{\"after\":{\"b\":\"__debezium_unavailable_value\"}}", ",\"placeholders\":[\"b\"]",
		"{\"a\":0}", "{\"b\":\"__debezium_unavailable_value\"}", ROW_LIVES},
	/* the same text, but no placeholder: a row may hold it */
	{"u", "{\"after\":{\"b\":\"__debezium_unavailable_value\"}}", "", "{\"b\":1}",
		"{\"b\":\"__debezium_unavailable_value\"}", ROW_LIVES},
	{"d", "{\"before\":{\"a\":1},\"after\":null}", "", "{\"a\":1}", NULL, ROW_ENDS},
	{"d", "{\"before\":null,\"after\":null}", ",\"tombstone\":true", "{\"a\":1}", NULL,
		ROW_ENDS},
	{"t", "{\"before\":null,\"after\":null}", "", "{\"a\":1}", NULL, ROW_ENDS},
	{"m", "{\"message\":{\"prefix\":\"p\"}}", "", "{\"a\":1}", NULL, ROW_UNTOUCHED},
	/* a document as text; an update that tells only what it changed */
	{"c", "{\"after\":\"{\\\"_id\\\": 1}\"}", "", NULL, "{\"_id\":1}", ROW_LIVES},
	{"u", "{\"after\":null,\"updateDescription\":{}}", "", "{\"_id\":1}", NULL, ROW_UNTOUCHED},
};

START_TEST(a_row_is_carried_from_event_to_event)
{
	struct row_event_reader reader = {0};
	struct strbuf metadata = {0}, out = {0};
	struct row_event row;
	struct stored_event event =
		event_of(images[_i].op, images[_i].data, images[_i].more, &metadata);
	struct span before = images[_i].before ? span_of(images[_i].before) : SPAN_NULL;

	row_event_read(&reader, &event, &row);
	ck_assert(row.seen.ours);
	ck_assert_int_eq(row.ts_ms, 12);
	ck_assert_int_eq(row_image_after(&reader, &row, before, &out), images[_i].fate);
	if (images[_i].after)
		ck_assert_str_eq(out.data, images[_i].after);
	else
		ck_assert_uint_eq(out.len, 0);
	strbuf_clear(&out);
	strbuf_clear(&metadata);
	row_event_reader_clear(&reader);
}
END_TEST

START_TEST(a_foreign_event_changes_no_row)
{
	struct row_event_reader reader = {0};
	struct strbuf metadata = {0}, out = {0};
	struct row_event row;
	struct stored_event event = event_of("c", "{\"after\":{\"a\":1}}", "", &metadata);

	event.id = span_of("7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11");
	row_event_read(&reader, &event, &row);
	ck_assert(!row.seen.ours);
	ck_assert_int_eq(row_image_after(&reader, &row, SPAN_NULL, &out), ROW_UNTOUCHED);
	strbuf_clear(&metadata);
	row_event_reader_clear(&reader);
}
END_TEST

START_TEST(a_key_that_moved_is_told)
{
	struct row_event_reader reader = {0};
	struct strbuf metadata = {0};
	struct row_event row;
	struct stored_event event = event_of("d", "{\"key\":{ \"id\": 1 },\"before\":{}}",
		",\"$correlationId\":\"s:9\",\"moved_to\":{\n  \"id\": 2\n}", &metadata);

	row_event_read(&reader, &event, &row);
	ck_assert(span_is(row.key, "{\"id\":1}"));
	ck_assert(span_is(row.moved_to, "{\"id\":2}"));
	ck_assert(row.moved_from.ptr == NULL);
	ck_assert(span_is(row.correlation, "s:9"));
	strbuf_clear(&metadata);
	row_event_reader_clear(&reader);
}
END_TEST

static void assert_change(
	const struct column_change *change, const char *name, const char *old, const char *new)
{
	ck_assert(span_is(change->name, name));
	ck_assert((old == NULL) == (change->old_value.ptr == NULL));
	ck_assert((new == NULL) == (change->new_value.ptr == NULL));
	ck_assert(!old || span_is(change->old_value, old));
	ck_assert(!new || span_is(change->new_value, new));
}

START_TEST(images_differ_by_value)
{
	struct row_diff diff = {0};

	ck_assert(row_diff_make(&diff,
		span_of("{\"a\":1,\"gone\":null,\"n\":1.10,\"t\":\"\\u0041\"}"),
		span_of("{\"t\":\"A\",\"n\":1.1,\"a\":[1, 2],\"new\":null}")));
	ck_assert_uint_eq(diff.count, 3);
	assert_change(&diff.changes[0], "a", "1", "[1,2]");
	assert_change(&diff.changes[1], "new", NULL, "null");
	assert_change(&diff.changes[2], "gone", "null", NULL);
	ck_assert(row_diff_make(&diff, SPAN_NULL, SPAN_NULL));
	ck_assert_uint_eq(diff.count, 0);
	ck_assert(!row_diff_make(&diff, span_of("[]"), SPAN_NULL));
	row_diff_clear(&diff);
}
END_TEST

/* --- Pages --- */

#define HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.eventstore.atom+json\r\n" \
	"Connection: close\r\n\r\n"
#define LINK(relation, path) \
	"{\"uri\":\"http://elsewhere:1/streams/a-1/" path "\",\"relation\":\"" relation "\"}"
#define FEED(links, entries) HEAD "{\"links\":[" links "],\"entries\":[" entries "]}"
#define EVENT(number) "{\"positionEventNumber\":" #number ",\"eventNumber\":" #number "}"
#define BUSY "HTTP/1.1 503 Server Is Too Busy\r\nContent-Length: 0\r\n\r\n"

static struct eventstore *store;
static struct stub *stub;
static struct reader *reader;

static int stop_fd;

static void open_reader(const struct stub_answer *answers, size_t count, const char *from,
	bool backward, int patience_ms)
{
	char url[64];
	struct eventstore_options options = {.url = url,
		.connections = 2,
		.connect_timeout_ms = 5000,
		.request_timeout_ms = 20000};
	struct reader_options wanted = {.stream = "a-1",
		.from = from,
		.backward = backward,
		.page_events = 2,
		.patience_ms = patience_ms,
		.stop_fd = stop_fd};
	struct error error = {0};

	stub = stub_start(answers, count);
	snprintf(url, sizeof(url), "esdb://127.0.0.1:%d?tls=false", stub_port(stub));
	store = eventstore_new(&options, &error);
	ck_assert_msg(store != NULL, "%s", error.text);
	reader = reader_open(store, &wanted);
}

static void close_reader(void)
{
	reader_close(reader);
	eventstore_free(store);
	stub_free(stub);
}

static void expect_event(int64_t number, const char *position)
{
	const struct stored_event *event;
	struct error error = {0};

	ck_assert_msg(reader_next(reader, &event, &error) == READER_EVENT, "%s", error.text);
	ck_assert_int_eq(event->number, number);
	ck_assert_str_eq(reader_position(reader), position);
}

static void expect_end(void)
{
	const struct stored_event *event;
	struct error error = {0};

	ck_assert_msg(reader_next(reader, &event, &error) == READER_END, "%s", error.text);
}

START_TEST(pages_are_followed_by_their_links_over_a_hole)
{
	/* 812 and 813 were removed: an empty page that names the next one is no end. */
	static const struct stub_answer answers[] = {
		{FEED(LINK("previous", "812/forward/2"), EVENT(811) "," EVENT(810)), STUB_CLOSE, 0,
			0},
		{FEED(LINK("previous", "814/forward/2"), ""), STUB_CLOSE, 0, 0},
		{FEED(LINK("previous", "815/forward/2"), EVENT(814)), STUB_CLOSE, 0, 0},
		{FEED(LINK("next", "814/backward/2"), ""), STUB_CLOSE, 0, 0}};

	open_reader(answers, 4, "810", false, 0);
	expect_event(810, "811");
	expect_event(811, "812");
	expect_event(814, "815");
	expect_end();
	ck_assert_str_eq(reader_position(reader), "815");
	expect_end(); /* asks again: there might be more by now */
	reader_close(reader);
	reader = NULL;
	stub_stop(stub);
	ck_assert_uint_eq(stub_requests(stub), 5);
	ck_assert(strstr(stub_request(stub, 0), "GET /streams/a-1/810/forward/2?embed=body "));
	ck_assert(strstr(stub_request(stub, 4), "GET /streams/a-1/815/forward/2?embed=body "));
	close_reader();
}
END_TEST

START_TEST(backward_ends_at_the_first_event)
{
	static const struct stub_answer answers[] = {
		{FEED(LINK("next", "0/backward/2"), EVENT(2) "," EVENT(1)), STUB_CLOSE, 0, 0},
		{FEED(LINK("previous", "1/forward/2"), EVENT(0)), STUB_CLOSE, 0, 0}};

	open_reader(answers, 2, NULL, true, 0);
	expect_event(2, "1");
	expect_event(1, "0");
	expect_event(0, "-1");
	expect_end();
	expect_end();
	stub_stop(stub);
	ck_assert_uint_eq(stub_requests(stub), 2);
	ck_assert(strstr(stub_request(stub, 0), "/head/backward/2?"));
	close_reader();
}
END_TEST

START_TEST(a_busy_server_is_asked_again)
{
	static const struct stub_answer answers[] = {{BUSY, STUB_KEEP, 0, 0},
		{NULL, STUB_CLOSE, 0, 0},
		{FEED(LINK("previous", "1/forward/2"), EVENT(0)), STUB_CLOSE, 0, 0},
		{FEED("", ""), STUB_CLOSE, 0, 0}};

	open_reader(answers, 4, NULL, false, 0);
	expect_event(0, "1");
	expect_end();
	close_reader();
}
END_TEST

START_TEST(a_server_that_stays_away_is_an_error_that_says_where)
{
	static const struct stub_answer answers[] = {
		{FEED(LINK("previous", "1/forward/2"), EVENT(0)), STUB_CLOSE, 0, 0},
		{BUSY, STUB_CLOSE, 0, 0}};
	const struct stored_event *event;
	struct error error = {0};

	open_reader(answers, 2, NULL, false, 1);
	expect_event(0, "1");
	ck_assert_int_eq(reader_next(reader, &event, &error), READER_FAILED);
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	ck_assert_ptr_nonnull(strstr(error.text, "stream a-1 at 1 "));
	ck_assert_ptr_nonnull(strstr(error.text, "503 Server Is Too Busy"));
	ck_assert_str_eq(reader_position(reader), "1"); /* to go on from later */
	close_reader();
}
END_TEST

START_TEST(a_page_too_large_to_keep_is_asked_for_in_halves)
{
	static const struct stub_answer answers[] = {{HEAD, STUB_CLOSE, 25u << 20, 0},
		{FEED(LINK("previous", "1/forward/1"), EVENT(0)), STUB_CLOSE, 0, 0},
		{FEED("", ""), STUB_CLOSE, 0, 0}};

	open_reader(answers, 3, NULL, false, 0);
	expect_event(0, "1");
	expect_end();
	stub_stop(stub);
	ck_assert(strstr(stub_request(stub, 1), "/0/forward/1?"));
	close_reader();
}
END_TEST

/* A long poll may be held for ever; so may a store be away for as long as patience lasts. */
START_TEST(a_wait_is_stopped)
{
	static const struct stub_answer held[] = {{FEED(LINK("previous", "1/forward/2"), EVENT(0)),
							  STUB_CLOSE, 0, 0},
		{NULL, STUB_HANG, 0, 0}},
					away[] = {{FEED(LINK("previous", "1/forward/2"), EVENT(0)),
							  STUB_CLOSE, 0, 0},
						{BUSY, STUB_CLOSE, 0, 0}};
	const struct stored_event *event;
	struct error error = {0};

	stop_fd = eventfd(0, 0);
	ck_assert_int_gt(stop_fd, 0);
	open_reader(_i ? away : held, 2, NULL, false, 1000000);
	expect_event(0, "1");
	ck_assert(!reader_is_filled(reader));
	ck_assert_int_eq(eventfd_write(stop_fd, 1), 0);
	ck_assert_int_eq(reader_next(reader, &event, &error), READER_STOPPED);
	ck_assert_int_eq(error.kind, ERROR_NONE);
	ck_assert_str_eq(reader_position(reader), "1");
	close_reader();
	close(stop_fd);
	stop_fd = 0;
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("reading");
	TCase *pure = tcase_create("pure"), *pages = tcase_create("pages");

	tcase_add_test(pure, times_are_read_as_people_write_them);
	tcase_add_test(pure, times_are_written_in_one_form);
	tcase_add_loop_test(pure, a_row_is_carried_from_event_to_event, 0,
		(int)(sizeof(images) / sizeof(images[0])));
	tcase_add_test(pure, a_foreign_event_changes_no_row);
	tcase_add_test(pure, a_key_that_moved_is_told);
	tcase_add_test(pure, images_differ_by_value);
	suite_add_tcase(suite, pure);
	tcase_set_timeout(pages, 60);
	tcase_add_test(pages, pages_are_followed_by_their_links_over_a_hole);
	tcase_add_test(pages, backward_ends_at_the_first_event);
	tcase_add_test(pages, a_busy_server_is_asked_again);
	tcase_add_test(pages, a_server_that_stays_away_is_an_error_that_says_where);
	tcase_add_test(pages, a_page_too_large_to_keep_is_asked_for_in_halves);
	tcase_add_loop_test(pages, a_wait_is_stopped, 0, 2);
	suite_add_tcase(suite, pages);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
