/* Sums over events, and the charts that show them. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "histogram.h"
#include "report.h"

START_TEST(percentiles_are_never_too_low)
{
	struct histogram histogram = {0};
	int64_t i, got;

	ck_assert_int_eq(histogram_percentile(&histogram, 50), 0);
	for (i = 1; i <= 1000; i++)
		histogram_add(&histogram, i);
	for (i = 1; i <= 100; i++) {
		got = histogram_percentile(&histogram, (double)i);
		ck_assert_msg(got >= 10 * i && got <= 10 * i + 10 * i / 32 + 1,
			"%" PRId64 " %%: %" PRId64, i, got);
	}
	ck_assert_int_eq(histogram_percentile(&histogram, 100), 1000);
}
END_TEST

START_TEST(a_histogram_takes_any_number)
{
	struct histogram histogram = {0};

	histogram_add(&histogram, -5);
	ck_assert_int_eq(histogram_percentile(&histogram, 100), 0);
	histogram_add(&histogram, INT64_MAX);
	ck_assert_int_eq(histogram_percentile(&histogram, 100), INT64_MAX);
	ck_assert_int_eq(histogram_percentile(&histogram, 50), 0);
	histogram_add(&histogram, 63);
	histogram_add(&histogram, 64);
	ck_assert_int_eq(histogram_percentile(&histogram, 50), 63);
	ck_assert_int_eq(histogram_percentile(&histogram, 75), 65);
}
END_TEST

START_TEST(a_histogram_counts_up_to_a_limit)
{
	struct histogram histogram = {0};
	int64_t i;

	for (i = 0; i < 5000; i++)
		histogram_add(&histogram, i);
	for (i = 1; i <= 4096; i *= 2)
		ck_assert_int_eq(histogram_at_most(&histogram, i - 1), i);
	ck_assert_int_eq(histogram_at_most(&histogram, 50), 51);
	ck_assert_int_eq(histogram_at_most(&histogram, INT64_MAX), 5000);
	ck_assert_int_eq(histogram.sum, 5000 * 4999 / 2);
}
END_TEST

/* --- Reports --- */

static struct row_event change(char op, const char *table, const char *stream, int64_t revision,
	const char *transaction, int64_t ts_ms)
{
	return (struct row_event){
		.seen = {.ours = true, .op = op, .table = span_of(table), .kafka_ts = ts_ms + 5},
		.stream = span_of(stream),
		.revision = revision,
		.correlation = transaction ? span_of(transaction) : SPAN_NULL,
		.ts_ms = ts_ms,
		.is_row = op != 't',
		.truncate = op == 't',
		.snapshot = op == 'r',
		.updated = span_of("1970-01-01T02:00:00.0000000Z"),
	};
}

static void add(struct report *report, char op, const char *table, const char *stream,
	int64_t revision, const char *transaction, int64_t ts_ms)
{
	struct row_event event = change(op, table, stream, revision, transaction, ts_ms);

	report_add(report, &event);
}

static void assert_row(const struct chart *chart, size_t row, const char *label, int64_t total)
{
	ck_assert_uint_lt(row, chart->row_count);
	ck_assert_str_eq(chart->rows[row].label, label);
	ck_assert_int_eq(chart_total(chart, &chart->rows[row]), total);
}

static void clear(struct report *report, struct chart *charts)
{
	size_t i;

	for (i = 0; i < REPORT_CHARTS; i++)
		chart_clear(&charts[i]);
	report_free(report);
}

START_TEST(events_are_added_up)
{
	struct report *report = report_new();
	struct chart charts[REPORT_CHARTS];
	struct row_event foreign = {0};

	add(report, 'r', "s.a", "a-1", 0, NULL, 1);
	add(report, 'u', "s.a", "a-1", 1, "t1", 3600000);
	add(report, 'c', "s.b", "b-1", 0, "t1", 3600000);
	add(report, 'u', "s.a", "a-1", 2, "t2", 3600000 * 3 - 1);
	add(report, 'u', "s.a", "a-2", 8, "t1", 3600000);
	add(report, 't', "s.b", "b-~partition:0", 0, "t3", 3600000);
	report_add(report, &foreign);
	report_charts(report, charts);

	assert_row(&charts[0], 0, "s.a", 4);
	assert_row(&charts[0], 1, "s.b", 2);
	ck_assert_int_eq(charts[0].rows[0].values[1], 3); /* updates */
	ck_assert_uint_eq(charts[1].row_count, 3);
	assert_row(&charts[1], 0, "1", 1); /* t2; a truncate is no row */
	assert_row(&charts[1], 1, "2", 0);
	assert_row(&charts[1], 2, "3 to 4", 1);
	ck_assert_uint_eq(charts[2].row_count, 2); /* hours; the snapshot is no change */
	assert_row(&charts[2], 0, "1970-01-01 01:00", 4);
	assert_row(&charts[2], 1, "1970-01-01 02:00", 1);
	assert_row(&charts[3], 0, "a-2", 9);
	assert_row(&charts[3], 1, "a-1", 3);
	assert_row(&charts[3], 2, "b-1", 1);
	assert_row(&charts[4], 0, "database to Kafka, 50 %", 5);
	/* the store's clock is behind in one case: that counts as no time at all */
	assert_row(&charts[4], 9, "database to store, 100 %", 3600000);
	ck_assert_int_eq(report_figures(report).events, 6);
	ck_assert_int_eq(report_figures(report).foreign, 1);
	ck_assert_int_eq(report_figures(report).transactions, 2);
	clear(report, charts);
}
END_TEST

