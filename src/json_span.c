/* JSON as byte ranges: one pass that validates and notes where each value stands. */
#include "json_span.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_equal.h"

struct parser {
	struct js_doc *doc;
	const unsigned char *at, *begin, *end;
	unsigned depth, max_depth;
	const char *why;
};

static bool fail(struct parser *p, const char *why)
{
	if (!p->why)
		p->why = why;
	return false;
}

static uint32_t add_node(struct parser *p, enum js_type type)
{
	struct js_doc *doc = p->doc;

	if (doc->count == doc->size) {
		doc->size = doc->size ? 2 * doc->size : 64;
		doc->nodes = xreallocarray(doc->nodes, doc->size, sizeof(*doc->nodes));
	}
	doc->nodes[doc->count] =
		(struct js_node){.start = (uint32_t)(p->at - p->begin), .type = (uint8_t)type};
	return doc->count++;
}

static void end_node(struct parser *p, uint32_t node, unsigned flags)
{
	p->doc->nodes[node].end = (uint32_t)(p->at - p->begin);
	p->doc->nodes[node].next = p->doc->count;
	p->doc->nodes[node].flags = (uint8_t)flags;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end &&
		(*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

/* Bytes of the UTF-8 sequence at p (RFC 3629), 0 if it is none. */
static size_t utf8_sequence(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);
	unsigned char low = 0x80, high = 0xbf;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		if (p[0] == 0xe0)
			low = 0xa0;
		if (p[0] == 0xed)
			high = 0x9f;
		return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (p[0] < 0xf0 || p[0] > 0xf4)
		return 0;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 &&
			       (p[3] & 0xc0) == 0x80
		       ? 4
		       : 0;
}

bool js_utf8_is_valid(struct span text)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
	size_t bytes;

	while (at < end) {
		bytes = *at < 0x80 ? 1 : utf8_sequence(at, end);
		if (!bytes)
			return false;
		at += bytes;
	}
	return true;
}

/* True if one of the eight bytes is a quote, a backslash, a control or not ASCII. */
static bool word_is_special(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');

	return ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs) != 0;
}

static bool hex4(struct parser *p)
{
	int i;

	if (p->end - p->at < 4)
		return fail(p, "an escape is cut off");
	for (i = 0; i < 4; i++, p->at++) {
		unsigned char c = *p->at | 0x20;

		if (!((c >= '0' && c <= '9' && *p->at < 0x40) || (c >= 'a' && c <= 'f')))
			return fail(p, "\\u without four hexadecimal digits");
	}
	return true;
}

static bool escape(struct parser *p)
{
	p->at++;
	if (p->at == p->end)
		return fail(p, "a string is cut off");
	if (*p->at == 'u') {
		p->at++;
		return hex4(p);
	}
	if (!strchr("\"\\/bfnrt", *p->at) || *p->at == '\0')
		return fail(p, "an escape that JSON does not know");
	p->at++;
	return true;
}

static bool parse_string(struct parser *p)
{
	uint32_t node = add_node(p, JS_STRING);
	unsigned flags = 0;
	size_t bytes;

	for (p->at++; p->at < p->end;) {
		uint64_t word;

		if (p->end - p->at >= 8) {
			memcpy(&word, p->at, 8);
			if (!word_is_special(word)) {
				p->at += 8;
				continue;
			}
		}
		if (*p->at == '"') {
			p->at++;
			end_node(p, node, flags);
			return true;
		}
		if (*p->at == '\\') {
			flags = JS_ESCAPED;
			if (!escape(p))
				return false;
		} else if (*p->at < 0x20) {
			return fail(p, "a control character inside a string");
		} else if (*p->at < 0x80) {
			p->at++;
		} else {
			bytes = utf8_sequence(p->at, p->end);
			if (!bytes)
				return fail(p, "bytes that are not UTF-8");
			p->at += bytes;
		}
	}
	return fail(p, "a string is cut off");
}

static bool digits(struct parser *p)
{
	const unsigned char *first = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > first ? true : fail(p, "a number without digits");
}

static bool parse_number(struct parser *p)
{
	uint32_t node = add_node(p, JS_NUMBER);
	unsigned flags = 0;

	if (*p->at == '-')
		p->at++;
	if (p->at < p->end && *p->at == '0') {
		p->at++;
		if (p->at < p->end && *p->at >= '0' && *p->at <= '9')
			return fail(p, "a number with a leading zero");
	} else if (!digits(p)) {
		return false;
	}
	if (p->at < p->end && *p->at == '.') {
		flags = JS_FRACTION;
		p->at++;
		if (!digits(p))
			return false;
	}
	if (p->at < p->end && (*p->at | 0x20) == 'e') {
		flags = JS_FRACTION;
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (!digits(p))
			return false;
	}
	end_node(p, node, flags);
	return true;
}

