/* The development store's pure parts: JSON as it is stored, HTTP syntax, targets, media types,
 * timers, faults. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_body.h"
#include "fault.h"
#include "feed.h"
#include "http_parse.h"
#include "media.h"
#include "reprint.h"
#include "timer.h"
#include "uri.h"

static struct span text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value)
		       ? (struct span){json_string_value(value), json_string_length(value)}
		       : SPAN_NULL;
}

/* --- JSON --- */

START_TEST(json_is_stored_as_the_server_stores_it)
{
	FILE *file = fopen(TEST_SRCDIR "/vectors/devstore/reprint.jsonl", "r");
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &size, file) > 0) {
		json_t *vector = json_loads(line, JSON_ALLOW_NUL, NULL);
		struct span sent = text_of(vector, "sent"), stored = text_of(vector, "stored");
		struct strbuf out = {0};
		bool ok = reprint_text(sent, 0, &out);

		ck_assert_msg(ok == (stored.ptr != NULL), "%s", line);
		ck_assert_msg(!ok || span_equal(strbuf_span(&out), stored), "%sprinted %s", line,
			out.data);
		/* What is stored is read back and printed once more by some representations. */
		if (ok && !memmem(stored.ptr, stored.len, "undefined", 9)) {
			struct strbuf again = {0};

			ck_assert_msg(reprint_text(stored, 0, &again), "%s", line);
			ck_assert_msg(span_equal(strbuf_span(&again), stored), "%s", line);
			strbuf_clear(&again);
		}
		strbuf_clear(&out);
		json_decref(vector);
		count++;
	}
	ck_assert_int_gt(count, 80);
	free(line);
	fclose(file);
}
END_TEST

static bool prints(const char *sent, size_t len)
{
	struct strbuf out = {0};
	bool ok = reprint_text((struct span){sent, len}, 0, &out);

	strbuf_clear(&out);
	return ok;
}

START_TEST(nesting_is_bounded)
{
	struct strbuf text = {0};
	int i;

	for (i = 0; i < 64; i++)
		strbuf_add_char(&text, '[');
	for (i = 0; i < 64; i++)
		strbuf_add_char(&text, ']');
	ck_assert(prints(text.data, text.len));
	strbuf_reset(&text);
	for (i = 0; i < 65; i++)
		strbuf_add_char(&text, '[');
	for (i = 0; i < 65; i++)
		strbuf_add_char(&text, ']');
	ck_assert(!prints(text.data, text.len));
	strbuf_reset(&text);
	for (i = 0; i < 1000000; i++)
		strbuf_add_text(&text, "{\"a\":");
	ck_assert(!prints(text.data, text.len));
	strbuf_clear(&text);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_become_replacement_characters)
{
	struct strbuf out = {0};

	ck_assert(reprint_text((struct span){"\"a\xff\xfe\xc3(\xe2\x82\"", 9}, 0, &out));
	ck_assert_str_eq(out.data, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\"");
	strbuf_clear(&out);
}
END_TEST

/* Enough members that they are looked up by hash, each name coming twice. */
START_TEST(many_repeated_members_keep_the_last_of_each)
{
	struct strbuf text = {0}, want = {0}, out = {0};
	int i;

	strbuf_add_text(&text, "{\"first\":0");
	for (i = 0; i < 400; i++)
		strbuf_printf(&text, ",\"m%d\":%d", i % 200, i);
	strbuf_add_char(&text, '}');
	strbuf_add_text(&want, "{\n  \"first\": 0");
	for (i = 200; i < 400; i++)
		strbuf_printf(&want, ",\n  \"m%d\": %d", i - 200, i);
	strbuf_add_text(&want, "\n}");
	ck_assert(reprint_text(strbuf_span(&text), 0, &out));
	ck_assert_str_eq(out.data, want.data);
	strbuf_clear(&text);
	strbuf_clear(&want);
	strbuf_clear(&out);
}
END_TEST

START_TEST(a_failed_text_leaves_the_output_alone)
{
	struct strbuf out = {0};

	strbuf_add_text(&out, "before");
	ck_assert(!reprint_text(span_of("{\"a\": [1, 2"), 0, &out));
	ck_assert_str_eq(out.data, "before");
	strbuf_clear(&out);
}
END_TEST

/* --- Bodies --- */

#define ID "00000000-0000-4000-8000-00000000000a"
#define INVALID "Write request body invalid."

