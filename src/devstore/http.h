/* An HTTP/1.1 server on one thread: requests come in whole, answers go out when they are ready.
 *
 * Written here because the answers of EventStoreDB are more than libmicrohttpd can say: reason
 * phrases that clients show to people, targets that are decoded by our own rules, and misbehaviour
 * on demand. A connection has one request at a time; pipelined ones wait their turn.
 *
 *        request whole            http_answer … http_send
 *  READING ──────────► HANDLING ──────────────────────────► WRITING ──► READING, or closed
 *                          └── http_hang_up ──► closed
 */
#ifndef DEVSTORE_HTTP_H
#define DEVSTORE_HTTP_H

#include "error.h"
#include "strbuf.h"
#include "timer.h"
#include "util.h"

struct http_server;

struct http_request {
	struct span method, target;
	struct span headers; /* the lines, to look names up in */
	struct span body;
};

/* One request and its answer; lives from handle() to http_send() or http_hang_up(). */
struct http_exchange {
	struct http_request request;
	int status;	       /* 0: not answered yet */
	struct strbuf reason;  /* of the status line */
	struct strbuf headers; /* complete lines, each ended by CR LF */
	struct strbuf body;
	bool close; /* the connection ends behind this answer */
	/* Called when the client goes away before the answer is sent; the exchange is no more
	 * afterwards. NULL: nothing refers to it. */
	void (*gone)(struct http_exchange *exchange);
	void *owner; /* of whoever keeps the exchange waiting */
};

struct http_options {
	const char *listen;	/* an IPv4 or IPv6 address */
	int port;		/* 0: any free one */
	struct tls_server *tls; /* NULL: plain */
	/* A request is there. It is answered by http_send or http_hang_up, now or later. */
	void (*handle)(struct http_exchange *exchange, void *user);
	void *user;
};

struct http_server *http_server_new(
	const struct http_options *options, struct timers *timers, struct error *error);
void http_server_free(struct http_server *server);
int http_server_port(const struct http_server *server);
/* A turn also ends when this descriptor is readable. */
bool http_server_watch(struct http_server *server, int fd);
/* Waits for at most timeout_ms (-1: for ever) and handles what came. */
void http_server_turn(struct http_server *server, int timeout_ms);
/* Nobody can connect and nobody is connected until it is true again. */
void http_server_listen(struct http_server *server, bool on);
/* Takes no more connections and requests; current answers are sent with their connection closed.
 * False as long as some are under way. */
bool http_server_finish(struct http_server *server);
size_t http_server_connections(const struct http_server *server);

/* The value of a header (its name in any case), or SPAN_NULL; the first of several. */
struct span http_header(const struct http_exchange *exchange, const char *name);
/* Sets status and reason, dropping an answer that was set before. */
void http_answer(struct http_exchange *exchange, int status, const char *reason);
void http_add_header(struct http_exchange *exchange, const char *name, struct span value);
/* Requests that this connection has had, this one included. */
int http_request_count(const struct http_exchange *exchange);
bool http_is_encrypted(const struct http_exchange *exchange);
void http_send(struct http_exchange *exchange);
/* Closes the connection without a word, and keeps the request for later: the exchange goes on as
 * if its client were still there, and its answer goes nowhere. */
void http_detach(struct http_exchange *exchange);
/* Closes the connection without a word. */
void http_hang_up(struct http_exchange *exchange);

#endif
