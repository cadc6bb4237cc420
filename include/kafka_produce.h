/* Records out to one Kafka topic, in order, each acknowledged by all its replicas: for `replay`. */
#ifndef ROWSTREAM_KAFKA_PRODUCE_H
#define ROWSTREAM_KAFKA_PRODUCE_H

#include "kafka.h"
#include "record.h"

struct kafka_producer;

/* The topic must be there, or the broker make it. forever: a broker that is away is waited for
 * without end; else an unacknowledged record fails after the library's message.timeout.ms (30 s
 * where the properties do not say). NULL and error: ERROR_INPUT, a property is refused;
 * ERROR_RETRY, no broker answers; ERROR_REFUSED, the topic. */
struct kafka_producer *kafka_producer_new(
	const struct kafka_options *options, const char *topic, bool forever, struct error *error);
/* Drops what is not acknowledged. */
void kafka_producer_free(struct kafka_producer *producer);

/* Queues one record (key, value, headers; the rest of it is ignored); copied. Which partition:
 * the library's partitioner, by the key. False and error: it will never be taken (too large), or
 * one before it failed. Waits while the library's queue is full. */
bool kafka_produce(
	struct kafka_producer *producer, const struct record *record, struct error *error);

/* Waits until everything queued is acknowledged. False with error: something failed and nothing
 * more may be produced (ERROR_RETRY: the broker is away); false without: time is up. */
bool kafka_produced(struct kafka_producer *producer, int timeout_ms, struct error *error);
/* What the library complained of last, "" if nothing. */
const char *kafka_producer_trouble(const struct kafka_producer *producer);

#endif
