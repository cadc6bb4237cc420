/* Names of streams (mapping.md, section 2). */
#ifndef ROWSTREAM_STREAM_NAME_H
#define ROWSTREAM_STREAM_NAME_H

#include "change.h"
#include "error.h"
#include "strbuf.h"

struct stream_template;

/* "{table}-{key}". NULL and error (ERROR_INPUT) when it breaks the rules: "-" directly before
 * {key}, none earlier, something before it, literals of the alphabet, known placeholders. */
struct stream_template *stream_template_new(const char *text, struct error *error);
void stream_template_free(struct stream_template *tmpl);
/* True if one of {db} {schema} {name} is in it: flattened rows have none of them. */
bool stream_template_needs_source(const struct stream_template *tmpl);

/* Adds a value's escaped form: '-' stands for itself only in keys. The value is UTF-8. */
void stream_name_escape(struct span value, bool is_key, struct strbuf *out);

enum key_result { KEY_RENDERED, KEY_ABSENT, KEY_REFUSED };

/* Adds the key's columns, rendered, escaped and joined with ':'. KEY_ABSENT: the record is
 * keyless. */
enum key_result stream_key(struct change *change, struct strbuf *out, struct error *error);

/* The row's stream, whole and within the length limit, in place of what out held. */
enum key_result stream_of_row(const struct stream_template *tmpl, struct change *change,
	struct strbuf *out, struct error *error);
/* The table-level stream, for keyless rows and truncates. */
void stream_of_table(const struct stream_template *tmpl, struct change *change, struct strbuf *out);
/* Cuts a name of over 512 bytes and marks it with the SHA-1 of the whole. */
void stream_name_limit(struct strbuf *name);

#endif
