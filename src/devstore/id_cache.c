/* Ids of recent appends, first in first out, bounded as the server's own cache is. */
#include <stdlib.h>
#include <string.h>

#include "store_private.h"

/* Counted as the server counts: 28 bytes and a UTF-16 string of the stream's name for each. */
#define MAX_COUNTED ((size_t)8 << 20)

struct cached_id {
	STAILQ_ENTRY(cached_id) link;
	unsigned char id[EVENT_ID_BYTES];
	int64_t number;
	size_t stream_len;
	char stream[];
};

struct id_cache {
	struct table by_id;
	STAILQ_HEAD(, cached_id) oldest_first;
	size_t counted;
};

static struct span key_of(const unsigned char *id)
{
	return (struct span){(const char *)id, EVENT_ID_BYTES};
}

static size_t cost_of(size_t stream_len)
{
	return 28 + 22 + 2 * stream_len;
}

struct id_cache *id_cache_new(void)
{
	struct id_cache *cache = xcalloc(1, sizeof(*cache));

	STAILQ_INIT(&cache->oldest_first);
	return cache;
}

static void drop_oldest(struct id_cache *cache)
{
	struct cached_id *oldest = STAILQ_FIRST(&cache->oldest_first);

	STAILQ_REMOVE_HEAD(&cache->oldest_first, link);
	table_remove(&cache->by_id, key_of(oldest->id));
	cache->counted -= cost_of(oldest->stream_len);
	free(oldest);
}

void id_cache_clear(struct id_cache *cache)
{
	while (!STAILQ_EMPTY(&cache->oldest_first))
		drop_oldest(cache);
}

void id_cache_free(struct id_cache *cache)
{
	if (!cache)
		return;
	id_cache_clear(cache);
	table_clear(&cache->by_id);
	free(cache);
}

/* An id that is known already keeps its first place, even when it went to another stream: so the
 * server does. */
void id_cache_put(
	struct id_cache *cache, const unsigned char *id, struct span stream, int64_t number)
{
	struct cached_id *entry;

	if (table_get(&cache->by_id, key_of(id)))
		return;
	while (cache->counted > MAX_COUNTED)
		drop_oldest(cache);
	entry = xmalloc(sizeof(*entry) + stream.len);
	memcpy(entry->id, id, EVENT_ID_BYTES);
	entry->number = number;
	entry->stream_len = stream.len;
	memcpy(entry->stream, stream.ptr, stream.len);
	STAILQ_INSERT_TAIL(&cache->oldest_first, entry, link);
	table_put(&cache->by_id, key_of(entry->id), entry);
	cache->counted += cost_of(stream.len);
}

int64_t id_cache_find(const struct id_cache *cache, const unsigned char *id, struct span stream)
{
	const struct cached_id *entry = table_get(&cache->by_id, key_of(id));

	if (!entry || !span_equal((struct span){entry->stream, entry->stream_len}, stream))
		return -1;
	return entry->number;
}

size_t id_cache_count(const struct id_cache *cache)
{
	return cache->by_id.count;
}
