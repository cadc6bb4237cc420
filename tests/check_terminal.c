/* What people and programs read: log lines, rows in every format, text that cannot drive a
 * terminal. */
#include <check.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "rows.h"
#include "terminal.h"

static char *visible(struct span text)
{
	struct strbuf out = {0};

	terminal_add_visible(&out, text);
	return strbuf_steal(&out);
}

START_TEST(nothing_harmful_stays)
{
	static const struct {
		struct span text;
		const char *shown;
	} cases[] = {
		{{"plain ä € 😀", 17}, "plain ä € 😀"},
		{{"a\nb\tc\rd", 7}, "a\\nb\\tc\\rd"},
		{{"\033[2J", 4}, "\\x1b[2J"},
		{{"\0\177", 2}, "\\x00\\x7f"},
		{{"\xc2\x9b"
		  "31m",
			 5},
			"\\x9b31m"},
		{{"\xe2\x80\xae"
		  "cod.exe",
			 10},
			"\\u202ecod.exe"},
		{{"\xff\xc3", 2}, "\\xff\\xc3"},
		{{"\xc0\x80", 2}, "\\xc0\\x80"},
		{{"\xed\xa0\x80", 3}, "\\xed\\xa0\\x80"},
		{{"\xf4\x90\x80\x80", 4}, "\\xf4\\x90\\x80\\x80"},
		{{"back\\slash", 10}, "back\\slash"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = visible(cases[i].text);

		ck_assert_str_eq(shown, cases[i].shown);
		free(shown);
	}
}
END_TEST

START_TEST(widths_are_those_of_characters)
{
	ck_assert_int_eq(terminal_columns(span_of("abc")), 3);
	ck_assert_int_eq(terminal_columns(span_of("äöü")), 3);
	ck_assert_int_eq(terminal_columns(span_of("日本")), 4);
	ck_assert_int_eq(terminal_columns(span_of("e\xcc\x81")), 1); /* combining acute */
	ck_assert_uint_eq(terminal_cut(span_of("日本"), 3), 3);
	ck_assert_uint_eq(terminal_cut(span_of("abc"), 9), 3);
	ck_assert_uint_eq(terminal_cut(span_of("abc"), 0), 0);
}
END_TEST

/* --- rows --- */

static const struct rows_column columns[] = {
	{"stream", ROWS_TEXT}, {"events", ROWS_NUMBER}, {"data", ROWS_RAW}};

static char *printed(enum rows_format format, const struct span (*cells)[3], size_t count)
{
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);
	struct rows *rows = rows_new(out, format, columns, 3);

	for (i = 0; i < count; i++)
		rows_add(rows, cells[i]);
	rows_end(rows);
	fclose(out);
	return text;
}

START_TEST(rows_come_in_every_format)
{
	static const struct span cells[][3] = {
		{{"orders-1", 8}, {"7", 1}, {"{\r\n  \"a\": 1\r\n}", 14}},
		{{"名, \"x\"\033", 9}, {"12345", 5}, {NULL, 0}},
		{{NULL, 0}, {"n/a", 3}, {"[]", 2}},
	};
	static const char *const wanted[] = {
		"stream       events  data\n"
		"orders-1          7  {\"a\": 1}\n"
		"名, \"x\"\\x1b   12345\n"
		"                n/a  []\n",
		"[\n{\"stream\":\"orders-1\",\"events\":7,\"data\":{\"a\": 1}},\n"
		"{\"stream\":\"名, \\\"x\\\"\\u001b\",\"events\":12345,\"data\":null},\n"
		"{\"stream\":null,\"events\":\"n/a\",\"data\":[]}\n]\n",
		"{\"stream\":\"orders-1\",\"events\":7,\"data\":{\"a\": 1}}\n"
		"{\"stream\":\"名, \\\"x\\\"\\u001b\",\"events\":12345,\"data\":null}\n"
		"{\"stream\":null,\"events\":\"n/a\",\"data\":[]}\n",
		"stream,events,data\n"
		"orders-1,7,\"{\"\"a\"\": 1}\"\n"
		"\"名, \"\"x\"\"\033\",12345,\n"
		",n/a,[]\n",
	};
	static const char *const names[] = {"table", "json", "jsonl", "csv"};
	size_t i;

	for (i = 0; i < 4; i++) {
		enum rows_format format;
		char *text;

		ck_assert(rows_format_of(names[i], &format));
		text = printed(format, cells, 3);
		ck_assert_str_eq(text, wanted[i]);
		free(text);
	}
}
END_TEST

START_TEST(no_rows_are_a_result_too)
{
	static const char *const wanted[] = {
		"stream  events  data\n", "[]\n", "", "stream,events,data\n"};
	enum rows_format format, unknown;

	for (format = ROWS_TABLE; format <= ROWS_CSV; format++) {
		char *text = printed(format, NULL, 0);

		ck_assert_str_eq(text, wanted[format]);
		free(text);
	}
	ck_assert(!rows_format_of("xml", &unknown));
}
END_TEST

START_TEST(bytes_that_are_no_text_stay_json)
{
	static const struct span cells[][3] = {{{"a\xff", 2}, {"01", 2}, {"\"\xc2\x9b\"", 4}}};
	char *text = printed(ROWS_JSONL, cells, 1);

	ck_assert_str_eq(
		text, "{\"stream\":\"a\\\\xff\",\"events\":\"01\",\"data\":\"\\u009b\"}\n");
	free(text);
}
END_TEST

