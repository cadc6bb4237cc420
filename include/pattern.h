/* Patterns of topics, tables and columns in the configuration: "^…" is a POSIX extended regular
 * expression; anything else is literal text in which '*' stands for any run of characters. */
#ifndef ROWSTREAM_PATTERN_H
#define ROWSTREAM_PATTERN_H

#include "error.h"
#include "util.h"

struct pattern_list;

/* NULL and error (ERROR_INPUT, names the pattern and why) if one does not compile. An empty list
 * matches nothing. */
struct pattern_list *pattern_list_new(
	const char *const *patterns, size_t count, struct error *error);
void pattern_list_free(struct pattern_list *list);
/* Index of the first pattern that matches the whole text, or -1. */
int pattern_list_match(const struct pattern_list *list, struct span text);
bool pattern_list_empty(const struct pattern_list *list);

#endif
