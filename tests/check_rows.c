/* What a table's rows are made with: source positions, natural order, the store that spills,
 * truncates, SQL. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "natural.h"
#include "row_record.h"
#include "row_store.h"
#include "sql_script.h"
#include "truncates.h"

/* --- Source positions --- */

static const struct {
	const char *connector, *a, *b;
	enum source_order order;
} positions[] = {
	/* An LSN jumps back from one transaction to the next: the commit before tells. */
	{"postgresql", "100:90", "100:95", SOURCE_BEFORE},
	{"postgresql", "100:95", "110:91", SOURCE_BEFORE},
	{"postgresql", "9:9", "10:1", SOURCE_BEFORE},
	{"postgresql", "100:90", "100:90", SOURCE_SAME},
	/* A snapshot, or the first transaction after a start. */
	{"postgresql", ":100", "100:90", SOURCE_BEFORE},
	{"postgresql", ":100", "99:101", SOURCE_BEFORE},
	{"postgresql", ":100", "99:98", SOURCE_BEHIND},
	{"postgresql", ":100", ":101", SOURCE_BEFORE},
	{"postgresql", "100:90", ":100", SOURCE_BEHIND},
	{"postgresql", "100:", "100:90", SOURCE_UNKNOWN},
	{"postgresql", "100", "100:90", SOURCE_UNKNOWN},
	{"postgresql", "x:90", "y:90", SOURCE_UNKNOWN},
	/* Files grow in digits; rows of one event. */
	{"mysql", "1:bin.999999:4:0", "1:bin.1000000:4:0", SOURCE_BEFORE},
	{"mysql", "1:bin.000002:4:0", "1:bin.000001:900:0", SOURCE_BEHIND},
	{"mysql", "1:bin.000001:900:0", "1:bin.000001:1000:0", SOURCE_BEFORE},
	{"mariadb", "1:bin.000001:900:9", "1:bin.000001:900:10", SOURCE_BEFORE},
	{"mariadb", "0:bin.000001:900:0", "1:bin.000001:901:0", SOURCE_BEFORE},
	{"mariadb", "1:bin.000001:900:0", "2:bin.000001:901:0", SOURCE_UNKNOWN},
	{"mariadb", "1:bin.000001:900:0", "1:other.000001:901:0", SOURCE_UNKNOWN},
	{"mysql", "1::900:0", "1:bin.000001:901:0", SOURCE_UNKNOWN},
	{"mysql", "1:bin.000001:900", "1:bin.000001:901:0", SOURCE_UNKNOWN},
	/* LSNs in hex, whose parts are parts here; a snapshot has no change_lsn. */
	{"sqlserver", "00000027:00000ac0:0002:00000027:00000ac0:0002:2",
		"00000027:00000ac0:0002:00000027:00000ac0:0003:1", SOURCE_BEFORE},
	{"sqlserver", "0000002a:00000001:0001:0000002a:00000001:0001:1",
		"00000029:00000fff:0001:00000029:00000fff:0001:1", SOURCE_BEHIND},
	{"sqlserver", "0000000F:0:0:0:0:0:9", "0000000f:0:0:0:0:0:10", SOURCE_BEFORE},
	{"sqlserver", "00000027:00000ac0:0002::", "00000027:00000ac0:0002:00000027:1:1:1",
		SOURCE_BEFORE},
	{"sqlserver", "00000027:zz:1", "00000027:00:1", SOURCE_UNKNOWN},
	{"db2", "00000000:0001:00000000:0002", "00000000:0001:00000000:0003", SOURCE_BEFORE},
	/* The commit's SCN, then the change's. */
	{"oracle", "2000:1500:0x01.02.03:0", "1999:1600:0x01.02.03:0", SOURCE_BEHIND},
	{"oracle", "2000:1500:0x01.02.03:0", "2000:1501:0x01.02.03:0", SOURCE_BEFORE},
	{"oracle", "2000:1500:0x01.02.03:0", "2000:1500:0x01.02.04:0", SOURCE_BEFORE},
	{"oracle", "2000:1500:0x01.02.03:9", "2000:1500:0x01.02.03:10", SOURCE_BEFORE},
	{"oracle", ":1999::", "2000:1500:0x01.02.03:0", SOURCE_BEFORE},
	{"oracle", ":::", "2000:1500:0x01.02.03:0", SOURCE_UNKNOWN},
	{"mongodb", "1700000000000:2", "1700000000000:10", SOURCE_BEFORE},
	{"informix", "18446744073709551616:1", "18446744073709551617:0", SOURCE_BEFORE},
	{"spanner", "1:1", "2:2", SOURCE_UNKNOWN},
	{"vitess", NULL, "2:2", SOURCE_UNKNOWN},
	{"postgresql", NULL, NULL, SOURCE_UNKNOWN},
	{NULL, "1:1", "2:2", SOURCE_UNKNOWN},
};

