/* Look-ups in a JSON text that has been read: members, strings, what stands twice. */
#include <stdlib.h>
#include <string.h>

#include "json_span.h"

uint32_t js_count(const struct js_doc *doc, uint32_t parent)
{
	uint32_t count = 0, child;

	for (child = js_first(doc, parent); child != JS_NONE; child = js_next(doc, parent, child))
		count++;
	return count;
}

uint32_t js_member(const struct js_doc *doc, uint32_t object, const char *name)
{
	size_t quoted = strlen(name) + 2;
	uint32_t child;

	if (js_type_of(doc, object) != JS_OBJECT)
		return JS_NONE;
	for (child = js_first(doc, object); child != JS_NONE; child = js_next(doc, object, child)) {
		const struct js_node *node = &doc->nodes[child];

		/* An escape makes a string longer than what it says. */
		if (node->end - node->start == quoted || (node->flags & JS_ESCAPED))
			if (js_string_is(doc, child, name))
				return child + 1;
	}
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

static char *put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* at stands behind "\u" and is moved on; UINT_MAX for a lone surrogate. */
static unsigned read_unicode(const char **at, const char *end)
{
	unsigned c = hex_value(*at), low;

	*at += 4;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return UINT32_MAX;
	low = hex_value(*at + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return UINT32_MAX;
	*at += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static char short_escape(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

/* Decodes a string's inside to out, which has room for all of it: characters never take more
 * bytes than their escapes. *len is what was written, also before a lone surrogate (false). */
static bool decode(struct span inside, char *out, size_t *len)
{
	const char *at = inside.ptr, *end = inside.ptr + inside.len;
	char *first = out;
	unsigned c = 0;

	while (at < end && c != UINT32_MAX) {
		const char *backslash = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((backslash ? backslash : end) - at);

		memcpy(out, at, plain);
		out += plain;
		if (!backslash)
			break;
		at = backslash + 2;
		if (backslash[1] != 'u') {
			*out++ = short_escape(backslash[1]);
			continue;
		}
		c = read_unicode(&at, end);
		if (c != UINT32_MAX)
			out = put_utf8(out, c);
	}
	*len = (size_t)(out - first);
	return c != UINT32_MAX;
}

static struct span inside_of(const struct js_doc *doc, uint32_t node)
{
	struct span text = js_text(doc, node);

	return (struct span){text.ptr + 1, text.len - 2};
}

bool js_string(const struct js_doc *doc, uint32_t node, struct strbuf *out)
{
	struct span inside = inside_of(doc, node);
	char *at = strbuf_reserve(out, inside.len);
	size_t len;
	bool whole = decode(inside, at, &len);

	out->len += len;
	out->data[out->len] = '\0';
	return whole;
}

bool js_string_span(
	const struct js_doc *doc, uint32_t node, struct arena *arena, struct span *characters)
{
	struct span inside = inside_of(doc, node);
	char *copy;

	*characters = inside;
	if (!(doc->nodes[node].flags & JS_ESCAPED))
		return true;
	copy = arena_alloc(arena, inside.len);
	characters->ptr = copy;
	return decode(inside, copy, &characters->len);
}

bool js_string_is(const struct js_doc *doc, uint32_t node, const char *text)
{
	struct strbuf decoded = {0};
	bool same;

	if (js_type_of(doc, node) != JS_STRING)
		return false;
	if (!(doc->nodes[node].flags & JS_ESCAPED))
		return span_is(inside_of(doc, node), text);
	same = js_string(doc, node, &decoded) && span_is(strbuf_span(&decoded), text);
	strbuf_clear(&decoded);
	return same;
}

/* --- What a key must not have --- */

static bool is_lone(struct span inside)
{
	const char *at = inside.ptr, *end = inside.ptr + inside.len;

	while ((at = memchr(at, '\\', (size_t)(end - at)))) {
		bool unicode = at[1] == 'u';

		at += 2;
		if (unicode && read_unicode(&at, end) == UINT32_MAX)
			return true;
	}
	return false;
}

bool js_has_lone_surrogate(const struct js_doc *doc, uint32_t node)
{
	uint32_t end = node == JS_NONE ? 0 : doc->nodes[node].next;

	for (; node < end; node++)
		if (doc->nodes[node].type == JS_STRING && (doc->nodes[node].flags & JS_ESCAPED) &&
			is_lone(inside_of(doc, node)))
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->ptr, y->ptr, x->len);
}

#define FEW_MEMBERS 12

static bool any_equal(struct span *names, uint32_t count)
{
	uint32_t i, j;

	if (count <= FEW_MEMBERS) {
		for (i = 1; i < count; i++)
			for (j = 0; j < i; j++)
				if (span_equal(names[i], names[j]))
					return true;
		return false;
	}
	/* Sorted, because a hostile text has as many members as it likes. */
	qsort(names, count, sizeof(*names), compare_names);
	for (i = 1; i < count; i++)
		if (span_equal(names[i], names[i - 1]))
			return true;
	return false;
}

static bool repeats_a_name(const struct js_doc *doc, uint32_t object)
{
	struct span few[FEW_MEMBERS], *names = few;
	struct arena arena = {0};
	uint32_t count = js_count(doc, object), child, i = 0;
	bool repeats;

	if (count > FEW_MEMBERS)
		names = xreallocarray(NULL, count, sizeof(*names));
	for (child = js_first(doc, object); child != JS_NONE; child = js_next(doc, object, child))
		/* A name with a lone surrogate is told from others by its bytes. */
		if (!js_string_span(doc, child, &arena, &names[i++]))
			names[i - 1] = js_text(doc, child);
	repeats = any_equal(names, count);
	arena_clear(&arena);
	if (names != few)
		free(names);
	return repeats;
}

bool js_has_repeated_member(const struct js_doc *doc, uint32_t node)
{
	uint32_t end = node == JS_NONE ? 0 : doc->nodes[node].next;

	for (; node < end; node++)
		if (doc->nodes[node].type == JS_OBJECT && repeats_a_name(doc, node))
			return true;
	return false;
}

/* --- Printing --- */

void js_compact(const struct js_doc *doc, uint32_t node, struct strbuf *out)
{
	bool object = js_type_of(doc, node) == JS_OBJECT;
	uint32_t child;

	if (js_type_of(doc, node) < JS_ARRAY) {
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
