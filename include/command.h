/* A sub-command: a record in main's table and a file src/cmd_<name>.c. */
#ifndef ROWSTREAM_COMMAND_H
#define ROWSTREAM_COMMAND_H

#include <stdio.h>

#include "config.h"
#include "error.h"
#include "flags.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* refused record, failed check, difference found */
	EXIT_USAGE = 2,	      /* usage or configuration */
	EXIT_UNREACHABLE = 3, /* cannot reach or log in */
};

struct command {
	const char *name;
	const char *summary; /* one line, no stop: "check configuration, Kafka and EventStoreDB" */
	/* The help: first line what follows the name ("[-c FILE] [FILE…]"), then paragraphs, each
	 * one long line, and indented lines that are printed as they stand. Options need no
	 * mention, they are listed from the tables. */
	const char *usage;
	int (*run)(int argc, char **argv); /* argv[0]: the sub-command's name */
	const struct flag *flags; /* its own options, or NULL; targets are static variables */
	int max_arguments;	  /* beside options; -1: any number */
};

/* What a sub-command begins with: the configuration, with the log set up by it and argv without
 * options. NULL: it said why on standard error, exit with EXIT_USAGE. */
struct config *command_load(const struct command *command, int *argc, char **argv);
/* Prints "rowstream <name>: <error>"; returns the exit code that fits its kind. */
int command_fail(const struct command *command, const struct error *error);
/* What `help X` and `X --help` print. */
void command_help(const struct command *command, FILE *out);
/* The same for rowstream(1), and the options that all commands have. */
void command_man(const struct command *command, FILE *out);
void command_man_common(FILE *out);

/* One line for each src/cmd_<name>.c, in alphabetical order. */
extern const struct command cmd_changes;
extern const struct command cmd_check;
extern const struct command cmd_config;
extern const struct command cmd_diff;
extern const struct command cmd_history;
extern const struct command cmd_map;
extern const struct command cmd_projections;
extern const struct command cmd_replay;
extern const struct command cmd_report;
extern const struct command cmd_run;
extern const struct command cmd_serve;
extern const struct command cmd_show;
extern const struct command cmd_source;
extern const struct command cmd_status;
extern const struct command cmd_table;
extern const struct command cmd_verify;

#endif
