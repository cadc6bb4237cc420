/* Compares source positions, connector by connector. */
#include "source_position.h"

#include <string.h>

/* The longest that is compared; SQL Server's have seven parts. */
#define MAX_PARTS 16

struct parts {
	struct span part[MAX_PARTS];
	size_t count;
};

static bool split(struct span text, struct parts *parts)
{
	const char *colon;

	parts->count = 0;
	for (;;) {
		struct span *part = &parts->part[parts->count];

		if (parts->count++ == MAX_PARTS)
			return false;
		colon = memchr(text.ptr, ':', text.len);
		*part = (struct span){text.ptr, colon ? (size_t)(colon - text.ptr) : text.len};
		if (!colon)
			return true;
		text.ptr += part->len + 1;
		text.len -= part->len + 1;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool is_digits(struct span text, int base)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (hex_digit(text.ptr[i]) >= base)
			return false;
	return true;
}

/* Numbers of any length, in digits that were looked at before; nothing is less than a zero. Decimal
 * digits keep their order when they are read as hexadecimal ones. */
static enum source_order order_of_numbers(struct span a, struct span b)
{
	size_t i;

	if (!a.len != !b.len)
		return a.len ? SOURCE_BEHIND : SOURCE_BEFORE;
	for (; a.len > 1 && *a.ptr == '0'; a.len--)
		a.ptr++;
	for (; b.len > 1 && *b.ptr == '0'; b.len--)
		b.ptr++;
	if (a.len != b.len)
		return a.len < b.len ? SOURCE_BEFORE : SOURCE_BEHIND;
	for (i = 0; i < a.len; i++)
		if (hex_digit(a.ptr[i]) != hex_digit(b.ptr[i]))
			return hex_digit(a.ptr[i]) < hex_digit(b.ptr[i]) ? SOURCE_BEFORE
									 : SOURCE_BEHIND;
	return SOURCE_SAME;
}

static enum source_order order_of_parts(
	const struct parts *a, const struct parts *b, size_t from, size_t count, int base)
{
	enum source_order order = SOURCE_SAME;
	size_t i;

	for (i = from; i < from + count && order == SOURCE_SAME; i++)
		order = is_digits(a->part[i], base) && is_digits(b->part[i], base)
				? order_of_numbers(a->part[i], b->part[i])
				: SOURCE_UNKNOWN;
	return order;
}

static enum source_order turned(enum source_order order)
{
	return order == SOURCE_BEFORE	? SOURCE_BEHIND
	       : order == SOURCE_BEHIND ? SOURCE_BEFORE
					: order;
}

/* The first transaction after a start, and the snapshot, do not know the commit before them: first
 * has only its own LSN. */
static enum source_order order_of_unpreceded(const struct parts *first, const struct parts *other)
{
	enum source_order order = order_of_numbers(first->part[1], other->part[0]);

	if (order == SOURCE_BEFORE || order == SOURCE_SAME)
		return SOURCE_BEFORE;
	return order_of_numbers(first->part[1], other->part[1]);
}

/* LSNs alone jump back from transaction to transaction: each is delivered whole, in the order of
 * commits. */
static enum source_order order_in_postgres(const struct parts *a, const struct parts *b)
{
	if (a->count != 2 || b->count != 2 || !a->part[1].len || !b->part[1].len ||
		order_of_parts(a, b, 0, 2, 10) == SOURCE_UNKNOWN || !is_digits(a->part[1], 10) ||
		!is_digits(b->part[1], 10))
		return SOURCE_UNKNOWN;
	if (!a->part[0].len && b->part[0].len)
		return order_of_unpreceded(a, b);
	if (a->part[0].len && !b->part[0].len)
		return turned(order_of_unpreceded(b, a));
	return order_of_parts(a, b, 0, 2, 10);
}

static bool is_one_server(struct span a, struct span b)
{
	return span_equal(a, b) || !a.len || !b.len || span_is(a, "0") || span_is(b, "0");
}

/* "mysql-bin.000001": what stands before the number, and the number. */
static bool split_file(struct span file, struct span *base, struct span *number)
{
	size_t at = file.len;

	while (at > 0 && file.ptr[at - 1] >= '0' && file.ptr[at - 1] <= '9')
		at--;
	*base = (struct span){file.ptr, at};
	*number = (struct span){file.ptr + at, file.len - at};
	return number->len > 0;
}

static enum source_order order_in_mysql(const struct parts *a, const struct parts *b)
{
	struct span base_a, base_b, number_a, number_b;
	enum source_order order;

	if (a->count != 4 || b->count != 4 || !is_one_server(a->part[0], b->part[0]) ||
		!split_file(a->part[1], &base_a, &number_a) ||
		!split_file(b->part[1], &base_b, &number_b) || !span_equal(base_a, base_b) ||
		!a->part[2].len || !b->part[2].len)
		return SOURCE_UNKNOWN;
	order = order_of_numbers(number_a, number_b);
	return order == SOURCE_SAME ? order_of_parts(a, b, 2, 2, 10) : order;
}

/* The parts of an LSN are parts of the position; a snapshot has a commit's LSN only, and nothing
 * more. */
static enum source_order order_of_lsns(const struct parts *a, const struct parts *b)
{
	size_t shorter = a->count < b->count ? a->count : b->count;
	enum source_order order = order_of_parts(a, b, 0, shorter, 16);

	if (order != SOURCE_SAME || a->count == b->count)
		return order;
	return a->count < b->count ? SOURCE_BEFORE : SOURCE_BEHIND;
}

/* commit_scn : scn : rs_id : ssn; a snapshot was read at its scn and has no commit. */
static enum source_order order_in_oracle(const struct parts *a, const struct parts *b)
{
	struct span commit_a, commit_b;
	enum source_order order;

	if (a->count != 4 || b->count != 4 || order_of_parts(a, b, 0, 2, 10) == SOURCE_UNKNOWN)
		return SOURCE_UNKNOWN;
	commit_a = a->part[a->part[0].len ? 0 : 1];
	commit_b = b->part[b->part[0].len ? 0 : 1];
	if (!commit_a.len || !commit_b.len || !is_digits(commit_a, 10) || !is_digits(commit_b, 10))
		return SOURCE_UNKNOWN;
	order = order_of_numbers(commit_a, commit_b);
	if (order == SOURCE_SAME)
		order = order_of_parts(a, b, 1, 1, 10);
	/* An rs_id is hexadecimal with dots, always as wide. */
	if (order != SOURCE_SAME || !span_equal(a->part[2], b->part[2]))
		return order != SOURCE_SAME || a->part[2].len != b->part[2].len	    ? order
		       : memcmp(a->part[2].ptr, b->part[2].ptr, a->part[2].len) < 0 ? SOURCE_BEFORE
										    : SOURCE_BEHIND;
	return order_of_parts(a, b, 3, 1, 10);
}

static enum source_order order_of_pairs(const struct parts *a, const struct parts *b)
{
	if (a->count != 2 || b->count != 2 || !a->part[0].len || !b->part[0].len)
		return SOURCE_UNKNOWN;
	return order_of_parts(a, b, 0, 2, 10);
}

static const struct {
	const char *connector;
	enum source_order (*order)(const struct parts *a, const struct parts *b);
} orders[] = {
	{"postgresql", order_in_postgres},
	{"mysql", order_in_mysql},
	{"mariadb", order_in_mysql},
	{"sqlserver", order_of_lsns},
	{"db2", order_of_lsns},
	{"oracle", order_in_oracle},
	{"mongodb", order_of_pairs},
	{"informix", order_of_pairs},
};

enum source_order source_position_order(struct span connector, struct span a, struct span b)
{
	struct parts parts_a, parts_b;
	size_t i;

	if (!connector.ptr || !a.ptr || !b.ptr || !split(a, &parts_a) || !split(b, &parts_b))
		return SOURCE_UNKNOWN;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (span_is(connector, orders[i].connector))
			return orders[i].order(&parts_a, &parts_b);
	return SOURCE_UNKNOWN;
}

bool change_place_before(const struct change_place *a, const struct change_place *b)
{
	enum source_order order = SOURCE_UNKNOWN;

	if (span_equal(a->connector, b->connector))
		order = source_position_order(a->connector, a->position, b->position);
	if (order == SOURCE_BEFORE || order == SOURCE_BEHIND)
		return order == SOURCE_BEFORE;
	if (order == SOURCE_UNKNOWN && a->ts_ms >= 0 && b->ts_ms >= 0 && a->ts_ms != b->ts_ms)
		return a->ts_ms < b->ts_ms;
	return a->sequence < b->sequence;
}
