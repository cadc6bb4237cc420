/* An event's end, and the rule for its id. */
#include "event.h"

#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "strbuf.h"

/* 7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11 */
static const uuid_t namespace_of_records = {0x7f, 0x9b, 0x3c, 0x1e, 0x5b, 0x0a, 0x5d, 0x0c, 0x9c,
	0x58, 0x3c, 0x1f, 0x2a, 0x6f, 0x4d, 0x11};

void event_free(struct event *event)
{
	free(event);
}

void event_id_of_record(
	struct span generation, struct span topic, int32_t partition, int64_t offset, char id[37])
{
	struct strbuf name = {0};
	uuid_t uuid;

	strbuf_add_span(&name, generation);
	strbuf_add_char(&name, '/');
	strbuf_add_span(&name, topic);
	strbuf_add_char(&name, '/');
	strbuf_add_int(&name, partition);
	strbuf_add_char(&name, '/');
	strbuf_add_int(&name, offset);
	uuid_generate_sha1(uuid, namespace_of_records, name.data, name.len);
	uuid_unparse_lower(uuid, id);
	strbuf_clear(&name);
}
