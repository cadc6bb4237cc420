/* Stream names: templates, escaping, rendered keys, the length limit. */
#include "stream_name.h"

#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

#define MAX_NAME_BYTES 512
#define KEPT_BYTES 400

enum place {
	PLACE_LITERAL,
	PLACE_TABLE,
	PLACE_SCHEMA,
	PLACE_DB,
	PLACE_NAME,
	PLACE_TOPIC,
	PLACE_PARTITION,
	PLACE_KEY,
};

static const char *const place_names[] = {
	"", "table", "schema", "db", "name", "topic", "partition", "key"};

struct part {
	enum place place;
	char *literal;
};

struct stream_template {
	size_t count, key; /* key: index of {key} */
	struct part parts[];
};

/* --- Escaping --- */

/* Letters, digits and . _ @ ! * ( ) ' survive every server's decoding of a path. */
static bool is_plain(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("._@!*()'", c) != NULL);
}

void stream_name_escape(struct span value, bool is_key, struct strbuf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (is_plain(c) || c >= 0x80 || (is_key && c == '-'))
			strbuf_add_char(out, (char)c);
		else
			strbuf_add(out, (char[]){'~', hex[c >> 4], hex[c & 15]}, 3);
	}
}

/* --- Templates --- */

void stream_template_free(struct stream_template *tmpl)
{
	size_t i;

	if (!tmpl)
		return;
	for (i = 0; i < tmpl->count; i++)
		free(tmpl->parts[i].literal);
	free(tmpl);
}

static bool take_place(struct part *part, const char **at, struct error *error)
{
	const char *end = strchr(*at, '}');
	struct span name = {*at + 1, end ? (size_t)(end - *at - 1) : 0};
	int place;

	for (place = PLACE_TABLE; end && place <= PLACE_KEY; place++) {
		if (!span_is(name, place_names[place]))
			continue;
		part->place = (enum place)place;
		*at = end + 1;
		return true;
	}
	error_set(error, ERROR_INPUT,
		"'%.*s' is no placeholder; there are {table} {schema} {db} {name} {topic} "
		"{partition} {key}",
		end ? (int)(end + 1 - *at) : (int)strlen(*at), *at);
	return false;
}

static bool take_literal(struct part *part, const char **at, struct error *error)
{
	size_t len = strcspn(*at, "{"), i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)(*at)[i];

		if (!is_plain(c) && c != '-') {
			error_set(error, ERROR_INPUT,
				"'%c' cannot stand in a stream's name; letters, digits and - . _ @ "
				"! * ( ) ' can",
				c);
			return false;
		}
	}
	part->literal = xstrndup(*at, len);
	*at += len;
	return true;
}

/* The category is what stands before the first '-': it must end where the key begins. */
static bool check_dashes(struct stream_template *tmpl, struct error *error)
{
	bool dash_seen = false, good = false;
	size_t i;

	for (i = 0; i < tmpl->count; i++) {
		const char *literal = tmpl->parts[i].literal;
		const char *dash = literal ? strchr(literal, '-') : NULL;

		if (tmpl->parts[i].place == PLACE_KEY) {
			tmpl->key = i;
			good = dash_seen;
			break;
		}
		if (dash_seen || (dash && dash[1]))
			break;
		dash_seen = dash != NULL;
		if (dash_seen && i == 0 && dash == literal)
			break;
	}
	for (i++; good && i < tmpl->count; i++)
		good = tmpl->parts[i].place != PLACE_KEY;
	if (!good)
		error_set(error, ERROR_INPUT,
			"a template has '-' directly before its only {key}, none earlier, and "
			"something before it, as in {schema}.{table}-{key}");
	return good;
}

struct stream_template *stream_template_new(const char *text, struct error *error)
{
	struct stream_template *tmpl =
		xcalloc(1, sizeof(*tmpl) + (strlen(text) + 1) * sizeof(tmpl->parts[0]));
	const char *at = text;
	bool good = true;

	while (*at && good) {
		struct part *part = &tmpl->parts[tmpl->count++];

		good = *at == '{' ? take_place(part, &at, error) : take_literal(part, &at, error);
	}
	if (good && check_dashes(tmpl, error))
		return tmpl;
	stream_template_free(tmpl);
	return NULL;
}

bool stream_template_needs_source(const struct stream_template *tmpl)
{
	size_t i;

	for (i = 0; i < tmpl->count; i++)
		if (tmpl->parts[i].place == PLACE_SCHEMA || tmpl->parts[i].place == PLACE_DB ||
			tmpl->parts[i].place == PLACE_NAME)
			return true;
	return false;
}

