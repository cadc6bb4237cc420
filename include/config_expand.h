/* ${NAME} and ${file:/path} inside a value of the configuration. */
#ifndef ROWSTREAM_CONFIG_EXPAND_H
#define ROWSTREAM_CONFIG_EXPAND_H

#include "arena.h"
#include "error.h"
#include "strbuf.h"

/* A whole file, added to out. False and error (ERROR_INPUT) if it cannot be read, is larger than
 * a configuration may be, or holds a NUL. */
bool config_read_file(const char *path, struct strbuf *out, struct error *error);

/* text with ${NAME} replaced by the environment's variable and ${file:/path} by the file's content
 * without the line end it ends with; "$${" is a literal "${". What was put in is not looked at
 * again. from_file is set to true if there was a file. NULL and error (ERROR_INPUT). */
const char *config_expand(
	struct arena *arena, const char *text, bool *from_file, struct error *error);

#endif
