/* An Avro schema as its JSON and libavro tell it -> a tree that reads values, and the schema block
 * that JsonConverter would write. libavro drops what it does not know (logical types, connect.*),
 * so its tree and the JSON are walked side by side. */
#include "avro_twin_internal.h"

#include <stdlib.h>
#include <string.h>
#include <nettle/base64.h>

#include "java_number.h"
#include "json_span.h"

#define MAX_SCHEMA_BYTES (1u << 20)
/* A type that is used often is written out as often. */
#define MAX_BLOCK_BYTES (4u << 20)
/* libavro makes a hash table or two of every union and record. */
#define MAX_MEMORY_BYTES (128u << 20)

struct reading {
	struct arena *arena;
	struct avro_node *named; /* newest first */
	struct strbuf *block;
	struct error *error;
};

static bool refuse(struct reading *reading, const char *why)
{
	error_set(reading->error, ERROR_REFUSED, "%s", why);
	return false;
}

/* --- libavro's memory --- */

static void *give_memory(void *user, void *old, size_t old_bytes, size_t bytes)
{
	struct avro_memory *memory = user;
	void *piece;

	if (bytes <= old_bytes)
		return bytes ? old : NULL;
	if (bytes > memory->most || bytes > memory->left)
		return NULL;
	memory->left -= bytes;
	piece = arena_alloc(memory->arena, bytes);
	if (old)
		memcpy(piece, old, old_bytes);
	memory->last = piece;
	memory->last_bytes = bytes;
	return piece;
}

void avro_memory_begin(struct avro_memory *memory)
{
	/* Its place for error texts is made at the first use, and must outlive our arena. */
	avro_strerror();
	memory->before = AVRO_CURRENT_ALLOCATOR;
	avro_set_allocator(give_memory, memory);
}

void avro_memory_end(struct avro_memory *memory)
{
	avro_set_allocator(memory->before.alloc, memory->before.user_data);
}

/* --- What libavro gets to see --- */

static json_t *skeleton(struct reading *reading, const json_t *json, unsigned depth);

static json_t *skeleton_of_array(struct reading *reading, const json_t *json, unsigned depth)
{
	json_t *copy = json_array();
	size_t i;

	for (i = 0; i < json_array_size(json); i++)
		if (json_array_append_new(
			    copy, skeleton(reading, json_array_get(json, i), depth + 1)) != 0)
			break;
	return copy;
}

/* The schema without what libavro ignores, and refuses nevertheless: a default of "\u0000". */
static json_t *skeleton(struct reading *reading, const json_t *json, unsigned depth)
{
	static const char *const kept[] = {
		"type", "name", "namespace", "fields", "items", "values", "symbols", "size"};
	json_t *copy;
	size_t i;

	/* A type takes up to three levels of JSON: its field, the fields, a union. */
	if (depth > 4 * AVRO_MAX_DEPTH) {
		refuse(reading, "the schema is nested too deeply");
		return NULL;
	}
	if (json_is_array(json))
		return skeleton_of_array(reading, json, depth);
	if (!json_is_object(json))
		return json_deep_copy(json);
	copy = json_object();
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const json_t *member = json_object_get(json, kept[i]);

		if (member)
			json_object_set_new(copy, kept[i], skeleton(reading, member, depth + 1));
	}
	return copy;
}