static bool parse_word(struct parser *p, const char *word, enum js_type type)
{
	size_t len = strlen(word);
	uint32_t node;

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return fail(p, "no JSON value");
	node = add_node(p, type);
	p->at += len;
	end_node(p, node, 0);
	return true;
}

static bool parse_value(struct parser *p);

static bool parse_name(struct parser *p)
{
	if (p->at == p->end || *p->at != '"')
		return fail(p, "a member without a name");
	if (!parse_string(p))
		return false;
	skip_space(p);
	if (p->at == p->end || *p->at != ':')
		return fail(p, "a member without ':'");
	p->at++;
	skip_space(p);
	return true;
}

/* After '{' or '['. */
static bool parse_items(struct parser *p, bool object)
{
	const unsigned char close = object ? '}' : ']';

	skip_space(p);
	if (p->at < p->end && *p->at == close) {
		p->at++;
		return true;
	}
	for (;;) {
		if ((object && !parse_name(p)) || !parse_value(p))
			return false;
		skip_space(p);
		if (p->at == p->end)
			return fail(p, "the text is cut off");
		if (*p->at == close) {
			p->at++;
			return true;
		}
		if (*p->at != ',')
			return fail(p, object ? "',' or '}' is missing" : "',' or ']' is missing");
		p->at++;
		skip_space(p);
	}
}

static bool parse_container(struct parser *p, bool object)
{
	uint32_t node = add_node(p, object ? JS_OBJECT : JS_ARRAY);

	if (++p->depth > p->max_depth)
		return fail(p, "nested too deep");
	p->at++;
	if (!parse_items(p, object))
		return false;
	p->depth--;
	end_node(p, node, 0);
	return true;
}

static bool parse_value(struct parser *p)
{
	if (p->at == p->end)
		return fail(p, "the text is cut off");
	switch (*p->at) {
	case '{':
		return parse_container(p, true);
	case '[':
		return parse_container(p, false);
	case '"':
		return parse_string(p);
	case 't':
		return parse_word(p, "true", JS_TRUE);
	case 'f':
		return parse_word(p, "false", JS_FALSE);
	case 'n':
		return parse_word(p, "null", JS_NULL);
	default:
		if (*p->at == '-' || (*p->at >= '0' && *p->at <= '9'))
			return parse_number(p);
		return fail(p, "no JSON value");
	}
}

bool js_parse(struct js_doc *doc, struct span text, unsigned max_depth, struct error *error)
{
	struct parser p = {.doc = doc, .max_depth = max_depth};

	doc->text = text;
	doc->count = 0;
	p.begin = p.at = (const unsigned char *)text.ptr;
	p.end = p.begin + text.len;
	if (max_depth > JS_MAX_DEPTH)
		p.max_depth = JS_MAX_DEPTH;
	if (text.len >= UINT32_MAX) {
		fail(&p, "longer than 4 GiB");
	} else {
		skip_space(&p);
		if (parse_value(&p)) {
			skip_space(&p);
			if (p.at != p.end)
				fail(&p, "text behind the value");
		}
	}
	if (!p.why)
		return true;
	doc->count = 0;
	error_set(
		error, ERROR_REFUSED, "no JSON: %s, at byte %zu", p.why, (size_t)(p.at - p.begin));
	return false;
}

void js_doc_clear(struct js_doc *doc)
{
	free(doc->nodes);
	*doc = (struct js_doc){0};
}

/* --- Look-ups --- */

struct span js_text(const struct js_doc *doc, uint32_t node)
{
	if (node == JS_NONE)
		return SPAN_NULL;
	return (struct span){doc->text.ptr + doc->nodes[node].start,
		doc->nodes[node].end - doc->nodes[node].start};
}

enum js_type js_type_of(const struct js_doc *doc, uint32_t node)
{
	return node == JS_NONE ? JS_NULL : (enum js_type)doc->nodes[node].type;
}

bool js_is_null(const struct js_doc *doc, uint32_t node)
{
	return js_type_of(doc, node) == JS_NULL;
}