START_TEST(bodies_are_refused_in_the_servers_words)
{
	static const struct {
		const char *body, *wrong;
	} cases[] = {
		{"[]", INVALID},
		{"", INVALID},
		{"null", INVALID},
		{"[{", INVALID},
		{"{}", INVALID},
		{"[] x", INVALID},
		{"[5]", INVALID},
		{"[null]", "Object reference not set to an instance of an object."},
		{"[{\"eventType\":\"c\"}]", "Empty eventId provided. (Parameter 'eventId')"},
		{"[{\"eventId\":\"00000000-0000-0000-0000-000000000000\",\"eventType\":\"c\"}]",
			"Empty eventId provided. (Parameter 'eventId')"},
		{"[{\"eventId\":\"x\",\"eventType\":\"c\"}]", INVALID},
		{"[{\"eventId\":5,\"eventType\":\"c\"}]", INVALID},
		{"[{\"eventId\":\"" ID "\"}]", "Empty eventType provided. (Parameter 'eventType')"},
		{"[{\"eventId\":\"" ID "\",\"eventType\":\"\"}]",
			"Empty eventType provided. (Parameter 'eventType')"},
		{"[{\"eventId\":\"" ID "\",\"eventType\":null}]",
			"Empty eventType provided. (Parameter 'eventType')"},
		{"[{\"eventId\":\"" ID "\",\"eventType\":\"c\",\"data\":{]", INVALID},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_body body = {.count = 0};
		const char *wrong = event_body_parse(&body, span_of(cases[i].body));

		ck_assert_msg(wrong && !strcmp(wrong, cases[i].wrong), "%s: %s", cases[i].body,
			wrong ? wrong : "accepted");
		event_body_clear(&body);
	}
}
END_TEST

START_TEST(data_and_metadata_are_stored_by_what_they_are)
{
	static const struct {
		const char *members, *data, *metadata;
		bool is_json;
	} cases[] = {
		{"\"data\":{\"a\":1}", "{\n  \"a\": 1\n}", "", true},
		{"\"data\":[1]", "[\n  1\n]", "", true},
		{"\"data\":\"text\"", "text", "", false},
		{"\"data\":\"{\\\"a\\\":1.10}\"", "{\n  \"a\": 1.1\n}", "", true},
		{"\"data\":\"[1] x\"", "[1] x", "", false},
		{"\"data\":5", "", "", false},
		{"\"data\":true", "", "", false},
		{"\"data\":null", "", "", false},
		{"\"other\":{}", "", "", false},
		{"\"data\":\"text\",\"metadata\":{\"o\":1}", "text", "{\n  \"o\": 1\n}", true},
		{"\"DATA\":{},\"MetaData\":\"m\"", "{}", "m", true},
		{"\"data\":{\"x\":1},\"data\":{\"y\":2}", "{\n  \"y\": 2\n}", "", true},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_body body = {.count = 0};
		struct strbuf text = {0};

		strbuf_printf(
			&text, "[{\"EventId\":\"%s\",\"eventtype\":12,%s}]", ID, cases[i].members);
		ck_assert_ptr_null(event_body_parse(&body, strbuf_span(&text)));
		ck_assert_uint_eq(body.count, 1);
		ck_assert(span_is(body.events[0].type, "12"));
		ck_assert_msg(span_equal(body.events[0].data, span_of(cases[i].data)) ||
				      (!*cases[i].data && !body.events[0].data.len),
			"%s", cases[i].members);
		ck_assert_msg(span_equal(body.events[0].metadata, span_of(cases[i].metadata)) ||
				      (!*cases[i].metadata && !body.events[0].metadata.len),
			"%s", cases[i].members);
		ck_assert_msg(body.events[0].is_json == cases[i].is_json, "%s", cases[i].members);
		strbuf_clear(&text);
		event_body_clear(&body);
	}
}
END_TEST

/* 62 levels of data are left of the 64 of a body. */
START_TEST(data_may_be_nested_62_levels)
{
	int levels, i;

	for (levels = 62; levels <= 63; levels++) {
		struct event_body body = {.count = 0};
		struct strbuf text = {0};

		strbuf_add_text(&text, "[{\"eventId\":\"" ID "\",\"eventType\":\"c\",\"data\":");
		for (i = 0; i < levels; i++)
			strbuf_add_char(&text, '[');
		for (i = 0; i < levels; i++)
			strbuf_add_char(&text, ']');
		strbuf_add_text(&text, "}]");
		ck_assert_int_eq(event_body_parse(&body, strbuf_span(&text)) == NULL, levels == 62);
		strbuf_clear(&text);
		event_body_clear(&body);
	}
}
END_TEST

