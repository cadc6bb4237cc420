/* Open addressing with linear probing; removed entries leave graves until the next growth. */
#include "table.h"

#include <stdlib.h>

struct table_slot {
	uint64_t hash;
	struct span key;
	void *value; /* NULL: free if key.ptr is NULL too, else a grave */
};

/* FNV-1a with a final mix: short keys, no attacker who gains by collisions that cost him a topic
 * of his own making. */
static uint64_t hash_of(struct span key)
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15u ^ hash;
}

static struct table_slot *find(const struct table *table, struct span key, uint64_t hash)
{
	size_t at;

	if (!table->size)
		return NULL;
	for (at = hash & (table->size - 1);; at = (at + 1) & (table->size - 1)) {
		struct table_slot *slot = &table->slots[at];

		if (!slot->key.ptr)
			return NULL;
		if (slot->value && slot->hash == hash && span_equal(slot->key, key))
			return slot;
	}
}

static void insert(struct table *table, uint64_t hash, struct span key, void *value)
{
	size_t at = hash & (table->size - 1);

	while (table->slots[at].key.ptr)
		at = (at + 1) & (table->size - 1);
	table->slots[at] = (struct table_slot){hash, key, value};
	table->used++;
	table->count++;
}

/* Also throws the graves away, so a table of constant size is rebuilt now and then. */
static void grow(struct table *table)
{
	struct table old = *table;
	size_t i;

	table->size = old.count * 4 < old.size ? old.size : old.size ? old.size * 2 : 16;
	table->slots = xcalloc(table->size, sizeof(*table->slots));
	table->count = table->used = 0;
	for (i = 0; i < old.size; i++)
		if (old.slots[i].value)
			insert(table, old.slots[i].hash, old.slots[i].key, old.slots[i].value);
	free(old.slots);
}

void table_clear(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}

void *table_get(const struct table *table, struct span key)
{
	struct table_slot *slot = find(table, key, hash_of(key));

	return slot ? slot->value : NULL;
}

void *table_put(struct table *table, struct span key, void *value)
{
	uint64_t hash = hash_of(key);
	struct table_slot *slot = find(table, key, hash);
	void *before;

	if (slot) {
		before = slot->value;
		slot->key = key;
		slot->value = value;
		return before;
	}
	if (table->used * 10 >= table->size * 7)
		grow(table);
	insert(table, hash, key, value);
	return NULL;
}

void *table_remove(struct table *table, struct span key)
{
	struct table_slot *slot = find(table, key, hash_of(key));
	void *before;

	if (!slot)
		return NULL;
	before = slot->value;
	slot->value = NULL;
	slot->key = (struct span){"", 0};
	table->count--;
	return before;
}

void *table_next(const struct table *table, size_t *at)
{
	while (*at < table->size) {
		struct table_slot *slot = &table->slots[(*at)++];

		if (slot->value)
			return slot->value;
	}
	return NULL;
}
