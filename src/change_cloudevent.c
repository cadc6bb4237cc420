/* Changes as CloudEvents, structured, with JSON data (mapping.md, section 1.2). */
#include "change_internal.h"

static bool refuse_data(struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"a CloudEvent whose data is no JSON object with before and after; set "
		"value.converter.data.serializer.type to json in the connector");
	return false;
}

/* `data` is {"schema":…,"payload":…}, or bare where the serializer's schemas are off. */
static bool read_data(struct change *change, uint32_t data, struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	uint32_t inner = change_unwrap(doc, data, &change->image_schema);

	change->ce_data = data;
	if (js_type_of(doc, inner) != JS_OBJECT)
		return refuse_data(error);
	change->before = js_member(doc, inner, "before");
	change->after = js_member(doc, inner, "after");
	return true;
}

bool change_read_cloudevent(struct change *change, uint32_t data, struct error *error)
{
	const struct js_doc *doc = &change->value_doc;
	struct span op;

	change->form = CHANGE_CLOUDEVENT;
	if (!change_take(change, js_member(doc, change->payload, "iodebeziumop"), TAKE_STRING, &op,
		    error))
		return false;
	if (!op.ptr) {
		error_set(error, ERROR_REFUSED,
			"a CloudEvent without the attribute iodebeziumop: no change of Debezium");
		return false;
	}
	if (!read_data(change, data, error) || !change_read_attributes(change, error) ||
		!change_take_op(change, op, error) || !change_check_source(change, error))
		return false;
	if (change->kind == CHANGE_MESSAGE) {
		error_set(error, ERROR_REFUSED,
			"a logical message as a CloudEvent, which has no place for its content");
		return false;
	}
	change_read_moves(change);
	return change_check_images(change, error);
}
