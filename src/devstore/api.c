/* Which request means what: paths, methods, media types, who asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api_private.h"

#define FEED_MEDIA \
	(MEDIA_BIT(MEDIA_DESCRIPTION) | MEDIA_FEEDS | MEDIA_ANY_EVENTS_JSON | \
		MEDIA_ANY_XML_EVENTS | MEDIA_BIT(MEDIA_HTML))
#define EVENT_MEDIA \
	(MEDIA_FEEDS | MEDIA_BIT(MEDIA_EVENT_XML) | MEDIA_BIT(MEDIA_EVENT_JSON) | \
		MEDIA_BIT(MEDIA_KURRENT_EVENT_JSON) | MEDIA_BIT(MEDIA_RAW) | \
		MEDIA_BIT(MEDIA_HTML))
#define WRITE_MEDIA \
	(MEDIA_BIT(MEDIA_DESCRIPTION) | MEDIA_FEEDS | MEDIA_ANY_EVENTS_JSON | \
		MEDIA_ANY_XML_EVENTS | MEDIA_BIT(MEDIA_RAW))
#define NODE_MEDIA \
	(MEDIA_BIT(MEDIA_JSON) | MEDIA_BIT(MEDIA_TEXT_XML) | MEDIA_BIT(MEDIA_APP_XML) | \
		MEDIA_BIT(MEDIA_TEXT))

/* In a path: 's' a stream's name, 'a' $all, 'e' an event number or position or id, 'n' a count,
 * '*' the rest; anything else is itself. The first that fits counts. */
struct route {
	const char *path, *method;
	unsigned bodies, answers; /* allowed media; 0: none is asked for */
	void (*handle)(struct call *call);
	bool is_stream; /* part of AtomPub, met by faults, for who may read or write */
};

