/* rowstream verify: the streams, read once. */
#include "cmd_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define STREAMS_AT_ONCE 8

static bool begins(struct span text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.ptr, with, strlen(with)) == 0;
}

/* Statistics, metadata and links of the server's own; what bridges remember. */
static bool is_bookkeeping(const struct stored_event *event)
{
	return begins(event->stream, "$") || begins(event->type, "$") ||
	       begins(event->stream, "~rowstream-");
}

/* A hard delete leaves an event, a soft one metadata that cut all off up to the largest revision.
 */
static bool is_deletion(const struct stored_event *event)
{
	static const char largest[] = "9223372036854775807";

	return span_is(event->type, "$streamDeleted") ||
	       (span_is(event->type, "$metadata") && event->data.ptr &&
		       memmem(event->data.ptr, event->data.len, largest, strlen(largest)));
}

static const char *in_words(unsigned differs)
{
	static const char *const words[] = {"", "id or type", "data", "type and data", "metadata",
		"type and metadata", "data and metadata", "type, data and metadata"};

	return words[differs & 7];
}

static void note_beyond(struct verify *verify, const struct sighting *sighting,
	const struct stored_event *event, size_t index)
{
	struct beyond *beyond = &verify->beyond[index];

	if (beyond->stream && beyond->offset >= sighting->offset)
		return;
	free(beyond->stream);
	*beyond = (struct beyond){
		xstrndup(event->stream.ptr, event->stream.len), event->revision, sighting->offset};
}

static void tell(struct verify *verify, const struct sighting *sighting,
	const struct stored_event *event, const struct ledger_seen *seen)
{
	struct finding finding = {
		NULL, event->stream, event->revision, seen->index, sighting->offset};

	switch (seen->verdict) {
	case LEDGER_DOUBLED:
		finding.what = "doubled";
		finding.revision = seen->again;
		verify_find(verify, &finding, "is in the stream already, at revision %" PRId64,
			seen->first);
		break;
	case LEDGER_MISPLACED:
		finding.what = "misplaced";
		verify_find(verify, &finding, "its record belongs into another stream");
		break;
	case LEDGER_UNEXPECTED:
		finding.what = "unexpected";
		verify_find(verify, &finding, "its record becomes no event by today's rules");
		break;
	case LEDGER_DIFFERENT:
		finding.what = "different";
		verify_find(
			verify, &finding, "%s not as the record gives it", in_words(seen->differs));
		break;
	case LEDGER_NEWER:
		note_beyond(verify, sighting, event, seen->index);
		break;
	default:
		break;
	}
}

static void take(struct verify *verify, const struct stored_event *event)
{
	struct fingerprint print;
	struct sighting sighting;
	struct ledger_seen seen;

	verify_count(verify, "events of the store");
	verify->deletions += is_deletion(event);
	if (!event->stream.ptr || is_bookkeeping(event))
		return;
	readback_parse(&verify->readback, event, event->stream, &sighting);
	if (!sighting.ours) {
		verify->foreign++;
		return;
	}
	print = fingerprint_of(&verify->printer, event->stream, event->id, event->type, event->data,
		event->metadata);
	ledger_see(verify->ledger, &sighting, event->revision, &print, &seen);
	tell(verify, &sighting, event, &seen);
}

static void take_all(struct verify *verify, struct reader *reader, struct error *error)
{
	const struct stored_event *event;

	while (reader_next(reader, &event, error) == READER_EVENT)
		take(verify, event);
}

/* False: error, or *why says that another way must be taken. */
static bool read_stream(struct verify *verify, const char *name, bool resolve,
	enum read_outcome *why, struct error *error)
{
	struct reader *reader = reader_open(verify->reading.store,
		&(struct reader_options){.stream = name, .resolve = resolve, .page_events = 1000});

	take_all(verify, reader, error);
	*why = reader_outcome(reader);
	reader_close(reader);
	return error->kind == ERROR_NONE;
}

/* Not there, or not for this user: for $all and categories there is another way. */
static bool is_closed(enum read_outcome why)
{
	return why == READ_NO_STREAM || why == READ_DELETED || why == READ_DENIED;
}

