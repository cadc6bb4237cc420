/* Basic authentication against a handful of users. */
#include "auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <nettle/base64.h>
#include <nettle/memops.h>

#include "store.h"

struct user {
	char *name, *password;
};

struct users {
	struct user *list;
	size_t count;
};

static struct user *find(const struct users *users, const char *name)
{
	size_t i;

	for (i = 0; i < users->count; i++)
		if (!strcmp(users->list[i].name, name))
			return &users->list[i];
	return NULL;
}

static void put(struct users *users, struct span name, const char *password)
{
	char *copy = xstrndup(name.ptr, name.len);
	struct user *user = find(users, copy);

	if (user) {
		free(copy);
		free(user->password);
	} else {
		users->list = xreallocarray(users->list, users->count + 1, sizeof(*users->list));
		user = &users->list[users->count++];
		user->name = copy;
	}
	user->password = xstrdup(password);
}

struct users *users_new(void)
{
	struct users *users = xcalloc(1, sizeof(*users));

	put(users, span_of("admin"), "changeit");
	put(users, span_of("ops"), "changeit");
	return users;
}

void users_free(struct users *users)
{
	size_t i;

	if (!users)
		return;
	for (i = 0; i < users->count; i++) {
		free(users->list[i].name);
		free(users->list[i].password);
	}
	free(users->list);
	free(users);
}

bool users_add(struct users *users, const char *name_and_password, struct error *error)
{
	const char *colon = strchr(name_and_password, ':');

	if (!colon || colon == name_and_password) {
		error_set(error, ERROR_INPUT, "--user wants NAME:PASSWORD");
		return false;
	}
	put(users, (struct span){name_and_password, (size_t)(colon - name_and_password)},
		colon + 1);
	return true;
}

static bool decode(struct span text, char *out, size_t size)
{
	struct base64_decode_ctx context;
	size_t len = size - 1;

	if (BASE64_DECODE_LENGTH(text.len) >= size)
		return false;
	base64_decode_init(&context);
	if (!base64_decode_update(&context, &len, (uint8_t *)out, text.len, text.ptr) ||
		!base64_decode_final(&context))
		return false;
	out[len] = '\0';
	return !memchr(out, 0, len);
}

static bool same_password(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && memeql_sec(a, b, len);
}

enum login users_log_in(const struct users *users, struct span authorization, struct caller *caller)
{
	const struct user *user;
	char pair[1024], *colon;

	*caller = (struct caller){.unchecked = !users};
	if (!users)
		return LOGIN_OK;
	if (!authorization.len)
		return LOGIN_NONE;
	if (authorization.len < 6 || strncasecmp(authorization.ptr, "Basic ", 6) ||
		!decode((struct span){authorization.ptr + 6, authorization.len - 6}, pair,
			sizeof(pair)))
		return LOGIN_WRONG;
	colon = strchr(pair, ':');
	if (!colon)
		return LOGIN_WRONG;
	*colon = '\0';
	user = find(users, pair);
	if (!user || !same_password(user->password, colon + 1))
		return LOGIN_WRONG;
	caller->name = user->name;
	caller->is_admin = !strcmp(user->name, "admin");
	caller->is_ops = !strcmp(user->name, "ops");
	return LOGIN_OK;
}

static bool listed(const struct caller *caller, const struct name_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		const char *name = list->names[i];

		if (!strcmp(name, "$all") || !strcmp(name, caller->name) ||
			(!strcmp(name, "$ops") && caller->is_ops))
			return true;
	}
	return false;
}

bool caller_may(const struct caller *caller, enum acl_right right, struct span stream,
	const struct stream_meta *meta, bool exists)
{
	if (caller->unchecked)
		return true;
	if (!caller->name)
		return false;
	if (caller->is_admin)
		return true;
	if (meta->given[right])
		return listed(caller, &meta->acl[right]);
	if (right == ACL_READ && exists && store_is_computed(stream))
		return true;
	return !stream.len || stream.ptr[0] != '$';
}
