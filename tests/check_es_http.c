/* The store's edge over a real connection, against a server that answers by a script. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "eventstore.h"
#include "http_stub.h"
#include "strbuf.h"

#define DEADLINE_MS 20000

#define OK_201(number) \
	"HTTP/1.1 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\n" \
	"Location: http://127.0.0.1:2113/streams/a-1/" #number "\r\nContent-Length: 0\r\n\r\n"
#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define PAGE(body) \
	"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.eventstore.atom+json; charset=utf-8\r\n" \
	"ETag: \"7;-1625630651\"\r\n" body
#define PAGE_BODY "{\"links\":[],\"entries\":[{\"positionEventNumber\":7,\"data\":\"{}\"}]}"

static struct eventstore *store;
static struct stub *stub;

static void open_store(int port, const char *userinfo, int connections, int request_timeout_ms)
{
	char url[128];
	struct eventstore_options options = {.url = url,
		.connections = connections,
		.connect_timeout_ms = 5000,
		.request_timeout_ms = request_timeout_ms};
	struct error error = {0};

	snprintf(url, sizeof(url), "esdb://%s127.0.0.1:%d?tls=false", userinfo, port);
	store = eventstore_new(&options, &error);
	ck_assert_msg(store != NULL, "%s", error.text);
}

static void start(const struct stub_answer *answers, size_t count)
{
	stub = stub_start(answers, count);
	open_store(stub_port(stub), "", 1, DEADLINE_MS);
}

static void stop(void)
{
	eventstore_free(store);
	stub_free(stub);
	store = NULL;
	stub = NULL;
}

static struct eventstore_result next_result(void)
{
	struct eventstore_result result;
	int64_t until_ms = clock_ms() + DEADLINE_MS;

	while (!eventstore_finished(store, &result)) {
		ck_assert_msg(clock_ms() < until_ms, "no answer in time");
		eventstore_wait(store, NULL, 0, 1000);
	}
	return result;
}

static void append_event(int64_t expected)
{
	struct span body = span_of("{\"eventId\":\"x\"}");

	eventstore_append(store, span_of("a-1"), expected, &body, 1, NULL);
}

static struct eventstore_result append(int64_t expected)
{
	append_event(expected);
	return next_result();
}

static struct eventstore_result read_head(int count)
{
	eventstore_read_backward(store, span_of("a-1"), -1, count, NULL);
	return next_result();
}

static void assert_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in: %s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	ck_assert_msg(strcasestr(text, part) == NULL, "'%s' is in: %s", part, text);
}

START_TEST(an_append_goes_out_as_the_protocol_wants_it)
{
	static const struct stub_answer answers[] = {{OK_201(3), STUB_KEEP, 0, 0}};
	struct span bodies[] = {span_of("{\"eventId\":\"1\"}"), span_of("{\"eventId\":\"2\"}")};
	struct eventstore_result result;
	int user;

	stub = stub_start(answers, 1);
	open_store(stub_port(stub), "us%20er:p%3Aw@", 1, DEADLINE_MS);
	eventstore_append(store, span_of("caf\xc3\xa9-1/2"), 2, bodies, 2, &user);
	ck_assert_int_eq(eventstore_in_flight(store), 1);
	ck_assert_int_eq(eventstore_free_slots(store), 0);
	result = next_result();
	ck_assert_int_eq(result.append, APPEND_WRITTEN);
	ck_assert_int_eq(result.first_number, 3);
	ck_assert_ptr_eq(result.user, &user);
	ck_assert_str_eq(result.text, "");
	ck_assert_int_eq(result.status, 201);
	stub_stop(stub);
	assert_contains(stub_request(stub, 0), "POST /streams/caf%C3%A9-1%2F2 HTTP/1.1\r\n");
	assert_contains(stub_request(stub, 0), "\r\nES-ExpectedVersion: 2\r\n");
	assert_contains(stub_request(stub, 0), "\r\nES-RequireLeader: True\r\n");
	assert_contains(stub_request(stub, 0), "\r\nES-RequireMaster: True\r\n");
	assert_contains(stub_request(stub, 0),
		"\r\nContent-Type: application/vnd.eventstore.events+json\r\n");
	assert_contains(stub_request(stub, 0), "\r\nAccept: ");
	assert_contains(stub_request(stub, 0), "\r\nContent-Length: 33\r\n");
	/* base64 of "us er:p:w" */
	assert_contains(stub_request(stub, 0), "\r\nAuthorization: Basic dXMgZXI6cDp3\r\n");
	assert_contains(stub_request(stub, 0), "\r\n\r\n[{\"eventId\":\"1\"},{\"eventId\":\"2\"}]");
	assert_lacks(stub_request(stub, 0), "\r\nExpect");
	assert_lacks(stub_request(stub, 0), "\r\nTransfer-Encoding");
	assert_lacks(stub_request(stub, 0), "\r\nAccept-Encoding");
	stop();
}
END_TEST

