/* The append protocol in random runs: two instances, two partitions, lost answers, crashes;
 * compared to an oracle. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox_bridge.h"

#define ROWS 6
#define RECORDS 60

struct flight {
	struct outbox_work work;
	char name[64];
	int bridge;
	unsigned epoch; /* of the bridge: answers to a crashed one reach nobody */
	bool executed;
	enum append_outcome outcome;
	int64_t first, current;
	struct span bodies[8];
};

struct instance {
	struct bridge bridge;
	struct feed feeds[2];
	bool owns[2];
	int64_t next[2]; /* offset to deliver */
	unsigned epoch;
};

struct world {
	struct fake_store store;
	struct instance instances[2];
	int64_t committed[2];
	struct flight flights[8];
	size_t flight_count;
	unsigned seed;
	uint64_t lost_after, crashes, moved, zombies;
};

static unsigned dice(struct world *world, unsigned sides)
{
	return (unsigned)rand_r(&world->seed) % sides;
}

/* Row r lives in partition r % 2, but the last row is fed by both. */
static const char *row_of(int partition, int64_t offset)
{
	static const char *const names[] = {"t-0", "t-1", "t-2", "t-3", "t-4", "t-5"};
	unsigned mixed = (unsigned)offset * 2654435761u;

	if (mixed % 5 == 0)
		return names[ROWS - 1];
	return names[(mixed >> 8) % 2 * 2 + (unsigned)partition];
}

static char op_of(int64_t offset)
{
	return offset % 11 == 0 ? 'c' : offset % 7 == 0 ? 'd' : 'u';
}

static void open_instance(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	struct outbox_options options = bridge_options;
	int p;

	options.seed = world->seed;
	bridge_open(&instance->bridge, &options);
	for (p = 0; p < 2; p++)
		instance->feeds[p] =
			(struct feed){.topic = "s.t", .generation = "", .partition = p};
	instance->owns[0] = instance->owns[1] = false;
	instance->epoch++;
}

static void assign(struct world *world, int which, int partition)
{
	struct instance *instance = &world->instances[which];

	/* A zombie learns that it had lost the partition before it gets it again. */
	outbox_drop(instance->bridge.outbox, &instance->feeds[partition], true);
	outbox_forget(instance->bridge.outbox, &instance->feeds[partition]);
	instance->owns[partition] = true;
	instance->next[partition] = world->committed[partition];
}

/* Everything settled up to here, without a gap. Only an owner commits: Kafka fences the others. */
static void commit(struct world *world)
{
	int i, p;

	for (i = 0; i < 2; i++)
		for (p = 0; p < 2; p++) {
			struct instance *instance = &world->instances[i];
			int64_t at = world->committed[p];
			size_t k;
			bool again = true;

			if (!instance->owns[p])
				continue;
			while (again)
				for (again = false, k = 0; k < instance->bridge.count; k++) {
					struct settled *s = &instance->bridge.settled[k];

					if (s->feed == &instance->feeds[p] && s->offset == at &&
						s->how != SETTLED_DROPPED) {
						at++;
						again = true;
						break;
					}
				}
			world->committed[p] = at;
		}
}

static void crash(struct world *world, int which)
{
	world->crashes++;
	bridge_close(&world->instances[which].bridge);
	open_instance(world, which);
}

/* The partition moves; half of the time the old owner does not notice and stays a zombie. */
static void rebalance(struct world *world, int partition)
{
	int from = world->instances[0].owns[partition] ? 0 : 1;
	struct instance *old = &world->instances[from];

	world->moved++;
	if (!old->owns[partition]) {
		assign(world, (int)dice(world, 2), partition);
		return;
	}
	old->owns[partition] = false;
	if (dice(world, 2)) {
		outbox_drop(old->bridge.outbox, &old->feeds[partition], true);
		outbox_forget(old->bridge.outbox, &old->feeds[partition]);
	} else {
		world->zombies++;
	}
	assign(world, 1 - from, partition);
}

