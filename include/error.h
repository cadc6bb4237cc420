/* What went wrong, for the caller's decision (kind) and for a person (text). */
#ifndef ROWSTREAM_ERROR_H
#define ROWSTREAM_ERROR_H

#include <stdarg.h>

/* The kind is the decision; only the pipeline and the commands look at it. */
enum error_kind {
	ERROR_NONE,
	ERROR_INPUT,   /* usage, configuration or a file is wrong: exit 2 */
	ERROR_RETRY,   /* the other side is away or busy: the same again later */
	ERROR_VERSION, /* the stream is not where we thought */
	ERROR_REFUSED, /* this record or event will never be taken */
	ERROR_FATAL,   /* this process cannot go on */
};

/* Owned by the caller, filled where the trouble is seen, logged once where it is decided on.
 * The first error wins: error_set does nothing on an error that is set. Start with {0}. */
struct error {
	enum error_kind kind;
	char text[1024]; /* what failed, on what, why, what to do; one line, no final stop */
};

void error_set(struct error *error, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void error_vset(struct error *error, enum error_kind kind, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
/* Puts "<context>: " before the text of an error that is set. */
void error_context(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void error_clear(struct error *error);

#endif
