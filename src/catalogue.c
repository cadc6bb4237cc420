/* A database's types to semantic types, by the rules of Debezium's connectors (their documentation,
 * "data type mappings"). */
#include "catalogue.h"

#include <stdlib.h>
#include <string.h>

/* "numeric(12,2)[]" in its parts. */
struct column_type_text {
	struct span name;
	long first, second; /* -1 and 0 where they are not there */
	bool is_array;
	struct span rest;
};

/* A number, or none: as it was. */
static void read_argument(const char **at, long *value)
{
	char *end;
	long number = strtol(*at, &end, 10);

	if (end != *at)
		*value = number;
	*at = end;
}

static struct column_type_text read_type(const char *type)
{
	struct column_type_text text = {.first = -1};
	size_t len = strlen(type), name;
	const char *at;

	text.is_array = len > 2 && strcmp(type + len - 2, "[]") == 0;
	name = strcspn(type, "( [");
	text.name = (struct span){type, name};
	at = type + name;
	if (*at == '(') {
		at++;
		read_argument(&at, &text.first);
		if (*at == ',') {
			at++;
			read_argument(&at, &text.second);
		}
		at += strcspn(at, ")");
		at += *at == ')';
	}
	text.rest = span_of(at);
	return text;
}

static bool is_mode(const char *mode, const char *wanted)
{
	return mode && strcmp(mode, wanted) == 0;
}

static bool is_precise(const char *mode)
{
	return !mode || strcmp(mode, "precise") == 0;
}

/* Connect keeps a scale as a number without sign, of PostgreSQL's 11 bits: -2 arrives as 2046. */
static struct semantic decimal_of(long scale)
{
	return (struct semantic){
		.kind = SEMANTIC_DECIMAL, .scale = scale < 0 ? scale & 0x7ff : scale};
}

static struct semantic numeric(
	enum connector_kind kind, const struct column_type_text *text, const char *mode)
{
	if (!is_precise(mode))
		return (struct semantic){.kind = SEMANTIC_NONE};
	if (kind == CONNECTOR_POSTGRESQL && text->first < 0)
		return (struct semantic){.kind = SEMANTIC_VARIABLE_DECIMAL};
	return decimal_of(text->second);
}

/* micro_time: a time of day is in microseconds whatever its precision. */
static int fraction_digits(const char *mode, long precision, bool is_time, bool micro_time)
{
	if (is_mode(mode, "connect"))
		return 3;
	if (is_mode(mode, "microseconds"))
		return 6;
	if (is_mode(mode, "nanoseconds"))
		return 9;
	if (is_time && micro_time)
		return 6;
	return precision <= 3 ? 3 : 6;
}

static struct semantic moment(enum semantic_kind semantic, enum connector_kind kind,
	const struct column_type_text *text, const char *mode)
{
	/* PostgreSQL's precision is 6 where none is given, that of the others 0. */
	long precision = text->first >= 0 ? text->first : kind == CONNECTOR_POSTGRESQL ? 6 : 0;
	bool micro_time =
		kind != CONNECTOR_POSTGRESQL || is_mode(mode, "adaptive_time_microseconds");

	if (is_mode(mode, "isostring"))
		return (struct semantic){.kind = SEMANTIC_NONE};
	if (semantic == SEMANTIC_DATE)
		return (struct semantic){.kind = SEMANTIC_DATE};
	return (struct semantic){.kind = semantic,
		.fraction_digits =
			fraction_digits(mode, precision, semantic == SEMANTIC_TIME, micro_time)};
}

static bool has_word(struct span text, const char *word)
{
	return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static struct semantic of_postgresql(
	const struct column_type_text *text, const struct catalogue_modes *modes)
{
	if (span_is(text->name, "numeric"))
		return numeric(CONNECTOR_POSTGRESQL, text, modes->decimal);
	if (span_is(text->name, "money") && is_precise(modes->decimal))
		return decimal_of(2); /* money.fraction.digits */
	if (span_is(text->name, "date"))
		return moment(SEMANTIC_DATE, CONNECTOR_POSTGRESQL, text, modes->time);
	if (has_word(text->rest, "with time zone"))
		return (struct semantic){.kind = SEMANTIC_NONE};
	if (span_is(text->name, "time"))
		return moment(SEMANTIC_TIME, CONNECTOR_POSTGRESQL, text, modes->time);
	if (span_is(text->name, "timestamp"))
		return moment(SEMANTIC_TIMESTAMP, CONNECTOR_POSTGRESQL, text, modes->time);
	return (struct semantic){.kind = SEMANTIC_NONE};
}

static struct semantic of_binlog(enum connector_kind kind, const struct column_type_text *text,
	const struct catalogue_modes *modes)
{
	if (span_is(text->name, "decimal"))
		return numeric(kind, text, modes->decimal);
	if (span_is(text->name, "bigint") && has_word(text->rest, "unsigned") &&
		is_mode(modes->unsigned_bigint, "precise"))
		return decimal_of(0);
	if (span_is(text->name, "date"))
		return moment(SEMANTIC_DATE, kind, text, modes->time);
	if (span_is(text->name, "time"))
		return moment(SEMANTIC_TIME, kind, text, modes->time);
	if (span_is(text->name, "datetime"))
		return moment(SEMANTIC_TIMESTAMP, kind, text, modes->time);
	return (struct semantic){.kind = SEMANTIC_NONE};
}

struct semantic catalogue_semantic(
	enum connector_kind kind, const char *type, const struct catalogue_modes *modes)
{
	struct column_type_text text = read_type(type);
	struct semantic semantic = kind == CONNECTOR_POSTGRESQL ? of_postgresql(&text, modes)
								: of_binlog(kind, &text, modes);

	semantic.is_array = text.is_array && semantic.kind != SEMANTIC_NONE;
	return semantic;
}
