/* rowstream config: the effective configuration, and every option that there is. */
#include "command.h"

#include <string.h>

#include "config_print.h"

static struct {
	const char *format;
} options;

static const struct flag flags[] = {
	{.name = "format",
		.value = "FORMAT",
		.meaning = "of 'config options': yaml (default), markdown or man",
		.text = &options.format},
	{.name = NULL},
};

/* Without loading anything: who has a broken file needs this most. */
static int print_options(int argc, char **argv)
{
	const struct flag *const tables[] = {flags, config_common_flags};
	struct error error = {0};

	if (!flags_take(tables, 2, &argc, argv, &error))
		return command_fail(&cmd_config, &error);
	if (argc > 2) {
		error_set(&error, ERROR_INPUT, "unexpected argument '%s'", argv[2]);
		return command_fail(&cmd_config, &error);
	}
	if (!options.format || strcmp(options.format, "yaml") == 0)
		config_print_template(stdout);
	else if (strcmp(options.format, "markdown") == 0)
		config_print_markdown(stdout);
	else if (strcmp(options.format, "man") == 0)
		config_print_man(stdout);
	else
		error_set(&error, ERROR_INPUT, "--format '%s' is not one of yaml, markdown, man",
			options.format);
	return error.kind == ERROR_NONE ? EXIT_DONE : command_fail(&cmd_config, &error);
}

static int print_effective(int argc, char **argv)
{
	struct config *config = command_load(&cmd_config, &argc, argv);

	if (!config)
		return EXIT_USAGE;
	config_print(config, stdout);
	config_free(config);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct error error = {0};

	if (argc > 1 && strcmp(argv[1], "print") == 0)
		return print_effective(argc, argv);
	if (argc > 1 && strcmp(argv[1], "options") == 0)
		return print_options(argc, argv);
	error_set(&error, ERROR_INPUT, "wanted is 'config print' or 'config options'");
	return command_fail(&cmd_config, &error);
}

const struct command cmd_config = {
	.name = "config",
	.summary = "print the effective configuration, or every option with default and meaning",
	.usage =
		"print|options [-c FILE] [--format FORMAT]\n"
		"\n"
		"print shows what the file, the environment and the flags add up to, and where "
		"each "
		"value came from that is not the default. Secrets are shown as ***.\n"
		"\n"
		"options shows a whole configuration of defaults, each with its meaning: a file to "
		"start from.",
	.run = run,
	.flags = flags,
	.max_arguments = 1,
};
