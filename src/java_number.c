/* Java's decimal digits and Jackson's escapes. */
#include "java_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sign, 17 digits, the point and the exponent. */
#define SCIENTIFIC_BYTES 40

static bool add_no_number(struct strbuf *out, double value)
{
	if (isfinite(value))
		return false;
	strbuf_add_text(out, isnan(value) ? "\"NaN\""
			     : value > 0  ? "\"Infinity\""
					  : "\"-Infinity\"");
	return true;
}

/* "d.ddde-07" as Java has it: plain from 0.001 up to 10,000,000, beyond that with an exponent. */
static void add_scientific(struct strbuf *out, const char *text)
{
	char digits[SCIENTIFIC_BYTES];
	int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10), count = 0, i;

	for (; *text != 'e'; text++) {
		if (*text == '-')
			strbuf_add_char(out, '-');
		else if (*text != '.')
			digits[count++] = *text;
	}
	while (count > 1 && digits[count - 1] == '0')
		count--;
	if (exponent < -3 || exponent > 6) {
		strbuf_printf(out, "%c.%.*sE%d", digits[0], count > 1 ? count - 1 : 1,
			count > 1 ? digits + 1 : "0", exponent);
		return;
	}
	if (exponent < 0)
		strbuf_add_text(out, "0.");
	for (i = exponent; i < -1; i++)
		strbuf_add_char(out, '0');
	for (i = 0; i < count || i <= exponent; i++) {
		strbuf_add_char(out, i < count ? digits[i] : '0');
		if (i == exponent)
			strbuf_add_char(out, '.');
	}
	if (exponent >= 0 && count <= exponent + 1)
		strbuf_add_char(out, '0');
}

void java_add_double(struct strbuf *out, double value)
{
	char text[SCIENTIFIC_BYTES];
	int precision = 1;

	if (add_no_number(out, value))
		return;
	do
		snprintf(text, sizeof(text), "%.*e", precision, value);
	while (strtod(text, NULL) != value && precision++ < 17);
	add_scientific(out, text);
}

void java_add_float(struct strbuf *out, float value)
{
	char text[SCIENTIFIC_BYTES];
	int precision = 1;

	if (add_no_number(out, (double)value))
		return;
	do
		snprintf(text, sizeof(text), "%.*e", precision, (double)value);
	while (strtof(text, NULL) != value && precision++ < 9);
	add_scientific(out, text);
}

static void add_escape(struct strbuf *out, unsigned char c)
{
	static const char short_for[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	const char *pair;

	for (pair = short_for; *pair; pair += 2) {
		if ((unsigned char)*pair == c) {
			strbuf_add(out, (char[]){'\\', pair[1]}, 2);
			return;
		}
	}
	strbuf_printf(out, "\\u%04X", c);
}

/* Four bytes of UTF-8 as a surrogate pair. */
static void add_pair(struct strbuf *out, const char *bytes)
{
	const unsigned char *b = (const unsigned char *)bytes;
	unsigned code = (b[0] & 7u) << 18 | (b[1] & 63u) << 12 | (b[2] & 63u) << 6 | (b[3] & 63u);

	code -= 0x10000;
	strbuf_printf(out, "\\u%04X\\u%04X", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
}

void java_add_string(struct strbuf *out, struct span text)
{
	size_t from = 0, i = 0;

	strbuf_add_char(out, '"');
	while (i < text.len) {
		unsigned char c = (unsigned char)text.ptr[i];
		size_t len = c >= 0xF0 ? 4 : 1;

		if (c < ' ' || c == '"' || c == '\\' || len == 4) {
			strbuf_add(out, text.ptr + from, i - from);
			if (len == 4)
				add_pair(out, text.ptr + i);
			else
				add_escape(out, c);
			from = i + len;
		}
		i += len;
	}
	strbuf_add(out, text.ptr + from, i - from);
	strbuf_add_char(out, '"');
}
