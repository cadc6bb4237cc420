/* Column rules and canonical values: vectors by hand, and numbers longer than a vector can be. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "columns.h"
#include "decimal.h"

#define MAX_RULES 8

/* --- Rules of a vector --- */

struct rules {
	const char *drop[MAX_RULES], *mask[MAX_RULES], *hash[MAX_RULES];
	struct column_type types[MAX_RULES];
	struct columns_options options;
};

static size_t read_list(const json_t *list, const char **texts)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		texts[i] = json_string_value(json_array_get(list, i));
	return i;
}

static void read_rules(struct rules *rules, json_t *json)
{
	const char *salt = json_string_value(json_object_get(json, "salt")), *pattern;
	json_t *types = json_object_get(json, "types"), *type;

	*rules = (struct rules){.options = {.hash_salt = salt ? salt : ""}};
	rules->options.drop_count = read_list(json_object_get(json, "drop"), rules->drop);
	rules->options.mask_count = read_list(json_object_get(json, "mask"), rules->mask);
	rules->options.hash_count = read_list(json_object_get(json, "hash"), rules->hash);
	rules->options.drop = rules->drop;
	rules->options.mask = rules->mask;
	rules->options.hash = rules->hash;
	rules->options.types = rules->types;
	rules->options.canonical = json_is_true(json_object_get(json, "canonical"));
	json_object_foreach (types, pattern, type)
		rules->types[rules->options.type_count++] =
			(struct column_type){pattern, json_string_value(type)};
}

/* --- Running one --- */

/* text null: an absent schema. */
static void parse(struct js_doc *doc, const char *text)
{
	struct error error = {0};

	if (text)
		ck_assert_msg(js_parse(doc, span_of(text), JS_MAX_DEPTH, &error), "%s: %s", text,
			error.text);
}

struct run {
	const char *row, *schema, *table;
	bool is_key;
};

static bool write_row(const struct columns_options *options, const struct run *run,
	struct strbuf *out, struct error *error)
{
	struct js_doc doc = {0}, schema_doc = {0};
	struct columns *columns = columns_new(options, error);
	struct column_image image = {.doc = &doc,
		.schema_doc = &schema_doc,
		.schema = run->schema ? 0 : JS_NONE,
		.table = span_of(run->table),
		.is_key = run->is_key};
	bool good;

	ck_assert_msg(columns != NULL, "%s", error->text);
	parse(&doc, run->row);
	parse(&schema_doc, run->schema);
	good = (!run->is_key || columns_check_key(columns, &image, error)) &&
	       columns_write(columns, &image, out, error);
	ck_assert_int_eq(error->kind, good ? ERROR_NONE : ERROR_REFUSED);
	js_doc_clear(&doc);
	js_doc_clear(&schema_doc);
	columns_free(columns);
	return good;
}

