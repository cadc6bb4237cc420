/* What the operator decided: one table of options, read from defaults, the file, the environment
 * and flags, in that order; the last one wins. */
#ifndef ROWSTREAM_CONFIG_H
#define ROWSTREAM_CONFIG_H

#include "error.h"
#include "flags.h"
#include "log.h"
#include "mapping.h"
#include "outbox.h"
#include "terminal.h"

/* Names and values in the order in which they were given. */
struct text_map {
	const char **names, **values;
	size_t count;
};

enum config_values { VALUES_DEBEZIUM, VALUES_CANONICAL };
enum config_keyless { KEYLESS_APPEND, KEYLESS_REFUSE };
enum config_side_records { SIDE_RECORDS_SKIP, SIDE_RECORDS_APPEND };
enum config_shared_streams { SHARED_STREAMS_REFUSE, SHARED_STREAMS_ALLOW };
enum config_on_refusal { ON_REFUSAL_STOP };
enum config_on_hole { ON_HOLE_REFUSE, ON_HOLE_APPEND };
enum config_dedupe { DEDUPE_OFFSET, DEDUPE_SOURCE };

/* Read-only once loaded. One member for each option of docs/configuration.md, in its order;
 * texts are never NULL. */
struct config {
	const char *path;      /* the file that was read, or NULL */
	enum color_mode color; /* --color */

	struct text_map kafka; /* librdkafka's properties, unread */

	struct {
		struct text_list topics;
		struct text_list flattened_topics;
		const char *flattened_prefix;
		struct text_list flattened_fields;
		struct text_list outbox_topics;
		const char *outbox_type;
		const char *unavailable_value;
	} source;

	struct text_map generation; /* topic or ^pattern: text */

	struct {
		const char *url;
		const char *username, *password; /* "": those of the url, or none */
		int connections;
		int connect_timeout_ms, request_timeout_ms;
	} eventstore;

	struct {
		const char *stream;
		const char *event_types;
		enum config_values values;
		enum config_keyless keyless;
		enum config_side_records transactions, schema_changes;
		enum config_shared_streams shared_streams;
	} mapping;

	struct text_map types; /* column pattern: semantic type */

	struct {
		struct text_list tables, drop_tables, drop_ops;
		struct text_list drop_columns, mask_columns, hash_columns;
		const char *hash_salt;
	} filter;

	struct {
		int max_batch_events;
		size_t max_batch_bytes, max_event_bytes, max_in_flight_bytes;
		int max_uncommitted_records;
		enum config_on_refusal on_refusal;
		enum config_on_hole on_hole;
		enum on_deleted on_deleted;
		enum config_dedupe dedupe;
		int shutdown_timeout_ms;
	} pipeline;

	struct {
		const char *url, *username, *password, *ca_file;
	} registry;

	struct {
		const char *url, *username, *password, *ca_file, *name;
	} connect;

	struct text_map connector; /* Debezium's properties, unread */

	struct {
		const char *listen; /* "": off */
	} status;

	struct {
		enum log_level level;
		enum log_format format;
	} log;

	struct column_type *column_types; /* `types` as the mapping takes them */
	struct config_private *private;
};

/* -c, -v, -q, --color: for the help. */
extern const struct flag config_common_flags[];

/* Takes out of argv the options in own (may be NULL) and those that every sub-command has: -c FILE,
 * -v, -q, --color WHEN, --kafka NAME=VALUE and one for each option of the table
 * (--eventstore-url). What is left stays in argv[1..argc). Without -c it reads ./rowstream.yaml if
 * that is there. NULL and error (ERROR_INPUT: file, line, column, option, what is allowed). */
struct config *config_load(int *argc, char **argv, const struct flag *own, struct error *error);
void config_free(struct config *config);

/* Of librdkafka's property, as configured; NULL if it is not. */
const char *config_property(const struct config *config, const char *name);

/* The mapping's part of it; everything in options belongs to config. */
void config_mapping_options(const struct config *config, struct mapping_options *options);

#endif
