/* What EventStoreDB makes of JSON when it prints it anew: how long it gets, which numbers it
 * damages. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_span.h"

/* --- Length --- */

/* U+0085, U+2028 and U+2029 come back as \uXXXX; every escape keeps its length or shrinks. */
static size_t string_bytes(struct span text)
{
	const char *at = text.ptr, *end = text.ptr + text.len;
	size_t bytes = text.len;

	for (; at < end; at++) {
		if ((unsigned char)*at < 0xc2)
			continue;
		if (end - at > 2 && memcmp(at, "\xc2\x85", 2) == 0)
			bytes += 4;
		else if (end - at > 3 &&
			 (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0))
			bytes += 3;
	}
	return bytes;
}

/* The longest double is -1.2345678901234567E-300; 1e15 is stored as 1000000000000000.0. */
#define LONGEST_DOUBLE 26

static size_t scalar_bytes(const struct js_doc *doc, uint32_t node)
{
	const struct js_node *n = &doc->nodes[node];
	size_t len = n->end - n->start;

	switch (n->type) {
	case JS_STRING:
		return n->flags & JS_WIDE ? string_bytes(js_text(doc, node)) : len;
	case JS_NUMBER:
		len += 2; /* one that is sent as a string */
		return (n->flags & JS_FRACTION) && len < LONGEST_DOUBLE ? LONGEST_DOUBLE : len;
	default:
		return len;
	}
}

/* Each child stands on a line of its own; a server on Windows ends it with two bytes. */
static size_t line_bytes(size_t depth)
{
	return 2 + 2 * depth;
}

static size_t stored_bytes(const struct js_doc *doc, uint32_t node, size_t depth)
{
	bool object = doc->nodes[node].type == JS_OBJECT;
	size_t line = line_bytes(depth + 1) + (object ? 3 : 1); /* a comma; a colon and a space */
	size_t bytes = 2 + line_bytes(depth);			/* brackets */
	uint32_t child = node + 1, end = doc->nodes[node].next;

	while (child < end) {
		bytes += line;
		if (object)
			bytes += scalar_bytes(doc, child++);
		bytes += doc->nodes[child].type >= JS_ARRAY ? stored_bytes(doc, child, depth + 1)
							    : scalar_bytes(doc, child);
		child = doc->nodes[child].next;
	}
	return bytes;
}

size_t js_stored_bytes(const struct js_doc *doc, uint32_t node)
{
	if (node == JS_NONE)
		return 0;
	return doc->nodes[node].type >= JS_ARRAY ? stored_bytes(doc, node, 0)
						 : scalar_bytes(doc, node);
}

/* --- Numbers --- */

#define MAX_INTEGER_DIGITS 380
#define MAX_DIGITS 17  /* of the shortest text of any double */
#define SAFE_DIGITS 15 /* two decimals of so many digits are never the same double */
#define SAFE_EXPONENT 300

/* digits * 10^exponent, without zeros at either end of digits; count 0: zero. */
struct decimal {
	char digits[MAX_DIGITS];
	size_t count;
	int64_t exponent;
	bool too_long; /* more digits than any shortest text has */
};

static int64_t read_exponent(const char *at, const char *end)
{
	bool negative = at < end && *at == '-';
	int64_t value = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	/* Kept far from overflow, and far beyond what digits of 4 GiB could make up for. */
	for (; at < end && value < INT64_MAX / 100; at++)
		value = value * 10 + (*at - '0');
	return negative ? -value : value;
}

/* Takes a digit; zeros are held back until a digit behind them shows that they count. */
static void take_digit(struct decimal *decimal, char c, size_t *zeros)
{
	if (c == '0') {
		*zeros += decimal->count > 0;
		return;
	}
	if (*zeros >= MAX_DIGITS - decimal->count || decimal->too_long) {
		decimal->too_long = true;
		return;
	}
	memset(decimal->digits + decimal->count, '0', *zeros);
	decimal->count += *zeros;
	*zeros = 0;
	decimal->digits[decimal->count++] = c;
}

