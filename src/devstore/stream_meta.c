/* Reading of $maxCount, $maxAge, $tb, $cacheControl and $acl. */
#include "stream_meta.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(struct span json)
{
	return json_loadb(json.ptr ? json.ptr : "", json.len, 0, NULL);
}

/* Zero, negative numbers and other types switch a limit off. */
static int64_t positive(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? value : 0;
}

static void add_name(struct name_list *list, const json_t *name)
{
	if (!json_is_string(name))
		return;
	list->names = xreallocarray(list->names, list->count + 1, sizeof(*list->names));
	list->names[list->count++] = xstrdup(json_string_value(name));
}

static void read_right(struct stream_meta *meta, enum acl_right right, const json_t *value)
{
	const json_t *name;
	size_t i;

	if (!value || json_is_null(value))
		return;
	meta->given[right] = true;
	add_name(&meta->acl[right], value);
	json_array_foreach (value, i, name)
		add_name(&meta->acl[right], name);
}

void stream_meta_parse(struct stream_meta *meta, struct span json)
{
	static const char *const rights[ACL_RIGHTS] = {"$r", "$w", "$d", "$mr", "$mw"};
	json_t *object = parse(json), *acl;
	int i;

	*meta = (struct stream_meta){0};
	meta->max_count = positive(object, "$maxCount");
	meta->max_age_s = positive(object, "$maxAge");
	meta->cache_control_s = positive(object, "$cacheControl");
	meta->truncate_before = positive(object, "$tb");
	acl = json_object_get(object, "$acl");
	for (i = 0; i < ACL_RIGHTS; i++)
		read_right(meta, i, json_object_get(acl, rights[i]));
	json_decref(object);
}

void stream_meta_clear(struct stream_meta *meta)
{
	size_t i, j;

	for (i = 0; i < ACL_RIGHTS; i++) {
		for (j = 0; j < meta->acl[i].count; j++)
			free(meta->acl[i].names[j]);
		free(meta->acl[i].names);
	}
	*meta = (struct stream_meta){0};
}

bool stream_meta_set_truncate_before(struct span json, int64_t number, struct strbuf *out)
{
	json_t *object = parse(json);
	char *text;

	if (!json_is_object(object)) {
		json_decref(object);
		return false;
	}
	json_object_set_new(object, "$tb", json_integer(number));
	text = json_dumps(object, JSON_COMPACT);
	strbuf_add_text(out, text ? text : "{}");
	free(text);
	json_decref(object);
	return true;
}