static void deliver(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	int p = (int)dice(world, 2);
	int64_t offset = instance->next[p];

	if (!instance->owns[p] || offset >= RECORDS)
		return;
	instance->next[p]++;
	bridge_push(
		&instance->bridge, &instance->feeds[p], row_of(p, offset), offset, op_of(offset));
}

static void send(struct world *world, int which)
{
	struct instance *instance = &world->instances[which];
	struct flight *flight = &world->flights[world->flight_count];
	struct outbox_work *work = &flight->work;
	size_t i;

	if (world->flight_count == 8)
		return;
	*flight = (struct flight){.bridge = which, .epoch = instance->epoch};
	outbox_next(instance->bridge.outbox, instance->bridge.now_ms, work);
	if (work->action == OUTBOX_NOTHING)
		return;
	snprintf(flight->name, sizeof(flight->name), "%.*s", SPAN_ARG(work->name));
	work->name = span_of(flight->name);
	for (i = 0; work->action == OUTBOX_APPEND && i < work->count; i++)
		flight->bodies[i] = (struct span){
			xstrndup(work->bodies[i].ptr, work->bodies[i].len), work->bodies[i].len};
	work->bodies = flight->bodies;
	world->flight_count++;
}

static void answer_append(struct world *world, struct flight *flight, struct bridge *bridge)
{
	int64_t now_ms = bridge->now_ms;

	if (dice(world, 4) == 0) {
		world->lost_after += flight->executed;
		outbox_append_ended(bridge->outbox, flight->work.stream, APPEND_UNKNOWN, -1, -1,
			"lost", now_ms);
		/* The request may still be on its way and be executed later: 20.10 does that. */
		return;
	}
	if (!flight->executed)
		flight->outcome =
			fake_append(&world->store, &flight->work, &flight->first, &flight->current);
	flight->executed = true;
	outbox_append_ended(bridge->outbox, flight->work.stream, flight->outcome, flight->first,
		flight->current, "", now_ms);
}

static void answer_other(struct world *world, struct flight *flight, struct bridge *bridge)
{
	struct stored_event events[BRIDGE_PAGE];
	struct outbox_page page = {0};
	enum read_outcome outcome = READ_FAILED;

	if (flight->work.action == OUTBOX_PROBE) {
		outbox_probed(bridge->outbox, dice(world, 2), "", bridge->now_ms);
		return;
	}
	if (dice(world, 5))
		outcome = fake_read(&world->store, &flight->work, &page, events, BRIDGE_PAGE);
	outbox_read_ended(
		bridge->outbox, flight->work.stream, outcome, &page, "lost", bridge->now_ms);
}

static void land(struct world *world, size_t at)
{
	struct flight flight = world->flights[at];
	struct instance *instance = &world->instances[flight.bridge];
	bool reaches = flight.epoch == instance->epoch;
	size_t i;

	world->flights[at] = world->flights[--world->flight_count];
	flight.work.bodies = flight.bodies;
	flight.work.name = span_of(flight.name);
	if (reaches && flight.work.action == OUTBOX_APPEND)
		answer_append(world, &flight, &instance->bridge);
	else if (reaches)
		answer_other(world, &flight, &instance->bridge);
	/* Sent by a crashed bridge, or answered as lost: it may still be written, or never. */
	if (flight.work.action == OUTBOX_APPEND) {
		if (!flight.executed && dice(world, 2))
			fake_append(&world->store, &flight.work, &flight.first, &flight.current);
		for (i = 0; i < flight.work.count; i++)
			free((char *)flight.bodies[i].ptr);
	}
}

