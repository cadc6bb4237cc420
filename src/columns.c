/* Column rules over a row image: what is left out, hidden, or made readable. */
#include "columns.h"

#include <nettle/sha2.h>
#include <stdlib.h>

#include "canonical.h"

struct columns {
	struct pattern_list *drop, *mask, *hash, *types;
	struct semantic *semantics; /* one for each pattern of types */
	const char *salt;
	bool canonical;
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
			"types: %s: '%s' is none of decimal(SCALE), date, time-ms, time-us, "
			"time-ns, timestamp-ms, timestamp-us, timestamp-ns",
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

	columns->salt = options->hash_salt;
	columns->canonical = options->canonical;
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
	return !columns_hide(columns) && !columns->canonical;
}

void columns_hash(struct span salt, struct span text, struct strbuf *out)
{
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE];
	size_t i;

	sha256_init(&sha);
	sha256_update(&sha, salt.len, (const uint8_t *)salt.ptr);
	sha256_update(&sha, text.len, (const uint8_t *)text.ptr);
	sha256_digest(&sha, sizeof(digest), digest);
	for (i = 0; i < sizeof(digest); i++)
		strbuf_printf(out, "%02x", digest[i]);
}

/* "<db>.<schema>.<table>.<column>" */
static void full_name(const struct column_image *image, uint32_t name, struct strbuf *out)
{
	strbuf_reset(out);
	strbuf_add_span(out, image->table);
	if (image->table.len > 0)
		strbuf_add_char(out, '.');
	js_string(image->doc, name, out);
}

static bool write_hash(const struct columns *columns, const struct column_image *image,
	uint32_t value, struct strbuf *out)
{
	struct strbuf text = {0};

	if (js_type_of(image->doc, value) == JS_STRING)
		js_string(image->doc, value, &text);
	else
		strbuf_add_span(&text, js_text(image->doc, value));
	strbuf_add_char(out, '"');
	columns_hash(span_of(columns->salt), strbuf_span(&text), out);
	strbuf_add_char(out, '"');
	strbuf_clear(&text);
	return true;
}

/* The schema tells, field by field in the image's order or not; else the configuration. */
static struct semantic semantic_of(const struct columns *columns, const struct column_image *image,
	uint32_t name, struct span column)
{
	struct semantic none = {0};
	uint32_t fields = js_member(image->schema_doc, image->schema, "fields"), field;
	int at;

	for (field = js_first(image->schema_doc, fields); field != JS_NONE;
		field = js_next(image->schema_doc, fields, field)) {
		uint32_t is = js_member(image->schema_doc, field, "field");

		if (is != JS_NONE &&
			span_equal(js_text(image->schema_doc, is), js_text(image->doc, name)))
			return semantic_of_schema(image->schema_doc, field);
	}
	at = pattern_list_match(columns->types, column);
	return at < 0 ? none : columns->semantics[at];
}

static bool write_canonical(const struct columns *columns, const struct column_image *image,
	uint32_t name, struct span column, struct strbuf *out, struct error *error)
{
	struct semantic semantic = {0};

	if (columns->canonical)
		semantic = semantic_of(columns, image, name, column);
	if (semantic.kind == SEMANTIC_NONE) {
		strbuf_add_span(out, js_text(image->doc, name + 1));
		return true;
	}
	if (canonical_write(&semantic, image->doc, name + 1, out))
		return true;
	error_set(error, ERROR_REFUSED, "column %.*s: its value does not fit its type",
		SPAN_ARG(column));
	return false;
}

static bool write_value(const struct columns *columns, const struct column_image *image,
	uint32_t name, struct span column, struct strbuf *out, struct error *error)
{
	if (js_is_null(image->doc, name + 1)) {
		strbuf_add_text(out, "null");
		return true;
	}
	if (!image->is_key && pattern_list_match(columns->mask, column) >= 0) {
		strbuf_add_text(out, "\"***\"");
		return true;
	}
	if (!image->is_key && pattern_list_match(columns->hash, column) >= 0)
		return write_hash(columns, image, name + 1, out);
	return write_canonical(columns, image, name, column, out, error);
}

bool columns_write(const struct columns *columns, const struct column_image *image,
	struct strbuf *out, struct error *error)
{
	struct strbuf column = {0};
	bool good = true, any = false;
	uint32_t name;

	if (js_type_of(image->doc, image->image) != JS_OBJECT) {
		strbuf_add_span(out, js_text(image->doc, image->image));
		return true;
	}
	strbuf_add_char(out, '{');
	for (name = js_first(image->doc, image->image); good && name != JS_NONE;
		name = js_next(image->doc, image->image, name)) {
		full_name(image, name, &column);
		if (!image->is_key && pattern_list_match(columns->drop, strbuf_span(&column)) >= 0)
			continue;
		if (any)
			strbuf_add_char(out, ',');
		strbuf_add_span(out, js_text(image->doc, name));
		strbuf_add_char(out, ':');
		good = write_value(columns, image, name, strbuf_span(&column), out, error);
		any = true;
	}
	strbuf_add_char(out, '}');
	strbuf_clear(&column);
	return good;
}

bool columns_check_key(
	const struct columns *columns, const struct column_image *key, struct error *error)
{
	struct strbuf column = {0};
	uint32_t name;

	for (name = js_first(key->doc, key->image); columns_hide(columns) && name != JS_NONE;
		name = js_next(key->doc, key->image, name)) {
		struct span text;

		full_name(key, name, &column);
		text = strbuf_span(&column);
		if (pattern_list_match(columns->drop, text) < 0 &&
			pattern_list_match(columns->mask, text) < 0 &&
			pattern_list_match(columns->hash, text) < 0)
			continue;
		error_set(error, ERROR_REFUSED,
			"column %s belongs to the key and is to be dropped, masked or hashed: the "
			"stream's name would tell it",
			column.data);
		break;
	}
	strbuf_clear(&column);
	return error->kind == ERROR_NONE;
}
