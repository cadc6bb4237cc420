/* Newtonsoft's reader and its indented printer in one pass: no tree is built. */
#include "reprint.h"

#include <stdlib.h>
#include <string.h>

#include "reprint_number.h"
#include "utf8.h"

/* A printed member of an object that is still open; offsets are into the output. */
struct reprint_member {
	size_t start;	       /* of its separator */
	size_t name, name_len; /* quotes included */
	size_t end;
	uint32_t hash;
	bool dead; /* the same name came again: the last one counts, at its own place */
};

void reprint_start(struct reprint *in, struct span text)
{
	const char *start = text.ptr ? text.ptr : "";

	*in = (struct reprint){.at = start, .end = start + text.len};
}

void reprint_clear(struct reprint *in)
{
	free(in->members);
	*in = (struct reprint){0};
}

static bool skip_comment(struct reprint *in)
{
	const char *at = in->at + 1;

	if (at < in->end && *at == '/') {
		while (at < in->end && *at != '\n' && *at != '\r')
			at++;
		in->at = at;
		return true;
	}
	if (at >= in->end || *at != '*')
		return false;
	for (at++; at + 1 < in->end; at++) {
		if (at[0] == '*' && at[1] == '/') {
			in->at = at + 2;
			return true;
		}
	}
	return false;
}

char reprint_peek(struct reprint *in)
{
	while (in->at < in->end) {
		char c = *in->at;

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			in->at++;
		else if (c != '/' || !skip_comment(in))
			return c;
	}
	return 0;
}

bool reprint_take(struct reprint *in, char c)
{
	if (reprint_peek(in) != c || in->at == in->end)
		return false;
	in->at++;
	return true;
}

bool reprint_at_end(struct reprint *in)
{
	reprint_peek(in);
	return in->at == in->end;
}

