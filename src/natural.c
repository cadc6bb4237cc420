/* Compares texts with numbers in them. */
#include "natural.h"

#include <string.h>

static bool is_digit(struct span text, size_t at)
{
	return at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';
}

/* The digits that begin at *at, without zeros before them; *at moves behind them. */
static struct span number_at(struct span text, size_t *at)
{
	struct span number;

	while (is_digit(text, *at) && text.ptr[*at] == '0' && is_digit(text, *at + 1))
		++*at;
	number = (struct span){text.ptr + *at, 0};
	for (; is_digit(text, *at); ++*at)
		number.len++;
	return number;
}

static int order_of_numbers(struct span a, struct span b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.ptr, b.ptr, a.len);
}

static int order_of_bytes(struct span a, struct span b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	if (order != 0 || a.len == b.len)
		return order;
	return a.len < b.len ? -1 : 1;
}

int natural_order(struct span a, struct span b)
{
	size_t at = 0, bt = 0;
	int order;

	while (at < a.len && bt < b.len) {
		if (is_digit(a, at) && is_digit(b, bt)) {
			order = order_of_numbers(number_at(a, &at), number_at(b, &bt));
		} else {
			order = (unsigned char)a.ptr[at] - (unsigned char)b.ptr[bt];
			at++;
			bt++;
		}
		if (order != 0)
			return order;
	}
	if (at < a.len || bt < b.len)
		return at < a.len ? 1 : -1;
	return order_of_bytes(a, b);
}
