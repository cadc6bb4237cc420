/* One value into its option: type, range, ${…}, and where it came from. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config_expand.h"
#include "config_options.h"
#include "config_private.h"
#include "config_yaml.h"
#include "strbuf.h"

bool config_fail(struct config_loader *loader, struct config_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_vset(loader->error, ERROR_INPUT, format, args);
	va_end(args);
	if (loader->is_file)
		error_context(loader->error, "%s:%d:%d", loader->source, place.line, place.column);
	else if (loader->source)
		error_context(loader->error, "%s", loader->source);
	return false;
}

/* --- one value --- */

/* What a text belongs to: "eventstore.url", "kafka.group.id", "an item of source.topics". */
static void add_owner(struct strbuf *out, const struct option *option, const char *name)
{
	if (option->type == OPTION_LIST)
		strbuf_add_text(out, "an item of ");
	option_path(option, out);
	if (name)
		strbuf_printf(out, ".%s", name);
}

static const char *kind_name(const struct config_node *node)
{
	static const char *const names[] = {"a text", "a list", "a map"};

	return names[node->kind];
}

/* The node's text with ${…} replaced, or NULL. name: whose it is in a map. */
static const char *text_of(struct config_loader *loader, const struct option *option,
	const char *name, const struct config_node *node, bool *from_file)
{
	struct error error = {0};
	struct strbuf owner = {0};
	const char *text = NULL;

	add_owner(&owner, option, name);
	if (node->kind != CONFIG_TEXT)
		config_fail(loader, node->place, "%s is %s here; wanted is a text", owner.data,
			kind_name(node));
	else if (node->absent)
		config_fail(loader, node->place, "%s has no value%s", owner.data,
			option->type == OPTION_TEXT || name ? " ('' is an empty one)" : "");
	else
		text = config_expand(
			&loader->config->private->arena, node->text, from_file, &error);
	if (error.kind != ERROR_NONE)
		config_fail(loader, node->place, "%s: %s", owner.data, error.text);
	strbuf_clear(&owner);
	return text;
}

/* value: what it is instead, or NULL for the kind of node. */
static bool fail_of_value(struct config_loader *loader, const struct option *option,
	const struct config_node *node, const char *value)
{
	struct strbuf allowed = {0}, path = {0};

	option_path(option, &path);
	option_allowed(option, &allowed);
	if (value)
		config_fail(loader, node->place, "%s: '%s' is not %s%s", path.data, value,
			option->type == OPTION_CHOICE ? "one of " : "", allowed.data);
	else
		config_fail(loader, node->place, "%s is %s here; wanted is %s", path.data,
			kind_name(node), allowed.data);
	strbuf_clear(&allowed);
	strbuf_clear(&path);
	return false;
}

/* Digits and perhaps a unit; false for anything else and for what is out of range. */
static bool number_of(const char *text, bool is_size, int64_t min, int64_t max, int64_t *number)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	int shift = 0;

	if (!span_to_int64((struct span){text, digits}, number))
		return false;
	if (is_size && *unit) {
		shift = strcmp(unit, "KiB") == 0   ? 10
			: strcmp(unit, "MiB") == 0 ? 20
			: strcmp(unit, "GiB") == 0 ? 30
						   : -1;
		if (shift < 0 || __builtin_mul_overflow(*number, (int64_t)1 << shift, number))
			return false;
		unit += 3;
	}
	return !*unit && *number >= min && *number <= max;
}

static bool choice_of(const char *text, const char *choices, unsigned *index)
{
	size_t len = strlen(text), choice;

	for (*index = 0; *choices; ++*index) {
		choice = strcspn(choices, " ");
		if (choice == len && memcmp(choices, text, len) == 0)
			return true;
		choices += choice + (choices[choice] == ' ');
	}
	return false;
}

