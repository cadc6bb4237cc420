/* What `verify` compares with: canonical JSON, fingerprints, the ledger. */
#include <check.h>
#include <string.h>

#include "json_equal.h"
#include "ledger.h"

/* --- Fingerprints --- */

static bool same_text(const char *a, const char *b)
{
	struct fingerprinter printer = {0};
	struct fingerprint x, y;

	x = fingerprint_of(
		&printer, span_of("s"), span_of("i"), span_of("t"), span_of(a), span_of("{}"));
	y = fingerprint_of(
		&printer, span_of("s"), span_of("i"), span_of("t"), span_of(b), span_of("{}"));
	fingerprinter_clear(&printer);
	return x.data == y.data;
}

/* js_equal says the same of both texts. */
static bool agrees(const char *a, const char *b)
{
	struct js_doc x = {0}, y = {0};
	struct error error = {0};
	bool equal;

	ck_assert(js_parse(&x, span_of(a), 16, &error) && js_parse(&y, span_of(b), 16, &error));
	equal = js_equal(&x, 0, &y, 0);
	js_doc_clear(&x);
	js_doc_clear(&y);
	return equal;
}

START_TEST(equal_json_has_equal_fingerprints)
{
	static const char *const pairs[][2] = {
		{"{\"a\":1.50,\"b\":[]}", "{ \"a\" : 15e-1,\n \"b\": [ ] }"},
		{"\"\\u00e9\\/\\n\"", "\"\xc3\xa9/\\u000a\""},
		{"[0,-0,0.0,0e9]", "[0,0,0,0]"},
		{"[100,1e2,-100]", "[1.00e2,100,-1E+2]"},
		{"{\"\\u0061\":null}", "{\"a\":null}"},
		{"[123456789012345678901234567890.10]", "[123456789012345678901234567890.1]"},
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ck_assert_msg(same_text(pairs[i][0], pairs[i][1]), "%s", pairs[i][0]);
		ck_assert(agrees(pairs[i][0], pairs[i][1]));
	}
}
END_TEST

START_TEST(other_json_has_other_fingerprints)
{
	static const char *const pairs[][2] = {
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
		{"[1,2]", "[12]"},
		{"[[1],2]", "[[1,2]]"},
		{"[\"a\",\"b\"]", "[\"ab\"]"},
		{"[\"\",\"\"]", "[\"\"]"},
		{"[]", "{}"},
		{"[]", "[[]]"},
		{"1", "\"1\""},
		{"1", "-1"},
		{"10", "1"},
		{"0.1", "1"},
		{"null", "\"null\""},
		{"true", "false"},
		{"[null]", "[]"},
		{"{\"a\":\"b\"}", "[\"a\",\"b\"]"},
		{"\"a\\u0000\"", "\"a\""},
		{"9007199254740993", "9007199254740992"},
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ck_assert_msg(
			!same_text(pairs[i][0], pairs[i][1]), "%s %s", pairs[i][0], pairs[i][1]);
		ck_assert(!agrees(pairs[i][0], pairs[i][1]));
	}
}
END_TEST

static struct fingerprint print_of(const char *stream, const char *id, const char *type,
	const char *data, const char *metadata)
{
	struct fingerprinter printer = {0};
	struct fingerprint print = fingerprint_of(&printer, span_of(stream), span_of(id),
		span_of(type), span_of(data), span_of(metadata));

	fingerprinter_clear(&printer);
	return print;
}

START_TEST(each_part_counts)
{
	struct fingerprint a = print_of("s", "0aB", "c", "{}", "{\"offset\":1}"), b;

	b = print_of("s", "0Ab", "c", "{ }", "{\"offset\":1,\"late\":true}");
	ck_assert(a.stream == b.stream && a.type == b.type && a.data == b.data);
	ck_assert(a.metadata == b.metadata);
	ck_assert(a.stream != print_of("t", "0ab", "c", "{}", "{}").stream);
	ck_assert(a.type != print_of("s", "0ac", "c", "{}", "{}").type);
	ck_assert(a.type != print_of("s", "0ab", "d", "{}", "{}").type);
	ck_assert(a.metadata != print_of("s", "0ab", "c", "{}", "{\"offset\":2}").metadata);
	ck_assert(a.metadata != print_of("s", "0ab", "c", "{}", "[1]").metadata);
	ck_assert(a.stream == fingerprint_of_stream(span_of("s")));
}
END_TEST

