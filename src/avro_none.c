/* In the place of avro_schema.c and avro_twin.c where the program is built without libavro. */
#include "avro_twin.h"

struct twin_schema *twin_schema_new(struct span text, struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"this rowstream was built --without-avro: build it with libavro, or use "
		"JsonConverter in the connector");
	return NULL;
}

void twin_schema_free(struct twin_schema *schema)
{
}

bool twin_decode(
	const struct twin_schema *schema, struct span body, struct strbuf *out, struct error *error)
{
	return false;
}

bool twin_is_built_in(void)
{
	return false;
}

const char *twin_library_version(void)
{
	return "without libavro: topics in Avro are refused";
}
