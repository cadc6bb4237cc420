/* Reading JSON as byte ranges: what is JSON, where its values stand, what the store makes of it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_span.h"

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* In place: %HH becomes its byte. */
static struct span unescape(char *text)
{
	char *out = text, *at;

	for (at = text; *at; at++) {
		if (*at == '%') {
			*out++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
			at += 2;
		} else {
			*out++ = *at;
		}
	}
	return (struct span){text, (size_t)(out - text)};
}

/* Calls check for each line "yes …" or "no …" of a vector file. */
static void for_each_line(const char *name, void (*check)(bool expected, char *text))
{
	char path[4096], line[4096];
	FILE *file;
	int lines = 0;

	snprintf(path, sizeof(path), "%s/vectors/json/%s", TEST_SRCDIR, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		char *text = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		check(line[0] == 'y', text ? text + 1 : line + strlen(line));
		lines++;
	}
	fclose(file);
	ck_assert_int_gt(lines, 20);
}

static bool parses(struct span text, unsigned depth)
{
	struct js_doc doc = {0};
	struct error error = {0};
	/* Of exactly this size, so that a sanitizer sees a byte read beyond. */
	char *exact = xmalloc(text.len);
	bool ok;

	memcpy(exact, text.ptr, text.len);
	ok = js_parse(&doc, (struct span){exact, text.len}, depth, &error);
	ck_assert_int_eq(error.kind, ok ? ERROR_NONE : ERROR_REFUSED);
	js_doc_clear(&doc);
	free(exact);
	return ok;
}

static void check_text(bool expected, char *text)
{
	char shown[4096];

	snprintf(shown, sizeof(shown), "%s", text);
	ck_assert_msg(parses(unescape(text), JS_MAX_DEPTH) == expected, "%s", shown);
}

START_TEST(exactly_json_is_taken)
{
	for_each_line("texts.txt", check_text);
}
END_TEST

static void check_number(bool expected, char *text)
{
	ck_assert_msg(js_number_survives(span_of(text)) == expected, "%s", text);
}

START_TEST(numbers_that_a_double_holds_survive)
{
	char digits[382];

	for_each_line("numbers.txt", check_number);
	memset(digits, '9', sizeof(digits));
	digits[0] = '-';
	ck_assert(js_number_survives((struct span){digits + 1, 380}));
	ck_assert(js_number_survives((struct span){digits, 381}));
	ck_assert(!js_number_survives((struct span){digits + 1, 381}));
	ck_assert(!js_number_survives((struct span){digits, 382}));
}
END_TEST

/* 0.000…1e5000 and 1000…0.0e-4999 say small things in many digits. */
START_TEST(thousands_of_digits_are_counted)
{
	char text[6000];

	memset(text, '0', sizeof(text));
	memcpy(text, "0.", 2);
	memcpy(text + 5000, "15e4999", 8);
	ck_assert(js_number_survives(span_of(text)));
	memcpy(text + 5000, "15e9999", 8);
	ck_assert(!js_number_survives(span_of(text)));
	text[0] = '1';
	text[1] = '0';
	memcpy(text + 5000, ".0e-4999", 9);
	ck_assert(js_number_survives(span_of(text)));
	memcpy(text + 5000, ".1e-4999", 9);
	ck_assert(!js_number_survives(span_of(text)));
}
END_TEST

START_TEST(nesting_is_bounded)
{
	char text[2 * JS_MAX_DEPTH + 2];
	struct js_doc doc = {0};
	struct error error = {0};

	memset(text, '[', JS_MAX_DEPTH + 1);
	memset(text + JS_MAX_DEPTH + 1, ']', JS_MAX_DEPTH + 1);
	ck_assert(parses((struct span){text + 1, 2 * JS_MAX_DEPTH}, JS_MAX_DEPTH));
	ck_assert(!parses((struct span){text, 2 * JS_MAX_DEPTH + 2}, JS_MAX_DEPTH));
	ck_assert(!parses((struct span){text, 2 * JS_MAX_DEPTH + 2}, 100000));
	ck_assert(parses(span_of("[{\"a\":1}]"), 2));
	ck_assert(!parses(span_of("[{\"a\":[]}]"), 2));
	ck_assert(!js_parse(&doc, span_of("[[["), 2, &error));
	ck_assert(doc.too_deep);
	ck_assert_str_eq(error.text, "no JSON: nested too deep, at byte 2");
	error_clear(&error);
	ck_assert(!js_parse(&doc, span_of("[["), 2, &error));
	ck_assert(!doc.too_deep);
	js_doc_clear(&doc);
}
END_TEST

