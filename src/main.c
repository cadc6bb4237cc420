/* Looks up the sub-command and runs it; help and version. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "autoconf.h"
#include "avro_twin.h"
#include "config_yaml.h"
#include "database.h"
#include "eventstore.h"
#include "http_server.h"
#include "kafka.h"

/* In the order in which a person meets them. Ends with NULL. */
static const struct command *const commands[] = {
	&cmd_run,
	&cmd_check,
	&cmd_status,
	&cmd_map,
	&cmd_history,
	&cmd_show,
	&cmd_diff,
	&cmd_table,
	&cmd_report,
	&cmd_replay,
	&cmd_verify,
	&cmd_serve,
	&cmd_projections,
	&cmd_source,
	&cmd_changes,
	&cmd_config,
	NULL,
};

static const struct command *command_named(const char *name)
{
	const struct command *const *command;

	for (command = commands; *command; command++)
		if (strcmp((*command)->name, name) == 0)
			return *command;
	return NULL;
}

static int print_commands(void)
{
	const struct command *const *command;

	printf("usage: rowstream COMMAND [OPTION…] [ARGUMENT…]\n\n");
	for (command = commands; *command; command++)
		printf("  %-12s %s\n", (*command)->name, (*command)->summary);
	printf("\n'rowstream help COMMAND' says more about one; rowstream --version\n");
	return EXIT_DONE;
}

static int print_version(void)
{
	printf("rowstream %s\n%s\n%s\n%s\n%s\n%s\n%s\n", PACKAGE_VERSION, kafka_library_version(),
		eventstore_library_version(), config_yaml_library_version(), twin_library_version(),
		http_server_library_version(), database_library_versions());
	return EXIT_DONE;
}

static int fail_of_name(const char *name)
{
	struct text_list names = {0};
	struct strbuf shown = {0};
	const struct command *const *command;
	const char *near;

	for (command = commands; *command; command++)
		text_list_add(&names, (*command)->name);
	text_list_add(&names, NULL);
	near = nearest_name(name, names.items);
	terminal_add_quoted(&shown, span_of(name));
	fprintf(stderr, "rowstream: there is no command %s", shown.data);
	if (near)
		fprintf(stderr, ": did you mean '%s'?", near);
	fprintf(stderr, "\n'rowstream help' lists the commands\n");
	strbuf_clear(&shown);
	text_list_clear(&names);
	return EXIT_USAGE;
}

static int print_help(const char *name)
{
	const struct command *command = command_named(name);

	if (!command)
		return fail_of_name(name);
	command_help(command, stdout);
	return EXIT_DONE;
}

/* The generated part of rowstream(1). */
static int print_man(void)
{
	const struct command *const *command;

	for (command = commands; *command; command++)
		command_man(*command, stdout);
	printf(".SH OPTIONS\nEvery command has these:\n");
	command_man_common(stdout);
	return EXIT_DONE;
}

static bool wants_help(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
			return true;
	return false;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";
	const struct command *command;

	if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
		return print_version();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return print_commands();
	if (strcmp(name, "help") == 0)
		return argc <= 2		       ? print_commands()
		       : strcmp(argv[2], "--man") == 0 ? print_man()
						       : print_help(argv[2]);
	command = command_named(name);
	if (!command)
		return fail_of_name(name);
	if (wants_help(argv + 2))
		return print_help(name);
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code = dispatch(argc, argv);

	/* Results that a full disk swallowed are no results. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
		fprintf(stderr, "rowstream: cannot write to standard output: %s\n",
			strerror(errno));
		code = EXIT_REFUSED;
	}
	return code;
}