static void happen(struct world *world, bool faults)
{
	int which = (int)dice(world, 2);
	struct instance *instance = &world->instances[which];
	unsigned what = dice(world, faults ? 100 : 90);

	instance->bridge.now_ms += dice(world, 100);
	if (what < 30) {
		deliver(world, which);
	} else if (what < 60) {
		send(world, which);
	} else if (what < 88) {
		if (world->flight_count > 0) {
			size_t at = dice(world, (unsigned)world->flight_count);

			/* Executed at once, answered later: a zombie's append can come between. */
			if (!world->flights[at].executed &&
				world->flights[at].work.action == OUTBOX_APPEND && dice(world, 2)) {
				struct flight *flight = &world->flights[at];

				flight->work.bodies = flight->bodies;
				flight->work.name = span_of(flight->name);
				flight->outcome = fake_append(&world->store, &flight->work,
					&flight->first, &flight->current);
				flight->executed = true;
			} else {
				land(world, at);
			}
		}
	} else if (what < 90) {
		commit(world);
	} else if (what < 92) {
		crash(world, which);
	} else if (what < 95) {
		rebalance(world, (int)dice(world, 2));
	}
}

/* Each partition's events once each, in offset order, every one of them. */
static void compare_to_oracle(struct world *world, unsigned seed)
{
	int64_t expected_next[ROWS][2] = {{0}};
	size_t found = 0;
	int row;

	for (row = 0; row < ROWS; row++) {
		char name[16];
		struct fake_stream *stream;
		size_t i;

		snprintf(name, sizeof(name), "t-%d", row);
		stream = fake_stream(&world->store, span_of(name));
		for (i = 0; i < stream->count; i++) {
			const struct js_doc *doc = &stream->events[i].doc;
			uint32_t metadata = js_member(doc, 0, "metadata");
			int64_t p = -1, offset = -1;

			span_to_int64(js_text(doc, js_member(doc, metadata, "partition")), &p);
			span_to_int64(js_text(doc, js_member(doc, metadata, "offset")), &offset);
			ck_assert_msg(offset >= expected_next[row][p],
				"seed %u: %s has %" PRId64 " of partition %" PRId64
				" twice or out of order",
				seed, name, offset, p);
			ck_assert_str_eq(row_of((int)p, offset), name);
			expected_next[row][p] = offset + 1;
			found++;
		}
	}
	ck_assert_msg(found == 2 * RECORDS, "seed %u: %zu events instead of %d", seed, found,
		2 * RECORDS);
}

START_TEST(random_runs_leave_every_event_once_and_in_order)
{
	static uint64_t lost_after, crashes, moved, zombies;
	unsigned seed, first = (unsigned)_i * 200 + 1;

	for (seed = first; seed < first + 200; seed++) {
		struct world world = {.seed = seed};
		int i;

		open_instance(&world, 0);
		open_instance(&world, 1);
		for (i = 0; i < 3000; i++)
			happen(&world, true);
		/* The faults stop; each partition has an owner again. */
		for (i = 0; i < 2; i++)
			if (!world.instances[0].owns[i] && !world.instances[1].owns[i])
				assign(&world, 0, i);
		for (i = 0;
			i < 400000 && (world.committed[0] < RECORDS ||
					      world.committed[1] < RECORDS || world.flight_count);
			i++)
			happen(&world, false);
		ck_assert_msg(world.committed[0] == RECORDS && world.committed[1] == RECORDS,
			"seed %u: no progress, committed %" PRId64 " and %" PRId64, seed,
			world.committed[0], world.committed[1]);
		for (i = 0; i < 2; i++)
			ck_assert_msg(!outbox_error(world.instances[i].bridge.outbox) &&
					      bridge_settled_as(&world.instances[i].bridge,
						      SETTLED_REFUSED) == 0,
				"seed %u: refused", seed);
		compare_to_oracle(&world, seed);
		lost_after += world.lost_after;
		crashes += world.crashes;
		moved += world.moved;
		zombies += world.zombies;
		for (i = 0; i < 2; i++)
			bridge_close(&world.instances[i].bridge);
		while (world.flight_count > 0)
			land(&world, 0);
		fake_clear(&world.store);
	}
	/* A campaign whose faults never hit proves nothing. */
	ck_assert(lost_after > 0 && crashes > 0 && moved > 0 && zombies > 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox_random");
	TCase *random = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(random, random_runs_leave_every_event_once_and_in_order, 0, 5);
	tcase_set_timeout(random, 120);
	suite_add_tcase(suite, random);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
