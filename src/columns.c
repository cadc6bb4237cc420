/* Column rules over a row image: what is left out, hidden, or made readable. */
#include "columns.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>

#include "canonical.h"

struct columns {
	struct pattern_list *drop, *mask, *hash, *types;
	struct semantic *semantics; /* one for each pattern of types */
	struct columns_options options;
};

static bool open_types(
	struct columns *columns, const struct columns_options *options, struct error *error)
{
	const char **patterns = xcalloc(options->type_count, sizeof(*patterns));
	size_t i;

	columns->semantics = xcalloc(options->type_count, sizeof(*columns->semantics));
	for (i = 0; i < options->type_count; i++) {
		patterns[i] = options->types[i].pattern;
		if (semantic_of_text(options->types[i].type, &columns->semantics[i]))
			continue;
		error_set(error, ERROR_INPUT,
			"types: %s: '%s' is none of decimal(SCALE), decimal, date, time-ms, "
			"time-us, time-ns, timestamp-ms, timestamp-us, timestamp-ns, nor one of "
			"these with [] behind it",
			options->types[i].pattern, options->types[i].type);
		free(patterns);
		return false;
	}
	columns->types = pattern_list_new(patterns, options->type_count, error);
	free(patterns);
	if (!columns->types)
		error_context(error, "types");
	return columns->types != NULL;
}

static bool open_list(struct pattern_list **list, const char *const *patterns, size_t count,
	const char *option, struct error *error)
{
	*list = pattern_list_new(patterns, count, error);
	if (!*list)
		error_context(error, "%s", option);
	return *list != NULL;
}

struct columns *columns_new(const struct columns_options *options, struct error *error)
{
	struct columns *columns = xcalloc(1, sizeof(*columns));

	columns->options = *options;
	if (open_list(&columns->drop, options->drop, options->drop_count, "filter.drop_columns",
		    error) &&
		open_list(&columns->mask, options->mask, options->mask_count, "filter.mask_columns",
			error) &&
		open_list(&columns->hash, options->hash, options->hash_count, "filter.hash_columns",
			error) &&
		open_types(columns, options, error))
		return columns;
	columns_free(columns);
	return NULL;
}

void columns_free(struct columns *columns)
{
	if (!columns)
		return;
	pattern_list_free(columns->drop);
	pattern_list_free(columns->mask);
	pattern_list_free(columns->hash);
	pattern_list_free(columns->types);
	free(columns->semantics);
	free(columns);
}

bool columns_hide(const struct columns *columns)
{
	return !pattern_list_empty(columns->drop) || !pattern_list_empty(columns->mask) ||
	       !pattern_list_empty(columns->hash);
}

bool columns_idle(const struct columns *columns)
{
	return !columns_hide(columns) && !columns->options.canonical;
}

void columns_hash(struct span salt, struct span text, struct strbuf *out)
{
	static const char hex[] = "0123456789abcdef";
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE];
	size_t i;

	sha256_init(&sha);
	sha256_update(&sha, salt.len, (const uint8_t *)salt.ptr);
	sha256_update(&sha, text.len, (const uint8_t *)text.ptr);
	sha256_digest(&sha, sizeof(digest), digest);
	for (i = 0; i < sizeof(digest); i++)
		strbuf_add(out, (char[]){hex[digest[i] >> 4], hex[digest[i] & 15]}, 2);
}

/* Drop before mask before hash; *pattern is the index of the one that matched. */
static enum column_rule rule_of(const struct columns *columns, struct span name, int *pattern)
{
	const struct pattern_list *const lists[] = {columns->drop, columns->mask, columns->hash};
	size_t i;

	for (i = 0; i < 3; i++)
		if (!pattern_list_empty(lists[i]) &&
			(*pattern = pattern_list_match(lists[i], name)) >= 0)
			return (enum column_rule)(COLUMN_DROPPED + i);
	return COLUMN_KEPT;
}

enum column_rule columns_rule(const struct columns *columns, struct span table, struct span column)
{
	struct strbuf name = {0};
	enum column_rule rule;
	int pattern;

	strbuf_add_span(&name, table);
	if (table.len > 0)
		strbuf_add_char(&name, '.');
	strbuf_add_span(&name, column);
	rule = rule_of(columns, strbuf_span(&name), &pattern);
	strbuf_clear(&name);
	return rule;
}

void columns_write_text(
	const struct columns *columns, enum column_rule rule, struct span text, struct strbuf *out)
{
	if (rule == COLUMN_KEPT) {
		strbuf_add_json(out, text);
		return;
	}
	strbuf_add_char(out, '"');
	if (rule == COLUMN_HASHED)
		columns_hash(span_of(columns->options.hash_salt), text, out);
	else
		strbuf_add_text(out, "***");
	strbuf_add_char(out, '"');
}

/* A walk over an image's columns. */
struct walk {
	const struct columns *columns;
	const struct column_image *image;
	struct strbuf *out;
	struct strbuf name;	/* of the column, "<db>.<schema>.<table>.<column>" */
	uint32_t fields, field; /* of the schema: all, and the one that is expected next */
};

