/* Text for manual pages, in man(7). */
#include "man.h"

/* Characters that troff would print as others. */
static const char *escape_of(char c)
{
	switch (c) {
	case '\\':
		return "\\e";
	case '-':
		return "\\-";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	case '\'':
		return "\\(aq";
	case '`':
		return "\\(ga";
	default:
		return NULL;
	}
}

void man_add(struct strbuf *out, const char *text)
{
	/* Here a line could be taken for a request. */
	if (*text == '.')
		strbuf_add_text(out, "\\&");
	for (; *text; text++) {
		const char *escape = escape_of(*text);

		if (escape)
			strbuf_add_text(out, escape);
		else
			strbuf_add_char(out, *text);
	}
}
