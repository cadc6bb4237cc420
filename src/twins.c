/* Schemas by id, each kept for ever: a registry never changes what an id stands for. */
#include "twins.h"

#include <jansson.h>
#include <stdlib.h>

#include "table.h"

struct entry {
	uint32_t id; /* the table's key */
	struct twin_schema *schema;
	struct error why; /* without a schema */
};

struct twins {
	struct table entries;
	struct strbuf key, value; /* of the last record */
};

struct twins *twins_new(void)
{
	return xcalloc(1, sizeof(struct twins));
}

static void entry_free(struct entry *entry)
{
	twin_schema_free(entry->schema);
	free(entry);
}

void twins_free(struct twins *twins)
{
	struct entry *entry;
	size_t at = 0;

	if (!twins)
		return;
	while ((entry = table_next(&twins->entries, &at)))
		entry_free(entry);
	table_clear(&twins->entries);
	strbuf_clear(&twins->key);
	strbuf_clear(&twins->value);
	free(twins);
}

static struct span key_of(const uint32_t *id)
{
	return (struct span){(const char *)id, sizeof(*id)};
}

void twins_put(
	struct twins *twins, uint32_t id, struct twin_schema *schema, const struct error *why)
{
	struct entry *entry = table_remove(&twins->entries, key_of(&id));

	if (entry)
		entry_free(entry);
	entry = xcalloc(1, sizeof(*entry));
	entry->id = id;
	entry->schema = schema;
	if (!schema)
		entry->why = *why;
	table_put(&twins->entries, key_of(&entry->id), entry);
}

/* --- A file of schemas --- */

static bool put_member(struct twins *twins, const char *name, const json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);
	struct error why = {0};
	struct twin_schema *schema;
	bool is_answer;
	int64_t id;

	if (!span_to_int64(span_of(name), &id) || id < 0 || id > UINT32_MAX) {
		free(text);
		return false;
	}
	schema = twin_schema_of_answer(span_of(text), &is_answer, &why);
	if (is_answer)
		twins_put(twins, (uint32_t)id, schema, &why);
	free(text);
	return is_answer;
}

static bool put_members(
	struct twins *twins, const char *path, const json_t *file, struct error *error)
{
	const json_t *ids = json_object_get(file, "ids");
	const char *name;
	json_t *answer;

	if (!json_is_object(ids)) {
		error_set(error, ERROR_INPUT,
			"%s: no schemas: it is {\"ids\": {\"1\": {\"schema\": \"…\"}}}, with what "
			"the registry answers to /schemas/ids/1",
			path);
		return false;
	}
	json_object_foreach ((json_t *)ids, name, answer) {
		if (put_member(twins, name, answer))
			continue;
		error_set(error, ERROR_INPUT, "%s: '%.40s' is no id with its schema", path, name);
		return false;
	}
	return true;
}

bool twins_put_file(struct twins *twins, const char *path, struct error *error)
{
	json_error_t why;
	json_t *file = json_load_file(path, JSON_ALLOW_NUL, &why);
	bool good;

	if (!file) {
		error_set(error, ERROR_INPUT, "%s", why.text);
		if (why.line > 0)
			error_context(error, "%s: line %d", path, why.line);
		return false;
	}
	good = put_members(twins, path, file, error);
	json_decref(file);
	return good;
}

/* --- Records --- */

bool twins_wanting(
	const struct twins *twins, const struct record *record, struct twins_wanted *wanted)
{
	const struct span parts[] = {record->key, record->value};
	struct span body;
	uint32_t id;
	size_t i;

	wanted->count = 0;
	for (i = 0; i < 2; i++)
		if (twin_is_framed(parts[i], &id, &body) &&
			!table_get(&twins->entries, key_of(&id)))
			wanted->ids[wanted->count++] = id;
	return wanted->count > 0;
}

static bool read_with(
	const struct entry *entry, struct span body, struct strbuf *text, struct error *error)
{
	if (!entry)
		error_set(error, ERROR_REFUSED, "the schema is not there");
	else if (!entry->schema)
		error_set(error, ERROR_REFUSED, "%s", entry->why.text);
	else
		return twin_decode(entry->schema, body, text, error);
	return false;
}

static bool read_part(struct twins *twins, const char *what, struct span *bytes,
	struct strbuf *text, struct error *error)
{
	struct span body;
	uint32_t id;

	if (!twin_is_framed(*bytes, &id, &body))
		return true;
	strbuf_reset(text);
	if (!read_with(table_get(&twins->entries, key_of(&id)), body, text, error)) {
		error_context(error, "the %s in Avro with schema id %u", what, id);
		return false;
	}
	*bytes = strbuf_span(text);
	return true;
}

bool twins_read(
	struct twins *twins, const struct record *in, struct record *out, struct error *error)
{
	*out = *in;
	return read_part(twins, "key", &out->key, &twins->key, error) &&
	       read_part(twins, "value", &out->value, &twins->value, error);
}
