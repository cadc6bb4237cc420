/* The mapping as a module: what it says of an event's length in the store, against the store. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mapping.h"
#include "reprint.h"

#define ENVELOPE \
	"\"op\":\"u\",\"source\":{\"connector\":\"postgresql\",\"name\":\"s\",\"db\":\"d\"," \
	"\"schema\":\"p\",\"table\":\"t\",\"ts_ms\":1}"

static const char *const topics[] = {"out"};
static const char *const all_columns[] = {"*.h*"};

static struct mapping_options options_with(const struct column_type *types, size_t type_count)
{
	return (struct mapping_options){
		.stream = "{table}-{key}",
		.event_types = "op",
		.unavailable_value = "__debezium_unavailable_value",
		.outbox_type = "eventType",
		.flattened_prefix = "__",
		.outbox_topics = topics,
		.outbox_topic_count = 1,
		.columns =
			{
				.hash = all_columns,
				.hash_count = 1,
				.hash_salt = "",
				.types = types,
				.type_count = type_count,
				.canonical = true,
			},
	};
}

/* The lengths that the store's own printing gives to data and metadata. */
static size_t printed(const struct event *event)
{
	struct strbuf out = {0};
	size_t bytes;

	ck_assert(reprint_text(event->data, 0, &out));
	ck_assert(reprint_text(event->metadata, 0, &out));
	bytes = out.len;
	strbuf_clear(&out);
	return bytes;
}

static void check_length(struct mapping *mapping, const char *topic, const char *value)
{
	struct record record = {.topic = topic, .key = span_of("{\"id\":1}"), .timestamp_ms = 5};
	struct event *event = NULL;
	struct error error = {0};
	const char *reason;

	record.value = span_of(value);
	ck_assert_msg(mapping_apply(mapping, &record, &event, &reason, &error) == MAPPING_EVENT,
		"%s: %s", value, error.text);
	ck_assert_msg(event->stored_bytes >= printed(event), "%zu < %zu: %s", event->stored_bytes,
		printed(event), value);
	event_free(event);
}

/* A member or element many times: only then does it weigh more than what the bound gives away. */
static char *many(const char *start, const char *name, const char *value, const char *end)
{
	struct strbuf out = {0};
	int i;

	strbuf_add_text(&out, start);
	for (i = 0; i < 300; i++) {
		strbuf_add_text(&out, i ? "," : "");
		if (name)
			strbuf_printf(&out, "%s%d\"", name, i);
		strbuf_add_text(&out, value);
	}
	strbuf_add_text(&out, end);
	return strbuf_steal(&out);
}

START_TEST(stored_bytes_are_never_too_few)
{
	static const struct column_type types[] = {
		{"*.d*", "timestamp-us"}, {"*.a*", "decimal(9)[]"}, {"*.v*", "decimal"}};
	static const struct {
		const char *topic, *start, *name, *value, *end;
	} cases[] = {
		{"s.p.t", "{" ENVELOPE ",\"after\":{", "\"d", ":0", "}}"},
		{"s.p.t", "{" ENVELOPE ",\"after\":{", "   \"d", "   :   0   ", "}}"},
		{"s.p.t", "{" ENVELOPE ",\"after\":{", "\"h", ":1", "}}"},
		{"s.p.t", "{" ENVELOPE ",\"after\":{", "\"v",
			":{\"scale\":-300,\"value\":\"AQ==\"}", "}}"},
		{"s.p.t", "{" ENVELOPE ",\"after\":{\"a\":[", NULL, "\"AQ==\"", "]}}"},
		{"s.p.t", "{" ENVELOPE ",\"after\":{\"a\":[", NULL, "   \"AQ==\"   ", "]}}"},
		{"out", "\"{\\\"x\\\":[", NULL, "0", "]}\""},
		{"out", "\"{\\\"x\\\":[", NULL, "[[]]", "]}\""},
		{"out", "{\"x\":[", NULL, "[[]]", "]}"},
	};
	struct mapping_options options = options_with(types, 3);
	struct error error = {0};
	struct mapping *mapping = mapping_new(&options, &error);
	size_t i;

	ck_assert_msg(mapping != NULL, "%s", error.text);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *value = many(cases[i].start, cases[i].name, cases[i].value, cases[i].end);

		check_length(mapping, cases[i].topic, value);
		free(value);
	}
	mapping_free(mapping);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mapping");
	TCase *tests = tcase_create("mapping");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, stored_bytes_are_never_too_few);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
