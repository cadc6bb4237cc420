/* The schema registry over its REST interface: Confluent's, and Apicurio's under
 * /apis/ccompat/v7. One schema is asked for at a time, and nothing blocks. */
#ifndef ROWSTREAM_REGISTRY_H
#define ROWSTREAM_REGISTRY_H

#include "avro_twin.h"
#include "error.h"

struct registry;

struct registry_options {
	const char *url, *username, *password, *ca_file; /* never NULL; "" where not given */
};

struct registry_answer {
	uint32_t id;
	struct twin_schema *schema; /* the caller's; NULL: why says why there will never be one */
	struct error why;
};

/* NULL and error (ERROR_INPUT) for an option that cannot be right. Nothing is connected yet. */
struct registry *registry_new(const struct registry_options *options, struct error *error);
void registry_free(struct registry *registry);
const char *registry_address(const struct registry *registry); /* without credentials */

/* For `check`, blocks: false and error (ERROR_RETRY) if it is no registry that lets us in. */
bool registry_check(struct registry *registry, struct error *error);

/* Asks for it, unless something is being asked for or, after a failure, it is not time yet. */
void registry_ask(struct registry *registry, uint32_t id, int64_t now_ms);
/* Moves the network on; true: an answer came. */
bool registry_next(struct registry *registry, int64_t now_ms, struct registry_answer *answer);

/* What to sleep on: -1 when nothing is being asked for; and the time at which registry_next or
 * registry_ask have something to do, -1: none. */
int registry_fd(const struct registry *registry);
int64_t registry_due_ms(const struct registry *registry);

/* Not NULL: the registry does not answer as one, and why; since registry_away_ms. */
const char *registry_trouble(const struct registry *registry);
int64_t registry_away_ms(const struct registry *registry);

#endif
