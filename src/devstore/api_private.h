/* Shared by the API's own files and by nothing else. */
#ifndef DEVSTORE_API_PRIVATE_H
#define DEVSTORE_API_PRIVATE_H

#include <sys/queue.h>

#include "api.h"
#include "auth.h"
#include "feed.h"
#include "media.h"
#include "uri.h"

/* An exchange that is not finished: it waits for the commit, for a time, or for events. */
struct pending {
	TAILQ_ENTRY(pending) link;
	struct pending_list *list; /* the one it is in, or NULL */
	struct api *api;
	struct http_exchange *exchange;
	struct timer timer;
	struct fault_plan plan;
	int64_t poll_number; /* a long poll: the number or position it waits for */
	char *poll_stream;   /* NULL: $all */
};

TAILQ_HEAD(pending_list, pending);

struct api {
	struct api_options options;
	struct http_server *server;
	struct pending_list held;      /* until the commit */
	struct pending_list committed; /* about to go out */
	struct pending_list polling;   /* for events */
	struct pending_list aside;     /* for their time, or for ever */
	int64_t started_ms;
	uint64_t requests, appends, reads;
};

/* A request as the routes see it. */
struct call {
	struct api *api;
	struct http_exchange *exchange;
	struct uri uri;
	struct strbuf stream;	  /* the name, decoded */
	struct span event, count; /* further parts of the path, as sent; null if absent */
	bool is_all, filtered;
	enum media body_media, media; /* of the request's body, of the answer */
	struct strbuf base;	      /* "http://host:port" as the client sees us */
	struct caller caller;
	struct fault_plan plan;
	bool polled; /* a long poll's second run: it does not wait again */
	bool parked; /* it waits now */
};

/* Runs a request; plan as it was drawn before, or NULL. */
void api_run(struct api *api, struct http_exchange *exchange, const struct fault_plan *plan);
/* True: a fault has dealt with the request. */
bool api_meet_fault(struct call *call);
/* The answer stands; it goes out now, or when the commit is done. */
void api_conclude(struct call *call);

/* A header under its old name "ES-<name>" or its new one, which wins; empty counts as absent. */
struct span call_header(const struct call *call, const char *name);
bool call_truth_header(const struct call *call, const char *name, bool *value);

bool same_word(struct span text, const char *word);

/* Answers; each replaces whatever was answered before. */
void answer_plain(struct http_exchange *exchange, int status, const char *reason);
void answer_empty(struct call *call, int status, const char *reason);
void answer_bad_request(struct call *call, const char *text);
void answer_wrong_header(struct call *call, const char *name);
void answer_json(struct call *call, int status, const char *reason, struct span json);
void answer_denied(struct call *call);
/* Content-Type and the rest of a 200; the body is filled by the caller. etag NULL: none. */
void answer_ok(struct call *call, enum media media);
/* A page's caching: head pages say no-cache unless the stream's metadata gives seconds. */
void answer_caching(struct call *call, bool for_ever, int64_t cache_control_s, const char *etag);
void answer_broken(struct http_exchange *exchange, const struct error *error);

/* Parks a read until its stream has an event of that number, or seconds have passed. */
void api_park_poll(struct call *call, int64_t number, int64_t seconds);

void handle_append(struct call *call);
void handle_append_incoming(struct call *call);
void handle_append_metadata(struct call *call);
void handle_delete(struct call *call);
void handle_read_backward(struct call *call);
void handle_read_forward(struct call *call);
void handle_read_event(struct call *call);
void handle_read_metadata(struct call *call);
void handle_read_metadata_backward(struct call *call);
void handle_read_metadata_forward(struct call *call);
void handle_all_backward(struct call *call);
void handle_all_forward(struct call *call);
void handle_info(struct call *call);
void handle_ping(struct call *call);
void handle_gossip(struct call *call);
void handle_health(struct call *call);
void handle_stats(struct call *call);
void handle_scavenge(struct call *call);
void handle_projections(struct call *call);
void handle_faults(struct call *call);
void handle_overview(struct call *call);
void handle_root(struct call *call);
void handle_stream_names(struct call *call);
void handle_web(struct call *call);

#endif
