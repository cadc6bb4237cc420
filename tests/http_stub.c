/* The scripted HTTP server: one thread that polls all its connections. */
#include "http_stub.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "strbuf.h"
#include "util.h"

#define MAX_CLIENTS 64

struct client {
	int fd; /* -1: none */
	bool hangs;
	struct strbuf in;
};

struct stub {
	const struct stub_answer *answers;
	size_t answer_count;
	int listener, wake[2], port;
	pthread_t thread;
	bool running;
	struct client clients[MAX_CLIENTS];
	size_t connections, request_count;
	char **requests;
};

static void fail(const char *what)
{
	perror(what);
	abort();
}

static void close_client(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->hangs = false;
	strbuf_clear(&client->in);
}

/* The client may be gone, or cut the answer off: both are its right. */
static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

static void send_answer(int fd, const struct stub_answer *answer)
{
	char block[65536];
	size_t i, left = answer->padding, len = answer->text ? strlen(answer->text) : 0;

	for (i = 0; answer->pause_us && i < len; i++) {
		send_all(fd, answer->text + i, 1);
		usleep((useconds_t)answer->pause_us);
	}
	if (!answer->pause_us && len && !send_all(fd, answer->text, len))
		return;
	memset(block, 'x', sizeof(block));
	while (left > 0) {
		size_t some = left < sizeof(block) ? left : sizeof(block);

		if (!send_all(fd, block, some))
			return;
		left -= some;
	}
}

/* Bytes of the first whole request, or 0. */
static size_t whole_request(const struct strbuf *in)
{
	const char *end = in->len ? strstr(in->data, "\r\n\r\n") : NULL;
	const char *length = end ? strcasestr(in->data, "\r\nContent-Length:") : NULL;
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end + 4 - in->data);
	if (length && length < end)
		len += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	return len <= in->len ? len : 0;
}

static void take_request(struct stub *stub, struct client *client, size_t len)
{
	size_t index = stub->request_count;
	const struct stub_answer *answer =
		&stub->answers[index < stub->answer_count ? index : stub->answer_count - 1];

	stub->requests = xreallocarray(stub->requests, index + 1, sizeof(*stub->requests));
	stub->requests[stub->request_count++] = xstrndup(client->in.data, len);
	memmove(client->in.data, client->in.data + len, client->in.len - len + 1);
	client->in.len -= len;
	send_answer(client->fd, answer);
	client->hangs = answer->then == STUB_HANG;
	if (answer->then == STUB_CLOSE)
		close_client(client);
}

static void serve(struct stub *stub, struct client *client)
{
	ssize_t got = recv(client->fd, strbuf_reserve(&client->in, 65536), 65536, 0);
	size_t len;

	if (got <= 0) {
		close_client(client);
		return;
	}
	client->in.len += (size_t)got;
	client->in.data[client->in.len] = '\0';
	while (client->fd >= 0 && !client->hangs && (len = whole_request(&client->in)))
		take_request(stub, client, len);
}

static void welcome(struct stub *stub)
{
	size_t i;

	for (i = 0; i < MAX_CLIENTS && stub->clients[i].fd >= 0; i++)
		;
	if (i == MAX_CLIENTS)
		fail("too many connections");
	stub->clients[i].fd = accept(stub->listener, NULL, NULL);
	stub->connections++;
}

static void *run(void *arg)
{
	struct stub *stub = arg;
	struct pollfd fds[MAX_CLIENTS + 2];
	size_t i;

	for (;;) {
		for (i = 0; i < MAX_CLIENTS; i++)
			fds[i] = (struct pollfd){.fd = stub->clients[i].fd, .events = POLLIN};
		fds[MAX_CLIENTS] = (struct pollfd){.fd = stub->listener, .events = POLLIN};
		fds[MAX_CLIENTS + 1] = (struct pollfd){.fd = stub->wake[0], .events = POLLIN};
		poll(fds, MAX_CLIENTS + 2, -1);
		if (fds[MAX_CLIENTS + 1].revents)
			return NULL;
		for (i = 0; i < MAX_CLIENTS; i++)
			if (fds[i].revents)
				serve(stub, &stub->clients[i]);
		if (fds[MAX_CLIENTS].revents)
			welcome(stub);
	}
}

static void listen_somewhere(struct stub *stub)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stub->listener < 0 || bind(stub->listener, (struct sockaddr *)&address, len) ||
		listen(stub->listener, MAX_CLIENTS) ||
		getsockname(stub->listener, (struct sockaddr *)&address, &len))
		fail("listen");
	stub->port = ntohs(address.sin_port);
}

struct stub *stub_start(const struct stub_answer *answers, size_t count)
{
	struct stub *stub = xcalloc(1, sizeof(*stub));
	size_t i;

	stub->answers = answers;
	stub->answer_count = count;
	for (i = 0; i < MAX_CLIENTS; i++)
		stub->clients[i].fd = -1;
	listen_somewhere(stub);
	if (pipe(stub->wake) || pthread_create(&stub->thread, NULL, run, stub))
		fail("thread");
	stub->running = true;
	return stub;
}

int stub_port(const struct stub *stub)
{
	return stub->port;
}

void stub_stop(struct stub *stub)
{
	size_t i;

	if (!stub->running)
		return;
	if (write(stub->wake[1], "x", 1) != 1)
		fail("wake");
	pthread_join(stub->thread, NULL);
	for (i = 0; i < MAX_CLIENTS; i++)
		close_client(&stub->clients[i]);
	close(stub->listener);
	close(stub->wake[0]);
	close(stub->wake[1]);
	stub->running = false;
}

void stub_free(struct stub *stub)
{
	size_t i;

	if (!stub)
		return;
	stub_stop(stub);
	for (i = 0; i < stub->request_count; i++)
		free(stub->requests[i]);
	free(stub->requests);
	free(stub);
}

size_t stub_connections(const struct stub *stub)
{
	return stub->connections;
}

size_t stub_requests(const struct stub *stub)
{
	return stub->request_count;
}

const char *stub_request(const struct stub *stub, size_t index)
{
	return stub->requests[index];
}
