/* What a person looks at: colour or not, how wide, and text that cannot drive a terminal. */
#ifndef ROWSTREAM_TERMINAL_H
#define ROWSTREAM_TERMINAL_H

#include "strbuf.h"
#include "util.h"

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* --color. Without it colour is used on a terminal, unless NO_COLOR is set or TERM is dumb. */
void terminal_set_color(enum color_mode mode);
/* descriptor: STDOUT_FILENO or STDERR_FILENO. */
bool terminal_has_color(int descriptor);
/* True for a terminal that can move its cursor. */
bool terminal_is(int descriptor);
/* Columns; 0 where it is no terminal. */
int terminal_width(int descriptor);

/* RFC 3629; JSON may hold nothing else. */
bool terminal_is_utf8(struct span text);
/* Columns that a UTF-8 text takes on a terminal. */
int terminal_columns(struct span text);
/* Bytes of text, whole characters, that fit into columns. */
size_t terminal_cut(struct span text, int columns);
/* Adds text with everything that could drive a terminal made visible: control bytes, DEL and C1
 * controls as \n, \t or \x1b, direction marks as \u202e, bytes that are no UTF-8 as \xff. No
 * backslash is doubled: this is to be read, not to be parsed. */
void terminal_add_visible(struct strbuf *out, struct span text);
/* The same between double quotes, with quotes and backslashes of its own escaped: can be parsed. */
void terminal_add_quoted(struct strbuf *out, struct span text);
/* The same for JSON text, which stays the same JSON: what is harmful becomes a \u escape. */
void terminal_add_visible_json(struct strbuf *out, struct span json);

#endif
