/* From a record to a change event: Debezium's envelope in all its variants. */
#ifndef ROWSTREAM_CHANGE_H
#define ROWSTREAM_CHANGE_H

#include "arena.h"
#include "error.h"
#include "json_span.h"
#include "pattern.h"
#include "record.h"

/* What a record is (mapping.md, section 1). */
enum change_kind {
	CHANGE_ROW,	  /* op c u d r (Cassandra: i) */
	CHANGE_TRUNCATE,  /* op t */
	CHANGE_MESSAGE,	  /* op m */
	CHANGE_TOMBSTONE, /* null value, "null", or payload null; see flattened */
	CHANGE_HEARTBEAT,
	CHANGE_NOTIFICATION,
	CHANGE_TRANSACTION, /* BEGIN or END: op holds the status */
	CHANGE_SCHEMA,	    /* DDL */
	CHANGE_OUTBOX,	    /* record of a topic declared an outbox */
};

/* How the row images came. */
enum change_form { CHANGE_ENVELOPE, CHANGE_FLATTENED, CHANGE_CLOUDEVENT };

/* Declared formats: what cannot be told from the record itself. All borrowed, never NULL. */
struct change_rules {
	const struct pattern_list *flattened_topics;
	const char *flattened_prefix;		     /* "__" */
	const struct pattern_list *flattened_fields; /* further fields, exact names */
	const struct pattern_list *outbox_topics;
};

/* Start with {0}, decode record after record into it, change_clear at the end: memory is kept
 * between records. Nodes refer to key_doc or value_doc, whose text is the record's bytes. Texts
 * are decoded UTF-8 in the arena or inside the record; ptr NULL: null, absent or not a string. */
struct change {
	enum change_kind kind;
	enum change_form form;
	bool flattened; /* the topic is declared flattened: a tombstone may be all that tells */

	struct js_doc key_doc, value_doc, header_doc;
	bool key_is_json; /* false: a key that is no JSON; its bytes are a string (valid UTF-8) */
	uint32_t key;	  /* in key_doc, the Connect wrapper taken off; JS_NONE: no key */
	uint32_t key_schema;	 /* in key_doc: the wrapper's schema object, or JS_NONE */
	uint32_t payload;	 /* in value_doc, the wrapper taken off; JS_NONE for a null value */
	uint32_t payload_schema; /* in value_doc: the wrapper's schema, or JS_NONE */
	bool value_is_json;	 /* outbox only: false for text that is no JSON */

	/* Envelope members in value_doc; JS_NONE where absent (a JSON null stays a node). Of a
	 * flattened row before or after is the row, its added fields still in it. Of a CloudEvent
	 * they stand inside its data. */
	uint32_t before, after, source, transaction;
	uint32_t image_schema; /* CloudEvents: schema of `data`, in value_doc, or JS_NONE */
	uint32_t ce_data;      /* CloudEvents: the value of `data` */
	/* Flattened: name nodes in value_doc of the fields that the transform added, in order. */
	uint32_t *added_fields;
	size_t added_count, added_size;

	struct span op; /* "c", …; "BEGIN"/"END" of a transaction; ptr NULL where there is none */
	struct span ts_ms; /* source.ts_ms: the literal's digits (or a numeric string's), or null */
	struct span connector, name, db, schema, table; /* table: or collection; db: or keyspace */
	struct span snapshot;				/* null where it is null or "false" */
	struct span txid, position;			/* mapping.md, section 6 */
	struct span tx_order; /* transaction.total_order, a number's digits */
	struct span tx_id;    /* transaction.id of a row; id of a BEGIN or END */
	struct span message_prefix;
	struct span moved_to, moved_from; /* the other key, JSON text with the wrapper taken off */

	const struct record *record; /* the one that was decoded */
	struct arena arena;
	struct strbuf scratch;
};

/* False: refused; error says why without naming the record (the caller adds the context).
 * Everything in change refers to record's bytes until the next call. */
bool change_decode(struct change *change, const struct record *record,
	const struct change_rules *rules, struct error *error);
void change_clear(struct change *change);

/* A string's characters, or a number's or boolean's literal; null for anything else. Valid until
 * the next change_decode. */
struct span change_text_of(struct change *change, const struct js_doc *doc, uint32_t node);

/* Adds "<db>.<schema>.<table>" of a row or truncate, those parts that are there. */
void change_add_table(const struct change *change, struct strbuf *out);
/* The Connect schema of an image ("before", "after"), in value_doc; JS_NONE where there is none. */
uint32_t change_image_schema(const struct change *change, const char *name);

const char *change_kind_name(enum change_kind kind); /* "row", "tombstone", … */

#endif
