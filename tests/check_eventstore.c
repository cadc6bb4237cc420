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
		{"esdb://u:a/b@h", "h", "u", "a/b", NULL, 2113, true, true},
		{"esdb://u:100%@h/", "h", "u", "100%", NULL, 2113, true, true},
		{"esdb://:@h", "h", "", "", NULL, 2113, true, true},
		{"esdb://h?tlsCaFile=/home/me@work/ca.pem&&tls=true&", "h", NULL, NULL,
			"/home/me@work/ca.pem", 2113, true, true},
		{"esdb://[fe80::1]", "[fe80::1]", NULL, NULL, NULL, 2113, true, true},
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

/* "s3cret" is what no message may hold a part of, wherever it stands. */
START_TEST(wrong_connection_strings_say_why_without_secrets)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "esdb://"},
		{"localhost:2113", "esdb://"},
		{"http://u:s3cret@localhost:2113", "esdb://"},
		{"esdbx://u:s3cret@h", "esdb://"},
		{"esdb+discover://u:s3cret@cluster",
			"cluster discovery comes later; name one node"},
		{"KurrentDB+Discover://h", "name one node with kurrentdb://"},
		{"esdb://u:s3cret@a,b,c", "several hosts"},
		{"esdb://u:s3cret@", "no host"},
		{"esdb://", "no host"},
		{"esdb://?tls=false", "no host"},
		{"esdb://u:s3cret@h:port", "the port is no number"},
		{"esdb://u:s3cret@h:", "the port is no number"},
		{"esdb://u:s3cret@h:0", "the port is no number"},
		{"esdb://u:s3cret@h:70000", "from 1 to 65535"},
		{"esdb://u:s3cret", "the port is no number"},
		{"esdb://u:s3c?ret@h", "%3F for '?'"},
		{"esdb://u:1?s3cret@h:2113", "%3F for '?'"},
		{"esdb://u:1?s3cret=1&x@h", "%3F for '?'"},
		{"esdb://u:1?tls=s3cret@h", "tls is either true or false"},
		{"esdb://u:x@h/s3cret@h/path", "no path"},
		{"esdb://u:s3cret@h/path", "no path"},
		{"esdb://::1", "brackets"},
		{"esdb://[::1", "brackets"},
		{"esdb://[s3cret]", "brackets"},
		{"esdb://u:s3cret@a b", "neither a name nor an address"},
		{"esdb://u:s3cret@h#x", "neither a name nor an address"},
		{"esdb://u%00:s3cret@h", "%00"},
		{"esdb://u:s3cret%00@h", "%00"},
		{"esdb://u%3Ax:s3cret@h", "':'"},
		{"esdb://u:s3cret@h?tls=maybe", "true or false"},
		{"esdb://u:s3cret@h?tls", "true or false"},
		{"esdb://u:s3cret@h?tsl=false", "did you mean 'tls'"},
		{"esdb://u:s3cret@h?TLSVERIFYCERTS=false", "did you mean 'tlsVerifyCert'"},
		{"esdb://u:s3cret@h?=1", "is no key"},
		{"esdb://u:s3cret@h?tlsCaFile=%00", "%00"},
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
		ck_assert_msg(!strstr(error.text, "s3c"), "%s: %s", cases[i].text, error.text);
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
	static const char *const negative[] = {"Location: http://h/streams/a-1/-1", NULL};
	static const char *const other[] = {"Location: http://h/orders/41", NULL};
	static const char *const no_path[] = {"Location: 41", NULL};
	static const char *const odd_version[] = {"ES-CurrentVersion: -2", NULL};
	static const char *const no_version[] = {"ES-CurrentVersion: 7x", NULL};
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
		{201, negative, APPEND_UNKNOWN, ES_NO_VERSION},
		{201, other, APPEND_UNKNOWN, ES_NO_VERSION},
		{201, no_path, APPEND_UNKNOWN, ES_NO_VERSION},
		{201, NULL, APPEND_UNKNOWN, ES_NO_VERSION},
		{200, NULL, APPEND_UNKNOWN, ES_NO_VERSION}, /* bare: not written */
		{400, conflict, APPEND_CONFLICT, 7},
		{400, kurrent, APPEND_CONFLICT, -1},
		{400, NULL, APPEND_REFUSED, ES_NO_VERSION},
		/* a version that cannot be read is no proof of a refusal */
		{400, odd_version, APPEND_UNKNOWN, ES_ODD_VERSION},
		{400, no_version, APPEND_UNKNOWN, ES_ODD_VERSION},
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

