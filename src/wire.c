/* From the configuration to the modules that it configures. */
#include "wire.h"

#include <stdlib.h>

#include "eventstore.h"
#include "kafka.h"
#include "kafka_produce.h"
#include "kafka_scan.h"
#include "registry.h"

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

struct registry *wire_registry(const struct config *config, struct error *error)
{
	struct registry_options options = {
		.url = config->registry.url,
		.username = config->registry.username,
		.password = config->registry.password,
		.ca_file = config->registry.ca_file,
	};

	return registry_new(&options, error);
}

/* properties: room for config->kafka.count. */
static void fill_kafka_properties(const struct config *config, struct kafka_property *properties)
{
	size_t i;

	for (i = 0; i < config->kafka.count; i++)
		properties[i] =
			(struct kafka_property){config->kafka.names[i], config->kafka.values[i]};
}

/* properties belong to the caller. */
static bool fill_kafka_options(const struct config *config, struct kafka_property *properties,
	struct kafka_options *options, struct error *error)
{
	fill_kafka_properties(config, properties);
	*options = (struct kafka_options){
		.properties = properties,
		.property_count = config->kafka.count,
		.topics = config->source.topics.items,
		.topic_count = config->source.topics.count,
	};
	if (options->topic_count)
		return true;
	error_set(error, ERROR_INPUT,
		"source.topics names no topic: write names, or a pattern like "
		"'^dbserver1\\.inventory\\..*'");
	return false;
}

struct kafka *wire_kafka(const struct config *config, struct error *error)
{
	struct kafka_property *properties = xcalloc(config->kafka.count, sizeof(*properties));
	struct kafka_options options;
	struct kafka *kafka = NULL;

	if (fill_kafka_options(config, properties, &options, error))
		kafka = kafka_new(&options, error);
	free(properties);
	return kafka;
}

struct kafka_observer *wire_kafka_observer(const struct config *config, struct error *error)
{
	struct kafka_property *properties = xcalloc(config->kafka.count, sizeof(*properties));
	struct kafka_options options;
	struct kafka_observer *observer = NULL;

	if (fill_kafka_options(config, properties, &options, error))
		observer = kafka_observe(&options, error);
	free(properties);
	return observer;
}

struct kafka_producer *wire_kafka_producer(
	const struct config *config, const char *topic, bool forever, struct error *error)
{
	struct kafka_property *properties = xcalloc(config->kafka.count, sizeof(*properties));
	struct kafka_options options = {
		.properties = properties, .property_count = config->kafka.count};
	struct kafka_producer *producer;

	fill_kafka_properties(config, properties);
	producer = kafka_producer_new(&options, topic, forever, error);
	free(properties);
	return producer;
}

struct kafka_scan *wire_kafka_scan(
	const struct config *config, const char *topic, int timeout_ms, struct error *error)
{
	struct kafka_property *properties = xcalloc(config->kafka.count, sizeof(*properties));
	struct kafka_options options;
	struct kafka_scan *scan = NULL;

	if (fill_kafka_options(config, properties, &options, error)) {
		if (topic) {
			options.topics = &topic;
			options.topic_count = 1;
		}
		scan = kafka_scan_new(&options, timeout_ms, error);
	}
	free(properties);
	return scan;
}
