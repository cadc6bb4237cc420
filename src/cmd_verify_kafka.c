/* rowstream verify: what Kafka's records should have become. */
#include "cmd_verify.h"

#include <string.h>

static void add_partitions(struct verify *verify)
{
	size_t count, i;
	const struct kafka_extent *extents =
		kafka_scan_extents(record_walk_scan(verify->walk), &count);
	const struct mapping *mapping = record_walk_mapping(verify->walk);

	verify->beyond = xcalloc(count, sizeof(*verify->beyond));
	for (i = 0; i < count; i++)
		ledger_add(verify->ledger,
			&(struct ledger_partition){.topic = extents[i].topic,
				.generation = mapping_generation(mapping, extents[i].topic),
				.partition = extents[i].partition,
				.low = extents[i].low,
				.high = extents[i].high,
				.committed = extents[i].committed});
}

static bool is_compared(const struct verify *verify, struct span stream)
{
	size_t len;

	if (!verify->table)
		return true;
	len = strlen(verify->table);
	return stream.len > len && stream.ptr[len] == '-' &&
	       memcmp(stream.ptr, verify->table, len) == 0;
}

/* The bridge stops at it; beyond the commit that is still to come. */
static void enter_refused(struct verify *verify, const struct record_step *step)
{
	struct ledger_sums *sums = ledger_sums(verify->ledger, step->extent);
	const struct ledger_partition *partition = ledger_partition(verify->ledger, step->extent);
	int64_t offset = step->record->offset;

	ledger_expect(verify->ledger, step->extent, offset, LEDGER_REFUSED, NULL, false, false);
	if (offset >= partition->committed) {
		sums->behind++;
		return;
	}
	sums->other++;
	verify_find(verify,
		&(struct finding){"refused", SPAN_NULL, -1, step->extent, step->record->offset},
		"committed, but becomes no event: %s", step->why.text);
}

static void enter(struct verify *verify, const struct record_step *step)
{
	const struct event *event = step->event;
	struct fingerprint print;
	int64_t offset = step->record->offset;

	if (step->result == MAPPING_REFUSED) {
		enter_refused(verify, step);
	} else if (step->result == MAPPING_SKIPPED) {
		ledger_expect(
			verify->ledger, step->extent, offset, LEDGER_NONE, NULL, false, false);
	} else if (!is_compared(verify, event->stream)) {
		ledger_expect(
			verify->ledger, step->extent, offset, LEDGER_ELSEWHERE, NULL, false, false);
	} else {
		print = fingerprint_of(&verify->printer, event->stream, span_of(event->id),
			event->type, event->data, event->metadata);
		ledger_expect(verify->ledger, step->extent, offset, LEDGER_EVENT, &print,
			event->op == 'd', event->unless_deleted);
	}
}

static int64_t records_to_read(struct verify *verify)
{
	size_t count, i;
	const struct kafka_extent *extents =
		kafka_scan_extents(record_walk_scan(verify->walk), &count);
	int64_t total = 0;

	for (i = 0; i < count; i++)
		total += extents[i].to - extents[i].from;
	return total;
}

bool verify_enter_records(struct verify *verify, struct error *error)
{
	struct record_step *step;

	add_partitions(verify);
	if (!kafka_scan_start(record_walk_scan(verify->walk), error))
		return false;
	verify_begin(verify, records_to_read(verify));
	while (record_walk_next(verify->walk, &step, error)) {
		verify_count(verify, "records of Kafka");
		enter(verify, step);
	}
	return error->kind == ERROR_NONE;
}
