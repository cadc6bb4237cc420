/* An HTTP server that answers every append with 201 and stores nothing, reads with 404: the ceiling
 * that the bridge and wrk are measured against. Prints "ready http://127.0.0.1:PORT".
 *   sink201 [PORT [FILE]]
 * FILE: the page that a read of a group's own stream (~…) is answered with, because a bridge starts
 * only where its group is remembered. GET /counts says how many appends it answered, and when. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 16384

static char page[HEAD_BYTES / 2];
static int page_len;
static long long appends;
static int64_t first_us, last_us;

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

static void count_append(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	last_us = now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
	if (appends++ == 0)
		first_us = last_us;
}

static int answer_json(char *answer, size_t size, int len, const char *body)
{
	return snprintf(answer, size,
		"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.eventstore.atom+json\r\n"
		"Content-Length: %d\r\n\r\n%.*s",
		len, len, body);
}

static int answer_counts(char *answer, size_t size)
{
	char body[128];
	int len = snprintf(body, sizeof(body),
		"{\"appends\":%lld,\"first_us\":%" PRId64 ",\"last_us\":%" PRId64 "}", appends,
		first_us, last_us);

	return answer_json(answer, size, len, body);
}

static void prepare_answer(struct client *client)
{
	const char *version = header(client->head, "\r\nES-ExpectedVersion:");
	int len, path = (int)strcspn(client->head + 5, " ");

	if (strncmp(client->head, "POST ", 5) == 0) {
		if (strncmp(client->head, "POST /streams/~", 15) != 0)
			count_append();
		len = snprintf(client->answer, sizeof(client->answer),
			"HTTP/1.1 201 Created\r\nContent-Type: text/plain; charset=utf-8\r\n"
			"Location: http://127.0.0.1%.*s/%lld\r\nContent-Length: 0\r\n\r\n",
			path, client->head + 5, (version ? strtoll(version, NULL, 10) : -1) + 1);
	} else if (strncmp(client->head, "GET /counts ", 12) == 0) {
		len = answer_counts(client->answer, sizeof(client->answer));
	} else if (page_len && strncmp(client->head, "GET /streams/~", 14) == 0) {
		len = answer_json(client->answer, sizeof(client->answer), page_len, page);
	} else {
		len = snprintf(client->answer, sizeof(client->answer),
			"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
			"Content-Length: 0\r\n\r\n");
	}
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

static void read_page(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		fail(path);
	page_len = (int)fread(page, 1, sizeof(page), file);
	fclose(file);
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

	if (argc > 2)
		read_page(argv[2]);
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