static void for_each_vector(const char *name, void (*check)(json_t *vector, const char *line))
{
	char path[4096], *line = NULL;
	size_t size = 0, vectors = 0;
	json_error_t why;
	FILE *file;

	snprintf(path, sizeof(path), "%s/vectors/columns/%s", TEST_SRCDIR, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	while (getline(&line, &size, file) > 0) {
		json_t *vector;

		if (line[0] == '#')
			continue;
		vector = json_loads(line, 0, &why);
		ck_assert_msg(vector != NULL, "%s: %s", why.text, line);
		check(vector, line);
		json_decref(vector);
		vectors++;
	}
	ck_assert_uint_gt(vectors, 20);
	free(line);
	fclose(file);
}

/* --- Vectors --- */

static void check_rules(json_t *vector, const char *line)
{
	const char *refused = json_string_value(json_object_get(vector, "refused"));
	const char *table = json_string_value(json_object_get(vector, "table"));
	char *schema = json_dumps(json_object_get(vector, "schema"), JSON_COMPACT);
	struct run run = {json_string_value(json_object_get(vector, "row")), schema,
		table ? table : "d.s.t", json_is_true(json_object_get(vector, "key"))};
	struct strbuf out = {0};
	struct error error = {0};
	struct rules rules;

	read_rules(&rules, json_object_get(vector, "rules"));
	if (write_row(&rules.options, &run, &out, &error))
		ck_assert_msg(span_is(strbuf_span(&out),
				      json_string_value(json_object_get(vector, "is"))),
			"%s: %s", out.data, line);
	else
		ck_assert_msg(refused && strstr(error.text, refused), "%s: %s", error.text, line);
	strbuf_clear(&out);
	free(schema);
}

START_TEST(rules_do_what_the_vector_says)
{
	for_each_vector("rules.jsonl", check_rules);
}
END_TEST

/* The schema of a row of one column c. */
static char *schema_of_row(json_t *schema)
{
	json_t *field = json_deep_copy(schema), *row;
	char *text;

	if (!schema)
		return NULL;
	json_object_set_new(field, "field", json_string("c"));
	row = json_pack("{s:s,s:[o]}", "type", "struct", "fields", field);
	text = json_dumps(row, JSON_COMPACT);
	json_decref(row);
	return text;
}

static void check_canonical(json_t *vector, const char *line)
{
	struct column_type type = {"*", json_string_value(json_object_get(vector, "type"))};
	const struct columns_options options = {.hash_salt = "",
		.types = &type,
		.type_count = type.type ? 1 : 0,
		.canonical = true};
	const char *is = json_string_value(json_object_get(vector, "is"));
	char row[4096], expected[4096], *schema = schema_of_row(json_object_get(vector, "schema"));
	struct run run = {row, schema, "t", false};
	struct strbuf out = {0};
	struct error error = {0};

	snprintf(row, sizeof(row), "{\"c\":%s}",
		json_string_value(json_object_get(vector, "value")));
	snprintf(expected, sizeof(expected), "{\"c\":%s}", is ? is : "");
	if (write_row(&options, &run, &out, &error))
		ck_assert_msg(is && span_is(strbuf_span(&out), expected), "%s: %s", out.data, line);
	else
		ck_assert_msg(!is && strstr(error.text, "column t.c: its value does not fit"),
			"%s: %s", error.text, line);
	strbuf_clear(&out);
	free(schema);
}

START_TEST(canonical_values_are_what_the_vector_says)
{
	for_each_vector("canonical.jsonl", check_canonical);
}
END_TEST

/* --- Configuration --- */

START_TEST(wrong_options_are_named)
{
	static const struct column_type wrong[] = {
		{"*.a", "decimal[2]"},
		{"*.a", "[]"},
		{"*.a", "date[][]"},
		{"*.a", "date []"},
		{"*.a", "decimal()"},
		{"*.a", "decimal(x)"},
		{"*.a", "decimal(2"},
		{"*.a", "decimal(99999)"},
		{"*.a", "time"},
		{"*.a", "timestamp-s"},
		{"*.a", "Date"},
		{"*.a", ""},
	};
	static const char *const pattern[] = {"^("};
	struct columns_options options = {.hash_salt = "", .mask = pattern, .mask_count = 1};
	struct error error = {0};
	size_t i;

	ck_assert_ptr_null(columns_new(&options, &error));
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert_ptr_nonnull(strstr(error.text, "mask_columns"));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct columns_options types = {
			.hash_salt = "", .types = &wrong[i], .type_count = 1};

		error_clear(&error);
		ck_assert_ptr_null(columns_new(&types, &error));
		ck_assert_int_eq(error.kind, ERROR_INPUT);
		ck_assert_ptr_nonnull(strstr(error.text, "*.a"));
		ck_assert_ptr_nonnull(strstr(error.text, "timestamp-ns"));
	}
}
END_TEST

START_TEST(idle_without_rules)
{
	static const char *const patterns[] = {"x"};
	struct columns_options options = {.hash_salt = ""};
	struct error error = {0};
	struct columns *columns = columns_new(&options, &error);

	ck_assert(columns_idle(columns) && !columns_hide(columns));
	columns_free(columns);
	options.canonical = true;
	columns = columns_new(&options, &error);
	ck_assert(!columns_idle(columns) && !columns_hide(columns));
	columns_free(columns);
	options.hash = patterns;
	options.hash_count = 1;
	columns = columns_new(&options, &error);
	ck_assert(!columns_idle(columns) && columns_hide(columns));
	columns_free(columns);
	columns_free(NULL);
}
END_TEST

/* --- Long numbers --- */