static bool read_hex4(struct reprint *in, uint32_t *unit)
{
	int i;

	*unit = 0;
	if (in->end - in->at < 4)
		return false;
	for (i = 0; i < 4; i++) {
		char c = *in->at++;

		if (c >= '0' && c <= '9')
			*unit = *unit << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*unit = *unit << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Behind "\u": a character, or both halves of one, or U+FFFD for a half without its other. */
static bool read_unicode(struct reprint *in, struct strbuf *out)
{
	uint32_t unit, low;
	const char *again;

	if (!read_hex4(in, &unit))
		return false;
	if (unit < 0xd800 || unit > 0xdfff) {
		utf8_add(out, unit);
		return true;
	}
	again = in->at;
	if (unit < 0xdc00 && in->end - in->at >= 6 && in->at[0] == '\\' && in->at[1] == 'u') {
		in->at += 2;
		if (!read_hex4(in, &low))
			return false;
		if (low >= 0xdc00 && low <= 0xdfff) {
			utf8_add(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
			return true;
		}
		in->at = again;
	}
	utf8_add(out, 0xfffd);
	return true;
}

static bool read_escape(struct reprint *in, struct strbuf *out)
{
	static const char from[] = "bfnrt\"'\\/", to[] = "\b\f\n\r\t\"'\\/";
	const char *found;
	char c;

	if (in->at == in->end)
		return false;
	c = *in->at++;
	if (c == 'u')
		return read_unicode(in, out);
	found = c ? strchr(from, c) : NULL;
	if (found)
		strbuf_add_char(out, to[found - from]);
	return found != NULL;
}

static bool read_quoted(struct reprint *in, struct strbuf *out)
{
	char quote = *in->at++;
	const char *start = in->at;

	while (in->at < in->end) {
		char c = *in->at;

		if (c != quote && c != '\\') {
			in->at++;
			continue;
		}
		utf8_add_repaired(out, (struct span){start, (size_t)(in->at - start)});
		in->at++;
		if (c == quote)
			return true;
		if (!read_escape(in, out))
			return false;
		start = in->at;
	}
	return false;
}

bool reprint_string(struct reprint *in, struct strbuf *out)
{
	char c = reprint_peek(in);

	return (c == '"' || c == '\'') && read_quoted(in, out);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$';
}

static bool is_literal(char c)
{
	return is_word(c) || c == '+' || c == '-' || c == '.';
}

bool reprint_name(struct reprint *in, struct strbuf *out)
{
	char c = reprint_peek(in);
	const char *start = in->at;

	if (c == '"' || c == '\'')
		return read_quoted(in, out);
	while (in->at < in->end && is_word(*in->at))
		in->at++;
	strbuf_add(out, start, (size_t)(in->at - start));
	return in->at > start;
}

/* U+0085, U+2028 and U+2029 are escaped beside the control characters; 0 if bytes start with none.
 */
static unsigned escaped_wide(const char *bytes, size_t len)
{
	if (len >= 2 && !memcmp(bytes, "\xc2\x85", 2))
		return 0x85;
	if (len >= 3 && !memcmp(bytes, "\xe2\x80\xa8", 3))
		return 0x2028;
	if (len >= 3 && !memcmp(bytes, "\xe2\x80\xa9", 3))
		return 0x2029;
	return 0;
}

static void add_escape(struct strbuf *out, unsigned c)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *found = c && c < 0x80 ? strchr(from, (int)c) : NULL;

	if (found)
		strbuf_add(out, (char[]){'\\', to[found - from]}, 2);
	else
		strbuf_printf(out, "\\u%04x", c);
}

void reprint_quote(struct strbuf *out, struct span text)
{
	size_t at = 0, start = 0;

	strbuf_add_char(out, '"');
	while (at < text.len) {
		unsigned char c = (unsigned char)text.ptr[at];
		unsigned wide =
			c == 0xc2 || c == 0xe2 ? escaped_wide(text.ptr + at, text.len - at) : 0;

		if (c >= ' ' && c != '"' && c != '\\' && !wide) {
			at++;
			continue;
		}
		strbuf_add(out, text.ptr + start, at - start);
		add_escape(out, wide ? wide : c);
		at += wide > 0xff ? 3 : wide ? 2 : 1;
		start = at;
	}
	strbuf_add(out, text.ptr + start, at - start);
	strbuf_add_char(out, '"');
}

static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\'' && c != '\\';
}

/* A string whose bytes all stand for themselves, as nearly all do, is printed as it came. */
static bool copy_plain(struct reprint *in, struct strbuf *out)
{
	const char *at;

	if (reprint_peek(in) != '"')
		return false;
	at = in->at + 1;
	while (at < in->end && is_plain(*at))
		at++;
	if (at == in->end || *at != '"')
		return false;
	strbuf_add(out, in->at, (size_t)(at + 1 - in->at));
	in->at = at + 1;
	return true;
}

/* A string, or a member's name, which may stand there without quotes. */
static bool print_text(struct reprint *in, struct strbuf *out)
{
	struct strbuf text = {0};
	bool ok;

	if (copy_plain(in, out))
		return true;
	ok = reprint_name(in, &text);
	if (ok)
		reprint_quote(out, strbuf_span(&text));
	strbuf_clear(&text);
	return ok;
}

static void add_line(struct strbuf *out, unsigned level)
{
	char *at = strbuf_reserve(out, 1 + 2 * (size_t)level);

	at[0] = '\n';
	memset(at + 1, ' ', 2 * (size_t)level);
	out->len += 1 + 2 * (size_t)level;
	out->data[out->len] = '\0';
}

static bool open_bracket(struct reprint *in)
{
	in->at++;
	return ++in->depth <= REPRINT_MAX_DEPTH;
}

static bool print_array(struct reprint *in, unsigned level, struct strbuf *out)
{
	bool empty = true;

	if (!open_bracket(in))
		return false;
	strbuf_add_char(out, '[');
	while (!reprint_take(in, ']')) {
		if (!empty)
			strbuf_add_char(out, ',');
		add_line(out, level + 1);
		if (!reprint_value(in, level + 1, out))
			return false;
		empty = false;
		if (!reprint_take(in, ',') && reprint_peek(in) != ']')
			return false;
	}
	if (!empty)
		add_line(out, level);
	strbuf_add_char(out, ']');
	in->depth--;
	return true;
}

static struct reprint_member *new_member(struct reprint *in)
{
	if (in->member_count == in->member_size) {
		in->member_size = in->member_size ? in->member_size * 2 : 32;
		in->members = xreallocarray(in->members, in->member_size, sizeof(*in->members));
	}
	return &in->members[in->member_count++];
}

static uint32_t hash_of(const char *bytes, size_t len)
{
	uint32_t hash = 0x811c9dc5u;
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x01000193u;
	return hash;
}

/* Members of one object by name, once there are many: places in in->members, counted from 1. */
struct name_index {
	uint32_t *slots;
	size_t size;
};

static bool same_name(
	const struct strbuf *out, const struct reprint_member *a, const struct reprint_member *b)
{
	return a->hash == b->hash && a->name_len == b->name_len &&
	       !memcmp(out->data + a->name, out->data + b->name, a->name_len);
}

#define FEW_MEMBERS 16

static void index_add(struct name_index *index, const struct reprint *in, size_t place)
{
	size_t at = in->members[place].hash & (index->size - 1);

	while (index->slots[at])
		at = (at + 1) & (index->size - 1);
	index->slots[at] = (uint32_t)place + 1;
}

static void index_grow(struct name_index *index, const struct reprint *in, size_t base)
{
	size_t place;

	index->size = index->size ? index->size * 4 : FEW_MEMBERS * 8;
	free(index->slots);
	index->slots = xcalloc(index->size, sizeof(*index->slots));
	for (place = base; place + 1 < in->member_count; place++)
		if (!in->members[place].dead)
			index_add(index, in, place);
}

/* Marks the earlier member of the newest one's name, if there is one, as replaced. */
static bool bury_namesake(
	struct reprint *in, size_t base, struct name_index *index, const struct strbuf *out)
{
	size_t last = in->member_count - 1, place, at;
	struct reprint_member *newest = &in->members[last];

	if (last - base < FEW_MEMBERS) {
		for (place = base; place < last; place++) {
			struct reprint_member *member = &in->members[place];

			if (!member->dead && same_name(out, member, newest))
				return member->dead = true;
		}
		return false;
	}
	if ((last - base) * 2 >= index->size)
		index_grow(index, in, base);
	for (at = newest->hash & (index->size - 1); index->slots[at];
		at = (at + 1) & (index->size - 1)) {
		struct reprint_member *member = &in->members[index->slots[at] - 1];

		if (!same_name(out, member, newest))
			continue;
		index->slots[at] = (uint32_t)last + 1;
		return member->dead = true;
	}
	index_add(index, in, last);
	return false;
}

/* Closes the gaps that dead members left. The first living one loses its comma. */
static void remove_dead(struct reprint *in, size_t base, size_t start, struct strbuf *out)
{
	size_t place, to = start;

	for (place = base; place < in->member_count; place++) {
		struct reprint_member *member = &in->members[place];
		size_t from = member->start;

		if (member->dead)
			continue;
		if (to == start && out->data[from] == ',')
			from++;
		memmove(out->data + to, out->data + from, member->end - from);
		to += member->end - from;
	}
	out->len = to;
	out->data[to] = '\0';
}

static bool print_member(struct reprint *in, unsigned level, bool first, struct strbuf *out)
{
	struct reprint_member *member = new_member(in);
	size_t place = in->member_count - 1;
	bool ok;

	*member = (struct reprint_member){.start = out->len};
	if (!first)
		strbuf_add_char(out, ',');
	add_line(out, level);
	member->name = out->len;
	ok = print_text(in, out) && reprint_take(in, ':');
	member->name_len = out->len - member->name;
	member->hash = hash_of(out->data + member->name, member->name_len);
	strbuf_add(out, ": ", 2);
	ok = ok && reprint_value(in, level, out);
	in->members[place].end = out->len;
	return ok;
}

static bool print_object(struct reprint *in, unsigned level, struct strbuf *out)
{
	size_t base = in->member_count, start;
	struct name_index index = {0};
	bool any_dead = false, ok;

	ok = open_bracket(in);
	strbuf_add_char(out, '{');
	start = out->len;
	while (ok && !reprint_take(in, '}')) {
		ok = print_member(in, level + 1, in->member_count == base, out) &&
		     (reprint_take(in, ',') || reprint_peek(in) == '}');
		any_dead |= ok && bury_namesake(in, base, &index, out);
	}
	if (ok && any_dead)
		remove_dead(in, base, start, out);
	if (in->member_count > base)
		add_line(out, level);
	strbuf_add_char(out, '}');
	free(index.slots);
	in->member_count = base;
	in->depth--;
	return ok;
}

static bool print_literal(struct reprint *in, struct strbuf *out)
{
	static const char *const words[] = {"true", "false", "null", "undefined"};
	const char *start = in->at;
	struct span literal;
	size_t i;

	while (in->at < in->end && is_literal(*in->at))
		in->at++;
	literal = (struct span){start, (size_t)(in->at - start)};
	if (literal.len && *start >= '0' && *start <= '9')
		return reprint_number(literal, out);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_is(literal, words[i])) {
			strbuf_add_span(out, literal);
			return true;
		}
	}
	if (span_is(literal, "NaN") || span_is(literal, "Infinity") ||
		span_is(literal, "-Infinity")) {
		reprint_quote(out, literal);
		return true;
	}
	return reprint_number(literal, out);
}

bool reprint_value(struct reprint *in, unsigned level, struct strbuf *out)
{
	switch (reprint_peek(in)) {
	case '{':
		return print_object(in, level, out);
	case '[':
		return print_array(in, level, out);
	case '"':
	case '\'':
		return print_text(in, out);
	default:
		return print_literal(in, out);
	}
}

bool reprint_skip(struct reprint *in)
{
	struct strbuf nothing = {0};
	bool ok = reprint_value(in, 0, &nothing);

	strbuf_clear(&nothing);
	return ok;
}

bool reprint_text(struct span text, unsigned level, struct strbuf *out)
{
	struct reprint in;
	size_t start = out->len;
	bool ok;

	reprint_start(&in, text);
	ok = reprint_value(&in, level, out) && reprint_at_end(&in);
	if (!ok) {
		out->len = start;
		if (out->data)
			out->data[start] = '\0';
	}
	reprint_clear(&in);
	return ok;
}

bool reprint_container(struct span text, unsigned level, struct strbuf *out)
{
	struct reprint in;
	char first;

	reprint_start(&in, text);
	first = reprint_peek(&in);
	return (first == '{' || first == '[') && reprint_text(text, level, out);
}
