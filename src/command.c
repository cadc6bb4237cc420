/* What all sub-commands share: their start, their help, their way to fail. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strbuf.h"

struct config *command_load(const struct command *command, int *argc, char **argv)
{
	struct error error = {0};
	struct config *config = config_load(argc, argv, command->flags, &error);

	if (config && command->max_arguments >= 0 && *argc - 1 > command->max_arguments) {
		error_set(&error, ERROR_INPUT, "unexpected argument '%s'; usage: rowstream %s %.*s",
			argv[command->max_arguments + 1], command->name,
			(int)strcspn(command->usage, "\n"), command->usage);
		config_free(config);
		config = NULL;
	}
	if (!config) {
		command_fail(command, &error);
		return NULL;
	}
	terminal_set_color(config->color);
	log_setup(config->log.level, config->log.format);
	return config;
}

int command_fail(const struct command *command, const struct error *error)
{
	struct strbuf text = {0};

	terminal_add_visible(&text, span_of(error->text));
	fprintf(stderr, "rowstream %s: %s\n", command->name, text.data ? text.data : "");
	strbuf_clear(&text);
	switch (error->kind) {
	case ERROR_INPUT:
		return EXIT_USAGE;
	case ERROR_RETRY:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_REFUSED;
	}
}

/* --- help --- */

#define HELP_COLUMNS 100

static void add_option_names(struct strbuf *out, const struct flag *flag)
{
	if (flag->letter)
		strbuf_printf(out, "-%c, ", flag->letter);
	strbuf_printf(out, "--%s", flag->name);
	if (flag->value)
		strbuf_printf(out, " %s", flag->value);
}

static int widest(const struct flag *flags)
{
	struct strbuf names = {0};
	size_t most = 0;

	for (; flags && flags->name; flags++) {
		strbuf_reset(&names);
		add_option_names(&names, flags);
		if (names.len > most)
			most = names.len;
	}
	strbuf_clear(&names);
	return (int)most;
}

/* Words from text, broken before the last column, further lines indented. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
	int room = HELP_COLUMNS - indent;

	while ((int)strlen(text) > room) {
		int cut = room;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			break;
		fprintf(out, "%.*s\n%*s", cut, text, indent, "");
		text += cut + 1;
	}
	fprintf(out, "%s\n", text);
}

static void print_flags(FILE *out, const struct flag *flags, int width)
{
	struct strbuf names = {0};

	for (; flags && flags->name; flags++) {
		strbuf_reset(&names);
		add_option_names(&names, flags);
		fprintf(out, "  %-*s  ", width, names.data);
		print_wrapped(out, flags->meaning, width + 4);
	}
	strbuf_clear(&names);
}

void command_help(const struct command *command, FILE *out)
{
	static const struct flag further[] = {
		{.name = "help", .letter = 'h', .meaning = "this text"},
		{.name = "SECTION-OPTION",
			.value = "VALUE",
			.meaning = "any option of the configuration, like --eventstore-url; see "
				   "'rowstream config options'"},
		{.name = NULL},
	};
	const char *rest = strchr(command->usage, '\n');
	int width = widest(command->flags), common = widest(further);

	if (width < common)
		width = common;
	fprintf(out, "rowstream %s: %s\n\nusage: rowstream %s %.*s\n", command->name,
		command->summary, command->name, (int)strcspn(command->usage, "\n"),
		command->usage);
	if (rest)
		fprintf(out, "\n%s\n", rest + strspn(rest, "\n"));
	if (command->flags) {
		fprintf(out, "\nOptions:\n");
		print_flags(out, command->flags, width);
	}
	fprintf(out, "\nOptions of every command:\n");
	print_flags(out, config_common_flags, width);
	print_flags(out, further, width);
}
