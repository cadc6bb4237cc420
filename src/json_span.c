/* JSON as byte ranges: the one pass that validates and notes where each value stands. */
#include "json_span.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef unsigned char byte;

/* The parsing functions take where to read and return where to go on, NULL after fail(): so the
 * position stays in a register. */
struct parser {
	struct js_doc *doc;
	const byte *begin, *end;
	unsigned depth, max_depth;
	const char *why;
	const byte *where;
};

static const byte *fail(struct parser *p, const byte *at, const char *why)
{
	p->why = why;
	p->where = at;
	return NULL;
}

static inline uint32_t add_node(struct parser *p, const byte *at, enum js_type type)
{
	struct js_doc *doc = p->doc;

	if (doc->count == doc->size) {
		doc->size = doc->size ? 2 * doc->size : 64;
		doc->nodes = xreallocarray(doc->nodes, doc->size, sizeof(*doc->nodes));
	}
	doc->nodes[doc->count].start = (uint32_t)(at - p->begin);
	doc->nodes[doc->count].type = (uint8_t)type;
	return doc->count++;
}

static inline void end_node(struct parser *p, uint32_t node, const byte *at, unsigned flags)
{
	struct js_node *n = &p->doc->nodes[node];

	n->end = (uint32_t)(at - p->begin);
	n->next = p->doc->count;
	n->flags = (uint8_t)flags;
}

static inline const byte *skip_space(const struct parser *p, const byte *at)
{
	/* Connectors write none. */
	if (at<p->end && * at> ' ')
		return at;
	while (at < p->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

/* --- Strings --- */

static bool is_special(byte c)
{
	return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

#ifdef __SSE2__
#define BLOCK_BYTES 16

/* A bit for each special byte, the lowest for the first. */
static unsigned special_bits(const byte *at)
{
	__m128i bytes = _mm_loadu_si128((const void *)at);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);

	/* movemask looks at the high bits, which bytes over 0x7f have themselves. */
	return (unsigned)_mm_movemask_epi8(
		_mm_or_si128(_mm_or_si128(bytes, control), _mm_or_si128(quote, backslash)));
}

static const byte *skip_plain_blocks(const byte *at, const byte *end)
{
	while (end - at >= BLOCK_BYTES) {
		unsigned bits = special_bits(at);

		if (bits)
			return at + __builtin_ctz(bits);
		at += BLOCK_BYTES;
	}
	return at;
}
#else
/* Stops at the word in which one is, wherever the machine puts its first byte. */
static const byte *skip_plain_blocks(const byte *at, const byte *end)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

	for (; end - at >= 8; at += 8) {
		uint64_t word, quote, backslash;

		memcpy(&word, at, 8);
		quote = word ^ (ones * '"');
		backslash = word ^ (ones * '\\');
		if ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs)
			break;
	}
	return at;
}
#endif

/* The first quote, backslash, control or non-ASCII byte, or end. */
static const byte *find_special(const byte *at, const byte *end)
{
	at = skip_plain_blocks(at, end);
	while (at < end && !is_special(*at))
		at++;
	return at;
}

static bool continues(const byte *at, size_t count)
{
	while (count--)
		if ((*at++ & 0xc0) != 0x80)
			return false;
	return true;
}

