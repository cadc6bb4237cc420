/* The configuration: defaults, file, environment and flags, each over the one before. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_expand.h"
#include "config_options.h"
#include "config_private.h"
#include "strbuf.h"

#define STANDARD_PATH "rowstream.yaml"
#define VARIABLE_PREFIX "ROWSTREAM_"

extern char **environ;

static const struct config_place nowhere = {0, 0};

static char *copy_text(struct config_loader *loader, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_alloc(&loader->config->private->arena, size), text, size);
}

/* --- values that stand in no file --- */

/* NAME=VALUE as a map of one. */
static struct config_node *pair_of(struct config_loader *loader, const char *text)
{
	struct arena *arena = &loader->config->private->arena;
	const char *equals = strchr(text, '=');
	struct config_node *node;

	if (!equals || equals == text) {
		config_fail(loader, nowhere, "wanted is NAME=VALUE, or {NAME: VALUE, …}");
		return NULL;
	}
	node = arena_alloc(arena, 2 * sizeof(*node));
	node[0] = (struct config_node){.kind = CONFIG_MAP, .items = &node[1], .count = 1};
	node[1] = (struct config_node){.kind = CONFIG_TEXT, .text = equals + 1};
	node[1].name = arena_copy(arena, (struct span){text, (size_t)(equals - text)}).ptr;
	return node;
}

/* [a, b] and {a: b} are YAML; anything else is one item as it stands. */
static struct config_node *items_of(
	struct config_loader *loader, const struct option *option, const char *text)
{
	struct arena *arena = &loader->config->private->arena;
	const char *source = loader->source ? loader->source : "default";
	struct config_node *node;

	if (*text == (option->type == OPTION_LIST ? '[' : '{'))
		return config_yaml_read(arena, span_of(text), source, loader->error);
	if (option->type != OPTION_LIST)
		return pair_of(loader, text);
	node = arena_alloc(arena, 2 * sizeof(*node));
	node[0] = (struct config_node){.kind = CONFIG_LIST, .items = &node[1], .count = 1};
	node[1] = (struct config_node){.kind = CONFIG_TEXT, .text = text};
	return node;
}

static bool set_items(
	struct config_loader *loader, const struct option *option, const struct text_list *texts)
{
	struct config_node all = {.kind = option->type == OPTION_LIST ? CONFIG_LIST : CONFIG_MAP};
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < texts->count; i++) {
		struct config_node *node = items_of(loader, option, texts->items[i]);

		ok = node != NULL;
		if (!ok || !node->count)
			continue;
		all.items = xreallocarray(all.items, all.count + node->count, sizeof(*all.items));
		memcpy(all.items + all.count, node->items, node->count * sizeof(*all.items));
		all.count += node->count;
	}
	ok = ok && config_set(loader, option, &all);
	free(all.items);
	return ok;
}

/* Of a scalar the last text counts, of a list and a map all do. */
static bool set_texts(
	struct config_loader *loader, const struct option *option, const struct text_list *texts)
{
	struct config_node node = {.kind = CONFIG_TEXT};

	if (option->type >= OPTION_LIST)
		return set_items(loader, option, texts);
	node.text = texts->items[texts->count - 1];
	return config_set(loader, option, &node);
}

static bool set_text(struct config_loader *loader, const struct option *option, const char *text)
{
	return set_texts(loader, option, &(struct text_list){&text, 1});
}

static bool load_defaults(struct config_loader *loader)
{
	size_t i;

	loader->source = NULL;
	for (i = 0; i < config_option_count; i++)
		if (!set_text(loader, &config_options[i], config_options[i].standard))
			return false;
	return true;
}

/* --- the file --- */

static const struct option *option_named(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];

		if (strcmp(option->section, section) == 0 &&
			(!option->name || !name ? option->name == name
						: strcmp(option->name, name) == 0))
			return option;
	}
	return NULL;
}

static bool is_section(const char *name)
{
	size_t i;

	for (i = 0; i < config_section_count; i++)
		if (strcmp(config_sections[i].name, name) == 0)
			return true;
	return false;
}

static void add_names(struct strbuf *out, const char *const *names)
{
	for (; *names; names++) {
		strbuf_add_text(out, *names);
		strbuf_add_text(out, names[1] ? ", " : "");
	}
}

/* what and in: "option" and " in section 'source'"; allowed ends with NULL. */
static bool fail_of_name(struct config_loader *loader, const struct config_node *node,
	const char *what, const char *in, const char *const *allowed)
{
	const char *near = nearest_name(node->name, allowed);
	struct strbuf hint = {0};

	if (near)
		strbuf_printf(&hint, ": did you mean '%s'?", near);
	strbuf_add_text(&hint, near ? " Allowed are " : "; allowed are ");
	add_names(&hint, allowed);
	config_fail(loader, node->name_place, "unknown %s '%.64s'%s%s", what, node->name, in,
		hint.data);
	strbuf_clear(&hint);
	return false;
}