static struct span text(const char *text)
{
	return text ? span_of(text) : SPAN_NULL;
}

static enum source_order turned(enum source_order order)
{
	return order == SOURCE_BEFORE	? SOURCE_BEHIND
	       : order == SOURCE_BEHIND ? SOURCE_BEFORE
					: order;
}

START_TEST(positions_of_each_connector_are_ordered)
{
	struct span connector = text(positions[_i].connector), a = text(positions[_i].a),
		    b = text(positions[_i].b);

	ck_assert_int_eq(source_position_order(connector, a, b), positions[_i].order);
	ck_assert_int_eq(source_position_order(connector, b, a), turned(positions[_i].order));
}
END_TEST

START_TEST(without_positions_time_tells_then_the_store)
{
	struct change_place early = {span_of("vitess"), SPAN_NULL, 10, 7}, late = early;

	late.ts_ms = 11;
	late.sequence = 3;
	ck_assert(change_place_before(&early, &late));
	ck_assert(!change_place_before(&late, &early));
	late.ts_ms = 10;
	ck_assert(change_place_before(&late, &early));
	late.ts_ms = -1;
	ck_assert(change_place_before(&late, &early));
	/* Positions are worth more than clocks. */
	early = (struct change_place){span_of("postgresql"), span_of("1:5"), 20, 7};
	late = (struct change_place){span_of("postgresql"), span_of("2:3"), 10, 3};
	ck_assert(change_place_before(&early, &late));
}
END_TEST

/* --- Natural order --- */

/* Ascending. */
static const char *const names[] = {"", "customers-", "customers-1", "customers-01",
	"customers-1:2", "customers-1:10", "customers-2", "customers-9", "customers-10",
	"customers-100000000000000000000", "customers-100000000000000000001", "customers-a",
	"customers-a1b", "customers-a1c", "customers-a1c0", "orders-1", "\xc3\x85"};

START_TEST(numbers_in_names_are_ordered_by_value)
{
	size_t count = sizeof(names) / sizeof(names[0]), i, k;
	int order;

	for (i = 0; i < count; i++) {
		for (k = 0; k < count; k++) {
			order = natural_order(span_of(names[i]), span_of(names[k]));
			/* "1" and "01" are one number: their bytes decide, whichever way. */
			if (i + k == 5 && (i == 2 || i == 3))
				ck_assert_int_ne(order, 0);
			else
				ck_assert_msg((i < k	      ? order < 0
						      : i > k ? order > 0
							      : order == 0),
					"'%s' and '%s': %d", names[i], names[k], order);
		}
	}
}
END_TEST

/* --- The store --- */

static struct span value_of(unsigned number, char *buffer, size_t size)
{
	size_t len = 40 + number % 500;

	memset(buffer, (int)('a' + number % 26), size);
	return (struct span){buffer, len};
}

static struct span key_of(unsigned number, char *buffer, size_t size)
{
	snprintf(buffer, size, "row-%u", number);
	return span_of(buffer);
}

#define ENTRIES 20000U

/* Every entry twice, in an order that is not that of the keys. */
static void fill(struct row_store *store)
{
	struct error error = {0};
	char key[32], value[600];
	unsigned i, number;

	for (i = 0; i < 2 * ENTRIES; i++) {
		number = i * 7919U % ENTRIES;
		ck_assert_msg(
			row_store_put(store, key_of(number, key, sizeof(key)),
				value_of(number + (i < ENTRIES), value, sizeof(value)), &error),
			"%s", error.text);
	}
}

static void check_walk(struct row_store *store)
{
	struct error error = {0};
	struct span got_key, got;
	char key[32], value[600];
	unsigned number = 0;

	for (row_store_rewind(store); row_store_next(store, &got_key, &got, &error); number++) {
		ck_assert(span_equal(got_key, key_of(number, key, sizeof(key))));
		ck_assert(span_equal(got, value_of(number, value, sizeof(value))));
	}
	ck_assert_uint_eq(number, ENTRIES);
	ck_assert_int_eq(error.kind, ERROR_NONE);
}