/* 256^n - 1 by school arithmetic, least significant digit first, 16 bits at a time. */
static void school_power(size_t bytes, char *digits, size_t *len)
{
	size_t i, k;

	digits[0] = 1;
	*len = 1;
	for (i = 0; i < bytes; i += 2) {
		unsigned long carry = 0;

		for (k = 0; k < *len || carry; k++) {
			carry += k < *len ? digits[k] * 65536ul : 0;
			digits[k] = (char)(carry % 10);
			carry /= 10;
		}
		*len = k;
	}
	digits[0]--; /* a power of 2 ends in no 0 */
}

static void base64_of_max(size_t bytes, struct strbuf *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	/* A zero byte before it, so that it is positive. bytes + 1 is a multiple of three. */
	for (i = 0; i <= bytes; i += 3) {
		unsigned triple = (i ? 0xff0000u : 0) | 0xffffu;

		strbuf_add_char(out, alphabet[triple >> 18]);
		strbuf_add_char(out, alphabet[triple >> 12 & 63]);
		strbuf_add_char(out, alphabet[triple >> 6 & 63]);
		strbuf_add_char(out, alphabet[triple & 63]);
	}
}

static void check_max(size_t bytes, int64_t scale)
{
	struct strbuf base64 = {0}, text = {0};
	char *digits = xmalloc(bytes * 5 / 2 + 16);
	size_t len, i, k = 0;

	base64_of_max(bytes, &base64);
	ck_assert(decimal_text(strbuf_span(&base64), scale, &text));
	school_power(bytes, digits, &len);
	ck_assert_uint_eq(text.len, len + (scale > 0));
	for (i = len; i > 0; i--) {
		if ((int64_t)i == scale)
			ck_assert_int_eq(text.data[k++], '.');
		ck_assert_int_eq(text.data[k++], '0' + digits[i - 1]);
	}
	free(digits);
	strbuf_clear(&base64);
	strbuf_clear(&text);
}

START_TEST(numbers_of_thousands_of_digits)
{
	check_max(2, 2);
	check_max(8, 0);
	check_max(20, 20);
	check_max(1250, 0);
	check_max(1250, 3000);
	check_max(6002, 383);
}
END_TEST

/* The longest of PostgreSQL, and nothing beyond what any database has. */
START_TEST(the_longest_number)
{
	struct strbuf base64 = {0}, text = {0};

	base64_of_max(65534, &base64);
	ck_assert(decimal_text(strbuf_span(&base64), 16383, &text));
	ck_assert_uint_gt(text.len, 131072 + 16383);
	ck_assert_int_eq(text.data[text.len - 16383 - 1], '.');
	strbuf_reset(&base64);
	base64_of_max(70001, &base64);
	ck_assert(!decimal_text(strbuf_span(&base64), 0, &text));
	ck_assert(!decimal_text(span_of("AQ=="), 20001, &text));
	ck_assert(!decimal_text(span_of("AQ=="), INT64_MIN, &text));
	strbuf_clear(&base64);
	strbuf_clear(&text);
}
END_TEST

/* Three bytes of a scale ask for 20,000 zeros. */
START_TEST(a_row_cannot_grow_without_end)
{
	static const struct column_type type = {"*", "decimal(20000)"};
	const struct columns_options options = {
		.hash_salt = "", .types = &type, .type_count = 1, .canonical = true};
	struct strbuf row = {0}, out = {0};
	struct run run = {.table = "t"};
	struct error error = {0};
	int i;

	for (i = 0; i < 4000; i++)
		strbuf_printf(&row, "%c\"c%d\":1", i ? ',' : '{', i);
	strbuf_add_char(&row, '}');
	run.row = row.data;
	ck_assert(!write_row(&options, &run, &out, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "too long"));
	strbuf_clear(&row);
	strbuf_clear(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("columns");
	TCase *tcase = tcase_create("columns");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, rules_do_what_the_vector_says);
	tcase_add_test(tcase, canonical_values_are_what_the_vector_says);
	tcase_add_test(tcase, wrong_options_are_named);
	tcase_add_test(tcase, idle_without_rules);
	tcase_add_test(tcase, numbers_of_thousands_of_digits);
	tcase_add_test(tcase, the_longest_number);
	tcase_add_test(tcase, a_row_cannot_grow_without_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
