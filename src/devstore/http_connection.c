/* A connection and its states: bytes in, requests out; answers in, bytes out. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_private.h"
#include "tls.h"

/* The limits of the server whose place this one takes (Kestrel's defaults). */
#define MAX_BODY 30000000
#define IDLE_MS 130000
#define HEAD_MS 30000
#define BODY_GRACE_MS 5000
#define BODY_MIN_BYTES_PER_S 240
/* Ours: how long a client may leave its answer untouched, and an old socket lingers. */
#define WRITE_MS 60000
#define LINGER_MS 2000
/* After this an idle connection keeps no buffers. */
#define QUIET_MS 5000
/* Bytes of requests and answers in memory before new requests are told "too busy". */
#define MAX_BUFFERED ((size_t)512 << 20)
#define READ_STEP 16384
#define KEEP_BUFFER 65536

static void advance(struct connection *connection);

static struct connection *connection_of(struct http_exchange *exchange)
{
	return (struct connection *)exchange;
}

static void watch(struct connection *connection, uint32_t interest)
{
	struct epoll_event event = {.events = interest, .data.ptr = connection};

	if (interest == connection->interest)
		return;
	epoll_ctl(connection->server->epoll, connection->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		connection->fd, &event);
	connection->interest = interest;
}

static void set_state(struct connection *connection, enum connection_state state)
{
	connection->state = state;
	connection->since_ms = clock_ms();
}

static void charge(struct connection *connection, size_t bytes)
{
	connection->server->buffered += bytes - connection->charged;
	connection->charged = bytes;
}

static void exchange_clear(struct http_exchange *exchange)
{
	strbuf_clear(&exchange->reason);
	strbuf_clear(&exchange->headers);
	strbuf_clear(&exchange->body);
}

static void close_socket(struct connection *connection)
{
	tls_free(connection->tls);
	connection->tls = NULL;
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
}

/* The memory lives on until the turn is over: epoll may still name it. */
void connection_close(struct connection *connection)
{
	struct http_server *server = connection->server;
	struct http_exchange *exchange = &connection->exchange;

	if (connection->state == CLOSED)
		return;
	if (connection->state == HANDLING && exchange->gone)
		exchange->gone(exchange);
	connection->state = CLOSED;
	close_socket(connection);
	charge(connection, 0);
	TAILQ_REMOVE(&server->open, connection, link);
	TAILQ_INSERT_TAIL(&server->closed, connection, link);
	server->count--;
}

void connections_bury(struct http_server *server)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&server->closed))) {
		TAILQ_REMOVE(&server->closed, connection, link);
		exchange_clear(&connection->exchange);
		strbuf_clear(&connection->in);
		strbuf_clear(&connection->out);
		free(connection);
	}
}

void connection_open(struct http_server *server, int fd)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection->server = server;
	connection->fd = fd;
	connection->keep_alive = true;
	if (server->options.tls)
		connection->tls = tls_new(server->options.tls, fd);
	TAILQ_INSERT_TAIL(&server->open, connection, link);
	server->count++;
	set_state(connection, READING_HEAD);
	watch(connection, EPOLLIN | EPOLLRDHUP);
	if (server->options.tls && !connection->tls)
		connection_close(connection);
}

/* --- Bytes in and out --- */

static ssize_t receive(struct connection *connection, void *bytes, size_t size)
{
	bool wants_write;

	if (connection->tls)
		return tls_read(connection->tls, bytes, size, &wants_write);
	return recv(connection->fd, bytes, size, 0);
}

static size_t wanted_bytes(const struct connection *connection)
{
	size_t want = READ_STEP;

	if (connection->state == READING_BODY && !connection->head.chunked) {
		size_t whole = connection->head.len + (size_t)connection->head.content_length;

		if (whole > connection->in.len + want)
			want = whole - connection->in.len;
	}
	return want < (1u << 20) ? want : 1u << 20;
}