static struct js_doc parsed(const char *text)
{
	struct js_doc doc = {0};
	struct error error = {0};

	ck_assert_msg(
		js_parse(&doc, span_of(text), JS_MAX_DEPTH, &error), "%s: %s", text, error.text);
	return doc;
}

START_TEST(values_are_found_where_they_stand)
{
	struct js_doc doc = parsed(" {\"a\" : 1.50 ,\"b\\u0063\":[ true,{ }, \"x\" ],\"a\":2} ");
	uint32_t array, at;

	ck_assert(span_is(js_text(&doc, js_member(&doc, 0, "a")), "1.50"));
	array = js_member(&doc, 0, "bc");
	ck_assert(span_is(js_text(&doc, array), "[ true,{ }, \"x\" ]"));
	ck_assert_uint_eq(js_count(&doc, array), 3);
	at = js_first(&doc, array);
	ck_assert_int_eq(js_type_of(&doc, at), JS_TRUE);
	at = js_next(&doc, array, at);
	ck_assert_int_eq(js_type_of(&doc, at), JS_OBJECT);
	ck_assert_uint_eq(js_first(&doc, at), JS_NONE);
	at = js_next(&doc, array, at);
	ck_assert(js_string_is(&doc, at, "x"));
	ck_assert_uint_eq(js_next(&doc, array, at), JS_NONE);
	ck_assert_uint_eq(js_count(&doc, 0), 3);
	ck_assert_uint_eq(js_member(&doc, 0, "b"), JS_NONE);
	ck_assert_uint_eq(js_member(&doc, array, "a"), JS_NONE);
	ck_assert_uint_eq(js_member(&doc, JS_NONE, "a"), JS_NONE);
	ck_assert(js_is_null(&doc, JS_NONE));
	js_doc_clear(&doc);
}
END_TEST

START_TEST(strings_are_decoded)
{
	static const struct {
		const char *text;
		bool whole;
		struct span characters;
	} cases[] = {
		{"\"\"", true, {"", 0}},
		{"\"plain\"", true, {"plain", 5}},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", true, {"\"\\/\b\f\n\r\t", 8}},
		{"\"a\\u0000b\"", true, {"a\0b", 3}},
		{"\"\\u00E9\\u20ac\\uD83d\\uDE00\"", true, {"é€😀", 9}},
		{"\"\\uFFFF\\u07ff\\u0800\"", true, {"\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80", 8}},
		{"\"ab\\ud83d\"", false, {"ab", 2}},
		{"\"ab\\ude00c\"", false, {"ab", 2}},
		{"\"\\ud83d\\n\"", false, {"", 0}},
		{"\"\\ud83d\\u0041\"", false, {"", 0}},
		{"\"\\ud83d\\ud83d\\ude00\"", false, {"", 0}},
	};
	struct arena arena = {0};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct js_doc doc = parsed(cases[i].text);
		struct strbuf out = {0};
		struct span characters;

		ck_assert_msg(js_string(&doc, 0, &out) == cases[i].whole, "%s", cases[i].text);
		ck_assert(span_equal(strbuf_span(&out), cases[i].characters));
		ck_assert(js_string_span(&doc, 0, &arena, &characters) == cases[i].whole);
		ck_assert(span_equal(characters, cases[i].characters));
		ck_assert(js_has_lone_surrogate(&doc, 0) == !cases[i].whole);
		strbuf_clear(&out);
		js_doc_clear(&doc);
	}
	arena_clear(&arena);
}
END_TEST

