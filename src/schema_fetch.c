/* Asks for schemas one after the other and sleeps in between. */
#include "schema_fetch.h"

#include <poll.h>

static bool fetch(struct registry *registry, struct twins *twins, uint32_t id, struct error *error)
{
	struct registry_answer answer;
	int64_t now_ms = clock_ms();

	registry_ask(registry, id, now_ms);
	while (!registry_next(registry, now_ms, &answer)) {
		struct pollfd fd = {.fd = registry_fd(registry), .events = POLLIN};
		int64_t due_ms = registry_due_ms(registry);

		if (registry_trouble(registry)) {
			error_set(error, ERROR_RETRY, "%s", registry_trouble(registry));
			return false;
		}
		if (due_ms < 0 || due_ms > now_ms)
			poll(&fd, 1, due_ms < 0 ? -1 : (int)(due_ms - now_ms));
		now_ms = clock_ms();
	}
	twins_put(twins, answer.id, answer.schema, &answer.why);
	return true;
}

bool schema_fetch(struct registry *registry, struct twins *twins, const struct record *record,
	struct error *error)
{
	struct twins_wanted wanted;

	while (twins_wanting(twins, record, &wanted))
		if (!fetch(registry, twins, wanted.ids[0], error))
			return false;
	return true;
}