static void check_gets(struct row_store *store)
{
	struct error error = {0};
	struct span got;
	char key[32], value[600];
	unsigned i;

	for (i = 0; i < ENTRIES; i += 13) {
		ck_assert(row_store_get(store, key_of(i, key, sizeof(key)), &got, &error));
		ck_assert(span_equal(got, value_of(i, value, sizeof(value))));
	}
	ck_assert(row_store_get(store, span_of("row-x"), &got, &error));
	ck_assert_ptr_null(got.ptr);
}

static void check_store(int64_t memory_bytes, bool spills)
{
	struct error error = {0};
	struct row_store *store = row_store_new(memory_bytes, &error);

	ck_assert_msg(store != NULL, "%s", error.text);
	fill(store);
	ck_assert_int_eq(row_store_spilled(store), spills);
	check_gets(store);
	check_walk(store);
	check_walk(store);
	row_store_free(store);
}

START_TEST(what_fits_stays_in_memory)
{
	check_store(64 * 1024 * 1024, false);
}
END_TEST

START_TEST(what_does_not_fit_is_spilled_and_nothing_is_lost)
{
	check_store(64 * 1024, true);
}
END_TEST

START_TEST(keys_and_values_are_any_bytes)
{
	struct error error = {0};
	struct row_store *store = row_store_new(1 << 20, &error);
	struct span got;

	ck_assert(
		row_store_put(store, (struct span){"a\0b", 3}, (struct span){"\0\xff", 2}, &error));
	ck_assert(row_store_put(store, (struct span){"a\0c", 3}, (struct span){"", 0}, &error));
	ck_assert(row_store_get(store, (struct span){"a\0b", 3}, &got, &error));
	ck_assert(span_equal(got, (struct span){"\0\xff", 2}));
	ck_assert(row_store_get(store, (struct span){"a\0c", 3}, &got, &error));
	ck_assert(got.ptr && got.len == 0);
	ck_assert(row_store_get(store, (struct span){"a", 1}, &got, &error));
	ck_assert_ptr_null(got.ptr);
	row_store_free(store);
}
END_TEST

START_TEST(records_come_back_as_they_went)
{
	struct row_record in = {.stream = span_of("t-1"),
				  .origin = span_of("srv\nt"),
				  .place = {span_of("mysql"), SPAN_NULL, 5, 6},
				  .txid = {"", 0},
				  .image = span_of("{}"),
				  .revision = 7,
				  .valid_from = 8,
				  .count = 9,
				  .op = 'c',
				  .lives = true},
			  out;
	struct strbuf packed = {0};

	row_record_pack(&in, &packed);
	row_record_unpack(strbuf_span(&packed), &out);
	ck_assert(span_is(out.stream, "t-1") && span_is(out.origin, "srv\nt") &&
		  span_is(out.place.connector, "mysql") && span_is(out.image, "{}"));
	ck_assert(!out.place.position.ptr && out.txid.ptr && out.txid.len == 0);
	ck_assert(out.place.ts_ms == 5 && out.place.sequence == 6 && out.revision == 7 &&
		  out.valid_from == 8 && out.count == 9 && out.op == 'c' && out.lives);
	strbuf_clear(&packed);
}
END_TEST

/* --- Truncates --- */

static struct change_place at(const char *position, int64_t sequence)
{
	return (struct change_place){span_of("postgresql"), span_of(position), -1, sequence};
}

START_TEST(the_first_truncate_behind_a_change_is_found)
{
	struct change_place second = at("30:31", 1), first = at("10:11", 2), row;
	struct truncates truncates = {0};
	const struct change_place *found;

	truncates_add(&truncates, span_of("s\nt"), &second);
	truncates_add(&truncates, span_of("s\nt"), &first);
	/* Stored behind both, changed before the first, between them, behind both. */
	row = at("10:9", 3);
	found = truncates_behind(&truncates, span_of("s\nt"), &row);
	ck_assert(found && span_is(found->position, "10:11"));
	row = at("20:9", 3);
	found = truncates_behind(&truncates, span_of("s\nt"), &row);
	ck_assert(found && span_is(found->position, "30:31"));
	row = at("31:9", 0);
	ck_assert_ptr_null(truncates_behind(&truncates, span_of("s\nt"), &row));
	row = at("10:9", 3);
	ck_assert_ptr_null(truncates_behind(&truncates, span_of("s\nother"), &row));
	truncates_clear(&truncates);
}
END_TEST