START_TEST(repeated_members_are_seen)
{
	static const struct {
		const char *text;
		bool repeated;
	} cases[] = {
		{"{}", false},
		{"{\"a\":1,\"b\":1}", false},
		{"{\"a\":1,\"a\":1}", true},
		{"{\"a\":1,\"\\u0061\":1}", true},
		{"{\"\\ud800\":1,\"\\ud800\":1}", true},
		{"{\"\\ud800\":1,\"\\ud801\":1}", false},
		{"{\"a\\u0000b\":1,\"a\\u0000c\":1}", false},
		{"[{\"a\":{\"a\":1}},{\"a\":1}]", false},
		{"[1,{\"a\":[{\"b\":1,\"c\":2,\"b\":3}]}]", true},
		{"{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,"
		 "\"j\":0,\"k\":0,\"l\":0,\"m\":0}",
			false},
		{"{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,"
		 "\"j\":0,\"k\":0,\"l\":0,\"\\u0063\":0}",
			true},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct js_doc doc = parsed(cases[i].text);

		ck_assert_msg(
			js_has_repeated_member(&doc, 0) == cases[i].repeated, "%s", cases[i].text);
		js_doc_clear(&doc);
	}
}
END_TEST

/* A text as hostile as it is long must not take a time as long as its square. */
START_TEST(many_members_are_no_trouble)
{
	struct strbuf text = {0};
	struct js_doc doc;
	int i;

	for (i = 0; i < 200000; i++)
		strbuf_printf(&text, "%c\"%d\":0", i ? ',' : '{', i);
	strbuf_add_char(&text, '}');
	doc = parsed(text.data);
	ck_assert(!js_has_repeated_member(&doc, 0));
	js_doc_clear(&doc);
	strbuf_clear(&text);
}
END_TEST

START_TEST(compact_takes_white_space_out_between_tokens_only)
{
	struct js_doc doc =
		parsed(" { \"a b\" : [ 1.0 , \"x  y\" , { } , [ ] ] ,\n\t\"c\" : null } ");
	struct strbuf out = {0};

	js_compact(&doc, 0, &out);
	ck_assert_str_eq(out.data, "{\"a b\":[1.0,\"x  y\",{},[]],\"c\":null}");
	strbuf_clear(&out);
	js_doc_clear(&doc);
}
END_TEST

/* As the servers print: newline and two spaces a level, a space behind ':', U+2028 escaped. */
START_TEST(stored_length_is_never_too_low)
{
	static const struct {
		const char *text, *stored;
	} cases[] = {
		{"{\"a\":1}", "{\n  \"a\": 1\n}"},
		{"{\"a\":[1,[true,{}]],\"b\":{\"c\":[]}}",
			"{\n  \"a\": [\n    1,\n    [\n      true,\n      {}\n    ]\n  ],\n"
			"  \"b\": {\n    \"c\": []\n  }\n}"},
		{"[1e15]", "[\n  1000000000000000.0\n]"},
		{"[-1e-300]", "[\n  -1.2345678901234567E-300\n]"},
		{"[1e400]", "[\n  \"1e400\"\n]"},
		{"\"\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\"", "\"\\u0085\\u2028\\u2029\""},
		{"[\"\xe2\x80\xa8\",\"\xc2\x85\"]", "[\n  \"\\u2028\",\n  \"\\u0085\"\n]"},
		{"\"\\u00e9\\/\"", "\"é/\""},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct js_doc doc = parsed(cases[i].text);
		size_t bytes = js_stored_bytes(&doc, 0), exact = strlen(cases[i].stored);

		ck_assert_msg(bytes >= exact, "%s: %zu", cases[i].text, bytes);
		ck_assert_msg(bytes <= 2 * exact + 30, "%s: %zu", cases[i].text, bytes);
		js_doc_clear(&doc);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_span");
	TCase *tcase = tcase_create("json_span");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, exactly_json_is_taken);
	tcase_add_test(tcase, numbers_that_a_double_holds_survive);
	tcase_add_test(tcase, thousands_of_digits_are_counted);
	tcase_add_test(tcase, nesting_is_bounded);
	tcase_add_test(tcase, values_are_found_where_they_stand);
	tcase_add_test(tcase, strings_are_decoded);
	tcase_add_test(tcase, repeated_members_are_seen);
	tcase_add_test(tcase, many_members_are_no_trouble);
	tcase_add_test(tcase, compact_takes_white_space_out_between_tokens_only);
	tcase_add_test(tcase, stored_length_is_never_too_low);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
