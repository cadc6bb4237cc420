/* Appends to and reads from EventStoreDB / KurrentDB; answers come classified, the wire is hidden.
 * Asynchronous: requests are started, eventstore_wait does the network, eventstore_finished hands
 * out what ended. Everything happens on the caller's thread, inside these calls. */
#ifndef ROWSTREAM_EVENTSTORE_H
#define ROWSTREAM_EVENTSTORE_H

#include <poll.h>

#include "error.h"
#include "store_answer.h"
#include "util.h"

struct eventstore;

struct eventstore_options {
	const char *url;      /* esdb://, esdb+discover://, kurrentdb://, … (facts: section 6) */
	const char *username; /* NULL: from the url, or none */
	const char *password;
	int connections; /* requests in flight at most, 1 to 1024 */
	int connect_timeout_ms, request_timeout_ms;
};

struct eventstore *eventstore_new(const struct eventstore_options *options, struct error *error);
void eventstore_free(struct eventstore *store); /* drops what is in flight */
/* "http://host:port", without credentials. */
const char *eventstore_address(const struct eventstore *store);
int eventstore_free_slots(const struct eventstore *store);
int eventstore_in_flight(const struct eventstore *store);

/* Starts one append; only while eventstore_free_slots() > 0. bodies are events as JSON objects
 * ({"eventId":…}); they are joined into the request's body here, so they need not outlive the
 * call. expected is the number of the stream's last event, -1 for none; it is always sent.
 * A 307 to another node is followed inside, with credentials and body. */
void eventstore_append(struct eventstore *store, struct span stream, int64_t expected,
	const struct span *bodies, size_t count, void *user);

/* Starts reading up to count (1 to 4096) events backward from number from (-1: the head), newest
 * first, with data and metadata; links are not resolved where the server can be told so. The
 * leader is asked for. */
void eventstore_read_backward(
	struct eventstore *store, struct span stream, int64_t from, int count, void *user);

enum eventstore_kind { EVENTSTORE_APPEND, EVENTSTORE_READ };

struct eventstore_result {
	enum eventstore_kind kind;
	void *user;
	enum append_outcome append;
	enum read_outcome read;
	int64_t first_number;	 /* APPEND_WRITTEN: number of the batch's first event */
	int64_t current_version; /* APPEND_CONFLICT: the stream's last number, -1 none */
	/* READ_PAGE: the largest of the entries' numbers and the ETag's; -1 unknown. */
	int64_t last_number;
	const struct stored_event *events; /* READ_PAGE, newest first */
	size_t event_count;
	bool at_start;	/* READ_PAGE: nothing older is left to read */
	int status;	/* HTTP status; 0: no answer at all */
	double seconds; /* from start to end */
	/* For a person, one line: status, reason, body and cause, or the library's words where no
	 * answer came; "" after APPEND_WRITTEN and READ_PAGE. */
	char text[256];
};

/* Next ended request; false when there is none now. Its slot is free again; events live until the
 * next call. */
bool eventstore_finished(struct eventstore *store, struct eventstore_result *result);

/* The one place where the loop sleeps: moves the network on, until something ended, one of the
 * extra descriptors is ready (revents are filled) or timeout_ms passed. */
void eventstore_wait(
	struct eventstore *store, struct pollfd *extra, size_t extra_count, int timeout_ms);

/* --- For commands: one call at a time, waited for. --- */

struct eventstore_answer {
	int status;
	char *body; /* malloc'd, NUL-terminated, may hold anything */
	size_t body_len;
	char *content_type, *location, *etag,
		*position;	 /* malloc'd or NULL; ES-/Kurrent-Position */
	int64_t current_version; /* -2: no such header */
	double seconds;
};

/* method "GET", "POST", "PUT", "DELETE"; target is a path with its query, already encoded;
 * headers: "Name: value" lines, NULL-terminated, may be NULL; body may be null. True: an answer
 * of any status came. False: none, or one of over 24 MiB; error (ERROR_RETRY) says what was tried.
 * Only while no append and no eventstore_read_backward is in flight; readers (eventstore_reader.h)
 * may be. */
bool eventstore_call(struct eventstore *store, const char *method, const char *target,
	const char *const *headers, struct span body, struct eventstore_answer *answer,
	struct error *error);
void eventstore_answer_clear(struct eventstore_answer *answer);

/* Adds "/streams/<percent-encoded name>" to out. */
struct strbuf;
void eventstore_stream_target(struct span stream, struct strbuf *out);

/* What `/info` says; words for an error message when appends answer 404. False: no answer. */
struct eventstore_info {
	char version[64]; /* esVersion */
	char state[32];	  /* "leader", … */
	int atom_pub;	  /* 1 on, 0 off, -1 not said (old servers: always on) */
	int projections;
};
bool eventstore_info(struct eventstore *store, struct eventstore_info *info, struct error *error);

/* "libcurl 7.88.1 OpenSSL/3.0.17" */
const char *eventstore_library_version(void);

#endif
