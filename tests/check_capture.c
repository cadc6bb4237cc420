/* Capture files: what a line comes to, and what a file does that is not as it should be. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "strbuf.h"

#define GOOD "{\"topic\":\"t\",\"partition\":0,\"offset\":%d,\"key\":\"k\",\"payload\":null}\n"

static char directory[] = "/tmp/check_capture.XXXXXX";
static char path[sizeof(directory) + 16];

static void make_directory(void)
{
	memset(directory + strlen(directory) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/capture", directory);
}

static void remove_directory(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

/* --- Vectors --- */

static void check_bytes(const char *what, struct span bytes, const json_t *expected)
{
	const char *hex = json_string_value(json_object_get(expected, "hex"));
	size_t i;

	ck_assert_msg(json_is_null(expected) == !bytes.ptr, "%s: null or not", what);
	if (json_is_string(expected))
		ck_assert_msg(span_equal(bytes, (struct span){json_string_value(expected),
							json_string_length(expected)}),
			"%s: %.*s", what, SPAN_ARG(bytes));
	for (i = 0; hex && hex[2 * i]; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		ck_assert_msg(
			i < bytes.len && (unsigned char)bytes.ptr[i] == strtoul(digits, NULL, 16),
			"%s: byte %zu", what, i);
	}
	ck_assert_msg(!hex || i == bytes.len, "%s: length %zu", what, bytes.len);
}

static void check_record(const char *what, const struct record *record, const json_t *expected)
{
	const json_t *headers = json_array_get(expected, 6);
	size_t i;

	ck_assert_msg(strcmp(record->topic, json_string_value(json_array_get(expected, 0))) == 0,
		"%s: topic", what);
	ck_assert_msg(record->partition == json_integer_value(json_array_get(expected, 1)),
		"%s: partition", what);
	ck_assert_msg(record->offset == json_integer_value(json_array_get(expected, 2)),
		"%s: offset", what);
	ck_assert_msg(record->timestamp_ms == json_integer_value(json_array_get(expected, 3)),
		"%s: timestamp", what);
	check_bytes(what, record->key, json_array_get(expected, 4));
	check_bytes(what, record->value, json_array_get(expected, 5));
	ck_assert_msg(record->header_count * 2 == json_array_size(headers), "%s: headers", what);
	for (i = 0; i < record->header_count; i++) {
		check_bytes(what, record->headers[i].name, json_array_get(headers, 2 * i));
		check_bytes(what, record->headers[i].value, json_array_get(headers, 2 * i + 1));
	}
}

static void check_vector(const json_t *vector)
{
	const char *what = json_string_value(json_object_get(vector, "what"));
	const char *expected = json_string_value(json_object_get(vector, "error"));
	const char *line = json_string_value(json_object_get(vector, "line"));
	struct error error = {0};
	struct capture *capture;
	struct record record;
	int got;

	write_file(line, strlen(line));
	capture = capture_open(path, &error);
	ck_assert_ptr_nonnull(capture);
	got = capture_next(capture, &record, &error);
	ck_assert_msg(got == (expected ? -1 : 1), "%s: %d %s", what, got, error.text);
	if (expected) {
		ck_assert_int_eq(error.kind, ERROR_INPUT);
		ck_assert_msg(strstr(error.text, expected) && strstr(error.text, " line 1: "),
			"%s: %s", what, error.text);
	} else {
		check_record(what, &record, json_object_get(vector, "record"));
	}
	error_clear(&error);
	ck_assert_int_eq(capture_next(capture, &record, &error), 0);
	ck_assert_int_eq(capture_line(capture), 1);
	capture_close(capture);
}

START_TEST(a_line_is_a_record_or_is_refused)
{
	FILE *file = fopen(TEST_SRCDIR "/vectors/capture/lines.jsonl", "r");
	char *line = NULL;
	size_t size = 0;
	int vectors = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &size, file) > 0) {
		json_t *vector = json_loads(line, JSON_ALLOW_NUL, NULL);

		ck_assert_msg(vector != NULL, "%s", line);
		check_vector(vector);
		json_decref(vector);
		vectors++;
	}
	free(line);
	fclose(file);
	ck_assert_int_gt(vectors, 40);
}
END_TEST

/* --- Files --- */

