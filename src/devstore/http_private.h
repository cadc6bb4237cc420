/* Shared by the HTTP server's own files and by nothing else. */
#ifndef DEVSTORE_HTTP_PRIVATE_H
#define DEVSTORE_HTTP_PRIVATE_H

#include <sys/queue.h>

#include "http.h"
#include "http_parse.h"

/* http.h draws them; LINGERING: answered for the last time, input is thrown away. */
enum connection_state { READING_HEAD, READING_BODY, HANDLING, WRITING, LINGERING, CLOSED };

struct connection {
	struct http_exchange exchange; /* first: an exchange is its connection */
	struct http_server *server;
	TAILQ_ENTRY(connection) link;
	int fd; /* -1: detached */
	struct tls *tls;
	enum connection_state state;
	int64_t since_ms; /* when the state began, or the last byte moved */
	struct strbuf in; /* from the first byte of the current request on */
	struct http_head head;
	struct http_chunks chunks;
	struct strbuf out; /* status line, headers and a small body */
	size_t sent;	   /* of out and then of the exchange's body */
	size_t charged;	   /* of server->buffered */
	uint32_t interest; /* epoll's */
	int requests;
	bool keep_alive, advancing;
};

TAILQ_HEAD(connection_list, connection);

struct http_server {
	struct http_options options;
	struct timers *timers;
	struct timer sweep;
	int epoll, listener, port;
	struct connection_list open, closed;
	size_t count, buffered;
	bool accepting, finishing;
};

/* fd: accepted, non-blocking; becomes the connection's. */
void connection_open(struct http_server *server, int fd);
/* The memory lives on until connections_bury: epoll may still name it in this turn. */
void connection_close(struct connection *connection);
void connections_bury(struct http_server *server);
/* epoll has something to say. */
void connection_handle_event(struct connection *connection, uint32_t events);
/* Ends what has taken too long. */
void connection_check_age(struct connection *connection, int64_t now_ms);

#endif
