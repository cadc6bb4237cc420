/* libcurl's multi interface as a pool of slots. HTTP/1.1 with keep-alive: as many easy handles as
 * connections, bodies from memory, no Expect, every request with its length. */
#include "es_http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <nettle/base64.h>

/* A single event of 4 MiB comes back as JSON text inside a JSON string. */
#define MAX_ANSWER_BYTES (24u << 20)
#define MAX_HOPS 3
/* "ES-ExpectedVersion: " and the longest number. */
#define VERSION_HEADER_BYTES 48
#define MAX_EXTRA 8

struct es_wire {
	struct es_http *http;
	struct es_slot *slot;
	CURL *easy;
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

/* "HTTP/1.1 400 Wrong expected EventNumber" */
static void take_status_line(struct es_answer *answer, struct span line)
{
	const char *space = memchr(line.ptr, ' ', line.len);
	struct span rest;

	*answer = (struct es_answer){.current_version = ES_NO_VERSION};
	if (!space)
		return;
	rest = (struct span){space + 1, (size_t)(line.ptr + line.len - space - 1)};
	if (rest.len > 4)
		snprintf(answer->reason, sizeof(answer->reason), "%.*s", (int)rest.len - 4,
			rest.ptr + 4);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
	struct es_slot *slot = user;
	struct span line = {bytes, size * count};

	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
		line.len--;
	if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0)
		take_status_line(&slot->answer, line);
	else
		es_answer_header(&slot->answer, line);
	return size * count;
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
	wire->append = curl_slist_append(wire->append, "Accept: application/json");
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
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment's proxy is for browsers */
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

struct es_http *es_http_new(const struct es_address *address, const struct es_http_options *options,
	struct error *error)
{
	struct es_http *http = xcalloc(1, sizeof(*http));
	struct strbuf base = {0};
	int i;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	http->multi = curl_multi_init();
	strbuf_printf(
		&base, "%s://%s:%d", address->tls ? "https" : "http", address->host, address->port);
	http->base = strbuf_steal(&base);
	http->tls = address->tls;
	http->authorization = authorization_of(address);
	http->count = options->connections;
	http->slots = xcalloc((size_t)http->count, sizeof(*http->slots));
	TAILQ_INIT(&http->idle);
	TAILQ_INIT(&http->done);
	for (i = 0; i < http->count; i++) {
		struct es_slot *slot = &http->slots[i];

		slot->wire = xcalloc(1, sizeof(*slot->wire));
		*slot->wire =
			(struct es_wire){.http = http, .slot = slot, .easy = curl_easy_init()};
		TAILQ_INSERT_TAIL(&http->idle, slot, entry);
		if (!slot->wire->easy || !http->multi) {
			error_set(error, ERROR_FATAL, "libcurl cannot be set up");
			es_http_free(http);
			return NULL;
		}
		set_up_easy(slot->wire, address, options);
		prepare_headers(http, slot->wire);
	}
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)http->count);
	return http;
}

void es_http_free(struct es_http *http)
{
	int i;

	if (!http)
		return;
	for (i = 0; i < http->count && http->slots[i].wire; i++) {
		struct es_slot *slot = &http->slots[i];
		struct es_wire *wire = slot->wire;

		curl_multi_remove_handle(http->multi, wire->easy);
		curl_easy_cleanup(wire->easy);
		curl_slist_free_all(wire->append);
		curl_slist_free_all(wire->read);
		curl_slist_free_all(wire->own);
		strbuf_clear(&wire->url);
		strbuf_clear(&slot->target);
		strbuf_clear(&slot->body);
		strbuf_clear(&slot->answer_body);
		free(wire);
	}
	curl_multi_cleanup(http->multi);
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

void es_http_give_back(struct es_http *http, struct es_slot *slot)
{
	/* One huge answer must not hold its memory for ever. */
	if (slot->answer_body.size > 1u << 20)
		strbuf_clear(&slot->answer_body);
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
	slot->answer = (struct es_answer){.current_version = ES_NO_VERSION};
	slot->too_large = false;
	slot->error[0] = '\0';
	curl_easy_setopt(wire->easy, CURLOPT_URL, wire->url.data);
	curl_multi_add_handle(http->multi, wire->easy);
}

static struct curl_slist *own_headers(
	struct es_http *http, struct es_wire *wire, const char *const *own)
{
	curl_slist_free_all(wire->own);
	wire->own = add_common(http, NULL);
	for (; own && *own; own++)
		wire->own = curl_slist_append(wire->own, *own);
	return wire->own;
}

void es_http_start(struct es_http *http, struct es_slot *slot, const char *method,
	enum es_headers headers, int64_t expected_version, const char *const *own)
{
	struct es_wire *wire = slot->wire;
	struct curl_slist *list = wire->read;

	if (headers == ES_HEADERS_APPEND) {
		snprintf(wire->version_header, VERSION_HEADER_BYTES, "ES-ExpectedVersion: %" PRId64,
			expected_version);
		list = wire->append;
	} else if (headers == ES_HEADERS_OWN) {
		list = own_headers(http, wire, own);
	}
	curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, list);
	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(wire->easy, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(wire->easy, CURLOPT_CUSTOMREQUEST, NULL);
	} else {
		curl_easy_setopt(wire->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(
			wire->easy, CURLOPT_POSTFIELDS, slot->body.data ? slot->body.data : "");
		curl_easy_setopt(
			wire->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.len);
		curl_easy_setopt(wire->easy, CURLOPT_CUSTOMREQUEST, method);
	}
	wire->hops = 0;
	send_to(http, slot, http->leader ? http->leader : http->base);
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
	leader = leader_of(http, slot->answer.location);
	if (!leader)
		return false;
	free(http->leader);
	http->leader = leader;
	send_to(http, slot, leader);
	return true;
}

static void note_failure(struct es_slot *slot, CURLcode code)
{
	if (!slot->error[0])
		snprintf(slot->error, sizeof(slot->error), "%s", curl_easy_strerror(code));
	slot->answer.status = 0;
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
	slot->seconds = (double)total_us / 1e6;
	slot->answer.status = (int)status;
	slot->answer.body = strbuf_span(&slot->answer_body);
	if (code != CURLE_OK && !slot->too_large)
		note_failure(slot, code);
	if (slot->answer.status == 0 || slot->answer.status == 503) {
		free(http->leader);
		http->leader = NULL;
	}
	if (follow(http, slot))
		return;
	TAILQ_INSERT_TAIL(&http->done, slot, entry);
}

static void move_on(struct es_http *http)
{
	int running, left;
	CURLMsg *message;

	curl_multi_perform(http->multi, &running);
	while ((message = curl_multi_info_read(http->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			end_transfer(http, message->easy_handle, message->data.result);
}

void es_http_wait(struct es_http *http, struct pollfd *extra, size_t extra_count, int timeout_ms)
{
	struct curl_waitfd fds[MAX_EXTRA];
	size_t i;
	int ready;

	move_on(http);
	if (!TAILQ_EMPTY(&http->done))
		timeout_ms = 0;
	if (extra_count > MAX_EXTRA)
		extra_count = MAX_EXTRA;
	for (i = 0; i < extra_count; i++)
		fds[i] = (struct curl_waitfd){.fd = extra[i].fd, .events = CURL_WAIT_POLLIN};
	curl_multi_poll(http->multi, fds, (unsigned)extra_count, timeout_ms, &ready);
	for (i = 0; i < extra_count; i++)
		extra[i].revents = fds[i].revents ? POLLIN : 0;
	move_on(http);
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