START_TEST(ids_are_read_in_every_notation)
{
	static const char *const good[] = {
		"00112233-4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-AABBCCDDEEFF",
		"{00112233-4455-6677-8899-aabbccddeeff}",
		"(00112233-4455-6677-8899-aabbccddeeff)",
		"00112233445566778899aabbccddeeff",
	};
	static const char *const bad[] = {
		"",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeefg",
		"{00112233-4455-6677-8899-aabbccddeeff)",
		"0011223-34455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeeff0",
	};
	unsigned char id[EVENT_ID_BYTES];
	struct strbuf text = {0};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(event_id_parse(span_of(good[i]), id), "%s", good[i]);
		strbuf_reset(&text);
		event_id_add(&text, id);
		ck_assert_str_eq(text.data, good[0]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!event_id_parse(span_of(bad[i]), id), "%s", bad[i]);
	strbuf_clear(&text);
}
END_TEST

/* --- HTTP --- */

START_TEST(heads_are_told_apart)
{
	static const struct {
		const char *text;
		int status;
		int64_t content_length;
		bool keep_alive, chunked;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, -1, true, false},
		{"GET / HTTP/1.0\r\n\r\n", 200, -1, false, false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, -1, true, false},
		{"GET / HTTP/1.1\r\nconnection: Close\r\n\r\n", 200, -1, false, false},
		{"POST /a HTTP/1.1\r\ncontent-length:  12 \r\n\r\n", 200, 12, true, false},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 200, -1, true, true},
		{"GET / HTTP/1.1\nHost: x\n\n", 200, -1, true, false},
		{"GET / HTTP/1.1\r\nHost: x\r\n", 0, -1, false, false},
		{"GET ", 0, -1, false, false},
		{"GET /\r\n\r\n", 400, -1, false, false},
		{"GET / HTTP/2.0\r\n\r\n", 400, -1, false, false},
		{"GET  / HTTP/1.1\r\n\r\n", 400, -1, false, false},
		{"G@T / HTTP/1.1\r\n\r\n", 400, -1, false, false},
		{"GET / HTTP/1.1\r\nbad\r\n\r\n", 400, -1, false, false},
		{"GET / HTTP/1.1\r\nx : y\r\n\r\n", 400, -1, false, false},
		{"GET / HTTP/1.1\r\nx: y\r\n folded\r\n\r\n", 400, -1, false, false},
		{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, -1, false, false},
		{"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400, -1, false, false},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, -1,
			false, false},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
			-1, false, false},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, -1, false, false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_head head;

		ck_assert_msg(http_parse_head(span_of(cases[i].text), &head) == cases[i].status,
			"%s", cases[i].text);
		if (cases[i].status != 200)
			continue;
		ck_assert_msg(head.content_length == cases[i].content_length &&
				      head.keep_alive == cases[i].keep_alive &&
				      head.chunked == cases[i].chunked &&
				      head.len == strlen(cases[i].text),
			"%s", cases[i].text);
	}
}
END_TEST

START_TEST(heads_are_bounded)
{
	struct strbuf text = {0};
	struct http_head head;
	int i;

	strbuf_add_text(&text, "GET /");
	while (text.len <= HTTP_MAX_REQUEST_LINE)
		strbuf_add_char(&text, 'x');
	ck_assert_int_eq(http_parse_head(strbuf_span(&text), &head), 414);
	strbuf_reset(&text);
	strbuf_add_text(&text, "GET / HTTP/1.1\r\n");
	for (i = 0; i < 101; i++)
		strbuf_printf(&text, "h%d: v\r\n", i);
	strbuf_add_text(&text, "\r\n");
	ck_assert_int_eq(http_parse_head(strbuf_span(&text), &head), 431);
	strbuf_reset(&text);
	strbuf_add_text(&text, "GET / HTTP/1.1\r\nlong: ");
	while (text.len <= HTTP_MAX_HEAD)
		strbuf_add_char(&text, 'x');
	ck_assert_int_eq(http_parse_head(strbuf_span(&text), &head), 431);
	strbuf_clear(&text);
}
END_TEST

