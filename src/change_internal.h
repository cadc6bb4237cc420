/* What the files that decode changes share: change.c (key, value, declared topics), change_kind.c
 * (what a payload is), change_source.c (identity, time, transaction, position),
 * change_cloudevent.c and change_flattened.c (the other forms of a row), change_members.c (typed
 * reading). */
#ifndef ROWSTREAM_CHANGE_INTERNAL_H
#define ROWSTREAM_CHANGE_INTERNAL_H

#include "change.h"

/* --- Members that are known by name --- */

#define MEMBERS_MAX 32

struct member_name {
	const char *text;
	uint8_t index; /* under MEMBERS_MAX */
};

/* Names by their length; each list ends with a NULL text. */
struct member_names {
	size_t longest;
	const struct member_name *const *by_length;
};

struct members {
	uint32_t node[MEMBERS_MAX]; /* values; JS_NONE where absent */
	uint32_t present;	    /* bit 1 << index */
	uint32_t others;	    /* members of other names */
};

#define MEMBER_BIT(index) (UINT32_C(1) << (index))

/* Notes where the named members of an object in value_doc stand. False: one of them stands there
 * twice, and who reads the data might take the other one. */
bool change_find_members(struct change *change, uint32_t object, const struct member_names *names,
	struct members *found, struct error *error);

enum take {
	TAKE_STRING = 1,
	TAKE_NUMBER = 2, /* its literal */
	TAKE_BOOLEAN = 4,
};

/* A member's text; null for null and absent. False: it is of another type, or no text. */
bool change_take(struct change *change, uint32_t node, unsigned kinds, struct span *text,
	struct error *error);
/* A time in milliseconds: a whole number of 64 bits, or a string of one. */
bool change_take_ms(struct change *change, uint32_t node, struct span *text, struct error *error);
/* False and error unless text is such a number or null. */
bool change_check_ms(struct span text, const char *name, struct error *error);

/* --- Wrappers and headers --- */

/* Takes off a Connect wrapper (an object of exactly schema and payload): returns the payload's
 * node, *schema the schema's or JS_NONE. Anything else is returned as it is. */
uint32_t change_unwrap(const struct js_doc *doc, uint32_t node, uint32_t *schema);
/* A header's value as text: bare, or as its converter wrote it; null for what is no text. */
struct span change_header_text(struct change *change, struct span value);
/* moved_to and moved_from. */
void change_read_moves(struct change *change);

/* --- Kinds, forms and parts --- */

/* True if the value's schema says by its name that it is something else than a bare row. */
bool change_is_named(struct change *change);
bool change_classify(struct change *change, struct error *error);

/* Refuses an op that is no row's, truncate's or message's; sets kind. */
bool change_take_op(struct change *change, struct span op, struct error *error);
bool change_check_images(const struct change *change, struct error *error);

/* From the source block, or a CloudEvent's attributes: identity, ts_ms, snapshot, txid, position.
 * tx_id must be set before. */
bool change_read_source(struct change *change, uint32_t object, struct error *error);
bool change_read_attributes(struct change *change, struct error *error);
/* A row without its table, or a source that nobody wrote, is no change. */
bool change_check_source(const struct change *change, struct error *error);

bool change_read_cloudevent(struct change *change, uint32_t data, struct error *error);
/* The value is the row itself. */
bool change_read_flattened(
	struct change *change, const struct change_rules *rules, struct error *error);
/* A tombstone of a flattened topic: a delete, of which headers may tell more. */
bool change_read_flattened_tombstone(
	struct change *change, const struct change_rules *rules, struct error *error);

#endif
