/* rowstream verify --repair: missing tails are appended as `run` appends: by the outbox, which
 * reads a stream back before it appends to it, with explicit expected versions. */
#include "cmd_verify.h"

#include <inttypes.h>
#include <stdlib.h>

#include "eventstore.h"
#include "log.h"
#include "outbox.h"
#include "wire.h"

#define TURN_MS 1000
/* A bridge waits for a store without end; a person does not. */
#define PATIENCE_MS 15000
#define REMEMBERED_STREAMS 1000

/* Its event half comes first: a ticket's feed is this. */
struct repair_feed {
	struct feed feed;
	size_t index; /* of the partition */
};

struct repair {
	struct verify *verify;
	struct eventstore *store; /* of its own: appends are in flight while streams are asked */
	struct outbox *outbox;
	struct repair_feed *feeds; /* one a partition */
	size_t pending;
	int64_t answered_ms; /* when something was settled last */
	char failure[256];
};

static void settle(void *user, struct event *event, enum settlement how, const char *reason)
{
	struct repair *repair = user;
	struct verify *verify = repair->verify;
	const struct repair_feed *feed = (const struct repair_feed *)event->ticket.feed;
	struct ledger_sums *sums = ledger_sums(verify->ledger, feed->index);
	struct finding finding = {"missing", event->stream, -1, feed->index, event->offset};

	repair->pending--;
	repair->answered_ms = clock_ms();
	switch (how) {
	case SETTLED_APPENDED:
	case SETTLED_DUPLICATE:
		finding.what = "repaired";
		sums->repaired++;
		verify_tell(verify, &finding,
			how == SETTLED_APPENDED ? "was missing, is appended"
						: "was missing, and is there now");
		break;
	case SETTLED_SKIPPED:
		sums->skipped++;
		break;
	default:
		sums->missing++;
		verify_find(verify, &finding, "not repaired: %s",
			reason ? reason
			       : "the store did not answer for it, or refused one before it");
	}
	event_free(event);
}

static void no_members(struct verify *verify, struct error *error)
{
	const char *group = config_property(verify->reading.config, "group.id");
	struct error why = {0};
	int members;

	if (!kafka_scan_members(
		    record_walk_scan(verify->walk), group ? group : "rowstream", &members, &why))
		log_text(LOG_WARN,
			"whether bridges are running cannot be told (%s): make sure that none is",
			why.text);
	else if (members > 0)
		error_set(error, ERROR_REFUSED,
			"--repair: group %s has live members (%d): stop its bridges first, what is "
			"missing might be on its way",
			group ? group : "rowstream", members);
}

static struct outbox *open_outbox(struct repair *repair, const struct config *config)
{
	struct outbox_options options = {
		.max_batch_events = (size_t)config->pipeline.max_batch_events,
		.max_batch_bytes = config->pipeline.max_batch_bytes,
		.max_idle_streams = REMEMBERED_STREAMS,
		.shared_streams = config->mapping.shared_streams == SHARED_STREAMS_ALLOW,
		.append_holes = false, /* never in the middle of a stream */
		.dedupe_source = config->pipeline.dedupe == DEDUPE_SOURCE,
		.on_deleted = config->pipeline.on_deleted,
		.seed = (unsigned)clock_us(),
		.settle = settle,
		.user = repair,
	};

	return outbox_new(&options);
}

static void add_feeds(struct repair *repair)
{
	size_t count, i;
	const struct kafka_extent *extents =
		kafka_scan_extents(record_walk_scan(repair->verify->walk), &count);
	const struct mapping *mapping = record_walk_mapping(repair->verify->walk);

	repair->feeds = xcalloc(count, sizeof(*repair->feeds));
	for (i = 0; i < count; i++)
		repair->feeds[i] = (struct repair_feed){
			{extents[i].topic, mapping_generation(mapping, extents[i].topic),
				extents[i].partition},
			i};
}

bool verify_repair_open(struct verify *verify, struct error *error)
{
	const struct config *config = verify->reading.config;
	struct repair *repair;

	no_members(verify, error);
	if (error->kind != ERROR_NONE)
		return false;
	repair = verify->repair = xcalloc(1, sizeof(*repair));
	repair->verify = verify;
	repair->store = wire_eventstore(config, error);
	if (!repair->store)
		return false;
	repair->outbox = open_outbox(repair, config);
	add_feeds(repair);
	return true;
}

