/* Canonical values: decimals, dates, times and timestamps from numbers to text. */
#include "canonical.h"

#include <inttypes.h>
#include <string.h>

#include "decimal.h"

static const struct {
	const char *schema, *text;
	enum semantic_kind kind;
	int fraction_digits;
} types[] = {
	{"org.apache.kafka.connect.data.Decimal", NULL, SEMANTIC_DECIMAL, 0},
	{"io.debezium.data.VariableScaleDecimal", NULL, SEMANTIC_VARIABLE_DECIMAL, 0},
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

bool semantic_of_text(const char *text, struct semantic *semantic)
{
	size_t len = strlen(text), i;

	if (strncmp(text, "decimal(", 8) == 0 && len > 9 && text[len - 1] == ')') {
		*semantic = (struct semantic){.kind = SEMANTIC_DECIMAL};
		return span_to_int64((struct span){text + 8, len - 9}, &semantic->scale);
	}
	for (i = 0; i < TYPES; i++) {
		if (!types[i].text || strcmp(types[i].text, text) != 0)
			continue;
		*semantic = (struct semantic){
			.kind = types[i].kind, .fraction_digits = types[i].fraction_digits};
		return true;
	}
	return false;
}

static bool read_scale(const struct js_doc *doc, uint32_t schema, int64_t *scale)
{
	uint32_t node = js_member(doc, js_member(doc, schema, "parameters"), "scale");
	struct span raw = js_text(doc, node);

	return node != JS_NONE && js_type_of(doc, node) == JS_STRING &&
	       span_to_int64((struct span){raw.ptr + 1, raw.len - 2}, scale);
}

struct semantic semantic_of_schema(const struct js_doc *doc, uint32_t schema)
{
	struct semantic semantic = {0};
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

/* --- Calendar --- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Proleptic Gregorian, from days since 1970-01-01; years count from March inside. */
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
	int64_t year = year_of_era + era * 400 + (month <= 2);

	strbuf_printf(out, year >= 0 && year <= 9999 ? "%04" PRId64 : "%+06" PRId64, year);
	strbuf_printf(out, "-%02d-%02d", (int)month, (int)day);
}

static int64_t units_a_second(int fraction_digits)
{
	return fraction_digits == 3 ? 1000 : fraction_digits == 6 ? 1000000 : 1000000000;
}

static void add_clock(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t per_second = units_a_second(fraction_digits), seconds = units / per_second;

	strbuf_printf(out, "%02" PRId64 ":%02d:%02d.%0*" PRId64, seconds / 3600,
		(int)(seconds / 60 % 60), (int)(seconds % 60), fraction_digits, units % per_second);
}

/* MariaDB's TIME reaches beyond a day, on both sides. */
static bool add_time(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t day = 86400 * units_a_second(fraction_digits);

	if (units == INT64_MIN)
		return false;
	if (units < 0 || units >= day)
		strbuf_add_char(out, units < 0 ? '-' : '+');
	add_clock(units < 0 ? -units : units, fraction_digits, out);
	return true;
}

static bool add_timestamp(int64_t units, int fraction_digits, struct strbuf *out)
{
	int64_t day = 86400 * units_a_second(fraction_digits), days;

	if (units == INT64_MAX || units == INT64_MIN) {
		strbuf_add_text(out, units > 0 ? "infinity" : "-infinity");
		return true;
	}
	days = floor_div(units, day);
	add_date(days, out);
	strbuf_add_char(out, 'T');
	add_clock(units - days * day, fraction_digits, out);
	return true;
}

/* --- Decimals --- */

/* A literal (decimal.format=NUMERIC) with exactly scale digits; false if it has more. */
static bool literal_decimal(struct span literal, int64_t scale, struct strbuf *out)
{
	struct strbuf digits = {0};
	int64_t exponent = 0, point = 0, zeros;
	bool fraction = false, negative = literal.ptr[0] == '-', good = true;
	size_t i;

	for (i = negative; i < literal.len; i++) {
		char c = literal.ptr[i];

		if ((c | 0x20) == 'e') {
			i += literal.ptr[i + 1] == '+';
			good = span_to_int64(
				       (struct span){literal.ptr + i + 1, literal.len - i - 1},
				       &exponent) &&
			       exponent > -20000 && exponent < 20000;
			break;
		}
		if (c == '.') {
			fraction = true;
			continue;
		}
		strbuf_add_char(&digits, c);
		point += fraction;
	}
	/* The value is digits * 10^(exponent - point); it must be a multiple of 10^-scale. */
	zeros = exponent - point + scale;
	for (; good && zeros < 0 && digits.len > 0; zeros++, digits.len--)
		good = digits.data[digits.len - 1] == '0';
	for (; good && zeros > 0; zeros--)
		strbuf_add_char(&digits, '0');
	if (good)
		decimal_place(strbuf_span(&digits), negative, scale, out);
	strbuf_clear(&digits);
	return good;
}

static bool write_decimal(
	int64_t scale, const struct js_doc *doc, uint32_t value, struct strbuf *out)
{
	struct span raw = js_text(doc, value);

	if (scale < -10000 || scale > 10000)
		return false;
	if (js_type_of(doc, value) == JS_NUMBER)
		return literal_decimal(raw, scale, out);
	return js_type_of(doc, value) == JS_STRING &&
	       decimal_text((struct span){raw.ptr + 1, raw.len - 2}, scale, out);
}

static bool write_variable(const struct js_doc *doc, uint32_t value, struct strbuf *out)
{
	uint32_t inner = js_member(doc, value, "value");
	int64_t scale;

	return inner != JS_NONE &&
	       span_to_int64(js_text(doc, js_member(doc, value, "scale")), &scale) &&
	       write_decimal(scale, doc, inner, out);
}

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

bool canonical_write(const struct semantic *semantic, const struct js_doc *doc, uint32_t value,
	struct strbuf *out)
{
	bool good;

	strbuf_add_char(out, '"');
	good = write_text(semantic, doc, value, out);
	strbuf_add_char(out, '"');
	return good;
}