/* The version header is rewritten in place: no digit of the number before may stay. */
START_TEST(versions_are_sent_exactly)
{
	static const struct stub_answer answers[] = {{OK_201(0), STUB_KEEP, 0, 0}};
	static const char *const lines[] = {"\r\nES-ExpectedVersion: 9223372036854775807\r\n",
		"\r\nES-ExpectedVersion: -1\r\n", "\r\nES-ExpectedVersion: 0\r\n"};
	size_t i;

	start(answers, 1);
	append(INT64_MAX);
	append(-1);
	append(0);
	stub_stop(stub);
	for (i = 0; i < 3; i++)
		assert_contains(stub_request(stub, i), lines[i]);
	ck_assert_uint_eq(stub_connections(stub), 1);
	stop();
}
END_TEST

START_TEST(a_read_goes_out_as_the_protocol_wants_it)
{
	static const struct stub_answer answers[] = {
		{PAGE("Content-Length: 62\r\n\r\n" PAGE_BODY), STUB_KEEP, 0, 0}};
	struct eventstore_result result;

	ck_assert_uint_eq(strlen(PAGE_BODY), 62);
	start(answers, 1);
	append(-1); /* its mode and headers must not stay */
	result = read_head(32);
	ck_assert_int_eq(result.kind, EVENTSTORE_READ);
	ck_assert_int_eq(result.read, READ_PAGE);
	ck_assert_uint_eq(result.event_count, 1);
	ck_assert_int_eq(result.events[0].number, 7);
	ck_assert_int_eq(result.last_number, 7);
	ck_assert(result.at_start);
	eventstore_read_backward(store, span_of("a-1"), 6, 4096, NULL);
	next_result();
	stub_stop(stub);
	assert_contains(
		stub_request(stub, 1), "GET /streams/a-1/head/backward/32?embed=body HTTP/1.1\r\n");
	assert_contains(
		stub_request(stub, 1), "\r\nAccept: application/vnd.eventstore.atom+json\r\n");
	assert_contains(stub_request(stub, 1), "\r\nES-ResolveLinkTos: false\r\n");
	assert_contains(stub_request(stub, 1), "\r\nES-RequireLeader: True\r\n");
	assert_contains(
		stub_request(stub, 2), "GET /streams/a-1/6/backward/4096?embed=body HTTP/1.1\r\n");
	assert_lacks(stub_request(stub, 1), "ES-ExpectedVersion");
	assert_lacks(stub_request(stub, 1), "Content-Length");
	stop();
}
END_TEST

