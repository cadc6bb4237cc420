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

static int print_options(struct error *error)
{
	const char *format = options.format ? options.format : "yaml";

	if (strcmp(format, "yaml") == 0)
		config_print_template(stdout);
	else if (strcmp(format, "markdown") == 0)
		config_print_markdown(stdout);
	else if (strcmp(format, "man") == 0)
		config_print_man(stdout);
	else
		error_set(error, ERROR_INPUT, "--format '%s' is not one of yaml, markdown, man",
			format);
	return error->kind == ERROR_NONE ? EXIT_DONE : command_fail(&cmd_config, error);
}

static int run(int argc, char **argv)
{
	struct config *config = command_load(&cmd_config, &argc, argv);
	struct error error = {0};
	int code = EXIT_DONE;

	if (!config)
		return EXIT_USAGE;
	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		config_print(config, stdout);
	} else if (argc == 2 && strcmp(argv[1], "options") == 0) {
		code = print_options(&error);
	} else {
		error_set(&error, ERROR_INPUT, "wanted is 'config print' or 'config options'");
		code = command_fail(&cmd_config, &error);
	}
	config_free(config);
	return code;
}

const struct command cmd_config = {
	.name = "config",
	.summary = "print the effective configuration, or every option with default and meaning",
	.usage = "print|options [-c FILE] [--format FORMAT]\n"
		 "\n"
		 "print shows what the file, the environment and the flags add up to, and where "
		 "each\n"
		 "value came from that is not the default. Secrets are shown as ***.\n"
		 "options shows a whole configuration of defaults, each with its meaning: a file "
		 "to\n"
		 "start from.",
	.run = run,
	.flags = flags,
	.max_arguments = 1,
};
