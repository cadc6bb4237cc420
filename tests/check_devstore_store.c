/* The development store's database: expected versions, repeats, what is hidden, links, rollback. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_body.h"
#include "store.h"

static struct store *store;

static void open_store(void)
{
	struct store_options options = {.file = NULL};
	struct error error = {0};

	store = store_open(&options, &error);
	ck_assert_msg(store != NULL, "%s", error.text);
}

static void close_store(void)
{
	store_close(store);
}

/* Letters are ids: "ab" is a batch of two events. Returns the first number, -400 with *current for
 * a conflict, -410 for a stream that is gone. */
static int64_t append_as(const char *stream, int64_t expected, const char *ids, const char *type,
	const char *data, int64_t *current)
{
	struct new_event events[16];
	struct append_answer answer;
	size_t count = strlen(ids), i;

	memset(events, 0, sizeof(events));
	for (i = 0; i < count; i++) {
		events[i].id[0] = (unsigned char)ids[i];
		events[i].type = span_of(type);
		events[i].data = span_of(data);
		events[i].is_json = true;
	}
	store_append(store, span_of(stream), expected, events, count, &answer);
	*current = answer.current;
	return answer.status == APPEND_DONE	       ? answer.first
	       : answer.status == APPEND_WRONG_VERSION ? -400
	       : answer.status == APPEND_GONE	       ? -410
						       : -500;
}

static int64_t append(const char *stream, int64_t expected, const char *ids)
{
	int64_t current;

	return append_as(stream, expected, ids, "c", "{}", &current);
}

static void set_metadata(const char *stream, const char *json)
{
	static char id = 'A';
	char name[64], ids[2] = {id++, 0};
	int64_t current;

	snprintf(name, sizeof(name), "$$%s", stream);
	ck_assert_int_ge(append_as(name, EXPECT_ANY, ids, "$metadata", json, &current), 0);
}

static int64_t delete_stream(const char *stream, int64_t expected, bool hard)
{
	struct append_answer answer;

	store_delete(store, span_of(stream), expected, hard, &answer);
	return answer.status == APPEND_DONE	       ? 204
	       : answer.status == APPEND_WRONG_VERSION ? -400
						       : -410;
}

/* The numbers that a read gives, as "6 5 4" with "." at the end of the stream; or a word. */
static const char *numbers(const char *stream, int64_t from, int64_t count, bool forward)
{
	static char text[256];
	struct read_options options = {.forward = forward, .resolve = true, .bodies = true};
	struct stored_page page = {.count = 0};
	size_t i, at = 0;

	text[0] = '\0';
	store_read_stream(store, span_of(stream), from, count, &options, &page);
	if (page.status == READ_NO_STREAM)
		snprintf(text, sizeof(text), "none");
	else if (page.status == READ_GONE)
		snprintf(text, sizeof(text), "gone");
	for (i = 0; i < page.count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld", i ? " " : "",
			(long long)(page.entries[i].has_link ? page.entries[i].link.number
							     : page.entries[i].event.number));
	if (page.status == READ_DONE && page.is_end)
		snprintf(text + at, sizeof(text) - at, ".");
	stored_page_clear(&page);
	return text;
}

/* facts/esdb-modern.md, 4.1 */
START_TEST(explicit_versions_recognise_repeats_at_their_numbers)
{
	ck_assert_int_eq(append("s", -1, "ab"), 0);
	ck_assert_int_eq(append("s", -1, "ab"), 0);
	ck_assert_int_eq(append("s", -1, "a"), 0);
	ck_assert_int_eq(append("s", 0, "b"), 1);
	ck_assert_int_eq(append("s", 1, "c"), 2);
	ck_assert_int_eq(append("s", -1, "ab"), 0);
	ck_assert_int_eq(append("s", -1, "abc"), 0);
	ck_assert_int_eq(append("s", 0, "bc"), 1);
	ck_assert_int_eq(append("s", -1, "b"), -400);
	ck_assert_int_eq(append("s", -1, "ba"), -400);
	ck_assert_int_eq(append("s", -1, "abcd"), -400);
	ck_assert_int_eq(append("s", 1, "cd"), -400);
	ck_assert_int_eq(append("s", 3, "d"), -400);
	ck_assert_str_eq(numbers("s", 0, 10, true), "0 1 2.");
	ck_assert_int_eq(append("s", 2, "dc"), 3);
	ck_assert_int_eq(append("s", 4, "aa"), 5);
	ck_assert_int_eq(append("s", 4, "aa"), 5);
	ck_assert_int_eq(append("s", 4, "a"), 5);
	ck_assert_int_eq(append("new", 0, "x"), -400);
	ck_assert_int_eq(append("new", INT64_MAX, "x"), -400);
}
END_TEST

