/* What a person looks at: colour or not, how wide, and text that cannot drive a terminal. */
#include "autoconf.h" /* before all others: wcwidth is among the system's extensions */
#include "terminal.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static enum color_mode mode;

void terminal_set_color(enum color_mode wanted)
{
	mode = wanted;
}

bool terminal_is(int descriptor)
{
	const char *term = getenv("TERM");

	return isatty(descriptor) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_has_color(int descriptor)
{
	const char *no_color = getenv("NO_COLOR");

	if (mode != COLOR_AUTO)
		return mode == COLOR_ALWAYS;
	return terminal_is(descriptor) && !(no_color && *no_color);
}

int terminal_width(int descriptor)
{
	struct winsize size;

	if (!isatty(descriptor))
		return 0;
	if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* Bytes of the UTF-8 character at text, 0 if there is none; RFC 3629. */
static size_t decode(struct span text, wchar_t *c)
{
	static const wchar_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text.ptr[0];
	size_t len = first < 0x80   ? 1
		     : first < 0xc2 ? 0
		     : first < 0xe0 ? 2
		     : first < 0xf0 ? 3
				    : 4,
	       i;

	if (len == 0 || first > 0xf4 || len > text.len)
		return 0;
	*c = len == 1 ? first : first & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((text.ptr[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (text.ptr[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return len;
}

/* The width of characters must not depend on the user's locale, and nothing else may: the locale
 * is taken for the moment of asking. */
static int columns_of(wchar_t c)
{
	static locale_t utf8;
	locale_t before;
	int columns;

	if (c < 0x80)
		return 1;
	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return 1;
	before = uselocale(utf8);
	columns = wcwidth(c);
	uselocale(before);
	return columns < 0 ? 1 : columns;
}

bool terminal_is_utf8(struct span text)
{
	size_t at, len;
	wchar_t c;

	for (at = 0; at < text.len; at += len) {
		len = decode((struct span){text.ptr + at, text.len - at}, &c);
		if (!len)
			return false;
	}
	return true;
}

int terminal_columns(struct span text)
{
	int sum = 0;
	size_t at, len;
	wchar_t c = 0;

	for (at = 0; at < text.len; at += len) {
		len = decode((struct span){text.ptr + at, text.len - at}, &c);
		sum += len ? columns_of(c) : 1;
		len = len ? len : 1;
	}
	return sum;
}

size_t terminal_cut(struct span text, int columns)
{
	size_t at = 0, len;
	wchar_t c = 0;

	while (at < text.len) {
		len = decode((struct span){text.ptr + at, text.len - at}, &c);
		columns -= len ? columns_of(c) : 1;
		if (columns < 0)
			break;
		at += len ? len : 1;
	}
	return at;
}

/* Beside controls: what turns the direction of text round, and line and paragraph separators. */
static bool is_harmful(wchar_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

static void add_escape(struct strbuf *out, wchar_t c)
{
	if (c == '\n')
		strbuf_add_text(out, "\\n");
	else if (c == '\t')
		strbuf_add_text(out, "\\t");
	else if (c == '\r')
		strbuf_add_text(out, "\\r");
	else
		strbuf_printf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

void terminal_add_visible(struct strbuf *out, struct span text)
{
	size_t at, len;
	wchar_t c;

	for (at = 0; at < text.len; at += len) {
		len = decode((struct span){text.ptr + at, text.len - at}, &c);
		if (len && !is_harmful(c)) {
			strbuf_add(out, text.ptr + at, len);
			continue;
		}
		if (!len)
			c = (unsigned char)text.ptr[at];
		add_escape(out, c);
		len = len ? len : 1;
	}
}

void terminal_add_quoted(struct strbuf *out, struct span text)
{
	size_t from = 0, i;

	strbuf_add_char(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] != '"' && text.ptr[i] != '\\')
			continue;
		terminal_add_visible(out, (struct span){text.ptr + from, i - from});
		strbuf_add(out, (char[]){'\\', text.ptr[i]}, 2);
		from = i + 1;
	}
	if (from < text.len)
		terminal_add_visible(out, (struct span){text.ptr + from, text.len - from});
	strbuf_add_char(out, '"');
}

/* Outside strings JSON has no such characters, and below U+0020 only white space. */
void terminal_add_visible_json(struct strbuf *out, struct span json)
{
	size_t at, len;
	wchar_t c;

	for (at = 0; at < json.len; at += len) {
		len = decode((struct span){json.ptr + at, json.len - at}, &c);
		if (len && c >= 0x7f && is_harmful(c))
			strbuf_printf(out, "\\u%04x", (unsigned)c);
		else
			strbuf_add(out, json.ptr + at, len ? len : 1);
		len = len ? len : 1;
	}
}
