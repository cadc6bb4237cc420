/* rowstream verify: names what is not where it should be. Names are not kept in memory: Kafka's
 * records with trouble are read once more. */
#include "cmd_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "table.h"

/* What was asked about one stream. */
enum stream_state {
	STREAM_WHOLE = 1, /* there, from its first event on */
	STREAM_ABSENT,	  /* never was */
	STREAM_CUT,	  /* its first events were removed, or it was deleted */
};

/* A state for each stream's fingerprint; the keys stand in their values. */
struct known {
	uint64_t stream;
	enum stream_state state;
};

struct missing {
	struct verify *verify;
	struct table known;
	struct strbuf name;
};

/* --- Streams --- */

/* A soft-deleted stream reads as missing, and its metadata say that all of it is cut off. */
static enum stream_state ask_metadata(struct missing *missing, struct error *error)
{
	struct strbuf name = {0};
	const struct stored_event *event;
	struct reader *reader;
	enum stream_state state = STREAM_ABSENT;

	strbuf_printf(&name, "$$%s", missing->name.data);
	reader = reader_open(missing->verify->reading.store,
		&(struct reader_options){.stream = name.data, .backward = true, .page_events = 1});
	if (reader_next(reader, &event, error) == READER_EVENT &&
		readback_says_deleted(event->data))
		state = STREAM_CUT;
	if (error->kind == ERROR_REFUSED)
		error_clear(error); /* it has none, or we may not see it */
	reader_close(reader);
	strbuf_clear(&name);
	return state;
}

static enum stream_state ask_stream(struct missing *missing, struct error *error)
{
	struct reader *reader = reader_open(missing->verify->reading.store,
		&(struct reader_options){.stream = missing->name.data, .page_events = 1});
	const struct stored_event *event;
	enum stream_state state = STREAM_CUT; /* there, but empty; or tombstoned */
	enum reader_step step = reader_next(reader, &event, error);
	enum read_outcome outcome = reader_outcome(reader);

	if (step == READER_EVENT && event->number == 0)
		state = STREAM_WHOLE;
	reader_close(reader);
	if (step != READER_FAILED || (outcome != READ_NO_STREAM && outcome != READ_DELETED))
		return state;
	error_clear(error);
	return outcome == READ_DELETED ? STREAM_CUT : ask_metadata(missing, error);
}

static enum stream_state state_of(
	struct missing *missing, const struct event *event, struct error *error)
{
	uint64_t stream = fingerprint_of_stream(event->stream);
	struct span key = {(const char *)&stream, sizeof(stream)};
	struct known *known = table_get(&missing->known, key);

	if (known)
		return known->state;
	strbuf_reset(&missing->name);
	strbuf_add_span(&missing->name, event->stream);
	known = xcalloc(1, sizeof(*known));
	known->stream = stream;
	known->state = ask_stream(missing, error);
	key.ptr = (const char *)&known->stream;
	table_put(&missing->known, key, known);
	return known->state;
}

/* --- Looking again --- */

enum sight {
	NOT_THERE,
	THERE,
	THERE_CHANGED,
	FOLDED, /* dedupe = source: as the same change under another offset */
};

static bool is_same(
	struct verify *verify, const struct event *event, const struct stored_event *stored)
{
	struct fingerprint a = fingerprint_of(&verify->printer, event->stream, span_of(event->id),
		event->type, event->data, event->metadata);
	struct fingerprint b = fingerprint_of(&verify->printer, stored->stream, stored->id,
		stored->type, stored->data, stored->metadata);

	return a.type == b.type && a.data == b.data && a.metadata == b.metadata;
}

static enum sight compare(
	struct verify *verify, const struct event *event, const struct stored_event *stored)
{
	struct sighting sighting;

	readback_parse(&verify->readback, stored, event->stream, &sighting);
	if (!sighting.ours)
		return NOT_THERE;
	if (sighting.id.len == strlen(event->id) &&
		strncasecmp(sighting.id.ptr, event->id, sighting.id.len) == 0)
		return is_same(verify, event, stored) ? THERE : THERE_CHANGED;
	if (verify->reading.config->pipeline.dedupe == DEDUPE_SOURCE && event->position.ptr &&
		readback_is_repeat(&sighting, event))
		return FOLDED;
	return NOT_THERE;
}

/* A category's links come later than the events; and folded repeats are known by their change. */
static enum sight look_again(
	struct missing *missing, const struct event *event, struct error *error)
{
	struct verify *verify = missing->verify;
	const struct stored_event *stored;
	enum sight sight = NOT_THERE;
	struct reader *reader;

