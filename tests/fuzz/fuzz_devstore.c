/* The development store's whole way from bytes of a client to its answer: HTTP, targets, bodies,
 * the store in memory, feeds; and its printer of JSON against the strict reader. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json_span.h"

#include "../../src/devstore/api.h"
#include "../../src/devstore/http_private.h"
#include "../../src/devstore/reprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct timers timers;
	struct store *store;
	struct fault_set *faults;
	struct api *api;
	struct http_server *server;
};

static void expect(bool good)
{
	if (!good)
		abort();
}

static void world_open(struct world *world)
{
	struct store_options in_memory = {.file = NULL};
	struct error error = {0};
	struct api_options options = {.version = "fuzz", .timers = &world->timers};
	struct http_options http = {.listen = "127.0.0.1", .handle = api_handle};

	*world = (struct world){.faults = fault_set_new()};
	world->store = store_open(&in_memory, &error);
	expect(world->store != NULL);
	options.store = world->store;
	options.faults = world->faults;
	world->api = api_new(&options);
	http.user = world->api;
	world->server = http_server_new(&http, &world->timers, &error);
	expect(world->server != NULL);
	api_set_server(world->api, world->server);
}

static void world_close(struct world *world)
{
	http_server_free(world->server);
	api_free(world->api);
	store_close(world->store);
	fault_set_free(world->faults);
	timers_clear(&world->timers);
}

/* Reads what has come; false when the store has hung up. */
static bool drain(int fd)
{
	char bytes[65536];
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		;
	return got != 0;
}

static void talk(struct world *world, const uint8_t *data, size_t size)
{
	int ends[2], turns;

	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	connection_open(world->server, ends[0]);
	/* What does not fit into the socket now is not sent: inputs are small. */
	if (send(ends[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		size = 0;
	for (turns = 0; turns < 4 && drain(ends[1]); turns++) {
		http_server_turn(world->server, 0);
		api_end_turn(world->api);
	}
	close(ends[1]);
	http_server_turn(world->server, 0);
	api_end_turn(world->api);
}

/* The store takes all strict JSON but too long integers, and never stores more bytes than the
 * bridge reckons with. */
static void print_json(struct span text)
{
	struct strbuf out = {0}, again = {0};
	struct js_doc doc = {0};
	struct error error = {0};
	bool printed = reprint_text(text, 0, &out);

	/* "undefined" is printed as it came. */
	if (printed && !memmem(out.data, out.len, "undefined", 9)) {
		expect(reprint_text(strbuf_span(&out), 0, &again));
		expect(span_equal(strbuf_span(&out), strbuf_span(&again)));
	}
	if (js_parse(&doc, text, 62, &error)) {
		expect(printed || text.len > 380);
		expect(!printed || out.len <= js_stored_bytes(&doc, 0));
	}
	js_doc_clear(&doc);
	strbuf_clear(&out);
	strbuf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	static int uses;

	if (size > 100000)
		return 0;
	print_json((struct span){(const char *)data, size});
	print_json((struct span){(const char *)data, size});
	if (!uses)
		world_open(&world);
	fault_set_clear(world.faults);
	talk(&world, data, size);
	/* A new world now and then keeps memory small; for each input it would cost most of the
	 * time. */
	if (++uses == 200) {
		world_close(&world);
		uses = 0;
	}
	return 0;
}
