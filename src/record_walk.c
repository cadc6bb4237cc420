/* Records, read once more, through the rules of the pipeline: its skips, schemas, mapping, sizes.
 */
#include "record_walk.h"

#include <stdlib.h>

#include "pattern.h"
#include "schema_fetch.h"
#include "wire.h"

#define START_TIMEOUT_MS 15000

struct record_walk {
	const struct config *config;
	struct kafka_scan *scan;
	struct mapping *mapping;
	struct registry *registry; /* NULL with twins: none is configured */
	struct twins *twins;
	const struct group *group;
	struct record record;
	struct record_step step;
};

static bool is_configured(const struct config *config, const char *topic, struct error *error)
{
	struct pattern_list *topics =
		pattern_list_new(config->source.topics.items, config->source.topics.count, error);
	bool found = topics && pattern_list_match(topics, span_of(topic)) >= 0;

	pattern_list_free(topics);
	if (!found)
		error_set(error, ERROR_INPUT, "--topic '%s' is none of source.topics", topic);
	return found;
}

static bool open_parts(struct record_walk *walk, const char *topic, struct error *error)
{
	const struct config *config = walk->config;

	if (topic && !is_configured(config, topic, error))
		return false;
	walk->mapping = wire_mapping(config, error);
	if (!walk->mapping)
		return false;
	if (*config->registry.url) {
		walk->registry = wire_registry(config, error);
		walk->twins = twins_new();
		if (!walk->registry)
			return false;
	}
	walk->scan = wire_kafka_scan(config, topic, START_TIMEOUT_MS, error);
	return walk->scan != NULL;
}

struct record_walk *record_walk_open(
	const struct config *config, const char *topic, struct error *error)
{
	struct record_walk *walk = xcalloc(1, sizeof(*walk));

	walk->config = config;
	if (open_parts(walk, topic, error))
		return walk;
	record_walk_close(walk);
	return NULL;
}

void record_walk_close(struct record_walk *walk)
{
	if (!walk)
		return;
	event_free(walk->step.event);
	kafka_scan_free(walk->scan);
	mapping_free(walk->mapping);
	registry_free(walk->registry);
	twins_free(walk->twins);
	free(walk);
}

void record_walk_skips(struct record_walk *walk, const struct group *group)
{
	walk->group = group;
}

struct kafka_scan *record_walk_scan(struct record_walk *walk)
{
	return walk->scan;
}

const struct mapping *record_walk_mapping(const struct record_walk *walk)
{
	return walk->mapping;
}

static enum mapping_result map(struct record_walk *walk, struct record_step *step)
{
	const struct record *record = &walk->record;
	size_t limit = walk->config->pipeline.max_event_bytes;
	struct record twin = *record;
	const char *reason;
	enum mapping_result result;

	if (walk->twins && !twins_read(walk->twins, record, &twin, &step->why))
		return MAPPING_REFUSED;
	result = mapping_apply(walk->mapping, &twin, &step->event, &reason, &step->why);
	if (result != MAPPING_EVENT || step->event->stored_bytes <= limit)
		return result;
	error_set(&step->why, ERROR_REFUSED,
		"its event takes up to %zu bytes in the store, over pipeline.max_event_bytes (%zu)",
		step->event->stored_bytes, limit);
	return MAPPING_REFUSED;
}

bool record_walk_next(struct record_walk *walk, struct record_step **step, struct error *error)
{
	struct record_step *next = &walk->step;
	const struct record *record = &walk->record;

	event_free(next->event);
	*next = (struct record_step){.record = record};
	if (kafka_scan_next(walk->scan, &walk->record, &next->extent, error) != KAFKA_SCAN_RECORD)
		return false;
	*step = next;
	if (walk->group &&
		group_skips(walk->group, record->topic, record->partition, record->offset)) {
		next->result = MAPPING_SKIPPED;
		return true;
	}
	if (walk->twins && !schema_fetch(walk->registry, walk->twins, record, error))
		return false;
	next->result = map(walk, next);
	return true;
}
