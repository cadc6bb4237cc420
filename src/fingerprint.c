/* SHA-256, cut short, over the parts' canonical texts. */
#include "fingerprint.h"

#include <ctype.h>
#include <nettle/sha2.h>
#include <string.h>

#include "json_equal.h"

static uint64_t hash(struct span text)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	uint64_t value;

	sha256_init(&sha);
	sha256_update(&sha, text.len, (const uint8_t *)text.ptr);
	sha256_digest(&sha, sizeof(digest), digest);
	memcpy(&value, digest, sizeof(value));
	return value;
}

uint64_t fingerprint_of_stream(struct span stream)
{
	return hash(stream);
}

static uint64_t hash_of_data(struct fingerprinter *printer, struct span data)
{
	struct error ignored = {0};

	strbuf_reset(&printer->text);
	if (data.ptr && js_parse(&printer->doc, data, JS_MAX_DEPTH, &ignored))
		js_canonical(&printer->doc, 0, &printer->text);
	return hash(strbuf_span(&printer->text));
}

static uint64_t hash_of_metadata(struct fingerprinter *printer, struct span metadata)
{
	struct error ignored = {0};
	uint32_t name;

	strbuf_reset(&printer->text);
	if (!metadata.ptr || !js_parse(&printer->doc, metadata, JS_MAX_DEPTH, &ignored) ||
		js_type_of(&printer->doc, 0) != JS_OBJECT)
		return hash(strbuf_span(&printer->text));
	for (name = js_first(&printer->doc, 0); name != JS_NONE;
		name = js_next(&printer->doc, 0, name)) {
		if (js_string_is(&printer->doc, name, "late"))
			continue;
		js_canonical(&printer->doc, name, &printer->text);
		js_canonical(&printer->doc, name + 1, &printer->text);
	}
	return hash(strbuf_span(&printer->text));
}

static uint64_t hash_of_type(struct fingerprinter *printer, struct span id, struct span type)
{
	size_t i;

	strbuf_reset(&printer->text);
	for (i = 0; i < id.len; i++)
		strbuf_add_char(&printer->text, (char)tolower((unsigned char)id.ptr[i]));
	strbuf_add_char(&printer->text, ' ');
	strbuf_add_span(&printer->text, type);
	return hash(strbuf_span(&printer->text));
}

struct fingerprint fingerprint_of(struct fingerprinter *printer, struct span stream, struct span id,
	struct span type, struct span data, struct span metadata)
{
	return (struct fingerprint){.stream = fingerprint_of_stream(stream),
		.data = hash_of_data(printer, data),
		.metadata = (uint32_t)hash_of_metadata(printer, metadata),
		.type = (uint32_t)hash_of_type(printer, id, type)};
}

void fingerprinter_clear(struct fingerprinter *printer)
{
	js_doc_clear(&printer->doc);
	strbuf_clear(&printer->text);
}
