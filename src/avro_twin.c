/* Avro's bytes -> JSON text: libavro reads a value and calls back part by part, in the order in
 * which they are printed. */
#include "avro_twin_internal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <nettle/base64.h>

#include "autoconf.h"
#include "java_number.h"
#include "json_span.h"

#define MAX_TEXT_BYTES (32u << 20)
/* An element takes a byte at least, unless its type is a record without fields: no more than so
 * many elements beyond one a byte, or a count of a few bytes would keep us busy. */
#define FREE_ELEMENTS 1024

/* A record, array or map that is not closed yet. libavro does not tell where a record ends: it does
 * with its last field. */
struct frame {
	const struct avro_node *node;
	size_t done; /* fields */
};

struct decode {
	struct strbuf *out;
	struct error *error;
	struct avro_memory memory;
	struct frame frames[AVRO_MAX_DEPTH + 1];
	size_t depth, most_len, elements_left;
};

static int refuse(struct decode *decode, const char *why)
{
	error_set(decode->error, ERROR_REFUSED, "%s", why);
	return 1;
}

static struct frame *top(struct decode *decode)
{
	return decode->depth ? &decode->frames[decode->depth - 1] : NULL;
}

static int push(struct decode *decode, const struct avro_node *node, char opening)
{
	if (decode->depth > AVRO_MAX_DEPTH)
		return refuse(decode, "nested too deeply");
	decode->frames[decode->depth++] = (struct frame){.node = node};
	strbuf_add_char(decode->out, opening);
	return 0;
}

/* A value is whole, and with it perhaps the records whose last field it was. */
static int value_done(struct decode *decode)
{
	struct frame *frame;

	while ((frame = top(decode)) && is_avro_record(frame->node->consumer.schema)) {
		if (++frame->done < frame->node->count)
			break;
		strbuf_add_char(decode->out, '}');
		decode->depth--;
	}
	return decode->out->len > decode->most_len ? refuse(decode, "it is too large as JSON") : 0;
}

static const struct avro_node *node_of(const avro_consumer_t *consumer)
{
	return (const struct avro_node *)consumer;
}

/* --- Values without parts --- */

static int boolean_value(avro_consumer_t *consumer, int value, void *user)
{
	struct decode *decode = user;

	if (value != 0 && value != 1)
		return refuse(decode, "a boolean is neither 0 nor 1");
	strbuf_add_text(decode->out, value ? "true" : "false");
	return value_done(decode);
}

static int int_value(avro_consumer_t *consumer, int32_t value, void *user)
{
	struct decode *decode = user;

	strbuf_add_int(decode->out, value);
	return value_done(decode);
}

static int long_value(avro_consumer_t *consumer, int64_t value, void *user)
{
	struct decode *decode = user;

	strbuf_add_int(decode->out, value);
	return value_done(decode);
}

static int float_value(avro_consumer_t *consumer, float value, void *user)
{
	struct decode *decode = user;

	java_add_float(decode->out, value);
	return value_done(decode);
}

static int double_value(avro_consumer_t *consumer, double value, void *user)
{
	struct decode *decode = user;

	java_add_double(decode->out, value);
	return value_done(decode);
}

static int null_value(avro_consumer_t *consumer, void *user)
{
	struct decode *decode = user;

	strbuf_add_text(decode->out, "null");
	return value_done(decode);
}

static int bytes_value(avro_consumer_t *consumer, const void *value, size_t len, void *user)
{
	struct decode *decode = user;
	size_t encoded = BASE64_ENCODE_RAW_LENGTH(len);

	strbuf_add_char(decode->out, '"');
	base64_encode_raw(strbuf_reserve(decode->out, encoded), len, value);
	decode->out->len += encoded;
	strbuf_add_char(decode->out, '"');
	return value_done(decode);
}

static int add_text(struct decode *decode, struct span text)
{
	if (!js_utf8_is_valid(text))
		return refuse(decode, "a string is no UTF-8");
	java_add_string(decode->out, text);
	return 0;
}

static int string_value(avro_consumer_t *consumer, const void *value, size_t bytes, void *user)
{
	struct decode *decode = user;

	/* libavro counts the NUL that it adds. */
	if (add_text(decode, (struct span){value, bytes - 1}) != 0)
		return 1;
	return value_done(decode);
}

static int enum_value(avro_consumer_t *consumer, int value, void *user)
{
	const struct avro_node *node = node_of(consumer);
	struct decode *decode = user;

	if (value < 0 || (size_t)value >= node->count)
		return refuse(decode, "an enum's number is not one of its symbols");
	strbuf_add_span(decode->out, node->names[value]);
	return value_done(decode);
}

/* --- Values with parts --- */

static int record_start(avro_consumer_t *consumer, void *user)
{
	struct decode *decode = user;

	if (node_of(consumer)->count > 0)
		return push(decode, node_of(consumer), '{');
	strbuf_add_text(decode->out, "{}");
	return value_done(decode);
}

static int record_field(avro_consumer_t *consumer, unsigned index, avro_consumer_t **field,
	void **field_user, void *user)
{
	const struct avro_node *node = node_of(consumer);
	struct decode *decode = user;

	if (index > 0)
		strbuf_add_char(decode->out, ',');
	strbuf_add_span(decode->out, node->names[index]);
	*field = &node->children[index]->consumer;
	*field_user = user;
	return 0;
}

