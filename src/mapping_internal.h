/* What the files of the mapping share: mapping.c (rules, streams, types), mapping_data.c (an
 * event's data), mapping_metadata.c (its metadata), mapping_hide.c (what must not leave),
 * mapping_explain.c (which rule did what). */
#ifndef ROWSTREAM_MAPPING_INTERNAL_H
#define ROWSTREAM_MAPPING_INTERNAL_H

#include "mapping.h"
#include "stream_name.h"

/* The data as pieces that stand elsewhere: the record's bytes, or scratch. */
struct pieces {
	struct span *items;
	size_t count, size, bytes;
};

struct mapping {
	struct mapping_options options;
	struct stream_template *template;
	struct columns *columns;
	struct change_rules rules;
	struct pattern_list *generations, *tables, *drop_tables, *drop_ops;
	struct pattern_list *flattened_topics, *flattened_fields, *outbox_topics;
	/* Forms of unavailable_value, without quotes (mapping.md, section 6). */
	struct strbuf placeholder_base64, placeholder_hstore;
	char placeholder_uuid[37];

	struct change change;
	struct strbuf stream, type, type_json, metadata, table;
	struct strbuf key, before, after, whole; /* texts that pieces point into */
	struct strbuf pointers;			 /* JSON Pointers of numbers sent as strings */
	struct js_doc doc;
	struct pieces data;
	size_t grown;	     /* bytes that the data may hold more than the record */
	bool explains;	     /* trace is kept */
	struct strbuf trace; /* column rules that were applied, the filter that matched */
	struct strbuf why;
	const char *type_from; /* of an outbox event: header, member or topic */
	bool is_keyless;       /* the stream is the table's, for want of a key */
	bool is_delete;	       /* a flattened tombstone: op d without an image */
};

/* mapping_data.c: fills mapping->data (and pointers). False: refused. */
bool mapping_data(struct mapping *mapping, struct error *error);
/* Upper bound of what the store will keep of it. */
size_t mapping_stored_bytes(const struct mapping *mapping);

/* mapping_hide.c. True if nothing that column rules hide could leave but in the images and the
 * transform's fields, where the rules work. False: refused. */
bool mapping_is_tight(struct mapping *mapping, struct error *error);
bool mapping_hides(struct mapping *mapping, struct span column);
/* What stands for "<db>.<schema>.<table>" in a column's full name: of an outbox, the topic. */
struct span mapping_column_table(struct mapping *mapping);
/* True for a member, by its name's node, that holds SQL and must not leave under such rules. */
bool mapping_is_statement(const struct mapping *mapping, const struct js_doc *doc, uint32_t name);

/* A schema change of tables that are filtered, all of them. */
bool mapping_ddl_is_filtered(struct mapping *mapping);

/* mapping.c: "<db>.<schema>.<table>" is not among filter.tables, or is among drop_tables. */
bool mapping_table_is_filtered(struct mapping *mapping, struct span table);

/* mapping_explain.c: NULL, or where column rules are told. */
struct strbuf *mapping_trace(struct mapping *mapping);
/* Notes which pattern of an option filtered the record. */
void mapping_trace_filter(struct mapping *mapping, const char *option, const char *pattern);

/* mapping_placeholder.c */
void mapping_encode_placeholder(struct mapping *mapping);
/* True for a value of after that only says that the column was not sent. */
bool mapping_is_placeholder(const void *mapping, const struct js_doc *doc, uint32_t node);

/* mapping_metadata.c: fills mapping->metadata. */
void mapping_metadata(struct mapping *mapping);
/* The op of the event: the change's, or d of a tombstone; ptr NULL where there is none. */
struct span mapping_op(const struct mapping *mapping);
/* "<db>.<schema>.<table>", the parts that are there; ptr NULL when none is. */
struct span mapping_table(struct mapping *mapping);
/* Transaction records: the transaction as its rows name it. */
struct span mapping_transaction(const struct mapping *mapping);
struct span mapping_topic_prefix(const struct record *record);

#endif