/* Reads a JSON number, or what printf makes of a double in any locale: between the digits,
 * whatever is neither a digit nor an exponent is the decimal point. */
static struct decimal read_decimal(struct span literal)
{
	const char *at = literal.ptr, *end = literal.ptr + literal.len;
	struct decimal decimal = {.count = 0};
	int64_t behind_point = 0;
	size_t zeros = 0;
	bool fraction = false;

	if (at < end && *at == '-')
		at++;
	for (; at < end && *at != 'e' && *at != 'E'; at++) {
		if (*at < '0' || *at > '9') {
			fraction = true;
			continue;
		}
		behind_point += fraction;
		take_digit(&decimal, *at, &zeros);
	}
	if (at < end)
		decimal.exponent = read_exponent(at + 1, end);
	decimal.exponent += (int64_t)zeros - behind_point;
	return decimal;
}

/* Without a point, so that no locale has a say. */
static double to_double(const struct decimal *decimal)
{
	char text[MAX_DIGITS + 32];

	snprintf(text, sizeof(text), "%.*se%lld", (int)decimal->count, decimal->digits,
		(long long)decimal->exponent);
	return strtod(text, NULL);
}

static bool decimals_equal(const struct decimal *a, const struct decimal *b)
{
	return a->count == b->count && a->exponent == b->exponent &&
	       memcmp(a->digits, b->digits, a->count) == 0;
}

static struct decimal rounded(double value, int digits)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	return read_decimal(span_of(text));
}

/* The decimal of so many digits beside one: up or down by one in the last place. */
static struct decimal neighbour(const struct decimal *decimal, int digits, int step)
{
	char text[64];
	long long number = 0;
	int64_t exponent = decimal->exponent;
	int i;

	for (i = 0; i < digits; i++)
		number = number * 10 + (i < (int)decimal->count ? decimal->digits[i] - '0' : 0);
	exponent -= digits - (int)decimal->count;
	snprintf(text, sizeof(text), "%llde%lld", number + step, (long long)exponent);
	return read_decimal(span_of(text));
}

/* The shortest decimal that reads back to value, the nearest one of those. Beside a power of two
 * the doubles below stand closer than those above: there the rounded decimal may belong to the
 * neighbour while the next one up does not (2^-44 is 5.684341886080802e-14). A text of up to
 * SAFE_DIGITS is what rounding to SAFE_DIGITS finds, unless the double is one of the smallest. */
static struct decimal shortest(double value)
{
	struct decimal found, other;
	int digits = value > 1e-300 ? SAFE_DIGITS : 1, step;

	for (; digits < MAX_DIGITS; digits++) {
		found = rounded(value, digits);
		if (to_double(&found) == value)
			return found;
		for (step = -1; step <= 1; step += 2) {
			other = neighbour(&found, digits, step);
			if (to_double(&other) == value)
				return other;
		}
	}
	return rounded(value, MAX_DIGITS);
}

static bool fraction_survives(struct span literal)
{
	struct decimal decimal = read_decimal(literal), printed;
	int64_t magnitude = decimal.exponent + (int64_t)decimal.count;
	double value;

	if (decimal.count == 0)
		return true;
	if (decimal.too_long || magnitude > 400 || magnitude < -400)
		return false;
	if (decimal.count <= SAFE_DIGITS && magnitude < SAFE_EXPONENT && magnitude > -SAFE_EXPONENT)
		return true;
	value = to_double(&decimal);
	if (!isfinite(value) || value == 0)
		return false;
	printed = shortest(value);
	return decimals_equal(&decimal, &printed);
}

bool js_number_survives(struct span literal)
{
	size_t i, negative = literal.len > 0 && literal.ptr[0] == '-';

	for (i = negative; i < literal.len; i++)
		if (literal.ptr[i] < '0' || literal.ptr[i] > '9')
			return fraction_survives(literal);
	return literal.len - negative <= MAX_INTEGER_DIGITS;
}