static int union_branch(avro_consumer_t *consumer, unsigned index, avro_consumer_t **branch,
	void **branch_user, void *user)
{
	const struct avro_node *node = node_of(consumer);

	if (index >= node->count)
		return refuse(user, "a union's number is not one of its branches");
	*branch = &node->children[index]->consumer;
	*branch_user = user;
	return 0;
}

/* libavro reads a count of 64 bits and tells 32 of them, so that it may go on where it told 0. */
static bool is_open(struct decode *decode, const avro_consumer_t *consumer)
{
	return top(decode) && top(decode)->node == node_of(consumer);
}

static int start_block(avro_consumer_t *consumer, int is_first, unsigned count, void *user)
{
	bool is_map = is_avro_map(consumer->schema);
	struct decode *decode = user;

	if (is_first && push(decode, node_of(consumer), is_map ? '{' : '[') != 0)
		return 1;
	if (!is_open(decode, consumer))
		return refuse(decode, "a block holds too many elements");
	if (count > 0)
		return 0;
	decode->depth--;
	strbuf_add_char(decode->out, is_map ? '}' : ']');
	return value_done(decode);
}

static int array_element(avro_consumer_t *consumer, unsigned index, avro_consumer_t **element,
	void **element_user, void *user)
{
	struct decode *decode = user;

	if (!is_open(decode, consumer) || decode->elements_left-- == 0)
		return refuse(decode, "a block holds too many elements");
	if (index > 0)
		strbuf_add_char(decode->out, ',');
	*element = &node_of(consumer)->children[0]->consumer;
	*element_user = user;
	return 0;
}

static int map_element(avro_consumer_t *consumer, unsigned index, const char *key,
	avro_consumer_t **value, void **value_user, void *user)
{
	struct decode *decode = user;

	/* The key comes without its length, but nothing was allocated since, and a NUL behind it.
	 */
	if (key != decode->memory.last)
		return refuse(decode, "a map's key was not read");
	if (array_element(consumer, index, value, value_user, user) != 0 ||
		add_text(decode, (struct span){key, decode->memory.last_bytes - 1}) != 0)
		return 1;
	strbuf_add_char(decode->out, ':');
	return 0;
}

void avro_set_callbacks(avro_consumer_t *consumer)
{
	consumer->boolean_value = boolean_value;
	consumer->bytes_value = bytes_value;
	consumer->double_value = double_value;
	consumer->float_value = float_value;
	consumer->int_value = int_value;
	consumer->long_value = long_value;
	consumer->null_value = null_value;
	consumer->string_value = string_value;
	consumer->array_start_block = start_block;
	consumer->array_element = array_element;
	consumer->enum_value = enum_value;
	consumer->fixed_value = bytes_value;
	consumer->map_start_block = start_block;
	consumer->map_element = map_element;
	consumer->record_start = record_start;
	consumer->record_field = record_field;
	consumer->union_branch = union_branch;
}

/* --- The whole --- */

/* "after.price: ": the fields that are being read. */
static void add_place(const struct decode *decode, struct strbuf *place)
{
	size_t i;

	for (i = 0; i < decode->depth; i++) {
		const struct frame *frame = &decode->frames[i];
		struct span name;

		if (!is_avro_record(frame->node->consumer.schema) ||
			frame->done >= frame->node->count)
			continue;
		name = frame->node->names[frame->done];
		/* Without the quotes and the colon. */
		strbuf_printf(
			place, "%s%.*s", place->len ? "." : "", (int)name.len - 3, name.ptr + 1);
	}
}

static void explain(struct decode *decode)
{
	struct strbuf place = {0};

	error_set(decode->error, ERROR_REFUSED, "%s", avro_strerror());
	add_place(decode, &place);
	if (place.len)
		error_context(decode->error, "field %s", place.data);
	strbuf_clear(&place);
}

static bool read_value(const struct twin_schema *schema, struct span body, struct decode *decode)
{
	avro_reader_t reader = avro_reader_memory(body.ptr, (int64_t)body.len);

	if (avro_consume_binary(reader, &schema->root->consumer, decode) != 0) {
		explain(decode);
		return false;
	}
	/* avro_reader_is_eof() knows only files. */
	if (avro_skip(reader, 1) != 0)
		return true;
	error_set(decode->error, ERROR_REFUSED, "bytes are left behind the value");
	return false;
}

bool twin_decode(
	const struct twin_schema *schema, struct span body, struct strbuf *out, struct error *error)
{
	struct arena arena = {0};
	struct decode decode = {
		.out = out,
		.error = error,
		.memory = {.arena = &arena, .most = body.len + 256, .left = 4 * body.len + 4096},
		.most_len = out->len + MAX_TEXT_BYTES,
		.elements_left = body.len + FREE_ELEMENTS,
	};
	bool good;

	strbuf_add_span(out, strbuf_span(&schema->block));
	avro_memory_begin(&decode.memory);
	good = read_value(schema, body, &decode);
	avro_memory_end(&decode.memory);
	arena_clear(&arena);
	strbuf_add_char(out, '}');
	return good;
}

const char *twin_library_version(void)
{
	return "libavro " AVRO_VERSION;
}

bool twin_is_built_in(void)
{
	return true;
}