static const struct route routes[] = {
	{"streams/a", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/a/filtered", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/a/filtered/e/n", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/a/filtered/e/backward/n", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/a/filtered/e/forward/n", "GET", 0, FEED_MEDIA, handle_all_forward, true},
	{"streams/a/e/backward/n", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/a/e/forward/n", "GET", 0, FEED_MEDIA, handle_all_forward, true},
	{"streams/s/metadata", "GET", 0, EVENT_MEDIA, handle_read_metadata, true},
	{"streams/s/metadata", "POST", WRITE_MEDIA, WRITE_MEDIA, handle_append_metadata, true},
	{"streams/s/metadata/e", "GET", 0, EVENT_MEDIA, handle_read_metadata, true},
	{"streams/s/metadata/e/n", "GET", 0, FEED_MEDIA, handle_read_metadata_backward, true},
	{"streams/s/metadata/e/backward/n", "GET", 0, FEED_MEDIA, handle_read_metadata_backward,
		true},
	{"streams/s/metadata/e/forward/n", "GET", 0, FEED_MEDIA, handle_read_metadata_forward,
		true},
	{"streams/a/e/n", "GET", 0, FEED_MEDIA, handle_all_backward, true},
	{"streams/s", "GET", 0, FEED_MEDIA, handle_read_backward, true},
	{"streams/s", "POST", WRITE_MEDIA, WRITE_MEDIA, handle_append, true},
	{"streams/s", "DELETE", 0, WRITE_MEDIA, handle_delete, true},
	{"streams/s/incoming/e", "POST",
		MEDIA_BIT(MEDIA_JSON) | MEDIA_BIT(MEDIA_TEXT_XML) | MEDIA_BIT(MEDIA_APP_XML) |
			MEDIA_BIT(MEDIA_RAW),
		WRITE_MEDIA, handle_append_incoming, true},
	{"streams/s/e", "GET", 0, EVENT_MEDIA, handle_read_event, true},
	{"streams/s/e/n", "GET", 0, FEED_MEDIA, handle_read_backward, true},
	{"streams/s/e/backward/n", "GET", 0, FEED_MEDIA, handle_read_backward, true},
	{"streams/s/e/forward/n", "GET", 0, FEED_MEDIA, handle_read_forward, true},
	{"info", "GET", 0, NODE_MEDIA, handle_info, false},
	{"ping", "GET", 0, NODE_MEDIA, handle_ping, false},
	{"gossip", "GET", 0, NODE_MEDIA, handle_gossip, false},
	{"health/live", "GET", 0, 0, handle_health, false},
	{"health/live", "HEAD", 0, 0, handle_health, false},
	{"stats", "GET", 0, NODE_MEDIA, handle_stats, false},
	{"admin/scavenge", "POST", 0, 0, handle_scavenge, false},
	{"devstore/faults", "GET", 0, 0, handle_faults, false},
	{"devstore/faults", "POST", 0, 0, handle_faults, false},
	{"devstore/faults", "DELETE", 0, 0, handle_faults, false},
	{"devstore/overview", "GET", 0, 0, handle_overview, false},
	{"devstore/streams", "GET", 0, 0, handle_stream_names, false},
	{"web", "GET", 0, 0, handle_web, false},
	{"web/index.html", "GET", 0, 0, handle_web, false},
	{"", "GET", 0, 0, handle_root, false},
	{"projections/*", NULL, 0, 0, handle_projections, false},
	{"projection/*", NULL, 0, 0, handle_projections, false},
};

static bool fits_segment(struct span pattern, struct span segment, struct call *call)
{
	if (pattern.len != 1) {
		call->filtered |= span_is(pattern, "filtered");
		return span_equal(pattern, segment);
	}
	switch (*pattern.ptr) {
	case 'a':
		call->is_all = span_is(segment, "$all") || same_word(segment, "%24all");
		return call->is_all;
	case 's':
		strbuf_reset(&call->stream);
		/* "." and ".." are steps of a path, which no path of ours has. */
		return segment.len && !span_is(segment, ".") && !span_is(segment, "..") &&
		       uri_decode(segment, &call->stream);
	case 'e':
		call->event = segment;
		return segment.len > 0;
	case 'n':
		call->count = segment;
		return segment.len > 0;
	default:
		return span_equal(pattern, segment);
	}
}

static bool fits_path(const char *path, struct call *call)
{
	struct span rest = span_of(path);
	size_t i;

	call->event = call->count = SPAN_NULL;
	call->is_all = call->filtered = false;
	strbuf_reset(&call->stream);
	for (i = 0; rest.ptr; i++) {
		const char *slash = memchr(rest.ptr, '/', rest.len);
		size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;

		if (*rest.ptr == '*')
			return true;
		if (i >= call->uri.count || i >= URI_MAX_SEGMENTS ||
			!fits_segment((struct span){rest.ptr, len}, call->uri.segments[i], call))
			return false;
		rest = slash ? (struct span){slash + 1, rest.len - len - 1} : SPAN_NULL;
	}
	return i == call->uri.count;
}

/* NULL: the path is unknown, or known with other methods only (*known). */
static const struct route *find_route(struct call *call, bool *known)
{
	size_t i;

	*known = false;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (call->api->options.no_atom && routes[i].is_stream)
			continue;
		if (!fits_path(routes[i].path, call))
			continue;
		*known = true;
		if (!routes[i].method || span_is(call->exchange->request.method, routes[i].method))
			return &routes[i];
	}
	return NULL;
}

static bool choose_media(struct call *call, const struct route *route)
{
	struct strbuf format = {0};

	if (route->bodies) {
		call->body_media =
			media_of_body(http_header(call->exchange, "Content-Type"), route->bodies);
		if (call->body_media == MEDIA_NONE) {
			http_answer(call->exchange, 415, "Invalid or missing Content-Type");
			return false;
		}
	}
	if (!route->answers)
		return true;
	uri_query(&call->uri, "format", &format);
	call->media = media_of_answer(
		http_header(call->exchange, "Accept"), strbuf_span(&format), route->answers);
	strbuf_clear(&format);
	if (call->media == MEDIA_NONE)
		http_answer(
			call->exchange, 406, "Requested URI is not available in requested format");
	return call->media != MEDIA_NONE;
}

