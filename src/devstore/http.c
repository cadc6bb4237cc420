/* The server: one epoll, one listener, and the list of its connections. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_private.h"

static bool watch_listener(struct http_server *server)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = server};

	server->accepting = epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) == 0;
	return server->accepting;
}

/* Without descriptors left the rest waits in the kernel's queue. epoll would go on announcing it,
 * so the listener is left out until the next sweep. */
static void stop_accepting(struct http_server *server)
{
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener, NULL);
	server->accepting = false;
}

static void accept_some(struct http_server *server)
{
	int i;

	for (i = 0; i < 64; i++) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			connection_open(server, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			stop_accepting(server);
		if (fd < 0)
			break;
	}
}

static void sweep(struct timer *timer)
{
	struct http_server *server =
		(struct http_server *)((char *)timer - offsetof(struct http_server, sweep));
	struct connection *connection, *next;
	int64_t now_ms = clock_ms();

	for (connection = TAILQ_FIRST(&server->open); connection; connection = next) {
		next = TAILQ_NEXT(connection, link);
		connection_check_age(connection, now_ms);
	}
	connections_bury(server);
	if (server->listener >= 0 && !server->accepting)
		watch_listener(server);
	timer_set(server->timers, timer, now_ms + 1000);
}

static int open_listener(struct http_server *server, struct error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *address = NULL;
	char port[16];
	int fd = -1, on = 1, why;

	snprintf(port, sizeof(port), "%d", server->port);
	why = getaddrinfo(server->options.listen, port, &hints, &address);
	if (why) {
		error_set(error, ERROR_INPUT, "--listen %s: %s (an IP address is wanted)",
			server->options.listen, gai_strerror(why));
		return -1;
	}
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, 1024)) {
		error_set(error, ERROR_INPUT, "cannot listen on %s port %d: %s",
			server->options.listen, server->port, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(address);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len))
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

static bool start_listening(struct http_server *server, struct error *error)
{
	server->listener = open_listener(server, error);
	if (server->listener < 0)
		return false;
	server->port = port_of(server->listener);
	return watch_listener(server);
}

struct http_server *http_server_new(
	const struct http_options *options, struct timers *timers, struct error *error)
{
	struct http_server *server = xcalloc(1, sizeof(*server));

	server->options = *options;
	server->timers = timers;
	server->port = options->port;
	server->listener = -1;
	server->sweep.fire = sweep;
	TAILQ_INIT(&server->open);
	TAILQ_INIT(&server->closed);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0 || !start_listening(server, error)) {
		error_set(error, ERROR_FATAL, "cannot start the server: %s", strerror(errno));
		http_server_free(server);
		return NULL;
	}
	timer_set(timers, &server->sweep, clock_ms() + 1000);
	return server;
}

static void close_all(struct http_server *server)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&server->open)))
		connection_close(connection);
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	timer_stop(server->timers, &server->sweep);
	close_all(server);
	connections_bury(server);
	if (server->listener >= 0)
		close(server->listener);
	if (server->epoll >= 0)
		close(server->epoll);
	free(server);
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

size_t http_server_connections(const struct http_server *server)
{
	return server->count;
}

static void stop_listening(struct http_server *server)
{
	if (server->listener >= 0)
		close(server->listener);
	server->listener = -1;
}

void http_server_listen(struct http_server *server, bool on)
{
	struct error error = {0};

	if (!on) {
		stop_listening(server);
		close_all(server);
	} else if (server->listener < 0 && !server->finishing && !start_listening(server, &error)) {
		fprintf(stderr, "rowstream-devstore: %s\n", error.text);
	}
}

bool http_server_finish(struct http_server *server)
{
	struct connection *connection, *next;

	server->finishing = true;
	stop_listening(server);
	for (connection = TAILQ_FIRST(&server->open); connection; connection = next) {
		next = TAILQ_NEXT(connection, link);
		if (connection->state != HANDLING && connection->state != WRITING)
			connection_close(connection);
	}
	connections_bury(server);
	return server->count == 0;
}

bool http_server_watch(struct http_server *server, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void http_server_turn(struct http_server *server, int timeout_ms)
{
	struct epoll_event events[256];
	int i, count;

	count = epoll_wait(server->epoll, events, 256, timeout_ms);
	for (i = 0; i < count; i++) {
		if (events[i].data.ptr == server)
			accept_some(server);
		else if (events[i].data.ptr)
			connection_handle_event(events[i].data.ptr, events[i].events);
	}
	connections_bury(server);
}
