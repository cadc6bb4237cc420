/* Memory that is there or the process ends, clocks, byte ranges. */
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *or_exit(void *memory)
{
	if (!memory) {
		fputs("rowstream: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void *xmalloc(size_t size)
{
	return or_exit(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return or_exit(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
	return or_exit(realloc(old, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		or_exit(NULL);
	return xrealloc(old, bytes);
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

struct span span_of(const char *text)
{
	return text ? (struct span){text, strlen(text)} : SPAN_NULL;
}

bool span_equal(struct span a, struct span b)
{
	if (!a.ptr || !b.ptr)
		return !a.ptr && !b.ptr;
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

bool span_is(struct span a, const char *text)
{
	return a.ptr && a.len == strlen(text) && memcmp(a.ptr, text, a.len) == 0;
}

bool span_to_int64(struct span text, int64_t *value)
{
	bool negative = text.len && text.ptr[0] == '-';
	int64_t sum = 0;
	size_t i;

	if (text.len == (size_t)negative)
		return false;
	/* Summed below zero, because INT64_MIN has no positive counterpart. */
	for (i = negative; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' ||
			__builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_sub_overflow(sum, text.ptr[i] - '0', &sum))
			return false;
	}
	if (!negative && sum == INT64_MIN)
		return false;
	*value = negative ? sum : -sum;
	return true;
}

static struct timespec now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t;
}

int64_t clock_ms(void)
{
	struct timespec t = now(CLOCK_MONOTONIC);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_us(void)
{
	struct timespec t = now(CLOCK_MONOTONIC);

	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t wall_ms(void)
{
	struct timespec t = now(CLOCK_REALTIME);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