static avro_schema_t parse_with_libavro(struct reading *reading, const json_t *json)
{
	struct avro_memory memory = {
		.arena = reading->arena, .most = MAX_MEMORY_BYTES, .left = MAX_MEMORY_BYTES};
	json_t *copy = skeleton(reading, json, 0);
	char *text = copy ? json_dumps(copy, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	avro_schema_t schema = NULL;

	json_decref(copy);
	if (text && reading->error->kind == ERROR_NONE) {
		avro_memory_begin(&memory);
		if (avro_schema_from_json_length(text, strlen(text), &schema) != 0) {
			error_set(reading->error, ERROR_REFUSED, "no Avro schema: %s",
				avro_strerror());
			schema = NULL;
		}
		avro_memory_end(&memory);
	}
	free(text);
	return schema;
}

/* --- The tree --- */

static struct avro_node *read_type(
	struct reading *reading, avro_schema_t schema, const json_t *json, unsigned depth);

static struct avro_node *node_new(struct reading *reading, avro_schema_t schema, const json_t *json)
{
	struct avro_node *node = arena_alloc(reading->arena, sizeof(*node));

	*node = (struct avro_node){.consumer.schema = schema, .json = json};
	avro_set_callbacks(&node->consumer);
	return node;
}

static void make_room(struct reading *reading, struct avro_node *node, size_t count)
{
	node->count = count;
	node->children = arena_alloc(reading->arena, count * sizeof(*node->children));
	node->names = arena_alloc(reading->arena, count * sizeof(*node->names));
}

static void set_name(struct reading *reading, struct avro_node *node, size_t i, const char *name,
	const char *behind)
{
	struct strbuf text = {0};

	java_add_string(&text, span_of(name));
	strbuf_add_text(&text, behind);
	node->names[i] = arena_copy(reading->arena, strbuf_span(&text));
	strbuf_clear(&text);
}

static bool read_fields(struct reading *reading, struct avro_node *node, unsigned depth)
{
	avro_schema_t record = node->consumer.schema;
	const json_t *fields = json_object_get(node->json, "fields");
	size_t i;

	make_room(reading, node, avro_schema_record_size(record));
	for (i = 0; i < node->count; i++) {
		set_name(reading, node, i, avro_schema_record_field_name(record, (int)i), ":");
		node->children[i] =
			read_type(reading, avro_schema_record_field_get_by_index(record, (int)i),
				json_object_get(json_array_get(fields, i), "type"), depth + 1);
		if (!node->children[i])
			return false;
	}
	return true;
}

static bool read_symbols(struct reading *reading, struct avro_node *node)
{
	avro_schema_t type = node->consumer.schema;
	size_t i;

	make_room(reading, node, (size_t)avro_schema_enum_number_of_symbols(type));
	for (i = 0; i < node->count; i++)
		set_name(reading, node, i, avro_schema_enum_get(type, (int)i), "");
	return true;
}

static bool read_branches(struct reading *reading, struct avro_node *node, unsigned depth)
{
	avro_schema_t type = node->consumer.schema;
	size_t i, others = 0;

	make_room(reading, node, avro_schema_union_size(type));
	for (i = 0; i < node->count; i++) {
		avro_schema_t branch = avro_schema_union_branch(type, (int)i);

		others += !is_avro_null(branch);
		node->children[i] =
			read_type(reading, branch, json_array_get(node->json, i), depth + 1);
		if (!node->children[i])
			return false;
	}
	return others == 1 && node->count <= 2
		       ? true
		       : refuse(reading, "a union of several types has no twin in JSON");
}

static bool read_child(
	struct reading *reading, struct avro_node *node, avro_schema_t child, unsigned depth)
{
	const char *member = is_avro_map(node->consumer.schema) ? "values" : "items";

	make_room(reading, node, 1);
	node->children[0] =
		read_type(reading, child, json_object_get(node->json, member), depth + 1);
	return node->children[0] != NULL;
}

static bool read_parts(struct reading *reading, struct avro_node *node, unsigned depth)
{
	avro_schema_t schema = node->consumer.schema;

	switch (avro_typeof(schema)) {
	case AVRO_RECORD:
		return read_fields(reading, node, depth);
	case AVRO_ENUM:
		return read_symbols(reading, node);
	case AVRO_UNION:
		return read_branches(reading, node, depth);
	case AVRO_ARRAY:
		return read_child(reading, node, avro_schema_array_items(schema), depth);
	case AVRO_MAP:
		return read_child(reading, node, avro_schema_map_values(schema), depth);
	default:
		return true;
	}
}

static struct avro_node *named_before(struct reading *reading, avro_schema_t target)
{
	struct avro_node *node = reading->named;

	while (node && node->consumer.schema != target)
		node = node->earlier;
	if (node && node->open) {
		refuse(reading, "a type that holds itself has no twin in JSON");
		return NULL;
	}
	return node;
}

static bool is_named(avro_schema_t schema)
{
	return is_avro_record(schema) || is_avro_enum(schema) || is_avro_fixed(schema);
}

static struct avro_node *read_type(
	struct reading *reading, avro_schema_t schema, const json_t *json, unsigned depth)
{
	struct avro_node *node;

	if (depth > AVRO_MAX_DEPTH) {
		refuse(reading, "the schema is nested too deeply");
		return NULL;
	}
	if (is_avro_link(schema))
		return named_before(reading, avro_schema_link_target(schema));
	node = node_new(reading, schema, json);
	if (is_named(schema)) {
		node->earlier = reading->named;
		reading->named = node;
	}
	node->open = true;
	if (!read_parts(reading, node, depth))
		return NULL;
	node->open = false;
	return node;
}

/* --- The schema block, its members in JsonConverter's order --- */

/* A logical type as AvroData knows it, for schemas that no Connect converter wrote. */
struct logical {
	const char *name, *semantic;
};

static const char *semantic_of(const json_t *json)
{
	static const struct logical logicals[] = {
		{"decimal", "org.apache.kafka.connect.data.Decimal"},
		{"date", "org.apache.kafka.connect.data.Date"},
		{"time-millis", "org.apache.kafka.connect.data.Time"},
		{"timestamp-millis", "org.apache.kafka.connect.data.Timestamp"},
	};
	const char *logical = json_string_value(json_object_get(json, "logicalType"));
	size_t i;

	for (i = 0; logical && i < sizeof(logicals) / sizeof(logicals[0]); i++)
		if (strcmp(logical, logicals[i].name) == 0)
			return logicals[i].semantic;
	return NULL;
}

static const char *connect_type(const struct avro_node *node)
{
	const char *told = json_string_value(json_object_get(node->json, "connect.type"));

	switch (avro_typeof(node->consumer.schema)) {
	case AVRO_BOOLEAN:
		return "boolean";
	case AVRO_INT32:
		return told && (strcmp(told, "int8") == 0 || strcmp(told, "int16") == 0) ? told
											 : "int32";
	case AVRO_INT64:
		return "int64";
	case AVRO_FLOAT:
		return "float";
	case AVRO_DOUBLE:
		return "double";
	case AVRO_BYTES:
	case AVRO_FIXED:
		return "bytes";
	case AVRO_ARRAY:
		return "array";
	case AVRO_MAP:
		return "map";
	case AVRO_RECORD:
		return "struct";
	default:
		return "string";
	}
}

static bool add_type(
	struct reading *reading, const struct avro_node *node, const json_t *field, unsigned depth);

static bool add_fields(struct reading *reading, const struct avro_node *node, unsigned depth)
{
	const json_t *fields = json_object_get(node->json, "fields");
	size_t i;

	strbuf_add_text(reading->block, ",\"fields\":[");
	for (i = 0; i < node->count; i++) {
		if (i > 0)
			strbuf_add_char(reading->block, ',');
		if (!add_type(reading, node->children[i], json_array_get(fields, i), depth + 1))
			return false;
	}
	strbuf_add_char(reading->block, ']');
	return true;
}

static bool add_parts(struct reading *reading, const struct avro_node *node, unsigned depth)
{
	switch (avro_typeof(node->consumer.schema)) {
	case AVRO_RECORD:
		return add_fields(reading, node, depth);
	case AVRO_ARRAY:
		strbuf_add_text(reading->block, ",\"items\":");
		return add_type(reading, node->children[0], NULL, depth + 1);
	case AVRO_MAP:
		strbuf_add_text(reading->block,
			",\"keys\":{\"type\":\"string\",\"optional\":false},\"values\":");
		return add_type(reading, node->children[0], NULL, depth + 1);
	default:
		return true;
	}
}

static void add_member(struct strbuf *block, const char *name, const char *text)
{
	if (!text)
		return;
	strbuf_printf(block, ",\"%s\":", name);
	java_add_string(block, span_of(text));
}

static void add_full_name(struct strbuf *block, avro_schema_t record)
{
	const char *space = avro_schema_namespace(record);
	struct strbuf name = {0};

	if (space)
		strbuf_printf(&name, "%s.", space);
	strbuf_add_text(&name, avro_schema_name(record));
	add_member(block, "name", name.data);
	strbuf_clear(&name);
}

static void add_semantics(struct strbuf *block, const struct avro_node *node)
{
	const char *name = json_string_value(json_object_get(node->json, "connect.name"));
	const char *logical = name ? NULL : semantic_of(node->json);
	const json_t *version = json_object_get(node->json, "connect.version");

	if (!name && !logical && is_avro_record(node->consumer.schema))
		add_full_name(block, node->consumer.schema);
	add_member(block, "name", name ? name : logical);
	if (json_is_integer(version) || logical)
		strbuf_printf(block, ",\"version\":%lld",
			logical ? 1 : (long long)json_integer_value(version));
	add_member(block, "doc", json_string_value(json_object_get(node->json, "connect.doc")));
}

/* Of a decimal without Connect's own members, its scale. */
static void add_parameters(struct strbuf *block, const struct avro_node *node)
{
	json_t *parameters = json_object_get(node->json, "connect.parameters");
	const json_t *scale = json_object_get(node->json, "scale");
	const char *semantic = semantic_of(node->json), *name, *before = "";
	json_t *value;

	if (!parameters && semantic && strstr(semantic, "Decimal")) {
		strbuf_printf(block, ",\"parameters\":{\"scale\":\"%lld\"}",
			(long long)json_integer_value(scale));
		return;
	}
	if (json_object_size(parameters) == 0)
		return;
	strbuf_add_text(block, ",\"parameters\":{");
	json_object_foreach (parameters, name, value) {
		if (!json_is_string(value))
			continue;
		strbuf_add_text(block, before);
		java_add_string(block, span_of(name));
		strbuf_add_char(block, ':');
		java_add_string(block, span_of(json_string_value(value)));
		before = ",";
	}
	strbuf_add_char(block, '}');
}

/* Bytes stand in a schema as the characters U+0000 to U+00FF. */
static void add_default_bytes(struct strbuf *block, struct span text)
{
	struct strbuf bytes = {0};
	size_t encoded, i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0xC0 && i + 1 < text.len)
			c = (unsigned char)(c << 6 | (text.ptr[++i] & 63));
		strbuf_add_char(&bytes, (char)c);
	}
	encoded = BASE64_ENCODE_RAW_LENGTH(bytes.len);
	strbuf_add_text(block, ",\"default\":\"");
	base64_encode_raw(strbuf_reserve(block, encoded), bytes.len, (const uint8_t *)bytes.data);
	block->len += encoded;
	strbuf_add_char(block, '"');
	strbuf_clear(&bytes);
}

