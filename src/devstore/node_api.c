/* What the server says of itself, and its faults' control. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"

/* Clients decide by it what they may send. */
#define ES_VERSION "23.10.6.0"

void handle_info(struct call *call)
{
	const struct api_options *options = &call->api->options;
	struct strbuf text = {0};

	strbuf_printf(&text,
		"{\n"
		"  \"esVersion\": \"" ES_VERSION "\",\n"
		"  \"state\": \"leader\",\n"
		"  \"features\": {\n"
		"    \"projections\": false,\n"
		"    \"userManagement\": false,\n"
		"    \"atomPub\": %s\n"
		"  },\n"
		"  \"authentication\": {\n"
		"    \"type\": \"%s\",\n"
		"    \"properties\": %s\n"
		"  },\n"
		"  \"rowstreamDevstore\": \"%s\"\n"
		"}",
		options->no_atom ? "false" : "true", options->users ? "internal" : "insecure",
		options->users ? "{}" : "null", options->version);
	answer_json(call, 200, "OK", strbuf_span(&text));
	strbuf_clear(&text);
}

void handle_ping(struct call *call)
{
	answer_json(call, 200, "OK",
		span_of("{\n"
			"  \"text\": \"Ping request successfully handled\",\n"
			"  \"msgTypeId\": 123,\n"
			"  \"label\": \"Http\"\n"
			"}"));
}

void handle_gossip(struct call *call)
{
	struct strbuf text = {0}, time = {0};
	int port = http_server_port(call->api->server);
	int64_t position = store_last_position(call->api->options.store);

	feed_add_time(&time, wall_ms() * 10000);
	strbuf_printf(&text,
		"{\n"
		"  \"members\": [\n"
		"    {\n"
		"      \"instanceId\": \"2f6b1c1e-5d5b-4d0c-9a3e-726f77737472\",\n"
		"      \"timeStamp\": \"%s\",\n"
		"      \"state\": \"Leader\",\n"
		"      \"isAlive\": true,\n"
		"      \"internalTcpIp\": \"127.0.0.1\",\n"
		"      \"internalTcpPort\": 0,\n"
		"      \"internalSecureTcpPort\": 0,\n"
		"      \"externalTcpIp\": \"127.0.0.1\",\n"
		"      \"externalTcpPort\": 0,\n"
		"      \"externalSecureTcpPort\": 0,\n"
		"      \"httpEndPointIp\": \"127.0.0.1\",\n"
		"      \"httpEndPointPort\": %d,\n"
		"      \"lastCommitPosition\": %" PRId64 ",\n"
		"      \"writerCheckpoint\": %" PRId64 ",\n"
		"      \"chaserCheckpoint\": %" PRId64 ",\n"
		"      \"epochPosition\": 0,\n"
		"      \"epochNumber\": 0,\n"
		"      \"epochId\": \"5a0f1a52-0c35-4b8f-8f5e-726f77737472\",\n"
		"      \"nodePriority\": 0,\n"
		"      \"isReadOnlyReplica\": false,\n"
		"      \"esVersion\": \"" ES_VERSION "\"\n"
		"    }\n"
		"  ],\n"
		"  \"serverIp\": \"127.0.0.1\",\n"
		"  \"serverPort\": %d\n"
		"}",
		time.data, port, position, position, position, port);
	answer_json(call, 200, "OK", strbuf_span(&text));
	answer_caching(call, false, 0, NULL);
	strbuf_clear(&text);
	strbuf_clear(&time);
}

void handle_health(struct call *call)
{
	http_answer(call->exchange, 204, "No Content");
}

void handle_stats(struct call *call)
{
	struct api *api = call->api;
	struct store_figures figures;
	struct strbuf text = {0};

	if (!call->caller.unchecked && !call->caller.name) {
		answer_denied(call);
		return;
	}
	store_figures(api->options.store, &figures);
	strbuf_printf(&text,
		"{\n"
		"  \"proc\": {\n"
		"    \"startTime\": %" PRId64 ",\n"
		"    \"connections\": %zu,\n"
		"    \"requests\": %" PRIu64 ",\n"
		"    \"appends\": %" PRIu64 ",\n"
		"    \"reads\": %" PRIu64 "\n"
		"  },\n"
		"  \"es\": {\n"
		"    \"events\": %" PRId64 ",\n"
		"    \"streams\": %" PRId64 ",\n"
		"    \"fileBytes\": %" PRId64 ",\n"
		"    \"cachedStreams\": %zu,\n"
		"    \"cachedIds\": %zu\n"
		"  }\n"
		"}",
		api->started_ms, http_server_connections(api->server), api->requests, api->appends,
		api->reads, figures.events, figures.streams, figures.file_bytes,
		figures.cached_streams, figures.cached_ids);
	answer_json(call, 200, "OK", strbuf_span(&text));
	http_add_header(call->exchange, "Cache-Control", span_of("max-age=1, public"));
	http_add_header(call->exchange, "Vary", span_of("Accept"));
	strbuf_clear(&text);
}

void handle_scavenge(struct call *call)
{
	if (!call->caller.unchecked && !call->caller.is_admin && !call->caller.is_ops) {
		answer_denied(call);
		return;
	}
	answer_json(call, 200, "OK",
		span_of("{\n  \"scavengeId\": \"00000000-0000-4000-8000-000000000000\"\n}"));
}

void handle_projections(struct call *call)
{
	http_answer(call->exchange, 501, "Not Implemented");
	http_add_header(call->exchange, "Content-Type", span_of(media_content_type(MEDIA_TEXT)));
	strbuf_add_text(&call->exchange->body,
		"rowstream-devstore runs no projections; only the links of the system projections "
		"($ce-, $et-, $bc-, $streams, $category-) are there. Use a real EventStoreDB.\n");
}

/* --- Faults --- */

static const char *add_lines(struct fault_set *set, struct span lines, struct error *error)
{
	const char *at = lines.ptr, *end = at + lines.len;

	while (at < end && !error->kind) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		char *spec = xstrndup(at, (size_t)(stop - at));

		spec[strcspn(spec, "\r")] = '\0';
		if (*spec)
			fault_set_add(set, spec, error);
		free(spec);
		at = stop + 1;
	}
	return error->kind ? error->text : NULL;
}

/* A web page of somebody else can make a browser send a form, but not such a type. */
static bool is_meant(struct call *call)
{
	return span_is(http_header(call->exchange, "Content-Type"), "application/x-faults");
}

void handle_faults(struct call *call)
{
	struct fault_set *set = call->api->options.faults;
	struct span method = call->exchange->request.method;
	struct error error = {0};
	struct strbuf text = {0};

	if (!call->caller.unchecked && !call->caller.is_admin && !call->caller.is_ops) {
		answer_denied(call);
		return;
	}
	if (span_is(method, "POST") && !is_meant(call)) {
		answer_bad_request(call, "POST one fault a line as application/x-faults; it is "
					 "added to those that are set. DELETE removes all.\n");
		return;
	}
	if (span_is(method, "DELETE"))
		fault_set_clear(set);
	if (span_is(method, "POST") && add_lines(set, call->exchange->request.body, &error)) {
		answer_bad_request(call, error.text);
		return;
	}
	fault_set_print(set, &text);
	answer_json(call, 200, "OK", strbuf_span(&text));
	strbuf_clear(&text);
}
