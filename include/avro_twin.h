/* Avro with its schema's id before it, as the converters of schema registries write it -> the JSON
 * text that JsonConverter writes of the same record, its schema block included: the record's twin,
 * which all other modules read. libavro is hidden here.
 *
 * Sources: Avro 1.11, "Binary Encoding"; Confluent's wire format (a zero byte, four bytes of id,
 * the value); Kafka's JsonConverter; AvroData of the converters: what they keep in a schema's
 * `connect.*` members and logical types. */
#ifndef ROWSTREAM_AVRO_TWIN_H
#define ROWSTREAM_AVRO_TWIN_H

#include "error.h"
#include "strbuf.h"

struct twin_schema;

/* True for a zero byte and an id; body is what stands behind them. */
bool twin_is_framed(struct span bytes, uint32_t *id, struct span *body);

/* What a schema's own JSON says; text is borrowed for the call. NULL and error (ERROR_REFUSED):
 * no Avro schema, or one that has no twin (a union of several types, a type that holds itself), or
 * one that is too large. */
struct twin_schema *twin_schema_new(struct span text, struct error *error);
/* The same out of a registry's answer, {"schema":"…","schemaType":"AVRO","references":[]}.
 * *is_answer is set to whether it was one at all. */
struct twin_schema *twin_schema_of_answer(struct span answer, bool *is_answer, struct error *error);
void twin_schema_free(struct twin_schema *schema);

/* Adds the twin of body to out. False: error (ERROR_REFUSED) says which field does not fit the
 * schema; out holds what came before. Any bytes are safe: memory stays within a small multiple of
 * body's length, and the text within 32 MiB. */
bool twin_decode(const struct twin_schema *schema, struct span body, struct strbuf *out,
	struct error *error);

/* "libavro 1.11.1"; what it says where the program was built without it. */
const char *twin_library_version(void);
/* False: built without libavro, every schema is refused. */
bool twin_is_built_in(void);

#endif