static const struct option *option_of_other_section(const char *name)
{
	size_t i;

	for (i = 0; i < config_option_count; i++)
		if (config_options[i].name && strcmp(config_options[i].name, name) == 0)
			return &config_options[i];
	return NULL;
}

static bool fail_of_option(
	struct config_loader *loader, const char *section, const struct config_node *node)
{
	const struct option *elsewhere = option_of_other_section(node->name);
	struct text_list names = {0};
	struct strbuf in = {0};
	size_t i;

	if (elsewhere)
		return config_fail(loader, node->name_place,
			"unknown option '%s' in section '%s': it belongs to section '%s'",
			node->name, section, elsewhere->section);
	for (i = 0; i < config_option_count; i++)
		if (strcmp(config_options[i].section, section) == 0)
			text_list_add(&names, config_options[i].name);
	text_list_add(&names, NULL);
	strbuf_printf(&in, " in section '%s'", section);
	fail_of_name(loader, node, "option", in.data, names.items);
	text_list_clear(&names);
	strbuf_clear(&in);
	return false;
}

static bool fail_of_section(struct config_loader *loader, const struct config_node *node)
{
	struct text_list names = {0};
	size_t i;

	for (i = 0; i < config_section_count; i++)
		text_list_add(&names, config_sections[i].name);
	text_list_add(&names, NULL);
	fail_of_name(loader, node, "section", "", names.items);
	text_list_clear(&names);
	return false;
}

static bool load_section(struct config_loader *loader, const struct config_node *section)
{
	const struct option *option;
	size_t i;

	if (!is_section(section->name))
		return fail_of_section(loader, section);
	option = option_named(section->name, NULL);
	if (option)
		return config_set(loader, option, section);
	if (section->kind == CONFIG_TEXT && section->absent)
		return true;
	if (section->kind != CONFIG_MAP)
		return config_fail(loader, section->place, "section '%s' is not a map of options",
			section->name);
	for (i = 0; i < section->count; i++) {
		option = option_named(section->name, section->items[i].name);
		if (!option)
			return fail_of_option(loader, section->name, &section->items[i]);
		if (!config_set(loader, option, &section->items[i]))
			return false;
	}
	return true;
}

static bool load_tree(struct config_loader *loader, const struct config_node *root)
{
	size_t i;

	if (root->kind == CONFIG_TEXT && root->absent)
		return true;
	if (root->kind != CONFIG_MAP)
		return config_fail(loader, root->place,
			"this is not a map of sections, such as 'source:' with options below it");
	for (i = 0; i < root->count; i++)
		if (!load_section(loader, &root->items[i]))
			return false;
	return true;
}

static bool load_file(struct config_loader *loader, const char *path)
{
	struct arena *arena = &loader->config->private->arena;
	struct strbuf text = {0};
	struct config_node *root;
	bool ok = false;

	if (!path && access(STANDARD_PATH, F_OK) != 0)
		return true;
	loader->source = copy_text(loader, path ? path : STANDARD_PATH);
	loader->config->path = loader->source;
	loader->is_file = true;
	if (config_read_file(loader->source, &text, loader->error)) {
		root = config_yaml_read(arena, strbuf_span(&text), loader->source, loader->error);
		ok = root && load_tree(loader, root);
	}
	strbuf_clear(&text);
	loader->is_file = false;
	return ok;
}

/* --- the environment --- */

/* Kubernetes sets such variables in every container, for a service called rowstream-something. */
static bool is_service_link(const char *name)
{
	size_t len = strlen(name);

	return strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
	       strstr(name, "_PORT_") || (len > 5 && strcmp(name + len - 5, "_PORT") == 0);
}

static const struct option *option_of_variable(const char *name)
{
	struct strbuf variable = {0};
	const struct option *found = NULL;
	size_t i;

	for (i = 0; !found && i < config_option_count; i++) {
		strbuf_reset(&variable);
		option_variable(&config_options[i], &variable);
		if (strcmp(variable.data, name) == 0)
			found = &config_options[i];
	}
	strbuf_clear(&variable);
	return found;
}

/* The section whose properties have variables that begin as this one. */
static const struct option *properties_of_variable(const char *name)
{
	struct strbuf prefix = {0};
	const struct option *found = NULL;
	size_t i;

	for (i = 0; !found && i < config_option_count; i++) {
		if (config_options[i].type != OPTION_PROPERTIES)
			continue;
		strbuf_reset(&prefix);
		option_variable(&config_options[i], &prefix);
		strbuf_add_char(&prefix, '_');
		if (strncmp(name, prefix.data, prefix.len) == 0)
			found = &config_options[i];
	}
	strbuf_clear(&prefix);
	return found;
}