/* The address under which the client reached us, through whatever stands between. */
static void find_base(struct call *call)
{
	struct span proto = http_header(call->exchange, "X-Forwarded-Proto");
	struct span host = http_header(call->exchange, "X-Forwarded-Host");
	struct span port = http_header(call->exchange, "X-Forwarded-Port");
	struct span prefix = http_header(call->exchange, "X-Forwarded-Prefix");

	strbuf_reset(&call->base);
	if (proto.len)
		strbuf_add_span(&call->base, proto);
	else
		strbuf_add_text(&call->base, http_is_encrypted(call->exchange) ? "https" : "http");
	strbuf_add_text(&call->base, "://");
	if (!host.len)
		host = http_header(call->exchange, "Host");
	if (host.len)
		strbuf_add_span(&call->base, host);
	else
		strbuf_printf(&call->base, "127.0.0.1:%d", http_server_port(call->api->server));
	if (port.len && !memchr(host.ptr, ':', host.len)) {
		strbuf_add_char(&call->base, ':');
		strbuf_add_span(&call->base, port);
	}
	if (prefix.len) {
		strbuf_add_char(&call->base, '/');
		while (prefix.len && *prefix.ptr == '/')
			prefix.ptr++, prefix.len--;
		strbuf_add_span(&call->base, prefix);
	}
}

static void answer_moved(struct call *call)
{
	struct strbuf location = {0};

	find_base(call);
	http_answer(call->exchange, 307, "Temporary Redirect");
	strbuf_add_span(&location, strbuf_span(&call->base));
	strbuf_add(&location, call->uri.path.ptr, call->uri.path.len - 1);
	http_add_header(call->exchange, "Location", strbuf_span(&location));
	http_add_header(call->exchange, "Cache-Control", span_of("max-age=31536000, public"));
	strbuf_add_text(&call->exchange->body, "Moved Permanently");
	strbuf_clear(&location);
}

static void answer_wrong_login(struct call *call)
{
	http_answer(call->exchange, 401, "Unauthorized");
	http_add_header(call->exchange, "WWW-Authenticate", span_of("X-Basic realm=\"ESDB\""));
}

/* Everything but the routes' own work. False: answered. */
static bool prepare(struct call *call, const struct route *route, bool known)
{
	bool live = call->uri.count == 2 && span_is(call->uri.segments[0], "health");

	if (!live &&
		users_log_in(call->api->options.users, http_header(call->exchange, "Authorization"),
			&call->caller) == LOGIN_WRONG)
		answer_wrong_login(call);
	else if (known && span_is(call->exchange->request.method, "OPTIONS"))
		http_answer(call->exchange, 200, "OK");
	else if (!route)
		http_answer(call->exchange, known ? 405 : 404,
			known ? "Method Not Allowed" : "Not Found");
	else if (call->uri.trailing_slash && route->is_stream)
		answer_moved(call);
	else if (choose_media(call, route))
		return true;
	return false;
}

static void call_clear(struct call *call)
{
	strbuf_clear(&call->stream);
	strbuf_clear(&call->base);
}

static bool has_nul(const struct call *call)
{
	size_t i;
	struct strbuf text = {0};
	bool found = false;

	for (i = 0; i < call->uri.count && i < URI_MAX_SEGMENTS; i++)
		found |= !uri_decode(call->uri.segments[i], &text);
	strbuf_clear(&text);
	return found;
}

/* plan: NULL for a new request; a long poll that ends keeps what was drawn for it. */
void api_run(struct api *api, struct http_exchange *exchange, const struct fault_plan *plan)
{
	struct call call = {.api = api, .exchange = exchange, .polled = plan != NULL};
	const struct route *route;
	bool known;

	if (!uri_split(exchange->request.target, &call.uri) || has_nul(&call)) {
		http_answer(exchange, 400, "Bad Request");
		http_send(exchange);
		return;
	}
	route = find_route(&call, &known);
	if (plan) {
		call.plan = *plan;
	} else if (route && route->is_stream && api_meet_fault(&call)) {
		call_clear(&call);
		return;
	}
	if (prepare(&call, route, known)) {
		find_base(&call);
		route->handle(&call);
	}
	if (!call.parked)
		api_conclude(&call);
	call_clear(&call);
}

void api_handle(struct http_exchange *exchange, void *user)
{
	struct api *api = user;

	api->requests++;
	api_run(api, exchange, NULL);
}

struct api *api_new(const struct api_options *options)
{
	struct api *api = xcalloc(1, sizeof(*api));

	api->options = *options;
	api->started_ms = wall_ms();
	TAILQ_INIT(&api->held);
	TAILQ_INIT(&api->committed);
	TAILQ_INIT(&api->polling);
	TAILQ_INIT(&api->aside);
	return api;
}

void api_set_server(struct api *api, struct http_server *server)
{
	api->server = server;
}