/* --- Stream by stream: what every user can do who may read the rows --- */

/* Streams on their way, each from its end: so a short one takes one request. In what order events
 * come does not matter. */
struct ring {
	struct reader *readers[STREAMS_AT_ONCE];
	size_t next;
};

/* The stream that waited the longest. One that is not there is passed over: its events will be
 * missing. */
static void read_oldest(struct verify *verify, struct ring *ring, struct error *error)
{
	struct reader *reader = ring->readers[ring->next];
	enum read_outcome why;

	ring->readers[ring->next] = NULL;
	if (!reader)
		return;
	take_all(verify, reader, error);
	why = reader_outcome(reader);
	if (why == READ_NO_STREAM || why == READ_DELETED)
		error_clear(error);
	reader_close(reader);
}

static void add_stream(
	struct verify *verify, struct ring *ring, struct span stream, struct error *error)
{
	struct strbuf name = {0};

	read_oldest(verify, ring, error);
	strbuf_add_span(&name, stream);
	ring->readers[ring->next] = reader_open(verify->reading.store,
		&(struct reader_options){.stream = name.data, .backward = true, .at_once = true});
	ring->next = (ring->next + 1) % STREAMS_AT_ONCE;
	strbuf_clear(&name);
}

static void end_ring(struct verify *verify, struct ring *ring, struct error *error)
{
	size_t i;

	for (i = 0; i < STREAMS_AT_ONCE; i++) {
		if (error->kind == ERROR_NONE)
			read_oldest(verify, ring, error);
		else
			reader_close(ring->readers[ring->next]);
		ring->next = (ring->next + 1) % STREAMS_AT_ONCE;
	}
}

/* Their names are learnt from Kafka once more. */
static bool read_streams(struct verify *verify, struct error *error)
{
	struct ring ring = {.next = 0};
	struct record_step *step;

	ledger_mark_streams(verify->ledger);
	if (!kafka_scan_start(record_walk_scan(verify->walk), error))
		return false;
	while (error->kind == ERROR_NONE && record_walk_next(verify->walk, &step, error)) {
		if (step->event &&
			ledger_begins_stream(verify->ledger, step->extent, step->record->offset))
			add_stream(verify, &ring, step->event->stream, error);
	}
	end_ring(verify, &ring, error);
	return error->kind == ERROR_NONE;
}

/* --- */

static bool read_table(struct verify *verify, enum read_outcome *why, struct error *error)
{
	struct strbuf name = {0};
	bool good;

	strbuf_printf(&name, "$ce-%s", verify->table);
	good = read_stream(verify, name.data, true, why, error);
	strbuf_clear(&name);
	return good;
}

/* The store holds an event of a record that its topic never had: another topic of that name. */
static bool tell_beyond(struct verify *verify, struct error *error)
{
	size_t i;

	for (i = 0; i < ledger_count(verify->ledger); i++) {
		const struct beyond *beyond = &verify->beyond[i];
		int64_t end;

		if (!beyond->stream)
			continue;
		end = kafka_scan_end(record_walk_scan(verify->walk), i, error);
		if (error->kind != ERROR_NONE)
			return false;
		if (beyond->offset < end)
			continue;
		ledger_sums(verify->ledger, i)->other++;
		verify_find(verify,
			&(struct finding){"unknown", span_of(beyond->stream), beyond->revision, i,
				beyond->offset},
			"Kafka has no such record, its log ends at %" PRId64
			": the topic was created anew (see 'generation')",
			end);
	}
	return true;
}

bool verify_read_store(struct verify *verify, struct error *error)
{
	enum read_outcome why = READ_PAGE;
	bool good;

	verify_begin(verify, -1);
	good = verify->by_links = verify->table && read_table(verify, &why, error);
	if (!good && (!verify->table || is_closed(why))) {
		error_clear(error);
		good = read_stream(verify, "$all", false, &why, error);
	}
	if (!good && is_closed(why)) {
		error_clear(error);
		log_text(LOG_INFO, "$all may not be read by this user: every stream is read by "
				   "itself, which takes longer");
		good = read_streams(verify, error);
	}
	return good && tell_beyond(verify, error);
}
