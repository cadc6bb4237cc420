/* rowstream map: records in, events out; no network. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "change.h"
#include "command.h"
#include "mapping.h"
#include "wire.h"

static bool explain;

struct totals {
	long events, skipped, refused;
};

static void add_member(struct strbuf *line, const char *name, struct span text)
{
	strbuf_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", name);
	strbuf_add_json(line, text);
}

static void add_event(struct strbuf *line, const struct event *event)
{
	add_member(line, "stream", event->stream);
	add_member(line, "id", span_of(event->id));
	add_member(line, "type", event->type);
	strbuf_add_text(line, ",\"data\":");
	strbuf_add_span(line, event->data);
	strbuf_add_text(line, ",\"metadata\":");
	strbuf_add_span(line, event->metadata);
	if (event->unless_deleted)
		strbuf_add_text(line, ",\"unless_deleted\":true");
}

/* What the record was taken for, and which rule made the outcome. */
static void add_why(struct strbuf *line, const struct change *change, const struct event *event)
{
	static const char *const forms[] = {"envelope", "flattened row", "CloudEvent"};
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
	if (event && event->unless_deleted)
		strbuf_add_text(&why, ", appended only unless the event before it is a delete");
	add_member(line, "why", strbuf_span(&why));
	strbuf_clear(&why);
}

static void map_record(struct mapping *mapping, const struct record *record, struct strbuf *line,
	struct totals *totals)
{
	struct error error = {0};
	struct event *event = NULL;
	const char *reason = NULL;

	switch (mapping_apply(mapping, record, &event, &reason, &error)) {
	case MAPPING_EVENT:
		totals->events++;
		add_event(line, event);
		break;
	case MAPPING_SKIPPED:
		totals->skipped++;
		add_member(line, "skipped", span_of(reason));
		break;
	case MAPPING_REFUSED:
		totals->refused++;
		error_context(&error, "%s/%d offset %lld", record->topic, (int)record->partition,
			(long long)record->offset);
		add_member(line, "refused", span_of(error.text));
		break;
	}
	if (explain && error.kind == ERROR_NONE)
		add_why(line, mapping_last_change(mapping), event);
	event_free(event);
}

static void map_line(struct mapping *mapping, int got, const struct record *record,
	const struct error *error, struct totals *totals)
{
	struct strbuf line = {0};

	strbuf_add_char(&line, '{');
	if (got > 0) {
		map_record(mapping, record, &line, totals);
	} else {
		totals->refused++;
		add_member(&line, "refused", span_of(error->text));
	}
	strbuf_add_text(&line, "}\n");
	fwrite(line.data, 1, line.len, stdout);
	strbuf_clear(&line);
}

static bool map_file(
	struct mapping *mapping, const char *path, struct totals *totals, struct error *error)
{
	struct capture *capture = capture_open(path, error);
	struct record record;
	int got;

	while (capture) {
		struct error why = {0};

		got = capture_next(capture, &record, &why);
		if (got == 0 || ferror(stdout))
			break;
		map_line(mapping, got, &record, &why, totals);
	}
	capture_close(capture);
	return error->kind == ERROR_NONE;
}

static int map_files(struct mapping *mapping, int argc, char **argv, struct error *error)
{
	struct totals totals = {0};
	int i;

	if (argc < 2)
		map_file(mapping, "-", &totals, error);
	for (i = 1; i < argc && map_file(mapping, argv[i], &totals, error); i++)
		;
	if (fflush(stdout) != 0 || ferror(stdout))
		error_set(error, ERROR_FATAL, "standard output: %s", strerror(errno));
	fprintf(stderr, "%ld events, %ld skipped, %ld refused\n", totals.events, totals.skipped,
		totals.refused);
	return totals.refused > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct config *config = command_load(&cmd_map, &argc, argv);
	struct error error = {0};
	struct mapping *mapping;
	int code = EXIT_DONE;

	if (!config)
		return EXIT_USAGE;
	mapping = wire_mapping(config, &error);
	if (mapping)
		code = map_files(mapping, argc, argv, &error);
	if (error.kind != ERROR_NONE)
		code = command_fail(&cmd_map, &error);
	mapping_free(mapping);
	config_free(config);
	return code;
}

static const struct flag flags[] = {
	{.name = "explain",
		.meaning = "say why each record becomes what it becomes",
		.on = &explain},
	{0},
};

const struct command cmd_map = {
	.name = "map",
	.summary = "show which events records become, without any network",
	.usage =
		"[-c FILE] [--explain] [FILE…]\n"
		"\n"
		"Reads records as JSON lines in the form that `kcat -J` prints, plain or gzip, "
		"from "
		"files or standard input, and prints one JSON line for each, in order: "
		"{\"stream\",\"id\",\"type\",\"data\",\"metadata\"}, {\"skipped\":\"tombstone\"} "
		"or "
		"{\"refused\":\"…\"}. A refusal does not end it, but it exits with 1.\n"
		"\n"
		"Example:\n"
		"  kcat -b localhost:9092 -C -e -J -t shop.public.orders | rowstream map --explain",
	.run = run,
	.flags = flags,
	.max_arguments = -1,
};
