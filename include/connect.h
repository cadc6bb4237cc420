/* Kafka Connect's REST interface, as far as one connector needs it. */
#ifndef ROWSTREAM_CONNECT_H
#define ROWSTREAM_CONNECT_H

#include "arena.h"
#include "connector.h"
#include "error.h"

struct connect;

struct connect_options {
	const char *url, *username, *password, *ca_file; /* "" where there is none */
};

/* How a request ended. Whatever is not DONE sets error: AWAY and BUSY as ERROR_RETRY, the others
 * as ERROR_REFUSED, with Connect's own words. */
enum connect_outcome {
	CONNECT_DONE,
	CONNECT_MISSING, /* there is no such connector, or this Connect knows no such request */
	CONNECT_BUSY,	 /* 409: a rebalance goes on, the same again later */
	CONNECT_REFUSED,
	CONNECT_AWAY, /* no answer, or none of Connect's */
};

/* NULL and error (ERROR_INPUT). */
struct connect *connect_new(const struct connect_options *options, struct error *error);
void connect_free(struct connect *connect);
const char *connect_address(const struct connect *connect);

/* Answers below: start with {0}; filled again each time; connect_answer_clear for all of them. */
struct connect_answer {
	struct arena arena; /* every text */

	const char *version; /* of Connect */

	struct connect_plugin {
		const char *class_name, *version; /* version may be NULL */
	} * plugins;				  /* source connectors */
	size_t plugin_count;

	struct connect_problem {
		const char *property, *text;
	} * problems;
	size_t problem_count;
	const char **known; /* properties that the plugin knows, ends with NULL */
	size_t known_count;

	const char *state;	    /* "RUNNING", "PAUSED", "STOPPED", "FAILED", "UNASSIGNED" */
	const char *worker, *trace; /* trace: NULL where nothing failed */
	struct connect_task {
		int64_t id;
		const char *state, *worker, *trace;
	} * tasks;
	size_t task_count;

	struct connector_properties properties; /* as Connect has them */
	const char **names;			/* of connectors, sorted by Connect */
	size_t name_count;
};
void connect_answer_clear(struct connect_answer *answer);

/* version. */
enum connect_outcome connect_version(
	struct connect *connect, struct connect_answer *answer, struct error *error);
/* plugins. */
enum connect_outcome connect_plugins(
	struct connect *connect, struct connect_answer *answer, struct error *error);
/* names. */
enum connect_outcome connect_list(
	struct connect *connect, struct connect_answer *answer, struct error *error);
/* problems and known: the plugin's own look at the properties, which for most includes logging in
 * at the database. Takes seconds. */
enum connect_outcome connect_validate(struct connect *connect, const char *class_name,
	const struct connector_properties *properties, struct connect_answer *answer,
	struct error *error);
/* properties. */
enum connect_outcome connect_read(struct connect *connect, const char *name,
	struct connect_answer *answer, struct error *error);
/* state, worker, trace, tasks. */
enum connect_outcome connect_status(struct connect *connect, const char *name,
	struct connect_answer *answer, struct error *error);

/* Makes the connector, or gives it these properties. */
enum connect_outcome connect_write(struct connect *connect, const char *name,
	const struct connector_properties *properties, struct error *error);

enum connect_action {
	CONNECT_STOP,
	CONNECT_RESUME,
	CONNECT_RESTART_FAILED, /* the connector and its tasks, those that failed */
	CONNECT_FORGET_OFFSETS, /* of a connector that is stopped */
	CONNECT_REMOVE,
};
enum connect_outcome connect_act(
	struct connect *connect, const char *name, enum connect_action action, struct error *error);

#endif