/* facts/esdb-modern.md, 4.2 */
START_TEST(version_any_recognises_repeats_by_memory)
{
	int64_t current;

	ck_assert_int_eq(append("s", EXPECT_ANY, "abc"), 0);
	ck_assert_int_eq(append("s", EXPECT_ANY, "abc"), 0);
	ck_assert_int_eq(append("s", EXPECT_ANY, "b"), 1);
	ck_assert_int_eq(append("s", EXPECT_ANY, "ca"), 2);
	ck_assert_int_eq(append_as("s", EXPECT_ANY, "cd", "c", "{}", &current), -400);
	ck_assert_int_eq(current, 2);
	ck_assert_int_eq(append("s", EXPECT_ANY, "dc"), 3);
	/* An id that another stream had first is never recognised. */
	ck_assert_int_eq(append("t", EXPECT_ANY, "a"), 0);
	ck_assert_int_eq(append("t", EXPECT_ANY, "a"), 1);
	ck_assert_int_eq(append("s", EXPECT_EXISTS, "e"), 5);
	ck_assert_int_eq(append("u", EXPECT_EXISTS, "e"), -400);
	set_metadata("u", "{}");
	ck_assert_int_eq(append("u", EXPECT_EXISTS, "f"), 0);
}
END_TEST

/* facts/esdb-modern.md, 4.3 */
START_TEST(a_soft_deleted_stream_goes_on_at_its_numbers)
{
	ck_assert_int_eq(delete_stream("s", EXPECT_ANY, false), -400);
	ck_assert_int_eq(append("s", -1, "abc"), 0);
	ck_assert_int_eq(delete_stream("s", 1, false), -400);
	ck_assert_int_eq(delete_stream("s", 2, false), 204);
	ck_assert_int_eq(delete_stream("s", 2, false), 204);
	ck_assert_str_eq(numbers("s", -1, 10, false), "none");
	ck_assert_int_eq(append("s", 0, "x"), -400);
	ck_assert_int_eq(append("s", 3, "x"), -400);
	ck_assert_int_eq(append("s", EXPECT_EXISTS, "x"), -410);
	ck_assert_int_eq(append("s", -1, "abc"), 0);
	ck_assert_str_eq(numbers("s", -1, 10, false), "none");
	ck_assert_int_eq(append("s", -1, "x"), 3);
	ck_assert_int_eq(append("s", -1, "x"), -400);
	ck_assert_int_eq(append("s", 2, "x"), 3);
	ck_assert_str_eq(numbers("s", -1, 10, false), "3.");
	ck_assert_str_eq(numbers("s", 0, 2, true), "");
	ck_assert_str_eq(numbers("s", 0, 20, true), "3.");
	ck_assert_int_eq(store_metadata(store, span_of("s"))->truncate_before, 3);
	ck_assert_int_eq(append("t", -1, "de"), 0);
	ck_assert_int_eq(delete_stream("t", EXPECT_ANY, false), 204);
	ck_assert_int_eq(append("t", 1, "f"), 2);
}
END_TEST

START_TEST(new_metadata_brings_a_soft_deleted_stream_back)
{
	ck_assert_int_eq(append("s", -1, "abc"), 0);
	ck_assert_int_eq(delete_stream("s", EXPECT_ANY, false), 204);
	set_metadata("s", "{\"$maxCount\":5}");
	ck_assert_int_eq(store_metadata(store, span_of("s"))->truncate_before, 3);
	ck_assert_int_eq(store_metadata(store, span_of("s"))->max_count, 5);
	ck_assert_str_eq(numbers("s", 0, 10, true), ".");
}
END_TEST

