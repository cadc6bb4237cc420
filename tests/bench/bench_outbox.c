/* What the outbox costs an event: the events of captures are pushed, taken in batches and settled;
 * a store in name only, which holds nothing before and takes everything, answers in order.
 *   bench_outbox [--section-option VALUE]... [--once] FILE...
 * A line a file, tab-separated: microseconds an event, events, batches, file. --once: one round and
 * no clock, for counting instructions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_records.h"
#include "config.h"
#include "mapping.h"
#include "outbox.h"
#include "wire.h"

#define IN_FLIGHT 16
/* Records that come between two looks at the answers. */
#define PUSHED_AT_ONCE 128

struct input {
	struct event **events;
	size_t count;
	struct feed **feeds;
	size_t feed_count;
};

struct run {
	struct outbox *outbox;
	struct outbox_work sent[IN_FLIGHT];
	size_t started, ended;
	size_t appended, other;
};

static struct feed *feed_of(struct input *input, const struct record *record)
{
	struct feed *feed;
	size_t i;

	for (i = 0; i < input->feed_count; i++) {
		feed = input->feeds[i];
		if (feed->partition == record->partition && strcmp(feed->topic, record->topic) == 0)
			return feed;
	}
	feed = xcalloc(1, sizeof(*feed));
	*feed = (struct feed){record->topic, "", record->partition};
	input->feeds = xreallocarray(input->feeds, input->feed_count + 1, sizeof(*input->feeds));
	input->feeds[input->feed_count++] = feed;
	return feed;
}

static void map_all(
	struct input *input, struct mapping *mapping, const struct bench_records *records)
{
	struct error error = {0};
	const char *reason;
	size_t i;

	input->events = xcalloc(records->count + 1, sizeof(struct event *));
	for (i = 0; i < records->count; i++) {
		const struct record *record = &records->items[i];
		struct event *event;

		if (mapping_apply(mapping, record, &event, &reason, &error) != MAPPING_EVENT)
			continue;
		event->ticket.feed = feed_of(input, record);
		input->events[input->count++] = event;
	}
}

static void input_clear(struct input *input)
{
	size_t i;

	for (i = 0; i < input->feed_count; i++)
		free(input->feeds[i]);
	free(input->feeds);
	free(input->events);
}

static void settled(void *user, struct event *event, enum settlement how, const char *reason)
{
	struct run *run = user;

	if (how == SETTLED_APPENDED)
		run->appended++;
	else
		run->other++;
	event_free(event);
}

static void answer_oldest(struct run *run)
{
	static const struct outbox_page nothing = {.last_number = -1, .at_start = true};
	const struct outbox_work *work = &run->sent[run->ended++ % IN_FLIGHT];

	if (work->action == OUTBOX_APPEND)
		outbox_append_ended(
			run->outbox, work->stream, APPEND_WRITTEN, work->expected + 1, -1, "", 0);
	else
		outbox_read_ended(run->outbox, work->stream, READ_NO_STREAM, &nothing, "", 0);
}

static void fill_slots(struct run *run)
{
	while (run->started - run->ended < IN_FLIGHT) {
		struct outbox_work *work = &run->sent[run->started % IN_FLIGHT];

		outbox_next(run->outbox, 0, work);
		if (work->action == OUTBOX_NOTHING)
			return;
		run->started++;
	}
}

/* What callgrind is told to count (tests/bench/instructions.sh): its name matters. */
__attribute__((noinline)) static void outbox_all(struct run *run, const struct input *input)
{
	size_t i = 0;

	do {
		size_t end = i + PUSHED_AT_ONCE < input->count ? i + PUSHED_AT_ONCE : input->count;

		while (i < end)
			outbox_push(run->outbox, input->events[i++]);
		fill_slots(run);
		while (run->ended < run->started && (i == input->count || run->ended % IN_FLIGHT)) {
			answer_oldest(run);
			fill_slots(run);
		}
	} while (i < input->count);
}

static bool measure(const struct input *input, bool once, const char *path)
{
	struct run run = {0};
	struct outbox_options options = {.max_batch_events = 500,
		.max_batch_bytes = 1 << 20,
		.max_idle_streams = 100000,
		.settle = settled,
		.user = &run};
	struct outbox_stats stats;
	int64_t from, took;

	run.outbox = outbox_new(&options);
	from = clock_us();
	outbox_all(&run, input);
	took = clock_us() - from;
	outbox_stats(run.outbox, &stats);
	if (!once)
		printf("%.2f\t%zu\t%" PRIu64 "\t%s\n", (double)took / (double)input->count,
			input->count, stats.batches, path);
	outbox_free(run.outbox);
	return run.appended == input->count && run.other == 0;
}

static bool run_file(struct mapping *mapping, const char *path, bool once, struct error *error)
{
	struct bench_records records = {0};
	struct input input = {0};
	bool good = bench_records_read(&records, path, error);

	if (good) {
		map_all(&input, mapping, &records);
		good = input.count > 0 && measure(&input, once, path);
		if (!good)
			error_set(error, ERROR_INPUT, "%s: not every event was appended", path);
	}
	input_clear(&input);
	bench_records_clear(&records);
	return good;
}

int main(int argc, char **argv)
{
	static bool once;
	static const struct flag own[] = {{.name = "once", .on = &once}, {0}};
	struct error error = {0};
	struct config *config = config_load(&argc, argv, own, &error);
	struct mapping *mapping = config ? wire_mapping(config, &error) : NULL;
	int i;

	for (i = 1; mapping && i < argc && run_file(mapping, argv[i], once, &error); i++)
		;
	mapping_free(mapping);
	config_free(config);
	if (error.kind == ERROR_NONE)
		return 0;
	fprintf(stderr, "bench_outbox: %s\n", error.text);
	return 2;
}
