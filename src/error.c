/* The error object: first one wins, context is put before it on the way up. */
#include "error.h"

#include <stdio.h>
#include <string.h>

void error_vset(struct error *error, enum error_kind kind, const char *format, va_list args)
{
	char *c;

	if (!error || error->kind != ERROR_NONE)
		return;
	error->kind = kind;
	vsnprintf(error->text, sizeof(error->text), format, args);
	/* Text of foreign servers and libraries ends up here: one line stays one line. */
	for (c = error->text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

void error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_vset(error, kind, format, args);
	va_end(args);
}

void error_context(struct error *error, const char *format, ...)
{
	char before[sizeof(error->text)];
	size_t used, rest;
	va_list args;

	if (!error || error->kind == ERROR_NONE)
		return;
	va_start(args, format);
	vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	used = strlen(before);
	if (used + 3 > sizeof(error->text))
		return;
	rest = sizeof(error->text) - used - 3;
	memmove(error->text + used + 2, error->text, strnlen(error->text, rest));
	error->text[used + 2 + strnlen(error->text + used + 2, rest)] = '\0';
	memcpy(error->text, before, used);
	memcpy(error->text + used, ": ", 2);
}

void error_clear(struct error *error)
{
	error->kind = ERROR_NONE;
	error->text[0] = '\0';
}
