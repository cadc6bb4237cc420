/* libcurl's multi interface as a pool of slots. HTTP/1.1 with keep-alive: as many easy handles as
 * connections, bodies from memory, no Expect, every request with its length. */
#include "es_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <nettle/base64.h>

/* A single event of 4 MiB comes back as JSON text inside a JSON string. */
#define MAX_ANSWER_BYTES (24u << 20)
/* Servers send about 1 KiB; a Location holds a whole stream name, percent-encoded. */
#define MAX_HEAD_BYTES (64u << 10)
/* A slot's buffers that have grown over this are not kept for its next request. */
#define MAX_IDLE_BYTES (1u << 20)
#define MAX_HOPS 3
/* "ES-ExpectedVersion: " and the longest number. */
#define VERSION_HEADER_BYTES 48

/* What an easy handle was last set up for. */
enum es_mode { ES_MODE_NONE, ES_MODE_APPEND, ES_MODE_READ, ES_MODE_CALL };

struct es_wire {
	struct es_slot *slot;
	CURL *easy;
	enum es_mode mode;
	struct curl_slist *append, *read, *own;
	char *version_header; /* the text of a node of append, rewritten in place */
	struct strbuf url;
	int hops;
};

TAILQ_HEAD(slot_list, es_slot);

struct es_http {
	CURLM *multi;
	struct es_slot *slots;
	int count, busy;
	struct slot_list idle, done;
	char *base;	     /* as configured: "http://host:port" */
	char *leader;	     /* where a 307 led to, or NULL */
	char *authorization; /* a whole header line, or NULL */
	bool tls;
	/* What libcurl waits for, as it tells: asking all its handles at each turn costs more than
	 * the request that moved. */
	struct pollfd *watched;
	size_t watched_count, watched_size;
	int64_t timer_due_ms;  /* -1: none */
	struct pollfd *polled; /* watched and the caller's, while they are waited for */
	size_t polled_size;
};

/* --- What curl calls back --- */

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
	struct es_slot *slot = user;
	size_t len = size * count;

	if (slot->answer_body.len + len > MAX_ANSWER_BYTES) {
		slot->too_large = true;
		return 0;
	}
	strbuf_add(&slot->answer_body, bytes, len);
	return len;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
	struct es_slot *slot = user;
	struct span line = {bytes, size * count};

	slot->head_bytes += line.len;
	if (slot->head_bytes > MAX_HEAD_BYTES)
		return 0;
	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
		line.len--;
	/* Lines behind a chunked body come here too, so an ended head stays so until the next. */
	if (line.len == 0)
		slot->head_ended = true;
	else if (es_answer_line(&slot->answer, line))
		slot->head_ended = false;
	return size * count;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket)
{
	struct es_http *http = user;
	size_t i = 0;

	while (i < http->watched_count && http->watched[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE) {
		if (i < http->watched_count)
			http->watched[i] = http->watched[--http->watched_count];
		return 0;
	}
	if (i == http->watched_size) {
		http->watched_size = i ? 2 * i : 16;
		http->watched =
			xreallocarray(http->watched, http->watched_size, sizeof(*http->watched));
	}
	http->watched_count += i == http->watched_count;
	http->watched[i] = (struct pollfd){
		.fd = fd,
		.events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
				  (what & CURL_POLL_OUT ? POLLOUT : 0)),
	};
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct es_http *http = user;

	/* One more: clock_ms cuts the begun millisecond off. */
	http->timer_due_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms + (timeout_ms > 0);
	return 0;
}

/* --- Slots --- */

static struct curl_slist *add_common(struct es_http *http, struct curl_slist *list)
{
	list = curl_slist_append(list, "Expect:");
	if (http->authorization)
		list = curl_slist_append(list, http->authorization);
	list = curl_slist_append(list, "ES-RequireLeader: True");
	return curl_slist_append(list, "ES-RequireMaster: True"); /* servers before 20 */
}

static void prepare_headers(struct es_http *http, struct es_wire *wire)
{
	char room[VERSION_HEADER_BYTES];

	memset(room, ' ', sizeof(room) - 1);
	room[sizeof(room) - 1] = '\0';
	memcpy(room, "ES-ExpectedVersion:", 19);
	wire->append = curl_slist_append(NULL, room);
	wire->version_header = wire->append->data;
	wire->append = curl_slist_append(
		wire->append, "Content-Type: application/vnd.eventstore.events+json");
	wire->append = curl_slist_append(wire->append, "Accept: */*");
	wire->append = add_common(http, wire->append);
	wire->read = curl_slist_append(NULL, "Accept: application/vnd.eventstore.atom+json");
	wire->read = curl_slist_append(wire->read, "ES-ResolveLinkTos: false");
	wire->read = add_common(http, wire->read);
}

