/* Users, and what a stream's access list lets them do. */
#ifndef DEVSTORE_AUTH_H
#define DEVSTORE_AUTH_H

#include "error.h"
#include "stream_meta.h"
#include "util.h"

struct users;

/* Who asks. */
struct caller {
	const char *name; /* NULL: anonymous */
	bool is_admin, is_ops;
	bool unchecked; /* no users at all: everything is allowed */
};

enum login { LOGIN_OK, LOGIN_NONE, LOGIN_WRONG };

/* admin and ops with their password "changeit", as a fresh server has them. */
struct users *users_new(void);
void users_free(struct users *users);
/* "NAME:PASSWORD"; replaces a user of that name. */
bool users_add(struct users *users, const char *name_and_password, struct error *error);
/* authorization: the header's value, or null. */
enum login users_log_in(
	const struct users *users, struct span authorization, struct caller *caller);

/* May the caller do that to the stream? Its metadata decides, else the defaults: user streams are
 * for everybody who logged in, system streams for admins, computed ones that exist for reading. */
bool caller_may(const struct caller *caller, enum acl_right right, struct span stream,
	const struct stream_meta *meta, bool exists);

#endif
