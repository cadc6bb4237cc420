/* rowstream run: the bridge. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "pipeline.h"

static bool until_end, force, accept_mapping_change;
static struct text_list skip_texts, from_texts;

/* "topic:partition:rest", cut from the right: a topic's name holds no ':'. */
static bool cut_position(const char *text, char **topic, int32_t *partition, const char **rest)
{
	const char *first = strchr(text, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;
	int64_t number;

	if (!second || first == text ||
		!span_to_int64((struct span){first + 1, (size_t)(second - first - 1)}, &number) ||
		number < 0 || number > INT32_MAX)
		return false;
	*topic = xstrndup(text, (size_t)(first - text));
	*partition = (int32_t)number;
	*rest = second + 1;
	return true;
}

static bool parse_skip(const char *text, struct group_skip *skip, struct error *error)
{
	const char *offset;

	if (cut_position(text, &skip->topic, &skip->partition, &offset) &&
		span_to_int64(span_of(offset), &skip->offset) && skip->offset >= 0)
		return true;
	error_set(error, ERROR_INPUT,
		"--skip %s: give TOPIC:PARTITION:OFFSET, as the refusal printed it", text);
	return false;
}

static bool parse_from_offset(const char *text, int64_t *offset)
{
	if (strcmp(text, "earliest") == 0)
		*offset = PIPELINE_EARLIEST;
	else if (strcmp(text, "latest") == 0)
		*offset = PIPELINE_LATEST;
	else
		return span_to_int64(span_of(text), offset) && *offset >= 0;
	return true;
}

static bool parse_from(const char *text, struct pipeline_from *from, struct error *error)
{
	const char *rest = text;
	char *topic = NULL;

	if (strchr(text, ':') ? cut_position(text, &topic, &from->partition, &rest) &&
					parse_from_offset(rest, &from->offset)
			      : parse_from_offset(text, &from->offset) && from->offset < 0) {
		from->topic = topic;
		return true;
	}
	free(topic);
	error_set(error, ERROR_INPUT, "--from %s: give earliest, latest or TOPIC:PARTITION:OFFSET",
		text);
	return false;
}

static bool parse_options(struct pipeline_options *options, struct group_skip *skips,
	struct pipeline_from *from, struct error *error)
{
	*options = (struct pipeline_options){
		.until_end = until_end,
		.force = force,
		.accept_mapping_change = accept_mapping_change,
		.skips = skips,
		.from = from,
	};
	for (; options->skip_count < skip_texts.count; options->skip_count++)
		if (!parse_skip(skip_texts.items[options->skip_count], &skips[options->skip_count],
			    error))
			return false;
	for (; options->from_count < from_texts.count; options->from_count++)
		if (!parse_from(from_texts.items[options->from_count], &from[options->from_count],
			    error))
			return false;
	return true;
}

static int run(int argc, char **argv)
{
	struct config *config = command_load(&cmd_run, &argc, argv);
	struct pipeline_options options = {0};
	struct group_skip *skips = NULL;
	struct pipeline_from *from = NULL;
	struct error error = {0};
	size_t i;
	int code;

	if (!config)
		return EXIT_USAGE;
	skips = xcalloc(skip_texts.count, sizeof(*skips));
	from = xcalloc(from_texts.count, sizeof(*from));
	if (parse_options(&options, skips, from, &error))
		code = pipeline_run(config, &options);
	else
		code = command_fail(&cmd_run, &error);
	for (i = 0; i < skip_texts.count; i++)
		free(skips[i].topic);
	for (i = 0; i < from_texts.count; i++)
		free((char *)from[i].topic);
	free(skips);
	free(from);
	text_list_clear(&skip_texts);
	text_list_clear(&from_texts);
	config_free(config);
	return code;
}

static const struct flag flags[] = {
	{.name = "until-end",
		.meaning = "stop at the end offsets seen at the start",
		.on = &until_end},
	{.name = "skip",
		.value = "TOPIC:PARTITION:OFFSET",
		.meaning = "go past exactly this record; the group remembers it",
		.list = &skip_texts},
	{.name = "from",
		.value = "earliest|latest|TOPIC:PARTITION:OFFSET",
		.meaning = "where partitions without a valid commit start",
		.list = &from_texts},
	{.name = "force",
		.meaning = "--from holds for partitions with a valid commit too",
		.on = &force},
	{.name = "accept-mapping-change",
		.meaning = "go on though the mapping is not the one this group wrote with",
		.on = &accept_mapping_change},
	{0},
};

const struct command cmd_run = {
	.name = "run",
	.summary = "bridge Kafka's change events to EventStoreDB until stopped",
	.usage =
		"[-c FILE] [--until-end] [--skip T:P:O]… [--from WHERE]…\n"
		"\n"
		"Reads the topics of the configuration as a member of the consumer group, appends "
		"each change to the stream of its row and commits an offset when everything before "
		"it is in the store. SIGTERM or Ctrl-C drains and ends with 0; a second one ends "
		"at once with 143 or 130.\n"
		"\n"
		"A record that cannot become an event ends the run with 1 and is named; it stays "
		"uncommitted. An outage of Kafka or EventStoreDB never ends it: it goes on by "
		"itself.\n"
		"\n"
		"Examples:\n"
		"  rowstream run -c rowstream.yaml\n"
		"  rowstream run --until-end --kafka bootstrap.servers=localhost:9092",
	.run = run,
	.flags = flags,
};
