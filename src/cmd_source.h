/* What the sub-commands of `rowstream source` share. */
#ifndef ROWSTREAM_CMD_SOURCE_H
#define ROWSTREAM_CMD_SOURCE_H

#include "command.h"
#include "connect.h"
#include "column_types.h"
#include "connector.h"
#include "findings.h"

struct source {
	const struct config *config;
	const char *name;			/* of the connector */
	struct connector_properties properties; /* configured and recommended */
	struct connect *connect;		/* not for types */
	struct connect_answer answer;		/* of the last request */
	struct findings findings;
	enum rows_format format;
	int64_t timeout_ms;
	bool all, drop_slot;
	bool is_missing;      /* check: Connect has no such connector yet */
	const char *database; /* --database, or NULL */
	char **files;	      /* of types */
	int file_count;
	const struct text_list *schema_files;
};

/* Each returns an exit code; source is opened and closed by who calls. */
int source_check(struct source *source);
int source_create(struct source *source);
int source_status(struct source *source);
int source_remove(struct source *source);
int source_types(struct source *source);

/* The first finding: which configuration. */
void source_begin(struct source *source);
/* Findings about worker, plugin and properties; all of them, or only what is wrong. */
void source_validate(struct source *source, bool all);
/* Findings about what the database says, where it can be asked. */
void source_check_database(struct source *source);
/* Drops both in the database of a connector with these properties; a finding. */
void source_drop_slot(struct source *source, const struct connector_properties *properties,
	const char *slot, const char *publication);
/* Types of all columns of the database at url. */
bool source_read_catalogue(
	struct source *source, const char *url, struct column_types *types, struct error *error);
/* A finding about what Connect answered; DONE adds none. True for DONE. */
bool source_is_done(struct source *source, enum connect_outcome outcome, const struct error *error);
/* Goes on in the sentence that stands there, full stop or not. */
void source_add_advice(struct strbuf *out, const char *advice);
/* Adds what a trace says and what to do about it. */
void source_add_cause(struct strbuf *out, const char *trace);

#endif