/* One connection for all: none of these answers makes it useless. */
START_TEST(answers_are_told_apart)
{
	static const struct stub_answer answers[] = {
		{OK_201(41), STUB_KEEP, 0, 0},
		{"HTTP/1.1 400 Wrong expected EventNumber\r\nES-CurrentVersion: 7\r\n"
		 "Content-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: "
		 "27\r\n\r\n"
		 "Write request body invalid.",
			STUB_KEEP, 0, 0},
		{EMPTY("413 Too large events received. Limit is 4mb"), STUB_KEEP, 0, 0},
		{EMPTY("401 Unauthorized"), STUB_KEEP, 0, 0},
		{EMPTY("404 Not Found"), STUB_KEEP, 0, 0},
		{EMPTY("410 Stream deleted"), STUB_KEEP, 0, 0},
		{EMPTY("500 Write timeout"), STUB_KEEP, 0, 0},
		{EMPTY("503 Server Is Not Ready"), STUB_KEEP, 0, 0},
		{EMPTY("200 OK"), STUB_KEEP, 0, 0},
		{EMPTY("201 Created"), STUB_KEEP, 0, 0},
	};
	static const struct {
		enum append_outcome outcome;
		const char *text;
	} wanted[] = {
		{APPEND_WRITTEN, ""},
		{APPEND_CONFLICT, "HTTP 400 Wrong expected EventNumber"},
		{APPEND_REFUSED, "HTTP 400 Bad Request: Write request body invalid."},
		{APPEND_TOO_LARGE, "HTTP 413 Too large events received. Limit is 4mb"},
		{APPEND_DENIED, "HTTP 401 Unauthorized; the user, its password or its rights"},
		{APPEND_MISPLACED, "HTTP 404 Not Found; AtomPub is switched off"},
		{APPEND_DELETED, "HTTP 410 Stream deleted"},
		{APPEND_UNKNOWN, "HTTP 500 Write timeout"},
		{APPEND_UNKNOWN, "HTTP 503 Server Is Not Ready"},
		{APPEND_UNKNOWN, "HTTP 200 OK; nothing is written"},
		{APPEND_UNKNOWN, "HTTP 201 Created; without the number"},
	};
	const size_t count = sizeof(wanted) / sizeof(wanted[0]);
	size_t i;

	start(answers, count);
	for (i = 0; i < count; i++) {
		struct eventstore_result result = append(40);

		ck_assert_msg(result.append == wanted[i].outcome, "%zu: %s", i, result.text);
		assert_contains(result.text, wanted[i].text);
		if (result.append == APPEND_CONFLICT)
			ck_assert_int_eq(result.current_version, 7);
	}
	stub_stop(stub);
	ck_assert_uint_eq(stub_connections(stub), 1);
	stop();
}
END_TEST

/* 307: the same request, whole, to the leader; and what follows at once to it. */
START_TEST(the_leader_is_followed_until_it_fails)
{
	static const struct stub_answer leader_answers[] = {
		{OK_201(1), STUB_KEEP, 0, 0},
		{OK_201(2), STUB_KEEP, 0, 0},
		{EMPTY("503 Server Is Not Ready"), STUB_KEEP, 0, 0},
	};
	struct stub *leader = stub_start(leader_answers, 3);
	char redirect[256];
	struct stub_answer follower_answers[] = {
		{redirect, STUB_KEEP, 0, 0}, {OK_201(9), STUB_KEEP, 0, 0}};

	snprintf(redirect, sizeof(redirect),
		"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/streams/a-1\r\n"
		"Content-Length: 0\r\n\r\n",
		stub_port(leader));
	stub = stub_start(follower_answers, 2);
	open_store(stub_port(stub), "u:p@", 1, DEADLINE_MS);
	ck_assert_int_eq(append(0).first_number, 1);
	ck_assert_int_eq(append(1).first_number, 2);
	ck_assert_int_eq(append(2).append, APPEND_UNKNOWN); /* it is none any more */
	ck_assert_int_eq(append(2).first_number, 9);
	stub_stop(stub);
	stub_stop(leader);
	ck_assert_uint_eq(stub_requests(stub), 2);
	ck_assert_uint_eq(stub_requests(leader), 3);
	assert_contains(stub_request(leader, 0), "POST /streams/a-1 HTTP/1.1\r\n");
	assert_contains(stub_request(leader, 0), "\r\nAuthorization: Basic dTpw\r\n");
	assert_contains(stub_request(leader, 0), "\r\nES-ExpectedVersion: 0\r\n");
	assert_contains(stub_request(leader, 0), "\r\n\r\n[{\"eventId\":\"x\"}]");
	stub_free(leader);
	stop();
}
END_TEST

