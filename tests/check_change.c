/* Decoding of records: vectors by hand for every kind, form and connector, then all captures. */
#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "change.h"

/* --- A vector's record and rules, in memory of exactly their size --- */

struct vector {
	json_t *json;
	const char *why;
	struct record record;
	struct header headers[16];
	struct pattern_list *flattened_topics, *flattened_fields, *outbox_topics;
	struct change_rules rules;
};

/* So that a sanitizer sees every byte that is read beyond. */
static struct span exactly(const char *text, size_t len)
{
	char *copy = xmalloc(len);

	memcpy(copy, text, len);
	return (struct span){copy, len};
}

static struct span from_hex(const char *hex)
{
	size_t len = strlen(hex) / 2, i;
	char *bytes = xmalloc(len);
	unsigned byte;

	for (i = 0; i < len; i++) {
		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (char)byte;
	}
	return (struct span){bytes, len};
}

/* "<name>" as JSON, "<name>_text" as it is, "<name>_hex" as bytes; null without any. */
static struct span bytes_of(const json_t *vector, const char *name)
{
	char with_text[32], with_hex[32];
	struct span bytes = SPAN_NULL;
	char *dump;

	snprintf(with_text, sizeof(with_text), "%s_text", name);
	snprintf(with_hex, sizeof(with_hex), "%s_hex", name);
	if (json_object_get(vector, with_text)) {
		const json_t *text = json_object_get(vector, with_text);

		bytes = exactly(json_string_value(text), json_string_length(text));
	} else if (json_object_get(vector, with_hex)) {
		bytes = from_hex(json_string_value(json_object_get(vector, with_hex)));
	} else if (json_object_get(vector, name)) {
		dump = json_dumps(json_object_get(vector, name), JSON_COMPACT | JSON_ENCODE_ANY);
		bytes = exactly(dump, strlen(dump));
		free(dump);
	}
	return bytes;
}

static struct pattern_list *patterns_of(const json_t *list)
{
	const char *patterns[8];
	struct error error = {0};
	struct pattern_list *compiled;
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		patterns[i] = json_string_value(json_array_get(list, i));
	compiled = pattern_list_new(patterns, i, &error);
	ck_assert_msg(compiled != NULL, "%s", error.text);
	return compiled;
}

static void read_headers(struct vector *v)
{
	json_t *headers = json_object_get(v->json, "headers"), *value;
	const char *name;

	json_object_foreach (headers, name, value) {
		struct header *header = &v->headers[v->record.header_count++];

		header->name = exactly(name, strlen(name));
		header->value = json_is_null(value) ? SPAN_NULL
						    : exactly(json_string_value(value),
							      json_string_length(value));
	}
	v->record.headers = v->headers;
}

static void read_vector(struct vector *v, const char *line)
{
	json_error_t error;
	const json_t *rules, *prefix;

	*v = (struct vector){.json = json_loads(line, 0, &error)};
	ck_assert_msg(v->json != NULL, "%s: %s", error.text, line);
	v->why = json_string_value(json_object_get(v->json, "why"));
	v->record = (struct record){
		.topic = json_string_value(json_object_get(v->json, "topic")),
		.timestamp_ms = 1,
		.key = bytes_of(v->json, "key"),
		.value = bytes_of(v->json, "value"),
	};
	read_headers(v);
	rules = json_object_get(v->json, "rules");
	prefix = json_object_get(rules, "prefix");
	v->flattened_topics = patterns_of(json_object_get(rules, "flattened_topics"));
	v->flattened_fields = patterns_of(json_object_get(rules, "fields"));
	v->outbox_topics = patterns_of(json_object_get(rules, "outbox_topics"));
	v->rules = (struct change_rules){
		.flattened_topics = v->flattened_topics,
		.flattened_prefix = prefix ? json_string_value(prefix) : "__",
		.flattened_fields = v->flattened_fields,
		.outbox_topics = v->outbox_topics,
	};
}

static void free_vector(struct vector *v)
{
	size_t i;

	for (i = 0; i < v->record.header_count; i++) {
		free((char *)v->headers[i].name.ptr);
		free((char *)v->headers[i].value.ptr);
	}
	free((char *)v->record.key.ptr);
	free((char *)v->record.value.ptr);
	pattern_list_free(v->flattened_topics);
	pattern_list_free(v->flattened_fields);
	pattern_list_free(v->outbox_topics);
	json_decref(v->json);
}

/* --- What it must be --- */

/* A text that the vector does not name is null. */
static void check_text(const struct vector *v, const char *name, struct span text)
{
	const json_t *expected = json_object_get(json_object_get(v->json, "is"), name);

	ck_assert_msg(span_equal(text, span_of(json_string_value(expected))), "%s: %s is '%.*s'%s",
		v->why, name, SPAN_ARG(text), text.ptr ? "" : " (null)");
}