static void set_up_easy(struct es_wire *wire, const struct es_address *address,
	const struct es_http_options *options)
{
	CURL *easy = wire->easy;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A name server that is away must not hold up the loop: libcurl's thread that asks it is
	 * left behind instead of waited for. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");	    /* the environment's is for browsers */
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);	    /* a stream may be called ".." */
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* follow() does */
	curl_easy_setopt(easy, CURLOPT_PRIVATE, wire->slot);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, wire->slot->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, wire->slot);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, wire->slot);
	if (!address->verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (address->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, address->ca_file);
}

static char *authorization_of(const struct es_address *address)
{
	struct strbuf plain = {0}, line = {0};
	size_t encoded;

	if (!address->username)
		return NULL;
	strbuf_printf(
		&plain, "%s:%s", address->username, address->password ? address->password : "");
	strbuf_add_text(&line, "Authorization: Basic ");
	encoded = BASE64_ENCODE_RAW_LENGTH(plain.len);
	base64_encode_raw(strbuf_reserve(&line, encoded), plain.len, (const uint8_t *)plain.data);
	line.len += encoded;
	line.data[line.len] = '\0';
	strbuf_clear(&plain);
	return strbuf_steal(&line);
}

static bool add_slot(struct es_http *http, struct es_slot *slot, const struct es_address *address,
	const struct es_http_options *options)
{
	slot->wire = xcalloc(1, sizeof(*slot->wire));
	*slot->wire = (struct es_wire){.slot = slot, .easy = curl_easy_init()};
	if (!slot->wire->easy)
		return false;
	set_up_easy(slot->wire, address, options);
	prepare_headers(http, slot->wire);
	TAILQ_INSERT_TAIL(&http->idle, slot, entry);
	return true;
}

static bool set_up_multi(struct es_http *http, const struct es_address *address,
	const struct es_http_options *options)
{
	int i;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	http->multi = curl_multi_init();
	if (!http->multi)
		return false;
	http->timer_due_ms = -1;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)http->count);
	/* By default libcurl keeps four times the requests in flight, and so closes connections
	 * whenever there are few. */
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->count);
	for (i = 0; i < http->count; i++)
		if (!add_slot(http, &http->slots[i], address, options))
			return false;
	return true;
}

/* Else every request would fail with words that do not name the file, for ever. */
static bool check_ca_file(const char *path, struct error *error)
{
	if (!path || access(path, R_OK) == 0)
		return true;
	error_set(error, ERROR_INPUT, "tlsCaFile '%s' cannot be read: %s", path, strerror(errno));
	return false;
}

struct es_http *es_http_new(const struct es_address *address, const struct es_http_options *options,
	struct error *error)
{
	struct es_http *http;
	struct strbuf base = {0};

	if (!check_ca_file(address->ca_file, error))
		return NULL;
	http = xcalloc(1, sizeof(*http));
	strbuf_printf(
		&base, "%s://%s:%d", address->tls ? "https" : "http", address->host, address->port);
	http->base = strbuf_steal(&base);
	http->tls = address->tls;
	http->authorization = authorization_of(address);
	http->count = options->connections;
	http->slots = xcalloc((size_t)http->count, sizeof(*http->slots));
	TAILQ_INIT(&http->idle);
	TAILQ_INIT(&http->done);
	if (!set_up_multi(http, address, options)) {
		error_set(error, ERROR_FATAL, "libcurl cannot be set up");
		es_http_free(http);
		return NULL;
	}
	return http;
}

static void clear_slot(struct es_http *http, struct es_slot *slot)
{
	struct es_wire *wire = slot->wire;

	if (!wire)
		return;
	curl_multi_remove_handle(http->multi, wire->easy);
	curl_easy_cleanup(wire->easy);
	curl_slist_free_all(wire->append);
	curl_slist_free_all(wire->read);
	curl_slist_free_all(wire->own);
	strbuf_clear(&wire->url);
	free(wire);
	es_answer_clear(&slot->answer);
	strbuf_clear(&slot->target);
	strbuf_clear(&slot->body);
	strbuf_clear(&slot->answer_body);
}

void es_http_free(struct es_http *http)
{
	int i;

	if (!http)
		return;
	for (i = 0; i < http->count; i++)
		clear_slot(http, &http->slots[i]);
	curl_multi_cleanup(http->multi);
	free(http->watched);
	free(http->polled);
	free(http->slots);
	free(http->base);
	free(http->leader);
	free(http->authorization);
	free(http);
}

const char *es_http_address(const struct es_http *http)
{
	return http->base;
}