/* --- What running servers answered (tests/transcripts), each with what it means --- */

#define SERVERS 3
static const char *const servers[SERVERS] = {
	"eventstore-4.1.3", "eventstore-23.10.6", "kurrentdb-26.1.0"};
static const char *const append_names[] = {[APPEND_WRITTEN] = "written",
	[APPEND_CONFLICT] = "conflict",
	[APPEND_REFUSED] = "refused",
	[APPEND_TOO_LARGE] = "too large",
	[APPEND_DENIED] = "denied",
	[APPEND_MISPLACED] = "misplaced",
	[APPEND_DELETED] = "deleted",
	[APPEND_UNKNOWN] = "unknown"};
static const char *const read_names[] = {[READ_PAGE] = "page",
	[READ_NO_STREAM] = "no stream",
	[READ_DELETED] = "deleted",
	[READ_DENIED] = "denied",
	[READ_MISPLACED] = "misplaced",
	[READ_TOO_LARGE] = "too large",
	[READ_FAILED] = "failed"};

/* A file of JSON; its text is in memory as long as it is. */
struct recording {
	char *text;
	struct js_doc doc;
};

static char *read_file(const char *directory, const char *name)
{
	char path[512], block[4096];
	struct strbuf text = {0};
	size_t got;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", TEST_SRCDIR, directory, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	while ((got = fread(block, 1, sizeof(block), file)) > 0)
		strbuf_add(&text, block, got);
	fclose(file);
	return strbuf_steal(&text);
}

static void recording_load(struct recording *recording, const char *server)
{
	struct error error = {0};
	char name[64];

	snprintf(name, sizeof(name), "%s.json", server);
	*recording = (struct recording){.text = read_file("transcripts", name)};
	ck_assert_msg(js_parse(&recording->doc, span_of(recording->text), JS_MAX_DEPTH, &error),
		"%s: %s", name, error.text);
}

static void recording_clear(struct recording *recording)
{
	js_doc_clear(&recording->doc);
	free(recording->text);
}

static uint32_t element(const struct js_doc *doc, uint32_t array, int64_t index)
{
	uint32_t node = js_first(doc, array);

	while (node != JS_NONE && index-- > 0)
		node = js_next(doc, array, node);
	return node;
}

static int64_t number_of(const struct js_doc *doc, uint32_t node)
{
	int64_t number = INT64_MIN;

	span_to_int64(js_text(doc, node), &number);
	return number;
}

static uint32_t recorded_answer(const struct js_doc *doc, const char *scenario, int64_t step)
{
	uint32_t scenarios = js_member(doc, 0, "scenarios"), node = js_first(doc, scenarios);

	while (node != JS_NONE && !js_string_is(doc, js_member(doc, node, "name"), scenario))
		node = js_next(doc, scenarios, node);
	node = js_member(doc, element(doc, js_member(doc, node, "steps"), step), "response");
	ck_assert_msg(node != JS_NONE, "no step %lld of %s", (long long)step, scenario);
	return node;
}

static void add_string(const struct js_doc *doc, uint32_t node, struct strbuf *text)
{
	if (node != JS_NONE)
		ck_assert(js_string(doc, node, text));
}

/* Gives the recorded head line by line. A body was kept as text, as JSON where it was that, or
 * both; it is in body for as long as the answer is looked at. */
static struct es_answer replay(const struct js_doc *doc, uint32_t response, struct strbuf *body)
{
	struct es_answer answer = {0};
	uint32_t headers = js_member(doc, response, "headers"), name;
	struct strbuf line = {0};