START_TEST(the_hottest_rows_are_kept)
{
	struct report *report = report_new();
	struct chart charts[REPORT_CHARTS];
	char stream[16];
	int revision, row;

	/* row n gets n events; the rows take turns */
	for (revision = 0; revision < 50; revision++) {
		for (row = revision + 1; row <= 50; row++) {
			snprintf(stream, sizeof(stream), "a-%d", row);
			add(report, 'u', "a", stream, revision, NULL, 1);
		}
	}
	report_charts(report, charts);
	ck_assert_uint_eq(charts[3].row_count, 10);
	assert_row(&charts[3], 0, "a-50", 50);
	assert_row(&charts[3], 9, "a-41", 41);
	clear(report, charts);
}
END_TEST

START_TEST(too_many_open_transactions_are_told)
{
	struct report *report = report_new();
	struct chart charts[REPORT_CHARTS];
	char transaction[24];
	int i;

	for (i = 0; i <= REPORT_OPEN_TRANSACTIONS; i++) {
		snprintf(transaction, sizeof(transaction), "%d", i);
		add(report, 'c', "a", "a-1", 0, transaction, 1);
	}
	add(report, 'c', "a", "a-1", 0, "0", 1); /* was taken as ended: counts again */
	report_charts(report, charts);
	assert_row(&charts[1], 0, "1", REPORT_OPEN_TRANSACTIONS + 2);
	ck_assert_ptr_nonnull(charts[1].note);
	clear(report, charts);
}
END_TEST

START_TEST(long_times_share_columns)
{
	struct report *report = report_new();
	struct chart charts[REPORT_CHARTS];
	int64_t day_ms = INT64_C(86400000);
	int day;

	for (day = 0; day < 60; day++)
		add(report, 'c', "a", "a-1", 0, NULL, day * day_ms + 5);
	report_charts(report, charts);
	ck_assert_uint_eq(charts[2].row_count, 60);
	assert_row(&charts[2], 59, "1970-03-01", 1);
	ck_assert_str_eq(charts[2].title, "Changes in time");
	clear(report, charts);
}
END_TEST

START_TEST(nothing_is_a_report_too)
{
	struct report *report = report_new();
	struct chart charts[REPORT_CHARTS];
	struct strbuf out = {0};
	size_t i;

	report_charts(report, charts);
	for (i = 0; i < REPORT_CHARTS; i++) {
		chart_text(&charts[i], 80, false, &out);
		chart_svg(&charts[i], false, &out);
	}
	ck_assert_ptr_nonnull(strstr(out.data, "none"));
	strbuf_clear(&out);
	clear(report, charts);
}
END_TEST

/* --- Charts --- */

static struct chart two_rows(void)
{
	struct chart chart = {.name = "n",
		.title = "A & B",
		.label = "l",
		.unit = "u",
		.series = {"x", "y"},
		.series_count = 2};

	chart_add(&chart, span_of("<one>"))->values[0] = 1000000;
	chart_add(&chart, span_of("t\033wo"))->values[1] = 1;
	return chart;
}

START_TEST(text_fits_and_shows_the_smallest)
{
	struct chart chart = two_rows();
	struct strbuf out = {0};

	chart_text(&chart, 30, false, &out);
	ck_assert_str_eq(out.data, "A & B (u)\n"
				   "  <one>   1,000,000 ██████████  x 1,000,000\n"
				   "  t\\x1bwo         1 █           y 1\n\n");
	strbuf_clear(&out);
	chart_clear(&chart);
}
END_TEST

START_TEST(svg_holds_no_foreign_markup)
{
	struct chart chart = two_rows();
	struct strbuf out = {0};

	chart_svg(&chart, false, &out);
	ck_assert_ptr_null(strstr(out.data, "<one>"));
	ck_assert_ptr_null(strchr(out.data, '\033'));
	ck_assert_ptr_nonnull(strstr(out.data, "A &amp; B"));
	ck_assert_ptr_nonnull(strstr(out.data, "<title>&lt;one>, x: 1,000,000</title>"));
	strbuf_clear(&out);
	chart_clear(&chart);
}
END_TEST

START_TEST(json_has_the_figures)
{
	struct chart chart = two_rows();
	struct strbuf out = {0};

	chart_json(&chart, &out);
	ck_assert_str_eq(out.data, "{\"title\":\"A & B\",\"unit\":\"u\",\"rows\":["
				   "{\"l\":\"<one>\",\"x\":1000000,\"y\":0},"
				   "{\"l\":\"t\\u001bwo\",\"x\":0,\"y\":1}]}");
	strbuf_clear(&out);
	chart_clear(&chart);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tcase = tcase_create("report");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, percentiles_are_never_too_low);
	tcase_add_test(tcase, a_histogram_takes_any_number);
	tcase_add_test(tcase, a_histogram_counts_up_to_a_limit);
	tcase_add_test(tcase, events_are_added_up);
	tcase_add_test(tcase, the_hottest_rows_are_kept);
	tcase_add_test(tcase, too_many_open_transactions_are_told);
	tcase_add_test(tcase, long_times_share_columns);
	tcase_add_test(tcase, nothing_is_a_report_too);
	tcase_add_test(tcase, text_fits_and_shows_the_smallest);
	tcase_add_test(tcase, svg_holds_no_foreign_markup);
	tcase_add_test(tcase, json_has_the_figures);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
