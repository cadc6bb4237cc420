/* Answers HTTP requests on the caller's thread; libmicrohttpd is hidden here. */
#ifndef ROWSTREAM_HTTP_SERVER_H
#define ROWSTREAM_HTTP_SERVER_H

#include "error.h"
#include "strbuf.h"
#include "util.h"

struct http_server;
struct http_request;

struct http_reply {
	int status;
	const char *content_type;
	char etag[64];	    /* with its quotes; "" for none */
	int retry_after_s;  /* 0: no such header */
	struct strbuf link; /* value of a Link header */
	struct strbuf body;
};

/* Only GET and HEAD come here, with a Host that names this server. Whoever asked for what it has
 * already (If-None-Match) gets a 304 instead of the reply. */
typedef void http_handler(void *user, const struct http_request *request, struct http_reply *reply);

/* listen: "127.0.0.1:8080", "[::1]:0"; port 0: a free one. NULL and error (ERROR_INPUT). */
struct http_server *http_server_new(
	const char *listen, http_handler *handler, void *user, struct error *error);
void http_server_free(struct http_server *server);
/* "127.0.0.1:8080", with the port that it has. */
const char *http_server_address(const struct http_server *server);
/* True if only this machine can connect. */
bool http_server_is_local(const struct http_server *server);
/* Readable when a turn has something to do: for a loop that sleeps elsewhere. It needs a turn now
 * and then all the same: connections that are silent for long are closed in it. */
int http_server_fd(const struct http_server *server);
/* One turn: takes what has come and answers, and waits up to timeout_ms for it. */
void http_server_run(struct http_server *server, int timeout_ms);

/* The path with %XX decoded: "/tables/customers". */
const char *http_request_path(const struct http_request *request);
/* A parameter of the query, decoded; NULL if it is not there. */
const char *http_request_query(const struct http_request *request, const char *name);

/* "libmicrohttpd 0.9.75" */
const char *http_server_library_version(void);

#endif
