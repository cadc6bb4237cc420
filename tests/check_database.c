/* Addresses of databases. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

static const struct {
	const char *url;
	enum connector_kind kind;
	const char *user, *password, *host; /* "-": not said */
	int port;
	const char *name;
} good[] = {
	{"postgresql://u:p@db:5433/shop", CONNECTOR_POSTGRESQL, "u", "p", "db", 5433, "shop"},
	{"postgres://db/shop", CONNECTOR_POSTGRESQL, "-", "-", "db", 0, "shop"},
	{"mysql://u@db", CONNECTOR_MYSQL, "u", "-", "db", 0, "-"},
	{"mariadb://u:@db:3307/", CONNECTOR_MARIADB, "u", "", "db", 3307, "-"},
	{"mariadb://a%40b:p%3A%2f%40@db/x%20y", CONNECTOR_MARIADB, "a@b", "p:/@", "db", 0, "x y"},
	{"mariadb://u:p@w/ord@db/x", CONNECTOR_MARIADB, "u", "p@w/ord", "db", 0, "x"},
	{"postgresql://u@[::1]:5432/d", CONNECTOR_POSTGRESQL, "u", "-", "::1", 5432, "d"},
};

static void expect(const char *found, const char *expected)
{
	ck_assert_str_eq(found ? found : "-", expected);
}

START_TEST(addresses)
{
	struct database_address address;
	struct error error = {0};

	ck_assert_msg(database_address_parse(&address, good[_i].url, &error), "%s", error.text);
	ck_assert_int_eq(address.kind, good[_i].kind);
	expect(address.user, good[_i].user);
	expect(address.password, good[_i].password);
	expect(address.host, good[_i].host);
	ck_assert_int_eq(address.port, good[_i].port);
	expect(address.name, good[_i].name);
	database_address_clear(&address);
}
END_TEST

static const char *const bad[] = {
	"",
	"db",
	"oracle://db/x",
	"postgresql://",
	"postgresql:///shop",
	"postgresql://u:geheim@db", /* PostgreSQL needs a database */
	"postgresql://u:geheim@db/",
	"postgresql://:geheim@db/x",
	"postgresql://u:geheim@db:0/x",
	"postgresql://u:geheim@db:65536/x",
	"postgresql://u:geheim@db:port/x",
	"postgresql://u:geheim%@db/x",
	"postgresql://u:geheim%zz@db/x",
	"postgresql://u:geheim%00@db/x",
	"postgresql://u:geheim@[::1/x",
	"postgresql://u:geheim@[::1]x/x",
	"postgresql://u:geheim@db/x?sslmode=require",
	"postgresql://u:geheim@db/x/y",
};

START_TEST(addresses_that_are_none)
{
	struct database_address address;
	struct error error = {0};

	ck_assert_msg(!database_address_parse(&address, bad[_i], &error), "%s", bad[_i]);
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert_ptr_null(strstr(error.text, "geheim"));
	database_address_clear(&address);
}
END_TEST

START_TEST(addresses_of_connectors)
{
	struct connector_properties properties = {0};
	struct database_address address;

	ck_assert(!database_address_of_connector(&address, &properties));
	connector_set(&properties, "connector.class",
		"io.debezium.connector.postgresql.PostgresConnector", NULL);
	ck_assert(!database_address_of_connector(&address, &properties));
	connector_set(&properties, "database.hostname", "db", NULL);
	connector_set(&properties, "database.user", "u", NULL);
	connector_set(&properties, "database.password", "p", NULL);
	connector_set(&properties, "database.dbname", "shop", NULL);
	connector_set(&properties, "database.port", "5433", NULL);
	ck_assert(database_address_of_connector(&address, &properties));
	ck_assert_int_eq(address.kind, CONNECTOR_POSTGRESQL);
	ck_assert_int_eq(address.port, 5433);
	ck_assert_str_eq(address.name, "shop");
	ck_assert_str_eq(address.password, "p");
	database_address_clear(&address);
	connector_set(&properties, "database.port", "${env:PORT}", NULL);
	ck_assert(!database_address_of_connector(&address, &properties));
	connector_clear(&properties);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("database");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, addresses, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, addresses_that_are_none, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, addresses_of_connectors);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