	strbuf_add_text(&line, "HTTP/1.1 ");
	strbuf_add_span(&line, js_text(doc, js_member(doc, response, "status")));
	strbuf_add_char(&line, ' ');
	add_string(doc, js_member(doc, response, "reason"), &line);
	ck_assert(es_answer_line(&answer, strbuf_span(&line)));
	answer.status = (int)number_of(doc, js_member(doc, response, "status"));
	for (name = js_first(doc, headers); name != JS_NONE; name = js_next(doc, headers, name)) {
		strbuf_reset(&line);
		add_string(doc, name, &line);
		strbuf_add_text(&line, ": ");
		add_string(doc, name + 1, &line);
		ck_assert(!es_answer_line(&answer, strbuf_span(&line)));
	}
	strbuf_clear(&line);
	strbuf_reset(body);
	if (js_member(doc, response, "text") != JS_NONE)
		add_string(doc, js_member(doc, response, "text"), body);
	else
		strbuf_add_span(body, js_text(doc, js_member(doc, response, "json")));
	answer.body = strbuf_span(body);
	return answer;
}

/* A line of a vector file: what the answer must be taken for. */
static void check_append(
	const struct es_answer *answer, const struct js_doc *wanted, const char *where)
{
	int64_t first = -1, number = number_of(wanted, js_member(wanted, 0, "number"));
	enum append_outcome outcome = es_answer_append(answer, &first);

	ck_assert_msg(js_string_is(wanted, js_member(wanted, 0, "outcome"), append_names[outcome]),
		"%s: %s", where, append_names[outcome]);
	if (outcome == APPEND_WRITTEN)
		ck_assert_msg(first == number, "%s: %lld", where, (long long)first);
	if (outcome == APPEND_CONFLICT)
		ck_assert_msg(answer->current_version == number, "%s: %lld", where,
			(long long)answer->current_version);
}

static void check_page(const struct es_page *page, const struct js_doc *wanted, const char *where)
{
	uint32_t numbers = js_member(wanted, 0, "numbers");
	int64_t i, last = number_of(wanted, js_member(wanted, 0, "last"));
	bool at_start = js_type_of(wanted, js_member(wanted, 0, "at_start")) == JS_TRUE;

	ck_assert_msg(page->count == js_count(wanted, numbers), "%s: %zu", where, page->count);
	for (i = 0; i < (int64_t)page->count; i++)
		ck_assert_msg(
			page->events[i].number == number_of(wanted, element(wanted, numbers, i)),
			"%s: [%lld] %lld", where, (long long)i, (long long)page->events[i].number);
	ck_assert_msg(
		page->last_number == last, "%s: last %lld", where, (long long)page->last_number);
	ck_assert_msg(page->at_start == at_start, "%s: at_start %d", where, page->at_start);
}

static void check_read(
	const struct es_answer *answer, const struct js_doc *wanted, const char *where)
{
	struct es_page page = {0};
	enum read_outcome outcome = es_answer_read(answer, false, &page);

	ck_assert_msg(js_string_is(wanted, js_member(wanted, 0, "outcome"), read_names[outcome]),
		"%s: %s", where, read_names[outcome]);
	if (outcome == READ_PAGE)
		check_page(&page, wanted, where);
	es_page_clear(&page);
}

typedef void check_answer(
	const struct es_answer *answer, const struct js_doc *wanted, const char *where);

static void check_line(const struct recording *recordings, struct span line, check_answer *check)
{
	struct js_doc wanted = {0};
	struct strbuf scenario = {0}, body = {0};
	struct error error = {0};
	char where[256];
	int64_t step;
	size_t i;

	ck_assert_msg(js_parse(&wanted, line, 8, &error), "%.*s: %s", SPAN_ARG(line), error.text);
	add_string(&wanted, js_member(&wanted, 0, "scenario"), &scenario);
	step = number_of(&wanted, js_member(&wanted, 0, "step"));
	for (i = 0; i < SERVERS; i++) {
		uint32_t only = js_member(&wanted, 0, "server");
		const struct js_doc *doc = &recordings[i].doc;
		struct es_answer answer;

		if (only != JS_NONE && !js_string_is(&wanted, only, servers[i]))
			continue;
		snprintf(where, sizeof(where), "%s, %s %lld", servers[i], scenario.data,
			(long long)step);
		answer = replay(doc, recorded_answer(doc, scenario.data, step), &body);
		check(&answer, &wanted, where);
		es_answer_clear(&answer);
	}
	js_doc_clear(&wanted);
	strbuf_clear(&scenario);
	strbuf_clear(&body);
}