START_TEST(a_follower_that_points_to_itself_ends)
{
	char redirect[256];
	struct stub_answer answers[] = {{redirect, STUB_KEEP, 0, 0}};
	struct eventstore_result result;

	start(answers, 1);
	snprintf(redirect, sizeof(redirect),
		"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/streams/a-1\r\n"
		"Content-Length: 0\r\n\r\n",
		stub_port(stub));
	result = append(0);
	ck_assert_int_eq(result.append, APPEND_MISPLACED);
	ck_assert_int_eq(result.status, 307);
	stub_stop(stub);
	ck_assert_uint_le(stub_requests(stub), 4);
	stop();
}
END_TEST

/* Credentials and rows go nowhere in clear text because a server says so. */
START_TEST(redirects_elsewhere_are_not_followed)
{
	static const struct stub_answer answers[] = {
		{"HTTP/1.1 307 X\r\nLocation: https://127.0.0.1:1/streams/a-1\r\n"
		 "Content-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 307 X\r\nLocation: http://who@127.0.0.1:1/streams/a-1\r\n"
		 "Content-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 307 X\r\nLocation: /streams/a-1/\r\nContent-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
		{EMPTY("307 X"), STUB_KEEP, 0, 0},
		{"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/streams/a-1\r\n"
		 "Content-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
	};
	size_t i;

	start(answers, 5);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(append(0).append, APPEND_MISPLACED);
	stub_stop(stub);
	ck_assert_uint_eq(stub_requests(stub), 5);
	stop();
}
END_TEST

/* Whatever breaks off is no answer: the batch may be written, it may not. */
START_TEST(broken_answers_leave_it_unknown)
{
	static const struct stub_answer answers[] = {
		{NULL, STUB_CLOSE, 0, 0},
		{"HTTP/1.1 201 Cr", STUB_CLOSE, 0, 0},
		{"HTTP/1.1 201 Created\r\nLocation: http://h/streams/a-1/4", STUB_CLOSE, 0, 0},
		/* A conflict whose version is lost must not look like content refused. */
		{"HTTP/1.1 400 Wrong expected EventNumber\r\nContent-Length: 0\r\n", STUB_CLOSE, 0,
			0},
		{"HTTP/1.1 201 Created\r\nLocation: http://h/streams/a-1/4\r\n"
		 "Content-Length: 10\r\n\r\nabc",
			STUB_CLOSE, 0, 0},
		{"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", STUB_CLOSE, 0, 0},
		{"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", STUB_CLOSE, 0, 0},
		{"no HTTP at all\r\n\r\n", STUB_CLOSE, 0, 0},
	};
	const size_t count = sizeof(answers) / sizeof(answers[0]);
	size_t i;

	start(answers, count);
	for (i = 0; i < count; i++) {
		struct eventstore_result result = append(3);

		ck_assert_msg(result.append == APPEND_UNKNOWN, "%zu", i);
		ck_assert_msg(result.status == 0, "%zu: %d", i, result.status);
		ck_assert_str_ne(result.text, "");
	}
	stub_stop(stub);
	ck_assert_uint_eq(stub_requests(stub), count); /* each asked once */
	stop();
}
END_TEST

/* A connection that died while it was idle is no outage: the request goes out again by itself. */
START_TEST(connections_that_died_are_replaced)
{
	static const struct stub_answer answers[] = {{OK_201(0), STUB_KEEP, 0, 0},
		{NULL, STUB_CLOSE, 0, 0}, {OK_201(1), STUB_KEEP, 0, 0}};

	start(answers, 3);
	ck_assert_int_eq(append(-1).first_number, 0);
	ck_assert_int_eq(append(0).first_number, 1);
	stub_stop(stub);
	ck_assert_uint_eq(stub_requests(stub), 3);
	ck_assert_str_eq(stub_request(stub, 1), stub_request(stub, 2));
	stop();
}
END_TEST

/* A close may cross the next request (RFC 9112, 9.5): whether that append was taken nobody knows.
 * The one behind it has a new connection. */
START_TEST(keep_alive_closed_after_each_answer)
{
	static const struct stub_answer answers[] = {{OK_201(0), STUB_CLOSE, 0, 0}};
	int i;

	start(answers, 1);
	for (i = 0; i < 50; i++) {
		struct eventstore_result result = append(-1);

		if (result.append == APPEND_UNKNOWN && result.status == 0)
			result = append(-1);
		ck_assert_msg(result.append == APPEND_WRITTEN, "append %d of 50: %d, %s", i,
			(int)result.append, result.text);
	}
	stop();
}
END_TEST

START_TEST(who_never_answers_is_given_up)
{
	static const struct stub_answer answers[] = {
		{NULL, STUB_HANG, 0, 0}, {OK_201(0), STUB_KEEP, 0, 0}};
	struct eventstore_result result;

	stub = stub_start(answers, 2);
	open_store(stub_port(stub), "", 2, 200);
	append_event(-1);
	result = next_result();
	ck_assert_int_eq(result.append, APPEND_UNKNOWN);
	ck_assert_int_eq(result.status, 0);
	assert_contains(result.text, "timed out");
	ck_assert_int_eq(append(-1).append, APPEND_WRITTEN);
	stop();
}
END_TEST

START_TEST(one_that_hangs_does_not_hold_up_the_others)
{
	static const struct stub_answer answers[] = {
		{NULL, STUB_HANG, 0, 0}, {OK_201(0), STUB_KEEP, 0, 0}};
	int i, users[8];

	stub = stub_start(answers, 2);
	open_store(stub_port(stub), "", 4, DEADLINE_MS);
	for (i = 0; i < 4; i++)
		append_event(-1);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(next_result().append, APPEND_WRITTEN);
	ck_assert_int_eq(eventstore_in_flight(store), 1);
	for (i = 0; i < 8; i++) {
		struct span body = span_of("{}");

		ck_assert_int_gt(eventstore_free_slots(store), 0);
		eventstore_append(store, span_of("b"), -1, &body, 1, &users[i]);
		ck_assert_ptr_eq(next_result().user, &users[i]);
	}
	stop(); /* with one in flight */
}
END_TEST

START_TEST(slow_and_chunked_answers_are_whole)
{
	static const struct stub_answer answers[] = {
		{OK_201(5), STUB_KEEP, 0, 500},
		{"HTTP/1.1 100 Continue\r\n\r\n" OK_201(6), STUB_KEEP, 0, 500},
		{PAGE("Transfer-Encoding: chunked\r\n\r\n"
		      "20\r\n{\"links\":[],\"entries\":[{\"positio\r\n"
		      "20\r\nnEventNumber\":7,\"data\":\"{}\"}]}  \r\n0\r\nX-Trailer: 1\r\n\r\n"),
			STUB_KEEP, 0, 500},
	};
	struct eventstore_result result;

	start(answers, 3);
	ck_assert_int_eq(append(4).first_number, 5);
	ck_assert_int_eq(append(5).first_number, 6);
	result = read_head(1);
	ck_assert_msg(result.read == READ_PAGE, "%s", result.text);
	ck_assert_int_eq(result.events[0].number, 7);
	stop();
}
END_TEST

/* Neither a body nor a head without end fills the memory; the next request is as good as ever. */
START_TEST(answers_too_large_are_cut_off)
{
	static const struct stub_answer answers[] = {
		{PAGE("Content-Length: 40000000\r\n\r\n"), STUB_CLOSE, 40000000, 0},
		{"HTTP/1.1 200 OK\r\n\r\n", STUB_CLOSE, 40000000, 0},
		{"HTTP/1.1 201 Created\r\nLocation: http://h/streams/a-1/4", STUB_CLOSE, 40000000,
			0},
		{OK_201(0), STUB_KEEP, 0, 0},
	};
	struct eventstore_result result;
	struct eventstore_answer answer;
	struct error error = {0};

	start(answers, 4);
	result = read_head(100);
	ck_assert_int_eq(result.read, READ_TOO_LARGE);
	ck_assert_uint_eq(result.event_count, 0);
	ck_assert(!eventstore_call(store, "GET", "/info?secret", NULL, SPAN_NULL, &answer, &error));
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	assert_contains(error.text, "too large");
	assert_lacks(error.text, "secret");
	eventstore_answer_clear(&answer);
	result = append(3);
	ck_assert_int_eq(result.append, APPEND_UNKNOWN);
	ck_assert_int_eq(result.status, 0);
	ck_assert_int_eq(append(-1).append, APPEND_WRITTEN);
	stop();
}
END_TEST

START_TEST(a_head_of_many_lines_is_cut_off)
{
	struct strbuf head = {0};
	struct stub_answer answers[1];
	struct eventstore_result result;
	int i;

	strbuf_add_text(&head, "HTTP/1.1 201 Created\r\n");
	for (i = 0; i < 5000; i++)
		strbuf_add_text(&head, "X-Filler: 01234567890\r\n");
	strbuf_add_text(&head, "Location: http://h/streams/a-1/0\r\nContent-Length: 0\r\n\r\n");
	answers[0] = (struct stub_answer){head.data, STUB_KEEP, 0, 0};
	start(answers, 1);
	result = append(-1);
	ck_assert_int_eq(result.append, APPEND_UNKNOWN);
	assert_contains(result.text, "headers");
	stop();
	strbuf_clear(&head);
}
END_TEST

/* 512 bytes of a name that is not ASCII come back as three times as many. */
START_TEST(long_names_come_back_whole)
{
	struct strbuf name = {0}, text = {0};
	struct stub_answer answers[1];
	struct span body = span_of("{}");
	int i;

	for (i = 0; i < 256; i++)
		strbuf_add_text(&name, "\xc3\xa9");
	strbuf_add_text(&text, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nLocation: http://h");
	eventstore_stream_target(strbuf_span(&name), &text);
	strbuf_add_text(&text, "/17\r\n\r\n");
	answers[0] = (struct stub_answer){text.data, STUB_KEEP, 0, 0};
	start(answers, 1);
	eventstore_append(store, strbuf_span(&name), 16, &body, 1, NULL);
	ck_assert_int_eq(next_result().first_number, 17);
	stop();
	strbuf_clear(&name);
	strbuf_clear(&text);
}
END_TEST

START_TEST(nobody_listens)
{
	static const struct stub_answer answers[] = {{OK_201(0), STUB_KEEP, 0, 0}};
	struct eventstore_result result;
	struct eventstore_answer answer;
	struct error error = {0};
	int port;

	stub = stub_start(answers, 1);
	port = stub_port(stub);
	stub_stop(stub);
	open_store(port, "user:s3cret@", 1, DEADLINE_MS);
	result = append(-1);
	ck_assert_int_eq(result.append, APPEND_UNKNOWN);
	ck_assert_int_eq(result.status, 0);
	assert_contains(result.text, "127.0.0.1");
	assert_lacks(result.text, "s3cret");
	ck_assert(!eventstore_call(store, "GET", "/info", NULL, SPAN_NULL, &answer, &error));
	assert_contains(error.text, "GET http://127.0.0.1:");
	assert_lacks(error.text, "s3cret");
	assert_lacks(eventstore_address(store), "user");
	eventstore_answer_clear(&answer);
	stop();
}
END_TEST

START_TEST(calls_carry_what_they_are_given)
{
	static const struct stub_answer answers[] = {
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nES-Position: {\"a\":5}\r\n"
		 "ETag: \"3;4\"\r\nContent-Length: 3\r\n\r\na\nb",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 201 Created\r\nLocation: http://h/projection/x\r\n"
		 "Kurrent-CurrentVersion: 9\r\nContent-Length: 0\r\n\r\n",
			STUB_KEEP, 0, 0},
		{EMPTY("204 No"), STUB_KEEP, 0, 0}, {EMPTY("404 Not Found"), STUB_KEEP, 0, 0}};
	static const char *const headers[] = {
		"Content-Type: application/json", "Accept: application/json", NULL};
	struct eventstore_answer answer;
	struct error error = {0};

	start(answers, 4);
	ck_assert(eventstore_call(store, "GET", "/projection/x/state?partition=a%20b", NULL,
		SPAN_NULL, &answer, &error));
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body, "a\nb");
	ck_assert_uint_eq(answer.body_len, 3);
	ck_assert_str_eq(answer.content_type, "application/json");
	ck_assert_str_eq(answer.position, "{\"a\":5}");
	ck_assert_str_eq(answer.etag, "\"3;4\"");
	ck_assert_ptr_null(answer.location);
	ck_assert_int_eq(answer.current_version, -2);
	eventstore_answer_clear(&answer);
	ck_assert(eventstore_call(
		store, "PUT", "/projection/x", headers, span_of("{\"a\":1}"), &answer, &error));
	ck_assert_int_eq(answer.status, 201);
	ck_assert_str_eq(answer.location, "http://h/projection/x");
	ck_assert_int_eq(answer.current_version, 9);
	ck_assert_str_eq(answer.body, "");
	eventstore_answer_clear(&answer);
	ck_assert(eventstore_call(store, "DELETE", "/streams/a", NULL, SPAN_NULL, &answer, &error));
	eventstore_answer_clear(&answer);
	ck_assert_int_eq(read_head(1).read, READ_MISPLACED); /* a call's method does not stay */
	stub_stop(stub);
	assert_contains(
		stub_request(stub, 0), "GET /projection/x/state?partition=a%20b HTTP/1.1\r\n");
	assert_contains(stub_request(stub, 1), "PUT /projection/x HTTP/1.1\r\n");
	assert_contains(stub_request(stub, 1), "\r\nContent-Type: application/json\r\n");
	assert_contains(stub_request(stub, 1), "\r\n\r\n{\"a\":1}");
	assert_contains(stub_request(stub, 2), "DELETE /streams/a HTTP/1.1\r\n");
	assert_contains(stub_request(stub, 2), "\r\nContent-Length: 0\r\n");
	assert_contains(stub_request(stub, 3), "GET /streams/a-1/head/");
	stop();
}
END_TEST

/* /info as 23.10.6, as 4.1.3, and as something else answers it. */
START_TEST(info_is_read)
{
	static const struct stub_answer answers[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 132\r\n\r\n"
		 "{\"esVersion\":\"23.10.6.0\",\"state\":\"leader\",\"features\":"
		 "{\"projections\":false,\"userManagement\":true,\"atomPub\":true},"
		 "\"authentication\":{}}",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n"
		 "{\"esVersion\":\"4.1.3.0\",\"state\":\"master\",\"projectionsMode\":\"All\"}",
			STUB_KEEP, 0, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>Hi!", STUB_KEEP, 0, 0},
		{EMPTY("503 Not Ready"), STUB_KEEP, 0, 0},
	};
	struct eventstore_info info;
	struct error error = {0};

	start(answers, 4);
	ck_assert_msg(eventstore_info(store, &info, &error), "%s", error.text);
	ck_assert_str_eq(info.version, "23.10.6.0");
	ck_assert_str_eq(info.state, "leader");
	ck_assert_int_eq(info.atom_pub, 1);
	ck_assert_int_eq(info.projections, 0);
	ck_assert_msg(eventstore_info(store, &info, &error), "%s", error.text);
	ck_assert_str_eq(info.version, "4.1.3.0");
	ck_assert_int_eq(info.atom_pub, -1);
	ck_assert(!eventstore_info(store, &info, &error));
	assert_contains(error.text, "not what EventStoreDB answers");
	error_clear(&error);
	ck_assert(!eventstore_info(store, &info, &error));
	assert_contains(error.text, "503");
	stop();
}
END_TEST

START_TEST(the_loop_wakes_for_other_descriptors)
{
	static const struct stub_answer answers[] = {{NULL, STUB_HANG, 0, 0}};
	struct pollfd fds[12];
	int i;

	start(answers, 1);
	append_event(-1);
	for (i = 0; i < 12; i++)
		fds[i] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN};
	eventstore_wait(store, fds, 12, 0);
	for (i = 0; i < 12; i++)
		ck_assert_int_eq(fds[i].revents, 0);
	ck_assert_int_eq(eventfd_write(fds[11].fd, 1), 0);
	do /* the network may wake it too */
		eventstore_wait(store, fds, 12, DEADLINE_MS);
	while (!fds[11].revents);
	ck_assert_int_eq(fds[11].revents, POLLIN);
	ck_assert_int_eq(fds[0].revents, 0);
	for (i = 0; i < 12; i++)
		close(fds[i].fd);
	stop();
}
END_TEST

START_TEST(a_ca_file_that_is_not_there_is_said_at_once)
{
	struct eventstore_options options = {.url = "esdb://u:s3cret@h?tlsCaFile=/nowhere/ca.pem",
		.connections = 1,
		.connect_timeout_ms = 1000,
		.request_timeout_ms = 1000};
	struct error error = {0};

	ck_assert_ptr_null(eventstore_new(&options, &error));
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	assert_contains(error.text, "eventstore.url: tlsCaFile '/nowhere/ca.pem'");
	assert_lacks(error.text, "s3cret");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("es_http");
	TCase *tcase = tcase_create("es_http");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, an_append_goes_out_as_the_protocol_wants_it);
	tcase_add_test(tcase, versions_are_sent_exactly);
	tcase_add_test(tcase, a_read_goes_out_as_the_protocol_wants_it);
	tcase_add_test(tcase, answers_are_told_apart);
	tcase_add_test(tcase, the_leader_is_followed_until_it_fails);
	tcase_add_test(tcase, a_follower_that_points_to_itself_ends);
	tcase_add_test(tcase, redirects_elsewhere_are_not_followed);
	tcase_add_test(tcase, broken_answers_leave_it_unknown);
	tcase_add_test(tcase, connections_that_died_are_replaced);
	tcase_add_test(tcase, keep_alive_closed_after_each_answer);
	tcase_add_test(tcase, who_never_answers_is_given_up);
	tcase_add_test(tcase, one_that_hangs_does_not_hold_up_the_others);
	tcase_add_test(tcase, slow_and_chunked_answers_are_whole);
	tcase_add_test(tcase, answers_too_large_are_cut_off);
	tcase_add_test(tcase, a_head_of_many_lines_is_cut_off);
	tcase_add_test(tcase, long_names_come_back_whole);
	tcase_add_test(tcase, nobody_listens);
	tcase_add_test(tcase, calls_carry_what_they_are_given);
	tcase_add_test(tcase, info_is_read);
	tcase_add_test(tcase, the_loop_wakes_for_other_descriptors);
	tcase_add_test(tcase, a_ca_file_that_is_not_there_is_said_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
