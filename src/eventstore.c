/* EventStoreDB as the rest of the program sees it: appends, reads, calls; over the HTTP wire. */
#include "eventstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eventstore_internal.h"

static bool address_of(
	const struct eventstore_options *options, struct es_address *address, struct error *error)
{
	if (!es_address_parse(address, options->url, error))
		return false;
	if (options->username) {
		free(address->username);
		address->username = xstrdup(options->username);
	}
	if (options->password) {
		free(address->password);
		address->password = xstrdup(options->password);
	}
	return true;
}

struct eventstore *eventstore_new(const struct eventstore_options *options, struct error *error)
{
	struct es_http_options http_options = {
		options->connections, options->connect_timeout_ms, options->request_timeout_ms};
	struct eventstore *store = xcalloc(1, sizeof(*store));
	struct es_address address;

	if (address_of(options, &address, error))
		store->http = es_http_new(&address, &http_options, error);
	es_address_clear(&address);
	if (!store->http) {
		error_context(error, "eventstore.url");
		free(store);
		return NULL;
	}
	return store;
}

void eventstore_free(struct eventstore *store)
{
	if (!store)
		return;
	es_http_free(store->http);
	es_page_clear(&store->page);
	strbuf_clear(&store->body);
	free(store);
}

const char *eventstore_address(const struct eventstore *store)
{
	return es_http_address(store->http);
}

int eventstore_free_slots(const struct eventstore *store)
{
	return es_http_free_slots(store->http);
}

int eventstore_in_flight(const struct eventstore *store)
{
	return es_http_in_flight(store->http);
}

/* RFC 3986: only unreserved characters stand for themselves, because servers decode a path once or
 * twice, and some cut it at what they take for a delimiter. */
