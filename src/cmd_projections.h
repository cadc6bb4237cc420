/* What the sub-commands of `rowstream projections` share. */
#ifndef ROWSTREAM_CMD_PROJECTIONS_H
#define ROWSTREAM_CMD_PROJECTIONS_H

#include "command.h"
#include "eventstore_projections.h"
#include "findings.h"

/* Names that begin so are ours to change and to remove. */
#define PROJECTIONS_PREFIX "rowstream-"

struct projections {
	const struct config *config;
	struct eventstore *store;
	struct projection_list present; /* as the server listed them at the start */
	struct findings findings;
	enum rows_format format;
	const char *directory; /* of *.js */
	const char *partition; /* or NULL */
	int64_t timeout_ms;
	bool standard, reset, confirmed;
	char **names; /* given; with or without the prefix, or "$…" */
	int name_count;
};

/* A file of the directory. */
struct projection_file {
	char *name; /* with the prefix */
	struct strbuf source;
	bool emits; /* its leading comment has a line "Emit: yes" */
};

struct projection_files {
	struct projection_file *items;
	size_t count;
};

/* Each returns an exit code. */
int projections_list(struct projections *projections);
int projections_deploy(struct projections *projections);
int projections_status(struct projections *projections);
int projections_state(struct projections *projections);
int projections_remove(struct projections *projections);

/* All *.js of the directory, by name. False and error (ERROR_INPUT). */
bool projection_files_read(
	const char *directory, struct projection_files *files, struct error *error);
void projection_files_clear(struct projection_files *files);

/* The name on the server: with the prefix, unless it has it or begins with '$'. malloc'd. */
char *projections_name(const char *given);
const struct projection *projections_present(
	const struct projections *projections, const char *name);
/* Again while the node is not ready, until until_ms. A finding unless DONE or MISSING. */
enum projection_outcome projections_read(struct projections *projections, const char *name,
	int64_t until_ms, struct projection *projection);
/* A finding about an outcome that is no DONE; MISSING and TAKEN have words of their own. */
void projections_report(struct projections *projections, const char *name,
	enum projection_outcome outcome, const struct error *error);
/* Sleeps a moment between two looks. */
void projections_pause(void);

#endif