static bool set_scalar(struct config_loader *loader, const struct option *option,
	const struct config_node *node, void *field, bool *from_file)
{
	const char *text = text_of(loader, option, NULL, node, from_file);
	int64_t number;
	bool ok = true;

	if (!text)
		return false;
	switch (option->type) {
	case OPTION_TEXT:
		*(const char **)field = text;
		break;
	case OPTION_CHOICE:
		/* An enum without negative values is an unsigned int to gcc and clang. */
		ok = choice_of(text, option->choices, field);
		break;
	default:
		ok = number_of(
			text, option->type == OPTION_SIZE, option->min, option->max, &number);
		if (ok && option->type == OPTION_SIZE)
			*(size_t *)field = (size_t)number;
		else if (ok)
			*(int *)field = (int)number;
	}
	return ok || fail_of_value(loader, option, node, text);
}

static bool set_list(struct config_loader *loader, const struct option *option,
	const struct config_node *node, struct text_list *list, bool *from_file)
{
	size_t i;

	text_list_clear(list);
	if (node->kind == CONFIG_TEXT && node->absent)
		return true;
	if (node->kind != CONFIG_LIST)
		return fail_of_value(loader, option, node, NULL);
	for (i = 0; i < node->count; i++) {
		const char *text = text_of(loader, option, NULL, &node->items[i], from_file);

		if (!text)
			return false;
		text_list_add(list, text);
	}
	return true;
}

static size_t map_put(struct text_map *map, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < map->count && strcmp(map->names[i], name) != 0; i++)
		;
	if (i == map->count) {
		map->count++;
		map->names = xreallocarray(map->names, map->count, sizeof(*map->names));
		map->values = xreallocarray(map->values, map->count, sizeof(*map->values));
	}
	map->names[i] = name;
	map->values[i] = value;
	return i;
}

static void map_clear(struct text_map *map)
{
	free(map->names);
	free(map->values);
	*map = (struct text_map){0};
}

/* "rowstream.yaml:12", "--log-level"; NULL for a default. */
static const char *where(struct config_loader *loader, const struct config_node *node)
{
	struct strbuf text = {0};
	const char *copy;

	if (!loader->source)
		return NULL;
	strbuf_add_text(&text, loader->source);
	if (loader->is_file)
		strbuf_printf(&text, ":%d", node->name_place.line);
	copy = arena_copy(&loader->config->private->arena, strbuf_span(&text)).ptr;
	strbuf_clear(&text);
	return copy;
}

static void note_property(struct config_loader *loader, const struct option *option, size_t index,
	const struct text_map *map, const struct config_node *node, bool from_file)
{
	struct config_origin **origins =
		&loader->config->private->properties[option - config_options];

	*origins = xreallocarray(*origins, map->count, sizeof(**origins));
	(*origins)[index] = (struct config_origin){where(loader, node), from_file};
}

static bool set_map(struct config_loader *loader, const struct option *option,
	const struct config_node *node, struct text_map *map, bool *from_file)
{
	size_t i, index;

	if (option->type == OPTION_MAP)
		map_clear(map);
	if (node->kind == CONFIG_TEXT && node->absent)
		return true;
	if (node->kind != CONFIG_MAP)
		return fail_of_value(loader, option, node, NULL);
	for (i = 0; i < node->count; i++) {
		const struct config_node *item = &node->items[i];
		bool item_from_file = false;
		const char *text = text_of(loader, option, item->name, item, &item_from_file);

		if (!text)
			return false;
		*from_file |= item_from_file;
		index = map_put(map, item->name, text);
		if (option->type == OPTION_PROPERTIES)
			note_property(loader, option, index, map, item, item_from_file);
	}
	return true;
}

bool config_set(
	struct config_loader *loader, const struct option *option, const struct config_node *node)
{
	struct config_origin origin = {where(loader, node), false};
	void *field = (char *)loader->config + option->offset;
	bool ok;

	switch (option->type) {
	case OPTION_LIST:
		ok = set_list(loader, option, node, field, &origin.from_file);
		break;
	case OPTION_MAP:
	case OPTION_PROPERTIES:
		ok = set_map(loader, option, node, field, &origin.from_file);
		break;
	default:
		ok = set_scalar(loader, option, node, field, &origin.from_file);
	}
	loader->config->private->options[option - config_options] = origin;
	return ok;
}

void config_clear_option(struct config *config, const struct option *option)
{
	void *field = (char *)config + option->offset;

	if (option->type == OPTION_LIST)
		text_list_clear(field);
	else if (option->type == OPTION_MAP || option->type == OPTION_PROPERTIES)
		map_clear(field);
}