static void add_default(struct strbuf *block, const struct avro_node *node, const json_t *field)
{
	const json_t *value = json_object_get(node->json, "connect.default");
	avro_type_t type = avro_typeof(node->consumer.schema);

	if (!value)
		value = json_object_get(field, "default");
	if (json_is_string(value) && (type == AVRO_BYTES || type == AVRO_FIXED)) {
		add_default_bytes(
			block, (struct span){json_string_value(value), json_string_length(value)});
	} else if (json_is_string(value)) {
		strbuf_add_text(block, ",\"default\":");
		java_add_string(
			block, (struct span){json_string_value(value), json_string_length(value)});
	} else if (json_is_boolean(value)) {
		strbuf_printf(block, ",\"default\":%s", json_is_true(value) ? "true" : "false");
	} else if (type == AVRO_FLOAT || type == AVRO_DOUBLE) {
		if (json_is_number(value)) {
			strbuf_add_text(block, ",\"default\":");
			java_add_double(block, json_number_value(value));
		}
	} else if (json_is_integer(value)) {
		strbuf_printf(block, ",\"default\":%lld", (long long)json_integer_value(value));
	}
}

static const struct avro_node *without_null(const struct avro_node *node, bool *optional)
{
	const struct avro_node *other;

	*optional = false;
	if (!is_avro_union(node->consumer.schema))
		return node;
	*optional = node->count == 2;
	other = node->children[0];
	return is_avro_null(other->consumer.schema) ? node->children[1] : other;
}

