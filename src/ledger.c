/* The records' fingerprints, partition by partition in offset order, and what was seen of them. */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

enum entry_flag {
	KIND = 3, /* enum ledger_kind */
	DELETES = 4,
	UNLESS_DELETED = 8,
	LATE = 16,
	BEGINS_STREAM = 32,
	DIFFERS = 64,
};

/* enum ledger_trouble stands above the flags. */
#define TROUBLE_SHIFT 8

struct entry {
	int64_t offset;
	uint64_t stream, data;
	uint32_t metadata, type;
	uint64_t revision : 48; /* where it was seen, and 1; 0: it was not */
	uint64_t flags : 16;
};

struct partition {
	struct ledger_partition place; /* its texts are ours */
	struct ledger_sums sums;
	struct entry *entries;
	size_t count, size;
	size_t last; /* found last: the next one is often the one behind */
	int64_t troubled_from, troubled_to;
};

struct ledger {
	struct partition *partitions;
	size_t count, recent;
};

/* Where an entry stands, to be put in order by stream. */
struct place {
	uint64_t stream;
	uint32_t partition, index;
};

struct ledger *ledger_new(void)
{
	return xcalloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *ledger)
{
	size_t i;

	if (!ledger)
		return;
	for (i = 0; i < ledger->count; i++) {
		free((char *)ledger->partitions[i].place.topic);
		free((char *)ledger->partitions[i].place.generation);
		free(ledger->partitions[i].entries);
	}
	free(ledger->partitions);
	free(ledger);
}

size_t ledger_add(struct ledger *ledger, const struct ledger_partition *partition)
{
	struct partition *added;

	ledger->partitions =
		xreallocarray(ledger->partitions, ledger->count + 1, sizeof(*ledger->partitions));
	added = &ledger->partitions[ledger->count];
	*added = (struct partition){.place = *partition};
	added->place.topic = xstrdup(partition->topic);
	added->place.generation = xstrdup(partition->generation);
	return ledger->count++;
}

size_t ledger_count(const struct ledger *ledger)
{
	return ledger->count;
}

const struct ledger_partition *ledger_partition(const struct ledger *ledger, size_t index)
{
	return &ledger->partitions[index].place;
}

struct ledger_sums *ledger_sums(struct ledger *ledger, size_t index)
{
	return &ledger->partitions[index].sums;
}

/* --- Records --- */

static struct entry *add_entry(struct partition *partition)
{
	if (partition->count == partition->size) {
		partition->size = partition->size ? partition->size + partition->size / 2 : 1024;
		partition->entries = xreallocarray(
			partition->entries, partition->size, sizeof(*partition->entries));
	}
	return &partition->entries[partition->count++];
}

void ledger_expect(struct ledger *ledger, size_t index, int64_t offset, enum ledger_kind kind,
	const struct fingerprint *print, bool deletes, bool unless_deleted)
{
	struct partition *partition = &ledger->partitions[index];
	struct entry *entry = add_entry(partition);

	*entry = (struct entry){.offset = offset,
		.flags = (unsigned)kind | (deletes ? DELETES : 0u) |
			 (unless_deleted ? UNLESS_DELETED : 0u)};
	if (print) {
		entry->stream = print->stream;
		entry->data = print->data;
		entry->metadata = print->metadata;
		entry->type = print->type;
	}
	partition->sums.records++;
	partition->sums.none += kind == LEDGER_NONE;
	partition->sums.elsewhere += kind == LEDGER_ELSEWHERE;
}

static enum ledger_kind kind_of(const struct entry *entry)
{
	return (enum ledger_kind)(entry->flags & KIND);
}