/* ROWSTREAM_KAFKA_SASL_PASSWORD is sasl.password. */
static bool set_property(
	struct config_loader *loader, const struct option *option, const char *value)
{
	char *name = copy_text(
		loader, loader->source + strlen(VARIABLE_PREFIX) + strlen(option->section) + 1);
	struct config_node item = {.kind = CONFIG_TEXT, .text = value, .name = name};
	struct config_node map = {.kind = CONFIG_MAP, .items = &item, .count = 1};

	for (; *name; name++)
		*name = *name == '_' ? '.' : (char)tolower((unsigned char)*name);
	return config_set(loader, option, &map);
}

/* Only a variable that begins like an option's is a mistake: the prefix is used by others too. */
static bool begins_as_option(const char *name)
{
	size_t i;

	name += strlen(VARIABLE_PREFIX);
	for (i = 0; i < config_section_count; i++) {
		size_t len = strlen(config_sections[i].name);

		if (strncasecmp(name, config_sections[i].name, len) == 0 && name[len] == '_')
			return true;
	}
	return false;
}

static bool fail_of_variable(struct config_loader *loader, const char *name)
{
	struct text_list names = {0};
	const char *near;
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		struct strbuf variable = {0};

		option_variable(&config_options[i], &variable);
		text_list_add(&names, copy_text(loader, variable.data));
		strbuf_clear(&variable);
	}
	text_list_add(&names, NULL);
	near = nearest_name(name, names.items);
	config_fail(loader, nowhere, "no option has this environment variable%s%s%s",
		near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
	text_list_clear(&names);
	return false;
}

static bool load_variable(struct config_loader *loader, const char *variable)
{
	const char *equals = strchr(variable, '=');
	const struct option *option;

	if (!equals || strncmp(variable, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0)
		return true;
	loader->source = arena_copy(&loader->config->private->arena,
		(struct span){variable, (size_t)(equals - variable)})
				 .ptr;
	option = option_of_variable(loader->source);
	if (option)
		return set_text(loader, option, equals + 1);
	if (!begins_as_option(loader->source) || is_service_link(loader->source))
		return true;
	option = properties_of_variable(loader->source);
	if (option)
		return set_property(loader, option, equals + 1);
	return fail_of_variable(loader, loader->source);
}

static bool load_environment(struct config_loader *loader)
{
	char **variable;

	for (variable = environ; *variable; variable++)
		if (!load_variable(loader, *variable))
			return false;
	return true;
}

/* --- flags --- */

/* What has no place in the file; set anew by each load. */
static struct {
	const char *path, *color;
	bool verbose, quiet;
} given;

const struct flag config_common_flags[] = {
	{.name = "config",
		.letter = 'c',
		.value = "FILE",
		.meaning = "the configuration (default: ./rowstream.yaml if it is there)",
		.text = &given.path},
	{.name = "verbose", .letter = 'v', .meaning = "log level debug", .on = &given.verbose},
	{.name = "quiet", .letter = 'q', .meaning = "log level warn", .on = &given.quiet},
	{.name = "color",
		.value = "WHEN",
		.meaning = "auto, always or never",
		.text = &given.color},
	{.name = NULL},
};

/* A flag for each option; texts receives what each was given. In the arena. */
static struct flag *option_flags(struct config_loader *loader, struct text_list *texts)
{
	struct flag *flags = arena_alloc(
		&loader->config->private->arena, (config_option_count + 1) * sizeof(*flags));
	size_t i;

	memset(flags, 0, (config_option_count + 1) * sizeof(*flags));
	for (i = 0; i < config_option_count; i++) {
		struct strbuf name = {0};

		option_flag(&config_options[i], &name);
		flags[i].name = copy_text(loader, name.data);
		flags[i].value = config_options[i].type < OPTION_MAP ? "VALUE" : "NAME=VALUE";
		flags[i].list = &texts[i];
		strbuf_clear(&name);
	}
	return flags;
}

static bool load_level(struct config_loader *loader)
{
	const struct option *level = option_named("log", "level");

	if (given.quiet) {
		loader->source = "--quiet";
		return set_text(loader, level, "warn");
	}
	loader->source = "--verbose";
	return !given.verbose || set_text(loader, level, "debug");
}

static bool load_color(struct config_loader *loader)
{
	static const char *const names[] = {"auto", "always", "never"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!given.color || strcmp(given.color, names[i]) == 0) {
			loader->config->color = (enum color_mode)i;
			return true;
		}
	}
	loader->source = "--color";
	return config_fail(loader, nowhere, "'%s' is not one of auto, always, never", given.color);
}

