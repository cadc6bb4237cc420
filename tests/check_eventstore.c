/* The store's edge without a network: connection strings, answers classified row by row, feeds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/es_address.h"
#include "../src/es_answer.h"
#include "eventstore.h"

START_TEST(connection_strings_are_read)
{
	static const struct {
		const char *text, *host, *username, *password, *ca_file;
		int port;
		bool tls, verify;
	} cases[] = {
		{"esdb://localhost", "localhost", NULL, NULL, NULL, 2113, true, true},
		{"esdb://admin:changeit@localhost:2114?tls=false", "localhost", "admin", "changeit",
			NULL, 2114, false, true},
		{"kurrentdb://a.b.c:1/?tlsVerifyCert=false", "a.b.c", NULL, NULL, NULL, 1, true,
			false},
		{"kurrent://u:p%40ss%3A%2f@h?TLS=FALSE&tlscafile=/etc/ca%20x.pem", "h", "u",
			"p@ss:/", "/etc/ca x.pem", 2113, false, true},
		{"kdb://[::1]:2113", "[::1]", NULL, NULL, NULL, 2113, true, true},
		{"ESDB://u@h?maxDiscoverAttempts=3&connectionName=x", "h", "u", NULL, NULL, 2113,
			true, true},
		{"esdb://u:p@w@h?tls=true", "h", "u", "p@w", NULL, 2113, true, true},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct es_address address;
		struct error error = {0};

		ck_assert_msg(es_address_parse(&address, cases[i].text, &error), "%s: %s",
			cases[i].text, error.text);
		ck_assert_str_eq(address.host, cases[i].host);
		ck_assert_pstr_eq(address.username, cases[i].username);
		ck_assert_pstr_eq(address.password, cases[i].password);
		ck_assert_pstr_eq(address.ca_file, cases[i].ca_file);
		ck_assert_int_eq(address.port, cases[i].port);
		ck_assert_int_eq(address.tls, cases[i].tls);
		ck_assert_int_eq(address.verify, cases[i].verify);
		es_address_clear(&address);
	}
}
END_TEST

START_TEST(wrong_connection_strings_say_why_without_secrets)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"localhost:2113", "esdb://"},
		{"http://localhost:2113", "esdb://"},
		{"esdb+discover://u:s3cret@cluster", "discovery"},
		{"esdb://u:s3cret@a,b,c", "several hosts"},
		{"esdb://u:s3cret@", "no host"},
		{"esdb://u:s3cret@h:port", "the port is no number"},
		{"esdb://u:s3cret@h:70000", "from 1 to 65535"},
		{"esdb://u:s3cret@h/path", "path"},
		{"esdb://u:s3cret@h?tls=maybe", "true or false"},
		{"esdb://u:s3cret@h?tsl=false", "did you mean 'tls'"},
		{"esdb://u:s3cret@h?userCertFile=/x", "not supported"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct es_address address;
		struct error error = {0};

		ck_assert_msg(
			!es_address_parse(&address, cases[i].text, &error), "%s", cases[i].text);
		ck_assert_int_eq(error.kind, ERROR_INPUT);
		ck_assert_msg(strstr(error.text, cases[i].says) != NULL, "%s: %s", cases[i].text,
			error.text);
		ck_assert_ptr_null(strstr(error.text, "s3cret"));
		es_address_clear(&address);
	}
}
END_TEST

static struct es_answer answer_of(int status, const char *const *headers)
{
	struct es_answer answer = {.status = status, .current_version = ES_NO_VERSION};

	for (; headers && *headers; headers++)
		es_answer_line(&answer, span_of(*headers));
	return answer;
}

/* The rows of append.md, section 3, with what servers were recorded to answer. */
START_TEST(answers_to_appends)
{
	static const char *const location[] = {"Location: http://h:2113/streams/a-1/41", NULL};
	static const char *const no_number[] = {"Location: http://h/streams/a-1/x", NULL};
	static const char *const conflict[] = {"ES-CurrentVersion: 7", NULL};
	static const char *const kurrent[] = {"kurrent-currentversion:  -1 ", NULL};
	static const struct {
		int status;
		const char *const *headers;
		enum append_outcome outcome;
		int64_t version;
	} cases[] = {
		{201, location, APPEND_WRITTEN, ES_NO_VERSION},
		{201, no_number, APPEND_UNKNOWN, ES_NO_VERSION},
		{201, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{200, NULL, APPEND_UNKNOWN, ES_NO_VERSION}, /* bare: not written */
		{400, conflict, APPEND_CONFLICT, 7},
		{400, kurrent, APPEND_CONFLICT, -1},
		{400, NULL, APPEND_REFUSED, ES_NO_VERSION},
		{401, NULL, APPEND_DENIED, ES_NO_VERSION},
		{403, NULL, APPEND_DENIED, ES_NO_VERSION},
		{404, NULL, APPEND_MISPLACED, ES_NO_VERSION},
		{405, NULL, APPEND_MISPLACED, ES_NO_VERSION},
		{302, NULL, APPEND_MISPLACED, ES_NO_VERSION},
		{307, location, APPEND_MISPLACED, ES_NO_VERSION}, /* one that was not followed */
		{408, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{410, NULL, APPEND_DELETED, ES_NO_VERSION},
		{413, NULL, APPEND_TOO_LARGE, ES_NO_VERSION},
		{429, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{500, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{503, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{0, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct es_answer answer = answer_of(cases[i].status, cases[i].headers);
		int64_t first = -1;

		ck_assert_msg(es_answer_append(&answer, &first) == cases[i].outcome, "case %zu", i);
		ck_assert_int_eq(answer.current_version, cases[i].version);
		ck_assert_int_eq(first, cases[i].outcome == APPEND_WRITTEN ? 41 : -1);
		es_answer_clear(&answer);
	}
}
END_TEST

/* As 23.10.6 was recorded: a stream of two events, one of them a link; ids and texts of ours. */
static const char page_text[] =
	"{\"title\":\"Event stream 'a-1'\",\"streamId\":\"a-1\",\"headOfStream\":true,\"links\":["
	"{\"uri\":\"http://h/streams/a-1\",\"relation\":\"self\"},"
	"{\"uri\":\"http://h/streams/a-1/4/backward/2\",\"relation\":\"next\"}],\"entries\":["
	"{\"eventId\":\"11111111-2222-3333-4444-555555555555\",\"eventType\":\"u\","
	"\"eventNumber\":3,\"data\":\"{\\n  \\\"a\\\": \\\"\\\\u0001\\\"\\n}\",\"metaData\":\"{}\","
	"\"streamId\":\"other-9\",\"positionEventNumber\":6,\"positionStreamId\":\"a-1\","
	"\"title\":\"3@other-9\"},"
	"{\"title\":\"5@gone-1\",\"summary\":\"$>\"}]}";

START_TEST(pages_are_read)
{
	static const char *const headers[] = {"ETag: \"9;-1625630651\"",
		"Content-Type: application/vnd.eventstore.atom+json; charset=utf-8", NULL};
	struct es_answer answer = answer_of(200, headers);
	struct es_page page = {0};

	answer.body = span_of(page_text);
	ck_assert_int_eq(es_answer_read(&answer, false, &page), READ_PAGE);
	ck_assert_uint_eq(page.count, 2);
	ck_assert_int_eq(page.last_number, 9);
	ck_assert(!page.at_start);
	ck_assert_int_eq(page.events[0].number, 6);
	ck_assert(span_is(page.events[0].stream, "other-9"));
	ck_assert(span_is(page.events[0].data, "{\n  \"a\": \"\\u0001\"\n}"));
	ck_assert(span_is(page.events[0].metadata, "{}"));
	ck_assert_int_eq(page.events[1].number, 5);
	ck_assert_ptr_null(page.events[1].id.ptr);
	es_page_clear(&page);
}
END_TEST

START_TEST(empty_pages_still_tell_the_last_number)
{
	static const char *const headers[] = {"ETag: \"41;5\"", NULL};
	struct es_answer answer = answer_of(200, headers);
	struct es_page page = {0};

	answer.body = span_of("{\"links\":[],\"entries\":[]}");
	ck_assert_int_eq(es_answer_read(&answer, false, &page), READ_PAGE);
	ck_assert_int_eq(page.last_number, 41);
	ck_assert(page.at_start);
	es_page_clear(&page);
}
END_TEST

START_TEST(answers_to_reads)
{
	static const char *const typed[] = {"Content-Type: text/plain; charset=utf-8", NULL};
	static const struct {
		int status;
		const char *const *headers;
		const char *body;
		bool too_large;
		enum read_outcome outcome;
	} cases[] = {
		{404, typed, "", false, READ_NO_STREAM},
		{404, NULL, "", false, READ_MISPLACED}, /* AtomPub is off */
		{410, NULL, "", false, READ_DELETED},
		{401, NULL, "", false, READ_DENIED},
		{405, NULL, "", false, READ_MISPLACED},
		{301, NULL, "", false, READ_MISPLACED},
		{503, NULL, "", false, READ_FAILED},
		{0, NULL, "", false, READ_FAILED},
		{200, NULL, "", true, READ_TOO_LARGE},
		{200, NULL, "no JSON", false, READ_FAILED},
		{200, NULL, "[]", false, READ_FAILED},
		{200, NULL, "{\"entries\":[{}]}", false, READ_FAILED},
		{200, NULL, "{\"entries\":[5]}", false, READ_FAILED},
		{200, NULL, "{\"entries\":{}}", false, READ_FAILED},
	};
	struct es_page page = {0};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct es_answer answer = answer_of(cases[i].status, cases[i].headers);

		answer.body = span_of(cases[i].body);
		ck_assert_msg(
			es_answer_read(&answer, cases[i].too_large, &page) == cases[i].outcome,
			"case %zu", i);
	}
	es_page_clear(&page);
}
END_TEST

START_TEST(texts_for_a_person_stay_one_line)
{
	static const char *const typed[] = {"Content-Type: text/plain", NULL};
	struct es_answer answer = answer_of(400, typed);
	char text[64];

	snprintf(answer.reason, sizeof(answer.reason), "Bad Request");
	answer.body = span_of("Write request\r\nbody \x1b[31m invalid, and then goes on for long");
	es_answer_text(&answer, "", text, sizeof(text));
	ck_assert_uint_eq(strlen(text), sizeof(text) - 1);
	ck_assert_ptr_nonnull(strstr(text, "HTTP 400 Bad Request: Write request  body"));
	ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

START_TEST(stream_names_are_encoded_once)
{
	struct strbuf target = {0};

	eventstore_stream_target(span_of("t-~20\xc3\xa9*'()@!:"), &target);
	ck_assert_str_eq(target.data, "/streams/t-~20%C3%A9%2A%27%28%29%40%21%3A");
	strbuf_clear(&target);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("eventstore");
	TCase *tcase = tcase_create("eventstore");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, connection_strings_are_read);
	tcase_add_test(tcase, wrong_connection_strings_say_why_without_secrets);
	tcase_add_test(tcase, answers_to_appends);
	tcase_add_test(tcase, pages_are_read);
	tcase_add_test(tcase, empty_pages_still_tell_the_last_number);
	tcase_add_test(tcase, answers_to_reads);
	tcase_add_test(tcase, texts_for_a_person_stay_one_line);
	tcase_add_test(tcase, stream_names_are_encoded_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