static struct span full_name(struct walk *walk, uint32_t column)
{
	const struct column_image *image = walk->image;

	strbuf_reset(&walk->name);
	strbuf_add_span(&walk->name, image->table);
	if (image->table.len > 0)
		strbuf_add_char(&walk->name, '.');
	js_string(image->doc, column, &walk->name);
	return strbuf_span(&walk->name);
}

static bool refuse(struct walk *walk, uint32_t column, const char *why, struct error *error)
{
	struct span name = full_name(walk, column);

	error_set(error, ERROR_REFUSED, "column %.*s%s", name.len < 400 ? (int)name.len : 400,
		name.ptr, why);
	return false;
}

/* --- What is told of it --- */

static void trace(struct walk *walk, uint32_t column, const char *what, const char *by)
{
	struct strbuf *out = walk->image->trace;
	struct span name;

	if (!out)
		return;
	name = full_name(walk, column);
	strbuf_printf(out, ", %s: %.*s %s by %s", walk->image->where, SPAN_ARG(name), what, by);
}

static void trace_rule(struct walk *walk, uint32_t column, enum column_rule rule, int pattern)
{
	static const char *const what[] = {"", "dropped", "masked", "hashed"};
	static const char *const options[] = {
		"", "filter.drop_columns", "filter.mask_columns", "filter.hash_columns"};
	const struct columns_options *o = &walk->columns->options;
	const char *const *const patterns[] = {NULL, o->drop, o->mask, o->hash};
	struct strbuf by = {0};

	if (!walk->image->trace || rule == COLUMN_KEPT)
		return;
	strbuf_printf(&by, "%s %s", options[rule], patterns[rule][pattern]);
	trace(walk, column, what[rule], by.data);
	strbuf_clear(&by);
}

/* pattern: of types, or -1 where the schema block told. */
static void trace_semantic(
	struct walk *walk, uint32_t column, const struct semantic *semantic, int pattern)
{
	struct strbuf by = {0};
	char what[32];

	if (!walk->image->trace || semantic->kind == SEMANTIC_NONE)
		return;
	semantic_describe(semantic, what, sizeof(what));
	strbuf_add_text(&by, pattern < 0 ? "its schema" : "types ");
	if (pattern >= 0)
		strbuf_add_text(&by, walk->columns->options.types[pattern].pattern);
	trace(walk, column, what, by.data);
	strbuf_clear(&by);
}

/* --- Hiding --- */

static bool write_hash(struct walk *walk, uint32_t column, struct error *error)
{
	const struct js_doc *doc = walk->image->doc;
	struct strbuf text = {0};
	bool whole = true;

	if (js_type_of(doc, column + 1) == JS_STRING)
		whole = js_string(doc, column + 1, &text);
	else
		strbuf_add_span(&text, js_text(doc, column + 1));
	columns_write_text(walk->columns, COLUMN_HASHED, strbuf_span(&text), walk->out);
	strbuf_clear(&text);
	/* Its characters before that could be another value's. */
	return whole || refuse(walk, column,
				": it is to be hashed, but holds half of a surrogate pair", error);
}

/* --- Canonical values --- */

static bool is_field(const struct walk *walk, uint32_t field, uint32_t column)
{
	const struct column_image *image = walk->image;
	uint32_t name = js_member(image->schema_doc, field, "field");
	struct strbuf a = {0}, b = {0};
	bool same;

	if (js_type_of(image->schema_doc, name) != JS_STRING)
		return false;
	if (span_equal(js_text(image->schema_doc, name), js_text(image->doc, column)))
		return true;
	if (!((image->schema_doc->nodes[name].flags | image->doc->nodes[column].flags) &
		    JS_ESCAPED))
		return false;
	same = js_string(image->schema_doc, name, &a) && js_string(image->doc, column, &b) &&
	       span_equal(strbuf_span(&a), strbuf_span(&b));
	strbuf_clear(&a);
	strbuf_clear(&b);
	return same;
}

/* The column's schema. Fields stand in the order of the columns, so the next one is tried first. */
static uint32_t field_of(struct walk *walk, uint32_t column)
{
	const struct js_doc *doc = walk->image->schema_doc;
	uint32_t field = walk->field;

	if (field == JS_NONE || !is_field(walk, field, column)) {
		field = js_first(doc, walk->fields);
		while (field != JS_NONE && !is_field(walk, field, column))
			field = js_next(doc, walk->fields, field);
	}
	if (field != JS_NONE)
		walk->field = js_next(doc, walk->fields, field);
	return field;
}

/* The schema tells; where it says nothing that matters, the configuration. */
static struct semantic semantic_of(struct walk *walk, uint32_t column)
{
	const struct columns *columns = walk->columns;
	struct semantic semantic = {0};
	uint32_t field = field_of(walk, column);
	int at;

