/* YAML texts to trees of texts, lists and maps; the only file that knows libyaml. */
#include "config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "table.h"

/* A section, an option, its list or map; one more so that the message comes from who knows what
 * was wanted there. Events are read one by one, not by libyaml's loader, because it would first
 * spend minutes on a file of brackets. */
#define DEEPEST 5

struct reader {
	struct arena *arena;
	yaml_parser_t parser;
	struct table anchors; /* name: struct config_node */
	const char *source;
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

/* The caller deletes event, also after a failure. */
static bool next(struct reader *reader, yaml_event_t *event)
{
	memset(event, 0, sizeof(*event));
	return yaml_parser_parse(&reader->parser, event) || fail_of_parser(reader);
}

/* NULL and an error if the scalar holds a NUL. */
static const char *text_of(struct reader *reader, const yaml_event_t *event)
{
	struct span text = {(const char *)event->data.scalar.value, event->data.scalar.length};

	if (memchr(text.ptr, '\0', text.len)) {
		fail(reader, event->start_mark, "a text must not contain a NUL character");
		return NULL;
	}
	return arena_copy(reader->arena, text).ptr;
}

static bool is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event, struct config_node *into)
{
	into->kind = CONFIG_TEXT;
	into->text = text_of(reader, event);
	into->absent = into->text && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		       is_null(into->text);
	return into->text != NULL;
}

/* The node stays where it is written; only what is in it is that of the anchor. */
static bool read_alias(struct reader *reader, const yaml_event_t *event, struct config_node *into)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct config_node *node = table_get(&reader->anchors, span_of(name));

	if (!node)
		return fail(
			reader, event->start_mark, "there is no '&%s' before '*%s'", name, name);
	into->kind = node->kind;
	into->text = node->text;
	into->absent = node->absent;
	into->items = node->items;
	into->count = node->count;
	return true;
}

static void note_anchor(
	struct reader *reader, const yaml_char_t *anchor, const struct config_node *node)
{
	struct config_node *copy;

	if (!anchor)
		return;
	copy = arena_alloc(reader->arena, sizeof(*copy));
	*copy = *node;
	table_put(&reader->anchors, arena_copy(reader->arena, span_of((const char *)anchor)), copy);
}

static struct config_node *add_item(struct config_node *node)
{
	struct config_node *item;

	node->items = xreallocarray(node->items, node->count + 1, sizeof(*node->items));
	item = &node->items[node->count++];
	*item = (struct config_node){0};
	return item;
}

/* Items were gathered on the heap, because their number is known at the end only. */
static void keep_items(struct reader *reader, struct config_node *node)
{
	struct config_node *items = node->items;
	size_t size = node->count * sizeof(*items);

	node->items = arena_alloc(reader->arena, size);
	if (size)
		memcpy(node->items, items, size);
	free(items);
}

static bool read_node(
	struct reader *reader, const yaml_event_t *event, struct config_node *into, int depth);

static bool read_items(struct reader *reader, struct config_node *list, int depth)
{
	yaml_event_t event;
	bool ok, end;

	do {
		ok = next(reader, &event);
		end = ok && event.type == YAML_SEQUENCE_END_EVENT;
		if (ok && !end)
			ok = read_node(reader, &event, add_item(list), depth);
		yaml_event_delete(&event);
	} while (ok && !end);
	return ok;
}

static bool read_name(struct reader *reader, const yaml_event_t *event, struct config_node *into,
	struct table *names)
{
	struct config_place *place = arena_alloc(reader->arena, sizeof(*place)), *first;

	if (event->type != YAML_SCALAR_EVENT)
		return fail(
			reader, event->start_mark, "a name is wanted here, and it must be text");
	into->name = text_of(reader, event);
	if (!into->name)
		return false;
	*place = into->name_place = place_of(event->start_mark);
	first = table_put(names, span_of(into->name), place);
	if (first)
		return fail(reader, event->start_mark, "'%s' is given twice, first on line %d",
			into->name, first->line);
	return true;
}

static bool read_value(struct reader *reader, struct config_node *into, int depth)
{
	yaml_event_t event;
	bool ok = next(reader, &event) && read_node(reader, &event, into, depth);

	yaml_event_delete(&event);
	return ok;
}

static bool read_members(struct reader *reader, struct config_node *map, int depth)
{
	struct table names = {0};
	yaml_event_t event;
	bool ok, end;

	do {
		ok = next(reader, &event);
		end = ok && event.type == YAML_MAPPING_END_EVENT;
		if (ok && !end) {
			struct config_node *item = add_item(map);

			ok = read_name(reader, &event, item, &names) &&
			     read_value(reader, item, depth);
		}
		yaml_event_delete(&event);
	} while (ok && !end);
	table_clear(&names);
	return ok;
}

static bool read_collection(
	struct reader *reader, const yaml_event_t *event, struct config_node *into, int depth)
{
	bool is_list = event->type == YAML_SEQUENCE_START_EVENT, ok;

	if (depth == DEEPEST)
		return fail(reader, event->start_mark, "nested too deeply");
	into->kind = is_list ? CONFIG_LIST : CONFIG_MAP;
	ok = is_list ? read_items(reader, into, depth + 1) : read_members(reader, into, depth + 1);
	keep_items(reader, into);
	note_anchor(reader,
		is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
		into);
	return ok;
}

static bool read_node(
	struct reader *reader, const yaml_event_t *event, struct config_node *into, int depth)
{
	into->place = place_of(event->start_mark);
	switch (event->type) {
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return read_collection(reader, event, into, depth);
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event, into);
	default:
		if (!read_scalar(reader, event, into))
			return false;
		note_anchor(reader, event->data.scalar.anchor, into);
		return true;
	}
}

/* The stream's and the document's own events stand around the one node. */
static bool read_stream(struct reader *reader, struct config_node *root)
{
	yaml_event_t event;
	bool ok, end, seen = false;

	do {
		ok = next(reader, &event);
		end = ok && event.type == YAML_STREAM_END_EVENT;
		if (ok && event.type == YAML_DOCUMENT_START_EVENT && seen)
			ok = fail(reader, event.start_mark,
				"a second document: one is all that is read");
		else if (ok && event.type == YAML_DOCUMENT_START_EVENT)
			ok = seen = read_value(reader, root, 0);
		yaml_event_delete(&event);
	} while (ok && !end);
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
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.ptr, text.len);
	ok = read_stream(&reader, root);
	yaml_parser_delete(&reader.parser);
	table_clear(&reader.anchors);
	return ok ? root : NULL;
}

const char *config_yaml_library_version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "libyaml %s", yaml_get_version_string());
	return text;
}
