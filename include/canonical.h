/* Values of known semantic type as text that people and programs read alike (mapping.md, section
 * 8). */
#ifndef ROWSTREAM_CANONICAL_H
#define ROWSTREAM_CANONICAL_H

#include "json_span.h"
#include "strbuf.h"

enum semantic_kind {
	SEMANTIC_NONE, /* as received */
	SEMANTIC_DECIMAL,
	SEMANTIC_VARIABLE_DECIMAL,
	SEMANTIC_DATE,	    /* days since 1970 */
	SEMANTIC_TIME,	    /* since midnight */
	SEMANTIC_TIMESTAMP, /* since 1970, wall time without zone */
};

struct semantic {
	enum semantic_kind kind;
	int64_t scale;	     /* of a decimal */
	int fraction_digits; /* of a time or timestamp: 3, 6 or 9 */
	bool is_array;	     /* an array of such values, element by element */
};

/* From the configuration: "decimal(2)", "decimal" (VariableScaleDecimal), "date", "time-ms",
 * "timestamp-us", …, each with "[]" behind it for an array. False: no such. */
bool semantic_of_text(const char *text, struct semantic *semantic);
/* From a Connect schema object; SEMANTIC_NONE where its name says nothing that matters here. */
struct semantic semantic_of_schema(const struct js_doc *doc, uint32_t schema);

/* As the configuration would name it: "decimal(2)", "date", …; for messages. */
void semantic_describe(const struct semantic *semantic, char *text, size_t size);

/* Adds the canonical JSON string of a value that is not null. False: it does not fit its type. */
bool canonical_write(const struct semantic *semantic, const struct js_doc *doc, uint32_t value,
	struct strbuf *out);

#endif