START_TEST(a_tombstone_is_for_ever)
{
	ck_assert_int_eq(append("s", -1, "ab"), 0);
	ck_assert_int_eq(delete_stream("s", 0, true), -400);
	ck_assert_int_eq(delete_stream("s", EXPECT_ANY, true), 204);
	ck_assert_int_eq(delete_stream("s", EXPECT_ANY, true), -410);
	ck_assert_int_eq(append("s", EXPECT_ANY, "c"), -410);
	ck_assert_int_eq(append("s", 1, "c"), -410);
	ck_assert_int_eq(append("s", -1, "ab"), -410);
	ck_assert_int_eq(append("$$s", EXPECT_ANY, "m"), -410);
	ck_assert_str_eq(numbers("s", 0, 10, true), "gone");
	ck_assert_str_eq(numbers("$$s", 0, 10, true), "gone");
	ck_assert_int_eq(delete_stream("never", EXPECT_ANY, true), 204);
	ck_assert_str_eq(numbers("never", 0, 10, true), "gone");
}
END_TEST

START_TEST(pages_begin_and_end_where_the_server_ends_them)
{
	ck_assert_int_eq(append("s", -1, "abcdefg"), 0);
	ck_assert_str_eq(numbers("s", -1, 3, false), "6 5 4");
	ck_assert_str_eq(numbers("s", -1, 7, false), "6 5 4 3 2 1 0.");
	ck_assert_str_eq(numbers("s", 2, 3, false), "2 1 0.");
	ck_assert_str_eq(numbers("s", 3, 3, false), "3 2 1");
	ck_assert_str_eq(numbers("s", 100, 3, false), "");
	ck_assert_str_eq(numbers("s", 0, 3, true), "0 1 2");
	ck_assert_str_eq(numbers("s", 4, 3, true), "4 5 6.");
	ck_assert_str_eq(numbers("s", 7, 3, true), ".");
	ck_assert_str_eq(numbers("s", 100, 3, true), ".");
	ck_assert_str_eq(numbers("s", INT64_MAX, 3, true), ".");
	ck_assert_str_eq(numbers("t", 0, 3, true), "none");
}
END_TEST

START_TEST(limits_hide_events_at_once)
{
	ck_assert_int_eq(append("s", -1, "abcdefg"), 0);
	set_metadata("s", "{\"$maxCount\":2}");
	ck_assert_str_eq(numbers("s", 0, 10, true), "5 6.");
	ck_assert_str_eq(numbers("s", -1, 10, false), "6 5.");
	ck_assert_str_eq(numbers("s", 0, 3, true), "");
	ck_assert_int_eq(append("s", 6, "h"), 7);
	ck_assert_str_eq(numbers("s", 0, 10, true), "6 7.");
	set_metadata("s", "{\"$tb\":4}");
	ck_assert_str_eq(numbers("s", 0, 10, true), "4 5 6 7.");
	set_metadata("s", "{\"$maxCount\":0,\"$maxAge\":-3,\"$tb\":\"x\"}");
	ck_assert_str_eq(numbers("s", 0, 10, true), "0 1 2 3 4 5 6 7.");
	set_metadata("s", "{\"$maxAge\":3600}");
	ck_assert_str_eq(numbers("s", 0, 10, true), "0 1 2 3 4 5 6 7.");
	ck_assert_int_eq(append("s", -1, "abc"), 0);
}
END_TEST

static void link_texts(const char *stream, char *text, size_t size)
{
	struct read_options options = {.forward = true, .bodies = true};
	struct stored_page page = {.count = 0};
	size_t i, at = 0;

	text[0] = '\0';
	store_read_stream(store, span_of(stream), 0, 100, &options, &page);
	for (i = 0; i < page.count; i++)
		at += (size_t)snprintf(
			text + at, size - at, "%.*s ", SPAN_ARG(page.entries[i].event.data));
	stored_page_clear(&page);
}

