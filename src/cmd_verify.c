/* rowstream verify: does the store hold what Kafka's records should have become? */
#include "cmd_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "output.h"

#define QUIET_MS 1000
#define BETWEEN_MS 200

static const char *topic, *table;
static bool sums_only, repair;

static const struct flag flags[] = {
	{.name = "topic",
		.value = "TOPIC",
		.meaning = "only this one of source.topics",
		.text = &topic},
	{.name = "table",
		.value = "CATEGORY",
		.meaning = "only this table's streams, by their category",
		.text = &table},
	{.name = "sums",
		.meaning = "no line for each finding, only the sums, in --format",
		.on = &sums_only},
	{.name = "repair",
		.meaning = "append what is missing at the ends of streams",
		.on = &repair},
	READING_FLAGS,
	{.name = NULL},
};

/* --- Findings --- */

static const struct rows_column finding_columns[] = {{"finding", ROWS_TEXT}, {"stream", ROWS_TEXT},
	{"revision", ROWS_NUMBER}, {"topic", ROWS_TEXT}, {"partition", ROWS_NUMBER},
	{"offset", ROWS_NUMBER}, {"text", ROWS_PROSE}};
#define FINDING_COLUMNS (sizeof(finding_columns) / sizeof(finding_columns[0]))

void verify_tell(struct verify *verify, const struct finding *finding, const char *text)
{
	const struct ledger_partition *partition = ledger_partition(verify->ledger, finding->index);
	char revision[24], number[24], offset[24];

	if (sums_only)
		return;
	snprintf(revision, sizeof(revision), "%" PRId64, finding->revision);
	snprintf(number, sizeof(number), "%" PRId32, partition->partition);
	snprintf(offset, sizeof(offset), "%" PRId64, finding->offset);
	if (!verify->reading.rows)
		reading_rows(&verify->reading, finding_columns, FINDING_COLUMNS);
	rows_add(
		verify->reading.rows, (struct span[]){span_of(finding->what), finding->stream,
					      finding->revision < 0 ? SPAN_NULL : span_of(revision),
					      span_of(partition->topic), span_of(number),
					      span_of(offset), span_of(text)});
}

void verify_find(struct verify *verify, const struct finding *finding, const char *format, ...)
{
	struct error text = {0};
	va_list args;

	verify->findings++;
	va_start(args, format);
	error_vset(&text, ERROR_REFUSED, format, args);
	va_end(args);
	verify_tell(verify, finding, text.text);
}

/* --- Progress --- */

void verify_begin(struct verify *verify, int64_t total)
{
	log_progress(NULL);
	verify->read = 0;
	verify->total = total;
	verify->since_ms = clock_ms();
}

void verify_count(struct verify *verify, const char *what)
{
	char text[120];
	int64_t now_ms, rate;

	if (++verify->read % 256 != 0 || !log_is_terminal())
		return;
	now_ms = clock_ms();
	if (now_ms - verify->since_ms < QUIET_MS || now_ms - verify->shown_ms < BETWEEN_MS)
		return;
	verify->shown_ms = now_ms;
	rate = verify->read * 1000 / (now_ms - verify->since_ms);
	if (verify->total > 0)
		snprintf(text, sizeof(text), "%" PRId64 " of %" PRId64 " %s, %" PRId64 "/s",
			verify->read, verify->total, what, rate);
	else
		snprintf(text, sizeof(text), "%" PRId64 " %s, %" PRId64 "/s", verify->read, what,
			rate);
	log_progress(text);
}

/* --- Sums --- */

static const struct rows_column sum_columns[] = {{"topic", ROWS_TEXT}, {"records", ROWS_NUMBER},
	{"same", ROWS_NUMBER}, {"missing", ROWS_NUMBER}, {"doubled", ROWS_NUMBER},
	{"out_of_order", ROWS_NUMBER}, {"different", ROWS_NUMBER}, {"other", ROWS_NUMBER},
	{"behind", ROWS_NUMBER}, {"no_event", ROWS_NUMBER}, {"removed", ROWS_NUMBER},
	{"older", ROWS_NUMBER}, {"repaired", ROWS_NUMBER}};