START_TEST(bad_lines_are_passed_over_and_counted)
{
	static const char text[] = "{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"key\":null,"
				   "\"payload\":null}\n"
				   "\n"
				   "  \r\n"
				   "rubbish\n"
				   "{\"a\":\"\0\"}\n"
				   "\0\n"
				   "{\"topic\":\"t\",\"partition\":0,\"offset\":2,\"key\":null,"
				   "\"payload\":null}";
	static const struct {
		int got;
		long line;
	} expected[] = {{1, 1}, {-1, 4}, {-1, 5}, {-1, 6}, {1, 7}, {0, 7}, {0, 7}};
	struct error error = {0};
	struct capture *capture;
	struct record record;
	size_t i;

	write_file(text, sizeof(text) - 1);
	capture = capture_open(path, &error);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		error_clear(&error);
		ck_assert_int_eq(capture_next(capture, &record, &error), expected[i].got);
		ck_assert_int_eq(capture_line(capture), expected[i].line);
	}
	capture_close(capture);
}
END_TEST

START_TEST(refusals_do_not_show_row_data)
{
	static const char text[] = "{\"topic\":\"t\",\"key\":secret}";
	struct error error = {0};
	struct capture *capture;
	struct record record;

	write_file(text, sizeof(text) - 1);
	capture = capture_open(path, &error);
	ck_assert_int_eq(capture_next(capture, &record, &error), -1);
	ck_assert_ptr_null(strstr(error.text, "secret"));
	capture_close(capture);
}
END_TEST

static void write_gzip(int records)
{
	gzFile file = gzopen(path, "wb");
	int i;

	for (i = 0; i < records; i++)
		gzprintf(file, GOOD, i);
	ck_assert_int_eq(gzclose(file), Z_OK);
}

static int count_records(struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int count = 0, got;

	ck_assert_ptr_nonnull(capture);
	while ((got = capture_next(capture, &record, error)) > 0)
		ck_assert_int_eq(record.offset, count++);
	if (got < 0) {
		struct error ignored = {0};

		ck_assert_int_eq(capture_next(capture, &record, &ignored), 0);
	}
	capture_close(capture);
	return count;
}

START_TEST(gzip_is_read_and_a_cut_is_noticed)
{
	struct error error = {0};
	struct stat stat_buf;

	write_gzip(20000);
	ck_assert_int_eq(count_records(&error), 20000);
	ck_assert_int_eq(error.kind, ERROR_NONE);
	ck_assert_int_eq(stat(path, &stat_buf), 0);
	ck_assert_int_eq(truncate(path, stat_buf.st_size - 100), 0);
	ck_assert_int_lt(count_records(&error), 20000);
	ck_assert_ptr_nonnull(strstr(error.text, "cut off"));
}
END_TEST

START_TEST(long_lines)
{
	struct strbuf text = {0};
	struct error error = {0};
	size_t size = 30u << 20;
	struct capture *capture;
	struct record record;
	char *big = xmalloc(size);

	memset(big, 'x', size);
	strbuf_add_text(&text, "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"key\":null,"
			       "\"payload\":\"");
	strbuf_add(&text, big, size);
	strbuf_add_text(&text, "\"}\n");
	strbuf_printf(&text, GOOD, 1);
	write_file(text.data, text.len);
	capture = capture_open(path, &error);
	ck_assert_int_eq(capture_next(capture, &record, &error), 1);
	ck_assert(span_equal(record.value, (struct span){big, size}));
	ck_assert_int_eq(capture_next(capture, &record, &error), 1);
	ck_assert_int_eq(record.offset, 1);
	ck_assert_int_eq(capture_next(capture, &record, &error), 0);
	capture_close(capture);
	strbuf_clear(&text);
	free(big);
}
END_TEST

START_TEST(endless_lines_are_refused)
{
	struct error error = {0};
	FILE *file = fopen(path, "w");

	/* A hole of NUL bytes: takes no room on the disk. */
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(truncate(path, 65l << 20), 0);
	ck_assert_int_eq(count_records(&error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "line 1: longer than 64 MiB"));
}
END_TEST

START_TEST(what_cannot_be_read_is_named)
{
	struct error error = {0};

	ck_assert_ptr_null(capture_open("/nowhere/file", &error));
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert_str_eq(error.text, "/nowhere/file: No such file or directory");
	error_clear(&error);
	write_file("", 0);
	ck_assert_int_eq(count_records(&error), 0);
	ck_assert_int_eq(error.kind, ERROR_NONE);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(count_records(&error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "Is a directory"));
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tcase = tcase_create("capture");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, a_line_is_a_record_or_is_refused);
	tcase_add_test(tcase, bad_lines_are_passed_over_and_counted);
	tcase_add_test(tcase, refusals_do_not_show_row_data);
	tcase_add_test(tcase, gzip_is_read_and_a_cut_is_noticed);
	tcase_add_test(tcase, long_lines);
	tcase_add_test(tcase, endless_lines_are_refused);
	tcase_add_test(tcase, what_cannot_be_read_is_named);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