static void check_texts(const struct vector *v, const struct change *change)
{
	check_text(v, "op", change->op);
	check_text(v, "ts_ms", change->ts_ms);
	check_text(v, "connector", change->connector);
	check_text(v, "name", change->name);
	check_text(v, "db", change->db);
	check_text(v, "schema", change->schema);
	check_text(v, "table", change->table);
	check_text(v, "snapshot", change->snapshot);
	check_text(v, "txid", change->txid);
	check_text(v, "position", change->position);
	check_text(v, "tx_order", change->tx_order);
	check_text(v, "tx_id", change->tx_id);
	check_text(v, "message_prefix", change->message_prefix);
	check_text(v, "moved_to", change->moved_to);
	check_text(v, "moved_from", change->moved_from);
}

/* Nodes are looked at where the vector names them. */
static void check_node(
	const struct vector *v, const char *name, const struct js_doc *doc, uint32_t node)
{
	const json_t *expected = json_object_get(json_object_get(v->json, "is"), name);
	struct span text = js_text(doc, node);

	ck_assert_msg(!expected || span_equal(text, span_of(json_string_value(expected))),
		"%s: %s is '%.*s'%s", v->why, name, SPAN_ARG(text), text.ptr ? "" : " (none)");
}

static void check_nodes(const struct vector *v, const struct change *change)
{
	check_node(v, "key", &change->key_doc, change->key);
	check_node(v, "key_schema", &change->key_doc, change->key_schema);
	check_node(v, "payload", &change->value_doc, change->payload);
	check_node(v, "payload_schema", &change->value_doc, change->payload_schema);
	check_node(v, "before", &change->value_doc, change->before);
	check_node(v, "after", &change->value_doc, change->after);
	check_node(v, "source", &change->value_doc, change->source);
	check_node(v, "image_schema", &change->value_doc, change->image_schema);
	check_node(v, "ce_data", &change->value_doc, change->ce_data);
}

static void check_added(const struct vector *v, const struct change *change)
{
	const json_t *added = json_object_get(json_object_get(v->json, "is"), "added");
	size_t i;

	ck_assert_msg(change->added_count == json_array_size(added), "%s: %zu fields added", v->why,
		change->added_count);
	for (i = 0; i < change->added_count; i++)
		ck_assert_msg(js_string_is(&change->value_doc, change->added_fields[i],
				      json_string_value(json_array_get(added, i))),
			"%s: added field %zu", v->why, i);
}

static void check_flag(const struct vector *v, const char *name, bool is, bool if_unnamed)
{
	const json_t *expected = json_object_get(json_object_get(v->json, "is"), name);

	ck_assert_msg(is == (expected ? json_is_true(expected) : if_unnamed), "%s: %s is %d",
		v->why, name, is);
}

static void check_change(const struct vector *v, const struct change *change)
{
	static const char *const forms[] = {"envelope", "flattened", "cloudevent"};
	const json_t *is = json_object_get(v->json, "is");
	const char *form = json_string_value(json_object_get(is, "form"));

	ck_assert_msg(span_is(span_of(change_kind_name(change->kind)),
			      json_string_value(json_object_get(is, "kind"))),
		"%s: kind is %s", v->why, change_kind_name(change->kind));
	ck_assert_msg(span_is(span_of(forms[change->form]), form ? form : "envelope"),
		"%s: form is %s", v->why, forms[change->form]);
	check_flag(v, "flattened", change->flattened, false);
	check_flag(v, "key_is_json", change->key_is_json, true);
	check_flag(v, "value_is_json", change->value_is_json, true);
	check_texts(v, change);
	check_nodes(v, change);
	check_added(v, change);
}

static void check_vector(struct change *change, const char *line)
{
	struct error error = {0};
	const char *refused;
	struct vector v;
	bool ok;

	read_vector(&v, line);
	refused = json_string_value(json_object_get(v.json, "refused"));
	ok = change_decode(change, &v.record, &v.rules, &error);
	ck_assert_msg(ok == !refused, "%s: %s", v.why, error.text);
	ck_assert_int_eq(error.kind, ok ? ERROR_NONE : ERROR_REFUSED);
	if (ok)
		check_change(&v, change);
	else
		ck_assert_msg(strstr(error.text, refused) != NULL, "%s: %s", v.why, error.text);
	free_vector(&v);
}

/* One change for all of them: nothing may stay from the record before. */
static void check_file(const char *name)
{
	char path[4096];
	struct change change = {0};
	char *line = NULL;
	size_t size = 0, lines = 0;
	ssize_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/vectors/change/%s", TEST_SRCDIR, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	while ((len = getline(&line, &size, file)) > 0) {
		if (line[0] == '#')
			continue;
		check_vector(&change, line);
		lines++;
	}
	ck_assert_uint_gt(lines, 5);
	free(line);
	fclose(file);
	change_clear(&change);
}

