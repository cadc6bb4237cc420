/* What a connector is told beside the operator's properties, and what its errors mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector.h"

#define POSTGRES "io.debezium.connector.postgresql.PostgresConnector"
#define MARIADB "io.debezium.connector.mariadb.MariaDbConnector"
#define JSON_CONVERTER "org.apache.kafka.connect.json.JsonConverter"

static struct connector_properties properties;

static void recommend(const char *class_name, const char *name)
{
	connector_set(&properties, "connector.class", class_name, NULL);
	connector_recommend(&properties, name, "kafka:9092");
}

static const char *value(const char *name)
{
	const char *found = connector_get(&properties, name);

	return found ? found : "(absent)";
}

static void clear(void)
{
	connector_clear(&properties);
}

START_TEST(kinds)
{
	ck_assert_int_eq(connector_kind_of(POSTGRES), CONNECTOR_POSTGRESQL);
	ck_assert_int_eq(connector_kind_of("Postgres"), CONNECTOR_POSTGRESQL);
	ck_assert_int_eq(connector_kind_of(MARIADB), CONNECTOR_MARIADB);
	ck_assert_int_eq(
		connector_kind_of("io.debezium.connector.mysql.MySqlConnector"), CONNECTOR_MYSQL);
	ck_assert_int_eq(connector_kind_of("io.debezium.connector.mongodb.MongoDbConnector"),
		CONNECTOR_OTHER);
	ck_assert_int_eq(connector_kind_of(""), CONNECTOR_OTHER);
}
END_TEST

START_TEST(what_the_operator_said_stays)
{
	connector_set(&properties, "slot.name", "mine", NULL);
	connector_set(&properties, "skipped.operations", "", NULL);
	recommend(POSTGRES, "shop");
	ck_assert_str_eq(value("slot.name"), "mine");
	ck_assert_str_eq(value("skipped.operations"), "");
	ck_assert_str_eq(value("topic.prefix"), "shop");
	ck_assert_str_eq(value("publication.name"), "rowstream_shop");
	ck_assert_str_eq(value("plugin.name"), "pgoutput");
	ck_assert_str_eq(value("database.server.id"), "(absent)");
	ck_assert_ptr_null(properties.items[0].reason);
	clear();
}
END_TEST

/* PostgreSQL takes lower-case letters, digits and '_', 63 of them. */
START_TEST(slot_names)
{
	char name[200];

	recommend(POSTGRES, "Shop.EU-1 \xc3\xa9");
	ck_assert_str_eq(value("slot.name"), "rowstream_shop_eu_1___");
	clear();
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	recommend(POSTGRES, name);
	ck_assert_uint_eq(strlen(value("slot.name")), 63);
	clear();
	recommend(POSTGRES, "rowstream");
	ck_assert_str_eq(value("slot.name"), "rowstream");
	clear();
}
END_TEST

START_TEST(binlog_connectors)
{
	char first[16];
	long id;

	recommend(MARIADB, "shop");
	snprintf(first, sizeof(first), "%s", value("database.server.id"));
	id = strtol(first, NULL, 10);
	ck_assert(id > 0 && id <= 2147483647);
	ck_assert_str_eq(
		value("schema.history.internal.kafka.topic"), "__debezium-schema-history.shop");
	ck_assert_str_eq(value("schema.history.internal.kafka.bootstrap.servers"), "kafka:9092");
	ck_assert_str_eq(value("slot.name"), "(absent)");
	clear();
	recommend(MARIADB, "shop");
	ck_assert_str_eq(value("database.server.id"), first);
	clear();
	recommend(MARIADB, "shop2");
	ck_assert_str_ne(value("database.server.id"), first);
	clear();
}
END_TEST

START_TEST(converters_of_others_are_not_told_what_they_do_not_know)
{
	connector_set(&properties, "value.converter", "io.x.AvroConverter", NULL);
	recommend(POSTGRES, "shop");
	ck_assert_str_eq(value("value.converter.schemas.enable"), "(absent)");
	ck_assert_str_eq(value("value.converter.replace.null.with.default"), "(absent)");
	ck_assert_str_eq(value("key.converter"), JSON_CONVERTER);
	ck_assert_str_eq(value("key.converter.schemas.enable"), "false");
	clear();
}
END_TEST

START_TEST(connectors_that_are_no_relational_database)
{
	recommend("io.debezium.connector.mongodb.MongoDbConnector", "docs");
	ck_assert_str_eq(value("topic.prefix"), "docs");
	ck_assert_str_eq(value("decimal.handling.mode"), "(absent)");
	ck_assert_str_eq(value("plugin.name"), "(absent)");
	clear();
}
END_TEST

static const struct {
	const char *trace, *cause;
} traces[] = {
	{"io.debezium.DebeziumException: Creation of replication slot failed\n\tat a.b(C.java:1)\n"
	 "Caused by: java.lang.RuntimeException: between\n\tat x\n"
	 "Caused by: org.postgresql.util.PSQLException: ERROR: logical decoding requires wal_level "
	 ">= logical\n\tat y\n",
		"Creation of replication slot failed: ERROR: logical decoding requires wal_level "
		">= "
		"logical"},
	{"org.apache.kafka.connect.errors.ConnectException: It stopped.\n\tat z\n"
	 "Caused by: io.debezium.DebeziumException: io.debezium.DebeziumException: no right",
		"It stopped: no right"},
	{"a.b.C: same\nCaused by: d.e.F: same", "same"},
	{"a.b.C: Only this.\n\tat x", "Only this."},
	{"java.lang.NullPointerException\r\n\tat x", "java.lang.NullPointerException"},
	{"no trace at all: just words", "no trace at all: just words"},
	{"", ""},
	{"a.b.C: m\nCaused by: ", "m"},
};

START_TEST(causes)
{
	struct strbuf out = {0};

	connector_cause(span_of(traces[_i].trace), &out);
	ck_assert_str_eq(out.data ? out.data : "", traces[_i].cause);
	strbuf_clear(&out);
}
END_TEST

START_TEST(advices)
{
	ck_assert_ptr_nonnull(
		strstr(connector_advice("ERROR: logical decoding requires wal_level >= logical"),
			"wal_level"));
	ck_assert_ptr_nonnull(
		strstr(connector_advice("access DENIED for user 'x'@'y'"), "database.password"));
	ck_assert_ptr_null(connector_advice("something nobody has seen"));
	ck_assert_ptr_null(connector_advice(""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("connector");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, kinds);
	tcase_add_test(tcase, what_the_operator_said_stays);
	tcase_add_test(tcase, slot_names);
	tcase_add_test(tcase, binlog_connectors);
	tcase_add_test(tcase, converters_of_others_are_not_told_what_they_do_not_know);
	tcase_add_test(tcase, connectors_that_are_no_relational_database);
	tcase_add_loop_test(tcase, causes, 0, sizeof(traces) / sizeof(traces[0]));
	tcase_add_test(tcase, advices);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