void eventstore_stream_target(struct span stream, struct strbuf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	strbuf_add_text(out, "/streams/");
	for (i = 0; i < stream.len; i++) {
		unsigned char c = (unsigned char)stream.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.' || c == '_' || c == '~')
			strbuf_add_char(out, (char)c);
		else
			strbuf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

void eventstore_append(struct eventstore *store, struct span stream, int64_t expected,
	const struct span *bodies, size_t count, void *user)
{
	struct es_slot *slot = es_http_take(store->http);
	size_t i, len = 1;

	slot->user = user;
	slot->kind = EVENTSTORE_APPEND;
	eventstore_stream_target(stream, &slot->target);
	for (i = 0; i < count; i++)
		len += 1 + bodies[i].len;
	strbuf_reserve(&slot->body, len);
	for (i = 0; i < count; i++) {
		strbuf_add_char(&slot->body, i ? ',' : '[');
		strbuf_add_span(&slot->body, bodies[i]);
	}
	strbuf_add_char(&slot->body, ']');
	es_http_append(store->http, slot, expected);
}

void eventstore_read_backward(
	struct eventstore *store, struct span stream, int64_t from, int count, void *user)
{
	struct es_slot *slot = es_http_take(store->http);

	slot->user = user;
	slot->kind = EVENTSTORE_READ;
	eventstore_stream_target(stream, &slot->target);
	strbuf_add_char(&slot->target, '/');
	if (from < 0)
		strbuf_add_text(&slot->target, "head");
	else
		strbuf_add_int(&slot->target, from);
	strbuf_printf(&slot->target, "/backward/%d?embed=body", count);
	es_http_read(store->http, slot);
}

/* What the outcome says beyond the status; "" where that is all. */
static const char *cause_of(const struct es_slot *slot, const struct eventstore_result *result)
{
	if (result->kind == EVENTSTORE_APPEND && slot->answer.status == 200)
		return "nothing is written: the body was too large or too slow, or a proxy "
		       "answered";
	if (result->kind == EVENTSTORE_APPEND && slot->answer.status == 201)
		return "without the number of an event: this is not how EventStoreDB answers";
	if (result->kind == EVENTSTORE_READ && result->read == READ_TOO_LARGE)
		return "the page is too large to be kept";
	if (result->kind == EVENTSTORE_READ && slot->answer.status == 200)
		return "no page of events: this is not how EventStoreDB answers";
	return "";
}

static void result_text(const struct es_slot *slot, struct eventstore_result *result)
{
	bool good = result->kind == EVENTSTORE_APPEND ? result->append == APPEND_WRITTEN
						      : result->read == READ_PAGE;

	result->text[0] = '\0';
	if (slot->answer.status == 0)
		snprintf(result->text, sizeof(result->text), "%s", slot->error);
	else if (!good)
		es_answer_text(
			&slot->answer, cause_of(slot, result), result->text, sizeof(result->text));
}

static void fill_append(const struct es_slot *slot, struct eventstore_result *result)
{
	result->append = es_answer_append(&slot->answer, &result->first_number);
	result->current_version = slot->answer.current_version;
}

static void fill_read(
	struct eventstore *store, const struct es_slot *slot, struct eventstore_result *result)
{
	result->read = es_answer_read(&slot->answer, slot->too_large, &store->page);
	if (result->read != READ_PAGE)
		return;
	result->events = store->page.events;
	result->event_count = store->page.count;
	result->last_number = store->page.last_number;
	result->at_start = store->page.at_start;
}

/* The result's spans point into the answer's body: it is exchanged for the one before, so that the
 * slot is free at once. */
static void keep_body(struct eventstore *store, struct es_slot *slot)
{
	struct strbuf before = store->body;

	store->body = slot->answer_body;
	slot->answer_body = before;
	slot->answer.body = strbuf_span(&store->body);
}

bool eventstore_finished(struct eventstore *store, struct eventstore_result *result)
{
	struct es_slot *slot = es_http_done(store->http);

	if (!slot)
		return false;
	keep_body(store, slot);
	*result = (struct eventstore_result){
		.kind = (enum eventstore_kind)slot->kind,
		.user = slot->user,
		.first_number = -1,
		.current_version = -1,
		.last_number = -1,
		.status = slot->answer.status,
		.seconds = slot->seconds,
	};
	if (result->kind == EVENTSTORE_APPEND)
		fill_append(slot, result);
	else
		fill_read(store, slot, result);
	result_text(slot, result);
	es_http_give_back(store->http, slot);
	return true;
}

void eventstore_wait(
	struct eventstore *store, struct pollfd *extra, size_t extra_count, int timeout_ms)
{
	es_http_wait(store->http, extra, extra_count, timeout_ms);
}

/* --- For commands --- */

static char *text_or_null(const char *text)
{
	return text && text[0] ? xstrdup(text) : NULL;
}

static void fill_answer(struct es_slot *slot, struct eventstore_answer *answer)
{
	*answer = (struct eventstore_answer){
		.status = slot->answer.status,
		.body = xstrndup(slot->answer.body.ptr, slot->answer.body.len),
		.body_len = slot->answer.body.len,
		.content_type = text_or_null(slot->answer.content_type),
		.location = text_or_null(slot->answer.location.data),
		.etag = text_or_null(slot->answer.etag),
		.position = text_or_null(slot->answer.position),
		.current_version = slot->answer.current_version >= -1 ? slot->answer.current_version
								      : ES_NO_VERSION,
		.seconds = slot->seconds,
	};
}

struct es_slot *eventstore_wait_for(
	struct eventstore *store, const struct es_slot *slot, int stop_fd)
{
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	struct es_slot *done;

	while ((done = es_http_done(store->http)) != slot) {
		if (done)
			eventstore_page_arrived(store, done);
		else if (stop.revents)
			return NULL;
		else
			es_http_wait(store->http, &stop, stop_fd > 0, 1000);
	}
	return done;
}

void eventstore_wait_for_room(struct eventstore *store)
{
	struct es_slot *done;

	while (es_http_free_slots(store->http) == 0) {
		done = es_http_done(store->http);
		if (done)
			eventstore_page_arrived(store, done);
		else
			es_http_wait(store->http, NULL, 0, 1000);
	}
}

bool eventstore_call(struct eventstore *store, const char *method, const char *target,
	const char *const *headers, struct span body, struct eventstore_answer *answer,
	struct error *error)
{
	struct es_slot *slot, *done;

	eventstore_wait_for_room(store);
	slot = es_http_take(store->http);
	strbuf_add_text(&slot->target, target);
	strbuf_add_span(&slot->body, body);
	es_http_call(store->http, slot, method, headers);
	done = eventstore_wait_for(store, slot, 0);
	*answer = (struct eventstore_answer){.current_version = ES_NO_VERSION};
	if (done->answer.status == 0 || done->too_large)
		error_set(error, ERROR_RETRY, "%s %s%.*s: %s", method, es_http_address(store->http),
			(int)strcspn(target, "?"), target,
			done->too_large ? "the answer is too large" : done->error);
	else
		fill_answer(done, answer);
	es_http_give_back(store->http, done);
	return answer->status != 0;
}

void eventstore_answer_clear(struct eventstore_answer *answer)
{
	free(answer->body);
	free(answer->content_type);
	free(answer->location);
	free(answer->etag);
	free(answer->position);
	*answer = (struct eventstore_answer){0};
}

static void copy_text(char *to, size_t size, const struct js_doc *doc, uint32_t node)
{
	struct strbuf text = {0};

	if (node != JS_NONE && js_type_of(doc, node) == JS_STRING && js_string(doc, node, &text))
		snprintf(to, size, "%s", text.data);
	strbuf_clear(&text);
}

static int three_ways(const struct js_doc *doc, uint32_t node)
{
	if (node == JS_NONE)
		return -1;
	return js_type_of(doc, node) == JS_TRUE ? 1 : js_type_of(doc, node) == JS_FALSE ? 0 : -1;
}

static bool read_info(const struct eventstore_answer *answer, struct eventstore_info *info)
{
	struct error ignored = {0};
	struct js_doc doc = {0};
	uint32_t features;
	bool good;

	good = answer->status == 200 &&
	       js_parse(&doc, (struct span){answer->body, answer->body_len}, JS_MAX_DEPTH,
		       &ignored) &&
	       js_member(&doc, 0, "esVersion") != JS_NONE;
	if (good) {
		features = js_member(&doc, 0, "features");
		copy_text(info->version, sizeof(info->version), &doc,
			js_member(&doc, 0, "esVersion"));
		copy_text(info->state, sizeof(info->state), &doc, js_member(&doc, 0, "state"));
		info->atom_pub = three_ways(&doc, js_member(&doc, features, "atomPub"));
		info->projections = three_ways(&doc, js_member(&doc, features, "projections"));
	}
	js_doc_clear(&doc);
	return good;
}

bool eventstore_info(struct eventstore *store, struct eventstore_info *info, struct error *error)
{
	static const char *const accept[] = {"Accept: application/json", NULL};
	struct eventstore_answer answer;
	bool good;

	*info = (struct eventstore_info){.atom_pub = -1, .projections = -1};
	if (!eventstore_call(store, "GET", "/info", accept, SPAN_NULL, &answer, error))
		return false;
	good = read_info(&answer, info);
	if (!good)
		error_set(error, ERROR_RETRY,
			"GET %s/info: HTTP %d, which is not what EventStoreDB answers",
			es_http_address(store->http), answer.status);
	eventstore_answer_clear(&answer);
	return good;
}

const char *eventstore_library_version(void)
{
	return es_http_library_version();
}
