/* Adds events up and makes charts of the sums. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "histogram.h"
#include "table.h"
#include "timestamp.h"

#define HOUR_MS INT64_C(3600000)
#define HOTTEST 10
#define SIZES 42 /* buckets of rows per transaction */
#define CHURN_TABLES (CHART_SERIES - 1)
#define CHURN_COLUMNS 72

enum op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_SNAPSHOT, OP_TRUNCATE, OP_OTHER, OPS };

static const char *const op_names[OPS] = {
	"insert", "update", "delete", "snapshot", "truncate", "other"};

struct table_sums {
	char *name;
	int64_t ops[OPS], total;
	size_t index; /* of churn's counts */
};

struct transaction {
	TAILQ_ENTRY(transaction) entry; /* the one that was silent the longest first */
	int64_t rows;
	size_t id_len;
	char id[];
};

struct hour {
	int64_t start_ms;
	int64_t *counts; /* of each table, as far as there were tables when it grew */
	size_t size;
};

struct hot_row {
	char *stream;
	int64_t events;
};

struct report {
	struct report_figures figures;
	struct table tables; /* name -> struct table_sums */
	struct table_sums **by_index;
	size_t table_count;
	struct table open; /* id -> struct transaction */
	TAILQ_HEAD(, transaction) silent;
	int64_t sizes[SIZES];
	struct table hours; /* start_ms's bytes -> struct hour */
	struct hot_row hottest[HOTTEST + 1];
	size_t hot_count;
	struct histogram to_kafka, to_store;
};

struct report *report_new(void)
{
	struct report *report = xcalloc(1, sizeof(*report));

	TAILQ_INIT(&report->silent);
	report->figures.first_ms = report->figures.last_ms = -1;
	return report;
}

static void free_tables(struct report *report)
{
	size_t i;

	for (i = 0; i < report->table_count; i++) {
		free(report->by_index[i]->name);
		free(report->by_index[i]);
	}
	free(report->by_index);
	table_clear(&report->tables);
}

static void free_hours(struct report *report)
{
	size_t at = 0;
	struct hour *hour;

	while ((hour = table_next(&report->hours, &at))) {
		free(hour->counts);
		free(hour);
	}
	table_clear(&report->hours);
}

void report_free(struct report *report)
{
	struct transaction *transaction;
	size_t i;

	if (!report)
		return;
	while ((transaction = TAILQ_FIRST(&report->silent))) {
		TAILQ_REMOVE(&report->silent, transaction, entry);
		free(transaction);
	}
	table_clear(&report->open);
	free_tables(report);
	free_hours(report);
	for (i = 0; i < report->hot_count; i++)
		free(report->hottest[i].stream);
	free(report);
}

/* --- Adding up --- */

static enum op op_of(const struct row_event *event)
{
	switch (event->seen.op) {
	case 'c':
	case 'i':
		return OP_INSERT;
	case 'u':
		return OP_UPDATE;
	case 'd':
		return OP_DELETE;
	case 'r':
		return OP_SNAPSHOT;
	case 't':
		return OP_TRUNCATE;
	default:
		return OP_OTHER;
	}
}

static struct table_sums *sums_of(struct report *report, const struct row_event *event)
{
	struct span name = event->seen.table.ptr ? event->seen.table : span_of("(no table)");
	struct table_sums *sums = table_get(&report->tables, name);

	if (sums)
		return sums;
	sums = xcalloc(1, sizeof(*sums));
	sums->name = xstrndup(name.ptr, name.len);
	sums->index = report->table_count;
	report->by_index = xreallocarray(
		report->by_index, report->table_count + 1, sizeof(struct table_sums *));
	report->by_index[report->table_count++] = sums;
	table_put(&report->tables, span_of(sums->name), sums);
	return sums;
}

/* 1, 2, 3 to 4, 5 to 8, … */
static size_t size_bucket(int64_t rows)
{
	size_t bucket = 0;

	while (bucket + 1 < SIZES && (INT64_C(1) << bucket) < rows)
		bucket++;
	return bucket;
}

static void end_transaction(struct report *report, struct transaction *transaction)
{
	report->sizes[size_bucket(transaction->rows)]++;
	report->figures.transactions++;
	table_remove(&report->open, (struct span){transaction->id, transaction->id_len});
	TAILQ_REMOVE(&report->silent, transaction, entry);
	free(transaction);
}

static struct transaction *begin_transaction(struct report *report, struct span id)
{
	struct transaction *transaction = xcalloc(1, sizeof(*transaction) + id.len);

	if (report->open.count == REPORT_OPEN_TRANSACTIONS) {
		report->figures.cut_transactions++;
		end_transaction(report, TAILQ_FIRST(&report->silent));
	}
	transaction->id_len = id.len;
	memcpy(transaction->id, id.ptr, id.len);
	table_put(&report->open, (struct span){transaction->id, id.len}, transaction);
	TAILQ_INSERT_TAIL(&report->silent, transaction, entry);
	return transaction;
}