#define SUM_COLUMNS (sizeof(sum_columns) / sizeof(sum_columns[0]))

static void add_sums(struct ledger_sums *to, const struct ledger_sums *from)
{
	to->records += from->records;
	to->same += from->same;
	to->missing += from->missing;
	to->doubled += from->doubled;
	to->disordered += from->disordered;
	to->different += from->different;
	to->other += from->other;
	to->behind += from->behind;
	to->skipped += from->skipped;
	to->none += from->none;
	to->removed += from->removed;
	to->older += from->older;
	to->elsewhere += from->elsewhere;
	to->repaired += from->repaired;
}

static void print_sums(struct rows *rows, const char *name, const struct ledger_sums *sums)
{
	const int64_t numbers[SUM_COLUMNS - 1] = {sums->records - sums->elsewhere, sums->same,
		sums->missing, sums->doubled, sums->disordered, sums->different, sums->other,
		sums->behind, sums->none + sums->skipped, sums->removed, sums->older,
		sums->repaired};
	char texts[SUM_COLUMNS - 1][24];
	struct span cells[SUM_COLUMNS] = {span_of(name)};
	size_t i;

	for (i = 0; i < SUM_COLUMNS - 1; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%" PRId64, numbers[i]);
		cells[i + 1] = span_of(texts[i]);
	}
	rows_add(rows, cells);
}

/* One line a topic; the partitions stand topic by topic. */
static void tell_sums(struct verify *verify)
{
	struct ledger_sums sums = {0};
	size_t i, count = ledger_count(verify->ledger);

	if (verify->reading.rows) {
		rows_end(verify->reading.rows);
		fputc('\n', output_file(verify->reading.output));
	}
	reading_rows(&verify->reading, sum_columns, repair ? SUM_COLUMNS : SUM_COLUMNS - 1);
	for (i = 0; i < count; i++) {
		const char *name = ledger_partition(verify->ledger, i)->topic;

		add_sums(&sums, ledger_sums(verify->ledger, i));
		if (i + 1 < count &&
			strcmp(name, ledger_partition(verify->ledger, i + 1)->topic) == 0)
			continue;
		print_sums(verify->reading.rows, name, &sums);
		sums = (struct ledger_sums){0};
	}
}

static void tell_end(struct verify *verify)
{
	struct ledger_sums sums = {0};
	size_t i, bare = 0;

	for (i = 0; i < ledger_count(verify->ledger); i++) {
		add_sums(&sums, ledger_sums(verify->ledger, i));
		bare += ledger_partition(verify->ledger, i)->committed < 0;
	}
	if (bare)
		log_text(LOG_WARN,
			"partitions without a committed offset of this group: %zu; what their "
			"streams lack at the end is 'behind', not missing",
			bare);
	if (sums.removed)
		log_text(LOG_WARN,
			"%" PRId64 " events were cut off in the store, or their streams deleted",
			sums.removed);
	if (verify->deletions)
		log_text(LOG_WARN,
			"streams were deleted in the store, %" PRId64
			" times; $all holds their events until a scavenge, and they were compared "
			"there: --table reads what the streams hold",
			verify->deletions);
	if (sums.repaired)
		log_text(LOG_INFO, "%" PRId64 " events were appended", sums.repaired);
	if (verify->foreign)
		log_text(LOG_INFO, "%" PRId64 " events of the store were not written by rowstream",
			verify->foreign);
	log_text(LOG_INFO,
		"%" PRId64 " records compared: %" PRId64 " same, %" PRId64
		" not there yet, %" PRId64 " findings",
		sums.records - sums.elsewhere, sums.same, sums.behind, verify->findings);
}

/* --- The group --- */

static bool read_group(struct verify *verify, struct error *error)
{
	const char *id = config_property(verify->reading.config, "group.id");
	const struct stored_event *event;
	struct strbuf name = {0};
	struct reader *reader;

	group_stream(id ? id : "rowstream", &name);
	reader = reader_open(verify->reading.store,
		&(struct reader_options){.stream = name.data, .backward = true});
	while (reader_next(reader, &event, error) == READER_EVENT)
		group_note(&verify->group, event);
	if (reader_outcome(reader) == READ_NO_STREAM) {
		error_clear(error);
		log_text(LOG_WARN,
			"there is no stream %s: no bridge of this group has written to this store",
			name.data);
	}
	reader_close(reader);
	strbuf_clear(&name);
	return error->kind == ERROR_NONE;
}

