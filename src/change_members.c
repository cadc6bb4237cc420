/* Reading members of known names and types, wrappers and headers. */
#include "change_internal.h"

#include <stdio.h>
#include <string.h>

/* --- Members --- */

/* The index of a name, -1 if it is none of them. */
static int index_of(const struct member_names *names, struct span name)
{
	const struct member_name *candidate;

	if (name.len > names->longest || !names->by_length[name.len]) /* none is empty */
		return -1;
	for (candidate = names->by_length[name.len]; candidate->text; candidate++)
		if (candidate->text[0] == name.ptr[0] &&
			memcmp(candidate->text, name.ptr, name.len) == 0)
			return candidate->index;
	return -1;
}

bool change_find_members(struct change *change, uint32_t object, const struct member_names *names,
	struct members *found, struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t at;
	int i;

	for (i = 0; i < MEMBERS_MAX; i++)
		found->node[i] = JS_NONE;
	found->present = found->others = 0;
	for (at = js_first(doc, object); at != JS_NONE; at = js_next(doc, object, at)) {
		struct span name;

		if (!js_string_span(doc, at, &change->arena, &name) ||
			(i = index_of(names, name)) < 0) {
			found->others++;
			continue;
		}
		if (found->present & MEMBER_BIT(i)) {
			error_set(error, ERROR_REFUSED, "the member \"%.*s\" stands there twice",
				SPAN_ARG(name));
			return false;
		}
		found->node[i] = at + 1;
		found->present |= MEMBER_BIT(i);
	}
	return true;
}

static const char *type_name(enum js_type type)
{
	static const char *const names[] = {
		"null", "a boolean", "a boolean", "a number", "a string", "an array", "an object"};

	return names[type];
}

static const char *kinds_name(unsigned kinds)
{
	if (kinds == TAKE_STRING)
		return "a string";
	if (kinds == TAKE_NUMBER)
		return "a number";
	return kinds & TAKE_BOOLEAN ? "a string or a boolean" : "a string or a number";
}

/* The member's name stands before its value. */
static bool refuse_member(
	const struct change *change, uint32_t node, const char *what, struct error *error)
{
	error_set(error, ERROR_REFUSED, "%.*s is %s",
		SPAN_ARG(js_text(&change->value_doc, node - 1)), what);
	return false;
}

bool change_take(struct change *change, uint32_t node, unsigned kinds, struct span *text,
	struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	enum js_type type = js_type_of(doc, node);
	char what[64];

	*text = SPAN_NULL;
	if (type == JS_NULL)
		return true;
	if (type == JS_STRING && (kinds & TAKE_STRING)) {
		if (js_string_span(doc, node, &change->arena, text))
			return true;
		*text = SPAN_NULL;
		return refuse_member(
			change, node, "no text: it holds half of a surrogate pair", error);
	}
	if ((type == JS_NUMBER && (kinds & TAKE_NUMBER)) ||
		((type == JS_TRUE || type == JS_FALSE) && (kinds & TAKE_BOOLEAN))) {
		*text = js_text(doc, node);
		return true;
	}
	snprintf(what, sizeof(what), "%s, not %s", type_name(type), kinds_name(kinds));
	return refuse_member(change, node, what, error);
}

bool change_check_ms(struct span text, const char *name, struct error *error)
{
	int64_t ms;

	if (!text.ptr || span_to_int64(text, &ms))
		return true;
	error_set(error, ERROR_REFUSED, "%s is no time in milliseconds", name);
	return false;
}

bool change_take_ms(struct change *change, uint32_t node, struct span *text, struct error *error)
{
	return change_take(change, node, TAKE_STRING | TAKE_NUMBER, text, error) &&
	       change_check_ms(*text, "ts_ms", error);
}

struct span change_text_of(struct change *change, const struct js_doc *doc, uint32_t node)
{
	struct span text;

	switch (js_type_of(doc, node)) {
	case JS_STRING:
		return js_string_span(doc, node, &change->arena, &text) ? text : SPAN_NULL;
	case JS_NUMBER:
	case JS_TRUE:
	case JS_FALSE:
		return js_text(doc, node);
	default:
		return SPAN_NULL;
	}
}

/* --- Wrappers --- */

uint32_t change_unwrap(const struct js_doc *doc, uint32_t node, uint32_t *schema)
{
	uint32_t first = js_first(doc, node), second, schema_node, payload;

	*schema = JS_NONE;
	if (first == JS_NONE || js_type_of(doc, node) != JS_OBJECT)
		return node;
	second = js_next(doc, node, first);
	if (second == JS_NONE || js_next(doc, node, second) != JS_NONE)
		return node;
	schema_node = js_member(doc, node, "schema");
	payload = js_member(doc, node, "payload");
	if (schema_node == JS_NONE || payload == JS_NONE ||
		(js_type_of(doc, schema_node) != JS_OBJECT && !js_is_null(doc, schema_node)))
		return node;
	if (!js_is_null(doc, schema_node))
		*schema = schema_node;
	return payload;
}

/* --- Headers --- */

struct span change_header_text(struct change *change, struct span value)
{
	struct error ignored = {0};
	uint32_t schema, node;

	if (!value.ptr)
		return SPAN_NULL;
	if (!js_parse(&change->header_doc, value, JS_MAX_DEPTH, &ignored))
		return js_utf8_is_valid(value) ? value : SPAN_NULL;
	node = change_unwrap(&change->header_doc, 0, &schema);
	return change_text_of(change, &change->header_doc, node);
}

/* As JSON with a wrapper taken off; text that is no JSON becomes a JSON string. */
static struct span header_json(struct change *change, struct span value)
{
	struct error ignored = {0};
	uint32_t schema, node;

	if (!value.ptr)
		return SPAN_NULL;
	if (js_parse(&change->header_doc, value, JS_MAX_DEPTH, &ignored)) {
		node = change_unwrap(&change->header_doc, 0, &schema);
		/* Which one counts, its readers could not agree on. */
		if (js_has_repeated_member(&change->header_doc, node))
			return SPAN_NULL;
		return js_text(&change->header_doc, node);
	}
	if (!js_utf8_is_valid(value))
		return SPAN_NULL;
	strbuf_reset(&change->scratch);
	strbuf_add_json(&change->scratch, value);
	return arena_copy(&change->arena, strbuf_span(&change->scratch));
}

void change_read_moves(struct change *change)
{
	const struct record *record = change->record;
	size_t i;

	for (i = 0; i < record->header_count; i++) {
		const struct header *header = &record->headers[i];

		if (span_is(header->name, "__debezium.newkey"))
			change->moved_to = header_json(change, header->value);
		else if (span_is(header->name, "__debezium.oldkey"))
			change->moved_from = header_json(change, header->value);
	}
}
