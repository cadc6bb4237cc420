/* The JSON reader against jansson: both accept or both refuse, and both see the same values. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "json_span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* Where jansson deliberately takes less than RFC 8259 allows; ours takes these. */
static bool jansson_may_refuse(const struct js_doc *doc, enum json_error_code code)
{
	uint32_t node, child;

	/* Numbers become doubles and 64-bit integers there. */
	if (code == json_error_numeric_overflow)
		return true;
	/* Characters become UTF-8 there, which half a surrogate pair has none in. */
	if (js_has_lone_surrogate(doc, 0))
		return true;
	/* Names are C strings there. */
	for (node = 0; node < doc->count; node++) {
		if (doc->nodes[node].type != JS_OBJECT)
			continue;
		for (child = js_first(doc, node); child != JS_NONE;
			child = js_next(doc, node, child)) {
			struct span name = js_text(doc, child);

			if (memmem(name.ptr, name.len, "\\u0000", 6))
				return true;
		}
	}
	return false;
}

static bool same_text(const struct js_doc *doc, uint32_t node, const char *text, size_t len)
{
	struct strbuf characters = {0};
	bool same = js_string(doc, node, &characters) &&
		    span_equal(strbuf_span(&characters), (struct span){text, len});

	strbuf_clear(&characters);
	return same;
}

static void compare(const struct js_doc *doc, uint32_t node, const json_t *tree)
{
	uint32_t child;
	size_t i = 0;
	void *iter;

	switch (js_type_of(doc, node)) {
	case JS_NULL:
		expect(json_is_null(tree));
		return;
	case JS_FALSE:
		expect(json_is_false(tree));
		return;
	case JS_TRUE:
		expect(json_is_true(tree));
		return;
	case JS_NUMBER:
		expect(doc->nodes[node].flags & JS_FRACTION ? json_is_real(tree)
							    : json_is_integer(tree));
		return;
	case JS_STRING:
		expect(same_text(doc, node, json_string_value(tree), json_string_length(tree)));
		return;
	case JS_ARRAY:
		expect(json_array_size(tree) == js_count(doc, node));
		for (child = js_first(doc, node); child != JS_NONE;
			child = js_next(doc, node, child))
			compare(doc, child, json_array_get(tree, i++));
		return;
	case JS_OBJECT:
		expect(json_object_size(tree) == js_count(doc, node));
		iter = json_object_iter((json_t *)tree);
		for (child = js_first(doc, node); child != JS_NONE;
			child = js_next(doc, node, child)) {
			const char *name = json_object_iter_key(iter);

			expect(same_text(doc, child, name, strlen(name)));
			expect(js_string_is(doc, child, name));
			expect(js_member(doc, node, name) == child + 1);
			compare(doc, child + 1, json_object_iter_value(iter));
			iter = json_object_iter_next((json_t *)tree, iter);
		}
	}
}

static bool any_fraction(const struct js_doc *doc)
{
	uint32_t node;

	for (node = 0; node < doc->count; node++)
		if (doc->nodes[node].flags & JS_FRACTION)
			return true;
	return false;
}

/* jansson indents as the store does; its floats it prints otherwise. */
static void check_stored_bytes(const struct js_doc *doc, const json_t *tree)
{
	char *dump;

	if (any_fraction(doc))
		return;
	dump = json_dumps(tree, JSON_INDENT(2) | JSON_ENCODE_ANY);
	if (dump)
		expect(js_stored_bytes(doc, 0) >= strlen(dump));
	free(dump);
}

/* Compacting changes nothing but the bytes between tokens, and a second time nothing at all. */
static void check_compact(const struct js_doc *doc)
{
	struct strbuf once = {0}, twice = {0};
	struct js_doc again = {0};
	struct error error = {0};
	uint32_t node;

	js_compact(doc, 0, &once);
	expect(js_parse(&again, strbuf_span(&once), JS_MAX_DEPTH, &error));
	expect(again.count == doc->count);
	for (node = 0; node < doc->count; node++)
		if (doc->nodes[node].type < JS_ARRAY)
			expect(span_equal(js_text(doc, node), js_text(&again, node)));
	js_compact(&again, 0, &twice);
	expect(span_equal(strbuf_span(&once), strbuf_span(&twice)));
	js_doc_clear(&again);
	strbuf_clear(&once);
	strbuf_clear(&twice);
}

static void check_numbers(const struct js_doc *doc)
{
	uint32_t node;

	for (node = 0; node < doc->count; node++)
		if (doc->nodes[node].type == JS_NUMBER)
			js_number_survives(js_text(doc, node));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct js_doc doc;
	struct error error = {0};
	json_error_t why;
	bool ok = js_parse(&doc, (struct span){(const char *)data, size}, JS_MAX_DEPTH, &error);
	json_t *tree = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

	expect(ok == (error.kind == ERROR_NONE));
	if (ok && !tree)
		expect(jansson_may_refuse(&doc, json_error_code(&why)));
	/* It goes to a depth of 2,048, and loses a NUL byte that it has put back behind a number.
	 */
	if (!ok && tree)
		expect(doc.too_deep || memchr(data, 0, size));
	if (ok) {
		check_compact(&doc);
		check_numbers(&doc);
	}
	/* Of repeated members it keeps one. */
	if (ok && tree && !js_has_repeated_member(&doc, 0)) {
		compare(&doc, 0, tree);
		check_stored_bytes(&doc, tree);
	}
	json_decref(tree);
	return 0;
}
