/* From the configuration to the modules that it configures. */
#include "wire.h"

#include <stdlib.h>

#include "eventstore.h"
#include "kafka.h"

struct mapping *wire_mapping(const struct config *config, struct error *error)
{
	struct mapping_options options;

	config_mapping_options(config, &options);
	return mapping_new(&options, error);
}

static const char *unless_empty(const char *text)
{
	return *text ? text : NULL;
}

struct eventstore *wire_eventstore(const struct config *config, struct error *error)
{
	struct eventstore_options options = {
		.url = config->eventstore.url,
		.username = unless_empty(config->eventstore.username),
		.password = unless_empty(config->eventstore.password),
		.connections = config->eventstore.connections,
		.connect_timeout_ms = config->eventstore.connect_timeout_ms,
		.request_timeout_ms = config->eventstore.request_timeout_ms,
	};

	return eventstore_new(&options, error);
}

static struct kafka *kafka_of(const struct config *config, bool observe, struct error *error)
{
	struct kafka_property *properties = xcalloc(config->kafka.count, sizeof(*properties));
	struct kafka_options options = {
		.properties = properties,
		.property_count = config->kafka.count,
		.topics = config->source.topics.items,
		.topic_count = config->source.topics.count,
		.observe = observe,
	};
	struct kafka *kafka = NULL;
	size_t i;

	for (i = 0; i < config->kafka.count; i++)
		properties[i] =
			(struct kafka_property){config->kafka.names[i], config->kafka.values[i]};
	if (!options.topic_count)
		error_set(error, ERROR_INPUT,
			"source.topics names no topic: write names, or a pattern like "
			"'^dbserver1\\.inventory\\..*'");
	else
		kafka = kafka_new(&options, error);
	free(properties);
	return kafka;
}

struct kafka *wire_kafka(const struct config *config, struct error *error)
{
	return kafka_of(config, false, error);
}

struct kafka *wire_kafka_observer(const struct config *config, struct error *error)
{
	return kafka_of(config, true, error);
}
