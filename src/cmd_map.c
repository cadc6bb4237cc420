/* rowstream map: records in, events out; no network but a schema registry, if one is configured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "change.h"
#include "command.h"
#include "mapping.h"
#include "schema_fetch.h"
#include "wire.h"

static bool explain;
static struct text_list schema_files;

struct map {
	struct mapping *mapping;
	struct registry *registry; /* NULL: none is configured */
	struct twins *twins;	   /* NULL: nothing says where schemas are */
	long events, skipped, refused;
};

static void add_member(struct strbuf *line, const char *name, struct span text)
{
	strbuf_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", name);
	strbuf_add_json(line, text);
}

/* A line a record: the connector's own line breaks, which JSON has between tokens only, are spaces
 * here. */
static void add_json(struct strbuf *line, struct span json)
{
	size_t at = line->len;

	strbuf_add_span(line, json);
	for (; at < line->len; at++)
		if (line->data[at] == '\n' || line->data[at] == '\r')
			line->data[at] = ' ';
}

static void add_event(struct strbuf *line, const struct event *event)
{
	add_member(line, "stream", event->stream);
	add_member(line, "id", span_of(event->id));
	add_member(line, "type", event->type);
	strbuf_add_text(line, ",\"data\":");
	add_json(line, event->data);
	strbuf_add_text(line, ",\"metadata\":");
	add_json(line, event->metadata);
	if (event->unless_deleted)
		strbuf_add_text(line, ",\"unless_deleted\":true");
}

/* What the record was taken for, and which rule made the outcome. */
static void add_why(struct strbuf *line, struct mapping *mapping, const struct event *event)
{
	static const char *const forms[] = {"envelope", "flattened row", "CloudEvent"};
	const struct change *change = mapping_last_change(mapping);
	struct strbuf why = {0};

	strbuf_printf(&why, "%s", change_kind_name(change->kind));
	if (change->kind == CHANGE_ROW || change->kind == CHANGE_TRUNCATE)
		strbuf_printf(&why, " as %s", forms[change->form]);
	if (change->connector.ptr)
		strbuf_printf(&why, " of %.*s", SPAN_ARG(change->connector));
	if (change->op.ptr)
		strbuf_printf(&why, ", op %.*s", SPAN_ARG(change->op));
	strbuf_printf(&why, ", %s",
		!change->key_is_json	 ? "key is text"
		: change->key == JS_NONE ? "no key"
					 : "key is JSON");
	if (change->payload_schema != JS_NONE)
		strbuf_add_text(&why, ", with a schema block");
	strbuf_add_span(&why, mapping_why(mapping, event != NULL));
	if (event && event->unless_deleted)
		strbuf_add_text(&why, ", appended only unless the event before it is a delete");
	add_member(line, "why", strbuf_span(&why));
	strbuf_clear(&why);
}

/* Where it is in Avro, its twin. */
static enum mapping_result apply(struct map *map, const struct record *record, struct record *twin,
	struct event **event, const char **reason, struct error *error)
{
	struct twins_wanted wanted;

	*twin = *record;
	if (map->twins && twins_wanting(map->twins, record, &wanted)) {
		error_set(error, ERROR_REFUSED, "schema id %u is in no file of --schemas",
			wanted.ids[0]);
		return MAPPING_REFUSED;
	}
	if (map->twins && !twins_read(map->twins, record, twin, error))
		return MAPPING_REFUSED;
	return mapping_apply(map->mapping, twin, event, reason, error);
}

static void map_record(struct map *map, const struct record *record, struct strbuf *line)
{
	struct error error = {0};
	struct record twin;
	struct event *event = NULL;
	const char *reason = NULL;

	switch (apply(map, record, &twin, &event, &reason, &error)) {
	case MAPPING_EVENT:
		map->events++;
		add_event(line, event);
		break;
	case MAPPING_SKIPPED:
		map->skipped++;
		add_member(line, "skipped", span_of(reason));
		break;
	case MAPPING_REFUSED:
		map->refused++;
		error_context(&error, "%s/%d offset %lld", record->topic, (int)record->partition,
			(long long)record->offset);
		add_member(line, "refused", span_of(error.text));
		break;
	}
	if (explain && error.kind == ERROR_NONE)
		add_why(line, map->mapping, event);
	event_free(event);
}