/* By other rules all that was written would look wrong. */
static bool has_same_mapping(struct verify *verify, struct error *error)
{
	char *description = mapping_describe(record_walk_mapping(verify->walk));
	struct strbuf difference = {0};

	if (verify->group.mapping)
		group_difference(verify->group.mapping, description, &difference);
	if (difference.len)
		error_set(error, ERROR_INPUT,
			"the mapping differs from the one that this group has written with: "
			"%.600s; "
			"give verify the bridge's own configuration",
			difference.data);
	else if (verify->group.mappings > 1)
		log_text(LOG_WARN, "the group's mapping was changed: what was written before that "
				   "may be found different");
	strbuf_clear(&difference);
	free(description);
	return error->kind == ERROR_NONE;
}

/* --- */

static bool compare(struct verify *verify, struct error *error)
{
	verify->walk = record_walk_open(verify->reading.config, topic, error);
	if (!verify->walk || !read_group(verify, error) || !has_same_mapping(verify, error))
		return false;
	record_walk_skips(verify->walk, &verify->group);
	if (repair && !verify_repair_open(verify, error))
		return false;
	if (verify->reading.format != ROWS_TABLE && !sums_only)
		reading_rows(&verify->reading, finding_columns, FINDING_COLUMNS);
	return verify_enter_records(verify, error) && verify_read_store(verify, error) &&
	       verify_tell_missing(verify, error);
}

static void clear(struct verify *verify)
{
	size_t i;

	for (i = 0; verify->beyond && i < ledger_count(verify->ledger); i++)
		free(verify->beyond[i].stream);
	free(verify->beyond);
	verify_repair_close(verify);
	ledger_free(verify->ledger);
	record_walk_close(verify->walk);
	group_clear(&verify->group);
	fingerprinter_clear(&verify->printer);
	readback_clear(&verify->readback);
}

static int run(int argc, char **argv)
{
	struct verify verify = {.ledger = ledger_new()};
	struct error error = {0};
	int code;

	if (!reading_start(&verify.reading, &cmd_verify, &argc, argv, &code)) {
		ledger_free(verify.ledger);
		return code;
	}
	verify.table = table;
	if (compare(&verify, &error)) {
		log_progress(NULL);
		if (sums_only || verify.reading.format == ROWS_TABLE)
			tell_sums(&verify);
		tell_end(&verify);
	}
	code = verify.findings ? EXIT_REFUSED : EXIT_DONE;
	clear(&verify);
	return reading_end(&verify.reading, &error, code);
}

const struct command cmd_verify = {
	.name = "verify",
	.summary = "compare what Kafka still holds with what the streams hold",
	.usage = "[--topic TOPIC] [--table CATEGORY] [--sums] [--repair]\n"
		 "Reads the topics from their beginning to their present end, makes of each record "
		 "what 'run' makes of it, reads the streams, and prints a line for each event that "
		 "is missing, doubled, out of order or different, then sums by topic. Nothing is "
		 "changed, the consumer group is not joined, bridges may run meanwhile.\n"
		 "\n"
		 "Not findings: records beyond the group's committed offset (behind), events whose "
		 "records Kafka does not hold any more (older), events that were cut off or whose "
		 "streams were deleted in the store (removed).\n"
		 "\n"
		 "--repair appends what is missing at the ends of streams, as 'run' would have, at "
		 "explicit versions; never in the middle. It refuses while the group has members.\n"
		 "\n"
		 "Exit code: 0 nothing found (or all of it repaired), 1 something found, 2 wrong "
		 "usage or configuration, 3 Kafka or the store could not be read.\n"
		 "\n"
		 "  rowstream verify\n"
		 "  rowstream verify --table customers --format jsonl\n"
		 "  rowstream verify --sums --format csv\n"
		 "  rowstream verify --table customers --repair",
	.run = run,
	.flags = flags,
	.max_arguments = 0,
};
