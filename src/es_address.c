/* Connection strings: scheme://[user:password@]host[:port][/][?key=value&...] */
#include "es_address.h"

#include <ctype.h>
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

/* A '%' that begins no escape stands for itself. NULL: the text would hold a NUL. */
static char *percent_decode(struct span text)
{
	struct strbuf out = {0};
	size_t i;

	strbuf_reserve(&out, text.len);
	for (i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '%' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 &&
			hex(text.ptr[i + 2]) >= 0) {
			c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
			i += 2;
		}
		if (!c) {
			strbuf_clear(&out);
			return NULL;
		}
		strbuf_add_char(&out, c);
	}
	strbuf_add(&out, "", 0);
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
				"%.*s://: cluster discovery comes later; name one node with %s://",
				SPAN_ARG(scheme), schemes[i]);
			return false;
		}
	}
	error_set(error, ERROR_INPUT,
		"a connection string begins with esdb:// or kurrentdb://, as in "
		"esdb://user:password@localhost:2113?tls=false");
	return false;
}

/* A part of a user name or a password may stand anywhere, when its '?', '/', '@' or ':' is not
 * encoded, or no host follows. So what is wrong is described and never quoted. */
#define ENCODE_HINT \
	" (in a user name or password write %3F for '?', %2F for '/', %40 for '@', %3A for ':')"

static bool parse_port(struct span digits, int *port, struct error *error)
{
	int64_t number;

	if (!span_to_int64(digits, &number) || number < 1 || number > 65535) {
		error_set(error, ERROR_INPUT, "%s",
			"the port is no number from 1 to 65535" ENCODE_HINT);
		return false;
	}
	*port = (int)number;
	return true;
}

static bool is_host(struct span host)
{
	bool address = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
	size_t i;

	if (address)
		host = (struct span){host.ptr + 1, host.len - 2};
	for (i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.ptr[i];

		if (address ? hex((char)c) < 0 && c != ':' && c != '.'
			    : !isalnum(c) && c != '-' && c != '.' && c != '_' && c < 0x80)
			return false;
	}
	return host.len > 0;
}

static bool parse_host(struct es_address *address, struct span text, struct error *error)
{
	const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;

	address->port = DEFAULT_PORT;
	if (text.len && memchr(text.ptr, ',', text.len)) {
		error_set(error, ERROR_INPUT,
			"several hosts: cluster discovery comes later; name one node");
		return false;
	}
	if (colon && memchr(colon, ']', (size_t)(text.ptr + text.len - colon)))
		colon = NULL; /* the colon of an IPv6 address */
	if (colon) {
		struct span digits = {colon + 1, (size_t)(text.ptr + text.len - colon - 1)};

		if (!parse_port(digits, &address->port, error))
			return false;
		text.len = (size_t)(colon - text.ptr);
	}
	if (!is_host(text)) {
		error_set(error, ERROR_INPUT, "%s",
			text.len ? "the host is neither a name nor an address; an IPv6 address "
				   "stands in brackets" ENCODE_HINT
				 : "the connection string names no host");
		return false;
	}
	address->host = xstrndup(text.ptr, text.len);
	return true;
}

static bool is_key(struct span key, const char *name)
{
	return key.len == strlen(name) && strncasecmp(key.ptr, name, key.len) == 0;
}

static bool parse_flag(const char *name, const char *value, bool *flag, struct error *error)
{
	if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0) {
		error_set(error, ERROR_INPUT, "%s is either true or false", name);
		return false;
	}
	*flag = strcasecmp(value, "true") == 0;
	return true;
}

