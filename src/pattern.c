/* Compiled lists of patterns. */
#include "pattern.h"

#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
	char *text;
	regex_t regex;
	bool is_regex;
};

struct pattern_list {
	size_t count;
	struct pattern items[];
};

/* "^a|b" must match as a whole, so it becomes "^(a|b)$". */
static bool compile_regex(struct pattern *pattern, struct error *error)
{
	size_t len = strlen(pattern->text);
	char *whole = xmalloc(len + 4);
	char why[128];
	int code;

	memcpy(whole, "^(", 2);
	memcpy(whole + 2, pattern->text + 1, len - 1);
	memcpy(whole + len + 1, ")$", 3);
	code = regcomp(&pattern->regex, whole, REG_EXTENDED | REG_NOSUB);
	free(whole);
	if (code) {
		regerror(code, &pattern->regex, why, sizeof(why));
		error_set(error, ERROR_INPUT, "'%s' is no regular expression: %s", pattern->text,
			why);
		return false;
	}
	pattern->is_regex = true;
	return true;
}

struct pattern_list *pattern_list_new(
	const char *const *patterns, size_t count, struct error *error)
{
	struct pattern_list *list = xcalloc(1, sizeof(*list) + count * sizeof(list->items[0]));

	for (; list->count < count; list->count++) {
		struct pattern *pattern = &list->items[list->count];

		pattern->text = xstrdup(patterns[list->count]);
		if (pattern->text[0] == '^' && !compile_regex(pattern, error)) {
			free(pattern->text);
			pattern_list_free(list);
			return NULL;
		}
	}
	return list;
}

void pattern_list_free(struct pattern_list *list)
{
	size_t i;

	if (!list)
		return;
	for (i = 0; i < list->count; i++) {
		if (list->items[i].is_regex)
			regfree(&list->items[i].regex);
		free(list->items[i].text);
	}
	free(list);
}

/* Goes back to the last '*' only: linear in practice, quadratic at worst. */
static bool match_stars(const char *pattern, struct span text)
{
	const char *star = NULL;
	size_t at = 0, star_at = 0;

	while (at < text.len) {
		if (*pattern == '*') {
			star = pattern++;
			star_at = at;
		} else if (*pattern && *pattern == text.ptr[at]) {
			pattern++;
			at++;
		} else if (star) {
			pattern = star + 1;
			at = ++star_at;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool match_regex(const regex_t *regex, struct span text)
{
	char buffer[512];
	char *copy;
	bool found;

	if (memchr(text.ptr, '\0', text.len))
		return false;
	copy = text.len < sizeof(buffer) ? buffer : xmalloc(text.len + 1);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	found = regexec(regex, copy, 0, NULL, 0) == 0;
	if (copy != buffer)
		free(copy);
	return found;
}

int pattern_list_match(const struct pattern_list *list, struct span text)
{
	size_t i;

	if (!list || !text.ptr)
		return -1;
	for (i = 0; i < list->count && i < INT_MAX; i++) {
		const struct pattern *pattern = &list->items[i];

		if (pattern->is_regex ? match_regex(&pattern->regex, text)
				      : match_stars(pattern->text, text))
			return (int)i;
	}
	return -1;
}

bool pattern_list_empty(const struct pattern_list *list)
{
	return !list || list->count == 0;
}
