/* One request at a time over libcurl, the connection kept: blocking over its easy interface, or
 * moved on by the caller's loop over its multi interface. */
#include "http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_ANSWER_BYTES (64u << 20)
/* One request has a socket, or two while it is being connected or a name is looked up. */
#define SOCKETS 4

struct http_client {
	CURL *easy;
	size_t max_answer_bytes;
	char *base; /* without credentials and without a last '/' */
	struct strbuf url;
	char error[CURL_ERROR_SIZE];
	struct http_client_answer *answer; /* of the request that goes on */
	struct curl_slist *headers;
	/* Of requests that do not block: */
	CURLM *multi;
	int epoll_fd; /* the sockets that libcurl waits for */
	int64_t due_ms;
};

/* --- The address --- */

/* A part of the URL, malloc'd by us; NULL where it has none. */
static char *part_of(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy = NULL;

	if (curl_url_get(url, part, &text, flags) == CURLUE_OK)
		copy = xstrdup(text);
	curl_free(text);
	return copy;
}

static bool is_given(const char *text)
{
	return text && *text;
}

static void set_credentials(
	struct http_client *client, CURLU *url, const struct http_client_options *options)
{
	char *username = part_of(url, CURLUPART_USER, CURLU_URLDECODE);
	char *password = part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
	const char *user = is_given(options->username) ? options->username : username;
	const char *word = is_given(options->password) ? options->password : password;

	if (user) {
		curl_easy_setopt(client->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(client->easy, CURLOPT_USERNAME, user);
		curl_easy_setopt(client->easy, CURLOPT_PASSWORD, word ? word : "");
	}
	free(username);
	free(password);
}

/* False: it is no URL that can be asked. */
static bool set_address(
	struct http_client *client, CURLU *url, const struct http_client_options *options)
{
	char *scheme;
	bool ok;
	size_t len;

	if (curl_url_set(url, CURLUPART_URL, options->url, 0) != CURLUE_OK)
		return false;
	scheme = part_of(url, CURLUPART_SCHEME, 0);
	ok = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	free(scheme);
	if (!ok)
		return false;
	set_credentials(client, url, options);
	curl_url_set(url, CURLUPART_USER, NULL, 0);
	curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(url, CURLUPART_QUERY, NULL, 0);
	curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	client->base = part_of(url, CURLUPART_URL, 0);
	if (!client->base)
		return false;
	for (len = strlen(client->base); len && client->base[len - 1] == '/'; len--)
		client->base[len - 1] = '\0';
	return true;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
	struct http_client *client = user;
	size_t len = size * count;

	if (client->answer->body.len + len > client->max_answer_bytes)
		return 0;
	strbuf_add(&client->answer->body, bytes, len);
	return len;
}

static void set_up_easy(struct http_client *client, const struct http_client_options *options)
{
	CURL *easy = client->easy;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(
		easy, CURLOPT_QUICK_EXIT, 1L); /* as in es_http: no wait for name servers */
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's is for browsers */
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
	if (is_given(options->ca_file))
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
}

struct http_client *http_client_new(const struct http_client_options *options, struct error *error)
{
	struct http_client *client;
	CURLU *url;
	bool ok;

