/* One HTTP server asked now and then, one request after the other: Kafka Connect, the schema
 * registry. EventStoreDB, with many requests at a time, has es_http. libcurl is hidden here. */
#ifndef ROWSTREAM_HTTP_CLIENT_H
#define ROWSTREAM_HTTP_CLIENT_H

#include "error.h"
#include "strbuf.h"

struct http_client;

/* Texts may be NULL or "" where there is nothing to say; used during http_client_new only. */
struct http_client_options {
	const char *option;		 /* whose url this is, for messages: "connect.url" */
	const char *url;		 /* "https://host:8083/base"; may hold user:password@ */
	const char *username, *password; /* over those of the url */
	const char *ca_file;		 /* trusted instead of the system's certificates */
	int connect_timeout_ms, request_timeout_ms;
	size_t max_answer_bytes; /* 0: 64 MiB */
};

struct http_client_answer {
	int status;
	struct strbuf body;
};

/* NULL and error (ERROR_INPUT, never with user or password) for a URL that is none, or a file that
 * cannot be read. Nothing is connected yet. */
struct http_client *http_client_new(const struct http_client_options *options, struct error *error);
void http_client_free(struct http_client *client);

/* Blocks until the whole answer is there, whatever its status. path begins with '/', is put behind
 * the url as it stands (percent-encode names with http_client_add_name). media, of body and
 * answer: "application/json". A body whose ptr is NULL is none. Start answer with {0}, it can be
 * used again; clear its body at the end. False: no answer came, error (ERROR_RETRY) says why. */
bool http_client_call(struct http_client *client, const char *method, const char *path,
	const char *media, struct span body, struct http_client_answer *answer,
	struct error *error);

/* --- The same for a loop that sleeps elsewhere; never mixed with the blocking call. --- */

/* Starts GET path; one at a time. answer must stay where it is until http_client_step has ended
 * it. */
void http_client_begin(struct http_client *client, const char *path, const char *media,
	struct http_client_answer *answer);
enum http_client_state { HTTP_CLIENT_BUSY, HTTP_CLIENT_ANSWERED, HTTP_CLIENT_FAILED };
/* Moves the network on, never blocks. FAILED: error (ERROR_RETRY). After ANSWERED and FAILED the
 * next may begin. */
enum http_client_state http_client_step(
	struct http_client *client, int64_t now_ms, struct error *error);
/* While it is BUSY: step when this is readable, or at this time (clock_ms; -1: no time). */
int http_client_fd(const struct http_client *client);
int64_t http_client_due_ms(const struct http_client *client);

/* "http://host:port/base" without credentials, for messages. */
const char *http_client_address(const struct http_client *client);
/* Adds name as one segment of a path. */
void http_client_add_name(struct strbuf *path, struct span name);

#endif
