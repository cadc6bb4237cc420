/* The records that Kafka holds, each with what `run` would make of it. */
#ifndef ROWSTREAM_RECORD_WALK_H
#define ROWSTREAM_RECORD_WALK_H

#include "config.h"
#include "event.h"
#include "group.h"
#include "kafka_scan.h"
#include "mapping.h"

struct record_walk;

/* topic: only this one, NULL: those of source.topics. Everything is borrowed. NULL and error as
 * wire_mapping, wire_registry and kafka_scan_new; ERROR_INPUT where source.topics does not name
 * topic. */
struct record_walk *record_walk_open(
	const struct config *config, const char *topic, struct error *error);
void record_walk_close(struct record_walk *walk);

/* The records that the operator skipped, from now on. */
void record_walk_skips(struct record_walk *walk, const struct group *group);
struct kafka_scan *record_walk_scan(struct record_walk *walk);
const struct mapping *record_walk_mapping(const struct record_walk *walk);

/* One record; valid until the next call. */
struct record_step {
	const struct record *record;
	size_t extent; /* of the scan */
	enum mapping_result result;
	struct event *event; /* MAPPING_EVENT; set it to NULL to keep it */
	struct error why;    /* MAPPING_REFUSED */
};

/* After kafka_scan_start. False: the end, or an error: ERROR_RETRY, Kafka or the registry is away.
 */
bool record_walk_next(struct record_walk *walk, struct record_step **step, struct error *error);

#endif