static bool load_flags(struct config_loader *loader, const struct text_list *texts)
{
	size_t i;

	if (!load_color(loader) || !load_level(loader))
		return false;
	for (i = 0; i < config_option_count; i++) {
		struct strbuf name = {0};

		if (!texts[i].count)
			continue;
		strbuf_add_text(&name, "--");
		option_flag(&config_options[i], &name);
		loader->source = copy_text(loader, name.data);
		strbuf_clear(&name);
		if (!set_texts(loader, &config_options[i], &texts[i]))
			return false;
	}
	return true;
}

/* --- all of it --- */

/* The mapping wants `types` as pairs. */
static void pair_types(struct config *config)
{
	size_t i;

	config->column_types = xcalloc(config->types.count, sizeof(*config->column_types));
	for (i = 0; i < config->types.count; i++)
		config->column_types[i] =
			(struct column_type){config->types.names[i], config->types.values[i]};
}

static bool load_all(struct config_loader *loader, int *argc, char **argv, const struct flag *own)
{
	struct text_list *texts = xcalloc(config_option_count, sizeof(*texts));
	const struct flag *const tables[] = {own, config_common_flags, option_flags(loader, texts)};
	bool ok;
	size_t i;

	memset(&given, 0, sizeof(given));
	/* Read first, because the file's name is among them; put in last. */
	ok = flags_take(tables, 3, argc, argv, loader->error) && load_defaults(loader) &&
	     load_file(loader, given.path) && load_environment(loader) && load_flags(loader, texts);
	for (i = 0; i < config_option_count; i++)
		text_list_clear(&texts[i]);
	free(texts);
	return ok;
}

struct config *config_load(int *argc, char **argv, const struct flag *own, struct error *error)
{
	struct config *config = xcalloc(1, sizeof(*config));
	struct config_loader loader = {.config = config, .error = error};

	config->private = xcalloc(1, sizeof(*config->private));
	config->private->options = xcalloc(config_option_count, sizeof(*config->private->options));
	config->private->properties =
		xcalloc(config_option_count, sizeof(*config->private->properties));
	if (!load_all(&loader, argc, argv, own)) {
		config_free(config);
		return NULL;
	}
	pair_types(config);
	return config;
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config_option_count; i++) {
		config_clear_option(config, &config_options[i]);
		free(config->private->properties[i]);
	}
	arena_clear(&config->private->arena);
	free(config->private->options);
	free(config->private->properties);
	free(config->private);
	free(config->column_types);
	free(config);
}

const char *config_property(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->kafka.count; i++)
		if (strcmp(config->kafka.names[i], name) == 0)
			return config->kafka.values[i];
	return NULL;
}

void config_mapping_options(const struct config *config, struct mapping_options *options)
{
	*options = (struct mapping_options){
		.stream = config->mapping.stream,
		.event_types = config->mapping.event_types,
		.keyless_refuse = config->mapping.keyless == KEYLESS_REFUSE,
		.append_transactions = config->mapping.transactions == SIDE_RECORDS_APPEND,
		.append_schema_changes = config->mapping.schema_changes == SIDE_RECORDS_APPEND,
		.unavailable_value = config->source.unavailable_value,
		.outbox_type = config->source.outbox_type,
		.flattened_prefix = config->source.flattened_prefix,
		.generation_topics = config->generation.names,
		.generations = config->generation.values,
		.generation_count = config->generation.count,
		.flattened_topics = config->source.flattened_topics.items,
		.flattened_topic_count = config->source.flattened_topics.count,
		.flattened_fields = config->source.flattened_fields.items,
		.flattened_field_count = config->source.flattened_fields.count,
		.outbox_topics = config->source.outbox_topics.items,
		.outbox_topic_count = config->source.outbox_topics.count,
		.tables = config->filter.tables.items,
		.table_count = config->filter.tables.count,
		.drop_tables = config->filter.drop_tables.items,
		.drop_table_count = config->filter.drop_tables.count,
		.drop_ops = config->filter.drop_ops.items,
		.drop_op_count = config->filter.drop_ops.count,
		.columns =
			{
				.drop = config->filter.drop_columns.items,
				.drop_count = config->filter.drop_columns.count,
				.mask = config->filter.mask_columns.items,
				.mask_count = config->filter.mask_columns.count,
				.hash = config->filter.hash_columns.items,
				.hash_count = config->filter.hash_columns.count,
				.hash_salt = config->filter.hash_salt,
				.types = config->column_types,
				.type_count = config->types.count,
				.canonical = config->mapping.values == VALUES_CANONICAL,
			},
	};
}
