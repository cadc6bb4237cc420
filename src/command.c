/* What all sub-commands share: their start, their help, their way to fail. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "man.h"
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

#define HELP_COLUMNS 90
#define WIDEST_NAMES 32 /* wider ones have a line of their own */

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
	return most < WIDEST_NAMES ? (int)most : WIDEST_NAMES;
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

/* Lines that are indented are printed as they stand. */
static void print_paragraphs(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len);

		if (*line == ' ')
			fprintf(out, "%s\n", line);
		else
			print_wrapped(out, line, 0);
		free(line);
		text += len + (text[len] == '\n');
	}
}

static void print_flags(FILE *out, const struct flag *flags, int width)
{
	struct strbuf names = {0};

	for (; flags && flags->name; flags++) {
		strbuf_reset(&names);
		add_option_names(&names, flags);
		if ((int)names.len > width)
			fprintf(out, "  %s\n  %*s  ", names.data, width, "");
		else
			fprintf(out, "  %-*s  ", width, names.data);
		print_wrapped(out, flags->meaning, width + 4);
	}
	strbuf_clear(&names);
}

/* Beside config_common_flags, for the help only. */
static const struct flag further_flags[] = {
	{.name = "help", .letter = 'h', .meaning = "this text"},
	{.name = "SECTION-OPTION",
		.value = "VALUE",
		.meaning = "any option of the configuration, like --eventstore-url; see "
			   "'rowstream config options'"},
	{.name = NULL},
};

void command_help(const struct command *command, FILE *out)
{
	const char *rest = strchr(command->usage, '\n');
	int width = widest(command->flags), common = widest(further_flags);

	if (width < common)
		width = common;
	fprintf(out, "rowstream %s: %s\n\nusage: rowstream %s %.*s\n", command->name,
		command->summary, command->name, (int)strcspn(command->usage, "\n"),
		command->usage);
	if (rest) {
		fputc('\n', out);
		print_paragraphs(out, rest + strspn(rest, "\n"));
	}
	if (command->flags) {
		fprintf(out, "\nOptions:\n");
		print_flags(out, command->flags, width);
	}
	fprintf(out, "\nOptions of every command:\n");
	print_flags(out, config_common_flags, width);
	print_flags(out, further_flags, width);
}

/* --- manual page --- */

static void add_man_flags(struct strbuf *out, const struct flag *flags)
{
	struct strbuf names = {0};

	for (; flags && flags->name; flags++) {
		strbuf_reset(&names);
		add_option_names(&names, flags);
		strbuf_add_text(out, ".TP\n.B ");
		man_add(out, names.data);
		strbuf_add_char(out, '\n');
		man_add(out, flags->meaning);
		strbuf_add_char(out, '\n');
	}
	strbuf_clear(&names);
}

/* What the lines before left open. mandoc warns of a .PP that nothing follows, so an empty line
 * waits for the next one. */
struct man_state {
	bool literal;
	bool paragraph;
};

/* One line of the usage's text; indented lines are printed as they stand. */
static void add_man_line(struct strbuf *out, const char *line, struct man_state *state)
{
	bool indented = *line == ' ';

	if (!*line) {
		state->paragraph = true;
		return;
	}
	if (state->literal && !indented)
		strbuf_add_text(out, ".fi\n");
	if (state->paragraph || (indented && !state->literal))
		strbuf_add_text(out, ".PP\n");
	if (indented && !state->literal)
		strbuf_add_text(out, ".nf\n");
	*state = (struct man_state){.literal = indented};
	man_add(out, line);
	strbuf_add_char(out, '\n');
}

static void add_man_text(struct strbuf *out, const char *text)
{
	struct man_state state = {0};

	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len);

		add_man_line(out, line, &state);
		free(line);
		text += len + (text[len] == '\n');
	}
	if (state.literal)
		strbuf_add_text(out, ".fi\n");
}

void command_man(const struct command *command, FILE *out)
{
	size_t first = strcspn(command->usage, "\n");
	const char *rest = command->usage + first;
	struct strbuf text = {0};
	char *usage = xstrndup(command->usage, first);

	strbuf_printf(&text, ".SS %s\n.B rowstream %s\n", command->name, command->name);
	man_add(&text, usage);
	strbuf_add_text(&text, "\n.PP\n");
	man_add(&text, command->summary);
	strbuf_add_text(&text, ".\n");
	if (*rest) {
		strbuf_add_text(&text, ".PP\n");
		add_man_text(&text, rest + strspn(rest, "\n"));
	}
	add_man_flags(&text, command->flags);
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
	free(usage);
}

void command_man_common(FILE *out)
{
	struct strbuf text = {0};

	add_man_flags(&text, config_common_flags);
	add_man_flags(&text, further_flags);
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
}