void verify_repair_close(struct verify *verify)
{
	struct repair *repair = verify->repair;

	if (!repair)
		return;
	outbox_free(repair->outbox);
	eventstore_free(repair->store);
	free(repair->feeds);
	free(repair);
	verify->repair = NULL;
}

/* --- The loop, as the pipeline turns it --- */

static void take_results(struct repair *repair)
{
	struct eventstore_result result;

	while (eventstore_finished(repair->store, &result)) {
		struct outbox_page page = {
			result.events, result.event_count, result.last_number, result.at_start};
		int64_t now_ms = clock_ms();

		if (result.text[0])
			snprintf(repair->failure, sizeof(repair->failure), "%s", result.text);
		if (!result.user)
			outbox_probed(repair->outbox,
				result.read == READ_PAGE || result.read == READ_NO_STREAM,
				result.text, now_ms);
		else if (result.kind == EVENTSTORE_APPEND)
			outbox_append_ended(repair->outbox, result.user, result.append,
				result.first_number, result.current_version, result.text, now_ms);
		else
			outbox_read_ended(repair->outbox, result.user, result.read, &page,
				result.text, now_ms);
	}
}

static void send_work(struct repair *repair)
{
	static const char probed[] = "~rowstream-";
	struct outbox_work work;

	while (eventstore_free_slots(repair->store) > 0) {
		outbox_next(repair->outbox, clock_ms(), &work);
		switch (work.action) {
		case OUTBOX_NOTHING:
			return;
		case OUTBOX_APPEND:
			eventstore_append(repair->store, work.name, work.expected, work.bodies,
				work.count, work.stream);
			break;
		case OUTBOX_READ:
			eventstore_read_backward(
				repair->store, work.name, work.from, (int)work.count, work.stream);
			break;
		case OUTBOX_PROBE:
			eventstore_read_backward(repair->store, span_of(probed), -1, 1, NULL);
			break;
		}
	}
}

static bool turn(struct repair *repair, struct error *error)
{
	int64_t now_ms = clock_ms(), due_ms = outbox_due_ms(repair->outbox);
	int64_t wait_ms = due_ms >= 0 && due_ms < now_ms + TURN_MS ? due_ms - now_ms : TURN_MS;

	take_results(repair);
	if (outbox_error(repair->outbox)) {
		*error = *outbox_error(repair->outbox);
		return false;
	}
	send_work(repair);
	if (repair->pending > 0 && now_ms - repair->answered_ms > PATIENCE_MS) {
		error_set(error, ERROR_RETRY, "%s takes no event any more: %s",
			eventstore_address(repair->store), repair->failure);
		return false;
	}
	eventstore_wait(repair->store, NULL, 0, wait_ms > 0 ? (int)wait_ms : 0);
	return true;
}

bool verify_repair_push(struct verify *verify, struct record_step *step, struct error *error)
{
	struct repair *repair = verify->repair;
	struct event *event = step->event;

	step->event = NULL;
	event->ticket.feed = &repair->feeds[step->extent].feed;
	if (repair->pending++ == 0)
		repair->answered_ms = clock_ms();
	outbox_push(repair->outbox, event);
	while (outbox_bytes(repair->outbox) > verify->reading.config->pipeline.max_in_flight_bytes)
		if (!turn(repair, error))
			return false;
	return true;
}

/* Behind a refused event nothing of its stream is sent any more. */
static bool only_halted(const struct repair *repair)
{
	struct outbox_stats stats;

	outbox_stats(repair->outbox, &stats);
	return stats.events == stats.halted;
}

bool verify_repair_finish(struct verify *verify, struct error *error)
{
	struct repair *repair = verify->repair;
	size_t i;

	while (repair->pending > 0 && !only_halted(repair) && turn(repair, error))
		;
	for (i = 0; i < ledger_count(verify->ledger); i++)
		outbox_drop(repair->outbox, &repair->feeds[i].feed, true);
	return error->kind == ERROR_NONE;
}