/* The first entry at or behind offset; count if there is none. */
static size_t position_of(const struct partition *partition, int64_t offset)
{
	size_t low = 0, high = partition->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (partition->entries[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *entry_at(struct partition *partition, int64_t offset)
{
	size_t next = partition->last + 1;

	if (next >= partition->count || partition->entries[next].offset != offset)
		next = position_of(partition, offset);
	if (next == partition->count || partition->entries[next].offset != offset)
		return NULL;
	partition->last = next;
	return &partition->entries[next];
}

/* --- Stored events --- */

static bool is_of(const struct partition *partition, const struct sighting *sighting)
{
	return partition->place.partition == sighting->partition &&
	       span_is(sighting->topic, partition->place.topic);
}

/* One of another generation is another topic's. */
static struct partition *partition_of(struct ledger *ledger, const struct sighting *sighting)
{
	struct partition *found = NULL;
	size_t i;

	if (ledger->recent < ledger->count && is_of(&ledger->partitions[ledger->recent], sighting))
		found = &ledger->partitions[ledger->recent];
	for (i = 0; !found && i < ledger->count; i++) {
		if (!is_of(&ledger->partitions[i], sighting))
			continue;
		found = &ledger->partitions[i];
		ledger->recent = i;
	}
	if (found && !span_is(sighting->generation, found->place.generation))
		return NULL;
	return found;
}

static unsigned differences(const struct entry *entry, const struct fingerprint *print)
{
	return (entry->type != print->type ? LEDGER_TYPE : 0u) |
	       (entry->data != print->data ? LEDGER_DATA : 0u) |
	       (entry->metadata != print->metadata ? LEDGER_METADATA : 0u);
}

static enum ledger_verdict judge_absent(
	const struct partition *partition, const struct sighting *sighting)
{
	return sighting->offset >= partition->place.high ? LEDGER_NEWER : LEDGER_OLDER;
}

/* The lower one counts: whichever was seen first. */
static void note_double(struct entry *entry, int64_t revision, struct ledger_seen *seen)
{
	int64_t known = (int64_t)entry->revision - 1;

	seen->first = revision < known ? revision : known;
	seen->again = revision < known ? known : revision;
	entry->revision = (uint64_t)seen->first + 1;
}

static enum ledger_verdict compare(struct entry *entry, const struct sighting *sighting,
	int64_t revision, const struct fingerprint *print, struct ledger_seen *seen)
{
	if (kind_of(entry) == LEDGER_ELSEWHERE)
		return LEDGER_SKIPPED_KIND;
	if (kind_of(entry) != LEDGER_EVENT)
		return LEDGER_UNEXPECTED;
	if (entry->stream != print->stream)
		return LEDGER_MISPLACED;
	if (entry->revision) {
		note_double(entry, revision, seen);
		return LEDGER_DOUBLED;
	}
	entry->revision = (uint64_t)revision + 1;
	seen->differs = differences(entry, print);
	entry->flags |= (sighting->late ? LATE : 0u) | (seen->differs ? DIFFERS : 0u);
	return seen->differs ? LEDGER_DIFFERENT : LEDGER_SAME;
}

static void add_up(struct ledger_sums *sums, enum ledger_verdict verdict)
{
	sums->older += verdict == LEDGER_OLDER;
	sums->doubled += verdict == LEDGER_DOUBLED;
	sums->different += verdict == LEDGER_DIFFERENT;
	sums->other += verdict == LEDGER_MISPLACED || verdict == LEDGER_UNEXPECTED;
}

void ledger_see(struct ledger *ledger, const struct sighting *sighting, int64_t revision,
	const struct fingerprint *print, struct ledger_seen *seen)
{
	struct partition *partition = partition_of(ledger, sighting);
	struct entry *entry;

	*seen = (struct ledger_seen){.verdict = LEDGER_FOREIGN_TOPIC};
	if (!partition)
		return;
	seen->index = (size_t)(partition - ledger->partitions);
	entry = entry_at(partition, sighting->offset);
	seen->verdict = entry ? compare(entry, sighting, revision, print, seen)
			      : judge_absent(partition, sighting);
	add_up(&partition->sums, seen->verdict);
}

/* --- Judgement --- */

static int by_stream(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* All events due, streams together, within a stream partition after partition in offset order. */
static struct place *places_of(const struct ledger *ledger, size_t *count)
{
	struct place *places;
	size_t i, j, size = 0;

	for (i = 0; i < ledger->count; i++)
		size += ledger->partitions[i].count;
	places = xcalloc(size + 1, sizeof(*places));
	*count = 0;
	for (i = 0; i < ledger->count; i++) {
		const struct partition *partition = &ledger->partitions[i];

		for (j = 0; j < partition->count; j++)
			if (kind_of(&partition->entries[j]) == LEDGER_EVENT)
				places[(*count)++] = (struct place){
					partition->entries[j].stream, (uint32_t)i, (uint32_t)j};
	}
	qsort(places, *count, sizeof(*places), by_stream);
	return places;
}

static void set_trouble(
	struct partition *partition, struct entry *entry, enum ledger_trouble trouble)
{
	entry->flags |= (unsigned)trouble << TROUBLE_SHIFT;
	if (partition->troubled_from == partition->troubled_to) {
		partition->troubled_from = entry->offset;
		partition->troubled_to = entry->offset + 1;
	} else if (entry->offset < partition->troubled_from) {
		partition->troubled_from = entry->offset;
	} else if (entry->offset >= partition->troubled_to) {
		partition->troubled_to = entry->offset + 1;
	}
}

/* One stream's events of one partition, in offset order. */
struct sequence {
	struct partition *partition;
	const struct place *places;
	size_t count;
	size_t first, last;	    /* of those seen; count: none is */
	uint64_t highest;	    /* revision, and 1, seen so far */
	const struct entry *before; /* the one before that is or should be there */
};

static struct entry *entry_of(const struct sequence *sequence, size_t i)
{
	return &sequence->partition->entries[sequence->places[i].index];
}

/* What stands before the first one may be a d that Kafka does not hold any more. */
static bool needs_no_event(const struct sequence *sequence, const struct entry *entry)
{
	return (entry->flags & UNLESS_DELETED) &&
	       (!sequence->before || (sequence->before->flags & DELETES));
}

static void judge_missing(struct sequence *sequence, size_t i)
{
	struct entry *entry = entry_of(sequence, i);
	struct partition *partition = sequence->partition;
	bool none = sequence->first == sequence->count;

	if (needs_no_event(sequence, entry)) {
		partition->sums.skipped++;
		return;
	}
	sequence->before = entry;
	if (!none && i < sequence->first)
		set_trouble(partition, entry, LEDGER_MISSING_FIRST);
	else if (!none && i < sequence->last)
		set_trouble(partition, entry, LEDGER_MISSING);
	else if (entry->offset >= partition->place.committed)
		partition->sums.behind++;
	else
		set_trouble(partition, entry, none ? LEDGER_MISSING_ALL : LEDGER_MISSING_TAIL);
}

/* An event that was written late, on purpose, stands behind later ones. */
static void judge_seen(struct sequence *sequence, struct entry *entry)
{
	struct partition *partition = sequence->partition;
	bool disordered = !(entry->flags & LATE) && entry->revision < sequence->highest;

	sequence->before = entry;
	if (!(entry->flags & LATE) && !disordered)
		sequence->highest = entry->revision;
	if (disordered)
		set_trouble(partition, entry, LEDGER_DISORDERED);
	partition->sums.disordered += disordered;
	partition->sums.same += !disordered && !(entry->flags & DIFFERS);
}

static void judge_sequence(struct sequence *sequence)
{
	size_t i;

	sequence->first = sequence->last = sequence->count;
	for (i = 0; i < sequence->count; i++) {
		if (!entry_of(sequence, i)->revision)
			continue;
		if (sequence->first == sequence->count)
			sequence->first = i;
		sequence->last = i;
	}
	for (i = 0; i < sequence->count; i++) {
		if (entry_of(sequence, i)->revision)
			judge_seen(sequence, entry_of(sequence, i));
		else
			judge_missing(sequence, i);
	}
}

static size_t length_of_sequence(const struct place *places, size_t count)
{
	size_t i = 1;

	while (i < count && places[i].stream == places[0].stream &&
		places[i].partition == places[0].partition)
		i++;
	return i;
}

void ledger_judge(struct ledger *ledger)
{
	size_t count, i;
	struct place *places = places_of(ledger, &count);

	for (i = 0; i < count;) {
		struct sequence sequence = {
			.partition = &ledger->partitions[places[i].partition],
			.places = &places[i],
			.count = length_of_sequence(&places[i], count - i),
		};

		judge_sequence(&sequence);
		i += sequence.count;
	}
	free(places);
}

enum ledger_trouble ledger_trouble(
	const struct ledger *ledger, size_t index, int64_t offset, int64_t *revision)
{
	const struct entry *entry = entry_at(&ledger->partitions[index], offset);

	if (!entry)
		return LEDGER_FINE;
	*revision = (int64_t)entry->revision - 1;
	return (enum ledger_trouble)(entry->flags >> TROUBLE_SHIFT);
}

void ledger_troubled(const struct ledger *ledger, size_t index, int64_t *from, int64_t *to)
{
	*from = ledger->partitions[index].troubled_from;
	*to = ledger->partitions[index].troubled_to;
}

void ledger_mark_streams(struct ledger *ledger)
{
	size_t count, i;
	struct place *places = places_of(ledger, &count);

	for (i = 0; i < count; i++)
		if (i == 0 || places[i].stream != places[i - 1].stream)
			ledger->partitions[places[i].partition].entries[places[i].index].flags |=
				BEGINS_STREAM;
	free(places);
}

bool ledger_begins_stream(const struct ledger *ledger, size_t index, int64_t offset)
{
	const struct entry *entry = entry_at(&ledger->partitions[index], offset);

	return entry && (entry->flags & BEGINS_STREAM);
}