/* --- The ledger: one topic, one or two partitions; stream names are numbers --- */

static struct ledger *ledger;

static void set_up(void)
{
	ledger = ledger_new();
	ledger_add(ledger, &(struct ledger_partition){"t", "", 0, 10, 100, 50});
	ledger_add(ledger, &(struct ledger_partition){"t", "two", 1, 0, 100, -1001});
}

static void tear_down(void)
{
	ledger_free(ledger);
}

static struct fingerprint plain(uint64_t stream, int64_t offset)
{
	return (struct fingerprint){stream, (uint64_t)offset, 1, 2};
}

static void expect(size_t index, int64_t offset, uint64_t stream)
{
	struct fingerprint print = plain(stream, offset);

	ledger_expect(ledger, index, offset, LEDGER_EVENT, &print, false, false);
}

static struct ledger_seen see_print(const char *generation, int32_t partition, int64_t offset,
	int64_t revision, struct fingerprint print, bool late)
{
	struct sighting sighting = {.ours = true,
		.topic = span_of("t"),
		.generation = span_of(generation),
		.partition = partition,
		.offset = offset,
		.late = late};
	struct ledger_seen seen;

	ledger_see(ledger, &sighting, revision, &print, &seen);
	return seen;
}

static enum ledger_verdict see(int64_t offset, uint64_t stream, int64_t revision)
{
	return see_print("", 0, offset, revision, plain(stream, offset), false).verdict;
}

static enum ledger_trouble trouble(int64_t offset)
{
	int64_t revision;

	return ledger_trouble(ledger, 0, offset, &revision);
}

START_TEST(verdicts_of_stored_events)
{
	struct fingerprint other = plain(1, 12);
	struct ledger_seen seen;

	expect(0, 11, 1);
	expect(0, 12, 1);
	ledger_expect(ledger, 0, 14, LEDGER_NONE, NULL, false, false);
	ledger_expect(ledger, 0, 15, LEDGER_ELSEWHERE, NULL, false, false);
	expect(0, 99, 1);
	ck_assert_int_eq(see(11, 1, 0), LEDGER_SAME);
	seen = see_print("", 0, 11, 7, plain(1, 11), false);
	ck_assert_int_eq(seen.verdict, LEDGER_DOUBLED);
	ck_assert(seen.first == 0 && seen.again == 7);
	other.data++;
	other.type++;
	seen = see_print("", 0, 12, 1, other, false);
	ck_assert_int_eq(seen.verdict, LEDGER_DIFFERENT);
	ck_assert_uint_eq(seen.differs, LEDGER_DATA | LEDGER_TYPE);
	ck_assert_int_eq(see(99, 2, 0), LEDGER_MISPLACED);
	ck_assert_int_eq(see(14, 1, 2), LEDGER_UNEXPECTED);
	ck_assert_int_eq(see(15, 1, 2), LEDGER_SKIPPED_KIND);
	ck_assert_int_eq(see(9, 1, 0), LEDGER_OLDER);  /* before the log's beginning */
	ck_assert_int_eq(see(13, 1, 0), LEDGER_OLDER); /* compacted away */
	ck_assert_int_eq(see(100, 1, 0), LEDGER_NEWER);
	ck_assert_int_eq(
		see_print("two", 0, 11, 0, plain(1, 11), false).verdict, LEDGER_FOREIGN_TOPIC);
	ck_assert_int_eq(see_print("two", 1, 5, 0, plain(1, 5), false).verdict, LEDGER_OLDER);
	ck_assert_int_eq(
		see_print("", 2, 11, 0, plain(1, 11), false).verdict, LEDGER_FOREIGN_TOPIC);
	ledger_judge(ledger);
	ck_assert_int_eq(ledger_sums(ledger, 0)->records, 5);
	ck_assert_int_eq(ledger_sums(ledger, 0)->same, 1);
	ck_assert_int_eq(ledger_sums(ledger, 0)->older, 2);
	ck_assert_int_eq(ledger_sums(ledger, 1)->older, 1);
}
END_TEST