int es_http_free_slots(const struct es_http *http)
{
	return http->count - http->busy;
}

int es_http_in_flight(const struct es_http *http)
{
	return http->busy;
}

struct es_slot *es_http_take(struct es_http *http)
{
	struct es_slot *slot = TAILQ_FIRST(&http->idle);

	TAILQ_REMOVE(&http->idle, slot, entry);
	http->busy++;
	strbuf_reset(&slot->target);
	strbuf_reset(&slot->body);
	return slot;
}

/* One huge body must not hold its memory for ever. */
static void shrink(struct strbuf *buf)
{
	if (buf->size > MAX_IDLE_BYTES)
		strbuf_clear(buf);
}

void es_http_give_back(struct es_http *http, struct es_slot *slot)
{
	shrink(&slot->body);
	shrink(&slot->answer_body);
	TAILQ_INSERT_HEAD(&http->idle, slot, entry);
	http->busy--;
}

/* --- Requests --- */

static void send_to(struct es_http *http, struct es_slot *slot, const char *base)
{
	struct es_wire *wire = slot->wire;

	strbuf_reset(&wire->url);
	strbuf_add_text(&wire->url, base);
	strbuf_add_span(&wire->url, strbuf_span(&slot->target));
	strbuf_reset(&slot->answer_body);
	es_answer_reset(&slot->answer);
	slot->head_bytes = 0;
	slot->head_ended = slot->too_large = false;
	slot->error[0] = '\0';
	curl_easy_setopt(wire->easy, CURLOPT_URL, wire->url.data);
	curl_multi_add_handle(http->multi, wire->easy);
}

/* What was added is due at once, so requests go out here; those whose time is up end. */
static void run_timer(struct es_http *http)
{
	int running;

	if (http->timer_due_ms < 0 || clock_ms() < http->timer_due_ms)
		return;
	/* Before, because libcurl sets it anew only where something is left to wait for. */
	http->timer_due_ms = -1;
	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static void start(struct es_http *http, struct es_slot *slot)
{
	slot->wire->hops = 0;
	slot->seconds = 0;
	send_to(http, slot, http->leader ? http->leader : http->base);
	/* Now and not while waiting: the store works on it while the next one is made. */
	run_timer(http);
}

static void set_body(struct es_slot *slot)
{
	CURL *easy = slot->wire->easy;

	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, slot->body.data ? slot->body.data : "");
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.len);
}

void es_http_append(struct es_http *http, struct es_slot *slot, int64_t expected_version)
{
	struct es_wire *wire = slot->wire;

	if (wire->mode != ES_MODE_APPEND) {
		curl_easy_setopt(wire->easy, CURLOPT_CUSTOMREQUEST, NULL);
		curl_easy_setopt(wire->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, wire->append);
		wire->mode = ES_MODE_APPEND;
	}
	snprintf(wire->version_header, VERSION_HEADER_BYTES, "ES-ExpectedVersion: %" PRId64,
		expected_version);
	set_body(slot);
	start(http, slot);
}

void es_http_read(struct es_http *http, struct es_slot *slot)
{
	struct es_wire *wire = slot->wire;

	if (wire->mode != ES_MODE_READ) {
		curl_easy_setopt(wire->easy, CURLOPT_CUSTOMREQUEST, NULL);
		curl_easy_setopt(wire->easy, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, wire->read);
		wire->mode = ES_MODE_READ;
	}
	start(http, slot);
}

void es_http_call(
	struct es_http *http, struct es_slot *slot, const char *method, const char *const *headers)
{
	struct es_wire *wire = slot->wire;

	curl_slist_free_all(wire->own);
	wire->own = add_common(http, NULL);
	for (; headers && *headers; headers++)
		wire->own = curl_slist_append(wire->own, *headers);
	curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, wire->own);
	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(wire->easy, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(wire->easy, CURLOPT_POST, 1L);
		set_body(slot);
	}
	curl_easy_setopt(wire->easy, CURLOPT_CUSTOMREQUEST, method);
	wire->mode = ES_MODE_CALL;
	start(http, slot);
}

/* "http://host:port/streams/…" of a 307 becomes "http://host:port". NULL if it is not to be
 * followed: another scheme would carry the credentials in clear text. */
static char *leader_of(const struct es_http *http, const char *location)
{
	const char *scheme = http->tls ? "https://" : "http://";
	size_t len = strlen(scheme);
	const char *end;

	if (strncasecmp(location, scheme, len) != 0)
		return NULL;
	end = strchr(location + len, '/');
	if (!end || end == location + len ||
		memchr(location + len, '@', (size_t)(end - location) - len))
		return NULL;
	return xstrndup(location, (size_t)(end - location));
}