static bool is_container(const struct js_doc *doc, uint32_t node)
{
	return js_type_of(doc, node) >= JS_ARRAY;
}

uint32_t js_first(const struct js_doc *doc, uint32_t parent)
{
	if (!is_container(doc, parent) || doc->nodes[parent].next == parent + 1)
		return JS_NONE;
	return parent + 1;
}

uint32_t js_next(const struct js_doc *doc, uint32_t parent, uint32_t current)
{
	uint32_t value = current + (doc->nodes[parent].type == JS_OBJECT);
	uint32_t next = doc->nodes[value].next;

	return next < doc->nodes[parent].next ? next : JS_NONE;
}

uint32_t js_count(const struct js_doc *doc, uint32_t parent)
{
	uint32_t count = 0, child;

	for (child = js_first(doc, parent); child != JS_NONE; child = js_next(doc, parent, child))
		count++;
	return count;
}

uint32_t js_member(const struct js_doc *doc, uint32_t object, const char *name)
{
	uint32_t child;

	if (js_type_of(doc, object) != JS_OBJECT)
		return JS_NONE;
	for (child = js_first(doc, object); child != JS_NONE; child = js_next(doc, object, child))
		if (js_string_is(doc, child, name))
			return child + 1;
	return JS_NONE;
}

/* --- Strings --- */

static unsigned hex_value(const char *four)
{
	unsigned value = 0;
	int i;

	for (i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)four[i];

		value = value * 16 + (c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10);
	}
	return value;
}

static void add_utf8(struct strbuf *out, unsigned c)
{
	if (c < 0x80) {
		strbuf_add_char(out, (char)c);
	} else if (c < 0x800) {
		strbuf_add(out, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
	} else if (c < 0x10000) {
		strbuf_add(out,
			(char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
				(char)(0x80 | (c & 0x3f))},
			3);
	} else {
		strbuf_add(out,
			(char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
				(char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))},
			4);
	}
}

/* at stands behind "\u"; returns the bytes used, 0 for a lone surrogate. */
static size_t decode_unicode(const char *at, const char *end, struct strbuf *out)
{
	unsigned c = hex_value(at), low;

	if (c < 0xd800 || c > 0xdfff) {
		add_utf8(out, c);
		return 4;
	}
	if (c > 0xdbff || end - at < 10 || at[4] != '\\' || at[5] != 'u')
		return 0;
	low = hex_value(at + 6);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	add_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
	return 10;
}

bool js_string(const struct js_doc *doc, uint32_t node, struct strbuf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct span text = js_text(doc, node);
	const char *at = text.ptr + 1, *end = text.ptr + text.len - 1, *plain;
	size_t used;

	while (at < end) {
		plain = memchr(at, '\\', (size_t)(end - at));
		strbuf_add(out, at, (size_t)((plain ? plain : end) - at));
		if (!plain)
			break;
		at = plain + 2;
		if (plain[1] != 'u') {
			strbuf_add_char(out, to[strchr(from, plain[1]) - from]);
			continue;
		}
		used = decode_unicode(at, end, out);
		if (!used)
			return false;
		at += used;
	}
	strbuf_reserve(out, 0)[0] = '\0';
	return true;
}

bool js_string_is(const struct js_doc *doc, uint32_t node, const char *text)
{
	struct span raw = js_text(doc, node);
	struct strbuf decoded = {0};
	bool same;

	if (js_type_of(doc, node) != JS_STRING)
		return false;
	if (!(doc->nodes[node].flags & JS_ESCAPED))
		return span_is((struct span){raw.ptr + 1, raw.len - 2}, text);
	same = js_string(doc, node, &decoded) && span_is(strbuf_span(&decoded), text);
	strbuf_clear(&decoded);
	return same;
}

static bool same_name(const struct js_doc *doc, uint32_t a, uint32_t b)
{
	struct strbuf name = {0};
	bool same;

	if (!((doc->nodes[a].flags | doc->nodes[b].flags) & JS_ESCAPED))
		return span_equal(js_text(doc, a), js_text(doc, b));
	/* A name with a NUL or a lone surrogate in it is told from others by its bytes only. */
	if (!js_string(doc, a, &name) || memchr(name.data, '\0', name.len))
		same = span_equal(js_text(doc, a), js_text(doc, b));
	else
		same = js_string_is(doc, b, name.data);
	strbuf_clear(&name);
	return same;
}