static void check_recorded(const char *vectors, check_answer *check)
{
	struct recording recordings[SERVERS];
	char *text = read_file("vectors/eventstore", vectors), *line, *end;
	size_t i, count = 0;

	for (i = 0; i < SERVERS; i++)
		recording_load(&recordings[i], servers[i]);
	for (line = text; (end = strchr(line, '\n')); line = end + 1, count++)
		check_line(recordings, (struct span){line, (size_t)(end - line)}, check);
	ck_assert_uint_gt(count, 20);
	for (i = 0; i < SERVERS; i++)
		recording_clear(&recordings[i]);
	free(text);
}

START_TEST(recorded_answers_to_appends)
{
	check_recorded("appends.jsonl", check_append);
}
END_TEST

START_TEST(recorded_answers_to_reads)
{
	check_recorded("reads.jsonl", check_read);
}
END_TEST

/* The event itself, a link to one, and one without metadata, as each server shows them. */
START_TEST(recorded_entries)
{
	struct strbuf body = {0};
	struct es_page page = {0};
	struct es_answer answer;
	size_t i;

	for (i = 0; i < SERVERS; i++) {
		struct recording recording;

		recording_load(&recording, servers[i]);
		answer = replay(&recording.doc, recorded_answer(&recording.doc, "read", 7), &body);
		ck_assert_int_eq(es_answer_read(&answer, false, &page), READ_PAGE);
		ck_assert(strncmp(page.events[0].stream.ptr, "conf10-r", 8) == 0);
		ck_assert_uint_eq(page.events[0].id.len, 36);
		ck_assert(span_is(page.events[0].type, "c"));
		ck_assert(span_is(page.events[0].data, "{\n  \"n\": 1\n}"));
		ck_assert(span_is(page.events[0].metadata, "{\n  \"offset\": 6\n}"));
		es_answer_clear(&answer);
		answer = replay(
			&recording.doc, recorded_answer(&recording.doc, "projections", 5), &body);
		ck_assert_int_eq(es_answer_read(&answer, false, &page), READ_PAGE);
		ck_assert_int_eq(page.events[0].number, 2574);
		ck_assert(strncmp(page.events[0].stream.ptr, "catr", 4) == 0);
		es_answer_clear(&answer);
		answer = replay(
			&recording.doc, recorded_answer(&recording.doc, "truncate", 2), &body);
		ck_assert_int_eq(es_answer_read(&answer, false, &page), READ_PAGE);
		ck_assert_ptr_null(page.events[0].metadata.ptr);
		es_answer_clear(&answer);
		recording_clear(&recording);
	}
	es_page_clear(&page);
	strbuf_clear(&body);
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
	es_answer_clear(&answer);
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
		{200, NULL, "{\"entries\":null}", false, READ_FAILED},
		{200, NULL, "", false, READ_FAILED},
		{200, NULL, "{\"entries\":[{\"positionEventNumber\":-1}]}", false, READ_FAILED},
		{200, NULL, "{\"entries\":[{\"positionEventNumber\":1.5}]}", false, READ_FAILED},
		{200, NULL, "{\"entries\":[{\"title\":\"9\"}]}", false, READ_FAILED},
		/* not newest first */
		{200, NULL,
			"{\"entries\":[{\"positionEventNumber\":1},{\"positionEventNumber\":1}]}",
			false, READ_FAILED},
		{200, NULL,
			"{\"entries\":[{\"positionEventNumber\":1},{\"positionEventNumber\":2}]}",
			false, READ_FAILED},
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
	tcase_add_test(tcase, recorded_answers_to_appends);
	tcase_add_test(tcase, recorded_answers_to_reads);
	tcase_add_test(tcase, recorded_entries);
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
