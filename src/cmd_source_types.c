/* rowstream source types: the section `types` from schema blocks, or from a database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "change.h"
#include "cmd_source.h"
#include "column_types.h"
#include "config_print.h"
#include "twins.h"

struct sample {
	struct pattern_list *flattened_topics, *flattened_fields, *outbox_topics;
	struct change_rules rules;
	struct change change;
	struct twins *twins;
	struct column_types *types;
	long records, refused, with_schema;
};

/* --- records --- */

static struct pattern_list *compile(const struct text_list *list, struct error *error)
{
	return pattern_list_new(list->items, list->count, error);
}

static bool open_sample(struct sample *sample, const struct source *source, struct error *error)
{
	const struct config *config = source->config;
	size_t i;

	sample->flattened_topics = compile(&config->source.flattened_topics, error);
	sample->flattened_fields = compile(&config->source.flattened_fields, error);
	sample->outbox_topics = compile(&config->source.outbox_topics, error);
	sample->rules = (struct change_rules){
		.flattened_topics = sample->flattened_topics,
		.flattened_prefix = config->source.flattened_prefix,
		.flattened_fields = sample->flattened_fields,
		.outbox_topics = sample->outbox_topics,
	};
	sample->types = column_types_new();
	if (source->schema_files->count)
		sample->twins = twins_new();
	for (i = 0; i < source->schema_files->count && error->kind == ERROR_NONE; i++)
		twins_put_file(sample->twins, source->schema_files->items[i], error);
	return error->kind == ERROR_NONE;
}

static void close_sample(struct sample *sample)
{
	pattern_list_free(sample->flattened_topics);
	pattern_list_free(sample->flattened_fields);
	pattern_list_free(sample->outbox_topics);
	change_clear(&sample->change);
	twins_free(sample->twins);
	column_types_free(sample->types);
}

static bool decode(struct sample *sample, const struct record *record, struct error *error)
{
	struct record twin = *record;
	struct twins_wanted wanted;

	if (sample->twins && twins_wanting(sample->twins, record, &wanted)) {
		error_set(error, ERROR_REFUSED, "schema id %u is in no file of --schemas",
			wanted.ids[0]);
		return false;
	}
	if (sample->twins && !twins_read(sample->twins, record, &twin, error))
		return false;
	if (!change_decode(&sample->change, &twin, &sample->rules, error))
		return false;
	sample->with_schema += column_types_read(sample->types, &sample->change);
	return true;
}

static void refuse(struct sample *sample, const char *path, long line, const struct error *why)
{
	struct strbuf text = {0};

	if (sample->refused++ == 0) {
		terminal_add_visible(&text, span_of(why->text));
		fprintf(stderr, "rowstream source: %s:%ld is passed over: %s\n", path, line,
			text.data ? text.data : "");
	}
	strbuf_clear(&text);
}

static bool read_file(struct sample *sample, const char *path, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int got = capture ? 1 : 0;

	while (got != 0) {
		struct error why = {0};

		got = capture_next(capture, &record, &why);
		sample->records += got != 0;
		if (got > 0)
			decode(sample, &record, &why);
		if (why.kind != ERROR_NONE)
			refuse(sample, path, capture_line(capture), &why);
	}
	capture_close(capture);
	return error->kind == ERROR_NONE;
}

/* --- the section --- */

static void print_types(const struct column_types *types)
{
	const struct column_type_found *found;
	struct strbuf text = {0};
	size_t at = 0;

	while ((found = column_types_next(types, &at))) {
		char type[32];

		semantic_describe(&found->semantic, type, sizeof(type));
		strbuf_add_text(&text, text.len ? "  " : "types:\n  ");
		config_add_yaml_name(&text, found->column);
		strbuf_add_text(&text, ": ");
		config_add_yaml(&text, type);
		strbuf_add_text(&text, found->changed ? "  # it had another type before\n" : "\n");
	}
	if (!text.len)
		strbuf_add_text(&text, "types: {}\n");
	fwrite(text.data, 1, text.len, stdout);
	strbuf_clear(&text);
}

static int print_sample(const struct sample *sample, struct error *error)
{
	if (!sample->with_schema) {
		error_set(error, ERROR_REFUSED,
			"none of %ld records is a row with a schema block: let the connector write "
			"some with value.converter.schemas.enable=true (another topic.prefix keeps "
			"them apart)",
			sample->records);
		return EXIT_REFUSED;
	}
	print_types(sample->types);
	fprintf(stderr, "%ld records, %ld with a schema block, %ld refused; %zu columns\n",
		sample->records, sample->with_schema, sample->refused,
		column_types_count(sample->types));
	return EXIT_DONE;
}

static int types_of_database(struct source *source)
{
	struct column_types *types = column_types_new();
	struct error error = {0};
	int code = EXIT_DONE;

	if (source_read_catalogue(source, source->database, types, &error))
		print_types(types);
	else
		code = command_fail(&cmd_source, &error);
	column_types_free(types);
	return code;
}

static int types_of_sample(struct source *source)
{
	struct sample sample = {0};
	struct error error = {0};
	int i, code = EXIT_DONE;

	if (open_sample(&sample, source, &error)) {
		if (source->file_count == 0)
			read_file(&sample, "-", &error);
		for (i = 0; i < source->file_count && read_file(&sample, source->files[i], &error);
			i++)
			;
	}
	if (error.kind == ERROR_NONE)
		code = print_sample(&sample, &error);
	if (error.kind != ERROR_NONE)
		code = command_fail(&cmd_source, &error);
	close_sample(&sample);
	return code;
}

int source_types(struct source *source)
{
	struct error error = {0};

	if (!source->database)
		return types_of_sample(source);
	if (source->file_count == 0 && source->schema_files->count == 0)
		return types_of_database(source);
	error_set(
		&error, ERROR_INPUT, "--database and records at once: types come from one of them");
	return command_fail(&cmd_source, &error);
}