/* False when nothing more is to be had now; the connection may be closed then. */
static bool read_some(struct connection *connection)
{
	size_t want = wanted_bytes(connection);
	char *at = strbuf_reserve(&connection->in, want);
	ssize_t got = receive(connection, at, want);

	if (got > 0) {
		connection->in.len += (size_t)got;
		connection->in.data[connection->in.len] = '\0';
		if (connection->state == READING_HEAD)
			connection->since_ms = connection->in.len == (size_t)got
						       ? clock_ms()
						       : connection->since_ms;
		return true;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		connection_close(connection);
	return false;
}

static ssize_t send_bytes(struct connection *connection, const char *bytes, size_t len)
{
	bool wants_write;

	if (connection->tls)
		return tls_write(connection->tls, bytes, len, &wants_write);
	return send(connection->fd, bytes, len, MSG_NOSIGNAL);
}

/* Out first, then the body; true when all is gone. */
static bool write_some(struct connection *connection)
{
	const struct strbuf *out = &connection->out, *body = &connection->exchange.body;

	while (connection->sent < out->len + body->len) {
		bool in_body = connection->sent >= out->len;
		size_t at = in_body ? connection->sent - out->len : connection->sent;
		const struct strbuf *part = in_body ? body : out;
		ssize_t done = send_bytes(connection, part->data + at, part->len - at);

		if (done <= 0) {
			if (errno == EAGAIN)
				watch(connection, EPOLLOUT);
			else if (errno != EINTR)
				connection_close(connection);
			return false;
		}
		connection->sent += (size_t)done;
		connection->since_ms = clock_ms();
	}
	return true;
}

/* --- Requests --- */

static bool answer_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void compose(struct connection *connection)
{
	struct http_exchange *exchange = &connection->exchange;
	struct strbuf *out = &connection->out;

	strbuf_reset(out);
	strbuf_printf(out, "HTTP/1.1 %d ", exchange->status);
	strbuf_add_span(out, strbuf_span(&exchange->reason));
	strbuf_add_text(out, "\r\n");
	strbuf_add_span(out, strbuf_span(&exchange->headers));
	if (!connection->keep_alive)
		strbuf_add_text(out, "Connection: close\r\n");
	if (answer_has_body(exchange->status))
		strbuf_printf(out, "Content-Length: %zu\r\n", exchange->body.len);
	else
		strbuf_reset(&exchange->body);
	strbuf_add_text(out, "\r\n");
	if (exchange->body.len && exchange->body.len < READ_STEP) {
		strbuf_add_span(out, strbuf_span(&exchange->body));
		strbuf_reset(&exchange->body);
	}
	connection->sent = 0;
	charge(connection, connection->in.len + exchange->body.len);
}

static void start_writing(struct connection *connection)
{
	if (connection->exchange.close || connection->server->finishing)
		connection->keep_alive = false;
	compose(connection);
	set_state(connection, WRITING);
}

/* An answer that no handler sees; the connection cannot go on, its input is out of step. */
static void answer_badly(struct connection *connection, int status, const char *reason)
{
	http_answer(&connection->exchange, status, reason);
	connection->exchange.close = true;
	start_writing(connection);
}

static const char *reason_of(int status)
{
	switch (status) {
	case 408:
		return "Request Timeout";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	default:
		return "Bad Request";
	}
}

static void say_continue(struct connection *connection)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (connection->head.expect_continue && connection->in.len == connection->head.len)
		send_bytes(connection, line, sizeof(line) - 1);
}

/* Longer bodies get what the real server gives them: a bare 200, nothing is written. */
static void begin_body(struct connection *connection)
{
	int64_t length = connection->head.content_length;

	if (length > MAX_BODY) {
		answer_badly(connection, 200, "OK");
	} else if (connection->server->buffered > MAX_BUFFERED) {
		answer_badly(connection, 503, "Server Is Too Busy");
	} else {
		charge(connection, connection->head.len + (size_t)(length > 0 ? length : 0));
		connection->chunks = (struct http_chunks){0};
		say_continue(connection);
		set_state(connection, READING_BODY);
	}
}

/* Parses what is there; false if more has to come. */
static bool read_head(struct connection *connection)
{
	int status = http_parse_head(strbuf_span(&connection->in), &connection->head);

	if (!status)
		return false;
	connection->requests++;
	connection->keep_alive = status == 200 && connection->head.keep_alive;
	if (status == 200)
		begin_body(connection);
	else
		answer_badly(connection, status, reason_of(status));
	return true;
}

static void hand_over(struct connection *connection, size_t body_len)
{
	struct http_exchange *exchange = &connection->exchange;
	struct http_head head;

	/* The buffer may have moved since the head was read. */
	http_parse_head(strbuf_span(&connection->in), &head);
	exchange->request = (struct http_request){
		.method = head.method,
		.target = head.target,
		.headers = head.headers,
		.body = {connection->in.data + head.len, body_len},
	};
	exchange->status = 0;
	exchange->close = false;
	exchange->gone = NULL;
	exchange->owner = NULL;
	set_state(connection, HANDLING);
	connection->server->options.handle(exchange, connection->server->options.user);
}

static bool read_body(struct connection *connection)
{
	size_t head_len = connection->head.len;
	size_t here = connection->in.len - head_len;
	int status;

	if (!connection->head.chunked) {
		int64_t want = connection->head.content_length;
		size_t body_len = want > 0 ? (size_t)want : 0;

		if (here < body_len)
			return false;
		connection->chunks.read = body_len;
		hand_over(connection, body_len);
		return true;
	}
	status = http_parse_chunks(&connection->chunks, connection->in.data + head_len, here);
	charge(connection, connection->in.len);
	if (connection->chunks.data + connection->chunks.left > MAX_BODY)
		answer_badly(connection, 200, "OK");
	else if (status == 200)
		hand_over(connection, connection->chunks.data);
	else if (status)
		answer_badly(connection, status, reason_of(status));
	return status != 0 || connection->state != READING_BODY;
}

