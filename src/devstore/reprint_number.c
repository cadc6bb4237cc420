/* Integers stay exact, of any length; everything else becomes a double. */
#include "reprint_number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Newtonsoft.Json 13 refuses longer ones. */
#define MAX_INTEGER_DIGITS 380

struct digits {
	char text[24]; /* significant, without point and trailing zeros */
	int count;
	int point; /* position of the decimal point before digit 0, as in 0.ddd * 10^point */
};

static bool reads_back(double value, int precision, char *text, size_t size)
{
	snprintf(text, size, "%.*e", precision - 1, value);
	return strtod(text, NULL) == value;
}

/* 15 digits are the shortest for every normal double that has so few; subnormals need a search. */
static struct digits shortest(double value)
{
	struct digits found = {.count = 0};
	char text[40];
	int precision = fabs(value) < 2.2250738585072014e-308 ? 1 : 15;
	const char *at;

	while (precision < 17 && !reads_back(value, precision, text, sizeof(text)))
		precision++;
	snprintf(text, sizeof(text), "%.*e", precision - 1, value);
	for (at = text; *at && *at != 'e'; at++)
		if (*at != '.')
			found.text[found.count++] = *at;
	found.point = (int)strtol(at + 1, NULL, 10) + 1;
	while (found.count > 1 && found.text[found.count - 1] == '0')
		found.count--;
	return found;
}

static void add_scientific(const struct digits *digits, struct strbuf *out)
{
	int exponent = digits->point - 1;

	strbuf_add_char(out, digits->text[0]);
	if (digits->count > 1) {
		strbuf_add_char(out, '.');
		strbuf_add(out, digits->text + 1, (size_t)digits->count - 1);
	}
	strbuf_printf(out, "E%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void add_fixed(const struct digits *digits, struct strbuf *out)
{
	int i;

	if (digits->point <= 0)
		strbuf_add_char(out, '0');
	for (i = 0; i < digits->point; i++)
		strbuf_add_char(out, i < digits->count ? digits->text[i] : '0');
	strbuf_add_char(out, '.');
	for (i = digits->point; i < 0; i++)
		strbuf_add_char(out, '0');
	if (digits->count <= digits->point)
		strbuf_add_char(out, '0');
	for (i = digits->point > 0 ? digits->point : 0; i < digits->count; i++)
		strbuf_add_char(out, digits->text[i]);
}

void reprint_double(double value, struct strbuf *out)
{
	struct digits digits;

	if (isnan(value) || isinf(value)) {
		strbuf_add_text(out, isnan(value) ? "\"NaN\""
				     : value < 0  ? "\"-Infinity\""
						  : "\"Infinity\"");
		return;
	}
	if (signbit(value))
		strbuf_add_char(out, '-');
	if (value == 0) {
		strbuf_add_text(out, "0.0");
		return;
	}
	digits = shortest(fabs(value));
	if (digits.point > (digits.count > 15 ? digits.count : 15) || digits.point < -3)
		add_scientific(&digits, out);
	else
		add_fixed(&digits, out);
}

static bool all_of(struct span text, const char *allowed)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (!strchr(allowed, text.ptr[i]) || !text.ptr[i])
			return false;
	return text.len > 0;
}

/* "0x1F" and "017" are what they are in C; 64 bits at most. */
static bool add_other_base(struct span digits, int base, bool negative, struct strbuf *out)
{
	char text[32];
	unsigned long long value;

	if (digits.len >= sizeof(text) ||
		!all_of(digits, base == 16 ? "0123456789abcdefABCDEF" : "01234567"))
		return false;
	memcpy(text, digits.ptr, digits.len);
	text[digits.len] = '\0';
	errno = 0;
	value = strtoull(text, NULL, base);
	if (errno)
		return false;
	strbuf_add_int(out, negative ? (int64_t)(0 - value) : (int64_t)value);
	return true;
}

static bool add_fraction(struct span literal, struct strbuf *out)
{
	char small[64], *text = small, *end;
	double value;
	bool whole;

	if (literal.len >= sizeof(small))
		text = xmalloc(literal.len + 1);
	memcpy(text, literal.ptr, literal.len);
	text[literal.len] = '\0';
	value = strtod(text, &end);
	whole = *end == '\0' && end != text;
	if (whole)
		reprint_double(value, out);
	if (text != small)
		free(text);
	return whole;
}

bool reprint_number(struct span literal, struct strbuf *out)
{
	bool negative = literal.len && literal.ptr[0] == '-';
	struct span digits = {literal.ptr + negative, literal.len - negative};

	if (!digits.len || digits.ptr[0] == '+' || digits.ptr[0] == '-')
		return false;
	if (digits.len > 2 && digits.ptr[0] == '0' && (digits.ptr[1] | 32) == 'x')
		return add_other_base(
			(struct span){digits.ptr + 2, digits.len - 2}, 16, negative, out);
	if (!all_of(digits, "0123456789"))
		return all_of(digits, "0123456789.eE+-") && add_fraction(literal, out);
	if (digits.ptr[0] == '0' && digits.len > 1)
		return add_other_base(digits, 8, negative, out);
	if (digits.len > MAX_INTEGER_DIGITS)
		return false;
	if (span_is(digits, "0"))
		strbuf_add_char(out, '0');
	else
		strbuf_add_span(out, literal);
	return true;
}