/* field: the record's field of this type, or NULL. */
static bool add_type(
	struct reading *reading, const struct avro_node *node, const json_t *field, unsigned depth)
{
	struct strbuf *block = reading->block;
	bool optional;

	node = without_null(node, &optional);
	if (is_avro_null(node->consumer.schema) || is_avro_union(node->consumer.schema))
		return refuse(reading, "a type that is null alone has no twin in JSON");
	if (depth > AVRO_MAX_DEPTH)
		return refuse(reading, "the schema is nested too deeply");
	if (block->len > MAX_BLOCK_BYTES)
		return refuse(reading, "the schema is too large, its types written out");
	strbuf_printf(block, "{\"type\":\"%s\"", connect_type(node));
	if (!add_parts(reading, node, depth))
		return false;
	strbuf_printf(block, ",\"optional\":%s", optional ? "true" : "false");
	add_semantics(block, node);
	add_parameters(block, node);
	add_default(block, node, field);
	add_member(block, "field", json_string_value(json_object_get(field, "name")));
	strbuf_add_char(block, '}');
	return true;
}

static bool make_block(struct reading *reading, const struct avro_node *root)
{
	strbuf_add_text(reading->block, "{\"schema\":");
	if (!add_type(reading, root, NULL, 0))
		return false;
	strbuf_add_text(reading->block, ",\"payload\":");
	return true;
}

