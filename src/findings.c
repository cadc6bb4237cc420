/* Lines of a check, printed as they are found. */
#include "findings.h"

#include "command.h"

static const struct rows_column columns[] = {
	{"result", ROWS_STATE}, {"subject", ROWS_TEXT}, {"text", ROWS_PROSE}};

void findings_begin(struct findings *findings, FILE *out, enum rows_format format)
{
	findings->rows = rows_new(out, format, columns, 3);
	findings->code = EXIT_DONE;
}

void findings_end(struct findings *findings)
{
	rows_end(findings->rows);
	findings->rows = NULL;
}

static void add_row(struct findings *findings, const char *result, const char *subject,
	const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void add_row(struct findings *findings, const char *result, const char *subject,
	const char *format, va_list args)
{
	struct error text = {0};

	error_vset(&text, ERROR_INPUT, format, args);
	rows_add(findings->rows,
		(struct span[]){span_of(result), span_of(subject), span_of(text.text)});
	/* The next answer may take a while. */
	rows_flush(findings->rows);
}

void findings_ok(struct findings *findings, const char *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_row(findings, "ok", subject, format, args);
	va_end(args);
}

void findings_warn(struct findings *findings, const char *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_row(findings, "warn", subject, format, args);
	va_end(args);
}

void findings_fail(
	struct findings *findings, int code, const char *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_row(findings, "FAIL", subject, format, args);
	va_end(args);
	if (findings->code == EXIT_DONE || findings->code == EXIT_REFUSED || code == EXIT_USAGE)
		findings->code = code;
}

void findings_error(struct findings *findings, const char *subject, const struct error *error)
{
	int code = error->kind == ERROR_INPUT	? EXIT_USAGE
		   : error->kind == ERROR_RETRY ? EXIT_UNREACHABLE
						: EXIT_REFUSED;

	findings_fail(findings, code, subject, "%s", error->text);
}
