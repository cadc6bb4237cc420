/* What the files that decode changes share: change.c (what a record is), change_source.c (the
 * source block), change_flattened.c (rows without an envelope). */
#ifndef ROWSTREAM_CHANGE_INTERNAL_H
#define ROWSTREAM_CHANGE_INTERNAL_H

#include "change.h"

/* Takes off a Connect wrapper (an object of exactly schema and payload): returns the payload's
 * node, *schema the schema's or JS_NONE. Anything else is returned as it is. */
uint32_t change_unwrap(const struct js_doc *doc, uint32_t node, uint32_t *schema);
/* The last header of that name; ptr NULL: none, or a null value. */
struct span change_header(const struct change *change, const char *name);
/* A header's value as JSON with a wrapper taken off (text that is no JSON becomes a JSON string);
 * in the arena. */
struct span change_header_json(struct change *change, struct span value);

/* change_source.c: identity, time, transaction and position, from source or from CloudEvents
 * attributes. */
void change_read_source(struct change *change);

/* change_flattened.c: the value is the row itself. */
bool change_read_flattened(
	struct change *change, const struct change_rules *rules, struct error *error);
/* The table of a record without a source: the topic's last part. */
struct span change_topic_table(const struct record *record);

#endif
