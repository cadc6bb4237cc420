/* libmicrohttpd without threads: requests are answered when the caller gives it a turn. */
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_CONNECTIONS 64
#define IDLE_SECONDS 30

struct http_server {
	struct MHD_Daemon *daemon;
	http_handler *handler;
	void *user;
	char address[80]; /* "127.0.0.1:8080" */
	bool local;
};

struct http_request {
	struct MHD_Connection *connection;
	const char *path;
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* --- Answers --- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value && value[0])
		MHD_add_response_header(response, name, value);
}

/* What a page may do: nothing but ask this server. */
static void add_headers(struct MHD_Response *response, const struct http_reply *reply)
{
	char seconds[16];

	add_header(response, "Content-Type", reply->content_type);
	add_header(response, "ETag", reply->etag);
	add_header(response, "Link", reply->link.data);
	add_header(response, "Cache-Control", "no-cache");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Content-Security-Policy",
		"default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
		"script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'");
	if (reply->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%d", reply->retry_after_s);
		add_header(response, "Retry-After", seconds);
	}
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result queued;
	size_t len = reply->body.len;

	response = MHD_create_response_from_buffer(
		len, strbuf_steal(&reply->body), MHD_RESPMEM_MUST_FREE);
	strbuf_clear(&reply->body);
	if (!response)
		return MHD_NO;
	add_headers(response, reply);
	queued = MHD_queue_response(connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return queued;
}

static void refuse(struct http_reply *reply, int status, const char *why)
{
	reply->status = status;
	reply->content_type = "application/json";
	strbuf_reset(&reply->body);
	strbuf_add_text(&reply->body, "{\"error\":");
	strbuf_add_json(&reply->body, span_of(why));
	strbuf_add_text(&reply->body, "}\n");
}

/* A page of another site whose name was made to lead here must not read a database's rows: on a
 * machine's own address only that machine's names are answered. */
static bool host_is_ours(const struct http_server *server, struct MHD_Connection *connection)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	size_t i, len;

	if (!server->local || !host)
		return true;
	len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(host, names[i], len) == 0)
			return true;
	return strcasecmp(host, server->address) == 0;
}

/* RFC 9110, 13.1.2, for the strong tags that we make: one of a list, or any. */
static bool is_known(struct MHD_Connection *connection, const struct http_reply *reply)
{
	const char *known =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");

	return known && reply->etag[0] && reply->status == 200 &&
	       (strcmp(known, "*") == 0 || strstr(known, reply->etag));
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **seen)
{
	struct http_server *server = user;
	struct http_request request = {connection, path};
	struct http_reply reply = {.status = 200, .content_type = "application/json"};
	enum MHD_Result queued;

	(void)version;
	(void)upload;
	if (!*seen) { /* the head is there, the body is not: the same call comes again */
		*seen = server;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		refuse(&reply, 405, "this is for reading: GET and HEAD");
	else if (!host_is_ours(server, connection))
		refuse(&reply, 421, "this server is not called that");
	else
		server->handler(server->user, &request, &reply);
	if (is_known(connection, &reply)) {
		reply.status = 304;
		strbuf_reset(&reply.body);
	}
	queued = send_reply(connection, &reply);
	strbuf_clear(&reply.link);
	return queued;
}

/* --- Addresses --- */

static bool parse_port(const char *text, in_port_t *port)
{
	int64_t number;

	if (!span_to_int64(span_of(text), &number) || number < 0 || number > 65535)
		return false;
	*port = htons((uint16_t)number);
	return true;
}

static bool parse_address(const char *listen, union address *address)
{
	const char *colon = strrchr(listen, ':');
	char host[64];
	size_t len = colon ? (size_t)(colon - listen) : 0;

	*address = (union address){0};
	if (!colon || len == 0 || len >= sizeof(host))
		return false;
	memcpy(host, listen, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		address->v6.sin6_family = AF_INET6;
		return inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) == 1 &&
		       parse_port(colon + 1, &address->v6.sin6_port);
	}
	address->v4.sin_family = AF_INET;
	if (strcmp(host, "localhost") == 0)
		memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
	return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 &&
	       parse_port(colon + 1, &address->v4.sin_port);
}

/* The port that the system chose. */
static void note_address(struct http_server *server, union address *address)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	socklen_t len = sizeof(*address);
	char host[INET6_ADDRSTRLEN] = "";

	if (info)
		getsockname(info->listen_fd, &address->any, &len);
	if (address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		server->local = IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
		snprintf(server->address, sizeof(server->address), "[%s]:%d", host,
			ntohs(address->v6.sin6_port));
		return;
	}
	inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
	server->local = ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	snprintf(server->address, sizeof(server->address), "%s:%d", host,
		ntohs(address->v4.sin_port));
}

/* A decoded NUL would end the text early, and another row would be answered than was asked for:
 * such a text stays as it came, and names nothing. */
static size_t unescape(void *user, struct MHD_Connection *connection, char *text)
{
	(void)user;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

static struct MHD_Daemon *start(struct http_server *server, const union address *address)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ITC;

	if (address->any.sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return MHD_start_daemon(flags, 0, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR,
		&address->any, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_UNESCAPE_CALLBACK,
		unescape, NULL, MHD_OPTION_END);
}

struct http_server *http_server_new(
	const char *listen, http_handler *handler, void *user, struct error *error)
{
	struct http_server *server;
	union address address;

	if (!parse_address(listen, &address)) {
		error_set(error, ERROR_INPUT,
			"'%s' is no address to listen on: write 127.0.0.1:8080 or [::1]:8080 "
			"(port 0: a free one)",
			listen);
		return NULL;
	}
	server = xcalloc(1, sizeof(*server));
	server->handler = handler;
	server->user = user;
	server->daemon = start(server, &address);
	if (!server->daemon) {
		error_set(error, ERROR_INPUT, "cannot listen on %s: %s", listen, strerror(errno));
		free(server);
		return NULL;
	}
	note_address(server, &address);
	return server;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	free(server);
}

const char *http_server_address(const struct http_server *server)
{
	return server->address;
}

bool http_server_is_local(const struct http_server *server)
{
	return server->local;
}

int http_server_fd(const struct http_server *server)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

void http_server_run(struct http_server *server, int timeout_ms)
{
	MHD_run_wait(server->daemon, timeout_ms);
}

/* --- Requests --- */

const char *http_request_path(const struct http_request *request)
{
	return request->path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_server_library_version(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "libmicrohttpd %s", MHD_get_version());
	return text;
}
