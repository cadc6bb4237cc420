/* A tiny HTTP server on a thread of its own that answers by a script, for tests of clients. */
#ifndef ROWSTREAM_HTTP_STUB_H
#define ROWSTREAM_HTTP_STUB_H

#include <stddef.h>

enum stub_then {
	STUB_KEEP,  /* the connection stays open for the next request */
	STUB_CLOSE, /* and is closed */
	STUB_HANG,  /* and nothing more happens on it */
};

struct stub_answer {
	const char *text; /* sent as it stands; NULL: nothing */
	enum stub_then then;
	size_t padding; /* bytes 'x' sent behind text */
	int pause_us;	/* between any two bytes of text; 0: all at once */
};

struct stub;

/* The first request gets the first answer, and so on over all connections; all further ones get
 * the last. answers must outlive the stub. */
struct stub *stub_start(const struct stub_answer *answers, size_t count);
int stub_port(const struct stub *stub);
/* Closes everything. What it has seen can be looked at afterwards, until stub_free. */
void stub_stop(struct stub *stub);
void stub_free(struct stub *stub); /* stops it too */

size_t stub_connections(const struct stub *stub);
size_t stub_requests(const struct stub *stub);
/* Head and body as they came, NUL-terminated. */
const char *stub_request(const struct stub *stub, size_t index);

#endif