/* --- SQL --- */

static const struct {
	const char *row, *postgresql, *mariadb;
} statements[] = {
	{"{\"id\":1,\"b\":true,\"c\":false,\"d\":null,\"e\":-1.5E300}",
		"INSERT INTO \"t\" (\"id\", \"b\", \"c\", \"d\", \"e\") VALUES "
		"(1, TRUE, FALSE, NULL, -1.5E300);\n",
		"INSERT INTO `t` (`id`, `b`, `c`, `d`, `e`) VALUES "
		"(1, TRUE, FALSE, NULL, -1.5E300);\n"},
	{"{\"we\\\"i`rd\":\"O'Hara\"}", "INSERT INTO \"t\" (\"we\"\"i`rd\") VALUES ('O''Hara');\n",
		"INSERT INTO `t` (`we\"i``rd`) VALUES ('O''Hara');\n"},
	{"{\"a\":\"c:\\\\x\\n\",\"b\":\"\"}",
		"INSERT INTO \"t\" (\"a\", \"b\") VALUES (E'c:\\\\x\n', '');\n",
		"INSERT INTO `t` (`a`, `b`) VALUES ('c:\\\\x\n', '');\n"},
	{"{\"a\":\"\\u00e9\\u0000\"}", "INSERT INTO \"t\" (\"a\") VALUES (E'\xc3\xa9\\0');\n",
		"INSERT INTO `t` (`a`) VALUES ('\xc3\xa9\\0');\n"},
	{"{\"a\":[1,null,\"x \\\"y\\\"\",\"\",true,[\"{}\"]],\"b\":{\"k\":[1]}}",
		"INSERT INTO \"t\" (\"a\", \"b\") VALUES "
		"(E'{1,NULL,\"x \\\\\"y\\\\\"\",\"\",true,{\"{}\"}}', '{\"k\":[1]}');\n",
		"INSERT INTO `t` (`a`, `b`) VALUES "
		"('[1,null,\"x \\\\\"y\\\\\"\",\"\",true,[\"{}\"]]', '{\"k\":[1]}');\n"},
};

START_TEST(rows_become_inserts_of_each_dialect)
{
	struct error error = {0};
	struct strbuf sql = {0};
	struct js_doc doc = {0};

	ck_assert(js_parse(&doc, span_of(statements[_i].row), JS_MAX_DEPTH, &error));
	sql_insert(&sql, SQL_POSTGRESQL, span_of("t"), &doc);
	ck_assert_str_eq(sql.data, statements[_i].postgresql);
	strbuf_reset(&sql);
	sql_insert(&sql, SQL_MARIADB, span_of("t"), &doc);
	ck_assert_str_eq(sql.data, statements[_i].mariadb);
	strbuf_clear(&sql);
	js_doc_clear(&doc);
}
END_TEST

START_TEST(a_script_that_is_not_whole_rolls_back)
{
	struct strbuf sql = {0};

	sql_begin(&sql, SQL_POSTGRESQL);
	ck_assert_ptr_nonnull(strstr(sql.data, "START TRANSACTION;\n"));
	sql_end(&sql, false, 3);
	ck_assert_ptr_nonnull(strstr(sql.data, "ROLLBACK;\n-- incomplete"));
	ck_assert_ptr_null(strstr(sql.data, "COMMIT"));
	strbuf_reset(&sql);
	sql_end(&sql, true, 3);
	ck_assert_str_eq(sql.data, "COMMIT;\n-- complete: 3 rows\n");
	strbuf_clear(&sql);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rows");
	TCase *tcase = tcase_create("rows");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, positions_of_each_connector_are_ordered, 0,
		sizeof(positions) / sizeof(positions[0]));
	tcase_add_test(tcase, without_positions_time_tells_then_the_store);
	tcase_add_test(tcase, numbers_in_names_are_ordered_by_value);
	tcase_add_test(tcase, what_fits_stays_in_memory);
	tcase_add_test(tcase, what_does_not_fit_is_spilled_and_nothing_is_lost);
	tcase_add_test(tcase, keys_and_values_are_any_bytes);
	tcase_add_test(tcase, records_come_back_as_they_went);
	tcase_add_test(tcase, the_first_truncate_behind_a_change_is_found);
	tcase_add_loop_test(tcase, rows_become_inserts_of_each_dialect, 0,
		sizeof(statements) / sizeof(statements[0]));
	tcase_add_test(tcase, a_script_that_is_not_whole_rolls_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