/* Streams may be read backward. */
START_TEST(of_two_the_lower_one_counts)
{
	struct ledger_seen seen;

	expect(0, 20, 1);
	expect(0, 21, 1);
	ck_assert_int_eq(see(20, 1, 2), LEDGER_SAME);
	ck_assert_int_eq(see(21, 1, 1), LEDGER_SAME);
	seen = see_print("", 0, 20, 0, plain(1, 20), false);
	ck_assert_int_eq(seen.verdict, LEDGER_DOUBLED);
	ck_assert(seen.first == 0 && seen.again == 2);
	ledger_judge(ledger);
	ck_assert_int_eq(ledger_sums(ledger, 0)->same, 2);
	ck_assert_int_eq(ledger_sums(ledger, 0)->doubled, 1);
	ck_assert_int_eq(ledger_sums(ledger, 0)->disordered, 0);
}
END_TEST

START_TEST(what_was_not_seen_is_judged_by_its_place)
{
	int64_t from, to;

	/* Stream 1: 20 . 22 . | 60, 2: none of 30, 31 | 61, 3: . 41, 4: all there. */
	expect(0, 20, 1);
	expect(0, 21, 1);
	expect(0, 22, 1);
	expect(0, 23, 1);
	expect(0, 30, 2);
	expect(0, 40, 3);
	expect(0, 41, 3);
	expect(0, 45, 4);
	expect(0, 60, 1);
	expect(0, 61, 2);
	ck_assert_int_eq(see(41, 3, 1), LEDGER_SAME);
	ck_assert_int_eq(see(20, 1, 0), LEDGER_SAME);
	ck_assert_int_eq(see(22, 1, 1), LEDGER_SAME);
	ck_assert_int_eq(see(45, 4, 0), LEDGER_SAME);
	ledger_judge(ledger);
	ck_assert_int_eq(trouble(20), LEDGER_FINE);
	ck_assert_int_eq(trouble(21), LEDGER_MISSING);
	ck_assert_int_eq(trouble(22), LEDGER_FINE);
	ck_assert_int_eq(trouble(23), LEDGER_MISSING_TAIL);
	ck_assert_int_eq(trouble(30), LEDGER_MISSING_ALL);
	ck_assert_int_eq(trouble(40), LEDGER_MISSING_FIRST);
	ck_assert_int_eq(trouble(60), LEDGER_FINE); /* behind the commit at 50 */
	ck_assert_int_eq(trouble(61), LEDGER_FINE);
	ck_assert_int_eq(ledger_sums(ledger, 0)->behind, 2);
	ck_assert_int_eq(ledger_sums(ledger, 0)->same, 4);
	ledger_troubled(ledger, 0, &from, &to);
	ck_assert_int_eq(from, 21);
	ck_assert_int_eq(to, 41);
	ledger_troubled(ledger, 1, &from, &to);
	ck_assert_int_eq(from, to);
}
END_TEST

START_TEST(a_later_one_that_is_there_makes_it_missing_whatever_the_commit_says)
{
	expect(0, 60, 1);
	expect(0, 61, 1);
	expect(0, 62, 1);
	see(61, 1, 0);
	ledger_judge(ledger);
	ck_assert_int_eq(trouble(60), LEDGER_MISSING_FIRST);
	ck_assert_int_eq(trouble(62), LEDGER_FINE);
}
END_TEST