	if (!verify->by_links && verify->reading.config->pipeline.dedupe != DEDUPE_SOURCE)
		return NOT_THERE;
	strbuf_reset(&missing->name);
	strbuf_add_span(&missing->name, event->stream);
	reader = reader_open(verify->reading.store,
		&(struct reader_options){.stream = missing->name.data, .backward = true});
	while (sight == NOT_THERE && reader_next(reader, &stored, error) == READER_EVENT)
		sight = compare(verify, event, stored);
	if (reader_outcome(reader) == READ_NO_STREAM || reader_outcome(reader) == READ_DELETED)
		error_clear(error);
	reader_close(reader);
	return sight;
}

/* --- Findings --- */

static bool is_tail(enum ledger_trouble trouble)
{
	return trouble == LEDGER_MISSING_TAIL || trouble == LEDGER_MISSING_ALL;
}

static const char *words_of(enum ledger_trouble trouble, enum stream_state state)
{
	switch (trouble) {
	case LEDGER_MISSING_FIRST:
		return "not in the stream, which begins with a later record of its partition";
	case LEDGER_MISSING:
		return "not in the stream, though later records of its partition are";
	case LEDGER_MISSING_TAIL:
		return "not in the stream, which ends before it";
	default:
		return state == STREAM_ABSENT ? "the stream does not exist"
					      : "nothing of its partition is in the stream";
	}
}

static void tell_missing(struct missing *missing, struct record_step *step,
	enum ledger_trouble trouble, struct error *error)
{
	struct verify *verify = missing->verify;
	struct ledger_sums *sums = ledger_sums(verify->ledger, step->extent);
	enum stream_state state = state_of(missing, step->event, error);
	enum sight sight = NOT_THERE;
	struct finding finding = {
		"missing", step->event->stream, -1, step->extent, step->record->offset};

	if (error->kind == ERROR_NONE)
		sight = look_again(missing, step->event, error);
	if (error->kind != ERROR_NONE)
		return;
	if (sight == FOLDED) {
		sums->skipped++;
	} else if (sight == THERE) {
		sums->same++;
	} else if (sight == THERE_CHANGED) {
		sums->different++;
		finding.what = "different";
		verify_find(verify, &finding, "not as the record gives it");
	} else if (state == STREAM_CUT &&
		   (trouble == LEDGER_MISSING_FIRST || trouble == LEDGER_MISSING_ALL)) {
		sums->removed++;
	} else if (verify->repair && is_tail(trouble)) {
		verify_repair_push(verify, step, error);
	} else {
		sums->missing++;
		verify_find(verify, &finding, "%s%s", words_of(trouble, state),
			verify->repair ? "; not repaired: only ends of streams are" : "");
	}
}

static void tell(struct missing *missing, struct record_step *step, struct error *error)
{
	struct verify *verify = missing->verify;
	int64_t revision;
	enum ledger_trouble trouble =
		ledger_trouble(verify->ledger, step->extent, step->record->offset, &revision);

	if (trouble == LEDGER_FINE || step->result != MAPPING_EVENT)
		return;
	if (trouble != LEDGER_DISORDERED)
		tell_missing(missing, step, trouble, error);
	else
		verify_find(verify,
			&(struct finding){"out of order", step->event->stream, revision,
				step->extent, step->record->offset},
			"stands before an event of an earlier record of its partition");
}

/* Only what lies between the first and the last record with trouble. */
static int64_t choose_records(struct verify *verify)
{
	size_t count, i;
	struct kafka_extent *extents = kafka_scan_extents(record_walk_scan(verify->walk), &count);
	int64_t total = 0;

	for (i = 0; i < count; i++) {
		ledger_troubled(verify->ledger, i, &extents[i].from, &extents[i].to);
		total += extents[i].to - extents[i].from;
	}
	return total;
}

static void clear(struct missing *missing)
{
	struct known *known;
	size_t at = 0;

	while ((known = table_next(&missing->known, &at)))
		free(known);
	table_clear(&missing->known);
	strbuf_clear(&missing->name);
}

bool verify_tell_missing(struct verify *verify, struct error *error)
{
	struct missing missing = {.verify = verify};
	struct record_step *step;
	int64_t total;

	ledger_judge(verify->ledger);
	total = choose_records(verify);
	if (total == 0)
		return true;
	verify_begin(verify, total);
	if (!kafka_scan_start(record_walk_scan(verify->walk), error))
		return false;
	while (error->kind == ERROR_NONE && record_walk_next(verify->walk, &step, error)) {
		verify_count(verify, "records of Kafka, for the names of what is missing");
		tell(&missing, step, error);
	}
	if (verify->repair && error->kind == ERROR_NONE)
		verify_repair_finish(verify, error);
	clear(&missing);
	return error->kind == ERROR_NONE;
}
