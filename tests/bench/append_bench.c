/* How many appends a second the EventStoreDB edge makes: COUNT bodies of BYTES, EVENTS a request,
 * each to a stream of its own. Beside it stand wrk's figure for the same server and the CPU time
 * that one append costs, which other work on the machine disturbs less.
 *   append_bench URL CONNECTIONS [COUNT [BYTES [EVENTS]]] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "eventstore.h"
#include "strbuf.h"

static int64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static char *make_body(size_t bytes)
{
	struct strbuf body = {0};

	strbuf_add_text(&body,
		"{\"eventId\":\"00000000-0000-4000-8000-000000000001\",\"eventType\":\"c\","
		"\"data\":{\"text\":\"");
	while (body.len + 30 < bytes)
		strbuf_add_char(&body, 'x');
	strbuf_add_text(&body, "\"},\"metadata\":{\"offset\":1}}");
	return strbuf_steal(&body);
}

static void append(struct eventstore *store, long number, const struct span *bodies, size_t events)
{
	char stream[64];

	snprintf(stream, sizeof(stream), "customers-%ld", number);
	eventstore_append(store, span_of(stream), -1, bodies, events, NULL);
}

static long run(struct eventstore *store, long count, const struct span *bodies, size_t events)
{
	struct eventstore_result result;
	long started = 0, ended = 0, bad = 0;

	while (ended < count) {
		while (started < count && eventstore_free_slots(store) > 0)
			append(store, started++, bodies, events);
		eventstore_wait(store, NULL, 0, 1000);
		while (eventstore_finished(store, &result)) {
			ended++;
			if (result.append != APPEND_WRITTEN && bad++ == 0)
				fprintf(stderr, "%s\n", result.text);
		}
	}
	return bad;
}

static long argument(int argc, char **argv, int at, long otherwise)
{
	return argc > at ? strtol(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	struct eventstore_options options = {.url = argc > 1 ? argv[1] : NULL,
		.connections = (int)argument(argc, argv, 2, 16),
		.connect_timeout_ms = 5000,
		.request_timeout_ms = 30000};
	long count = argument(argc, argv, 3, 100000), bad;
	size_t events = (size_t)argument(argc, argv, 5, 1), i;
	struct span *bodies = xcalloc(events, sizeof(*bodies));
	char *body = make_body((size_t)argument(argc, argv, 4, 220));
	struct error error = {0};
	struct eventstore *store;
	int64_t from, took, cpu;

	if (argc < 2 || !(store = eventstore_new(&options, &error))) {
		fprintf(stderr, "%s\n",
			argc < 2 ? "append_bench URL [CONNECTIONS [COUNT [BYTES [EVENTS]]]]"
				 : error.text);
		return 2;
	}
	for (i = 0; i < events; i++)
		bodies[i] = span_of(body);
	run(store, options.connections, bodies, events); /* connect first */
	from = clock_us();
	cpu = cpu_us();
	bad = run(store, count, bodies, events);
	took = clock_us() - from;
	cpu = cpu_us() - cpu;
	printf("%d connections: %.0f appends/s, %.0f events/s, %.1f us CPU an append, not written: "
	       "%ld\n",
		options.connections, (double)count * 1e6 / (double)took,
		(double)count * (double)events * 1e6 / (double)took, (double)cpu / (double)count,
		bad);
	eventstore_free(store);
	free(bodies);
	free(body);
	return bad != 0;
}
