/* Looks up the sub-command and runs it; help and version. */
#include "command.h"

#include <stdio.h>
#include <string.h>

/* In the order in which a person meets them. Ends with NULL. */
static const struct command *const commands[] = {
	NULL,
};

int main(int argc, char **argv)
{
	const struct command *const *command;

	for (command = commands; argc > 1 && *command; command++)
		if (strcmp((*command)->name, argv[1]) == 0)
			return (*command)->run(argc - 1, argv + 1);
	for (command = commands; *command; command++)
		printf("  %-12s %s\n", (*command)->name, (*command)->summary);
	return EXIT_USAGE;
}