static void add_transaction(struct report *report, const struct row_event *event)
{
	struct transaction *transaction;

	if (!event->correlation.ptr || !event->is_row || event->snapshot)
		return;
	transaction = table_get(&report->open, event->correlation);
	if (!transaction)
		transaction = begin_transaction(report, event->correlation);
	transaction->rows++;
	TAILQ_REMOVE(&report->silent, transaction, entry);
	TAILQ_INSERT_TAIL(&report->silent, transaction, entry);
}

static struct hour *hour_of(struct report *report, int64_t ts_ms)
{
	int64_t start_ms = ts_ms - ts_ms % HOUR_MS;
	struct hour *hour =
		table_get(&report->hours, (struct span){(const char *)&start_ms, sizeof(start_ms)});

	if (hour)
		return hour;
	hour = xcalloc(1, sizeof(*hour));
	hour->start_ms = start_ms;
	table_put(&report->hours,
		(struct span){(const char *)&hour->start_ms, sizeof(hour->start_ms)}, hour);
	return hour;
}

static void add_churn(struct report *report, const struct table_sums *sums, int64_t ts_ms)
{
	struct hour *hour = hour_of(report, ts_ms);

	if (hour->size <= sums->index) {
		hour->counts =
			xreallocarray(hour->counts, report->table_count, sizeof(*hour->counts));
		memset(hour->counts + hour->size, 0,
			(report->table_count - hour->size) * sizeof(*hour->counts));
		hour->size = report->table_count;
	}
	hour->counts[sums->index]++;
}

/* A stream's events number without a gap, so the revision says how many there were. The list is
 * kept with the hottest first. */
static void add_hot(struct report *report, const struct row_event *event)
{
	struct hot_row *rows = report->hottest, row;
	int64_t events = event->revision + 1;
	size_t i;

	if (report->hot_count == HOTTEST && events <= rows[HOTTEST - 1].events)
		return;
	for (i = 0; i < report->hot_count && !span_is(event->stream, rows[i].stream); i++)
		;
	if (i == report->hot_count) {
		rows[i].stream = xstrndup(event->stream.ptr, event->stream.len);
		report->hot_count++;
	}
	rows[i].events = events;
	for (; i > 0 && rows[i - 1].events < rows[i].events; i--) {
		row = rows[i];
		rows[i] = rows[i - 1];
		rows[i - 1] = row;
	}
	if (report->hot_count > HOTTEST)
		free(rows[--report->hot_count].stream);
}

static void add_latency(struct report *report, const struct row_event *event)
{
	int64_t stored_ms;

	if (event->seen.kafka_ts >= 0)
		histogram_add(&report->to_kafka, event->seen.kafka_ts - event->ts_ms);
	if (event->updated.ptr && timestamp_parse(event->updated, &stored_ms))
		histogram_add(&report->to_store, stored_ms - event->ts_ms);
}

static void add_time(struct report_figures *figures, int64_t ts_ms)
{
	if (figures->first_ms < 0 || ts_ms < figures->first_ms)
		figures->first_ms = ts_ms;
	if (ts_ms > figures->last_ms)
		figures->last_ms = ts_ms;
}

void report_add(struct report *report, const struct row_event *event)
{
	struct table_sums *sums;

	if (!event->seen.ours) {
		report->figures.foreign++;
		return;
	}
	report->figures.events++;
	sums = sums_of(report, event);
	sums->ops[op_of(event)]++;
	sums->total++;
	add_transaction(report, event);
	if (event->is_row)
		add_hot(report, event);
	/* A snapshot reads rows at one moment: that is no churn and no delay. */
	if (event->ts_ms < 0 || event->snapshot)
		return;
	add_time(&report->figures, event->ts_ms);
	add_churn(report, sums, event->ts_ms);
	add_latency(report, event);
}

struct report_figures report_figures(const struct report *report)
{
	return report->figures;
}

/* --- Charts --- */

