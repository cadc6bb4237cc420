/* A bump allocator: blocks in a list, pieces cut from the newest. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES 4096

struct arena_block {
	struct arena_block *older;
	alignas(max_align_t) char bytes[];
};

static void free_blocks(struct arena_block *block)
{
	while (block) {
		struct arena_block *older = block->older;

		free(block);
		block = older;
	}
}

void arena_reset(struct arena *arena)
{
	if (arena->blocks) {
		free_blocks(arena->blocks->older);
		arena->blocks->older = NULL;
	}
	arena->used = 0;
}

void arena_clear(struct arena *arena)
{
	free_blocks(arena->blocks);
	*arena = (struct arena){0};
}

static void add_block(struct arena *arena, size_t size)
{
	struct arena_block *block;
	size_t block_size = arena->size ? 2 * arena->size : FIRST_BLOCK_BYTES;

	if (block_size < size)
		block_size = size;
	block = xmalloc(sizeof(*block) + block_size);
	block->older = arena->blocks;
	arena->blocks = block;
	arena->size = block_size;
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	char *piece;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!arena->blocks || arena->size - arena->used < size)
		add_block(arena, size);
	piece = arena->blocks->bytes + arena->used;
	arena->used += size;
	return piece;
}

struct span arena_copy(struct arena *arena, struct span text)
{
	char *copy;

	if (!text.ptr)
		return SPAN_NULL;
	copy = arena_alloc(arena, text.len + 1);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return (struct span){copy, text.len};
}