/* --- Schemas --- */

static bool read_schema(struct twin_schema *schema, const json_t *json, struct error *error)
{
	struct reading reading = {.arena = &schema->arena, .block = &schema->block, .error = error};
	avro_schema_t parsed = parse_with_libavro(&reading, json);

	if (!parsed)
		return refuse(&reading, "no Avro schema");
	schema->root = read_type(&reading, parsed, json, 0);
	if (!schema->root)
		return refuse(&reading, "a name that it uses is not a type of it");
	return make_block(&reading, schema->root);
}

struct twin_schema *twin_schema_new(struct span text, struct error *error)
{
	struct twin_schema *schema;
	json_error_t why;
	json_t *json;

	if (text.len > MAX_SCHEMA_BYTES) {
		error_set(error, ERROR_REFUSED, "the schema has over %u bytes", MAX_SCHEMA_BYTES);
		return NULL;
	}
	json = json_loadb(text.ptr ? text.ptr : "", text.len,
		JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
	if (!json) {
		error_set(error, ERROR_REFUSED, "the schema is no JSON: %s", why.text);
		return NULL;
	}
	schema = xcalloc(1, sizeof(*schema));
	if (!read_schema(schema, json, error)) {
		twin_schema_free(schema);
		schema = NULL;
	}
	json_decref(json);
	return schema;
}

void twin_schema_free(struct twin_schema *schema)
{
	if (!schema)
		return;
	arena_clear(&schema->arena);
	strbuf_clear(&schema->block);
	free(schema);
}
