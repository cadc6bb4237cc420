/* From the configuration to the modules that it configures: the one place that knows both. */
#ifndef ROWSTREAM_WIRE_H
#define ROWSTREAM_WIRE_H

#include "config.h"
#include "error.h"

struct eventstore;
struct kafka;
struct kafka_observer;
struct kafka_producer;
struct kafka_scan;
struct mapping;
struct registry;

/* NULL and error (ERROR_INPUT) when the module refuses an option. config must outlive the mapping,
 * which borrows its texts. */
struct mapping *wire_mapping(const struct config *config, struct error *error);
struct eventstore *wire_eventstore(const struct config *config, struct error *error);
struct registry *wire_registry(const struct config *config, struct error *error);
/* Subscribes to config->source.topics. */
struct kafka *wire_kafka(const struct config *config, struct error *error);
/* The same for `check`: it does not join the group. */
struct kafka_observer *wire_kafka_observer(const struct config *config, struct error *error);
/* See kafka_produce.h. */
struct kafka_producer *wire_kafka_producer(
	const struct config *config, const char *topic, bool forever, struct error *error);
/* See kafka_scan.h; topic: only this one, NULL: source.topics. */
struct kafka_scan *wire_kafka_scan(
	const struct config *config, const char *topic, int timeout_ms, struct error *error);

#endif
