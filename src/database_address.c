/* Where a database is: from a URL, or from a connector's properties. */
#include <stdlib.h>
#include <string.h>

#include "database.h"

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded; NULL for an escape that is none, and for a NUL. */
static char *decode(struct span text)
{
	struct strbuf out = {0};
	size_t i;

	for (i = 0; i < text.len; i++) {
		int high, low;

		if (text.ptr[i] != '%') {
			strbuf_add_char(&out, text.ptr[i]);
			continue;
		}
		high = i + 2 < text.len ? hex_of(text.ptr[i + 1]) : -1;
		low = high >= 0 ? hex_of(text.ptr[i + 2]) : -1;
		if (low < 0 || high * 16 + low == 0) {
			strbuf_clear(&out);
			return NULL;
		}
		strbuf_add_char(&out, (char)(high * 16 + low));
		i += 2;
	}
	return out.data ? strbuf_steal(&out) : xstrdup("");
}

static const struct {
	const char *scheme;
	enum connector_kind kind;
} schemes[] = {
	{"postgresql://", CONNECTOR_POSTGRESQL},
	{"postgres://", CONNECTOR_POSTGRESQL},
	{"mysql://", CONNECTOR_MYSQL},
	{"mariadb://", CONNECTOR_MARIADB},
};

static bool take_scheme(struct database_address *address, const char **url)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i].scheme);

		if (strncmp(*url, schemes[i].scheme, len) != 0)
			continue;
		address->kind = schemes[i].kind;
		*url += len;
		return true;
	}
	return false;
}

/* "user:password@"; a password may hold '@' unescaped: the last one counts. */
static bool take_user(struct database_address *address, struct span *rest)
{
	const char *at = memrchr(rest->ptr, '@', rest->len), *colon;
	struct span user = {rest->ptr, at ? (size_t)(at - rest->ptr) : 0};

	if (!at)
		return true;
	colon = memchr(user.ptr, ':', user.len);
	if (colon) {
		address->password =
			decode((struct span){colon + 1, user.len - (size_t)(colon + 1 - user.ptr)});
		user.len = (size_t)(colon - user.ptr);
		if (!address->password)
			return false;
	}
	address->user = decode(user);
	rest->len -= (size_t)(at + 1 - rest->ptr);
	rest->ptr = at + 1;
	return address->user && *address->user;
}

static bool port_of(struct span text, int *port)
{
	int64_t number;

	if (!span_to_int64(text, &number) || number < 1 || number > 65535)
		return false;
	*port = (int)number;
	return true;
}

/* "host:port", an IPv6 address in brackets. */
static bool take_host(struct database_address *address, struct span text)
{
	const char *colon, *bracket;

	if (text.len && *text.ptr == '[') {
		bracket = memchr(text.ptr, ']', text.len);
		if (!bracket)
			return false;
		address->host = xstrndup(text.ptr + 1, (size_t)(bracket - text.ptr) - 1);
		text.len -= (size_t)(bracket + 1 - text.ptr);
		text.ptr = bracket + 1;
		if (text.len && *text.ptr != ':')
			return false;
	} else {
		colon = memchr(text.ptr, ':', text.len);
		address->host = decode(
			(struct span){text.ptr, colon ? (size_t)(colon - text.ptr) : text.len});
		text.len -= colon ? (size_t)(colon - text.ptr) : text.len;
		text.ptr = colon;
	}
	if (text.len && !port_of((struct span){text.ptr + 1, text.len - 1}, &address->port))
		return false;
	return address->host && *address->host;
}

static bool parse(struct database_address *address, const char *url)
{
	struct span authority;
	const char *slash;

	if (!take_scheme(address, &url))
		return false;
	/* A '/' may stand in a password too. */
	slash = strrchr(url, '@') ? strchr(strrchr(url, '@'), '/') : strchr(url, '/');
	authority = (struct span){url, slash ? (size_t)(slash - url) : strlen(url)};
	if (!take_user(address, &authority) || !take_host(address, authority))
		return false;
	if (!slash || !slash[1])
		return true;
	address->name = decode(span_of(slash + 1));
	return address->name && !strchr(slash + 1, '?') && !strchr(slash + 1, '/');
}

bool database_address_parse(struct database_address *address, const char *url, struct error *error)
{
	*address = (struct database_address){0};
	if (parse(address, url) && (address->kind != CONNECTOR_POSTGRESQL || address->name))
		return true;
	database_address_clear(address);
	error_set(error, ERROR_INPUT,
		"the database's address is none like postgresql://user:password@host:5432/database "
		"or mariadb://user:password@host:3306, with %%XX for what is special in user or "
		"password, and nothing behind it");
	return false;
}

static char *copy_of(const struct connector_properties *properties, const char *name)
{
	const char *value = connector_get(properties, name);

	return value ? xstrdup(value) : NULL;
}

bool database_address_of_connector(
	struct database_address *address, const struct connector_properties *properties)
{
	const char *class_name = connector_get(properties, "connector.class");
	const char *port = connector_get(properties, "database.port");

	*address =
		(struct database_address){.kind = connector_kind_of(class_name ? class_name : "")};
	if (address->kind == CONNECTOR_OTHER || !connector_get(properties, "database.hostname"))
		return false;
	address->host = copy_of(properties, "database.hostname");
	address->user = copy_of(properties, "database.user");
	address->password = copy_of(properties, "database.password");
	if (address->kind == CONNECTOR_POSTGRESQL)
		address->name = copy_of(properties, "database.dbname");
	if (port && !port_of(span_of(port), &address->port)) {
		database_address_clear(address);
		return false;
	}
	return true;
}

void database_address_clear(struct database_address *address)
{
	free(address->host);
	free(address->user);
	free(address->password);
	free(address->name);
	*address = (struct database_address){0};
}
