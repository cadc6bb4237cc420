/* Canonical values: decimals, dates, times and timestamps from numbers to text. */
#include "canonical.h"

#include <stdio.h>
#include <string.h>

#include "decimal.h"

static const struct {
	const char *schema, *text;
	enum semantic_kind kind;
	int fraction_digits;
} types[] = {
	{"org.apache.kafka.connect.data.Decimal", NULL, SEMANTIC_DECIMAL, 0},
	{"io.debezium.data.VariableScaleDecimal", "decimal", SEMANTIC_VARIABLE_DECIMAL, 0},
	{"io.debezium.time.Date", "date", SEMANTIC_DATE, 0},
	{"org.apache.kafka.connect.data.Date", NULL, SEMANTIC_DATE, 0},
	{"io.debezium.time.Time", "time-ms", SEMANTIC_TIME, 3},
	{"org.apache.kafka.connect.data.Time", NULL, SEMANTIC_TIME, 3},
	{"io.debezium.time.MicroTime", "time-us", SEMANTIC_TIME, 6},
	{"io.debezium.time.NanoTime", "time-ns", SEMANTIC_TIME, 9},
	{"io.debezium.time.Timestamp", "timestamp-ms", SEMANTIC_TIMESTAMP, 3},
	{"org.apache.kafka.connect.data.Timestamp", NULL, SEMANTIC_TIMESTAMP, 3},
	{"io.debezium.time.MicroTimestamp", "timestamp-us", SEMANTIC_TIMESTAMP, 6},
	{"io.debezium.time.NanoTimestamp", "timestamp-ns", SEMANTIC_TIMESTAMP, 9},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static bool element_of_text(struct span text, struct semantic *semantic)
{
	size_t i;

	if (text.len > 9 && memcmp(text.ptr, "decimal(", 8) == 0 && text.ptr[text.len - 1] == ')') {
		semantic->kind = SEMANTIC_DECIMAL;
		return span_to_int64((struct span){text.ptr + 8, text.len - 9}, &semantic->scale) &&
		       decimal_scale_is_sane(semantic->scale);
	}
	for (i = 0; i < TYPES; i++) {
		if (!types[i].text || !span_is(text, types[i].text))
			continue;
		semantic->kind = types[i].kind;
		semantic->fraction_digits = types[i].fraction_digits;
		return true;
	}
	return false;
}

bool semantic_of_text(const char *text, struct semantic *semantic)
{
	struct span element = span_of(text);

	*semantic = (struct semantic){.kind = SEMANTIC_NONE};
	if (element.len > 2 && memcmp(element.ptr + element.len - 2, "[]", 2) == 0) {
		semantic->is_array = true;
		element.len -= 2;
	}
	return element_of_text(element, semantic);
}

void semantic_describe(const struct semantic *semantic, char *text, size_t size)
{
	const char *name = "", *brackets = semantic->is_array ? "[]" : "";
	size_t i;

	for (i = 0; i < TYPES; i++)
		if (types[i].text && types[i].kind == semantic->kind &&
			types[i].fraction_digits == semantic->fraction_digits)
			name = types[i].text;
	if (semantic->kind == SEMANTIC_DECIMAL)
		snprintf(text, size, "decimal(%lld)%s", (long long)semantic->scale, brackets);
	else
		snprintf(text, size, "%s%s", name, brackets);
}

static bool read_scale(const struct js_doc *doc, uint32_t schema, int64_t *scale)
{
	uint32_t node = js_member(doc, js_member(doc, schema, "parameters"), "scale");
	struct span raw = js_text(doc, node);

	return node != JS_NONE && js_type_of(doc, node) == JS_STRING &&
	       span_to_int64((struct span){raw.ptr + 1, raw.len - 2}, scale);
}

static struct semantic element_of_schema(const struct js_doc *doc, uint32_t schema)
{
	struct semantic semantic = {.kind = SEMANTIC_NONE};
	uint32_t name = js_member(doc, schema, "name");
	size_t i;

	for (i = 0; name != JS_NONE && i < TYPES; i++) {
		if (!js_string_is(doc, name, types[i].schema))
			continue;
		semantic.kind = types[i].kind;
		semantic.fraction_digits = types[i].fraction_digits;
		if (semantic.kind == SEMANTIC_DECIMAL && !read_scale(doc, schema, &semantic.scale))
			semantic.kind = SEMANTIC_NONE;
		break;
	}
	return semantic;
}

struct semantic semantic_of_schema(const struct js_doc *doc, uint32_t schema)
{
	struct semantic semantic;

	if (!js_string_is(doc, js_member(doc, schema, "type"), "array"))
		return element_of_schema(doc, schema);
	semantic = element_of_schema(doc, js_member(doc, schema, "items"));
	semantic.is_array = true;
	return semantic;
}

/* --- Calendar --- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* At least width digits. */
static void add_digits(int64_t number, int width, struct strbuf *out)
{
	char digits[24], *at = digits + sizeof(digits);

	for (; number > 0 || width > 0; number /= 10, width--)
		*--at = (char)('0' + number % 10);
	strbuf_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

static void add_year(int64_t year, struct strbuf *out)
{
	if (year >= 0 && year <= 9999) {
		add_digits(year, 4, out);
		return;
	}
	strbuf_add_char(out, year < 0 ? '-' : '+');
	add_digits(year < 0 ? -year : year, 5, out);
}

/* Proleptic Gregorian, from days since 1970-01-01; years count from March inside, so that the leap
 * day is a year's last. */
static void add_date(int64_t days, struct strbuf *out)
{
	int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

	add_year(year_of_era + era * 400 + (month <= 2), out);
	strbuf_add_char(out, '-');
	add_digits(month, 2, out);
	strbuf_add_char(out, '-');
	add_digits(day, 2, out);
}

static int64_t units_a_second(int fraction_digits)
{
	return fraction_digits == 3 ? 1000 : fraction_digits == 6 ? 1000000 : 1000000000;
}

static void add_clock(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t per_second = units_a_second(fraction_digits), seconds = units / per_second;

	add_digits(seconds / 3600, 2, out);
	strbuf_add_char(out, ':');
	add_digits(seconds / 60 % 60, 2, out);
	strbuf_add_char(out, ':');
	add_digits(seconds % 60, 2, out);
	strbuf_add_char(out, '.');
	add_digits(units % per_second, fraction_digits, out);
}

/* MariaDB's TIME reaches beyond a day, on both sides. */
static bool add_time(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t day = 86400 * units_a_second(fraction_digits);

	if (units == INT64_MIN) /* has no positive counterpart, and is no time of any database */
		return false;
	if (units < 0 || units >= day)
		strbuf_add_char(out, units < 0 ? '-' : '+');
	add_clock(units < 0 ? -units : units, fraction_digits, out);
	return true;
}

static bool add_timestamp(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t day = 86400 * units_a_second(fraction_digits);

	if (units == INT64_MAX || units == INT64_MIN) {
		strbuf_add_text(out, units > 0 ? "infinity" : "-infinity");
		return true;
	}
	add_date(floor_div(units, day), out);
	strbuf_add_char(out, 'T');
	/* Not units less the days: their product overflows beside the smallest number. */
	add_clock(units % day + (units % day < 0 ? day : 0), fraction_digits, out);
	return true;
}

/* --- Decimals --- */

/* Base64 has no need of escapes, but may have them all the same. */
static bool write_base64(
	int64_t scale, const struct js_doc *doc, uint32_t value, struct strbuf *out)
{
	struct strbuf characters = {0};
	bool good = js_string(doc, value, &characters) &&
		    decimal_text(strbuf_span(&characters), scale, out);

	strbuf_clear(&characters);
	return good;
}

static bool write_decimal(
	int64_t scale, const struct js_doc *doc, uint32_t value, struct strbuf *out)
{
	if (!decimal_scale_is_sane(scale))
		return false;
	if (js_type_of(doc, value) == JS_NUMBER)
		return decimal_literal(js_text(doc, value), scale, out);
	return js_type_of(doc, value) == JS_STRING && write_base64(scale, doc, value, out);
}

static bool write_variable(const struct js_doc *doc, uint32_t value, struct strbuf *out)
{
	int64_t scale;

	return span_to_int64(js_text(doc, js_member(doc, value, "scale")), &scale) &&
	       write_decimal(scale, doc, js_member(doc, value, "value"), out);
}

/* --- All of them --- */

static bool write_text(const struct semantic *semantic, const struct js_doc *doc, uint32_t value,
	struct strbuf *out)
{
	int64_t units = 0;

	if (semantic->kind == SEMANTIC_DECIMAL)
		return write_decimal(semantic->scale, doc, value, out);
	if (semantic->kind == SEMANTIC_VARIABLE_DECIMAL)
		return write_variable(doc, value, out);
	if (js_type_of(doc, value) != JS_NUMBER || !span_to_int64(js_text(doc, value), &units))
		return false;
	if (semantic->kind == SEMANTIC_TIME)
		return add_time(units, semantic->fraction_digits, out);
	if (semantic->kind == SEMANTIC_TIMESTAMP)
		return add_timestamp(units, semantic->fraction_digits, out);
	if (units > INT32_MAX || units < INT32_MIN)
		return false;
	add_date(units, out);
	return true;
}

static bool write_element(const struct semantic *semantic, const struct js_doc *doc, uint32_t value,
	struct strbuf *out)
{
	bool good;

	if (js_is_null(doc, value)) {
		strbuf_add_text(out, "null");
		return true;
	}
	strbuf_add_char(out, '"');
	good = write_text(semantic, doc, value, out);
	strbuf_add_char(out, '"');
	return good;
}

static bool write_array(const struct semantic *semantic, const struct js_doc *doc, uint32_t array,
	struct strbuf *out)
{
	uint32_t element;
	char before = '[';

	if (js_type_of(doc, array) != JS_ARRAY)
		return false;
	for (element = js_first(doc, array); element != JS_NONE;
		element = js_next(doc, array, element)) {
		strbuf_add_char(out, before);
		before = ',';
		if (!write_element(semantic, doc, element, out))
			return false;
	}
	strbuf_add_text(out, before == '[' ? "[]" : "]");
	return true;
}

bool canonical_write(const struct semantic *semantic, const struct js_doc *doc, uint32_t value,
	struct strbuf *out)
{
	return semantic->is_array ? write_array(semantic, doc, value, out)
				  : write_element(semantic, doc, value, out);
}