/* The leader is elsewhere: the same request goes there, and what comes after it, until it fails. */
static bool follow(struct es_http *http, struct es_slot *slot)
{
	char *leader;

	if (slot->answer.status != 307 || slot->wire->hops++ >= MAX_HOPS)
		return false;
	leader = leader_of(http, slot->answer.location.len ? slot->answer.location.data : "");
	if (!leader)
		return false;
	free(http->leader);
	http->leader = leader;
	send_to(http, slot, leader);
	return true;
}

/* What began to arrive and broke off is no answer. */
static void note_failure(struct es_slot *slot, CURLcode code)
{
	if (slot->head_bytes > MAX_HEAD_BYTES)
		snprintf(slot->error, sizeof(slot->error), "an answer with over %u KiB of headers",
			MAX_HEAD_BYTES >> 10);
	else if (!slot->error[0])
		snprintf(slot->error, sizeof(slot->error), "%s",
			code == CURLE_OK ? "the answer broke off" : curl_easy_strerror(code));
	es_answer_reset(&slot->answer);
}

static void end_transfer(struct es_http *http, CURL *easy, CURLcode code)
{
	struct es_slot *slot;
	curl_off_t total_us = 0;
	long status = 0;
	char *private;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	slot = (struct es_slot *)(void *)private;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &total_us);
	curl_multi_remove_handle(http->multi, easy);
	slot->seconds += (double)total_us / 1e6;
	slot->answer.status = (int)status;
	slot->answer.body = strbuf_span(&slot->answer_body);
	/* libcurl takes a head that breaks off for a whole one: a conflict without its version
	 * would look like content refused. */
	if (!slot->too_large && (code != CURLE_OK || !slot->head_ended))
		note_failure(slot, code);
	if (slot->answer.status == 0 || slot->answer.status == 503) {
		free(http->leader);
		http->leader = NULL;
	}
	if (follow(http, slot))
		return;
	TAILQ_INSERT_TAIL(&http->done, slot, entry);
}

static void take_ended(struct es_http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			end_transfer(http, message->easy_handle, message->data.result);
}

static void move_socket(struct es_http *http, const struct pollfd *polled)
{
	int running,
		bits = (polled->revents & POLLIN ? CURL_CSELECT_IN : 0) |
		       (polled->revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
		       (polled->revents & (POLLERR | POLLHUP | POLLNVAL) ? CURL_CSELECT_ERR : 0);

	curl_multi_socket_action(http->multi, polled->fd, bits, &running);
}

static int sleep_ms(const struct es_http *http, int timeout_ms)
{
	int64_t left_ms;

	if (!TAILQ_EMPTY(&http->done))
		return 0;
	if (http->timer_due_ms < 0)
		return timeout_ms;
	left_ms = http->timer_due_ms - clock_ms();
	return left_ms <= 0 ? 0 : left_ms < timeout_ms ? (int)left_ms : timeout_ms;
}

/* A copy, because libcurl changes what it waits for while it is told what moved. */
static size_t fill_polled(struct es_http *http, const struct pollfd *extra, size_t extra_count)
{
	size_t i, watched = http->watched_count;

	if (watched + extra_count > http->polled_size) {
		http->polled_size = watched + extra_count;
		http->polled =
			xreallocarray(http->polled, http->polled_size, sizeof(*http->polled));
	}
	for (i = 0; i < watched; i++)
		http->polled[i] = http->watched[i];
	for (i = 0; i < extra_count; i++)
		http->polled[watched + i] =
			(struct pollfd){.fd = extra[i].fd, .events = extra[i].events};
	return watched;
}

void es_http_wait(struct es_http *http, struct pollfd *extra, size_t extra_count, int timeout_ms)
{
	size_t i, watched;

	run_timer(http);
	take_ended(http);
	watched = fill_polled(http, extra, extra_count);
	poll(http->polled, watched + extra_count, sleep_ms(http, timeout_ms));
	for (i = 0; i < extra_count; i++)
		extra[i].revents = http->polled[watched + i].revents;
	for (i = 0; i < watched; i++)
		if (http->polled[i].revents)
			move_socket(http, &http->polled[i]);
	run_timer(http);
	take_ended(http);
}

struct es_slot *es_http_done(struct es_http *http)
{
	struct es_slot *slot = TAILQ_FIRST(&http->done);

	if (slot)
		TAILQ_REMOVE(&http->done, slot, entry);
	return slot;
}

const char *es_http_library_version(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	static char text[128];

	snprintf(text, sizeof(text), "libcurl %s %s", info->version,
		info->ssl_version ? info->ssl_version : "without TLS");
	return text;
}
