/* Schemas by id, and records that are read with them: key and value in Avro -> their twins in JSON.
 * Where a schema comes from is not known here. */
#ifndef ROWSTREAM_TWINS_H
#define ROWSTREAM_TWINS_H

#include "avro_twin.h"
#include "record.h"

struct twins;

struct twins *twins_new(void);
void twins_free(struct twins *twins);

/* From now on id stands for schema (which becomes the module's), or, where that is NULL, records
 * with it are refused because of why. */
void twins_put(
	struct twins *twins, uint32_t id, struct twin_schema *schema, const struct error *why);
/* All of a file: {"ids": {"7": {"schema": "…", …}}}, each as the registry answers it. False: error
 * (ERROR_INPUT). */
bool twins_put_file(struct twins *twins, const char *path, struct error *error);

struct twins_wanted {
	uint32_t ids[2];
	size_t count;
};

/* The ids in the record's frames that were not put yet; true if there are any. */
bool twins_wanting(
	const struct twins *twins, const struct record *record, struct twins_wanted *wanted);

/* out is in with its framed parts replaced; these are valid until the next call. False: error
 * (ERROR_REFUSED) with the schema's id. */
bool twins_read(
	struct twins *twins, const struct record *in, struct record *out, struct error *error);

#endif
