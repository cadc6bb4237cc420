/* GET /schemas/ids/N, again and again until the registry says what N is, or that it is nothing. */
#include "registry.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_client.h"

#define CONNECT_TIMEOUT_MS 5000
#define REQUEST_TIMEOUT_MS 10000
#define MAX_ANSWER_BYTES (8u << 20)
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
#define MEDIA "application/vnd.schemaregistry.v1+json"

struct registry {
	struct http_client *client;
	struct http_client_answer answer;
	uint32_t id; /* what is or was asked for last */
	char path[40];
	bool busy;
	unsigned failures; /* one after the other */
	int64_t due_ms;	   /* not before; -1: at once */
	int64_t away_ms;
	struct error trouble;
};

struct registry *registry_new(const struct registry_options *options, struct error *error)
{
	struct http_client_options http = {
		.option = "registry.url",
		.url = options->url,
		.username = options->username,
		.password = options->password,
		.ca_file = options->ca_file,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
		.max_answer_bytes = MAX_ANSWER_BYTES,
	};
	struct registry *registry;
	struct http_client *client;

	if (!twin_is_built_in()) {
		error_set(error, ERROR_INPUT,
			"registry.url is set, but this rowstream was built --without-avro");
		return NULL;
	}
	client = http_client_new(&http, error);
	if (!client)
		return NULL;
	registry = xcalloc(1, sizeof(*registry));
	registry->client = client;
	registry->due_ms = -1;
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	http_client_free(registry->client);
	strbuf_clear(&registry->answer.body);
	free(registry);
}

const char *registry_address(const struct registry *registry)
{
	return http_client_address(registry->client);
}

/* The registry's own words, where it has some. */
static void add_message(const struct registry *registry, struct error *error)
{
	struct span body = strbuf_span(&registry->answer.body);
	json_t *json = json_loadb(body.ptr ? body.ptr : "", body.len, 0, NULL);
	const char *message = json_string_value(json_object_get(json, "message"));
	struct error with = {0};

	if (message) {
		error_set(&with, error->kind, "%s (%.200s)", error->text, message);
		*error = with;
	}
	json_decref(json);
}

/* Anything but a schema and "there is none" may be different later, also what only a person can
 * put right: a wrong password stops nothing that was read. */
static void explain_status(const struct registry *registry, const char *path, struct error *error)
{
	int status = registry->answer.status;

	error_set(error, ERROR_RETRY, "GET %s%s: status %d%s", registry_address(registry), path,
		status,
		status == 401 || status == 403 ? ", look at registry.username and registry.password"
		: status == 200 || status == 404
			? ", but no schema registry's answer: look at registry.url and its path"
			: "");
	add_message(registry, error);
}

/* Which types of schemas it knows: the smallest question that every registry answers. */
bool registry_check(struct registry *registry, struct error *error)
{
	struct strbuf *body = &registry->answer.body;
	json_t *types;
	bool good;

	if (!http_client_call(registry->client, "GET", "/schemas/types", MEDIA, SPAN_NULL,
		    &registry->answer, error))
		return false;
	types = json_loadb(body->data ? body->data : "", body->len, 0, NULL);
	good = registry->answer.status == 200 && json_is_array(types);
	json_decref(types);
	if (!good)
		explain_status(registry, "/schemas/types", error);
	return good;
}

void registry_ask(struct registry *registry, uint32_t id, int64_t now_ms)
{
	if (registry->busy || now_ms < registry->due_ms)
		return;
	registry->id = id;
	registry->busy = true;
	registry->due_ms = -1;
	snprintf(registry->path, sizeof(registry->path), "/schemas/ids/%" PRIu32, id);
	http_client_begin(registry->client, registry->path, MEDIA, &registry->answer);
}

/* --- Answers --- */

static void failed(struct registry *registry, const struct error *why, int64_t now_ms)
{
	int64_t delay_ms = BACKOFF_FIRST_MS;
	unsigned i;

	if (registry->failures == 0)
		registry->away_ms = now_ms;
	for (i = 0; i < registry->failures && delay_ms < BACKOFF_MAX_MS; i++)
		delay_ms *= 2;
	registry->failures++;
	registry->due_ms = now_ms + (delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS);
	registry->trouble = *why;
}

static void explain_unknown(const struct registry *registry, struct error *error)
{
	error_set(error, ERROR_REFUSED,
		"the registry does not know it: GET %s%s was answered with 404; is registry.url "
		"right, with its path, and the registry the one that the connector writes to",
		registry_address(registry), registry->path);
	add_message(registry, error);
}

static bool take_answer(struct registry *registry, struct registry_answer *answer)
{
	bool is_answer = false;

	*answer = (struct registry_answer){.id = registry->id};
	if (registry->answer.status == 404) {
		explain_unknown(registry, &answer->why);
		return true;
	}
	if (registry->answer.status != 200)
		return false;
	answer->schema = twin_schema_of_answer(
		strbuf_span(&registry->answer.body), &is_answer, &answer->why);
	return is_answer;
}

bool registry_next(struct registry *registry, int64_t now_ms, struct registry_answer *answer)
{
	struct error why = {0};
	enum http_client_state state;

	if (!registry->busy)
		return false;
	state = http_client_step(registry->client, now_ms, &why);
	if (state == HTTP_CLIENT_BUSY)
		return false;
	registry->busy = false;
	if (state == HTTP_CLIENT_ANSWERED && take_answer(registry, answer)) {
		registry->failures = 0;
		error_clear(&registry->trouble);
		return true;
	}
	if (state == HTTP_CLIENT_ANSWERED)
		explain_status(registry, registry->path, &why);
	failed(registry, &why, now_ms);
	return false;
}

int registry_fd(const struct registry *registry)
{
	return registry->busy ? http_client_fd(registry->client) : -1;
}

int64_t registry_due_ms(const struct registry *registry)
{
	return registry->busy ? http_client_due_ms(registry->client) : registry->due_ms;
}

const char *registry_trouble(const struct registry *registry)
{
	return registry->trouble.kind == ERROR_NONE ? NULL : registry->trouble.text;
}

int64_t registry_away_ms(const struct registry *registry)
{
	return registry->away_ms;
}