START_TEST(links_are_numbered_as_events_come)
{
	static const struct {
		const char *stream, *links;
	} cases[] = {
		{"$ce-x", "0@x-1 1@x-1 0@x-2 0@x-a-b 2@x-1 "
			  "9223372036854775807@x-1 0@$$x-2 "},
		{"$et-c", "0@x-1 1@x-1 0@x-2 0@x-a-b 0@lone 0@-lead 0@$sys 2@x-1 "},
		{"$et-$deleted", "9223372036854775807@x-1 0@$$x-2 "},
		{"$streams", "0@x-1 0@x-2 0@x-a-b 0@lone 0@-lead 0@$sys 0@$$x-2 "},
		{"$category-x", "x-1 x-2 x-a-b "},
		{"$ce-", ""},
	};
	char text[512];
	size_t i;

	append("x-1", -1, "ab");
	append("x-2", -1, "c");
	append("x-a-b", -1, "d");
	append("lone", -1, "e");
	append("-lead", -1, "f");
	append("$sys", -1, "g");
	append("x-1", 1, "h");
	delete_stream("x-1", EXPECT_ANY, true);
	delete_stream("x-2", EXPECT_ANY, false);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		link_texts(cases[i].stream, text, sizeof(text));
		ck_assert_str_eq(text, cases[i].links);
	}
	/* Of the links to what is deleted only their places are left. */
	ck_assert_str_eq(numbers("$ce-x", -1, 3, false), "6 5 4");
	ck_assert_str_eq(numbers("$ce-x", 0, 100, true), "0 1 2 3 4 5 6.");
}
END_TEST

START_TEST(links_go_by_correlation_too)
{
	static const char *const metadata[] = {"{\"$correlationId\":\"t-1\"}",
		"{\"x\":{\"$correlationId\":\"no\"},\"$correlationId\":\"t-1\"}",
		"{\"x\":{\"$correlationId\":\"no\"}}", "no json $correlationId",
		"{\"$correlationId\":{}}"};
	struct new_event event = {.type = span_of("c"), .is_json = true};
	struct append_answer answer;
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
		event.id[0]++;
		event.metadata = span_of(metadata[i]);
		store_append(store, span_of("s-1"), (int64_t)i - 1, &event, 1, &answer);
		ck_assert_int_eq(answer.status, APPEND_DONE);
	}
	link_texts("$bc-t-1", text, sizeof(text));
	ck_assert_str_eq(text, "0@s-1 1@s-1 ");
	ck_assert_int_eq(store_last_number(store, span_of("$bc-no")), STREAM_NONE);
}
END_TEST

START_TEST(links_of_clients_are_resolved)
{
	struct read_options options = {.forward = true, .resolve = true, .bodies = true};
	struct stored_page page = {.count = 0};
	int64_t current;

	append("s", -1, "ab");
	append_as("links", -1, "w", "$>", "1@s", &current);
	append_as("links", 0, "x", "$>", "7@s", &current);
	append_as("links", 1, "y", "$>", "nonsense", &current);
	store_read_stream(store, span_of("links"), 0, 10, &options, &page);
	ck_assert_uint_eq(page.count, 3);
	ck_assert(page.entries[0].has_event && page.entries[0].has_link);
	ck_assert_int_eq(page.entries[0].event.number, 1);
	ck_assert(span_is(page.entries[0].event.stream, "s"));
	ck_assert(!page.entries[1].has_event && page.entries[1].has_link);
	ck_assert(page.entries[2].has_event && !page.entries[2].has_link);
	stored_page_clear(&page);
}
END_TEST

static size_t count_all(int64_t from, bool forward, int64_t *next)
{
	struct read_options options = {.forward = forward};
	struct stored_page page = {.count = 0};
	size_t count;

	store_read_all(store, from, 3, &options, NULL, &page);
	ck_assert_int_eq(page.status, READ_DONE);
	count = page.count;
	*next = page.next;
	stored_page_clear(&page);
	return count;
}

START_TEST(all_can_be_walked_both_ways)
{
	bool forward;

	append("a-1", -1, "abc");
	append("b-1", -1, "de");
	append("a-1", 2, "fg");
	for (forward = false;; forward = true) {
		int64_t at = forward ? 0 : -1;
		size_t seen = 0, count;

		while ((count = count_all(at, forward, &at)))
			seen += count;
		ck_assert_uint_eq(seen, 7);
		if (forward)
			break;
	}
}
END_TEST

/* --- Files --- */

static char directory[32], file[64];

static void make_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/check_devstore.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/store.db", directory);
}

static void remove_directory(void)
{
	char name[80];

	remove(file);
	snprintf(name, sizeof(name), "%s-wal", file);
	remove(name);
	remove(directory);
}

static struct store *open_file(struct error *error)
{
	struct store_options options = {.file = file, .check_all = true};