/* Bytes of the UTF-8 sequence at p (RFC 3629: no overlong form, no surrogate), 0 if it is none. */
static size_t utf8_sequence(const byte *p, const byte *end)
{
	size_t left = (size_t)(end - p);

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if (p[0] < 0xe0)
		return left >= 2 && continues(p + 1, 1) ? 2 : 0;
	if (p[0] < 0xf0) {
		if (left < 3 || !continues(p + 1, 2) || (p[0] == 0xe0 && p[1] < 0xa0) ||
			(p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left < 4 || !continues(p + 1, 3) || (p[0] == 0xf0 && p[1] < 0x90) ||
		(p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

bool js_utf8_is_valid(struct span text)
{
	const byte *at = (const byte *)text.ptr, *end = at + text.len;

	while (at < end) {
		size_t bytes = *at < 0x80 ? 1 : utf8_sequence(at, end);

		if (!bytes)
			return false;
		at += bytes;
	}
	return true;
}

static const byte *skip_utf8(struct parser *p, const byte *at)
{
	while (at < p->end && *at >= 0x80) {
		size_t bytes = utf8_sequence(at, p->end);

		if (!bytes)
			return fail(p, at, "bytes that are not UTF-8");
		at += bytes;
	}
	return at;
}

static bool is_hex(byte c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* at stands on the backslash. */
static const byte *skip_escape(struct parser *p, const byte *at)
{
	int i;

	at++;
	if (at == p->end)
		return fail(p, at, "a string is cut off");
	switch (*at++) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return at;
	case 'u':
		for (i = 0; i < 4; i++, at++)
			if (at == p->end || !is_hex(*at))
				return fail(p, at, "\\u without four hexadecimal digits");
		return at;
	default:
		return fail(p, at - 1, "an escape that JSON does not know");
	}
}

static const byte *parse_string(struct parser *p, const byte *at)
{
	uint32_t node = add_node(p, at, JS_STRING);
	unsigned flags = 0;

	for (at++; at;) {
		at = find_special(at, p->end);
		if (at == p->end)
			return fail(p, at, "a string is cut off");
		if (*at == '"') {
			end_node(p, node, ++at, flags);
			return at;
		}
		if (*at == '\\') {
			flags |= JS_ESCAPED;
			at = skip_escape(p, at);
		} else if (*at < 0x20) {
			return fail(p, at, "a control character inside a string");
		} else {
			flags |= JS_WIDE;
			at = skip_utf8(p, at);
		}
	}
	return NULL;
}

/* --- Numbers and words --- */

static const byte *skip_digits(struct parser *p, const byte *at)
{
	const byte *first = at;

	while (at < p->end && *at >= '0' && *at <= '9')
		at++;
	return at > first ? at : fail(p, at, "a number without digits");
}

static const byte *skip_exponent(struct parser *p, const byte *at)
{
	at++;
	if (at < p->end && (*at == '+' || *at == '-'))
		at++;
	return skip_digits(p, at);
}

static const byte *parse_number(struct parser *p, const byte *at)
{
	uint32_t node = add_node(p, at, JS_NUMBER);
	const byte *first;
	unsigned flags = 0;

	if (*at == '-')
		at++;
	first = at;
	at = skip_digits(p, at);
	if (at && *first == '0' && at > first + 1)
		return fail(p, first, "a number with a leading zero");
	if (at && at < p->end && *at == '.') {
		flags = JS_FRACTION;
		at = skip_digits(p, at + 1);
	}
	if (at && at < p->end && (*at | 0x20) == 'e') {
		flags = JS_FRACTION;
		at = skip_exponent(p, at);
	}
	if (at)
		end_node(p, node, at, flags);
	return at;
}

static const byte *parse_word(
	struct parser *p, const byte *at, const char *word, size_t len, enum js_type type)
{
	uint32_t node;

	if ((size_t)(p->end - at) < len || memcmp(at, word, len) != 0)
		return fail(p, at, "no JSON value");
	node = add_node(p, at, type);
	end_node(p, node, at + len, 0);
	return at + len;
}

/* --- Objects and arrays --- */

static const byte *parse_value(struct parser *p, const byte *at);

static const byte *parse_name(struct parser *p, const byte *at)
{
	if (at == p->end || *at != '"')
		return fail(p, at, "a member without a name");
	at = parse_string(p, at);
	if (!at)
		return NULL;
	at = skip_space(p, at);
	if (at == p->end || *at != ':')
		return fail(p, at, "a member without ':'");
	return skip_space(p, at + 1);
}

/* at stands behind '{' or '['. */
static const byte *parse_items(struct parser *p, const byte *at, bool object)
{
	const byte close = object ? '}' : ']';

	at = skip_space(p, at);
	if (at < p->end && *at == close)
		return at + 1;
	for (;;) {
		if (object)
			at = parse_name(p, at);
		if (at)
			at = parse_value(p, at);
		if (!at)
			return NULL;
		at = skip_space(p, at);
		if (at == p->end)
			return fail(p, at, "the text is cut off");
		if (*at == close)
			return at + 1;
		if (*at != ',')
			return fail(
				p, at, object ? "',' or '}' is missing" : "',' or ']' is missing");
		at = skip_space(p, at + 1);
	}
}

static const byte *parse_container(struct parser *p, const byte *at, bool object)
{
	uint32_t node;

	if (p->depth == p->max_depth) {
		p->doc->too_deep = true;
		return fail(p, at, "nested too deep");
	}
	node = add_node(p, at, object ? JS_OBJECT : JS_ARRAY);
	p->depth++;
	at = parse_items(p, at + 1, object);
	p->depth--;
	if (at)
		end_node(p, node, at, 0);
	return at;
}

static const byte *parse_value(struct parser *p, const byte *at)
{
	if (at == p->end)
		return fail(p, at, "the text is cut off");
	switch (*at) {
	case '"':
		return parse_string(p, at);
	case '{':
		return parse_container(p, at, true);
	case '[':
		return parse_container(p, at, false);
	case 'n':
		return parse_word(p, at, "null", 4, JS_NULL);
	case 't':
		return parse_word(p, at, "true", 4, JS_TRUE);
	case 'f':
		return parse_word(p, at, "false", 5, JS_FALSE);
	default:
		if (*at == '-' || (*at >= '0' && *at <= '9'))
			return parse_number(p, at);
		return fail(p, at, "no JSON value");
	}
}

static const byte *parse_text(struct parser *p)
{
	const byte *at;

	if ((size_t)(p->end - p->begin) >= UINT32_MAX)
		return fail(p, p->begin, "longer than 4 GiB");
	at = parse_value(p, skip_space(p, p->begin));
	if (!at)
		return NULL;
	at = skip_space(p, at);
	return at == p->end ? at : fail(p, at, "text behind the value");
}

bool js_parse(struct js_doc *doc, struct span text, unsigned max_depth, struct error *error)
{
	struct parser p = {
		.doc = doc,
		.begin = (const byte *)text.ptr,
		.max_depth = max_depth < JS_MAX_DEPTH ? max_depth : JS_MAX_DEPTH,
	};

	if (!text.ptr)
		p.begin = (const byte *)"";
	p.end = p.begin + text.len;
	doc->text = text;
	doc->count = 0;
	doc->too_deep = false;
	if (parse_text(&p))
		return true;
	doc->count = 0;
	error_set(error, ERROR_REFUSED, "no JSON: %s, at byte %zu", p.why,
		(size_t)(p.where - p.begin));
	return false;
}

void js_doc_clear(struct js_doc *doc)
{
	free(doc->nodes);
	*doc = (struct js_doc){0};
}
