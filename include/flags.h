/* Options on a command line: a table of them, read from argv in any order. */
#ifndef ROWSTREAM_FLAGS_H
#define ROWSTREAM_FLAGS_H

#include "error.h"
#include "util.h"

/* Texts in order. Start with {0}; the texts belong to who filled it. */
struct text_list {
	const char **items;
	size_t count;
};

/* One option. Exactly one target is set; it is the option's default until the option is given.
 * A table ends with a row whose name is NULL. */
struct flag {
	const char *name;	/* "until-end" is given as --until-end */
	char letter;		/* its short form, or 0 */
	const char *value;	/* what the help calls its value: "FILE"; NULL for a switch */
	const char *meaning;	/* for the help, one line */
	bool *on;		/* a switch: set to true */
	const char **text;	/* set to the value, which stays in argv */
	int64_t *number;	/* decimal digits, nothing else */
	struct text_list *list; /* may be given many times: values are added */
};

/* Takes every option of the tables (each may be NULL) out of argv[1..], as --name VALUE,
 * --name=VALUE, -nVALUE or -n VALUE; "--" ends the options. What is left stays in order, argc says
 * how much. False and error (ERROR_INPUT) for an unknown option, naming the nearest one, or a
 * value that is missing, not wanted or no number. */
bool flags_take(const struct flag *const *tables, size_t table_count, int *argc, char **argv,
	struct error *error);

/* The name in names (NULL-terminated) that differs least from text, or NULL if all differ much. */
const char *nearest_name(const char *text, const char *const *names);

void text_list_add(struct text_list *list, const char *text);
void text_list_clear(struct text_list *list); /* not the texts */

#endif