/* Runs body with standard error on descriptor; returns what was written there. A mark says where
 * the end is: a terminal may throw away what was not read when its last writer goes. */
static char *captured(int read_from, int write_to, void (*body)(void))
{
	static char text[8192];
	int kept = dup(STDERR_FILENO);
	size_t len = 0;

	ck_assert_int_ge(dup2(write_to, STDERR_FILENO), 0);
	body();
	dup2(kept, STDERR_FILENO);
	close(kept);
	ck_assert_int_eq(write(write_to, "\001", 1), 1);
	while (!len || text[len - 1] != '\001') {
		ssize_t got = read(read_from, text + len, sizeof(text) - len);

		ck_assert_int_gt(got, 0);
		len += (size_t)got;
	}
	text[len - 1] = '\0';
	close(write_to);
	close(read_from);
	return text;
}

static char *in_a_pipe(void (*body)(void))
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	return captured(ends[0], ends[1], body);
}

static void log_some(void)
{
	log_line(LOG_INFO, "appended", "stream", "customers-1", "events", log_number(5), "error",
		NULL, "text", "a \"b\" \\ \n\033", "empty", "", "number", "17", NULL);
	log_line(LOG_DEBUG, "not at this level", NULL);
	log_progress("not on a pipe");
}

/* The time is the only part that differs from run to run: "2026-11-21T10:00:00.123Z". */
static void check_time(const char *text)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";
	size_t i;

	for (i = 0; shape[i]; i++)
		ck_assert(shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i]);
}

START_TEST(a_line_is_key_and_value)
{
	char *text;

	log_setup(LOG_INFO, LOG_AUTO);
	text = in_a_pipe(log_some);
	check_time(text);
	ck_assert_str_eq(text + 24, " info  appended stream=customers-1 events=5 "
				    "text=\"a \\\"b\\\" \\\\ \\n\\x1b\" empty=\"\" number=17\n");
}
END_TEST

START_TEST(a_line_is_json)
{
	char *text;

	log_setup(LOG_INFO, LOG_JSON);
	text = in_a_pipe(log_some);
	ck_assert_int_eq(strncmp(text, "{\"time\":\"", 9), 0);
	check_time(text + 9);
	/* Only what log_number made is a number: a stream may be called 17. */
	ck_assert_str_eq(text + 33,
		"\",\"level\":\"info\",\"message\":\"appended\",\"stream\":\"customers-1\","
		"\"events\":5,\"text\":\"a \\\"b\\\" \\\\ \\n\\u001b\",\"empty\":\"\","
		"\"number\":\"17\"}\n");
}
END_TEST

static void log_text_of_many_lines(void)
{
	log_text(LOG_ERROR, "%s: %d\n%s", "broker", 7, "down");
}

START_TEST(a_message_stays_one_line)
{
	char *text;

	log_setup(LOG_ERROR, LOG_KEY_VALUE);
	text = in_a_pipe(log_text_of_many_lines);
	ck_assert_str_eq(text + 24, " error broker: 7\\ndown\n");
	ck_assert(log_enabled(LOG_ERROR) && !log_enabled(LOG_WARN));
}
END_TEST

static void log_with_progress(void)
{
	log_progress("12 records");
	log_line(LOG_WARN, "slow", NULL);
	log_progress(NULL);
}

static char *on_a_terminal(void (*body)(void))
{
	struct winsize size = {.ws_row = 24, .ws_col = 40};
	int leader, follower;

	setenv("TERM", "xterm", 1);
	ck_assert_int_eq(openpty(&leader, &follower, NULL, NULL, &size), 0);
	return captured(leader, follower, body);
}

START_TEST(lines_do_not_break_the_progress_line)
{
	char *text;

	setenv("NO_COLOR", "1", 1);
	log_setup(LOG_INFO, LOG_AUTO);
	text = on_a_terminal(log_with_progress);
	ck_assert_int_eq(strncmp(text, "\r\033[K12 records\r\033[K", 18), 0);
	/* "10:00:00 warn  slow", then the progress line again, then nothing. */
	ck_assert_str_eq(text + 18 + 8, " warn  slow\r\n12 records\r\033[K");
}
END_TEST

START_TEST(colour_is_for_terminals_that_want_it)
{
	char *text;

	unsetenv("NO_COLOR");
	log_setup(LOG_INFO, LOG_AUTO);
	text = on_a_terminal(log_with_progress);
	ck_assert_ptr_nonnull(strstr(text, "\033[33mwarn \033[0m slow"));
	terminal_set_color(COLOR_NEVER);
	text = on_a_terminal(log_with_progress);
	ck_assert_ptr_null(strstr(text, "\033[33m"));
	terminal_set_color(COLOR_ALWAYS);
	ck_assert(terminal_has_color(STDOUT_FILENO));
	terminal_set_color(COLOR_AUTO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("terminal");
	TCase *tcase = tcase_create("terminal");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nothing_harmful_stays);
	tcase_add_test(tcase, widths_are_those_of_characters);
	tcase_add_test(tcase, rows_come_in_every_format);
	tcase_add_test(tcase, no_rows_are_a_result_too);
	tcase_add_test(tcase, bytes_that_are_no_text_stay_json);
	tcase_add_test(tcase, a_line_is_key_and_value);
	tcase_add_test(tcase, a_line_is_json);
	tcase_add_test(tcase, a_message_stays_one_line);
	tcase_add_test(tcase, lines_do_not_break_the_progress_line);
	tcase_add_test(tcase, colour_is_for_terminals_that_want_it);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
