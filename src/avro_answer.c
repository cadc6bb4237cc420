/* What needs no libavro: the frame around a value, and a registry's answer around a schema. */
#include "avro_twin.h"

#include <jansson.h>
#include <string.h>

#define FRAME_BYTES 5

bool twin_is_framed(struct span bytes, uint32_t *id, struct span *body)
{
	const unsigned char *b = (const unsigned char *)bytes.ptr;

	if (!b || bytes.len < FRAME_BYTES || b[0] != 0)
		return false;
	*id = (uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | b[4];
	*body = (struct span){bytes.ptr + FRAME_BYTES, bytes.len - FRAME_BYTES};
	return true;
}

static struct twin_schema *schema_of(const json_t *answer, struct error *error)
{
	const json_t *text = json_object_get(answer, "schema");
	const char *type = json_string_value(json_object_get(answer, "schemaType"));

	if (type && strcmp(type, "AVRO") != 0) {
		error_set(error, ERROR_REFUSED, "its type is %.40s, and only AVRO is read", type);
		return NULL;
	}
	if (json_array_size(json_object_get(answer, "references")) > 0) {
		error_set(error, ERROR_REFUSED,
			"it refers to other schemas of the registry, which is not covered: "
			"register it as one schema");
		return NULL;
	}
	return twin_schema_new(
		(struct span){json_string_value(text), json_string_length(text)}, error);
}

struct twin_schema *twin_schema_of_answer(struct span answer, bool *is_answer, struct error *error)
{
	json_t *json = json_loadb(answer.ptr ? answer.ptr : "", answer.len, JSON_ALLOW_NUL, NULL);
	struct twin_schema *schema = NULL;

	*is_answer = json_is_string(json_object_get(json, "schema"));
	if (*is_answer)
		schema = schema_of(json, error);
	else
		error_set(error, ERROR_REFUSED, "no answer of a schema registry");
	json_decref(json);
	return schema;
}
