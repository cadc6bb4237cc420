/* YAML texts to trees of texts, lists and maps; the only file that knows libyaml. */
#include "config_yaml.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "table.h"

/* A section, an option, its list or map; one more so that the message comes from who knows what
 * was wanted there. It also ends documents that contain themselves. */
#define DEEPEST 5
/* Aliases make one node many: what they add up to is bounded, not only the text. */
#define MOST_NODES 100000

struct reader {
	struct arena *arena;
	yaml_parser_t parser;
	yaml_document_t document;
	const char *source;
	size_t nodes;
	struct error *error;
};

static struct config_place place_of(yaml_mark_t mark)
{
	return (struct config_place){(int)mark.line + 1, (int)mark.column + 1};
}

__attribute__((format(printf, 3, 4))) static bool fail(
	struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_vset(reader->error, ERROR_INPUT, format, args);
	va_end(args);
	error_context(reader->error, "%s:%zu:%zu", reader->source, mark.line + 1, mark.column + 1);
	return false;
}

/* NULL and an error if the scalar holds a NUL. */
static const char *text_of(struct reader *reader, const yaml_node_t *node)
{
	struct span text = {(const char *)node->data.scalar.value, node->data.scalar.length};

	if (memchr(text.ptr, '\0', text.len)) {
		fail(reader, node->start_mark, "a text must not contain a NUL character");
		return NULL;
	}
	return arena_copy(reader->arena, text).ptr;
}

static bool is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static bool read_node(struct reader *reader, int id, struct config_node *into, int depth);

static bool read_scalar(struct reader *reader, yaml_node_t *node, struct config_node *into)
{
	into->kind = CONFIG_TEXT;
	into->text = text_of(reader, node);
	into->absent = into->text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		       is_null(into->text);
	return into->text != NULL;
}

static bool read_list(struct reader *reader, yaml_node_t *node, struct config_node *into, int depth)
{
	yaml_node_item_t *item;

	into->kind = CONFIG_LIST;
	into->count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	into->items = arena_alloc(reader->arena, into->count * sizeof(*into->items));
	memset(into->items, 0, into->count * sizeof(*into->items));
	for (item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		if (!read_node(reader, *item, &into->items[item - node->data.sequence.items.start],
			    depth))
			return false;
	}
	return true;
}

static bool read_name(struct reader *reader, int id, struct config_node *into, struct table *names)
{
	yaml_node_t *node = yaml_document_get_node(&reader->document, id);
	const struct config_node *first;

	if (node->type != YAML_SCALAR_NODE)
		return fail(reader, node->start_mark, "a name is wanted here, and it must be text");
	into->name = text_of(reader, node);
	if (!into->name)
		return false;
	into->name_place = place_of(node->start_mark);
	first = table_put(names, span_of(into->name), into);
	if (first)
		return fail(reader, node->start_mark, "'%s' is given twice, first on line %d",
			into->name, first->name_place.line);
	return true;
}

static bool read_map(struct reader *reader, yaml_node_t *node, struct config_node *into, int depth)
{
	yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	struct table names = {0};
	struct config_node *item;
	bool ok = true;

	into->kind = CONFIG_MAP;
	into->count = (size_t)(node->data.mapping.pairs.top - pair);
	into->items = arena_alloc(reader->arena, into->count * sizeof(*into->items));
	memset(into->items, 0, into->count * sizeof(*into->items));
	for (item = into->items; ok && item < into->items + into->count; item++, pair++)
		ok = read_name(reader, pair->key, item, &names) &&
		     read_node(reader, pair->value, item, depth);
	table_clear(&names);
	return ok;
}

static bool read_node(struct reader *reader, int id, struct config_node *into, int depth)
{
	yaml_node_t *node = yaml_document_get_node(&reader->document, id);

	into->place = place_of(node->start_mark);
	if (depth == DEEPEST)
		return fail(reader, node->start_mark, "nested too deeply");
	if (++reader->nodes > MOST_NODES)
		return fail(reader, node->start_mark, "too much for a configuration");
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return read_list(reader, node, into, depth + 1);
	case YAML_MAPPING_NODE:
		return read_map(reader, node, into, depth + 1);
	default:
		return read_scalar(reader, node, into);
	}
}

static bool fail_of_parser(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	if (parser->error == YAML_READER_ERROR) {
		error_set(reader->error, ERROR_INPUT, "%s: not YAML: %s at byte %zu",
			reader->source, parser->problem, parser->problem_offset);
		return false;
	}
	return fail(reader, parser->problem_mark, "not YAML: %s%s%s",
		parser->problem ? parser->problem : "it cannot be read", parser->context ? " " : "",
		parser->context ? parser->context : "");
}

/* Loads the next document; false also when reading failed. */
static bool load(struct reader *reader, bool *there)
{
	if (!yaml_parser_load(&reader->parser, &reader->document))
		return fail_of_parser(reader);
	*there = yaml_document_get_root_node(&reader->document) != NULL;
	return true;
}

static bool read_documents(struct reader *reader, struct config_node *root)
{
	bool there, ok;

	if (!load(reader, &there))
		return false;
	ok = !there || read_node(reader, 1, root, 0);
	yaml_document_delete(&reader->document);
	if (!ok || !there)
		return ok;
	if (!load(reader, &there))
		return false;
	if (there)
		ok = fail(reader, yaml_document_get_root_node(&reader->document)->start_mark,
			"a second document: one is all that is read");
	yaml_document_delete(&reader->document);
	return ok;
}

struct config_node *config_yaml_read(
	struct arena *arena, struct span text, const char *source, struct error *error)
{
	struct reader reader = {.arena = arena, .source = source, .error = error};
	struct config_node *root = arena_alloc(arena, sizeof(*root));
	bool ok;

	*root = (struct config_node){
		.kind = CONFIG_TEXT, .place = {1, 1}, .text = "", .absent = true};
	if (!yaml_parser_initialize(&reader.parser)) {
		error_set(error, ERROR_FATAL, "libyaml cannot start");
		return NULL;
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.ptr, text.len);
	ok = read_documents(&reader, root);
	yaml_parser_delete(&reader.parser);
	return ok ? root : NULL;
}

const char *config_yaml_library_version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "libyaml %s", yaml_get_version_string());
	return text;
}
