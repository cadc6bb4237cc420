/* Lines of a check: ok, warn or FAIL, on what, in words; and the exit code that they add up to. */
#ifndef ROWSTREAM_FINDINGS_H
#define ROWSTREAM_FINDINGS_H

#include "error.h"
#include "rows.h"

struct findings {
	struct rows *rows;
	int code; /* enum exit_code: of the worst so far; 0: no FAIL */
};

void findings_begin(struct findings *findings, FILE *out, enum rows_format format);
void findings_end(struct findings *findings);

void findings_ok(struct findings *findings, const char *subject, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void findings_warn(struct findings *findings, const char *subject, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A wrong configuration outweighs what could not be reached, and that what was refused. */
void findings_fail(struct findings *findings, int code, const char *subject, const char *format,
	...) __attribute__((format(printf, 4, 5)));
/* The code is that of the error's kind. */
void findings_error(struct findings *findings, const char *subject, const struct error *error);

#endif