static void add_part(const struct part *part, const struct change *change, struct strbuf *out)
{
	switch (part->place) {
	case PLACE_LITERAL:
		strbuf_add_text(out, part->literal);
		break;
	case PLACE_TABLE:
		stream_name_escape(change->table, false, out);
		break;
	case PLACE_SCHEMA:
		stream_name_escape(change->schema, false, out);
		break;
	case PLACE_DB:
		stream_name_escape(change->db, false, out);
		break;
	case PLACE_NAME:
		stream_name_escape(change->name, false, out);
		break;
	case PLACE_TOPIC:
		stream_name_escape(span_of(change->record->topic), false, out);
		break;
	case PLACE_PARTITION:
		strbuf_add_int(out, change->record->partition);
		break;
	case PLACE_KEY:
		break;
	}
}

/* --- Keys --- */

static bool is_routers(struct span name)
{
	return span_is(name, "__dbz__physicalTableIdentifier") ||
	       span_is(name, "__sourceIdentifier");
}

/* The schema object of one of the key's columns, or JS_NONE. */
static uint32_t column_schema(const struct change *change, struct span name)
{
	const struct js_doc *doc = &change->key_doc;
	uint32_t fields = js_member(doc, change->key_schema, "fields"), field;

	for (field = js_first(doc, fields); field != JS_NONE; field = js_next(doc, fields, field)) {
		uint32_t is = js_member(doc, field, "field");
		struct span text = js_text(doc, is);

		if (is != JS_NONE && js_type_of(doc, is) == JS_STRING && span_equal(text, name))
			return field;
	}
	return JS_NONE;
}

static bool decimal_scale(const struct js_doc *doc, uint32_t schema, int64_t *scale)
{
	uint32_t text;
	struct span raw;

	if (!js_string_is(
		    doc, js_member(doc, schema, "name"), "org.apache.kafka.connect.data.Decimal"))
		return false;
	text = js_member(doc, js_member(doc, schema, "parameters"), "scale");
	raw = js_text(doc, text);
	return text != JS_NONE && raw.len > 2 &&
	       span_to_int64((struct span){raw.ptr + 1, raw.len - 2}, scale);
}

/* {"scale":…,"value":…}, exactly: a VariableScaleDecimal. */
static bool variable_decimal(struct change *change, uint32_t node, struct strbuf *out)
{
	const struct js_doc *doc = &change->key_doc;
	uint32_t scale_node = js_member(doc, node, "scale"), value = js_member(doc, node, "value");
	int64_t scale;

	return js_count(doc, node) == 2 && scale_node != JS_NONE && value != JS_NONE &&
	       js_type_of(doc, value) == JS_STRING &&
	       span_to_int64(js_text(doc, scale_node), &scale) &&
	       decimal_text(change_text_of(change, doc, value), scale, out);
}

/* A string's characters, unless these are JSON other than a string: then with its quotes. */
static void add_mongo_string(struct change *change, const struct js_doc *doc, struct strbuf *out)
{
	struct js_doc inner = {0};
	struct error ignored = {0};
	struct span characters = change_text_of(change, doc, 0);

	if (js_parse(&inner, characters, JS_MAX_DEPTH, &ignored) &&
		js_type_of(&inner, 0) != JS_STRING)
		strbuf_add_span(out, js_text(doc, 0));
	else
		strbuf_add_span(out, characters);
	js_doc_clear(&inner);
}

/* MongoDB's id is a string of extended JSON. */
static bool add_mongo_id(
	struct change *change, struct span text, struct strbuf *out, struct error *error)
{
	struct js_doc *doc = &change->header_doc;
	struct error ignored = {0};

	if (!js_parse(doc, text, JS_MAX_DEPTH, &ignored)) {
		strbuf_add_span(out, text);
		return true;
	}
	if (js_has_lone_surrogate(doc, 0) || js_has_repeated_member(doc, 0)) {
		error_set(error, ERROR_REFUSED,
			"the id in its key holds half of a surrogate pair or a member twice, "
			"which makes no name");
		return false;
	}
	if (js_type_of(doc, 0) == JS_STRING)
		add_mongo_string(change, doc, out);
	else if (js_type_of(doc, 0) == JS_OBJECT && js_count(doc, 0) == 1 &&
		 js_type_of(doc, js_member(doc, 0, "$oid")) == JS_STRING)
		js_string(doc, js_member(doc, 0, "$oid"), out);
	else
		js_compact(doc, 0, out);
	return true;
}

static bool add_string(
	struct change *change, uint32_t node, struct strbuf *out, struct error *error)
{
	struct span text = change_text_of(change, &change->key_doc, node);

	if (span_is(change->connector, "mongodb"))
		return add_mongo_id(change, text, out, error);
	strbuf_add_span(out, text);
	return true;
}

/* As base64, or as a number (decimal.format=NUMERIC). */
static bool add_decimal(struct change *change, uint32_t node, int64_t scale, struct strbuf *out,
	struct error *error)
{
	const struct js_doc *doc = &change->key_doc;