	return store_open(&options, error);
}

START_TEST(a_file_keeps_what_was_committed)
{
	struct error error = {0};

	store = open_file(&error);
	ck_assert_msg(store != NULL, "%s", error.text);
	append("s-1", -1, "abc");
	set_metadata("s-1", "{\"$maxCount\":2}");
	ck_assert(store_is_dirty(store));
	ck_assert(store_commit(store, &error));
	append("s-1", 2, "d");
	store_close(store);
	store = open_file(&error);
	ck_assert_msg(store != NULL, "%s", error.text);
	ck_assert_str_eq(numbers("s-1", 0, 10, true), "1 2.");
	ck_assert_str_eq(numbers("$ce-s", 0, 10, true), "0 1 2.");
	ck_assert_int_eq(append("s-1", -1, "abc"), 0);
	/* What EXPECT_ANY remembers is gone with the process. */
	ck_assert_int_eq(append("s-1", EXPECT_ANY, "a"), 3);
	ck_assert_int_eq(store_last_position(store), 5);
	ck_assert(store_commit(store, &error));
	store_close(store);
}
END_TEST

START_TEST(a_file_in_use_is_refused)
{
	struct error error = {0};
	struct store *second;

	store = open_file(&error);
	ck_assert_ptr_nonnull(store);
	second = open_file(&error);
	ck_assert_ptr_null(second);
	ck_assert_msg(strstr(error.text, "in use by another process") != NULL, "%s", error.text);
	store_close(store);
}
END_TEST

static void write_file(const char *bytes, size_t len)
{
	FILE *out = fopen(file, "wb");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
	fclose(out);
}

START_TEST(a_file_that_is_none_of_ours_is_refused)
{
	struct error error = {0};
	char garbage[8192];

	memset(garbage, 'x', sizeof(garbage));
	write_file(garbage, sizeof(garbage));
	ck_assert_ptr_null(open_file(&error));
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert_msg(strstr(error.text, file) != NULL, "%s", error.text);
}
END_TEST

START_TEST(a_damaged_file_is_refused)
{
	struct error error = {0};
	char garbage[4096];
	FILE *out;
	int i;

	store = open_file(&error);
	ck_assert_ptr_nonnull(store);
	for (i = 0; i < 2000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "stream-%d", i);
		append(name, -1, "abcdefgh");
	}
	ck_assert(store_commit(store, &error));
	store_close(store);
	memset(garbage, 0x5a, sizeof(garbage));
	out = fopen(file, "r+b");
	ck_assert_ptr_nonnull(out);
	fseek(out, 40 * 4096, SEEK_SET);
	for (i = 0; i < 20; i++)
		fwrite(garbage, 1, sizeof(garbage), out);
	fclose(out);
	store = open_file(&error);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(error.text, "damaged") != NULL || strstr(error.text, "cannot be"),
		"%s", error.text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("devstore store");
	TCase *memory = tcase_create("memory"), *files = tcase_create("files");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, memory);
	tcase_add_checked_fixture(memory, open_store, close_store);
	tcase_add_test(memory, explicit_versions_recognise_repeats_at_their_numbers);
	tcase_add_test(memory, version_any_recognises_repeats_by_memory);
	tcase_add_test(memory, a_soft_deleted_stream_goes_on_at_its_numbers);
	tcase_add_test(memory, new_metadata_brings_a_soft_deleted_stream_back);
	tcase_add_test(memory, a_tombstone_is_for_ever);
	tcase_add_test(memory, pages_begin_and_end_where_the_server_ends_them);
	tcase_add_test(memory, limits_hide_events_at_once);
	tcase_add_test(memory, links_are_numbered_as_events_come);
	tcase_add_test(memory, links_go_by_correlation_too);
	tcase_add_test(memory, links_of_clients_are_resolved);
	tcase_add_test(memory, all_can_be_walked_both_ways);
	suite_add_tcase(suite, files);
	tcase_add_checked_fixture(files, make_directory, remove_directory);
	tcase_add_test(files, a_file_keeps_what_was_committed);
	tcase_add_test(files, a_file_in_use_is_refused);
	tcase_add_test(files, a_file_that_is_none_of_ours_is_refused);
	tcase_add_test(files, a_damaged_file_is_refused);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
