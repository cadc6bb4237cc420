/* The whole mapping over any record: it refuses with a reason, or makes an event that any server
 * can take. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_record.h"
#include "json_span.h"
#include "mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static struct mapping *open_mapping(uint8_t choices)
{
	static const char *const all[] = {"*"}, *const hidden[] = {"*.secret"},
				 *const dropped[] = {"*.dropped"}, *const hashed[] = {"*.h"};
	static const struct column_type types[] = {{"*.dec", "decimal(2)"}, {"*.date", "date"},
		{"*.time", "time-us"}, {"*.ts", "timestamp-ns"}, {"*.free", "decimal"},
		{"*.days", "date[]"}, {"*.decs", "decimal(2)[]"}};
	bool rules = choices & FUZZ_RULES;
	struct mapping_options options = {
		.stream = "{table}-{key}",
		.event_types = "op",
		.append_transactions = true,
		.append_schema_changes = true,
		.unavailable_value = "__debezium_unavailable_value",
		.outbox_type = "eventType",
		.flattened_prefix = "__",
		.flattened_topics = all,
		.flattened_topic_count = choices & FUZZ_FLATTENED ? 1 : 0,
		.outbox_topics = all,
		.outbox_topic_count = choices & FUZZ_OUTBOX ? 1 : 0,
		.columns = {.hash_salt = "salt"},
	};
	struct error error = {0};
	struct mapping *mapping;

	if (rules)
		options.columns = (struct columns_options){.drop = dropped,
			.mask = hidden,
			.hash = hashed,
			.drop_count = 1,
			.mask_count = 1,
			.hash_count = 1,
			.hash_salt = "salt",
			.types = types,
			.type_count = sizeof(types) / sizeof(types[0]),
			.canonical = true};
	mapping = mapping_new(&options, &error);
	expect(mapping != NULL);
	if (rules)
		mapping_explain(mapping);
	return mapping;
}

static void check_stream(struct span stream)
{
	size_t i;

	expect(stream.len > 0 && stream.len <= 512 && js_utf8_is_valid(stream));
	for (i = 0; i < stream.len; i++) {
		unsigned char c = (unsigned char)stream.ptr[i];

		expect(c > ' ' && c != 0x7f && !strchr("/\\?#%&+\"<>", c));
	}
}

static void check_event(const struct event *event)
{
	struct js_doc doc = {0};
	struct error error = {0};
	uint32_t data, metadata;

	check_stream(event->stream);
	/* Two levels more than the record's own depth: the wire's, and a built data's. */
	if (!js_parse(&doc, event->body, JS_MAX_DEPTH, &error)) {
		expect(doc.too_deep);
		js_doc_clear(&doc);
		return;
	}
	data = js_member(&doc, 0, "data");
	metadata = js_member(&doc, 0, "metadata");
	expect(js_count(&doc, 0) == 4);
	expect(js_type_of(&doc, data) == JS_OBJECT && js_type_of(&doc, metadata) == JS_OBJECT);
	expect(span_equal(js_text(&doc, data), event->data));
	expect(span_equal(js_text(&doc, metadata), event->metadata));
	expect(!js_has_repeated_member(&doc, metadata));
	expect(event->stored_bytes >= js_text(&doc, metadata).len);
	js_doc_clear(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mapping *mappings[256];
	const uint8_t rules = FUZZ_FLATTENED | FUZZ_OUTBOX | FUZZ_RULES;
	struct fuzz_record input;
	struct event *event = NULL;
	struct error error = {0};
	const char *reason = NULL;
	uint8_t chosen;

	if (!fuzz_read_record(&input, data, size))
		return 0;
	chosen = input.choices & rules;
	if (!mappings[chosen])
		mappings[chosen] = open_mapping(chosen);
	switch (mapping_apply(mappings[chosen], &input.record, &event, &reason, &error)) {
	case MAPPING_EVENT:
		check_event(event);
		event_free(event);
		break;
	case MAPPING_SKIPPED:
		expect(reason && error.kind == ERROR_NONE);
		break;
	case MAPPING_REFUSED:
		expect(error.kind == ERROR_REFUSED && error.text[0]);
		break;
	}
	return 0;
}
