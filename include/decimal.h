/* Connect's Decimal: a big-endian two's complement number, base64 in JSON, and a scale. */
#ifndef ROWSTREAM_DECIMAL_H
#define ROWSTREAM_DECIMAL_H

#include "strbuf.h"
#include "util.h"

/* Bytes of base64 text (standard alphabet, padded), added to out. False if it is none. */
bool base64_decode_text(struct span text, struct strbuf *out);

/* Adds the plain decimal text: exactly scale digits behind the point, no exponent; a negative
 * scale adds zeros. False when the base64 is none, it is empty, or number or scale are beyond what
 * any database has (65,536 bytes, 20,000 digits of scale). */
bool decimal_text(struct span base64, int64_t scale, struct strbuf *out);
bool decimal_scale_is_sane(int64_t scale);

/* The same from a JSON number (decimal.format=NUMERIC). False if it has more digits behind the
 * point, none of which may be lost. */
bool decimal_literal(struct span number, int64_t scale, struct strbuf *out);

/* Adds the integer that digits are, divided by 10^scale, in plain text. */
void decimal_place(struct span digits, bool negative, int64_t scale, struct strbuf *out);

#endif
