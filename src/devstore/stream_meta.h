/* What a stream's metadata says about reading and writing it. */
#ifndef DEVSTORE_STREAM_META_H
#define DEVSTORE_STREAM_META_H

#include "strbuf.h"
#include "util.h"

/* A name that may do something: a user, or a group such as $admins or $all. */
struct name_list {
	char **names;
	size_t count;
};

enum acl_right {
	ACL_READ,
	ACL_WRITE,
	ACL_DELETE,
	ACL_READ_META,
	ACL_WRITE_META,
	ACL_RIGHTS,
};

struct stream_meta {
	int64_t max_count, max_age_s, cache_control_s; /* 0: not limited */
	int64_t truncate_before;		       /* 0: not; INT64_MAX: soft-deleted */
	bool given[ACL_RIGHTS]; /* a right that is not given has the server's default */
	struct name_list acl[ACL_RIGHTS];
};

/* Fills *meta from a metadata event's data; what makes no sense is left out, as the server does. */
void stream_meta_parse(struct stream_meta *meta, struct span json);
void stream_meta_clear(struct stream_meta *meta);
/* Adds the metadata with its "$tb" set to number; false if json is no object. */
bool stream_meta_set_truncate_before(struct span json, int64_t number, struct strbuf *out);

#endif
