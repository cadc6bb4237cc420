/* Requests over HTTP/1.1, many at a time on one thread; libcurl is hidden here. */
#ifndef ROWSTREAM_ES_HTTP_H
#define ROWSTREAM_ES_HTTP_H

#include <poll.h>
#include <sys/queue.h>

#include "es_address.h"
#include "es_answer.h"
#include "strbuf.h"

struct es_http;
struct es_wire; /* the part of a slot that is libcurl's */

/* One request at a time. The caller fills the first part, the answer is there when it is done. */
struct es_slot {
	TAILQ_ENTRY(es_slot) entry;
	void *user;
	int kind;		    /* the caller's */
	struct strbuf target, body; /* the body must not move until done */

	struct es_answer answer;
	struct strbuf answer_body;
	size_t head_bytes;
	bool too_large;	 /* the answer's body was cut off at the limit */
	bool head_ended; /* the empty line behind the head came */
	char error[256]; /* the library's words when no answer came (status 0) */
	double seconds;	 /* with the ways over other nodes */

	struct es_wire *wire;
};

struct es_http_options {
	int connections;
	int connect_timeout_ms, request_timeout_ms;
};

struct es_http *es_http_new(const struct es_address *address, const struct es_http_options *options,
	struct error *error);
void es_http_free(struct es_http *http);
const char *es_http_address(const struct es_http *http); /* without credentials */

int es_http_free_slots(const struct es_http *http);
int es_http_in_flight(const struct es_http *http);
/* A slot to be filled and started; only while es_http_free_slots() > 0. */
struct es_slot *es_http_take(struct es_http *http);
/* Start it: one of the two kinds of request that the bridge makes all day, whose headers are
 * prepared, or any other with headers of its own (NULL-terminated lines, may be NULL). */
void es_http_append(struct es_http *http, struct es_slot *slot, int64_t expected_version);
void es_http_read(struct es_http *http, struct es_slot *slot);
void es_http_call(
	struct es_http *http, struct es_slot *slot, const char *method, const char *const *headers);
/* Moves the network on; sleeps until something moved, an extra descriptor is ready or the time is
 * up; not at all when a request is done already. */
void es_http_wait(struct es_http *http, struct pollfd *extra, size_t extra_count, int timeout_ms);
/* The next slot that is done, or NULL. It stays the caller's until es_http_give_back. */
struct es_slot *es_http_done(struct es_http *http);
void es_http_give_back(struct es_http *http, struct es_slot *slot);

const char *es_http_library_version(void);

#endif