bool js_has_repeated_member(const struct js_doc *doc, uint32_t node)
{
	bool object = js_type_of(doc, node) == JS_OBJECT;
	uint32_t child, earlier;

	for (child = js_first(doc, node); child != JS_NONE; child = js_next(doc, node, child)) {
		for (earlier = js_first(doc, node); object && earlier != child;
			earlier = js_next(doc, node, earlier))
			if (same_name(doc, earlier, child))
				return true;
		if (js_has_repeated_member(doc, child + object))
			return true;
	}
	return false;
}

/* --- Printing and what printing does --- */

void js_compact(const struct js_doc *doc, uint32_t node, struct strbuf *out)
{
	bool object = js_type_of(doc, node) == JS_OBJECT;
	uint32_t child;

	if (!is_container(doc, node)) {
		strbuf_add_span(out, js_text(doc, node));
		return;
	}
	strbuf_add_char(out, object ? '{' : '[');
	for (child = js_first(doc, node); child != JS_NONE; child = js_next(doc, node, child)) {
		if (child != node + 1)
			strbuf_add_char(out, ',');
		if (object) {
			strbuf_add_span(out, js_text(doc, child));
			strbuf_add_char(out, ':');
		}
		js_compact(doc, child + object, out);
	}
	strbuf_add_char(out, object ? '}' : ']');
}

/* U+0085, U+2028 and U+2029 come back as \uXXXX; every other escape only gets shorter. */
static size_t string_bytes(struct span text)
{
	size_t bytes = text.len, i;

	for (i = 0; i + 1 < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == 0xc2 && (unsigned char)text.ptr[i + 1] == 0x85)
			bytes += 4;
		else if (c == 0xe2 && (unsigned char)text.ptr[i + 1] == 0x80)
			bytes += 3;
	}
	return bytes;
}

static size_t scalar_bytes(const struct js_doc *doc, uint32_t node)
{
	struct span text = js_text(doc, node);

	if (doc->nodes[node].type == JS_STRING)
		return string_bytes(text);
	/* 1e15 comes back as 1000000000000000.0, the longest double as -1.2345678901234567E-300. */
	if (doc->nodes[node].flags & JS_FRACTION)
		return text.len > 26 ? text.len : 26;
	return text.len;
}

static size_t stored_bytes(const struct js_doc *doc, uint32_t node, size_t depth)
{
	bool object = js_type_of(doc, node) == JS_OBJECT;
	size_t bytes = 2;
	uint32_t child;

	if (!is_container(doc, node))
		return scalar_bytes(doc, node);
	for (child = js_first(doc, node); child != JS_NONE; child = js_next(doc, node, child)) {
		bytes += 2 + 2 * (depth + 1); /* newline, indentation, comma */
		if (object)
			bytes += scalar_bytes(doc, child) + 2;
		bytes += stored_bytes(doc, child + object, depth + 1);
	}
	return bytes + 1 + 2 * depth;
}

size_t js_stored_bytes(const struct js_doc *doc, uint32_t node)
{
	return node == JS_NONE ? 0 : stored_bytes(doc, node, 0);
}

#define MAX_INTEGER_DIGITS 380

/* The shortest text that reads back to the same double. */
static void shortest(double value, char *text, size_t size)
{
	int precision;

	for (precision = 1; precision <= 17; precision++) {
		snprintf(text, size, "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			return;
	}
}

static bool has_fraction(struct span literal)
{
	size_t i;

	for (i = 0; i < literal.len; i++)
		if (literal.ptr[i] == '.' || (literal.ptr[i] | 0x20) == 'e')
			return true;
	return false;
}

bool js_number_survives(struct span literal)
{
	char text[64], short_literal[64], *copy = short_literal;
	double value;

	if (!has_fraction(literal))
		return literal.len - (literal.ptr[0] == '-') <= MAX_INTEGER_DIGITS;
	/* Fifteen digits always come back, as long as no exponent leads out of the normal range. */
	if (literal.len <= 16 && !memchr(literal.ptr, 'e', literal.len) &&
		!memchr(literal.ptr, 'E', literal.len))
		return true;
	if (literal.len >= sizeof(short_literal))
		copy = xmalloc(literal.len + 1);
	memcpy(copy, literal.ptr, literal.len);
	copy[literal.len] = '\0';
	value = strtod(copy, NULL);
	if (copy != short_literal)
		free(copy);
	if (!isfinite(value))
		return false;
	shortest(value, text, sizeof(text));
	return js_numbers_equal(literal, span_of(text));
}