	if (js_type_of(doc, node) == JS_NUMBER && decimal_literal(js_text(doc, node), scale, out))
		return true;
	if (js_type_of(doc, node) == JS_STRING &&
		decimal_text(change_text_of(change, doc, node), scale, out))
		return true;
	error_set(error, ERROR_REFUSED, "a decimal of the key is no base64 number of its scale");
	return false;
}

/* The column's text, not yet escaped. */
static enum key_result add_column(struct change *change, uint32_t node, uint32_t schema,
	struct strbuf *out, struct error *error)
{
	const struct js_doc *doc = &change->key_doc;
	int64_t scale;

	if (js_is_null(doc, node))
		return KEY_ABSENT;
	if (decimal_scale(doc, schema, &scale))
		return add_decimal(change, node, scale, out, error) ? KEY_RENDERED : KEY_REFUSED;
	switch (js_type_of(doc, node)) {
	case JS_STRING:
		return add_string(change, node, out, error) ? KEY_RENDERED : KEY_REFUSED;
	case JS_OBJECT:
		if (variable_decimal(change, node, out))
			return KEY_RENDERED;
		js_compact(doc, node, out);
		return KEY_RENDERED;
	case JS_ARRAY:
		js_compact(doc, node, out);
		return KEY_RENDERED;
	default:
		strbuf_add_span(out, js_text(doc, node));
		return KEY_RENDERED;
	}
}

static enum key_result add_columns(
	struct change *change, struct strbuf *column, struct strbuf *out, struct error *error)
{
	const struct js_doc *doc = &change->key_doc;
	size_t columns = 0;
	uint32_t name;

	for (name = js_first(doc, change->key); name != JS_NONE;
		name = js_next(doc, change->key, name)) {
		enum key_result result;

		if (is_routers(change_text_of(change, doc, name)) &&
			change->form != CHANGE_FLATTENED)
			continue;
		strbuf_reset(column);
		result = add_column(
			change, name + 1, column_schema(change, js_text(doc, name)), column, error);
		if (result != KEY_RENDERED)
			return result;
		if (columns++)
			strbuf_add_char(out, ':');
		stream_name_escape(strbuf_span(column), true, out);
	}
	return columns ? KEY_RENDERED : KEY_ABSENT;
}

enum key_result stream_key(struct change *change, struct strbuf *out, struct error *error)
{
	struct strbuf column = {0};
	enum key_result result;

	if (!change->key_is_json) {
		stream_name_escape(change->record->key, true, out);
		return KEY_RENDERED;
	}
	if (change->key == JS_NONE)
		return KEY_ABSENT;
	/* An object is columns, even two that are called scale and value. */
	if (js_type_of(&change->key_doc, change->key) == JS_OBJECT) {
		result = add_columns(change, &column, out, error);
	} else {
		result = add_column(change, change->key, change->key_schema, &column, error);
		if (result == KEY_RENDERED)
			stream_name_escape(strbuf_span(&column), true, out);
	}
	strbuf_clear(&column);
	return result;
}

/* --- Whole names --- */

void stream_name_limit(struct strbuf *name)
{
	struct sha1_ctx sha;
	uint8_t digest[SHA1_DIGEST_SIZE];
	size_t i, keep = KEPT_BYTES;

	if (name->len <= MAX_NAME_BYTES)
		return;
	sha1_init(&sha);
	sha1_update(&sha, name->len, (const uint8_t *)name->data);
	sha1_digest(&sha, sizeof(digest), digest);
	while (((unsigned char)name->data[keep] & 0xc0) == 0x80)
		keep--;
	name->len = keep;
	strbuf_add_text(name, "~~");
	for (i = 0; i < sizeof(digest); i++)
		strbuf_printf(name, "%02x", digest[i]);
}

static void add_before_key(
	const struct stream_template *tmpl, const struct change *change, struct strbuf *out)
{
	size_t i;

	for (i = 0; i < tmpl->key; i++)
		add_part(&tmpl->parts[i], change, out);
}

enum key_result stream_of_row(const struct stream_template *tmpl, struct change *change,
	struct strbuf *out, struct error *error)
{
	enum key_result result;
	size_t i;

	strbuf_reset(out);
	add_before_key(tmpl, change, out);
	result = stream_key(change, out, error);
	for (i = tmpl->key + 1; i < tmpl->count; i++)
		add_part(&tmpl->parts[i], change, out);
	stream_name_limit(out);
	return result;
}

void stream_of_table(const struct stream_template *tmpl, struct change *change, struct strbuf *out)
{
	strbuf_reset(out);
	add_before_key(tmpl, change, out);
	strbuf_printf(out, "~partition:%d", (int)change->record->partition);
	stream_name_limit(out);
}
