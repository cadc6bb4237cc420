/* An HTTP server that answers every append with 201 and stores nothing, reads with 404: the ceiling
 * that the bridge and wrk are measured against. Prints "ready http://127.0.0.1:PORT". */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HEAD_BYTES 16384

struct client {
	int fd;
	size_t len;	   /* bytes in head, a request's and what follows it */
	size_t skip;	   /* bytes of the body still to come; the answer goes out behind them */
	size_t answer_len; /* 0: waiting for a head */
	char head[HEAD_BYTES + 1];
	char answer[HEAD_BYTES + 256];
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static const char *header(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);

	return at ? at + strlen(name) : NULL;
}

static void prepare_answer(struct client *client)
{
	const char *version = header(client->head, "\r\nES-ExpectedVersion:");
	int len, path = (int)strcspn(client->head + 5, " ");

	if (strncmp(client->head, "POST ", 5) == 0)
		len = snprintf(client->answer, sizeof(client->answer),
			"HTTP/1.1 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\n"
			"Location: http://127.0.0.1%.*s/%lld\r\nContent-Length: 0\r\n\r\n",
			path, client->head + 5, (version ? strtoll(version, NULL, 10) : -1) + 1);
	else
		len = snprintf(client->answer, sizeof(client->answer),
			"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
			"Content-Length: 0\r\n\r\n");
	client->answer_len = (size_t)len;
}

static void forget(struct client *client, size_t len)
{
	client->len -= len;
	memmove(client->head, client->head + len, client->len);
	client->head[client->len] = '\0';
}

/* False: not whole yet. */
static bool take_head(struct client *client)
{
	char *end = strstr(client->head, "\r\n\r\n");
	const char *length;

	if (!end)
		return false;
	end[2] = '\0'; /* what follows is not searched for headers */
	length = header(client->head, "\r\nContent-Length:");
	client->skip = length ? strtoul(length, NULL, 10) : 0;
	prepare_answer(client);
	forget(client, (size_t)(end + 4 - client->head));
	return true;
}

/* Answers all requests that are whole. False: close. */
static bool take(struct client *client)
{
	while (client->answer_len || take_head(client)) {
		size_t skipped = client->skip < client->len ? client->skip : client->len;
		ssize_t sent;

		forget(client, skipped);
		client->skip -= skipped;
		if (client->skip)
			return true;
		sent = send(client->fd, client->answer, client->answer_len, MSG_NOSIGNAL);
		if (sent != (ssize_t)client->answer_len)
			return false;
		client->answer_len = 0;
	}
	return client->len < HEAD_BYTES;
}

static bool serve(struct client *client)
{
	ssize_t got = recv(client->fd, client->head + client->len, HEAD_BYTES - client->len, 0);

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	client->len += (size_t)got;
	client->head[client->len] = '\0';
	return take(client);
}

static int listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 512))
		fail("listen");
	getsockname(fd, (struct sockaddr *)&address, &len);
	printf("ready http://127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void welcome(int epoll, int listener)
{
	struct client *client = calloc(1, sizeof(*client));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
	int on = 1;

	client->fd = accept(listener, NULL, NULL);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (client->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event))
		fail("accept");
}

int main(int argc, char **argv)
{
	int listener = listen_on(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0),
	    epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN}, events[64];

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int i, count = epoll_wait(epoll, events, 64, -1);

		for (i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;

			if (!client) {
				welcome(epoll, listener);
			} else if (!serve(client)) {
				close(client->fd);
				free(client);
			}
		}
	}
}
