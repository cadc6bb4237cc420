/* From a record to the event that is appended, or the reason why there is none (mapping.md). */
#ifndef ROWSTREAM_MAPPING_H
#define ROWSTREAM_MAPPING_H

#include "columns.h"
#include "error.h"
#include "event.h"
#include "record.h"

/* Everything that decides what becomes an event or its bytes. All texts borrowed until
 * mapping_free; no pointer is NULL unless said. Defaults: docs/configuration. */
struct mapping_options {
	const char *stream;	 /* template, "{table}-{key}" */
	const char *event_types; /* "op", "words" or a template */
	bool keyless_refuse;
	bool append_transactions, append_schema_changes;
	const char *unavailable_value;
	const char *outbox_type;
	const char *flattened_prefix;
	/* generation: topic or ^pattern -> text, first match. */
	const char *const *generation_topics, *const *generations;
	size_t generation_count;
	const char *const *flattened_topics, *const *flattened_fields, *const *outbox_topics;
	size_t flattened_topic_count, flattened_field_count, outbox_topic_count;
	const char *const *tables, *const *drop_tables, *const *drop_ops;
	size_t table_count, drop_table_count, drop_op_count; /* tables: none means all */
	struct columns_options columns;
};

struct mapping; /* compiled rules and the memory reused from record to record */

/* NULL and error (ERROR_INPUT, naming the option) when an option is wrong. */
struct mapping *mapping_new(const struct mapping_options *options, struct error *error);
void mapping_free(struct mapping *mapping);

enum mapping_result { MAPPING_EVENT, MAPPING_SKIPPED, MAPPING_REFUSED };

/* Maps one record. MAPPING_EVENT: *event is the caller's (event_free). MAPPING_SKIPPED: *reason
 * is a static word ("tombstone", "heartbeat", "notification", "transaction", "schema change",
 * "filtered"). MAPPING_REFUSED: error (ERROR_REFUSED) says why and on what column or member; the
 * caller adds topic, partition and offset. */
enum mapping_result mapping_apply(struct mapping *mapping, const struct record *record,
	struct event **event, const char **reason, struct error *error);

/* The change that the last mapping_apply decoded, for `map --explain`; valid until the next. */
const struct change *mapping_last_change(const struct mapping *mapping);

/* Keeps, from now on, what `map --explain` tells. */
void mapping_explain(struct mapping *mapping);
/* Of the last mapping_apply that gave an event, or filtered a record: ", stream by …, type by …,
 * after: db.t.mail masked by filter.mask_columns *.mail", each rule by its option. Valid until the
 * next. */
struct span mapping_why(struct mapping *mapping, bool is_event);

/* The generation of a topic ("" where none is configured). */
const char *mapping_generation(const struct mapping *mapping, const char *topic);

/* One line for each option that the fingerprint covers, "name: value", in a fixed order: what
 * the group's own stream keeps, and what a difference is shown with. Starts with
 * "mapping_version: 1". Caller frees. */
char *mapping_describe(const struct mapping *mapping);

#endif
