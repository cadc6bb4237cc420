/* The group's own stream: read before records are delivered, written when the mapping or a skipped
 * record has to be remembered. */
#include "pipeline_internal.h"

#include <inttypes.h>
#include <string.h>

#include "log.h"

#define GROUP_PAGE 100
#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS 5000

void group_read_again(struct pipeline *pipeline)
{
	/* Whatever is going on ends in another decision; only a finished one is repeated. */
	if (pipeline->group_state != GROUP_READY)
		return;
	pipeline->group_state = GROUP_UNREAD;
	pipeline->group_due_ms = 0;
}

static void read_page(struct pipeline *pipeline)
{
	pipeline->group_state = GROUP_READING;
	eventstore_read_backward(pipeline->store, strbuf_span(&pipeline->group_name),
		pipeline->group_from, GROUP_PAGE, &pipeline->group);
}

static void from_the_head(struct pipeline *pipeline)
{
	group_clear(&pipeline->group);
	pipeline->group_from = pipeline->group_revision = -1;
	read_page(pipeline);
}

static void later(struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms)
{
	int64_t delay_ms = RETRY_FIRST_MS;
	unsigned tries = pipeline->group_tries++;

	while (tries-- > 0 && delay_ms < RETRY_MAX_MS)
		delay_ms *= 2;
	if (pipeline->group_tries == 1 || pipeline->group_tries % 10 == 0)
		log_line(LOG_WARN, "EventStoreDB does not answer as it should; trying again",
			"address", eventstore_address(pipeline->store), "stream",
			pipeline->group_name.data, "status",
			result->status ? log_number(result->status) : NULL, "error", result->text,
			NULL);
	pipeline->group_state = GROUP_UNREAD;
	pipeline->group_due_ms = now_ms + delay_ms;
}

static void append(struct pipeline *pipeline, const struct strbuf *event, const char *what)
{
	struct span body = strbuf_span(event);

	pipeline->group_state = GROUP_WRITING;
	pipeline->group_writing = what;
	eventstore_append(pipeline->store, strbuf_span(&pipeline->group_name),
		pipeline->group_revision, &body, 1, &pipeline->group);
}

static void write_mapping(struct pipeline *pipeline)
{
	struct strbuf event = {0};

	group_mapping_event(pipeline->description, pipeline->group_revision, wall_ms(), &event);
	append(pipeline, &event, "mapping");
	strbuf_clear(&event);
}

static void write_skip(struct pipeline *pipeline, const struct group_skip *skip)
{
	struct strbuf event = {0};

	group_skip_event(skip, "skipped by the operator (--skip)", wall_ms(), &event);
	append(pipeline, &event, "skipped record");
	strbuf_clear(&event);
}

static const struct group_skip *skip_to_write(const struct pipeline *pipeline)
{
	size_t i;

	for (i = 0; i < pipeline->options->skip_count; i++) {
		const struct group_skip *skip = &pipeline->options->skips[i];

		if (!group_skips(&pipeline->group, skip->topic, skip->partition, skip->offset))
			return skip;
	}
	return NULL;
}

static void refuse_mapping(struct pipeline *pipeline)
{
	struct strbuf difference = {0};
	struct error error = {0};

	group_difference(pipeline->group.mapping, pipeline->description, &difference);
	error_set(&error, ERROR_INPUT,
		"the mapping differs from the one that this group has written with (stream %s): "
		"%.600s; events would get other streams or bytes from here on; if that is wanted, "
		"start once with --accept-mapping-change",
		pipeline->group_name.data, difference.data);
	strbuf_clear(&difference);
	pipeline_fail(pipeline, 2, &error);
}

/* The stream was read to its end: what is still to be written? */
static void decide(struct pipeline *pipeline)
{
	const struct group_skip *skip = skip_to_write(pipeline);
	struct group *group = &pipeline->group;
	bool same = group->mapping && strcmp(group->mapping, pipeline->description) == 0;

	pipeline->group_tries = 0;
	if (group->mapping && !same && !pipeline->options->accept_mapping_change) {
		refuse_mapping(pipeline);
	} else if (!same) {
		pipeline->mapping_accepted = group->mapping != NULL;
		write_mapping(pipeline);
	} else if (skip) {
		write_skip(pipeline, skip);
	} else {
		pipeline->group_state = GROUP_READY;
	}
}

static void page_read(struct pipeline *pipeline, const struct eventstore_result *result)
{
	int64_t lowest = -1;
	size_t i;

	/* As the first page tells: what came since has not been looked at. */
	if (pipeline->group_from < 0)
		pipeline->group_revision = result->last_number;
	for (i = 0; i < result->event_count; i++) {
		group_note(&pipeline->group, &result->events[i]);
		lowest = result->events[i].number;
	}
	pipeline->group_from = lowest - 1;
	pipeline->group_state = result->at_start || lowest <= 0 ? GROUP_READ : GROUP_PAGING;
}

static void write_ended(
	struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms)
{
	/* Whatever came of it, what stands in the stream decides: another instance may have been
	 * faster, and an unknown outcome is recognised there. */
	if (result->append == APPEND_WRITTEN || result->append == APPEND_CONFLICT) {
		if (result->append == APPEND_WRITTEN)
			log_line(LOG_INFO, "group remembers", "stream", pipeline->group_name.data,
				"what", pipeline->group_writing, NULL);
		pipeline->group_state = GROUP_UNREAD;
		pipeline->group_due_ms = 0;
	} else {
		later(pipeline, result, now_ms);
	}
}

void group_result(struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms)
{
	if (pipeline->stop != STOP_NONE)
		return;
	if (result->kind == EVENTSTORE_APPEND)
		write_ended(pipeline, result, now_ms);
	else if (result->read == READ_PAGE)
		page_read(pipeline, result);
	else if (result->read == READ_NO_STREAM)
		pipeline->group_state = GROUP_READ;
	else
		later(pipeline, result, now_ms);
}

/* Requests are started here only, where a slot is free; an answer just moves the state. */
void group_turn(struct pipeline *pipeline, int64_t now_ms)
{
	if (pipeline->stop != STOP_NONE || eventstore_free_slots(pipeline->store) == 0)
		return;
	switch (pipeline->group_state) {
	case GROUP_UNREAD:
		if (now_ms >= pipeline->group_due_ms)
			from_the_head(pipeline);
		break;
	case GROUP_PAGING:
		read_page(pipeline);
		break;
	case GROUP_READ:
		decide(pipeline);
		break;
	case GROUP_READING:
	case GROUP_WRITING:
	case GROUP_READY:
		break;
	}
}
