/* The base modules: spans, buffers, arena, table, patterns, errors, the watermark's ring. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "error.h"
#include "event.h"
#include "pattern.h"
#include "strbuf.h"
#include "table.h"
#include "util.h"
#include "watermark.h"

START_TEST(int64_is_read_whole_or_not_at_all)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"-1", true, -1},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"1.0", false, 0},
		{" 1", false, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = 0;

		ck_assert_msg(span_to_int64(span_of(cases[i].text), &value) == cases[i].ok, "%s",
			cases[i].text);
		ck_assert_int_eq(value, cases[i].value);
	}
}
END_TEST

START_TEST(json_strings_are_escaped)
{
	struct strbuf buf = {0};

	strbuf_add_json(&buf, (struct span){"a\"\\\n\x01\xc3\xa9\0z", 9});
	ck_assert_str_eq(buf.data, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\\u0000z\"");
	strbuf_reset(&buf);
	strbuf_add_int(&buf, INT64_MIN);
	ck_assert_str_eq(buf.data, "-9223372036854775808");
	strbuf_clear(&buf);
}
END_TEST

START_TEST(arena_pieces_do_not_move)
{
	struct arena arena = {0};
	struct span first, big;
	char *large = xcalloc(1, 100000);
	int round;

	for (round = 0; round < 3; round++) {
		int i;

		first = arena_copy(&arena, span_of("first"));
		for (i = 0; i < 1000; i++)
			arena_copy(&arena, span_of("a piece among many"));
		big = arena_copy(&arena, (struct span){large, 100000});
		ck_assert(span_is(first, "first"));
		ck_assert_uint_eq(big.len, 100000);
		arena_reset(&arena);
	}
	ck_assert(!arena_copy(&arena, SPAN_NULL).ptr);
	arena_clear(&arena);
	free(large);
}
END_TEST

/* Against a plain array: every key is found exactly while it is in. */
START_TEST(table_agrees_with_an_array)
{
	static char keys[2000][16];
	static int values[2000];
	bool in[2000] = {false};
	struct table table = {0};
	unsigned seed = 7;
	size_t i, count = 0, at = 0, walked = 0;

	for (i = 0; i < 2000; i++)
		snprintf(keys[i], sizeof(keys[i]), "key-%zu", i);
	for (i = 0; i < 200000; i++) {
		size_t k = (size_t)rand_r(&seed) % 2000;
		struct span key = span_of(keys[k]);

		ck_assert(table_get(&table, key) == (in[k] ? &values[k] : NULL));
		if (rand_r(&seed) % 2) {
			ck_assert(
				table_put(&table, key, &values[k]) == (in[k] ? &values[k] : NULL));
			in[k] = true;
		} else {
			ck_assert(table_remove(&table, key) == (in[k] ? &values[k] : NULL));
			in[k] = false;
		}
	}
	for (i = 0; i < 2000; i++)
		count += in[i];
	while (table_next(&table, &at))
		walked++;
	ck_assert_uint_eq(table.count, count);
	ck_assert_uint_eq(walked, count);
	table_clear(&table);
}
END_TEST

START_TEST(patterns_match_whole_texts)
{
	static const char *const patterns[] = {"^a\\.(b|c)", "shop.*.users", "exact", "^x|yy"};
	struct error error = {0};
	struct pattern_list *list = pattern_list_new(patterns, 4, &error);
	static const char *const bad[] = {"^(unclosed"};

	ck_assert_ptr_nonnull(list);
	ck_assert_int_eq(pattern_list_match(list, span_of("a.c")), 0);
	ck_assert_int_eq(pattern_list_match(list, span_of("a.cc")), -1);
	ck_assert_int_eq(pattern_list_match(list, span_of("shop.public.users")), 1);
	ck_assert_int_eq(pattern_list_match(list, span_of("shop.public.users2")), -1);
	ck_assert_int_eq(pattern_list_match(list, span_of("exact")), 2);
	ck_assert_int_eq(pattern_list_match(list, span_of("exactly")), -1);
	ck_assert_int_eq(pattern_list_match(list, span_of("yy")), 3);
	ck_assert_int_eq(pattern_list_match(list, span_of("xy")), -1);
	ck_assert_int_eq(pattern_list_match(list, span_of("")), -1);
	pattern_list_free(list);
	ck_assert_ptr_null(pattern_list_new(bad, 1, &error));
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert_ptr_nonnull(strstr(error.text, "^(unclosed"));
}
END_TEST

START_TEST(first_error_wins_and_context_goes_before)
{
	struct error error = {0};
	char longest[2000];

	error_context(&error, "nothing");
	ck_assert_int_eq(error.kind, ERROR_NONE);
	error_set(&error, ERROR_RETRY, "line\none");
	error_set(&error, ERROR_FATAL, "second");
	error_context(&error, "topic %s", "t");
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	ck_assert_str_eq(error.text, "topic t: line one");
	error_clear(&error);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	error_set(&error, ERROR_INPUT, "%s", longest);
	error_context(&error, "before");
	ck_assert_int_eq(strncmp(error.text, "before: xxx", 11), 0);
	ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 1 - 0);
}
END_TEST

/* Made with Python: uuid.uuid5(UUID("7f9b3c1e-…"), "/shop.public.orders/0/17") */
START_TEST(ids_follow_the_rule)
{
	char id[37];

	event_id_of_record(span_of(""), span_of("shop.public.orders"), 0, 17, id);
	ck_assert_str_eq(id, "1d1546e4-7296-5c9e-89d3-ba9c8e163c75");
	event_id_of_record(span_of("2"), span_of("shop.public.orders"), 0, 17, id);
	ck_assert_str_eq(id, "25b1cba7-9d6a-5057-a08d-13f2a2c94236");
}
END_TEST

START_TEST(watermark_stops_at_the_first_gap)
{
	struct watermark mark;
	uint64_t slots[200];
	int i;

	watermark_init(&mark);
	ck_assert_int_eq(watermark_stuck_at(&mark), -1);
	for (i = 0; i < 200; i++)
		slots[i] = watermark_begin(&mark, 1000 + 3 * i); /* offsets with gaps */
	for (i = 199; i > 0; i--)
		ck_assert(!watermark_done(&mark, slots[i]));
	ck_assert_int_eq(mark.committable, -1);
	ck_assert_int_eq(watermark_stuck_at(&mark), 1000);
	ck_assert(watermark_done(&mark, slots[0]));
	ck_assert_int_eq(mark.committable, 1000 + 3 * 199 + 1);
	ck_assert_uint_eq(watermark_pending(&mark), 0);
	watermark_clear(&mark);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tcase = tcase_create("base");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, int64_is_read_whole_or_not_at_all);
	tcase_add_test(tcase, json_strings_are_escaped);
	tcase_add_test(tcase, arena_pieces_do_not_move);
	tcase_add_test(tcase, table_agrees_with_an_array);
	tcase_add_test(tcase, patterns_match_whole_texts);
	tcase_add_test(tcase, first_error_wins_and_context_goes_before);
	tcase_add_test(tcase, ids_follow_the_rule);
	tcase_add_test(tcase, watermark_stops_at_the_first_gap);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
