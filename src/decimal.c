/* Decimals of any length, from base64 to plain text. */
#include "decimal.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 4096
#define MAX_SCALE 10000
#define LIMB 1000000000u

bool base64_decode_text(struct span text, struct strbuf *out)
{
	struct base64_decode_ctx context;
	size_t decoded = 0;

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

/* Digits without leading zeros; "" for zero. */
static void digits_of(const unsigned char *bytes, size_t count, struct strbuf *digits)
{
	/* A byte is less than 2.41 digits. */
	uint32_t *limbs = xcalloc(count * 241 / 900 + 2, sizeof(*limbs));
	size_t used = 0, i, k;

	for (i = 0; i < count; i++) {
		uint64_t carry = bytes[i];

		for (k = 0; k < used; k++) {
			carry += (uint64_t)limbs[k] << 8;
			limbs[k] = (uint32_t)(carry % LIMB);
			carry /= LIMB;
		}
		if (carry)
			limbs[used++] = (uint32_t)carry;
	}
	for (k = used; k > 0; k--)
		strbuf_printf(digits, k == used ? "%u" : "%09u", limbs[k - 1]);
	free(limbs);
}

void decimal_place(struct span digits, bool negative, int64_t scale, struct strbuf *out)
{
	int64_t whole, i;

	while (digits.len > 0 && digits.ptr[0] == '0')
		digits = (struct span){digits.ptr + 1, digits.len - 1};
	whole = (int64_t)digits.len - scale;
	if (negative && digits.len > 0)
		strbuf_add_char(out, '-');
	if (whole <= 0 || digits.len == 0)
		strbuf_add_char(out, '0');
	else
		strbuf_add(
			out, digits.ptr, whole < (int64_t)digits.len ? (size_t)whole : digits.len);
	for (i = scale; digits.len > 0 && i < 0; i++)
		strbuf_add_char(out, '0');
	if (scale <= 0)
		return;
	strbuf_add_char(out, '.');
	for (i = whole; i < 0; i++)
		strbuf_add_char(out, '0');
	if (whole < 0)
		whole = 0;
	strbuf_add(out, digits.ptr + whole, digits.len - (size_t)whole);
}

bool decimal_text(struct span base64, int64_t scale, struct strbuf *out)
{
	struct strbuf bytes = {0}, digits = {0};
	bool good, negative;

	good = scale >= -MAX_SCALE && scale <= MAX_SCALE &&
	       base64.len <= BASE64_ENCODE_RAW_LENGTH(MAX_BYTES) &&
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
