/* Follows a category stream's links. */
#include "category.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

struct category {
	struct reader *reader;
	char *stream, *keyless;
	struct row_event_reader events;
	struct row_event event;
	int64_t ours, foreign, gone;
};

struct category *category_open(struct eventstore *store, const char *name)
{
	struct category *category = xcalloc(1, sizeof(*category));
	struct strbuf text = {0};

	strbuf_printf(&text, "$ce-%s", name);
	category->stream = strbuf_steal(&text);
	strbuf_printf(&text, "%s-~partition:", name);
	category->keyless = strbuf_steal(&text);
	category->reader = reader_open(
		store, &(struct reader_options){.stream = category->stream, .resolve = true});
	return category;
}

void category_close(struct category *category)
{
	if (!category)
		return;
	reader_close(category->reader);
	row_event_reader_clear(&category->events);
	free(category->stream);
	free(category->keyless);
	free(category);
}

/* A link that could not be followed is read as itself. */
static bool is_gone(const struct category *category, const struct stored_event *stored)
{
	return stored->number < 0 || span_is(stored->type, "$>") ||
	       span_is(stored->stream, category->stream);
}

static enum reader_step ended(const struct category *category, struct error *error)
{
	if (category->ours > 0 || category->foreign + category->gone == 0)
		return READER_END;
	if (category->gone > 0)
		error_set(error, ERROR_REFUSED,
			"%s: none of its %" PRId64 " links leads to an event that can be read; "
			"the streams were deleted or cut, or these credentials may not read them",
			category->stream, category->gone);
	else
		error_set(error, ERROR_REFUSED,
			"%s is no table's: none of its %" PRId64 " events was written by rowstream",
			category->stream, category->foreign);
	return READER_FAILED;
}

static enum reader_step failed(const struct category *category, struct error *error)
{
	if (reader_outcome(category->reader) != READ_NO_STREAM)
		return READER_FAILED;
	error_clear(error);
	error_set(error, ERROR_REFUSED,
		"there is no stream %s: no table of that name (what stands before the first - in "
		"its "
		"streams' names), or the store's projection $by_category is not running: "
		"'rowstream check' tells",
		category->stream);
	return READER_FAILED;
}

enum reader_step category_next(
	struct category *category, const struct row_event **event, struct error *error)
{
	const struct stored_event *stored;
	enum reader_step got;

	while ((got = reader_next(category->reader, &stored, error)) == READER_EVENT) {
		if (is_gone(category, stored)) {
			category->gone++;
			continue;
		}
		row_event_read(&category->events, stored, &category->event);
		if (!category->event.seen.ours) {
			category->foreign++;
			continue;
		}
		category->ours++;
		if (!category->event.is_row && !category->event.truncate)
			continue;
		*event = &category->event;
		return READER_EVENT;
	}
	return got == READER_END ? ended(category, error) : failed(category, error);
}

const struct row_event_reader *category_reader(const struct category *category)
{
	return &category->events;
}

bool category_is_keyless(const struct category *category, struct span stream)
{
	size_t len = strlen(category->keyless);

	return stream.len > len && memcmp(stream.ptr, category->keyless, len) == 0;
}

int64_t category_foreign(const struct category *category)
{
	return category->foreign;
}

int64_t category_gone(const struct category *category)
{
	return category->gone;
}
