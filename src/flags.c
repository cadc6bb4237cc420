/* Options on a command line: a table of them, read from argv in any order. */
#include "flags.h"

#include <stdlib.h>
#include <string.h>

/* Where the reading of one command line stands. */
struct scan {
	const struct flag *const *tables;
	size_t table_count;
	char **argv;
	int argc, at; /* at: the next argument to look at */
	struct error *error;
};

void text_list_add(struct text_list *list, const char *text)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = text;
}

void text_list_clear(struct text_list *list)
{
	free(list->items);
	*list = (struct text_list){0};
}

#define LONGEST_NAME 64

static int min3(int a, int b, int c)
{
	int less = a < b ? a : b;

	return less < c ? less : c;
}

/* How many letters are missing, too many, wrong or swapped with their neighbour. */
static int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int rows[LONGEST_NAME + 1][LONGEST_NAME + 1];
	size_t i, j;

	for (i = 0; i <= a_len; i++)
		rows[i][0] = (int)i;
	for (j = 0; j <= b_len; j++)
		rows[0][j] = (int)j;
	for (i = 1; i <= a_len; i++) {
		for (j = 1; j <= b_len; j++) {
			rows[i][j] = min3(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
				rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				rows[i - 2][j - 2] + 1 < rows[i][j])
				rows[i][j] = rows[i - 2][j - 2] + 1;
		}
	}
	return rows[a_len][b_len];
}

const char *nearest_name(const char *text, const char *const *names)
{
	size_t len = strlen(text);
	int least = 1 + (int)len / 3;
	const char *best = NULL;

	if (len < 2 || len > LONGEST_NAME)
		return NULL;
	for (; *names; names++) {
		size_t name_len = strlen(*names);
		int far;

		if (name_len > LONGEST_NAME)
			continue;
		/* The beginning of a name is as good as one slip. */
		far = len >= 3 && strncmp(*names, text, len) == 0
			      ? 1
			      : distance(text, len, *names, name_len);
		if (far < least || (far == least && !best)) {
			least = far;
			best = *names;
		}
	}
	return best;
}

static const struct flag *flag_of(
	const struct scan *scan, const char *name, size_t len, char letter)
{
	const struct flag *flag;
	size_t i;

	for (i = 0; i < scan->table_count; i++) {
		for (flag = scan->tables[i]; flag && flag->name; flag++) {
			if (letter ? flag->letter == letter
				   : strlen(flag->name) == len &&
						memcmp(flag->name, name, len) == 0)
				return flag;
		}
	}
	return NULL;
}

static bool unknown(const struct scan *scan, const char *name, size_t len)
{
	struct text_list names = {0};
	char *wanted = xstrndup(name, len);
	const struct flag *flag;
	const char *near;
	size_t i;

	for (i = 0; i < scan->table_count; i++)
		for (flag = scan->tables[i]; flag && flag->name; flag++)
			text_list_add(&names, flag->name);
	text_list_add(&names, NULL);
	near = nearest_name(wanted, names.items);
	error_set(scan->error, ERROR_INPUT, "unknown option --%s%s%s%s", wanted,
		near ? ": did you mean --" : "", near ? near : "", near ? "?" : "");
	text_list_clear(&names);
	free(wanted);
	return false;
}

/* value NULL: a switch. */
static bool set(const struct scan *scan, const struct flag *flag, const char *value)
{
	if (flag->on)
		*flag->on = true;
	else if (flag->text)
		*flag->text = value;
	else if (flag->list)
		text_list_add(flag->list, value);
	else if (!span_to_int64(span_of(value), flag->number)) {
		error_set(scan->error, ERROR_INPUT, "--%s '%s': not a number", flag->name, value);
		return false;
	}
	return true;
}

static bool set_with_next(struct scan *scan, const struct flag *flag)
{
	if (scan->at == scan->argc) {
		error_set(scan->error, ERROR_INPUT, "option --%s needs a value: %s", flag->name,
			flag->value);
		return false;
	}
	return set(scan, flag, scan->argv[scan->at++]);
}

static bool take_long(struct scan *scan, const char *name)
{
	size_t len = strcspn(name, "=");
	const struct flag *flag = flag_of(scan, name, len, 0);

	if (!flag)
		return unknown(scan, name, len);
	if (name[len] == '=' && !flag->value) {
		error_set(scan->error, ERROR_INPUT, "option --%s takes no value", flag->name);
		return false;
	}
	if (name[len] == '=')
		return set(scan, flag, name + len + 1);
	return flag->value ? set_with_next(scan, flag) : set(scan, flag, NULL);
}

/* "-vq", "-cFILE", "-c" "FILE". */
static bool take_short(struct scan *scan, const char *letters)
{
	for (; *letters; letters++) {
		const struct flag *flag = flag_of(scan, NULL, 0, *letters);

		if (!flag) {
			error_set(scan->error, ERROR_INPUT, "unknown option -%c", *letters);
			return false;
		}
		if (flag->value)
			return letters[1] ? set(scan, flag, letters + 1)
					  : set_with_next(scan, flag);
		set(scan, flag, NULL);
	}
	return true;
}

bool flags_take(const struct flag *const *tables, size_t table_count, int *argc, char **argv,
	struct error *error)
{
	struct scan scan = {tables, table_count, argv, *argc, 1, error};
	int rest = 1;
	bool only_arguments = false;

	while (scan.at < scan.argc) {
		char *argument = argv[scan.at++];
		bool ok = true;

		if (only_arguments || argument[0] != '-' || !argument[1])
			argv[rest++] = argument;
		else if (strcmp(argument, "--") == 0)
			only_arguments = true;
		else
			ok = argument[1] == '-' ? take_long(&scan, argument + 2)
						: take_short(&scan, argument + 1);
		if (!ok)
			return false;
	}
	*argc = rest;
	argv[rest] = NULL;
	return true;
}
