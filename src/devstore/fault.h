/* Misbehaviour on demand: which requests go wrong, and how. */
#ifndef DEVSTORE_FAULT_H
#define DEVSTORE_FAULT_H

#include "error.h"
#include "strbuf.h"
#include "util.h"

struct fault_set;

/* What befalls one request. Several faults may hit it: the delays add up, the first other one
 * counts. */
struct fault_plan {
	enum fault_kind {
		FAULT_NONE,
		FAULT_DELAY,	       /* written, answered late */
		FAULT_LOSE_BEFORE,     /* nothing written, connection closed */
		FAULT_LOSE_AFTER,      /* written, connection closed */
		FAULT_LATE,	       /* connection closed, written later all the same */
		FAULT_ERROR_AFTER,     /* written, 500 "Write timeout" */
		FAULT_ERROR,	       /* nothing written, 500 "Write timeout" */
		FAULT_UNAVAILABLE,     /* nothing written, 503 */
		FAULT_NEVER,	       /* nothing written, no answer, connection open */
		FAULT_NEVER_AFTER,     /* written, no answer, connection open */
		FAULT_DENY,	       /* 401 */
		FAULT_REDIRECT,	       /* 307 to another server */
		FAULT_TOO_LARGE,       /* nothing written, 413 */
		FAULT_TOO_LARGE_AFTER, /* written, 413 all the same */
		FAULT_CLOSE,	       /* answered, then the connection is closed */
		FAULT_REFUSE,	       /* all connections closed, new ones refused for a time */
		FAULT_KINDS,
	} kind;
	int64_t delay_ms; /* before the answer; FAULT_LATE, FAULT_REFUSE: how long */
	bool close;	  /* the connection ends behind the answer */
	const char *to;	  /* FAULT_REDIRECT: "host:port"; lives as long as the fault */
};

/* What a fault may look at. */
struct fault_subject {
	struct span method, stream; /* stream null: no stream's request */
	int connection_requests;    /* that this connection has had, this one included */
};

struct fault_set *fault_set_new(void);
void fault_set_free(struct fault_set *set);
/* "kind:key=value,…"; the help lists them. */
bool fault_set_add(struct fault_set *set, const char *spec, struct error *error);
void fault_set_clear(struct fault_set *set);
bool fault_set_empty(const struct fault_set *set);
void fault_plan_for(struct fault_set *set, const struct fault_subject *subject, int64_t now_ms,
	struct fault_plan *plan);
/* [{"fault": "…", "seen": n, "hits": n}, …]: requests it was asked about, and those it hit. */
void fault_set_print(const struct fault_set *set, struct strbuf *out);
/* For --help. */
extern const char fault_help[];

#endif