/* Behind an answer: the next request of a pipeline is here already, or has to come. */
static void begin_next(struct connection *connection)
{
	size_t used = connection->head.len + connection->chunks.read;
	struct strbuf *in = &connection->in;

	in->len -= used;
	memmove(in->data, in->data + used, in->len);
	if (!in->len && in->size > KEEP_BUFFER)
		strbuf_clear(in);
	if (connection->exchange.body.size > KEEP_BUFFER)
		strbuf_clear(&connection->exchange.body);
	strbuf_reset(&connection->exchange.reason);
	strbuf_reset(&connection->exchange.headers);
	strbuf_reset(&connection->exchange.body);
	charge(connection, 0);
	set_state(connection, READING_HEAD);
	watch(connection, EPOLLIN | EPOLLRDHUP);
}

/* Closing at once, with bytes unread, would make the kernel throw away the answer too. */
static void begin_linger(struct connection *connection)
{
	if (connection->tls || shutdown(connection->fd, SHUT_WR)) {
		connection_close(connection);
		return;
	}
	strbuf_clear(&connection->in);
	charge(connection, 0);
	set_state(connection, LINGERING);
	watch(connection, EPOLLIN);
}

static void linger(struct connection *connection)
{
	char waste[READ_STEP];
	ssize_t got;

	while ((got = recv(connection->fd, waste, sizeof(waste), 0)) > 0)
		;
	if (got == 0 || errno != EAGAIN)
		connection_close(connection);
}

static bool step(struct connection *connection)
{
	switch (connection->state) {
	case READING_HEAD:
		return (connection->in.len && read_head(connection)) || read_some(connection);
	case READING_BODY:
		return read_body(connection) || read_some(connection);
	case WRITING:
		if (!write_some(connection))
			return false;
		if (connection->keep_alive)
			begin_next(connection);
		else
			begin_linger(connection);
		return connection->keep_alive;
	case LINGERING:
		linger(connection);
		return false;
	case HANDLING:
	case CLOSED:
		break;
	}
	return false;
}

/* As far as it goes without waiting. A handler that sends at once comes back here through step,
 * not by calling itself. */
static void advance(struct connection *connection)
{
	if (connection->advancing)
		return;
	connection->advancing = true;
	while (step(connection))
		;
	connection->advancing = false;
}

void connection_handle_event(struct connection *connection, uint32_t events)
{
	if (connection->state != HANDLING) {
		advance(connection);
		return;
	}
	/* A client that shuts down even half of its connection gets no answer any more. */
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		connection_close(connection);
	else
		watch(connection, EPOLLRDHUP);
}

static void drop_buffers(struct connection *connection)
{
	strbuf_clear(&connection->in);
	strbuf_clear(&connection->out);
	exchange_clear(&connection->exchange);
}

void connection_check_age(struct connection *connection, int64_t now_ms)
{
	int64_t age_ms = now_ms - connection->since_ms;

	switch (connection->state) {
	case READING_HEAD:
		if (connection->in.len && age_ms > HEAD_MS)
			answer_badly(connection, 408, reason_of(408));
		else if (age_ms > (connection->requests ? IDLE_MS : HEAD_MS))
			connection_close(connection);
		else if (!connection->in.len && age_ms > QUIET_MS)
			drop_buffers(connection);
		break;
	case READING_BODY:
		if (age_ms > BODY_GRACE_MS &&
			(int64_t)connection->in.len * 1000 / age_ms < BODY_MIN_BYTES_PER_S)
			answer_badly(connection, 200, "OK");
		break;
	case WRITING:
		if (age_ms > WRITE_MS)
			connection_close(connection);
		break;
	case LINGERING:
		if (age_ms > LINGER_MS)
			connection_close(connection);
		break;
	case HANDLING:
	case CLOSED:
		break;
	}
	if (connection->state == WRITING)
		advance(connection);
}

/* --- For handlers --- */

struct span http_header(const struct http_exchange *exchange, const char *name)
{
	return http_find_header(exchange->request.headers, name);
}

void http_answer(struct http_exchange *exchange, int status, const char *reason)
{
	exchange->status = status;
	strbuf_reset(&exchange->reason);
	strbuf_reset(&exchange->headers);
	strbuf_reset(&exchange->body);
	strbuf_add_text(&exchange->reason, reason);
}

/* A header's value never ends its line, whoever it came from. */
void http_add_header(struct http_exchange *exchange, const char *name, struct span value)
{
	size_t i;

	strbuf_add_text(&exchange->headers, name);
	strbuf_add_text(&exchange->headers, ": ");
	for (i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] >= ' ')
			strbuf_add_char(&exchange->headers, value.ptr[i]);
	strbuf_add_text(&exchange->headers, "\r\n");
}

int http_request_count(const struct http_exchange *exchange)
{
	return ((const struct connection *)exchange)->requests;
}

bool http_is_encrypted(const struct http_exchange *exchange)
{
	return ((const struct connection *)exchange)->tls != NULL;
}

void http_send(struct http_exchange *exchange)
{
	struct connection *connection = connection_of(exchange);

	exchange->gone = NULL;
	if (connection->state != HANDLING)
		return;
	if (connection->fd < 0) {
		connection_close(connection);
		return;
	}
	start_writing(connection);
	advance(connection);
}

void http_detach(struct http_exchange *exchange)
{
	close_socket(connection_of(exchange));
}

void http_hang_up(struct http_exchange *exchange)
{
	exchange->gone = NULL;
	connection_close(connection_of(exchange));
}
