/* The change decoder over any record: it refuses with a reason, or all it tells is usable. */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "fuzz_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void check_text(struct span text)
{
	expect(!text.ptr || js_utf8_is_valid(text));
}

static void check_node(const struct js_doc *doc, uint32_t node)
{
	expect(node == JS_NONE || node < doc->count);
}

static void check_json(struct span text)
{
	struct js_doc doc = {0};
	struct error error = {0};

	expect(!text.ptr || js_parse(&doc, text, JS_MAX_DEPTH, &error));
	js_doc_clear(&doc);
}

static void check_texts(const struct change *change)
{
	int64_t ms;

	check_text(change->op);
	check_text(change->connector);
	check_text(change->name);
	check_text(change->db);
	check_text(change->schema);
	check_text(change->table);
	check_text(change->snapshot);
	check_text(change->txid);
	check_text(change->position);
	check_text(change->tx_order);
	check_text(change->tx_id);
	check_text(change->message_prefix);
	check_json(change->moved_to);
	check_json(change->moved_from);
	expect(!change->ts_ms.ptr || span_to_int64(change->ts_ms, &ms));
}

static void check_nodes(const struct change *change)
{
	size_t i;

	check_node(&change->key_doc, change->key);
	check_node(&change->key_doc, change->key_schema);
	check_node(&change->value_doc, change->payload);
	check_node(&change->value_doc, change->payload_schema);
	check_node(&change->value_doc, change->before);
	check_node(&change->value_doc, change->after);
	check_node(&change->value_doc, change->source);
	check_node(&change->value_doc, change->transaction);
	check_node(&change->value_doc, change->image_schema);
	check_node(&change->value_doc, change->ce_data);
	for (i = 0; i < change->added_count; i++)
		expect(js_type_of(&change->value_doc, change->added_fields[i]) == JS_STRING);
	expect(change->key == JS_NONE || !js_has_repeated_member(&change->key_doc, change->key));
	expect(change->key == JS_NONE || !js_has_lone_surrogate(&change->key_doc, change->key));
}

static void check_kind(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ROW:
	case CHANGE_TRUNCATE:
		expect(change->op.len == 1 && change->table.len > 0);
		expect(change->form == CHANGE_FLATTENED || change->connector.len > 0);
		break;
	case CHANGE_MESSAGE:
		expect(span_is(change->op, "m") && change->message_prefix.ptr);
		break;
	case CHANGE_TRANSACTION:
		expect(change->tx_id.ptr && change->op.len > 0);
		break;
	case CHANGE_SCHEMA:
		expect(change->connector.len > 0);
		break;
	case CHANGE_TOMBSTONE:
		expect(change->payload == JS_NONE);
		break;
	default:
		break;
	}
}

static const struct pattern_list *list_of(const char *pattern)
{
	return pattern_list_new(&pattern, pattern ? 1 : 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct change change;
	static const struct pattern_list *all, *none, *fields;
	struct fuzz_record input;
	struct change_rules rules;
	struct error error = {0};

	if (!all) {
		all = list_of("*");
		none = list_of(NULL);
		fields = list_of("added");
	}
	if (!fuzz_read_record(&input, data, size))
		return 0;
	rules = (struct change_rules){input.choices & FUZZ_FLATTENED ? all : none, "__", fields,
		input.choices & FUZZ_OUTBOX ? all : none};
	if (!change_decode(&change, &input.record, &rules, &error)) {
		expect(error.kind == ERROR_REFUSED && error.text[0]);
		return 0;
	}
	expect(error.kind == ERROR_NONE);
	check_texts(&change);
	check_nodes(&change);
	check_kind(&change);
	return 0;
}
