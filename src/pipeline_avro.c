/* Records in Avro wait for their schemas: the one that is held, and so everything behind it, until
 * the registry has answered. Its outages are waited out like the store's. */
#include "pipeline_internal.h"

#include "log.h"
#include "registry.h"
#include "twins.h"
#include "wire.h"

bool avro_open(struct pipeline *pipeline, struct error *error)
{
	if (!*pipeline->config->registry.url)
		return true;
	pipeline->registry = wire_registry(pipeline->config, error);
	pipeline->twins = twins_new();
	return pipeline->registry != NULL;
}

void avro_close(struct pipeline *pipeline)
{
	registry_free(pipeline->registry);
	twins_free(pipeline->twins);
}

/* A record that the operator skips is not read, whatever is in it. */
static bool wanting(
	const struct pipeline *pipeline, const struct record *record, struct twins_wanted *wanted)
{
	return pipeline->twins && twins_wanting(pipeline->twins, record, wanted) &&
	       !group_skips(&pipeline->group, record->topic, record->partition, record->offset);
}

bool avro_must_wait(const struct pipeline *pipeline, const struct record *record)
{
	struct twins_wanted wanted;

	return wanting(pipeline, record, &wanted);
}

enum mapping_result avro_apply(struct pipeline *pipeline, const struct record *record,
	struct event **event, const char **reason, struct error *error)
{
	struct record twin = *record;

	if (pipeline->twins && !twins_read(pipeline->twins, record, &twin, error))
		return MAPPING_REFUSED;
	return mapping_apply(pipeline->mapping, &twin, event, reason, error);
}

static void log_outage(struct pipeline *pipeline, int64_t now_ms)
{
	const char *trouble = registry_trouble(pipeline->registry);
	const struct record *held = &pipeline->held;

	if (trouble && !pipeline->was_registry_outage)
		log_line(LOG_WARN, "registry outage begins", "address",
			registry_address(pipeline->registry), "error", trouble, "topic",
			pipeline->held_feed ? held->topic : NULL, "partition",
			pipeline->held_feed ? log_number(held->partition) : NULL, "offset",
			pipeline->held_feed ? log_number(held->offset) : NULL, NULL);
	else if (!trouble && pipeline->was_registry_outage)
		log_line(LOG_WARN, "registry outage ends", "address",
			registry_address(pipeline->registry), "seconds",
			log_number(
				(long long)(now_ms - registry_away_ms(pipeline->registry)) / 1000),
			NULL);
	pipeline->was_registry_outage = trouble != NULL;
}

void avro_take_answers(struct pipeline *pipeline, int64_t now_ms)
{
	struct registry_answer answer;

	if (!pipeline->registry)
		return;
	if (registry_next(pipeline->registry, now_ms, &answer)) {
		log_line(LOG_DEBUG, "schema answered", "id", log_number(answer.id), "error",
			answer.schema ? NULL : answer.why.text, NULL);
		twins_put(pipeline->twins, answer.id, answer.schema, &answer.why);
	}
	log_outage(pipeline, now_ms);
}

void avro_ask(struct pipeline *pipeline, int64_t now_ms)
{
	struct twins_wanted wanted;

	pipeline->wants_schema = pipeline->held_feed && pipeline->stop == STOP_NONE &&
				 wanting(pipeline, &pipeline->held, &wanted);
	if (pipeline->wants_schema)
		registry_ask(pipeline->registry, wanted.ids[0], now_ms);
}

int avro_fd(const struct pipeline *pipeline)
{
	return pipeline->registry ? registry_fd(pipeline->registry) : -1;
}

int64_t avro_due_ms(const struct pipeline *pipeline)
{
	if (!pipeline->registry || (avro_fd(pipeline) < 0 && !pipeline->wants_schema))
		return -1;
	return registry_due_ms(pipeline->registry);
}
