/* Connection strings: scheme://[user:password@]host[:port][/][?key=value&...] */
#include "es_address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flags.h"
#include "strbuf.h"

#define DEFAULT_PORT 2113

static const char *const schemes[] = {"esdb", "kurrentdb", "kurrent", "kdb", NULL};

/* Keys of the official clients; those that concern gRPC, discovery or names are accepted and mean
 * nothing here. */
static const char *const known_keys[] = {"tls", "tlsVerifyCert", "tlsCaFile", "userCertFile",
	"userKeyFile", "nodePreference", "maxDiscoverAttempts", "discoveryInterval",
	"gossipTimeout", "keepAliveInterval", "keepAliveTimeout", "defaultDeadline",
	"throwOnAppendFailure", "connectionName", NULL};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *percent_decode(struct span text)
{
	struct strbuf out = {0};
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '%' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 &&
			hex(text.ptr[i + 2]) >= 0) {
			c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
			i += 2;
		}
		strbuf_add_char(&out, c);
	}
	return strbuf_steal(&out);
}

/* Cuts text at the first of c; what is before it, and text goes on behind it. */
static struct span cut(struct span *text, char c)
{
	const char *at = memchr(text->ptr, c, text->len);
	struct span before = *text;

	if (!at) {
		*text = (struct span){text->ptr + text->len, 0};
		return before;
	}
	before.len = (size_t)(at - text->ptr);
	*text = (struct span){at + 1, text->len - before.len - 1};
	return before;
}

static bool parse_scheme(const char *text, struct span *rest, struct error *error)
{
	const char *colon = strstr(text, "://");
	struct span scheme = {text, colon ? (size_t)(colon - text) : 0};
	size_t i;

	for (i = 0; colon && schemes[i]; i++) {
		size_t len = strlen(schemes[i]);

		if (scheme.len < len || strncasecmp(scheme.ptr, schemes[i], len) != 0)
			continue;
		*rest = span_of(colon + 3);
		if (scheme.len == len)
			return true;
		if (scheme.len == len + 9 && strncasecmp(scheme.ptr + len, "+discover", 9) == 0) {
			error_set(error, ERROR_INPUT,
				"%.*s://: cluster discovery is not built yet; name one node with "
				"%s://",
				SPAN_ARG(scheme), schemes[i]);
			return false;
		}
	}
	error_set(error, ERROR_INPUT,
		"a connection string begins with esdb:// or kurrentdb://, as in "
		"esdb://user:password@localhost:2113?tls=false");
	return false;
}

static bool parse_host(struct es_address *address, struct span text, struct error *error)
{
	const char *colon = memrchr(text.ptr, ':', text.len);
	int64_t port = DEFAULT_PORT;

	if (memchr(text.ptr, ',', text.len)) {
		error_set(error, ERROR_INPUT,
			"several hosts: cluster discovery is not built yet; name one node");
		return false;
	}
	if (colon && memchr(colon, ']', (size_t)(text.ptr + text.len - colon)))
		colon = NULL; /* the colon of an IPv6 address */
	if (colon) {
		struct span digits = {colon + 1, (size_t)(text.ptr + text.len - colon - 1)};

		if (!span_to_int64(digits, &port) || port < 1 || port > 65535) {
			error_set(error, ERROR_INPUT, "port '%.*s' is no number from 1 to 65535",
				SPAN_ARG(digits));
			return false;
		}
		text.len = (size_t)(colon - text.ptr);
	}
	if (text.len == 0) {
		error_set(error, ERROR_INPUT, "the connection string names no host");
		return false;
	}
	address->host = xstrndup(text.ptr, text.len);
	address->port = (int)port;
	return true;
}

static bool parse_flag(struct span key, const char *value, bool *flag, struct error *error)
{
	if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0) {
		error_set(error, ERROR_INPUT, "%.*s=%s: true or false", SPAN_ARG(key), value);
		return false;
	}
	*flag = strcasecmp(value, "true") == 0;
	return true;
}

static bool is_key(struct span key, const char *name)
{
	return key.len == strlen(name) && strncasecmp(key.ptr, name, key.len) == 0;
}

static bool unknown_key(struct span key, struct error *error)
{
	char *text = xstrndup(key.ptr, key.len);
	const char *nearest = nearest_name(text, known_keys);

	error_set(error, ERROR_INPUT, "'%s' is no key of a connection string%s%s%s", text,
		nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	free(text);
	return false;
}

static bool parse_key(
	struct es_address *address, struct span key, const char *value, struct error *error)
{
	size_t i;

	if (is_key(key, "tls"))
		return parse_flag(key, value, &address->tls, error);
	if (is_key(key, "tlsVerifyCert"))
		return parse_flag(key, value, &address->verify, error);
	if (is_key(key, "tlsCaFile")) {
		free(address->ca_file);
		address->ca_file = xstrdup(value);
		return true;
	}
	if (is_key(key, "userCertFile") || is_key(key, "userKeyFile")) {
		error_set(error, ERROR_INPUT,
			"%.*s: certificates of users are not supported; use a name and a password",
			SPAN_ARG(key));
		return false;
	}
	for (i = 0; known_keys[i]; i++)
		if (is_key(key, known_keys[i]))
			return true;
	return unknown_key(key, error);
}

static bool parse_query(struct es_address *address, struct span query, struct error *error)
{
	while (query.len > 0) {
		struct span pair = cut(&query, '&');
		struct span key = cut(&pair, '=');
		char *value = percent_decode(pair);
		bool good = parse_key(address, key, value, error);

		free(value);
		if (!good)
			return false;
	}
	return true;
}

static void parse_user(struct es_address *address, struct span user)
{
	bool has_password = memchr(user.ptr, ':', user.len) != NULL;

	address->username = percent_decode(cut(&user, ':'));
	address->password = has_password ? percent_decode(user) : NULL;
}

bool es_address_parse(struct es_address *address, const char *text, struct error *error)
{
	struct span rest, authority;
	const char *at;

	*address = (struct es_address){.tls = true, .verify = true};
	if (!parse_scheme(text, &rest, error))
		return false;
	authority = cut(&rest, '?');
	if (authority.len > 0 && authority.ptr[authority.len - 1] == '/')
		authority.len--;
	at = memrchr(authority.ptr, '@', authority.len);
	if (at) {
		parse_user(address, (struct span){authority.ptr, (size_t)(at - authority.ptr)});
		authority.len -= (size_t)(at + 1 - authority.ptr);
		authority.ptr = at + 1;
	}
	if (memchr(authority.ptr, '/', authority.len)) {
		error_set(error, ERROR_INPUT, "a connection string has no path");
		return false;
	}
	return parse_host(address, authority, error) && parse_query(address, rest, error);
}

void es_address_clear(struct es_address *address)
{
	free(address->host);
	free(address->username);
	free(address->password);
	free(address->ca_file);
	*address = (struct es_address){0};
}