	if (is_given(options->ca_file) && access(options->ca_file, R_OK) != 0) {
		error_set(error, ERROR_INPUT, "%s: the certificates in '%s' cannot be read: %s",
			options->option, options->ca_file, strerror(errno));
		return NULL;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	client = xcalloc(1, sizeof(*client));
	client->epoll_fd = -1;
	client->max_answer_bytes =
		options->max_answer_bytes ? options->max_answer_bytes : MAX_ANSWER_BYTES;
	client->easy = curl_easy_init();
	url = curl_url();
	ok = client->easy && url && is_given(options->url) && set_address(client, url, options);
	curl_url_cleanup(url);
	if (!ok) {
		error_set(error, ERROR_INPUT,
			"%s is no address like http://host:8083 or https://host", options->option);
		http_client_free(client);
		return NULL;
	}
	set_up_easy(client, options);
	return client;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->multi)
		curl_multi_remove_handle(client->multi, client->easy);
	curl_easy_cleanup(client->easy);
	if (client->multi)
		curl_multi_cleanup(client->multi);
	if (client->epoll_fd >= 0)
		close(client->epoll_fd);
	curl_slist_free_all(client->headers);
	strbuf_clear(&client->url);
	free(client->base);
	free(client);
}

const char *http_client_address(const struct http_client *client)
{
	return client->base;
}

void http_client_add_name(struct strbuf *path, struct span name)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c && strchr("-._~", c)))
			strbuf_add_char(path, (char)c);
		else
			strbuf_add(path, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

/* --- Requests --- */

static struct curl_slist *headers_of(const char *media, bool has_body)
{
	struct strbuf line = {0};
	struct curl_slist *list;

	strbuf_printf(&line, "Accept: %s", media);
	list = curl_slist_append(NULL, line.data);
	strbuf_reset(&line);
	strbuf_printf(&line, "Content-Type: %s", media);
	list = curl_slist_append(list, has_body ? line.data : "Content-Type:");
	strbuf_clear(&line);
	return curl_slist_append(list, "Expect:");
}

static void set_request(struct http_client *client, const char *method, struct span body)
{
	CURL *easy = client->easy;

	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr ? body.ptr : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void begin(struct http_client *client, const char *method, const char *path,
	const char *media, struct span body, struct http_client_answer *answer)
{
	client->answer = answer;
	client->headers = headers_of(media, body.ptr != NULL);
	client->error[0] = '\0';
	strbuf_reset(&answer->body);
	strbuf_reset(&client->url);
	strbuf_printf(&client->url, "%s%s", client->base, path);
	set_request(client, method, body);
	curl_easy_setopt(client->easy, CURLOPT_URL, client->url.data);
	curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->headers);
}

static bool end(struct http_client *client, const char *method, CURLcode code, struct error *error)
{
	long status = 0;

	curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(client->headers);
	client->headers = NULL;
	client->answer->status = code == CURLE_OK ? (int)status : 0;
	client->answer = NULL;
	if (code == CURLE_WRITE_ERROR)
		error_set(error, ERROR_RETRY, "%s %s: the answer is over %zu bytes", method,
			client->url.data, client->max_answer_bytes);
	else if (code != CURLE_OK)
		error_set(error, ERROR_RETRY, "%s %s: %s", method, client->url.data,
			client->error[0] ? client->error : curl_easy_strerror(code));
	return code == CURLE_OK;
}

bool http_client_call(struct http_client *client, const char *method, const char *path,
	const char *media, struct span body, struct http_client_answer *answer, struct error *error)
{
	begin(client, method, path, media, body, answer);
	return end(client, method, curl_easy_perform(client->easy), error);
}

/* --- Without blocking --- */

/* libcurl tells which sockets it waits for; one descriptor stands for all of them. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *own)
{
	struct http_client *client = user;
	struct epoll_event event = {
		.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
		.data.fd = socket,
	};

	if (what == CURL_POLL_REMOVE)
		epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, socket, NULL);
	else if (epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, socket, &event) != 0)
		epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, socket, &event);
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct http_client *client = user;

	client->due_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	return 0;
}

static void set_up_multi(struct http_client *client)
{
	client->multi = curl_multi_init();
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	client->due_ms = -1;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
}

void http_client_begin(struct http_client *client, const char *path, const char *media,
	struct http_client_answer *answer)
{
	if (!client->multi)
		set_up_multi(client);
	begin(client, "GET", path, media, SPAN_NULL, answer);
	curl_multi_add_handle(client->multi, client->easy);
}

enum http_client_state http_client_step(
	struct http_client *client, int64_t now_ms, struct error *error)
{
	struct epoll_event events[SOCKETS];
	int running = 0, left = 0, i, count = epoll_wait(client->epoll_fd, events, SOCKETS, 0);
	CURLMsg *message;
	CURLcode code;

	for (i = 0; i < count; i++)
		curl_multi_socket_action(client->multi, events[i].data.fd,
			(events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
				(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				(events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0),
			&running);
	if (client->due_ms >= 0 && now_ms >= client->due_ms) {
		client->due_ms = -1;
		curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	message = curl_multi_info_read(client->multi, &left);
	if (!message)
		return HTTP_CLIENT_BUSY;
	code = message->data.result;
	curl_multi_remove_handle(client->multi, client->easy);
	return end(client, "GET", code, error) ? HTTP_CLIENT_ANSWERED : HTTP_CLIENT_FAILED;
}

int http_client_fd(const struct http_client *client)
{
	return client->epoll_fd;
}

int64_t http_client_due_ms(const struct http_client *client)
{
	return client->due_ms;
}
