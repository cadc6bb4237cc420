/* Columns that were not sent, because their large value did not change: how each type says so. */
#include <nettle/base64.h>
#include <nettle/md5.h>
#include <stdio.h>
#include <string.h>

#include "mapping_internal.h"

/* Java's UUID.nameUUIDFromBytes: version 3 without a namespace. */
static void encode_uuid(struct mapping *mapping, struct span text)
{
	struct md5_ctx md5;
	uint8_t d[MD5_DIGEST_SIZE];

	md5_init(&md5);
	md5_update(&md5, text.len, (const uint8_t *)text.ptr);
	md5_digest(&md5, sizeof(d), d);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x30);
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	snprintf(mapping->placeholder_uuid, sizeof(mapping->placeholder_uuid),
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1],
		d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14],
		d[15]);
}

/* hstore as a string of JSON: a string within a string. */
static void encode_hstore(struct mapping *mapping, struct span text)
{
	struct strbuf json = {0}, quoted = {0};

	strbuf_add_char(&json, '{');
	strbuf_add_json(&json, text);
	strbuf_add_char(&json, ':');
	strbuf_add_json(&json, text);
	strbuf_add_char(&json, '}');
	strbuf_add_json(&quoted, strbuf_span(&json));
	strbuf_add(&mapping->placeholder_hstore, quoted.data + 1, quoted.len - 2);
	strbuf_clear(&json);
	strbuf_clear(&quoted);
}

void mapping_encode_placeholder(struct mapping *mapping)
{
	struct span text = span_of(mapping->options.unavailable_value);
	struct strbuf *out = &mapping->placeholder_base64;

	base64_encode_raw(strbuf_reserve(out, BASE64_ENCODE_RAW_LENGTH(text.len)), text.len,
		(const uint8_t *)text.ptr);
	out->len = BASE64_ENCODE_RAW_LENGTH(text.len);
	encode_uuid(mapping, text);
	encode_hstore(mapping, text);
}

static bool string_is(
	const struct mapping *mapping, const struct js_doc *doc, uint32_t node, bool in_array)
{
	struct span raw = js_text(doc, node);

	if (js_type_of(doc, node) != JS_STRING)
		return false;
	raw = (struct span){raw.ptr + 1, raw.len - 2};
	return span_is(raw, mapping->options.unavailable_value) ||
	       span_equal(raw, strbuf_span(&mapping->placeholder_base64)) ||
	       (in_array ? span_is(raw, mapping->placeholder_uuid)
			 : span_equal(raw, strbuf_span(&mapping->placeholder_hstore)));
}

/* An array of numbers: the text's bytes. */
static bool codes_are(const struct mapping *mapping, const struct js_doc *doc, uint32_t array)
{
	const char *at = mapping->options.unavailable_value;
	uint32_t element;
	int64_t code;

	for (element = js_first(doc, array); element != JS_NONE;
		element = js_next(doc, array, element), at++)
		if (*at == '\0' || js_type_of(doc, element) != JS_NUMBER ||
			!span_to_int64(js_text(doc, element), &code) || code != (unsigned char)*at)
			return false;
	return *at == '\0';
}

static bool elements_are(const struct mapping *mapping, const struct js_doc *doc, uint32_t array)
{
	uint32_t element = js_first(doc, array);

	for (; element != JS_NONE; element = js_next(doc, array, element))
		if (!string_is(mapping, doc, element, true))
			return false;
	return true;
}

/* hstore as a map. */
static bool member_is(const struct mapping *mapping, const struct js_doc *doc, uint32_t object)
{
	const char *text = mapping->options.unavailable_value;
	uint32_t name = js_first(doc, object);

	return name != JS_NONE && js_next(doc, object, name) == JS_NONE &&
	       js_string_is(doc, name, text) && js_string_is(doc, name + 1, text);
}

bool mapping_is_placeholder(const void *context, const struct js_doc *doc, uint32_t node)
{
	const struct mapping *mapping = context;

	switch (js_type_of(doc, node)) {
	case JS_STRING:
		return string_is(mapping, doc, node, false);
	case JS_ARRAY:
		return js_count(doc, node) > 0 &&
		       (elements_are(mapping, doc, node) || codes_are(mapping, doc, node));
	case JS_OBJECT:
		return member_is(mapping, doc, node);
	default:
		return false;
	}
}
