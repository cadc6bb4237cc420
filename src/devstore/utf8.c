/* The well-formed sequences of Unicode's table 3-7, and replacement by maximal parts. */
#include "utf8.h"

#include <string.h>

/* Bounds of the second byte; what follows is always 80..BF. */
static size_t expected_length(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*low = 0xa0;
		if (lead == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*low = 0x90;
		if (lead == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

size_t utf8_length(const char *bytes, size_t len, size_t *broken)
{
	const unsigned char *at = (const unsigned char *)bytes;
	unsigned char low, high;
	size_t want, i;

	*broken = 1;
	want = expected_length(at[0], &low, &high);
	for (i = 1; i < want; i++) {
		if (i >= len || at[i] < low || at[i] > high) {
			*broken = i;
			return 0;
		}
		low = 0x80;
		high = 0xbf;
	}
	return want;
}

bool utf8_valid(struct span text)
{
	size_t at = 0, broken;

	while (at < text.len) {
		size_t len = utf8_length(text.ptr + at, text.len - at, &broken);

		if (!len)
			return false;
		at += len;
	}
	return true;
}

void utf8_add(struct strbuf *out, uint32_t code_point)
{
	char bytes[4];
	size_t len;

	if (code_point < 0x80) {
		bytes[0] = (char)code_point;
		len = 1;
	} else if (code_point < 0x800) {
		bytes[0] = (char)(0xc0 | code_point >> 6);
		len = 2;
	} else if (code_point < 0x10000) {
		bytes[0] = (char)(0xe0 | code_point >> 12);
		len = 3;
	} else {
		bytes[0] = (char)(0xf0 | code_point >> 18);
		len = 4;
	}
	for (size_t i = 1; i < len; i++)
		bytes[i] = (char)(0x80 | (code_point >> (6 * (len - 1 - i)) & 0x3f));
	strbuf_add(out, bytes, len);
}

void utf8_add_repaired(struct strbuf *out, struct span text)
{
	size_t at = 0, start = 0, broken;

	while (at < text.len) {
		size_t len;

		if ((unsigned char)text.ptr[at] < 0x80) {
			at++;
			continue;
		}
		len = utf8_length(text.ptr + at, text.len - at, &broken);
		if (len) {
			at += len;
			continue;
		}
		strbuf_add(out, text.ptr + start, at - start);
		strbuf_add_text(out, "\xef\xbf\xbd");
		at += broken;
		start = at;
	}
	strbuf_add(out, text.ptr + start, at - start);
}