START_TEST(order_is_that_of_each_partition)
{
	expect(0, 20, 1);
	expect(0, 21, 1);
	expect(0, 22, 1);
	expect(0, 23, 1);
	expect(1, 7, 1);
	see(21, 1, 0);
	see(20, 1, 1);
	see_print("two", 1, 7, 2, plain(1, 7), false);
	see_print("", 0, 23, 3, plain(1, 23), false);
	see_print("", 0, 22, 4, plain(1, 22), true); /* late, on purpose */
	ledger_judge(ledger);
	ck_assert_int_eq(trouble(20), LEDGER_FINE);
	ck_assert_int_eq(trouble(21), LEDGER_DISORDERED);
	ck_assert_int_eq(trouble(22), LEDGER_FINE);
	ck_assert_int_eq(trouble(23), LEDGER_FINE);
	ck_assert_int_eq(ledger_sums(ledger, 0)->disordered, 1);
	ck_assert_int_eq(ledger_sums(ledger, 0)->same, 3);
	ck_assert_int_eq(ledger_sums(ledger, 1)->same, 1);
}
END_TEST

/* A flattened topic's tombstone needs no event behind a delete, or where nobody knows. */
START_TEST(a_delete_too_many_is_not_missing)
{
	struct fingerprint print = plain(1, 0);

	ledger_expect(ledger, 0, 20, LEDGER_EVENT, &print, false, true); /* unknown before */
	expect(0, 21, 1);
	ledger_expect(ledger, 0, 22, LEDGER_EVENT, &print, true, false);
	ledger_expect(ledger, 0, 23, LEDGER_EVENT, &print, false, true); /* behind a d */
	expect(0, 24, 1);
	ledger_expect(ledger, 0, 25, LEDGER_EVENT, &print, false, true); /* behind an update */
	see_print("", 0, 21, 0, plain(1, 21), false);
	see_print("", 0, 22, 1, plain(1, 0), false);
	see_print("", 0, 24, 2, plain(1, 24), false);
	ledger_judge(ledger);
	ck_assert_int_eq(trouble(20), LEDGER_FINE);
	ck_assert_int_eq(trouble(23), LEDGER_FINE);
	ck_assert_int_eq(trouble(25), LEDGER_MISSING_TAIL);
	ck_assert_int_eq(ledger_sums(ledger, 0)->skipped, 2);
}
END_TEST

START_TEST(each_stream_begins_once)
{
	expect(0, 20, 1);
	expect(0, 21, 2);
	expect(0, 22, 1);
	expect(1, 5, 1);
	expect(1, 6, 3);
	ledger_mark_streams(ledger);
	ck_assert(ledger_begins_stream(ledger, 0, 20));
	ck_assert(ledger_begins_stream(ledger, 0, 21));
	ck_assert(!ledger_begins_stream(ledger, 0, 22));
	ck_assert(!ledger_begins_stream(ledger, 1, 5));
	ck_assert(ledger_begins_stream(ledger, 1, 6));
	ck_assert(!ledger_begins_stream(ledger, 1, 7));
	ck_assert_int_eq(see(20, 1, 0), LEDGER_SAME);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *prints = tcase_create("fingerprint"), *books = tcase_create("ledger");
	SRunner *runner;
	int failed;

	tcase_add_test(prints, equal_json_has_equal_fingerprints);
	tcase_add_test(prints, other_json_has_other_fingerprints);
	tcase_add_test(prints, each_part_counts);
	tcase_add_checked_fixture(books, set_up, tear_down);
	tcase_add_test(books, verdicts_of_stored_events);
	tcase_add_test(books, of_two_the_lower_one_counts);
	tcase_add_test(books, what_was_not_seen_is_judged_by_its_place);
	tcase_add_test(books, a_later_one_that_is_there_makes_it_missing_whatever_the_commit_says);
	tcase_add_test(books, order_is_that_of_each_partition);
	tcase_add_test(books, a_delete_too_many_is_not_missing);
	tcase_add_test(books, each_stream_begins_once);
	suite_add_tcase(suite, prints);
	suite_add_tcase(suite, books);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
