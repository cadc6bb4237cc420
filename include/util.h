/* What every module needs of libc: memory that is there or the process ends, clocks, byte ranges.
 */
#ifndef ROWSTREAM_UTIL_H
#define ROWSTREAM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A range of bytes that somebody else owns; not NUL-terminated. ptr NULL means null or absent,
 * which is not the same as a length of 0. */
struct span {
	const char *ptr;
	size_t len;
};

#define SPAN_NULL ((struct span){NULL, 0})
/* For printf's "%.*s". */
#define SPAN_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* A daemon that has no memory left cannot keep any promise: these print and exit(1). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
/* As xrealloc for count elements of size bytes each; the product is checked. */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);

struct span span_of(const char *text);
bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *text);
/* Decimal digits with an optional '-', nothing else, within int64_t. */
bool span_to_int64(struct span text, int64_t *value);

/* Monotonic milliseconds, for deadlines; wall-clock milliseconds since 1970, for people. */
int64_t clock_ms(void);
int64_t wall_ms(void);
/* Monotonic microseconds, for measuring. */
int64_t clock_us(void);

#endif