/* The same chunks, given a byte more at a time, end with the same body. */
START_TEST(chunked_bodies_come_in_any_pieces)
{
	static const char sent[] = "4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nTrailer: z\r\n\r\nGET";
	const size_t whole = sizeof(sent) - 1 - 3;
	char bytes[sizeof(sent)];
	struct http_chunks chunks = {0};
	size_t len;
	int status = 0;

	memcpy(bytes, sent, sizeof(sent));
	for (len = 1; len <= sizeof(sent) - 1 && !status; len++)
		status = http_parse_chunks(&chunks, bytes, len);
	ck_assert_int_eq(status, 200);
	ck_assert_uint_eq(chunks.read, whole);
	ck_assert_uint_eq(chunks.data, 9);
	ck_assert(!memcmp(bytes, "Wikipedia", 9));
}
END_TEST

START_TEST(broken_chunks_are_refused)
{
	static const char *const cases[] = {
		"x\r\n", "-1\r\n", "\r\n", "1234567890123\r\n", "1\r\nab\r\n", ";\r\n"};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_chunks chunks = {0};
		char *bytes = xstrdup(cases[i]);

		ck_assert_msg(
			http_parse_chunks(&chunks, bytes, strlen(bytes)) == 400, "%s", cases[i]);
		free(bytes);
	}
}
END_TEST