/* Without regard to case, as keys are. */
static const char *nearest_key(struct span key)
{
	char *lower[sizeof(known_keys) / sizeof(known_keys[0])] = {NULL};
	char *text = xstrndup(key.ptr, key.len), *c;
	const char *near, *found = NULL;
	size_t i;

	for (c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (i = 0; known_keys[i]; i++) {
		lower[i] = xstrdup(known_keys[i]);
		for (c = lower[i]; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	}
	near = nearest_name(text, (const char *const *)lower);
	for (i = 0; known_keys[i]; i++) {
		if (near == lower[i])
			found = known_keys[i];
		free(lower[i]);
	}
	free(text);
	return found;
}

static bool unknown_key(struct span key, bool quote, struct error *error)
{
	const char *nearest;

	if (!quote) {
		error_set(error, ERROR_INPUT, "%s",
			"what stands behind '?' begins with no known key" ENCODE_HINT);
		return false;
	}
	nearest = nearest_key(key);
	error_set(error, ERROR_INPUT, "'%.*s' is no key of a connection string%s%s%s",
		SPAN_ARG(key), nearest ? "; did you mean '" : "", nearest ? nearest : "",
		nearest ? "'?" : "");
	return false;
}

static bool is_ignored_key(struct span key)
{
	size_t i;

	for (i = 0; known_keys[i]; i++)
		if (is_key(key, known_keys[i]))
			return true;
	return false;
}

static bool parse_key(
	struct es_address *address, struct span key, char *value, bool quote, struct error *error)
{
	if (is_key(key, "tls"))
		return parse_flag("tls", value, &address->tls, error);
	if (is_key(key, "tlsVerifyCert"))
		return parse_flag("tlsVerifyCert", value, &address->verify, error);
	if (is_key(key, "tlsCaFile")) {
		free(address->ca_file);
		address->ca_file = xstrdup(value);
		return true;
	}
	if (is_key(key, "userCertFile") || is_key(key, "userKeyFile")) {
		error_set(error, ERROR_INPUT,
			"userCertFile, userKeyFile: certificates of users are not supported; use a "
			"name and a password");
		return false;
	}
	return is_ignored_key(key) || unknown_key(key, quote, error);
}

static bool parse_query(struct es_address *address, struct span query, struct error *error)
{
	/* With an '@' behind the '?' this may be a password's second half. */
	bool quote = !query.len || !memchr(query.ptr, '@', query.len);

	while (query.len > 0) {
		struct span pair = cut(&query, '&'), key;
		char *value;
		bool good;

		if (pair.len == 0)
			continue;
		key = cut(&pair, '=');
		value = percent_decode(pair);
		good = value && parse_key(address, key, value, quote, error);
		if (!value)
			error_set(error, ERROR_INPUT, "%s", "%00 behind '?'");
		free(value);
		if (!good)
			return false;
	}
	return true;
}

static bool parse_user(struct es_address *address, struct span user, struct error *error)
{
	bool has_password = memchr(user.ptr, ':', user.len) != NULL;
	struct span name = cut(&user, ':');

	/* Basic authentication ends the name at its first colon. */
	address->username = percent_decode(name);
	address->password = has_password ? percent_decode(user) : NULL;
	if (!address->username || (has_password && !address->password) ||
		strchr(address->username, ':')) {
		error_set(error, ERROR_INPUT, "%s",
			"a user name holds neither %00 nor ':', a password no %00");
		return false;
	}
	return true;
}

bool es_address_parse(struct es_address *address, const char *text, struct error *error)
{
	struct span rest, authority, user = SPAN_NULL;
	const char *at;

	*address = (struct es_address){.tls = true, .verify = true};
	if (!parse_scheme(text, &rest, error))
		return false;
	authority = cut(&rest, '?');
	at = memrchr(authority.ptr, '@', authority.len);
	if (at) {
		user = (struct span){authority.ptr, (size_t)(at - authority.ptr)};
		authority.len -= user.len + 1;
		authority.ptr = at + 1;
	}
	if (authority.len > 0 && authority.ptr[authority.len - 1] == '/')
		authority.len--;
	if (memchr(authority.ptr, '/', authority.len)) {
		error_set(error, ERROR_INPUT, "%s",
			"a connection string has no path behind its host" ENCODE_HINT);
		return false;
	}
	if (user.ptr && !parse_user(address, user, error))
		return false;
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
