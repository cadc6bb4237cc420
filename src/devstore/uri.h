/* Request targets as EventStoreDB reads them: path steps, percent-encoding, queries. */
#ifndef DEVSTORE_URI_H
#define DEVSTORE_URI_H

#include "strbuf.h"
#include "util.h"

#define URI_MAX_SEGMENTS 8

/* The path of a request, split at its slashes; segments are as sent, still encoded. */
struct uri {
	struct span segments[URI_MAX_SEGMENTS];
	size_t count; /* URI_MAX_SEGMENTS + 1: more than any route has */
	bool trailing_slash;
	struct span path;  /* with "." and ".." resolved by nobody: such a path matches no route */
	struct span query; /* without '?' */
};

/* False if the target is no absolute path or holds a byte that no target may hold. */
bool uri_split(struct span target, struct uri *uri);
/* A segment's characters, decoded twice as the server does: "%252F" and "%2F" are the same, bytes
 * that are no UTF-8 stay "%XX". False for %00. */
bool uri_decode(struct span segment, struct strbuf *out);
/* Adds text with everything but RFC 3986's unreserved characters percent-encoded. */
void uri_escape(struct strbuf *out, struct span text);
/* The decoded value of a query's parameter, its name in any case; false if it is not there. */
bool uri_query(const struct uri *uri, const char *name, struct strbuf *out);

#endif