	if (field != JS_NONE)
		semantic = semantic_of_schema(walk->image->schema_doc, field);
	at = -1;
	if (semantic.kind == SEMANTIC_NONE && !pattern_list_empty(columns->types)) {
		at = pattern_list_match(columns->types, full_name(walk, column));
		if (at >= 0)
			semantic = columns->semantics[at];
	}
	trace_semantic(walk, column, &semantic, at);
	return semantic;
}

static bool write_canonical(struct walk *walk, uint32_t column, struct error *error)
{
	const struct column_image *image = walk->image;
	struct semantic semantic = semantic_of(walk, column);
	char what[32], why[96];

	if (semantic.kind == SEMANTIC_NONE ||
		(image->is_raw && image->is_raw(image->context, image->doc, column + 1))) {
		strbuf_add_span(walk->out, js_text(walk->image->doc, column + 1));
		return true;
	}
	if (canonical_write(&semantic, walk->image->doc, column + 1, walk->out))
		return true;
	semantic_describe(&semantic, what, sizeof(what));
	snprintf(why, sizeof(why), ": its value does not fit its type, %s", what);
	return refuse(walk, column, why, error);
}

/* --- Images --- */

/* A rule that hits the key has refused it; null stays null. */
static enum column_rule column_rule(struct walk *walk, uint32_t column)
{
	enum column_rule rule;
	int pattern = -1;

	if (walk->image->is_key || !columns_hide(walk->columns))
		return COLUMN_KEPT;
	rule = rule_of(walk->columns, full_name(walk, column), &pattern);
	trace_rule(walk, column, rule, pattern);
	return rule;
}

static bool write_value(
	struct walk *walk, uint32_t column, enum column_rule rule, struct error *error)
{
	const struct columns *columns = walk->columns;

	if (js_is_null(walk->image->doc, column + 1)) {
		strbuf_add_text(walk->out, "null");
		return true;
	}
	if (rule == COLUMN_MASKED) {
		columns_write_text(columns, rule, SPAN_NULL, walk->out);
		return true;
	}
	if (rule == COLUMN_HASHED)
		return write_hash(walk, column, error);
	if (columns->options.canonical && !walk->image->hide_only)
		return write_canonical(walk, column, error);
	strbuf_add_span(walk->out, js_text(walk->image->doc, column + 1));
	return true;
}

/* White space in what was an array does not count in the store, so its length tells nothing. */
static void note_growth(struct walk *walk, uint32_t column, struct span value)
{
	const struct column_image *image = walk->image;
	struct span old = js_text(image->doc, column + 1);

	if (!image->grown || span_equal(value, old))
		return;
	if (js_type_of(image->doc, column + 1) >= JS_ARRAY)
		*image->grown += value.len;
	else if (value.len > old.len)
		*image->grown += value.len - old.len;
}

/* Zeros of a large scale cost three bytes in the record. */
#define MAX_GROWTH (64 << 20)

static bool write_columns(struct walk *walk, struct error *error)
{
	const struct column_image *image = walk->image;
	size_t begin = walk->out->len, start;
	uint32_t column;

	for (column = js_first(image->doc, image->image); column != JS_NONE;
		column = js_next(image->doc, image->image, column)) {
		enum column_rule rule = column_rule(walk, column);

		if (rule == COLUMN_DROPPED)
			continue;
		if (walk->out->len > begin)
			strbuf_add_char(walk->out, ',');
		strbuf_add_span(walk->out, js_text(image->doc, column));
		strbuf_add_char(walk->out, ':');
		start = walk->out->len;
		if (!write_value(walk, column, rule, error))
			return false;
		note_growth(walk, column,
			(struct span){walk->out->data + start, walk->out->len - start});
		if (walk->out->len - begin > js_text(image->doc, image->image).len + MAX_GROWTH)
			return refuse(walk, column, ": the row becomes too long with it", error);
	}
	return true;
}

bool columns_write(const struct columns *columns, const struct column_image *image,
	struct strbuf *out, struct error *error)
{
	struct walk walk = {.columns = columns, .image = image, .out = out, .field = JS_NONE};
	bool good;

	if (js_type_of(image->doc, image->image) != JS_OBJECT) {
		strbuf_add_span(out, js_text(image->doc, image->image));
		return true;
	}
	walk.fields = js_member(image->schema_doc, image->schema, "fields");
	strbuf_add_char(out, '{');
	good = write_columns(&walk, error);
	strbuf_add_char(out, '}');
	strbuf_clear(&walk.name);
	return good;
}

bool columns_check_key(
	const struct columns *columns, const struct column_image *key, struct error *error)
{
	struct walk walk = {.columns = columns, .image = key};
	bool good = true;
	uint32_t column;
	int pattern;

	if (!columns_hide(columns) || js_type_of(key->doc, key->image) != JS_OBJECT)
		return true;
	for (column = js_first(key->doc, key->image); good && column != JS_NONE;
		column = js_next(key->doc, key->image, column))
		if (rule_of(columns, full_name(&walk, column), &pattern) != COLUMN_KEPT)
			good = refuse(&walk, column,
				" belongs to the key and is to be dropped, masked or hashed: the "
				"stream's name would tell it",
				error);
	strbuf_clear(&walk.name);
	return good;
}