static int by_total(const void *a, const void *b)
{
	const struct table_sums *x = *(const struct table_sums *const *)a;
	const struct table_sums *y = *(const struct table_sums *const *)b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* The tables, the busiest first; the caller frees the array. */
static struct table_sums **busiest(const struct report *report)
{
	struct table_sums **sorted = xcalloc(report->table_count + 1, sizeof(struct table_sums *));

	if (report->table_count) {
		memcpy(sorted, report->by_index, report->table_count * sizeof(struct table_sums *));
		qsort(sorted, report->table_count, sizeof(struct table_sums *), by_total);
	}
	return sorted;
}

static void chart_operations(
	const struct report *report, struct table_sums *const *sorted, struct chart *chart)
{
	struct chart_row *row;
	size_t i;

	*chart = (struct chart){.name = "operations",
		.title = "Operations by table",
		.label = "table",
		.unit = "events",
		.series_count = OPS};
	memcpy(chart->series, op_names, sizeof(op_names));
	for (i = 0; i < report->table_count; i++) {
		row = chart_add(chart, span_of(sorted[i]->name));
		memcpy(row->values, sorted[i]->ops, sizeof(sorted[i]->ops));
	}
}

static void chart_transactions(struct report *report, struct chart *chart)
{
	size_t i, last = 0;
	char label[64];

	while (!TAILQ_EMPTY(&report->silent))
		end_transaction(report, TAILQ_FIRST(&report->silent));
	*chart = (struct chart){.name = "transactions",
		.title = "Rows per transaction",
		.label = "rows",
		.unit = "transactions",
		.series = {"transactions"},
		.series_count = 1};
	if (report->figures.cut_transactions)
		chart->note = "more transactions were open at once than are kept: some count twice";
	for (i = 0; i < SIZES; i++)
		if (report->sizes[i])
			last = i + 1;
	for (i = 0; i < last; i++) {
		if (i < 2)
			snprintf(label, sizeof(label), "%zu", i + 1);
		else
			snprintf(label, sizeof(label), "%" PRId64 " to %" PRId64,
				(INT64_C(1) << (i - 1)) + 1, INT64_C(1) << i);
		chart_add(chart, span_of(label))->values[0] = report->sizes[i];
	}
}

/* Hours in a column, so that there are not more columns than can be seen. */
static int64_t column_hours(int64_t hours)
{
	static const int64_t steps[] = {1, 3, 6, 12, 24, 168, 720};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (hours / steps[i] < CHURN_COLUMNS)
			return steps[i];
	return 8760;
}

static void add_to_column(const struct report *report, struct table_sums *const *sorted,
	const struct hour *hour, struct chart_row *row)
{
	size_t i, series;
	int64_t count;

	for (i = 0; i < report->table_count; i++) {
		count = sorted[i]->index < hour->size ? hour->counts[sorted[i]->index] : 0;
		series = i < CHURN_TABLES ? i : CHURN_TABLES;
		row->values[series] += count;
	}
}

static void add_columns(struct chart *chart, int64_t first_ms, int64_t last_ms, int64_t step_ms)
{
	char label[TIMESTAMP_BYTES];

	for (; first_ms <= last_ms; first_ms += step_ms) {
		timestamp_format(first_ms, label);
		label[step_ms < 24 * HOUR_MS ? 16 : 10] = '\0'; /* minutes, or the day */
		if (label[10])
			label[10] = ' ';
		chart_add(chart, span_of(label));
	}
}

static void chart_churn(
	const struct report *report, struct table_sums *const *sorted, struct chart *chart)
{
	static const char *const titles[] = {"Changes per hour", "Changes in time"};
	int64_t first_ms = report->figures.first_ms, step_ms;
	size_t i, at = 0;
	const struct hour *hour;

	*chart = (struct chart){.name = "churn",
		.title = titles[0],
		.label = "time",
		.unit = "changes",
		.in_time = true,
		.series = {"changes"},
		.series_count = 1};
	if (first_ms < 0)
		return;
	first_ms -= first_ms % HOUR_MS;
	step_ms = HOUR_MS * column_hours((report->figures.last_ms - first_ms) / HOUR_MS);
	chart->title = titles[step_ms > HOUR_MS];
	for (i = 0; i < report->table_count && i < CHURN_TABLES; i++)
		chart->series[i] = sorted[i]->name;
	if (report->table_count > CHURN_TABLES)
		chart->series[i++] = "others";
	chart->series_count = i;
	add_columns(chart, first_ms, report->figures.last_ms, step_ms);
	while ((hour = table_next(&report->hours, &at)))
		add_to_column(
			report, sorted, hour, &chart->rows[(hour->start_ms - first_ms) / step_ms]);
}

static void chart_hottest(const struct report *report, struct chart *chart)
{
	size_t i;

	*chart = (struct chart){.name = "hottest",
		.title = "Hottest rows",
		.label = "stream",
		.unit = "events",
		.series = {"events"},
		.series_count = 1};
	for (i = 0; i < report->hot_count; i++)
		chart_add(chart, span_of(report->hottest[i].stream))->values[0] =
			report->hottest[i].events;
}

static void add_percentiles(struct chart *chart, const char *way, const struct histogram *histogram)
{
	static const double percents[] = {50, 90, 99, 99.9, 100};
	char label[64];
	size_t i;

	for (i = 0; i < sizeof(percents) / sizeof(percents[0]) && histogram->count; i++) {
		snprintf(label, sizeof(label), "%s, %g %%", way, percents[i]);
		chart_add(chart, span_of(label))->values[0] =
			histogram_percentile(histogram, percents[i]);
	}
}

static void chart_latency(const struct report *report, struct chart *chart)
{
	*chart = (struct chart){.name = "latency",
		.title = "Delay of changes: so many took at most",
		.label = "way",
		.unit = "ms",
		.note = "from the commit's time in the database (its clock), snapshots left out",
		.series = {"ms"},
		.series_count = 1};
	add_percentiles(chart, "database to Kafka", &report->to_kafka);
	add_percentiles(chart, "database to store", &report->to_store);
}

void report_charts(struct report *report, struct chart charts[REPORT_CHARTS])
{
	struct table_sums **sorted = busiest(report);

	chart_operations(report, sorted, &charts[0]);
	chart_transactions(report, &charts[1]);
	chart_churn(report, sorted, &charts[2]);
	chart_hottest(report, &charts[3]);
	chart_latency(report, &charts[4]);
	free(sorted);
}