START_TEST(names_are_decoded_twice_and_escaped_once)
{
	static const struct {
		const char *segment, *name, *escaped;
	} cases[] = {
		{"a-1", "a-1", "a-1"},
		{"a%20b", "a b", "a%20b"},
		{"a%2Fb", "a/b", "a%2Fb"},
		{"a%252Fb", "a/b", "a%2Fb"},
		{"%2541", "A", "A"},
		{"100%25", "100%", "100%25"},
		{"a%", "a%", "a%25"},
		{"%zz%4", "%zz%4", "%25zz%254"},
		{"caf%C3%A9", "caf\xc3\xa9", "caf%C3%A9"},
		{"%E9", "%E9", "%25E9"},
		{"%FF%FE", "%FF%FE", "%25FF%25FE"},
		{"a+b", "a+b", "a%2Bb"},
		{"a;b:c@d", "a;b:c@d", "a%3Bb%3Ac%40d"},
		{"~._-", "~._-", "~._-"},
		{"%7E", "~", "~"},
		{"%0A", "\n", "%0A"},
		{"%F0%9F%98%80", "\xf0\x9f\x98\x80", "%F0%9F%98%80"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf name = {0}, escaped = {0};

		ck_assert(uri_decode(span_of(cases[i].segment), &name));
		ck_assert_str_eq(name.data, cases[i].name);
		uri_escape(&escaped, strbuf_span(&name));
		ck_assert_str_eq(escaped.data, cases[i].escaped);
		strbuf_clear(&name);
		strbuf_clear(&escaped);
	}
}
END_TEST

START_TEST(targets_are_split)
{
	struct strbuf value = {0};
	struct uri uri;

	ck_assert(uri_split(span_of("/streams/a%2Fb/0/forward/5?embed=body&Format=js%6Fn"), &uri));
	ck_assert_uint_eq(uri.count, 5);
	ck_assert(span_is(uri.segments[1], "a%2Fb") && !uri.trailing_slash);
	ck_assert(uri_query(&uri, "embed", &value));
	ck_assert_str_eq(value.data, "body");
	strbuf_reset(&value);
	ck_assert(uri_query(&uri, "format", &value));
	ck_assert_str_eq(value.data, "json");
	ck_assert(!uri_query(&uri, "for", &value));
	ck_assert(uri_split(span_of("/streams/a/"), &uri));
	ck_assert(uri.count == 2 && uri.trailing_slash);
	ck_assert(uri_split(span_of("/streams/a//"), &uri));
	ck_assert_uint_eq(uri.count, 3);
	ck_assert(uri_split(span_of("/1/2/3/4/5/6/7/8/9"), &uri));
	ck_assert_uint_gt(uri.count, URI_MAX_SEGMENTS);
	ck_assert(!uri_split(span_of("streams"), &uri));
	ck_assert(!uri_split(span_of("/caf\xc3\xa9"), &uri));
	ck_assert(!uri_decode(span_of("%00"), &value));
	ck_assert(!uri_decode(span_of("%2500"), &value));
	strbuf_clear(&value);
}
END_TEST

START_TEST(media_types_are_chosen_as_the_server_does)
{
	const unsigned feeds = MEDIA_BIT(MEDIA_DESCRIPTION) | MEDIA_FEEDS | MEDIA_BIT(MEDIA_HTML);
	static const struct {
		const char *accept, *format;
		enum media media;
	} cases[] = {
		{"", "", MEDIA_DESCRIPTION},
		{"*/*", "", MEDIA_DESCRIPTION},
		{"application/vnd.eventstore.atom+json", "", MEDIA_ATOM_JSON},
		{"Application/JSON", "", MEDIA_JSON},
		{"text/*", "", MEDIA_TEXT_XML},
		{"text/html,application/xml;q=0.9,*/*;q=0.8", "", MEDIA_HTML},
		{"application/json;q=0.5, application/atom+xml", "", MEDIA_ATOM_XML},
		{"image/png, application/vnd.kurrent.atom+json", "", MEDIA_KURRENT_ATOM_JSON},
		{"image/png", "", MEDIA_NONE},
		{"nonsense", "", MEDIA_NONE},
		{"image/png", "json", MEDIA_JSON},
		{"application/json", "atomxj", MEDIA_ATOM_JSON},
		{"application/json", "nonsense", MEDIA_NONE},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(media_of_answer(span_of(cases[i].accept), span_of(cases[i].format),
				      feeds) == cases[i].media,
			"%s %s", cases[i].accept, cases[i].format);
}
END_TEST

START_TEST(bodies_types_are_matched_exactly)
{
	const unsigned bodies = MEDIA_BIT(MEDIA_JSON) | MEDIA_ANY_EVENTS_JSON;
	static const struct {
		const char *type;
		enum media media;
	} cases[] = {
		{"application/json", MEDIA_JSON},
		{"application/json; charset=utf-8", MEDIA_JSON},
		{"application/json;charset=UTF-8", MEDIA_JSON},
		{"application/json; charset=latin1", MEDIA_NONE},
		{"Application/json", MEDIA_NONE},
		{"application/vnd.eventstore.events+json", MEDIA_EVENTS_JSON},
		{"application/vnd.kurrent.events+json", MEDIA_KURRENT_EVENTS_JSON},
		{"text/plain", MEDIA_NONE},
		{"", MEDIA_NONE},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(media_of_body(span_of(cases[i].type), bodies) == cases[i].media, "%s",
			cases[i].type);
	ck_assert(media_of_body(SPAN_NULL, bodies) == MEDIA_NONE);
}
END_TEST

START_TEST(times_are_printed_as_dotnet_prints_them)
{
	static const struct {
		int64_t ticks;
		const char *text;
	} cases[] = {
		{-1, "0001-01-01T00:00:00Z"},
		{0, "1970-01-01T00:00:00Z"},
		{17954735468422707, "2026-11-23T22:39:06.8422707Z"},
		{17954735468400000, "2026-11-23T22:39:06.84Z"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf text = {0};

		feed_add_time(&text, cases[i].ticks);
		ck_assert_str_eq(text.data, cases[i].text);
		strbuf_clear(&text);
	}
}
END_TEST

/* --- Timers --- */

struct fired {
	struct timer timer;
	int *order, *count;
	int number;
};

static void note(struct timer *timer)
{
	struct fired *fired = (struct fired *)timer;

	fired->order[(*fired->count)++] = fired->number;
}

START_TEST(timers_fire_in_order)
{
	struct timers timers = {0};
	struct fired fired[100];
	int order[100], count = 0, i;

	for (i = 0; i < 100; i++) {
		fired[i] = (struct fired){
			.timer.fire = note, .order = order, .count = &count, .number = i};
		timer_set(&timers, &fired[i].timer, (i * 37) % 100);
	}
	for (i = 0; i < 100; i += 2)
		timer_stop(&timers, &fired[i].timer);
	timer_stop(&timers, &fired[0].timer);
	timer_set(&timers, &fired[1].timer, 1000);
	ck_assert_int_eq(timers_wait_ms(&timers, -5), 6);
	timers_run(&timers, 99);
	ck_assert_int_eq(count, 49);
	for (i = 1; i < count; i++)
		ck_assert_int_lt((order[i - 1] * 37) % 100, (order[i] * 37) % 100);
	ck_assert_int_eq(timers_wait_ms(&timers, 990), 10);
	timers_run(&timers, 1000);
	ck_assert_int_eq(order[count - 1], 1);
	ck_assert_int_eq(timers_wait_ms(&timers, 0), -1);
	timers_clear(&timers);
}
END_TEST

/* --- Faults --- */

static void draw_kinds(const char *spec, int count, char *kinds)
{
	struct fault_set *set = fault_set_new();
	struct fault_subject subject = {.method = span_of("POST"), .stream = span_of("a-1")};
	struct error error = {0};
	int i;

	ck_assert_msg(fault_set_add(set, spec, &error), "%s", error.text);
	for (i = 0; i < count; i++) {
		struct fault_plan plan;

		fault_plan_for(set, &subject, i, &plan);
		kinds[i] = plan.kind == FAULT_NONE ? '.' : 'x';
	}
	kinds[count] = '\0';
	fault_set_free(set);
}

START_TEST(faults_hit_by_rate_and_seed)
{
	char first[1001], again[1001], other[1001];
	int hits = 0, i;

	draw_kinds("error:rate=0.25,seed=7", 1000, first);
	draw_kinds("error:rate=0.25,seed=7", 1000, again);
	draw_kinds("error:rate=0.25,seed=8", 1000, other);
	ck_assert_str_eq(first, again);
	ck_assert_str_ne(first, other);
	for (i = 0; i < 1000; i++)
		hits += first[i] == 'x';
	ck_assert_int_gt(hits, 200);
	ck_assert_int_lt(hits, 300);
}
END_TEST

START_TEST(faults_are_limited)
{
	char kinds[16];

	draw_kinds("error:skip=2,count=3", 8, kinds);
	ck_assert_str_eq(kinds, "..xxx...");
	draw_kinds("error:for=4", 8, kinds);
	ck_assert_str_eq(kinds, "xxxxx...");
	draw_kinds("error:stream=a-*", 2, kinds);
	ck_assert_str_eq(kinds, "xx");
	draw_kinds("error:stream=^b", 2, kinds);
	ck_assert_str_eq(kinds, "..");
	draw_kinds("error:method=GET", 2, kinds);
	ck_assert_str_eq(kinds, "..");
}
END_TEST

START_TEST(faults_that_make_no_sense_are_told)
{
	static const char *const cases[] = {"", "nonsense", "delay:", "delay:ms", "delay:ms=x",
		"delay:ms=-1", "error:rate=2", "error:rate=", "error:seed=1,seed=", "redirect",
		"error:stream=^(", "error:colour=red"};
	struct fault_set *set = fault_set_new();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};

		ck_assert_msg(!fault_set_add(set, cases[i], &error), "%s", cases[i]);
		ck_assert_int_eq(error.kind, ERROR_INPUT);
	}
	ck_assert(fault_set_empty(set));
	fault_set_free(set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("devstore");
	TCase *tests = tcase_create("pure");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, json_is_stored_as_the_server_stores_it);
	tcase_add_test(tests, nesting_is_bounded);
	tcase_add_test(tests, bytes_that_are_no_utf8_become_replacement_characters);
	tcase_add_test(tests, many_repeated_members_keep_the_last_of_each);
	tcase_add_test(tests, a_failed_text_leaves_the_output_alone);
	tcase_add_test(tests, bodies_are_refused_in_the_servers_words);
	tcase_add_test(tests, data_and_metadata_are_stored_by_what_they_are);
	tcase_add_test(tests, data_may_be_nested_62_levels);
	tcase_add_test(tests, ids_are_read_in_every_notation);
	tcase_add_test(tests, heads_are_told_apart);
	tcase_add_test(tests, heads_are_bounded);
	tcase_add_test(tests, chunked_bodies_come_in_any_pieces);
	tcase_add_test(tests, broken_chunks_are_refused);
	tcase_add_test(tests, names_are_decoded_twice_and_escaped_once);
	tcase_add_test(tests, targets_are_split);
	tcase_add_test(tests, media_types_are_chosen_as_the_server_does);
	tcase_add_test(tests, bodies_types_are_matched_exactly);
	tcase_add_test(tests, times_are_printed_as_dotnet_prints_them);
	tcase_add_test(tests, timers_fire_in_order);
	tcase_add_test(tests, faults_hit_by_rate_and_seed);
	tcase_add_test(tests, faults_are_limited);
	tcase_add_test(tests, faults_that_make_no_sense_are_told);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
