/* Decimals of any length, from base64 to plain text. */
#include "decimal.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL's numeric has up to 131,072 digits before the point and 16,383 behind it. */
#define MAX_BYTES 65536
#define MAX_SCALE 20000
#define LIMB 1000000000u
#define LIMB_DIGITS 9

bool base64_decode_text(struct span text, struct strbuf *out)
{
	struct base64_decode_ctx context;
	size_t decoded = 0, i;

	/* The library skips white space. */
	for (i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ')
			return false;
	base64_decode_init(&context);
	strbuf_reserve(out, BASE64_DECODE_LENGTH(text.len));
	if (!base64_decode_update(
		    &context, &decoded, (uint8_t *)out->data + out->len, text.len, text.ptr))
		return false;
	out->len += decoded;
	out->data[out->len] = '\0';
	return base64_decode_final(&context);
}

/* Two's complement: the bytes become the absolute value, in place. */
static bool make_absolute(unsigned char *bytes, size_t count)
{
	bool negative = bytes[0] & 0x80;
	unsigned carry = 1;
	size_t i;

	for (i = count; negative && i > 0; i--) {
		unsigned sum = (unsigned char)~bytes[i - 1] + carry;

		bytes[i - 1] = (unsigned char)sum;
		carry = sum >> 8;
	}
	return negative;
}

/* limbs = limbs * 2^bits + more; bits at most 32, so that all fits 64 bits. Returns the number of
 * limbs in use; the least significant one comes first. */
static size_t shift_in(uint32_t *limbs, size_t used, unsigned bits, uint32_t more)
{
	uint64_t carry = more;
	size_t i;

	for (i = 0; i < used; i++) {
		carry += (uint64_t)limbs[i] << bits;
		limbs[i] = (uint32_t)(carry % LIMB);
		carry /= LIMB;
	}
	for (; carry; carry /= LIMB)
		limbs[used++] = (uint32_t)(carry % LIMB);
	return used;
}

static void add_limb(uint32_t limb, struct strbuf *digits)
{
	char *at = strbuf_reserve(digits, LIMB_DIGITS);
	int i;

	for (i = LIMB_DIGITS - 1; i >= 0; i--, limb /= 10)
		at[i] = (char)('0' + limb % 10);
	digits->len += LIMB_DIGITS;
	digits->data[digits->len] = '\0';
}

/* Digits, perhaps with zeros before them; "" for zero. Quadratic, in words of 32 bits: the longest
 * number takes some tenths of a second. */
static void digits_of(const unsigned char *bytes, size_t count, struct strbuf *digits)
{
	/* A byte is less than 2.41 digits. */
	uint32_t *limbs = xcalloc(count * 241 / 900 + 3, sizeof(*limbs));
	size_t used = 0, i;

	for (i = 0; i < count % 4; i++)
		used = shift_in(limbs, used, 8, bytes[i]);
	for (; i < count; i += 4)
		used = shift_in(limbs, used, 32,
			(uint32_t)bytes[i] << 24 | (uint32_t)bytes[i + 1] << 16 |
				(uint32_t)bytes[i + 2] << 8 | bytes[i + 3]);
	while (used > 0)
		add_limb(limbs[--used], digits);
	free(limbs);
}

static void add_zeros(int64_t count, struct strbuf *out)
{
	for (; count > 0; count--)
		strbuf_add_char(out, '0');
}

void decimal_place(struct span digits, bool negative, int64_t scale, struct strbuf *out)
{
	int64_t whole; /* digits before the point */

	while (digits.len > 0 && digits.ptr[0] == '0')
		digits = (struct span){digits.ptr + 1, digits.len - 1};
	if (negative && digits.len > 0)
		strbuf_add_char(out, '-');
	whole = (int64_t)digits.len - scale;
	if (digits.len == 0 || whole <= 0)
		strbuf_add_char(out, '0');
	else
		strbuf_add(out, digits.ptr, scale > 0 ? (size_t)whole : digits.len);
	if (digits.len > 0)
		add_zeros(-scale, out);
	if (scale <= 0)
		return;
	strbuf_add_char(out, '.');
	add_zeros(-whole, out);
	if (whole > 0)
		digits = (struct span){digits.ptr + whole, digits.len - (size_t)whole};
	strbuf_add_span(out, digits);
}

bool decimal_scale_is_sane(int64_t scale)
{
	return scale >= -MAX_SCALE && scale <= MAX_SCALE;
}

bool decimal_text(struct span base64, int64_t scale, struct strbuf *out)
{
	struct strbuf bytes = {0}, digits = {0};
	bool good, negative;

	good = decimal_scale_is_sane(scale) && base64.len <= BASE64_ENCODE_RAW_LENGTH(MAX_BYTES) &&
	       base64_decode_text(base64, &bytes) && bytes.len > 0;
	if (good) {
		negative = make_absolute((unsigned char *)bytes.data, bytes.len);
		digits_of((unsigned char *)bytes.data, bytes.len, &digits);
		decimal_place(strbuf_span(&digits), negative, scale, out);
	}
	strbuf_clear(&bytes);
	strbuf_clear(&digits);
	return good;
}

/* --- Literals --- */

struct literal {
	struct strbuf digits;
	int64_t exponent; /* the value is digits * 10^exponent */
	bool negative;
};

static bool read_literal(struct span text, struct literal *literal)
{
	bool fraction = false;
	size_t i;

	literal->negative = text.ptr[0] == '-';
	for (i = literal->negative; i < text.len && (text.ptr[i] | 0x20) != 'e'; i++) {
		if (text.ptr[i] == '.') {
			fraction = true;
			continue;
		}
		strbuf_add_char(&literal->digits, text.ptr[i]);
		literal->exponent -= fraction;
	}
	if (i < text.len) {
		int64_t exponent;

		i += text.ptr[i + 1] == '+' ? 2 : 1;
		if (!span_to_int64((struct span){text.ptr + i, text.len - i}, &exponent) ||
			!decimal_scale_is_sane(exponent))
			return false;
		literal->exponent += exponent;
	}
	return true;
}

bool decimal_literal(struct span text, int64_t scale, struct strbuf *out)
{
	struct literal literal = {.exponent = 0};
	bool good = decimal_scale_is_sane(scale) && read_literal(text, &literal);
	int64_t zeros = literal.exponent + scale; /* to add at the end, or to take off there */

	for (; good && zeros < 0 && literal.digits.len > 0; zeros++, literal.digits.len--)
		good = literal.digits.data[literal.digits.len - 1] == '0';
	for (; good && zeros > 0; zeros--)
		strbuf_add_char(&literal.digits, '0');
	if (good)
		decimal_place(strbuf_span(&literal.digits), literal.negative, scale, out);
	strbuf_clear(&literal.digits);
	return good;
}
