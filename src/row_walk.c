/* Reads a row's stream forward and carries the row along. */
#include "row_walk.h"

#include <stdlib.h>

struct row_walk {
	struct reader *reader;
	char *stream;
	struct row_event_reader events;
	struct row_event event;
	struct row_step step;
	struct strbuf images[2];
	int current;   /* of images */
	bool is_there; /* the row lives, images[current] has its columns */
	int64_t first_revision, foreign, ours;
};

struct row_walk *row_walk_open(struct eventstore *store, const char *stream)
{
	struct row_walk *walk = xcalloc(1, sizeof(*walk));
	struct reader_options options = {.stream = stream};

	walk->stream = xstrdup(stream);
	walk->reader = reader_open(store, &options);
	walk->first_revision = -1;
	return walk;
}

void row_walk_close(struct row_walk *walk)
{
	if (!walk)
		return;
	reader_close(walk->reader);
	row_event_reader_clear(&walk->events);
	strbuf_clear(&walk->images[0]);
	strbuf_clear(&walk->images[1]);
	free(walk->stream);
	free(walk);
}

static struct span image(const struct row_walk *walk)
{
	return walk->is_there ? strbuf_span(&walk->images[walk->current]) : SPAN_NULL;
}

static void take_step(struct row_walk *walk)
{
	struct strbuf *next = &walk->images[1 - walk->current];

	walk->step.event = &walk->event;
	walk->step.before = image(walk);
	walk->step.fate = row_image_after(&walk->events, &walk->event, walk->step.before, next);
	if (walk->step.fate != ROW_UNTOUCHED)
		walk->current = 1 - walk->current;
	if (walk->step.fate == ROW_LIVES)
		walk->is_there = true;
	else if (walk->step.fate == ROW_ENDS)
		walk->is_there = false;
	walk->step.after = image(walk);
}

static enum reader_step ended(struct row_walk *walk, struct error *error)
{
	if (walk->ours > 0 || walk->foreign == 0)
		return READER_END;
	error_set(error, ERROR_REFUSED,
		"stream %s is no row's: none of its %lld events was written there by rowstream",
		walk->stream, (long long)walk->foreign);
	return READER_FAILED;
}

enum reader_step row_walk_next(
	struct row_walk *walk, const struct row_step **step, struct error *error)
{
	const struct stored_event *stored;
	enum reader_step got;

	while ((got = reader_next(walk->reader, &stored, error)) == READER_EVENT) {
		if (walk->first_revision < 0)
			walk->first_revision = stored->number;
		row_event_read(&walk->events, stored, &walk->event);
		/* A stream of links is no row's, even where the server resolves them. */
		if (walk->event.seen.ours && span_is(stored->stream, walk->stream)) {
			walk->ours++;
			take_step(walk);
			*step = &walk->step;
			return READER_EVENT;
		}
		walk->foreign++;
	}
	return got == READER_END ? ended(walk, error) : got;
}

int64_t row_walk_first_revision(const struct row_walk *walk)
{
	return walk->first_revision;
}

int64_t row_walk_foreign(const struct row_walk *walk)
{
	return walk->foreign;
}
