/* The projections engine of EventStoreDB / KurrentDB over HTTP: its projections listed, made,
 * changed, started, stopped, removed, and what they have computed. */
#ifndef ROWSTREAM_EVENTSTORE_PROJECTIONS_H
#define ROWSTREAM_EVENTSTORE_PROJECTIONS_H

#include "error.h"
#include "eventstore.h"
#include "strbuf.h"

enum projection_outcome {
	PROJECTION_DONE,
	PROJECTION_MISSING, /* 404; no error is set */
	PROJECTION_TAKEN,   /* 409: the name is another's; no error is set */
	PROJECTION_BUSY,    /* the node is not ready, or the projection not stopped: later again */
	PROJECTION_FAILED,  /* error says what and why */
};

/* As the engine tells it; texts belong to it and are never NULL. */
struct projection {
	char *name, *status, *reason, *mode, *position;
	double progress; /* per cent; -1 before it began */
	int64_t events;	 /* seen since it was started */
};

struct projection_list {
	struct projection *items;
	size_t count;
};

void projection_clear(struct projection *projection);
void projection_list_clear(struct projection_list *list);

/* "Running", also with words behind it. */
bool projection_runs(const struct projection *projection);
/* "Faulted", "Faulted (Enabled)", "Faulted/Stopped (Enabled)". */
bool projection_faulted(const struct projection *projection);
/* It does nothing and may be deleted. */
bool projection_stopped(const struct projection *projection);

/* All but transient ones. A server that has no engine: PROJECTION_FAILED, and error says so. */
enum projection_outcome projection_list_read(
	struct eventstore *store, struct projection_list *list, struct error *error);
enum projection_outcome projection_read(struct eventstore *store, const char *name,
	struct projection *projection, struct error *error);
/* Its JavaScript is added to source. */
enum projection_outcome projection_read_source(struct eventstore *store, const char *name,
	struct strbuf *source, bool *emits, struct error *error);
/* Continuous and enabled. One that emits also notes into which streams, so that they can be
 * deleted with it. */
enum projection_outcome projection_create(struct eventstore *store, const char *name,
	struct span source, bool emits, struct error *error);
/* Keeps the state, goes on where it was. */
enum projection_outcome projection_update(struct eventstore *store, const char *name,
	struct span source, bool emits, struct error *error);
/* "enable", "disable", "reset" */
enum projection_outcome projection_command(
	struct eventstore *store, const char *name, const char *command, struct error *error);
/* With its state, its checkpoints and what it emitted; only a stopped or faulted one. */
enum projection_outcome projection_delete(
	struct eventstore *store, const char *name, struct error *error);
/* The engine's own list of a projection's partitions, which projection_delete leaves behind and
 * which a new projection of the same name would stumble over. */
enum projection_outcome projection_delete_partitions(
	struct eventstore *store, const char *name, struct error *error);
/* JSON is added to state; nothing if there is none (yet). partition NULL: the one that has none,
 * or what all partitions share. position NULL or malloc'd. */
enum projection_outcome projection_state(struct eventstore *store, const char *name,
	const char *partition, struct strbuf *state, char **position, struct error *error);

#endif
