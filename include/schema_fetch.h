/* Schemas for one record in Avro, waited for: for commands, which have nothing else to do. */
#ifndef ROWSTREAM_SCHEMA_FETCH_H
#define ROWSTREAM_SCHEMA_FETCH_H

#include "registry.h"
#include "twins.h"

/* Asks registry for the record's schemas that are not in twins yet. False: error (ERROR_RETRY), it
 * is away. */
bool schema_fetch(struct registry *registry, struct twins *twins, const struct record *record,
	struct error *error);

#endif
