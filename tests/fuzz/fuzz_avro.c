/* Any schema and any bytes: both are refused with a reason, or the twin is JSON that the rest of
 * the bridge reads. The input is a schema's text, a byte 0xff (no UTF-8 holds it) and a value. */
#include <stdlib.h>
#include <string.h>

#include "avro_twin.h"
#include "json_span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void check_twin(struct span text)
{
	struct js_doc doc = {0};
	struct error error = {0};

	expect(js_parse(&doc, text, JS_MAX_DEPTH, &error));
	expect(js_count(&doc, 0) == 2);
	expect(js_type_of(&doc, js_member(&doc, 0, "schema")) == JS_OBJECT);
	expect(js_member(&doc, 0, "payload") != JS_NONE);
	js_doc_clear(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;
	size_t len = end ? (size_t)(end - data) : size;
	struct span body = {(const char *)data + len, size - len};
	struct error error = {0};
	struct strbuf out = {0};
	struct twin_schema *schema =
		twin_schema_new((struct span){(const char *)data, len}, &error);

	expect(schema ? error.kind == ERROR_NONE : error.kind == ERROR_REFUSED && error.text[0]);
	if (schema && end) {
		body.ptr++;
		body.len--;
		if (twin_decode(schema, body, &out, &error))
			check_twin(strbuf_span(&out));
		else
			expect(error.kind == ERROR_REFUSED && error.text[0]);
	}
	twin_schema_free(schema);
	strbuf_clear(&out);
	return 0;
}
