/* What the columns of a row image become on their way: dropped, masked, hashed, readable
 * (mapping.md, section 8). */
#ifndef ROWSTREAM_COLUMNS_H
#define ROWSTREAM_COLUMNS_H

#include "change.h"
#include "error.h"
#include "pattern.h"
#include "strbuf.h"

/* A semantic type told by the configuration: `<db>.<schema>.<table>.<column>` pattern -> type. */
struct column_type {
	const char *pattern;
	const char *type; /* "decimal(2)", "date", "timestamp-us", … */
};

struct columns_options {
	const char *const *drop, *const *mask,
					 *const *hash; /* patterns over db.schema.table.column */
	size_t drop_count, mask_count, hash_count;
	const char *hash_salt;
	const struct column_type *types;
	size_t type_count;
	bool canonical;
};

struct columns; /* compiled; read-only after new */

struct columns *columns_new(const struct columns_options *options, struct error *error);
void columns_free(struct columns *columns);

/* Adds the lower-case hex SHA-256 of salt followed by text. */
void columns_hash(struct span salt, struct span text, struct strbuf *out);

/* True when a rule drops, masks or hashes: an image that is no object cannot be let through. */
bool columns_hide(const struct columns *columns);

/* What the rules do with a column, drop before mask before hash. */
enum column_rule { COLUMN_KEPT, COLUMN_DROPPED, COLUMN_MASKED, COLUMN_HASHED };

/* table: "<db>.<schema>.<table>", or what stands for it. */
enum column_rule columns_rule(const struct columns *columns, struct span table, struct span column);
/* Adds the JSON string that a rule other than dropping makes of the text. */
void columns_write_text(
	const struct columns *columns, enum column_rule rule, struct span text, struct strbuf *out);

/* True when no rule is set at all: images may be copied as they are. */
bool columns_idle(const struct columns *columns);

/* Where an image stands, and what is known of it. */
struct column_image {
	const struct js_doc *doc;
	uint32_t image; /* an object node; anything else is copied as it stands */
	const struct js_doc *schema_doc;
	uint32_t schema;   /* the image's own Connect schema object, or JS_NONE */
	struct span table; /* "<db>.<schema>.<table>", parts that are there */
	bool is_key;	   /* a drop, mask or hash rule that hits it refuses the record */
	bool hide_only;	   /* no columns of the row: no canonical values */
	/* NULL, or true for a value that stays as it is, whatever the column's type. */
	bool (*is_raw)(const void *context, const struct js_doc *doc, uint32_t node);
	const void *context;
	size_t *grown;	      /* NULL, or where to add the bytes that values may have gained */
	struct strbuf *trace; /* NULL, or where to tell which rule did what to which column */
	const char *where;    /* for trace: "before", "after", "key" */
};

/* Adds the image's JSON text to out with all rules applied. False: refused, error says which
 * column and why. */
bool columns_write(const struct columns *columns, const struct column_image *image,
	struct strbuf *out, struct error *error);
/* Refuses when a drop, mask or hash rule hits a column of the key. */
bool columns_check_key(
	const struct columns *columns, const struct column_image *key, struct error *error);

#endif