static void map_line(
	struct map *map, int got, const struct record *record, const struct error *error)
{
	struct strbuf line = {0};

	strbuf_add_char(&line, '{');
	if (got > 0) {
		map_record(map, record, &line);
	} else {
		map->refused++;
		add_member(&line, "refused", span_of(error->text));
	}
	strbuf_add_text(&line, "}\n");
	fwrite(line.data, 1, line.len, stdout);
	strbuf_clear(&line);
}

static bool map_file(struct map *map, const char *path, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int got;

	while (capture) {
		struct error why = {0};

		got = capture_next(capture, &record, &why);
		if (got == 0 || ferror(stdout) ||
			(got > 0 && map->registry &&
				!schema_fetch(map->registry, map->twins, &record, error)))
			break;
		map_line(map, got, &record, &why);
	}
	capture_close(capture);
	return error->kind == ERROR_NONE;
}

static int map_files(struct map *map, int argc, char **argv, struct error *error)
{
	int i;

	if (argc < 2)
		map_file(map, "-", error);
	for (i = 1; i < argc && map_file(map, argv[i], error); i++)
		;
	if (fflush(stdout) != 0 || ferror(stdout))
		error_set(error, ERROR_FATAL, "standard output: %s", strerror(errno));
	fprintf(stderr, "%ld events, %ld skipped, %ld refused\n", map->events, map->skipped,
		map->refused);
	return map->refused > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static bool open_map(struct map *map, const struct config *config, struct error *error)
{
	size_t i;

	map->mapping = wire_mapping(config, error);
	if (map->mapping && explain)
		mapping_explain(map->mapping);
	if (*config->registry.url)
		map->registry = wire_registry(config, error);
	if (map->registry || schema_files.count > 0)
		map->twins = twins_new();
	for (i = 0; i < schema_files.count && error->kind == ERROR_NONE; i++)
		twins_put_file(map->twins, schema_files.items[i], error);
	return error->kind == ERROR_NONE;
}

static int run(int argc, char **argv)
{
	struct config *config = command_load(&cmd_map, &argc, argv);
	struct error error = {0};
	struct map map = {0};
	int code = EXIT_DONE;

	if (!config)
		return EXIT_USAGE;
	if (open_map(&map, config, &error))
		code = map_files(&map, argc, argv, &error);
	if (error.kind != ERROR_NONE)
		code = command_fail(&cmd_map, &error);
	mapping_free(map.mapping);
	registry_free(map.registry);
	twins_free(map.twins);
	text_list_clear(&schema_files);
	config_free(config);
	return code;
}

static const struct flag flags[] = {
	{.name = "explain",
		.meaning =
			"say why each record becomes what it becomes: which rule chose its stream "
			"and type, which columns were dropped, masked, hashed or made readable",
		.on = &explain},
	{.name = "schemas",
		.value = "FILE",
		.meaning = "schemas of records in Avro, as a registry answers them",
		.list = &schema_files},
	{0},
};

const struct command cmd_map = {
	.name = "map",
	.summary = "show which events records become; appends nothing",
	.usage =
		"[-c FILE] [--explain] [--schemas FILE]… [FILE…]\n"
		"\n"
		"Reads records as JSON lines in the form that `kcat -J` prints, plain or gzip, "
		"from "
		"files or standard input, and prints one JSON line for each, in order: "
		"{\"stream\",\"id\",\"type\",\"data\",\"metadata\"}, {\"skipped\":\"tombstone\"} "
		"or "
		"{\"refused\":\"…\"}. A refusal does not end it, but it exits with 1.\n"
		"\n"
		"Schemas of records in Avro come from files {\"ids\": {\"7\": …}} that hold for "
		"each id what a registry answers to /schemas/ids/7, and, where registry.url is "
		"set, "
		"from there; nothing else is asked over the network.\n"
		"\n"
		"Example:\n"
		"  kcat -b localhost:9092 -C -e -J -t shop.public.orders | rowstream map --explain",
	.run = run,
	.flags = flags,
	.max_arguments = -1,
};
