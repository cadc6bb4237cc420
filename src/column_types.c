/* Which column has which semantic type, from schema blocks or as told. */
#include "column_types.h"

#include <stdlib.h>
#include <string.h>

#include "table.h"

struct column_types {
	struct column_type_found **items; /* each on its own: the table's keys must not move */
	size_t count, size;
	struct table by_column;
	struct strbuf name;
};

struct column_types *column_types_new(void)
{
	return xcalloc(1, sizeof(struct column_types));
}

void column_types_free(struct column_types *types)
{
	size_t i;

	if (!types)
		return;
	for (i = 0; i < types->count; i++) {
		free((char *)types->items[i]->column);
		free(types->items[i]);
	}
	free(types->items);
	table_clear(&types->by_column);
	strbuf_clear(&types->name);
	free(types);
}

static bool is_same(const struct semantic *a, const struct semantic *b)
{
	return a->kind == b->kind && a->scale == b->scale &&
	       a->fraction_digits == b->fraction_digits && a->is_array == b->is_array;
}

static struct column_type_found *add(struct column_types *types, struct span column)
{
	struct column_type_found *found = xcalloc(1, sizeof(*found));

	if (types->count == types->size) {
		types->size = types->size ? 2 * types->size : 64;
		types->items = xreallocarray(types->items, types->size, sizeof(*types->items));
	}
	found->column = xstrndup(column.ptr, column.len);
	types->items[types->count++] = found;
	table_put(&types->by_column, (struct span){found->column, column.len}, found);
	return found;
}

void column_types_put(
	struct column_types *types, struct span column, const struct semantic *semantic)
{
	struct column_type_found *found = table_get(&types->by_column, column);

	if (!found)
		found = add(types, column);
	else
		found->changed |= !is_same(&found->semantic, semantic);
	found->semantic = *semantic;
}

/* A struct's fields are columns; another schema is a bare value without a name. */
static bool read_fields(struct column_types *types, const struct change *change,
	const struct js_doc *doc, uint32_t schema)
{
	uint32_t fields = js_member(doc, schema, "fields"), field;
	size_t table_len;

	if (js_type_of(doc, fields) != JS_ARRAY)
		return false;
	strbuf_reset(&types->name);
	change_add_table(change, &types->name);
	strbuf_add_char(&types->name, '.');
	table_len = types->name.len;
	for (field = js_first(doc, fields); field != JS_NONE; field = js_next(doc, fields, field)) {
		struct semantic semantic = semantic_of_schema(doc, field);
		uint32_t name = js_member(doc, field, "field");

		types->name.len = table_len;
		if (js_type_of(doc, name) == JS_STRING && js_string(doc, name, &types->name))
			column_types_put(types, strbuf_span(&types->name), &semantic);
	}
	return true;
}

bool column_types_read(struct column_types *types, const struct change *change)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t schema;
	bool found;

	if (change->kind != CHANGE_ROW)
		return false;
	found = change->key_is_json &&
		read_fields(types, change, &change->key_doc, change->key_schema);
	schema = change_image_schema(change, "after");
	if (schema == JS_NONE)
		schema = change_image_schema(change, "before");
	return read_fields(types, change, doc, schema) || found;
}

const struct column_type_found *column_types_next(const struct column_types *types, size_t *at)
{
	while (*at < types->count) {
		const struct column_type_found *found = types->items[(*at)++];

		if (found->semantic.kind != SEMANTIC_NONE)
			return found;
	}
	return NULL;
}

size_t column_types_count(const struct column_types *types)
{
	return types->count;
}
