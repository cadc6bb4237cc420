/* Types of databases, and what values of them become in Debezium's records. Expected are the
 * mappings of its documentation, and what captures in tests/fixtures show. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue.h"

#define PG CONNECTOR_POSTGRESQL
#define MY CONNECTOR_MYSQL
#define MARIA CONNECTOR_MARIADB

static const struct {
	enum connector_kind kind;
	const char *type;
	struct catalogue_modes modes;
	const char *expected; /* "": none */
} cases[] = {
	/* PostgreSQL, Debezium's defaults (fixtures/postgres-types-precise-schemas) */
	{PG, "numeric(12,2)", {0}, "decimal(2)"},
	{PG, "numeric(38,0)", {0}, "decimal(0)"},
	{PG, "numeric(5,-2)", {0}, "decimal(2046)"},
	{PG, "numeric", {0}, "decimal"},
	{PG, "numeric(12,2)[]", {0}, "decimal(2)[]"},
	{PG, "numeric[]", {0}, "decimal[]"},
	{PG, "money", {0}, "decimal(2)"},
	{PG, "date", {0}, "date"},
	{PG, "date[]", {0}, "date[]"},
	{PG, "time without time zone", {0}, "time-us"},
	{PG, "time(0) without time zone", {0}, "time-ms"},
	{PG, "time(3) without time zone", {0}, "time-ms"},
	{PG, "time(6) without time zone", {0}, "time-us"},
	{PG, "time with time zone", {0}, ""},
	{PG, "time(3) with time zone", {0}, ""},
	{PG, "timestamp without time zone", {0}, "timestamp-us"},
	{PG, "timestamp(0) without time zone", {0}, "timestamp-ms"},
	{PG, "timestamp(3) without time zone", {0}, "timestamp-ms"},
	{PG, "timestamp(4) without time zone", {0}, "timestamp-us"},
	{PG, "timestamp without time zone[]", {0}, "timestamp-us[]"},
	{PG, "timestamp with time zone", {0}, ""},
	{PG, "timestamp(3) with time zone[]", {0}, ""},
	{PG, "interval", {0}, ""},
	{PG, "integer", {0}, ""},
	{PG, "character varying(12)", {0}, ""},
	{PG, "datetime", {0}, ""},
	{PG, "", {0}, ""},
	{PG, "numeric(", {0}, "decimal"},
	/* its modes */
	{PG, "numeric(12,2)", {.decimal = "string"}, ""},
	{PG, "numeric", {.decimal = "double"}, ""},
	{PG, "money", {.decimal = "string"}, ""},
	{PG, "numeric(12,2)", {.decimal = "precise"}, "decimal(2)"},
	{PG, "time(3) without time zone", {.time = "adaptive"}, "time-ms"},
	{PG, "time(3) without time zone", {.time = "adaptive_time_microseconds"}, "time-us"},
	{PG, "timestamp(3) without time zone", {.time = "adaptive_time_microseconds"},
		"timestamp-ms"},
	{PG, "time without time zone", {.time = "connect"}, "time-ms"},
	{PG, "timestamp without time zone", {.time = "connect"}, "timestamp-ms"},
	{PG, "date", {.time = "connect"}, "date"},
	{PG, "timestamp(0) without time zone", {.time = "microseconds"}, "timestamp-us"},
	{PG, "time(0) without time zone", {.time = "nanoseconds"}, "time-ns"},
	{PG, "date", {.time = "nanoseconds"}, "date"},
	{PG, "date", {.time = "isostring"}, ""},
	{PG, "timestamp without time zone", {.time = "isostring"}, ""},
	/* MySQL and MariaDB */
	{MY, "decimal(10,0)", {0}, "decimal(0)"},
	{MARIA, "decimal(12,2) unsigned", {0}, "decimal(2)"},
	{MARIA, "decimal(12,2)", {.decimal = "string"}, ""},
	{MY, "bigint(20) unsigned", {0}, ""},
	{MY, "bigint(20) unsigned", {.unsigned_bigint = "precise"}, "decimal(0)"},
	{MY, "bigint unsigned", {.unsigned_bigint = "precise"}, "decimal(0)"},
	{MY, "bigint(20)", {.unsigned_bigint = "precise"}, ""},
	{MY, "date", {0}, "date"},
	{MY, "time", {0}, "time-us"},
	{MARIA, "time(3)", {0}, "time-us"},
	{MY, "time", {.time = "connect"}, "time-ms"},
	{MY, "datetime", {0}, "timestamp-ms"},
	{MY, "datetime(3)", {0}, "timestamp-ms"},
	{MARIA, "datetime(6)", {0}, "timestamp-us"},
	{MARIA, "datetime(6)", {.time = "connect"}, "timestamp-ms"},
	{MARIA, "datetime(6)", {.time = "isostring"}, ""},
	{MARIA, "timestamp(6)", {0}, ""},
	{MY, "year(4)", {0}, ""},
	{MY, "numeric(1,1)", {0}, ""},
	{MY, "double(12,2)", {0}, ""},
};

START_TEST(types)
{
	struct semantic semantic =
		catalogue_semantic(cases[_i].kind, cases[_i].type, &cases[_i].modes);
	char text[32];

	semantic_describe(&semantic, text, sizeof(text));
	ck_assert_msg(
		(semantic.kind == SEMANTIC_NONE) == !*cases[_i].expected &&
			(semantic.kind == SEMANTIC_NONE || strcmp(text, cases[_i].expected) == 0),
		"%s: %s", cases[_i].type, text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("catalogue");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, types, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