static const char *const files[] = {"cloudevents.jsonl", "connectors.jsonl", "flattened.jsonl",
	"keys.jsonl", "kinds.jsonl", "outbox.jsonl", "refused.jsonl"};

START_TEST(a_record_is_what_the_vector_says)
{
	check_file(files[_i]);
}
END_TEST

START_TEST(absurd_nesting_is_refused)
{
	char deep[2000];
	struct pattern_list *none = pattern_list_new(NULL, 0, NULL);
	struct change_rules rules = {none, "__", none, none};
	struct record record = {.topic = "t", .key = {deep, sizeof(deep)}};
	struct change change = {0};
	struct error error = {0};

	memset(deep, '[', sizeof(deep));
	ck_assert(!change_decode(&change, &record, &rules, &error));
	ck_assert_str_eq(error.text, "the key is no JSON: nested too deep, at byte 512");
	error_clear(&error);
	record = (struct record){.topic = "t", .value = {deep, sizeof(deep)}};
	ck_assert(!change_decode(&change, &record, &rules, &error));
	ck_assert_str_eq(error.text, "the value is no JSON: nested too deep, at byte 512");
	change_clear(&change);
	pattern_list_free(none);
}
END_TEST

/* --- Captures --- */

/* What a capture's records are refused for, all of them; NULL: none is. */
static const char *refusal_of(const char *directory)
{
	size_t len = strlen(directory);

	if (strcmp(directory, "mariadb-schema-history") == 0)
		return "schema history";
	if (strcmp(directory, "postgres-avro-json-key") == 0 ||
		(len > 5 && strcmp(directory + len - 5, "-avro") == 0))
		return "is binary, as a schema registry's converter writes it";
	return NULL;
}

static void decode_capture(const char *directory, const struct change_rules *rules, int *kinds)
{
	const char *refusal = refusal_of(directory);
	struct error error = {0};
	struct change change = {0};
	struct capture *capture;
	struct record record;
	char path[4096];
	int got;

	snprintf(path, sizeof(path), "%s/fixtures/%s/records.jsonl.gz", TEST_SRCDIR, directory);
	capture = capture_open(path, &error);
	ck_assert_msg(capture != NULL, "%s", error.text);
	while ((got = capture_next(capture, &record, &error)) > 0) {
		bool good = change_decode(&change, &record, rules, &error);

		/* Tombstones are no Avro. */
		if (good && (!refusal || change.kind == CHANGE_TOMBSTONE)) {
			kinds[change.kind]++;
			continue;
		}
		ck_assert_msg(!good && refusal && strstr(error.text, refusal), "%s line %ld: %s",
			directory, capture_line(capture), error.text);
		error_clear(&error);
	}
	ck_assert_msg(got == 0, "%s: %s", directory, error.text);
	capture_close(capture);
	change_clear(&change);
}

START_TEST(every_capture_decodes_or_is_refused_for_its_reason)
{
	static const char *const rows[] = {"^[^.]+\\.[^.]+\\.[^.]+"}, *const outbox[] = {"outbox*"};
	struct error error = {0};
	struct pattern_list *none = pattern_list_new(NULL, 0, &error);
	struct pattern_list *flattened = pattern_list_new(rows, 1, &error);
	struct pattern_list *outboxes = pattern_list_new(outbox, 1, &error);
	struct change_rules plain = {none, "__", none, outboxes};
	struct change_rules flat = {flattened, "__", none, outboxes};
	struct dirent *entry;
	int kinds[CHANGE_OUTBOX + 1] = {0}, kind, directories = 0;
	DIR *all = opendir(TEST_SRCDIR "/fixtures");

	ck_assert_ptr_nonnull(all);
	while ((entry = readdir(all))) {
		/* Those that are hand-written say for each record what it becomes. */
		if (!strchr(entry->d_name, '-') || strstr(entry->d_name, "-handwritten"))
			continue;
		decode_capture(
			entry->d_name, strstr(entry->d_name, "flattened") ? &flat : &plain, kinds);
		directories++;
	}
	closedir(all);
	ck_assert_int_gt(directories, 60);
	for (kind = CHANGE_ROW; kind <= CHANGE_OUTBOX; kind++)
		ck_assert_msg(kinds[kind] > 0, "no %s", change_kind_name(kind));
	pattern_list_free(none);
	pattern_list_free(flattened);
	pattern_list_free(outboxes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("change");
	TCase *tcase = tcase_create("change");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, a_record_is_what_the_vector_says, 0,
		(int)(sizeof(files) / sizeof(files[0])));
	tcase_add_test(tcase, absurd_nesting_is_refused);
	tcase_add_test(tcase, every_capture_decodes_or_is_refused_for_its_reason);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
